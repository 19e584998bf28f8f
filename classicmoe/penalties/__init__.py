"""Penalties on coefficients: what is subtracted from the log-likelihood. One file per penalty and one line each here.

A penalty holds hyperparameters only; the engine sees its majoriser, and all of them are maximised by the same kernels.
"""

from classicmoe.penalties._constraint import Constraint, Side
from classicmoe.penalties._level import relevel
from classicmoe.penalties._limits import Limits
from classicmoe.penalties._penalty import Majoriser, Penalty, maximise, prox, violation
from classicmoe.penalties._resolve import check_constraints, resolve
from classicmoe.penalties.constraints import Bounds, Increasing, Linear, Ordered, Sign, Sum, need_cvxpy
from classicmoe.penalties.elastic_net import ElasticNet
from classicmoe.penalties.group import Group
from classicmoe.penalties.l1 import L1
from classicmoe.penalties.mcp import MCP
from classicmoe.penalties.scad import SCAD

PENALTIES: dict[str, type[Penalty]] = {penalty.name: penalty for penalty in (L1, ElasticNet, Group, MCP, SCAD)}

__all__ = [
    "L1",
    "MCP",
    "PENALTIES",
    "SCAD",
    "Bounds",
    "Constraint",
    "ElasticNet",
    "Group",
    "Increasing",
    "Limits",
    "Linear",
    "Majoriser",
    "Ordered",
    "Penalty",
    "Side",
    "Sign",
    "Sum",
    "check_constraints",
    "maximise",
    "need_cvxpy",
    "prox",
    "relevel",
    "resolve",
    "violation",
]
