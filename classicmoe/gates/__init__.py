"""Gating networks: p(expert | x). One file per gate and one line per gate in the registry."""

from classicmoe.gates.constant import ConstantGate
from classicmoe.gates.gaussian import GaussianGate
from classicmoe.gates.softmax import SoftmaxGate
from classicmoe.gates.tree import TreeGate

GATES = {gate.name: gate for gate in (SoftmaxGate, ConstantGate, GaussianGate, TreeGate)}

__all__ = ["GATES", "ConstantGate", "GaussianGate", "SoftmaxGate", "TreeGate"]
