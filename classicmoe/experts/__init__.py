"""Expert families: p(y | x, expert). One file per family and one line per family in the registry."""

from classicmoe.experts.gaussian import GaussianExpert

EXPERTS = {expert.name: expert for expert in (GaussianExpert,)}

__all__ = ["EXPERTS", "GaussianExpert"]
