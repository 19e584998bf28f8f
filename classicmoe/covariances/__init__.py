"""Structures of the covariance of a response given its mean: what is free, its density, its statistics, its update.

Parameters are NamedTuples of arrays, experts first. Every structure has the same methods: ``start log_density
statistics update precision_times score scores n_free pack unpack permute rescale dense variances spread at_floor``.
"""

from classicmoe.covariances.block import Block
from classicmoe.covariances.dense import Dense
from classicmoe.covariances.diagonal import Diagonal
from classicmoe.covariances.factor import Factor

__all__ = ["Block", "Dense", "Diagonal", "Factor"]
