r"""Linear constraints on the coefficients of gate and experts, in the user's units.

.. math::

    \sum_{kj} a_{kj} b_{kj} \le u, \quad = u \quad\text{or}\quad \ge u

What is known before any data are seen: that a price lowers demand, that shares add up to one, that an effect grows
from level to level of an ordered factor. Columns are named, or counted from 0, as in ``expert_coef_`` and
``gate_coef_``; ``"(intercept)"`` is the intercept. The name of a categorical column stands for all its coded columns,
in the order of their levels. Coefficients are those of the columns as they are, not of standardised ones.

Every constraint says which ``side`` it is about (``"expert"`` or ``"gate"``) and, where that makes sense, which
``expert``, counted from 0; None is each of them. Columns in constraints are in every working set, however many others
there are.

A gate in symmetric form is unchanged by one number added to a column of all experts, so that only differences between
experts can be constrained there; in the reference form the last expert's coefficients are zero, and those of the others
are log-odds against it.

Source: Gaines, Kim & Zhou (2018), Algorithms for fitting the constrained lasso, Journal of Computational and Graphical
Statistics 27, 861-871, for the Lasso with linear constraints and its degrees of freedom.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import Array
from classicmoe.exceptions import ConfigurationError
from classicmoe.penalties._constraint import (
    Column,
    Constraint,
    Places,
    Row,
    is_number,
    limits,
    wrong_equation,
    wrong_limits,
)

_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, repr=False)
class Sign(Constraint):
    """A coefficient that is not negative, or not positive.

    Parameters
    ----------
    column : str or int
        A categorical column: all its coded ones.
    sign : {"+", "-"}, default="+"
        ``"+"``: not negative.
    side : {"expert", "gate"}, default="expert"
    expert : int, optional
        Default: every expert.

    Examples
    --------
    >>> from classicmoe.penalties import Sign
    >>> Sign("price", "-")
    Sign('price', sign='-')
    """

    column: Column
    sign: Literal["+", "-"] = "+"
    expert: int | None = field(default=None, kw_only=True)

    def rows(self, places: Places) -> list[Row]:
        """Return a limit for every coefficient."""
        lower, upper = (0.0, np.inf) if self.sign == "+" else (-np.inf, 0.0)
        return [Row({(k, j): 1.0}, lower, upper) for k in places.of(self.expert) for j in places.positions(self.column)]

    def check_arguments(self) -> str | None:
        """Say what is wrong with the arguments."""
        if self.sign not in ("+", "-"):
            return f"sign must be '+' or '-', not {self.sign!r}"
        return super().check_arguments()


@dataclass(frozen=True, repr=False)
class Bounds(Constraint):
    """A coefficient between two numbers.

    Parameters
    ----------
    column : str or int
        A categorical column: all its coded ones.
    lower, upper : float, default=-inf, inf
        Equal: the coefficient is known.
    side : {"expert", "gate"}, default="expert"
    expert : int, optional
        Default: every expert.

    Examples
    --------
    >>> from classicmoe.penalties import Bounds
    >>> Bounds("income", 0.0, 1.0, expert=0)
    Bounds('income', lower=0.0, upper=1.0, expert=0)
    """

    column: Column
    lower: float = -np.inf
    upper: float = np.inf
    expert: int | None = field(default=None, kw_only=True)

    def rows(self, places: Places) -> list[Row]:
        """Return the limits of every coefficient."""
        return [
            Row({(k, j): 1.0}, self.lower, self.upper)
            for k in places.of(self.expert)
            for j in places.positions(self.column)
        ]

    def check_arguments(self) -> str | None:
        """Say what is wrong with the arguments."""
        return wrong_limits(self.lower, self.upper) or super().check_arguments()


@dataclass(frozen=True, repr=False)
class Sum(Constraint):
    """A sum of an expert's coefficients that is known, or lies between two numbers.

    Parameters
    ----------
    columns : sequence of str or int
    equals : float, optional
    lower, upper : float, default=-inf, inf
        Instead of ``equals``.
    side : {"expert", "gate"}, default="expert"
    expert : int, optional
        Default: the sum of every expert by itself.

    Examples
    --------
    Constant returns to scale:

    >>> from classicmoe.penalties import Sum
    >>> Sum(["labour", "capital"], equals=1.0)
    Sum(['labour', 'capital'], equals=1.0)
    """

    columns: Sequence[Column]
    equals: float | None = None
    lower: float = -np.inf
    upper: float = np.inf
    expert: int | None = field(default=None, kw_only=True)

    def rows(self, places: Places) -> list[Row]:
        """Return a limit for every expert."""
        lower, upper = limits(self.equals, self.lower, self.upper)
        positions = places.all_of(self.columns)
        return [
            Row({(k, j): float(positions.count(j)) for j in positions}, lower, upper) for k in places.of(self.expert)
        ]

    def check_arguments(self) -> str | None:
        """Say what is wrong with the arguments."""
        return wrong_equation(self.equals, self.lower, self.upper) or super().check_arguments()


@dataclass(frozen=True, repr=False)
class Increasing(Constraint):
    """Coefficients of an expert that do not fall from column to column: the effect of an ordered factor.

    Parameters
    ----------
    columns : sequence of str or int, or str
        In the order in which coefficients rise; the name of a categorical column is that of its levels. Turn a list
        round for an effect that falls.
    from_zero : bool, default=False
        Whether the first one is not negative: columns of a factor whose reference level, with effect zero, comes first.
    side : {"expert", "gate"}, default="expert"
    expert : int, optional
        Default: every expert.

    Examples
    --------
    >>> from classicmoe.penalties import Increasing
    >>> Increasing(["school[2]", "school[3]"], from_zero=True)
    Increasing(['school[2]', 'school[3]'], from_zero=True)
    """

    columns: Sequence[Column] | Column
    from_zero: bool = False
    expert: int | None = field(default=None, kw_only=True)

    def rows(self, places: Places) -> list[Row]:
        """Return a limit for every two neighbours."""
        positions, out = places.all_of(self.columns), []
        for k in places.of(self.expert):
            if self.from_zero and positions:
                out.append(Row({(k, positions[0]): 1.0}, 0.0, np.inf))
            out += [Row({(k, j): -1.0, (k, i): 1.0}, 0.0, np.inf) for j, i in pairwise(positions)]
        return out


@dataclass(frozen=True, repr=False)
class Ordered(Constraint):
    """A column's coefficient that does not fall from expert to expert.

    Parameters
    ----------
    column : str or int
    experts : sequence of int, optional
        In the order in which coefficients rise. Default: all.
    side : {"expert", "gate"}, default="expert"

    Examples
    --------
    >>> from classicmoe.penalties import Ordered
    >>> Ordered("dose", experts=(1, 0))
    Ordered('dose', experts=(1, 0))
    """

    column: Column
    experts: Sequence[int] | None = None

    def rows(self, places: Places) -> list[Row]:
        """Return a limit for every two neighbours."""
        experts = places.experts if self.experts is None else list(self.experts)
        return [
            Row({(k, j): -1.0, (m, j): 1.0}, 0.0, np.inf)
            for j in places.positions(self.column)
            for k, m in pairwise(experts)
        ]

    def check_arguments(self) -> str | None:
        """Say what is wrong with the arguments."""
        if self.experts is not None and (not isinstance(self.experts, Sequence) or isinstance(self.experts, str)):
            return f"experts must be a list of experts in order, not {self.experts!r}"
        return super().check_arguments()

    @property
    def named_experts(self) -> list[int]:
        """The experts that are named; the order of all of them names all."""
        return [0] if self.experts is None else list(self.experts)


@dataclass(frozen=True, repr=False)
class Linear(Constraint):
    """Any weighted sum of coefficients that is known, or lies between two numbers.

    Parameters
    ----------
    terms : sequence of (float, str or int, int)
        Weight, column and expert of every coefficient in the sum.
    equals : float, optional
    lower, upper : float, default=-inf, inf
        Instead of ``equals``.
    side : {"expert", "gate"}, default="expert"

    Examples
    --------
    Expert 1 reacts at least twice as much as expert 0:

    >>> from classicmoe.penalties import Linear
    >>> Linear([(1.0, "dose", 1), (-2.0, "dose", 0)], lower=0.0)
    Linear([(1.0, 'dose', 1), (-2.0, 'dose', 0)], lower=0.0)
    """

    terms: Sequence[tuple[float, Column, int]]
    equals: float | None = None
    lower: float = -np.inf
    upper: float = np.inf

    def rows(self, places: Places) -> list[Row]:
        """Return the limits of the sum."""
        total: dict[tuple[int, int], float] = {}
        for weight, column, k in self.terms:
            for j in places.positions(column):
                total[k, j] = total.get((k, j), 0.0) + float(weight)
        return [Row(total, *limits(self.equals, self.lower, self.upper))]

    def check_arguments(self) -> str | None:
        """Say what is wrong with the arguments."""
        for term in self.terms:
            if not isinstance(term, Sequence) or isinstance(term, str) or len(term) != 3 or not is_number(term[0]):
                return f"terms must be triples of a weight, a column and an expert, not {term!r}"
        return wrong_equation(self.equals, self.lower, self.upper) or super().check_arguments()

    @property
    def named_experts(self) -> list[int]:
        """The experts that are named."""
        return [k for _, _, k in self.terms]


KINDS: dict[str, type[Constraint]] = {own.__name__: own for own in (Sign, Bounds, Sum, Increasing, Ordered, Linear)}


def from_state(state: Mapping[str, Any]) -> Constraint:
    """Invert :meth:`Constraint.to_state`."""
    arguments = dict(state)
    return KINDS[arguments.pop("kind")](**arguments)


# -- the solver -------------------------------------------------------------------------------------------------------


def need_cvxpy() -> None:
    """Raise ConfigurationError if cvxpy is not installed."""
    if find_spec("cvxpy") is None:
        raise ConfigurationError(
            'Constraints need the package cvxpy, which is not installed: pip install "classicmoe[constraints]"'
        )


def conic(
    hessian: Array, slope: Array, threshold: Array, rows: Array, bound: Array, exact: NDArray[np.bool_]
) -> tuple[Array, Array] | None:
    r"""Return a maximum of :math:`h^\top x - x^\top H x / 2 - t^\top |x|` within limits, and multipliers.

    By Clarabel, an interior-point method: more accurate (to about 1e-8) than first-order ones. The problem
    is stated anew every time: from 40 variables on a parametrised one takes longer. None if there is no
    solution.
    """
    with _ONE_AT_A_TIME, warnings.catch_warnings():  # neither the filters of warnings nor cvxpy are safe among threads
        warnings.simplefilter("ignore")  # "may be inaccurate": what follows checks
        import cvxpy

        cp: Any = cvxpy
        x = cp.Variable(len(slope))
        below, equal = rows[~exact] @ x <= bound[~exact], rows[exact] @ x == bound[exact]
        sides = [(limit, some) for limit, some in ((below, ~exact), (equal, exact)) if some.any()]
        cost = 0.5 * cp.quad_form(x, cp.psd_wrap(hessian)) - slope @ x + threshold @ cp.abs(x)
        problem = cp.Problem(cp.Minimize(cost), [limit for limit, _ in sides])
        try:
            problem.solve(solver="CLARABEL", warm_start=False)
        except cp.SolverError:
            return None
    if x.value is None:
        return None
    multipliers = np.zeros(len(bound))
    for limit, some in sides:
        multipliers[some] = limit.dual_value
    return np.asarray(x.value), multipliers
