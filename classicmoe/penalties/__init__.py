"""Penalties on coefficients: what is subtracted from the log-likelihood. One file per penalty and one line each here.

A penalty holds hyperparameters only; the engine sees its majoriser, and all of them are maximised by the same kernels.
"""

from classicmoe.penalties._penalty import Majoriser, Penalty, maximise, prox, violation
from classicmoe.penalties.l1 import L1

PENALTIES: dict[str, type[Penalty]] = {penalty.name: penalty for penalty in (L1,)}

__all__ = ["L1", "PENALTIES", "Majoriser", "Penalty", "maximise", "prox", "violation"]
