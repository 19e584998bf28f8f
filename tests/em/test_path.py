"""Which solutions a path keeps and where its branches end; what is kept are numbers here, their own merits."""

from types import SimpleNamespace

import numpy as np
import pytest

from classicmoe.em.path import BETTER, FALLEN, PAST_PEAK, WORSE, Path


def path(merits=(), whole=False):
    """A path with points 0, 1, ... of the given merits, each found on a branch of its own."""
    problem = SimpleNamespace(moments=SimpleNamespace(weight=100.0))
    out = Path(problem, None, 20, None, lambda _, merit: merit, whole)
    out.regular, out.has_columns = lambda _: True, lambda _: True
    for i, merit in enumerate(merits):
        assert out.keep(out.point(i, merit, i + 1))
    return out


def test_the_better_solution_of_a_point_is_kept():
    own = path([5.0])
    own.keep(own.point(0, 5.0 + 0.5 * BETTER, 2))
    assert own.points[0].branch == 1
    own.keep(own.point(0, 6.0, 3))
    assert own.points[0].branch == 3 and own.highest().merit == 6.0
    assert own.behind(own.point(0, 6.0 - 1.1 * WORSE, 4)) and not own.behind(own.point(0, 6.0 - 0.9 * WORSE, 4))


@pytest.mark.parametrize("drop", [1.0, 1.2 * FALLEN / PAST_PEAK])
def test_a_branch_ends_after_its_peak_once_it_has_fallen(drop):
    merits = [0.0, 7.0, *(7.0 - drop * np.arange(1, PAST_PEAK + 1))]
    own = path()
    assert own.passed_peak(9, merits) == (PAST_PEAK * drop > FALLEN)
    assert not own.passed_peak(9, merits[:-1])  # too soon
    assert not own.passed_peak(9, [*merits, 8.0])  # it rises again
    assert not path(whole=True).passed_peak(9, merits)


def test_a_branch_ends_where_others_were_far_better_at_stronger_penalties():
    far = 1.1 * PAST_PEAK * FALLEN
    own = path([0.0, far])
    assert own.passed_peak(2, [1.0, 0.0])
    assert not own.passed_peak(2, [-1.0, 0.0])  # it still rises
    assert not own.passed_peak(1, [1.0, 0.0])  # the better one is not at a stronger penalty


def test_what_is_far_beyond_the_best_point_is_left_out():
    merits = [0.0, 9.0, *np.arange(8.0, 0.0, -1.0)]
    own, whole = path(merits), path(merits, whole=True)
    for each in (own, whole):
        each.solve = lambda i, solved: (-np.inf, 0.0)  # no neighbour has anything better
        each.reconcile()
    assert sorted(own.points) == list(range(2 + PAST_PEAK)) and len(whole.points) == len(merits)
