"""The distribution of y given x as an object: mean, variance, density, distribution function, quantiles, intervals."""

from classicmoe.distributions.components import Components, JointComponents
from classicmoe.distributions.gaussian import GaussianComponents, JointGaussianComponents
from classicmoe.predictive.categorical import CategoricalDistribution
from classicmoe.predictive.distribution import MixtureDistribution

__all__ = [
    "CategoricalDistribution",
    "Components",
    "GaussianComponents",
    "JointComponents",
    "JointGaussianComponents",
    "MixtureDistribution",
]
