"""The recorded path never falls: any gate, any family, any list of families, however the rows come and are weighted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classicmoe.em.acceleration import ACCELERATORS
from classicmoe.em.loop import Climb, Control
from classicmoe.em.source import CHUNK
from classicmoe.experts import (
    GammaExpert,
    GaussianExpert,
    HurdleExpert,
    InverseGaussianExpert,
    LaplaceExpert,
    LogNormalExpert,
    MixedExpert,
    NegativeBinomialExpert,
    PointMass,
    PoissonExpert,
    SkewNormalExpert,
    SkewTExpert,
    StudentTExpert,
    UniformExpert,
    ZeroInflatedExpert,
)
from classicmoe.gates import ActivationGate, ConstantGate, GaussianGate, SoftmaxGate, TreeGate
from tests.cases import (
    CLASSES,
    EXPERTS,
    FAMILIES,
    STRUCTURED,
    Case,
    glm,
    heavy_tails,
    random_parameters,
    with_zeros,
)
from tests.em.test_monotone import assert_never_falls

EXAMPLES = 25 if settings().derandomize else 400  # `make explore` has time
SOLVERS = st.sampled_from(("newton", "mm"))
RIDGES = st.sampled_from((0.0, 1e-10, 1e-3, 2.0))
TEMPERATURES = st.sampled_from((0.1, 1.0, 5.0))
GATES = {
    "constant": st.just(ConstantGate()),
    "softmax": st.builds(SoftmaxGate, solver=SOLVERS, ridge=RIDGES, temperature=TEMPERATURES),
    "gaussian": st.builds(
        GaussianGate,
        covariance=st.sampled_from(("full", "diag", "spherical")),
        scale=st.sampled_from(("own", "shared")),
    ),
    "tree": st.builds(TreeGate, solver=SOLVERS, ridge=RIDGES),
    "activation": st.builds(
        ActivationGate,
        activation=st.sampled_from(ActivationGate.choices["activation"]),
        intercept=st.sampled_from(ActivationGate.choices["intercept"]),
        temperature=TEMPERATURES,
        ridge=RIDGES,
    ),
}

# What stands beside each other in one list can see the same responses.
BESIDE = (
    (
        (PoissonExpert(), NegativeBinomialExpert(), ZeroInflatedExpert(), HurdleExpert(), PointMass()),
        with_zeros("poisson"),
    ),
    ((GammaExpert(), InverseGaussianExpert(), LogNormalExpert(), UniformExpert(0, 1e5)), glm("gamma")),
    ((HurdleExpert(GammaExpert()), PointMass(), UniformExpert(-1, 1e5)), with_zeros("gamma")),
    (
        (
            GaussianExpert(),
            StudentTExpert(),
            LaplaceExpert(),
            SkewNormalExpert(),
            SkewTExpert(),
            UniformExpert(-50, 50),
        ),
        heavy_tails,
    ),
)


def lists(row):
    """Lists of two to four families; at least one of the first sort, which gives every response a density."""
    families, simulate = row
    several = st.lists(st.sampled_from(families), min_size=1, max_size=3)
    return st.tuples(several.map(lambda more: MixedExpert([families[0], *more])), st.just(simulate))


ALONE = st.sampled_from([*EXPERTS.values(), *FAMILIES.values(), *CLASSES.values(), *STRUCTURED.values()])
ANY = st.one_of(ALONE, ALONE, st.sampled_from(BESIDE).flatmap(lists))


def awkward(kind, X, y, seed):
    """Rows of which a mixture of experts makes few; responses stay in the family's support."""
    rng = np.random.default_rng(seed)
    if kind == "ties":
        rows = rng.integers(max(len(X) // 3, 8), size=len(X))
        X, y = np.round(X[rows], 1), y[rows]
    elif kind == "leverage":
        X = X.copy()
        X[rng.integers(len(X), size=2)] = 30.0
    elif kind == "sorted":
        order = np.argsort(y if y.ndim == 1 else y[:, 0])
        X, y = X + 1e5, y[order]
    return X, y


def climb(case, X, y, weight, n_experts, chunk_rows, acceleration, seed, spread):
    problem = case.problem(X, y, weight, chunk_rows=chunk_rows)
    start = problem.evaluate(random_parameters(problem, n_experts, seed, spread))
    return problem, Climb(problem, Control(tol=1e-10, max_iter=40, acceleration=acceleration)).run(start)


@pytest.mark.parametrize("name", GATES)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_every_path_rises(name, data):
    gate, (expert, simulate) = data.draw(GATES[name], "gate"), data.draw(ANY, "family")
    mixed = isinstance(expert, MixedExpert)
    n_experts = len(expert.experts) if mixed else data.draw(st.integers(1, 4), "experts")
    n, seed = data.draw(st.integers(25, 120), "rows"), data.draw(st.integers(0, 10**6), "seed")
    kind = data.draw(st.sampled_from(("simulated", "ties", "leverage", "sorted")), "kind")
    weighting = data.draw(st.sampled_from(("none", "counts", "one heavy row")), "weights")
    X, y = awkward(kind, *simulate(n, seed), seed)
    weight = None
    if weighting != "none":
        weight = np.random.default_rng(seed).integers(0, 4, n).astype(float)
        weight[:12] += 1.0
        weight[5] += 100.0 * (weighting == "one heavy row")
    problem, outcome = climb(
        Case(gate, expert, simulate),
        X,
        y,
        weight,
        n_experts,
        chunk_rows=data.draw(st.sampled_from((11, 64, CHUNK)), "rows of a chunk"),
        acceleration=data.draw(st.sampled_from(tuple(ACCELERATORS)), "acceleration"),
        seed=seed,
        spread=data.draw(st.sampled_from((0.1, 0.5, 2.0)), "spread of the start"),
    )
    assert_never_falls(outcome.path)
    again = problem.evaluate(outcome.triple.params)
    assert outcome.path[-1] == outcome.triple.objective == pytest.approx(again.objective, rel=1e-12)
