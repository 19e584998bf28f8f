"""Distributions of y given x for one expert each, as predictive mixtures take them."""
