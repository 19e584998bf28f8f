"""What a family's log-density is the logarithm of: said by the family, known by its distributions."""

import numpy as np
import pytest

from classicmoe.experts import (
    EXPERTS,
    GammaExpert,
    GaussianExpert,
    HurdleExpert,
    MixedExpert,
    PointMass,
    PoissonExpert,
)
from tests.cases import EXPERTS as GAUSSIAN
from tests.cases import FAMILIES, GATES, Case, block_of, random_parameters

KINDS = {"discrete": "counting", "continuous": "lebesgue", "mixed": "mixed"}


@pytest.mark.parametrize("name", [*FAMILIES, "gaussian"])
def test_families_and_their_distributions_agree(name):
    expert, simulate = (FAMILIES | GAUSSIAN)[name]
    problem = Case(GATES["softmax"], expert, simulate).problem(*simulate(30, 0))
    params = random_parameters(problem, 3, 0, 0.0)
    location = np.moveaxis(expert.location(params.expert, block_of(problem)), 2, 0)
    assert KINDS[expert.conditional(params.expert, location, None).kind] == expert.measure


def test_every_family_says_its_measure():
    counting = {name for name, make in EXPERTS.items() if make().measure == "counting"}
    counts = ("poisson", "negative_binomial", "binomial")
    inflated = {f"zero_inflated_{name}" for name in counts} | {"hurdle_poisson", "hurdle_negative_binomial"}
    labels = {name for name, make in EXPERTS.items() if getattr(make(), "classifies", False)}
    assert counting == {*counts, *inflated, *labels} and "multinomial" in labels


def test_a_density_with_atoms_is_of_its_own_kind():
    for parts, measure, atoms in (
        ([GaussianExpert(), PointMass(2.0)], "mixed", (2.0,)),
        ([HurdleExpert(GammaExpert()), GammaExpert()], "mixed", (0.0,)),
        ([PointMass(0.0), PoissonExpert()], "counting", ()),
        ([GammaExpert(), GaussianExpert()], "lebesgue", ()),
        ([PoissonExpert(), GaussianExpert(), PointMass(1.0)], "mixed", (1.0, "counts")),
    ):
        mixed = MixedExpert(parts)
        assert (mixed.measure, mixed.atoms) == (measure, atoms)
