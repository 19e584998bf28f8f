"""Expert families: p(y | x, expert). One file per family and one line per family in the registry."""

from classicmoe.experts.binomial import BinomialExpert
from classicmoe.experts.gamma import GammaExpert
from classicmoe.experts.gaussian import GaussianExpert
from classicmoe.experts.inverse_gaussian import InverseGaussianExpert
from classicmoe.experts.laplace import LaplaceExpert
from classicmoe.experts.log_normal import LogNormalExpert
from classicmoe.experts.negative_binomial import NegativeBinomialExpert
from classicmoe.experts.poisson import PoissonExpert
from classicmoe.experts.student_t import StudentTExpert

FAMILIES = (
    GaussianExpert,
    PoissonExpert,
    NegativeBinomialExpert,
    BinomialExpert,
    GammaExpert,
    InverseGaussianExpert,
    LogNormalExpert,
    LaplaceExpert,
    StudentTExpert,
)
EXPERTS = {expert.name: expert for expert in FAMILIES}

__all__ = ["EXPERTS", *sorted(expert.__name__ for expert in FAMILIES)]
