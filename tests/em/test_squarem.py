"""SQUAREM on maps whose answer is known."""

import numpy as np
import pytest

from classicmoe.em.mixture import MixtureParameters
from classicmoe.em.squarem import Extrapolation


class Vectors:
    """A mixture whose parameters are a vector of the experts and no gate."""

    @staticmethod
    def pack(params):
        return params.expert

    @staticmethod
    def unpack(vector, like):
        return vector

    class expert:  # noqa: N801
        @staticmethod
        def pack(vector):
            return vector


class Problem:
    mixture = Vectors()


class Triple:
    def __init__(self, vector):
        self.params = MixtureParameters((), np.asarray(vector, dtype=float))


def cycle(extrapolation, start, function):
    first = np.asarray(start, dtype=float)
    second = function(first)
    return extrapolation.propose(Triple(first), Triple(second), Triple(function(second)))


@pytest.mark.parametrize("rate", (0.5, 0.9, 0.99))
def test_one_cycle_solves_a_linear_map_with_one_eigenvalue(rate):
    limit = np.array([1.0, -2.0, 30.0])
    extrapolation = Extrapolation(Problem())
    extrapolation.longest = 1e6
    proposal = cycle(extrapolation, [0.0, 0.0, 0.0], lambda x: limit + rate * (x - limit))
    assert np.allclose(proposal, limit, rtol=1e-10)


def test_several_eigenvalues_converge_much_faster_than_the_map():
    limit, rates = np.array([1.0, 2.0, 3.0]), np.array([0.3, 0.9, 0.99])

    def function(x):
        return limit + rates * (x - limit)

    extrapolation = Extrapolation(Problem())
    x = plain = np.zeros(3)
    for _ in range(60):
        proposal = cycle(extrapolation, x, function)
        x = function(function(x)) if proposal is None else proposal
        extrapolation.learn(accepted=True)
        plain = function(function(function(plain)))
    assert np.abs(x - limit).max() < 1e-8
    assert np.abs(plain - limit).max() > 1e-2


def test_the_leap_is_not_longer_than_allowed():
    extrapolation = Extrapolation(Problem())
    start, rate = np.array([0.0]), 0.999
    proposal = cycle(extrapolation, start, lambda x: 1.0 + rate * (x - 1.0))
    r, v = 1.0 - rate, -((1.0 - rate) ** 2)
    assert proposal[0] == pytest.approx(2.0 * 4.0 * r + 16.0 * v)


def test_dares_more_after_success_and_less_after_failure():
    extrapolation = Extrapolation(Problem())
    slow = lambda x: 1.0 + 0.9999 * (x - 1.0)  # noqa: E731
    cycle(extrapolation, [0.0], slow)
    extrapolation.learn(accepted=True)
    assert extrapolation.longest == 16.0
    cycle(extrapolation, [0.0], slow)
    extrapolation.learn(accepted=False)
    assert extrapolation.longest == 4.0
    extrapolation.learn(accepted=False)
    extrapolation.learn(accepted=False)
    assert extrapolation.longest == 2.0


@pytest.mark.parametrize(
    "three",
    (
        ([1.0], [1.0], [1.0]),  # nothing moves
        ([0.0], [1.0], [2.0]),  # a straight line has no end
        ([0.0], [1.0], [1.0]),  # the plain map is as good
        ([0.0], [np.inf], [1.0]),
        ([0.0], [1e200], [-1e200]),
    ),
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_no_proposal_where_extrapolation_has_no_meaning(three):
    assert Extrapolation(Problem()).propose(*map(Triple, three)) is None
