"""The grid of penalties: close where the pilot's solutions enter it, wide beyond."""

from types import SimpleNamespace

import numpy as np
import pytest

from classicmoe.lasso.search import BELOW, LassoSearch
from classicmoe.lasso.terms import geometric

TOP, SHARE, N, RATIO, ENTRY = 40.0, 1e-3, 6, 0.5, 8.0


class Problem:
    """Whose strongest penalty is known."""

    def grid(self, null, alpha_gate, alpha_expert, ratio, share, n):
        own = geometric(TOP, share, n).tolist()
        gate, expert = (given is None for given in (alpha_gate, alpha_expert))
        scale = ratio if expert else 1.0
        return [(scale * a if gate else alpha_gate, a if expert else alpha_expert) for a in own], 0


def grid(given=(None, None), entry=ENTRY, pilot=True):
    pilot = SimpleNamespace(entries=((9.0, entry), (9.0, entry))) if pilot else None
    found, first = LassoSearch(Problem()).grid(None, given, RATIO, SHARE, N, pilot)
    assert first == 0
    return np.array(found, dtype=float)


@pytest.mark.parametrize("given", [(None, None), (3.0, None), (None, 2.0)])
def test_points_are_close_down_to_below_the_entries_and_go_on_beyond(given):
    varies = 0 if given[1] is not None else 1
    alphas = grid(given)
    own = np.concatenate([np.geomspace(TOP, BELOW * ENTRY, N), np.geomspace(BELOW * ENTRY, SHARE * TOP, N + 1)[1:]])
    np.testing.assert_allclose(alphas[:, varies], own, rtol=1e-12)
    other = RATIO * own if given == (None, None) else np.full(len(own), given[1 - varies])
    np.testing.assert_allclose(alphas[:, 1 - varies], other, rtol=1e-12)


def test_without_a_pilot_or_with_entries_as_weak_as_the_end_it_is_one_piece():
    plain = np.geomspace(TOP, SHARE * TOP, N)
    for alphas in (grid(pilot=False), grid(entry=SHARE * TOP)):
        np.testing.assert_allclose(alphas[:, 1], plain, rtol=1e-12)


def test_entries_beyond_the_top_leave_half_of_it():
    assert grid(entry=100.0 * TOP)[N - 1, 1] == pytest.approx(0.5 * TOP, rel=1e-12)
