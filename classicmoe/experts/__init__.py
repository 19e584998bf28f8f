"""Expert families: p(y | x, expert). One file per family and one line per family in the registry."""

from collections.abc import Callable
from typing import Any

from classicmoe.experts.binomial import BinomialExpert
from classicmoe.experts.fixed import PointMass, UniformExpert
from classicmoe.experts.gamma import GammaExpert
from classicmoe.experts.gaussian import GaussianExpert
from classicmoe.experts.hurdle import HurdleExpert
from classicmoe.experts.inverse_gaussian import InverseGaussianExpert
from classicmoe.experts.laplace import LaplaceExpert
from classicmoe.experts.log_normal import LogNormalExpert
from classicmoe.experts.mixed import MixedExpert
from classicmoe.experts.multinomial import MultinomialExpert
from classicmoe.experts.negative_binomial import NegativeBinomialExpert
from classicmoe.experts.ordinal import OrdinalExpert
from classicmoe.experts.poisson import PoissonExpert
from classicmoe.experts.skew_normal import SkewNormalExpert
from classicmoe.experts.skew_t import SkewTExpert
from classicmoe.experts.student_t import StudentTExpert
from classicmoe.experts.zero_inflated import ZeroInflatedExpert

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
    SkewNormalExpert,
    SkewTExpert,
    MultinomialExpert,
    OrdinalExpert,
)
WRAPPED: tuple[tuple[Callable[..., Any], Callable[..., Any]], ...] = (
    *((ZeroInflatedExpert, base) for base in (PoissonExpert, NegativeBinomialExpert, BinomialExpert)),
    *((HurdleExpert, base) for base in (PoissonExpert, NegativeBinomialExpert)),
    *((HurdleExpert, base) for base in (GammaExpert, InverseGaussianExpert, LogNormalExpert)),
)


def _wrapped(wrapper: Any, family: Any) -> Callable[..., Any]:
    def make(base: Any = None) -> Any:
        return wrapper(family() if base is None else base)

    return make


EXPERTS: dict[str, Callable[..., Any]] = {expert.name: expert for expert in FAMILIES}
EXPERTS |= {wrapper(base()).name: _wrapped(wrapper, base) for wrapper, base in WRAPPED}
STORED = EXPERTS | {part.name: part for part in (PointMass, UniformExpert, MixedExpert)}  # in model files
EXPERT_CLASSES = (*FAMILIES, ZeroInflatedExpert, HurdleExpert, PointMass, UniformExpert, MixedExpert)

__all__ = ["EXPERTS", "EXPERT_CLASSES", "STORED", *sorted(expert.__name__ for expert in EXPERT_CLASSES)]
