"""The table of penalties x families that the generic tests run over beside :mod:`tests.cases`: one row each."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone

from classicmoe import LassoMoEClassifier, LassoMoERegressor
from classicmoe.em.problem import Problem
from classicmoe.em.source import CHUNK, ArraySource
from classicmoe.em.survey import View
from classicmoe.experts import GaussianExpert, MultinomialExpert, PoissonExpert
from classicmoe.lasso.problem import Asked, LassoProblem
from classicmoe.lasso.terms import Terms, constrained
from classicmoe.penalties import Bounds, Increasing, Linear, Ordered, Sign, Sum
from tests.cases import EXPERTS, FAMILIES, gaussian, glm, three_classes


def many_columns(simulate, n_columns=5):
    """Simulator of the same responses with further columns that say nothing, all in units of their own."""

    def widened(n, seed):
        X, y = simulate(n, seed)
        noise = np.random.default_rng([seed, 2]).normal(size=(n, n_columns - X.shape[1]))
        return np.column_stack([X, noise]) * np.resize([1.0, 3.0, 0.2], n_columns) + np.arange(n_columns), y

    return widened


class PenalisedCase(NamedTuple):
    """A family of experts, settings of a Lasso estimator, fixed penalties of gate and experts, and data."""

    expert: Any
    settings: dict[str, Any]
    simulate: Callable[[int, int], tuple[np.ndarray, np.ndarray]]
    alphas: tuple[Any, Any] = (2.0, 3.0)

    def estimator(self, **more):
        make = LassoMoEClassifier if self.expert.name == "multinomial" else LassoMoERegressor
        return make(2, *self.alphas, expert=clone(self.expert), **self.settings, **more)

    def problem(self, X, y, weight=None, chunk_rows=CHUNK):
        """The case on rows, in the engine's scales, with all columns at once."""
        told = {"l1_ratio": 1.0, "gate_form": "symmetric", "parametrisation": "sigma", "penalty": "l1"} | self.settings
        options = {"l1_ratio": told["l1_ratio"]} if told["l1_ratio"] != 1.0 else {}
        weights = (told.get("gate_weights"), told.get("expert_weights"))
        kind, forms = told["penalty"], (told["parametrisation"], told["gate_form"])
        terms = Terms(clone(self.expert), "elastic_net" if options else kind, options, *weights, *forms)
        side, asked = View(0, np.arange(X.shape[1])), Asked(2, [], 1e-8, 100)
        lasso = LassoProblem(ArraySource((X,), y, weight, chunk_rows), side, side, terms, asked)
        terms, wide = lasso.terms, lasso.wide
        if "constraints" in told:
            names = [f"x{j}" for j in range(X.shape[1])]
            terms = constrained(terms, told["constraints"], (names, names), wide.designs, wide.moments.response, 2)
        source, look = wide.on(wide.all_columns)
        return Problem(terms.make(*self.alphas)(wide.all_columns), source, look)


ADAPTIVE = {"gate_weights": [1.0, 0.0, 2.0, np.inf, 1.0], "expert_weights": [0.0, 1.0, np.inf, 0.5, 1.0]}
PER_EXPERT = {"expert_weights": [[1.0, 0.0, 2.0, np.inf, 1.0], [np.inf, 1.0, 1.0, 0.5, 0.0]]}
ON_EXPERTS = [Sum([0, 1], equals=0.5), Sign(2, expert=0), Bounds(3, -0.1, 0.1)]
ON_GATE = [Ordered(0, side="gate"), Linear([(1.0, 2, 1), (-1.0, 2, 0)], equals=0.2, side="gate")]
PENALTIES = {
    "l1": {},
    "l1 reference": {"gate_form": "reference"},
    "l1 scaled": {"parametrisation": "scaled"},
    "elastic net": {"l1_ratio": 0.5},
    "elastic net reference": {"l1_ratio": 0.1, "gate_form": "reference"},
    "group": {"penalty": "group"},
    "group reference": {"penalty": "group", "gate_form": "reference"},
    "mcp": {"penalty": "mcp"},
    "mcp reference": {"penalty": "mcp", "gate_form": "reference"},
    "scad": {"penalty": "scad"},
    "adaptive": ADAPTIVE,
    "adaptive mcp": ADAPTIVE | {"penalty": "mcp"},
    "adaptive scaled": ADAPTIVE | {"parametrisation": "scaled"},
    "adaptive per expert reference": PER_EXPERT | {"gate_form": "reference"},
    "constraints": {"constraints": ON_EXPERTS},
    "constraints scaled": {"constraints": [*ON_EXPERTS, *ON_GATE], "parametrisation": "scaled"},
    "constraints on the gate": {"constraints": ON_GATE, "l1_ratio": 0.5},
    "constraints reference scad": {
        "constraints": [Bounds(0, lower=0.1, side="gate", expert=0), Increasing([3, 4])],
        "gate_form": "reference",
        "penalty": "scad",
    },
}
ON_CLASSES = ("l1", "l1 reference", "elastic net", "group", "mcp", "scad", "adaptive")
# Every penalty on Gaussian experts and on classes, every family that can be penalised with an l1 norm, and some with
# other penalties: a family meets a penalty in the quadratic of a step only.
FAMILIES_AND_PENALTIES = (
    *(("gaussian", name) for name in PENALTIES),
    ("gaussian shared", "l1 scaled"),
    *((name, "l1") for name in ("poisson", "binomial", "gamma", "inverse gaussian", "negative binomial")),
    *((name, "l1") for name in ("t", "t own df shared scale", "log-normal")),
    ("poisson", "group"),
    ("poisson", "adaptive"),
    ("poisson", "constraints"),
    ("binomial", "group"),
    ("binomial probit", "adaptive per expert reference"),
    ("gamma", "mcp"),
    ("gamma", "constraints reference scad"),
    ("inverse gaussian", "scad"),
    ("t", "elastic net reference"),
    ("t", "constraints on the gate"),
    *(("multinomial", name) for name in ON_CLASSES),
)
ALL_FAMILIES = EXPERTS | FAMILIES | {"multinomial": (MultinomialExpert(n_classes=3), three_classes)}
PENALISED = {
    f"{name} {penalty}": PenalisedCase(ALL_FAMILIES[name][0], PENALTIES[penalty], many_columns(ALL_FAMILIES[name][1]))
    for name, penalty in FAMILIES_AND_PENALTIES
}
PENALISED |= {
    "gaussian l1 for each expert": PenalisedCase(
        GaussianExpert(), {}, many_columns(gaussian()), (np.array([0.0, 4.0]), np.array([6.0, 1.0]))
    ),
}
# More columns than starts see, so that others join a working set: fits only, the engine would see all at once.
WIDE = {
    "gaussian l1 of many columns": PenalisedCase(GaussianExpert(), {}, many_columns(gaussian(), 40), (4.0, 8.0)),
    "poisson mcp of many columns": PenalisedCase(
        PoissonExpert(), PENALTIES["mcp"], many_columns(glm("poisson"), 40), (4.0, 8.0)
    ),
}
# For whole fits: every penalty on Gaussian experts, and every family with its first one.
_FIRST = {name: f"{name} {penalty}" for name, penalty in reversed(FAMILIES_AND_PENALTIES)}
FITTED = WIDE | {
    name: case for name, case in PENALISED.items() if case.expert.name == "gaussian" or name in _FIRST.values()
}
