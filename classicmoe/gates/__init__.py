"""Gating networks: p(expert | x). One file per gate and one line per gate in the registry."""

from classicmoe.gates.activation import ActivationGate
from classicmoe.gates.constant import ConstantGate
from classicmoe.gates.gaussian import GaussianGate
from classicmoe.gates.softmax import SoftmaxGate
from classicmoe.gates.tree import TreeGate

GATES = {gate.name: gate for gate in (SoftmaxGate, ConstantGate, GaussianGate, TreeGate, ActivationGate)}

__all__ = ["GATES", "ActivationGate", "ConstantGate", "GaussianGate", "SoftmaxGate", "TreeGate"]
