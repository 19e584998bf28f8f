"""The table of gates x experts that every generic test runs over: a new family is one row here.

A row of :data:`EXPERTS` is a family object and a simulator ``(n, seed) -> X, y`` of data that it can be fitted to.
:data:`STRUCTURED` are families that no estimator takes by name; the tests of the engine run over them too.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone

from classicmoe import MoERegressor
from classicmoe.covariances import Block, Diagonal, Factor
from classicmoe.covariances.linear import LinearGaussian
from classicmoe.datasets import make_moe_regression
from classicmoe.em.block import RowBlock
from classicmoe.em.mixture import Mixture
from classicmoe.em.problem import Problem
from classicmoe.em.source import CHUNK, ArraySource
from classicmoe.em.starts import neutral_start
from classicmoe.em.survey import View, survey
from classicmoe.experts import (
    BinomialExpert,
    GammaExpert,
    GaussianExpert,
    HurdleExpert,
    InverseGaussianExpert,
    LaplaceExpert,
    LogNormalExpert,
    MixedExpert,
    MultinomialExpert,
    NegativeBinomialExpert,
    OrdinalExpert,
    PointMass,
    PoissonExpert,
    SkewNormalExpert,
    SkewTExpert,
    StudentTExpert,
    UniformExpert,
    ZeroInflatedExpert,
)
from classicmoe.gates import ActivationGate, ConstantGate, GaussianGate, SoftmaxGate, TreeGate


def gaussian(n_outputs=1):
    """Simulator of linear Gaussian experts that overlap."""

    def simulate(n, seed):
        truth = make_moe_regression(n, n_features=2, n_experts=2, n_outputs=n_outputs, random_state=seed)
        return truth.X, truth.y

    return simulate


def several(n_outputs, n_latent=1, missing=0.0):
    """Simulator of many outputs of two linear experts, correlated by latent factors; a share of them is missing."""

    def simulate(n, seed):
        rng = np.random.default_rng(seed)
        X, expert = rng.normal(size=(n, 2)), rng.integers(2, size=n)
        coef, size = rng.normal(size=(2, n_outputs, 3)), (2, n_outputs, n_latent)
        # No loading is near zero: a factor of two outputs only would have no finite maximum.
        loadings = rng.choice([-1.0, 1.0], size) * rng.uniform(0.8, 1.6, size)
        y = np.einsum("iqp,ip->iq", coef[expert], np.column_stack([np.ones(n), X]))
        y += np.einsum("iqp,ip->iq", loadings[expert], rng.normal(size=(n, n_latent)))
        y += 0.7 * rng.normal(size=(n, n_outputs))
        y[rng.random(y.shape) < missing] = np.nan
        return X, y

    return simulate


class StructuredExpert(LinearGaussian, BaseEstimator):
    """Linear Gaussian experts with any structure of the covariance."""

    name = "structured"
    choices: dict = {}  # noqa: RUF012

    def __init__(self, structure):
        self.structure = structure

    @property
    def one_unit(self):
        return getattr(self.structure, "spherical", False)


class Blocks(Block):
    """Blocks for any number of experts: the rows of labels in turn."""

    def start(self, variance, gram, n_experts, floor):
        labels = np.resize(self.labels, (n_experts, len(variance)))
        return Block(labels).start(variance, gram, n_experts, floor)


def glm(family, n_columns=2):
    """Simulator of two overlapping experts with logarithmic or logit links."""

    def simulate(n, seed):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(n, n_columns))
        upper = rng.random(n) < 1.0 / (1.0 + np.exp(-X[:, 0]))
        predictor = np.where(upper, 1.6 + 0.4 * X[:, 0], 0.2 - 0.5 * X[:, -1])
        return X, DRAWS[family](rng, predictor)

    return simulate


DRAWS = {
    "poisson": lambda rng, z: rng.poisson(np.exp(z)),
    "negative_binomial": lambda rng, z: rng.poisson(np.exp(z) * rng.gamma(3.0, 1.0 / 3.0, len(z))),
    "binomial": lambda rng, z: rng.binomial(8, 1.0 / (1.0 + np.exp(1.0 - z))),
    "gamma": lambda rng, z: rng.gamma(4.0, np.exp(z) / 4.0),
    "inverse_gaussian": lambda rng, z: rng.wald(np.exp(z), 5.0),
    "log_normal": lambda rng, z: np.exp(z + 0.4 * rng.normal(size=len(z))),
}


def with_zeros(family, share=0.3):
    """Simulator of a family with extra zeros."""

    def simulate(n, seed):
        X, y = glm(family)(n, seed)
        return X, np.where(np.random.default_rng([seed, 1]).random(n) < share, 0.0, y)

    return simulate


def three_classes(n, seed):
    """Codes of three classes: two overlapping multinomial logits whose signals go different ways."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    coef = np.array(
        [[[0.5, 2.0, -1.0], [-0.5, -1.0, 2.0], [0, 0, 0]], [[-1.0, -2.0, 0.0], [1.0, 0.0, -2.0], [0, 0, 0]]]
    )
    upper = (rng.random(n) < 1.0 / (1.0 + np.exp(0.3 - 1.5 * X[:, 0]))).astype(int)
    logits = np.einsum("icp,ip->ic", coef[upper], np.column_stack([np.ones(n), X]))
    return X, np.argmax(logits + rng.gumbel(size=(n, 3)), axis=1).astype(float)


