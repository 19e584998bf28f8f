"""Anderson acceleration against what is known of it: on a linear map it is GMRES, which ends."""

import numpy as np
import pytest

from classicmoe.em.anderson import MEMORY, Anderson
from classicmoe.em.squarem import Extrapolation
from tests.em.test_squarem import Problem, Triple, cycle

LIMIT = np.array([1.0, -2.0, 30.0, 4.0])
RATES = np.array([0.3, 0.9, 0.99, 0.999])


def slow(x):
    return LIMIT + RATES * (x - LIMIT)


def test_a_linear_map_is_solved_when_there_are_as_many_differences_as_directions():
    anderson, x = Anderson(Problem()), np.zeros(4)
    for _ in range(3):  # one difference from the first cycle, two from each of the others
        x = cycle(anderson, x, slow)
    np.testing.assert_allclose(x, LIMIT, rtol=1e-6)
    plain = np.zeros(4)
    for _ in range(9):
        plain = slow(plain)
    assert np.abs(plain - LIMIT).max() > 3.0


def test_one_cycle_solves_a_map_with_one_eigenvalue():
    proposal = cycle(Anderson(Problem()), np.zeros(4), lambda x: LIMIT + 0.999 * (x - LIMIT))
    np.testing.assert_allclose(proposal, LIMIT, rtol=1e-8)


def test_a_rejected_leap_is_forgotten_and_so_are_old_steps():
    anderson = Anderson(Problem())
    for _ in range(10):
        cycle(anderson, np.zeros(4), slow)
    assert len(anderson._steps) == len(anderson._points) == MEMORY + 1
    anderson.learn(accepted=True)
    assert len(anderson._steps) == MEMORY + 1
    anderson.learn(accepted=False)
    assert len(anderson._steps) == 2
    np.testing.assert_array_equal(anderson._points[-1], slow(np.zeros(4)))


def test_after_a_rejected_leap_comes_one_of_squarem():
    anderson, squarem = Anderson(Problem()), Extrapolation(Problem())
    cycle(anderson, np.zeros(4), slow)
    anderson.learn(accepted=False)
    np.testing.assert_array_equal(cycle(anderson, np.ones(4), slow), cycle(squarem, np.ones(4), slow))
    anderson.learn(accepted=False)
    assert not np.array_equal(cycle(anderson, np.ones(4), slow), cycle(squarem, np.ones(4), slow))


@pytest.mark.parametrize("three", (([1.0], [1.0], [1.0]), ([0.0], [1.0], [2.0]), ([0.0], [np.inf], [1.0])))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_no_proposal_where_steps_say_nothing(three):
    assert Anderson(Problem()).propose(*map(Triple, three)) is None