def ordered_classes(n, seed):
    """Codes of four classes in order: two overlapping cumulative logits whose signals go opposite ways."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    upper = rng.random(n) < 1.0 / (1.0 + np.exp(0.3 - 1.5 * X[:, 0]))
    latent = np.where(upper, 1.0 + 2.0 * X[:, 1], 0.5 - 1.5 * X[:, 1] + X[:, 0]) + rng.logistic(size=n)
    return X, np.digitize(latent, [-0.5, 0.5, 2.0]).astype(float)


def heavy_tails(n, seed):
    """Two overlapping lines with t noise and some gross errors."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    y = np.where(rng.random(n) < 1.0 / (1.0 + np.exp(-X[:, 0])), 2.0 + X[:, 1], -1.0 - X[:, 0])
    y += 0.5 * rng.standard_t(3, n)
    y[:: max(n // 4, 1)] += 8.0
    return X, y


GATES = {
    "softmax": SoftmaxGate(),
    "softmax mm": SoftmaxGate(solver="mm"),
    "softmax ridge": SoftmaxGate(ridge=2.0),
    "softmax mm ridge": SoftmaxGate(solver="mm", ridge=2.0),
    "softmax no ridge": SoftmaxGate(ridge=0.0),
    "constant": ConstantGate(),
    "gaussian": GaussianGate(),
    "gaussian diag shared": GaussianGate(covariance="diag", scale="shared"),
    "gaussian spherical": GaussianGate(covariance="spherical"),
}
MORE_GATES = {
    "softmax temperature": SoftmaxGate(temperature=2.5),
    "softmax temperature ridge": SoftmaxGate(temperature=0.4, ridge=2.0),
    "tree": TreeGate(),
    "tree mm": TreeGate(solver="mm"),
    "tree ridge": TreeGate(ridge=2.0),
    "activation": ActivationGate(),
    "activation tanh": ActivationGate("tanh", temperature=0.3),
    "activation tanh inside ridge": ActivationGate("tanh", "inside", ridge=2.0),
    "activation softplus": ActivationGate("softplus", temperature=0.5),
    "activation identity": ActivationGate("identity", temperature=2.0),
}
EXPERTS = {
    "gaussian": (GaussianExpert(), gaussian()),
    "gaussian shared": (GaussianExpert(scale="shared"), gaussian()),
    "gaussian 2 full": (GaussianExpert(), gaussian(2)),
    "gaussian 2 diag": (GaussianExpert(covariance="diag"), gaussian(2)),
    "gaussian 2 spherical": (GaussianExpert(covariance="spherical"), gaussian(2)),
    "gaussian 2 full shared": (GaussianExpert(scale="shared"), gaussian(2)),
    "gaussian 2 diag shared": (GaussianExpert(scale="shared", covariance="diag"), gaussian(2)),
    "gaussian 2 spherical shared": (GaussianExpert(scale="shared", covariance="spherical"), gaussian(2)),
    "gaussian 3 full": (GaussianExpert(), gaussian(3)),
}
FAMILIES = {
    "poisson": (PoissonExpert(), glm("poisson")),
    "negative binomial": (NegativeBinomialExpert(), glm("negative_binomial")),
    "negative binomial shared": (NegativeBinomialExpert(scale="shared"), glm("negative_binomial")),
    "binomial": (BinomialExpert(trials=8), glm("binomial")),
    "binomial probit": (BinomialExpert(trials=8, link="probit"), glm("binomial")),
    "binomial cloglog": (BinomialExpert(trials=8, link="cloglog"), glm("binomial")),
    "gamma": (GammaExpert(), glm("gamma")),
    "gamma shared": (GammaExpert(scale="shared"), glm("gamma")),
    "inverse gaussian": (InverseGaussianExpert(), glm("inverse_gaussian")),
    "inverse gaussian shared": (InverseGaussianExpert(scale="shared"), glm("inverse_gaussian")),
    "zero-inflated": (ZeroInflatedExpert(), with_zeros("poisson")),
    "zero-inflated negative binomial": (ZeroInflatedExpert(NegativeBinomialExpert()), with_zeros("negative_binomial")),
    "hurdle": (HurdleExpert(), with_zeros("poisson")),
    "hurdle gamma": (HurdleExpert(GammaExpert()), with_zeros("gamma")),
    "poisson and point mass": (MixedExpert([PoissonExpert(), PointMass(), PoissonExpert()]), with_zeros("poisson")),
    "gamma and log-normal": (MixedExpert([GammaExpert(), LogNormalExpert(), UniformExpert(0, 99)]), glm("gamma")),
    "gaussian and t": (MixedExpert([GaussianExpert(), StudentTExpert(), LaplaceExpert()]), heavy_tails),
    "skew normal": (SkewNormalExpert(), heavy_tails),
    "skew t": (SkewTExpert(), heavy_tails),
    "skew t 5": (SkewTExpert(df=5.0), heavy_tails),
    "laplace": (LaplaceExpert(), heavy_tails),
    "laplace shared": (LaplaceExpert(scale="shared"), heavy_tails),
    "t": (StudentTExpert(), heavy_tails),
    "t own df shared scale": (StudentTExpert(df="own", scale="shared"), heavy_tails),
    "t 4": (StudentTExpert(df=4.0), heavy_tails),
    "log-normal": (LogNormalExpert(), glm("log_normal")),
    "log-normal shared": (LogNormalExpert(scale="shared"), glm("log_normal")),
}
# No estimator of this table takes them: classifiers have tests of their own.
CLASSES = {
    "multinomial": (MultinomialExpert(n_classes=3, ridge=0.5), three_classes),
    "ordinal": (OrdinalExpert(n_classes=4, ridge=0.5), ordered_classes),
    "multinomial mm": (MultinomialExpert(n_classes=3, solver="mm", ridge=0.5), three_classes),
}
STRUCTURED = {
    "diagonal 4 missing": (StructuredExpert(Diagonal()), several(4, missing=0.3)),
    "diagonal 4 spherical shared missing": (StructuredExpert(Diagonal("shared", True)), several(4, missing=0.3)),
    "factor 4": (StructuredExpert(Factor(1)), several(4)),
    "two factors 5 spherical shared": (StructuredExpert(Factor(2, "shared", True)), several(5, 2)),
    "blocks 5": (StructuredExpert(Blocks(((0, 1, 0, 1, 1), (0, 0, 1, 2, 2)))), several(5)),
}


class Case(NamedTuple):
    """A gate, a family of experts and data for them."""

    gate: Any
    expert: Any
    simulate: Callable[[int, int], tuple[np.ndarray, np.ndarray]]

    @property
    def mixture(self):
        return Mixture(clone(self.gate), clone(self.expert))

    def estimator(self, n_experts=2, **settings):
        settings = {"n_init": 3, "random_state": 0, **settings}
        return MoERegressor(n_experts, clone(self.gate), clone(self.expert), **settings)

    def problem(self, X, y, weight=None, *, n_workers=1, chunk_rows=CHUNK, gate_columns=None, expert_columns=None):
        """The case on rows, in the engine's scales; a constant gate sees no columns."""
        gate_columns = [] if self.gate.name == "constant" else gate_columns
        return problem(self.mixture, X, y, weight, n_workers, chunk_rows, gate_columns, expert_columns)


def case_of(gate, expert):
    """A case outside the table; it has no data of its own."""
    return Case(gate, expert, gaussian())


def problem(mixture, X, y, weight=None, n_workers=1, chunk_rows=CHUNK, gate_columns=None, expert_columns=None):
    every = np.arange(X.shape[1])
    gate = View(0, every if gate_columns is None else np.asarray(gate_columns, dtype=np.intp))
    expert = View(0, every if expert_columns is None else np.asarray(expert_columns, dtype=np.intp))
    source = ArraySource((X,), y, weight, chunk_rows)
    return Problem(mixture, source, survey(source, gate, expert, mixture.expert), n_workers)


def block_of(problem):
    """A block of one's own, all rows loaded at once."""
    look, source = problem.survey, problem.source
    block = RowBlock(look.gate_design, look.expert_design, look.response, source.n_rows)
    return block.load(source.take(np.arange(source.n_rows)))


def random_parameters(problem, n_experts, seed, spread=0.5):
    """Parameters around the pooled fit, reproducible, with experts that differ."""
    neutral = neutral_start(problem, n_experts)
    vector = problem.mixture.pack(neutral)
    rng = np.random.default_rng(seed)
    return problem.mixture.unpack(vector + spread * rng.normal(size=len(vector)), neutral)


# Every gate with one and several outputs, every Gaussian expert with the three sorts of gates, every other family with
# the softmax gate: gates and experts meet only in the responsibilities.
CASES = {
    f"{gate_name} / {expert_name}": Case(gate, expert, simulate)
    for gate_name, gate in GATES.items()
    for expert_name, (expert, simulate) in EXPERTS.items()
    if expert_name in ("gaussian", "gaussian 2 full") or gate_name in ("softmax", "constant", "gaussian")
}
CASES |= {
    f"softmax / {name}": Case(GATES["softmax"], expert, simulate) for name, (expert, simulate) in FAMILIES.items()
}
CASES |= {f"{name} / gaussian": Case(gate, *EXPERTS["gaussian"]) for name, gate in MORE_GATES.items()}
# One row and one column of the table: every part once, where more would only cost time.
VARIANTS = (
    "negative binomial shared",
    "binomial probit",
    "binomial cloglog",
    "gamma shared",
    "inverse gaussian shared",
    "log-normal shared",
    "laplace shared",
    "t 4",
    "skew t 5",
    "zero-inflated negative binomial",
)
CROSS = {
    name: case
    for name, case in CASES.items()
    if (name.startswith("softmax / ") and name.removeprefix("softmax / ") not in VARIANTS)
    or name.endswith(" / gaussian")
    or name == "constant / gaussian 2 full"
}
# What the engine can do and no estimator asks for by name.
INNER = {
    f"{gate_name} / {expert_name}": Case(GATES[gate_name], expert, simulate)
    for expert_name, (expert, simulate) in STRUCTURED.items()
    for gate_name in ("constant", "gaussian")
}
INNER |= {f"softmax ridge / {name}": Case(GATES["softmax ridge"], *row) for name, row in CLASSES.items()}
ENGINE, ENGINE_CROSS = CASES | INNER, CROSS | INNER


def over(table):
    """Parametrise a test over a table of cases."""
    return pytest.mark.parametrize("case", table.values(), ids=table.keys())


def gaussian_only(table):
    """The cases of linear Gaussian experts, for which the tests have a twin of the whole model."""
    return {name: case for name, case in table.items() if isinstance(case.expert, LinearGaussian)}


def largest_difference(a, b):
    """Largest difference between two packed parameter vectors or arrays, relative to 1 + |b|."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    return float(np.max(np.abs(a - b) / (1.0 + np.abs(b)), initial=0.0))


def two_lines(n=200, seed=0, noise=0.3):
    """Two crossing lines, half of the rows each, whatever x: the textbook mixture of regressions."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2.0, 2.0, n)
    upper = rng.random(n) < 0.5
    return x[:, None], np.where(upper, 1.0 + 2.0 * x, 3.0 - 1.0 * x) + noise * rng.normal(size=n)


def two_regimes(n=200, seed=0, noise=0.4):
    """Two lines, one for small and one for large values of the first of two columns, not perfectly separated."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    upper = rng.random(n) < 1.0 / (1.0 + np.exp(-2.0 * X[:, 0]))
    y = np.where(upper, 3.0 + X @ [1.0, -1.0], -X @ [1.0, 0.5])
    return X, y + noise * rng.normal(size=n)
