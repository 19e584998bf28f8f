"""What a gate, an expert family and a block of rows promise to each other.

A *component* (gate or expert family) holds hyperparameters only. Its *parameters* travel as a NamedTuple of arrays
with the expert axis first; its *statistics* are a NamedTuple of plain sums over rows. The engine adds the statistics
of blocks and never looks inside; a component never learns where the rows are.

Scales: inside the engine columns are centred and scaled and responses standardised (:class:`Design`,
:class:`Response`); ``to_raw`` and ``from_raw`` translate the parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
Scaling = Literal["standard", "robust", "none"]
Measure = Literal["counting", "lebesgue", "mixed"]
Array = NDArray[np.floating[Any]]  # float64; NumPy types what linear algebra returns no closer than this
Step = Literal["full", "half", "tenth", "hundredth", "safe"]
SHARE: dict[Step, float] = {"full": 1.0, "half": 0.5, "tenth": 0.1, "hundredth": 0.01, "safe": 0.0}
Parameters = Any  # a NamedTuple of arrays, expert axis first
Statistics = Any  # a NamedTuple of arrays, each a sum over rows


class Design(NamedTuple):
    """Which columns of a table a component sees, and how they are centred and scaled.

    ``columns`` are indices into table number ``table``; the intercept comes first and is not among them.
    ``n_columns`` counts the columns before constant and collinear ones were left out (``kept`` are the others).
    """

    table: int
    columns: NDArray[np.intp]
    center: Array
    scale: Array
    kept: NDArray[np.intp]
    n_columns: int

    @property
    def width(self) -> int:
        """Number of columns with the intercept."""
        return len(self.columns) + 1

    def to_raw(self, coef: Array) -> Array:
        """Translate (..., width) coefficients of scaled columns to (..., 1 + n_columns) of the raw ones."""
        raw = np.zeros((*coef.shape[:-1], 1 + self.n_columns))
        slopes = coef[..., 1:] / self.scale
        raw[..., 1 + self.kept] = slopes
        raw[..., 0] = coef[..., 0] - slopes @ self.center
        return raw

    def from_raw(self, raw: Array) -> Array:
        """Translate raw coefficients back; coefficients of columns that were left out are ignored."""
        slopes = raw[..., 1 + self.kept]
        intercept = raw[..., :1] + (slopes @ self.center)[..., None]
        return np.concatenate([intercept, slopes * self.scale], axis=-1)


class Response(NamedTuple):
    """Location and scale (q,) with which responses are standardised inside the engine."""

    center: Array
    scale: Array


class Ground(NamedTuple):
    """Sums over all rows that do not depend on the parameters, taken once per fit.

    ``gate_gram`` (p_gate, p_gate), ``expert_gram`` (p_expert, p_expert), ``expert_cross`` (q, p_expert) and
    ``response_gram`` (q, q) are weighted cross products of the scaled columns and responses; the last is None for
    experts that only ask for its diagonal ``response_squares`` (q,). ``response_weight`` (q,) is the weight of the
    rows in which the output has a density: it is neither missing nor known up to an interval only. ``floor`` is the
    lowest variance an expert may have, in units of the (standardised) response. ``response_mean`` (q,) and
    ``response_variance`` (q,) are those of the response in the engine's units; where rows have exposures the mean is
    total response over total exposure. ``unit`` is its typical
    deviation: 1 where the engine scales it.
    """

    rows: int
    weight: float
    gate_gram: Array
    expert_gram: Array
    expert_cross: Array
    response_squares: Array
    response_gram: Array | None
    response_weight: Array
    floor: float
    response_mean: Array
    response_variance: Array
    unit: float


class Block(Protocol):
    """One chunk of rows as components see it: expert-major, float64, rows contiguous."""

    gate_columns: Array  # (p_gate, m), first row ones
    expert_columns: Array  # (p_expert, m), first row ones
    y: Array  # (q, m)
    stacked: Array  # (p_expert + q, m), expert_columns above y
    weight: Array  # (m,)
    offset: Array | None  # (m,), added to every expert's linear predictor
    exposure: Array | None  # (m,)
    bounds: Array | None  # (2, m): lower < y <= upper, equal where y is exact
    window: Array | None  # (2, m): only rows with lower < y <= upper were seen
    outside: bool  # of y is known that it was not in the window, and nothing else

    def scratch(self, name: str, rows: int) -> Array:
        """Return a reusable (rows, m) array."""
        ...

    def once(self, name: str, params: Parameters, compute: Callable[[], T]) -> T:
        """Return ``compute()``, computed once for this block and these parameters."""
        ...

    def prepared(self, name: str, params: Parameters, compute: Callable[[], T]) -> T:
        """Return ``compute()``, computed once for these parameters, whatever the rows."""
        ...


class Gate(Protocol):
    """p(expert | x), or p(expert, x) when ``joint``: the engine then maximises the joint likelihood of x and y."""

    joint: bool
    damped: bool  # its full step may be too long, so that smaller ones are worth a pass

    def start(self, n_experts: int, width: int) -> Parameters:
        """Return parameters that treat all experts alike."""
        ...

    def softened(self, ridge: float) -> Gate:
        """Return a gate that separates experts less, for the first passes of a start; itself if it cannot."""
        ...

    def log_prob(self, params: Parameters, block: Block) -> Array:
        """Return log p(expert | x), or log p(expert, x) when joint, (K, m)."""
        ...

    def at_floor(self, params: Parameters, ground: Ground) -> NDArray[np.bool_]:
        """Return which experts' regions have collapsed, (K,)."""
        ...

    def log_units(self, design: Design) -> float:
        """Return what a row's log-likelihood loses by going from scaled columns to the user's units."""
        ...

    def rows(self, attributes: Mapping[str, Array], names: list[str]) -> list[tuple[str, Array]]:
        """Return the fitted gate as rows of a table: a term and a number per expert."""
        ...

    def meaning(self, attributes: Mapping[str, Array]) -> str:
        """Return what the numbers of :meth:`rows` are."""
        ...

    def influence(self, attributes: Mapping[str, Array]) -> Array:
        """Return how much one unit of each column matters to who is asked, (p_gate,)."""
        ...

    def statistics(self, params: Parameters, block: Block, resp: Array) -> Statistics:
        """Return additive statistics; each column of ``resp`` (K, m) sums to the row's weight."""
        ...

    def update(self, params: Parameters, statistics: Statistics, ground: Ground, step: Step = "full") -> Parameters:
        """Return the next parameters; ``"safe"`` cannot lower the objective."""
        ...

    def penalty(self, params: Parameters) -> float:
        """Return what is subtracted from the log-likelihood."""
        ...

    def score(self, params: Parameters, statistics: Statistics) -> Array:
        """Return the derivative of the penalised log-likelihood in the packed parameters, (n_free,)."""
        ...

    def scores(self, params: Parameters, block: Block, resp: Array) -> Array:
        """Return the rows' derivatives of the log-likelihood in the packed parameters, (m, n_free)."""
        ...

    def n_free(self, params: Parameters) -> int:
        """Return the number of free parameters."""
        ...

    def pack(self, params: Parameters) -> Array:
        """Return the free parameters as an unconstrained vector."""
        ...

    def unpack(self, vector: Array, like: Parameters) -> Parameters:
        """Invert :meth:`pack`; ``like`` gives the shapes."""
        ...

    def permute(self, params: Parameters, order: NDArray[np.intp]) -> Parameters:
        """Return the parameters with experts in another order."""
        ...

    def to_raw(self, params: Parameters, design: Design) -> Parameters:
        """Translate to the user's units."""
        ...

    def from_raw(self, params: Parameters, design: Design) -> Parameters:
        """Translate from the user's units."""
        ...

    def attributes(self, params: Parameters) -> dict[str, Array]:
        """Return parameters in the user's units as public fitted attributes, by name."""
        ...

    def from_attributes(self, attributes: Mapping[str, Array]) -> Parameters:
        """Rebuild the parameters (in the user's units) from the fitted attributes."""
        ...


class Expert(Protocol):
    """p(y | x, expert); the methods it shares with a gate mean the same.

    ``scaling`` says how the engine scales the response: by mean and standard deviation, by median and median
    deviation, or not at all (counts). ``one_unit`` says that the family is one of outputs in the same unit, so that
    all are scaled alike; ``diagonal_only`` that it needs no cross products of outputs; ``tolerates_missing`` that
    entries of y may be NaN; ``damped`` that its full step may be too long, so that smaller ones are worth a pass.
    ``measure`` says what its log-density is the logarithm of: probabilities of single numbers ("counting"), a density
    per unit of y ("lebesgue"), or of either kind at different numbers ("mixed").
    """

    name: str
    measure: Measure
    scaling: Scaling
    one_unit: bool
    diagonal_only: bool
    tolerates_missing: bool
    damped: bool

    def working(self, y: Array) -> Array:
        """Return responses (q, m) as starts see them: on a scale on which they are roughly symmetric."""
        ...

    def start(self, n_experts: int, ground: Ground) -> Parameters:
        """Return the pooled fit, the same for all experts."""
        ...

    def log_density(self, params: Parameters, block: Block) -> Array:
        """Return log p(y | x, expert), (K, m)."""
        ...

    def location(self, params: Parameters, block: Block) -> Array:
        """Return what with the parameters fixes the distribution of y given x and expert, (K, r, m)."""
        ...

    def mean(self, params: Parameters, block: Block) -> Array:
        """Return E[y | x, expert], (K, q, m)."""
        ...

    def spread(self, params: Parameters) -> Array:
        """Return a scale per expert, (K,), for recognising spikes."""
        ...

    def at_floor(self, params: Parameters, ground: Ground) -> NDArray[np.bool_]:
        """Return which experts sit on the floor of their scale, (K,)."""
        ...

    def statistics(self, params: Parameters, block: Block, resp: Array) -> Statistics:
        """Return additive statistics."""
        ...

    def update(self, params: Parameters, statistics: Statistics, ground: Ground, step: Step = "full") -> Parameters:
        """Return the next parameters."""
        ...

    def penalty(self, params: Parameters) -> float:
        """Return what is subtracted from the log-likelihood."""
        ...

    def score(self, params: Parameters, statistics: Statistics) -> Array:
        """Return the derivative of the penalised log-likelihood in the packed parameters."""
        ...

    def scores(self, params: Parameters, block: Block, resp: Array) -> Array:
        """Return the rows' derivatives of the log-likelihood, (m, n_free)."""
        ...

    def n_free(self, params: Parameters) -> int:
        """Return the number of free parameters."""
        ...

    def pack(self, params: Parameters) -> Array:
        """Return the free parameters as an unconstrained vector."""
        ...

    def unpack(self, vector: Array, like: Parameters) -> Parameters:
        """Invert :meth:`pack`."""
        ...

    def permute(self, params: Parameters, order: NDArray[np.intp]) -> Parameters:
        """Return the parameters with experts in another order."""
        ...

    def to_raw(self, params: Parameters, design: Design, response: Response) -> Parameters:
        """Translate to the user's units."""
        ...

    def from_raw(self, params: Parameters, design: Design, response: Response) -> Parameters:
        """Translate from the user's units."""
        ...

    def attributes(self, params: Parameters) -> dict[str, Array]:
        """Return parameters in the user's units as public fitted attributes, by name."""
        ...

    def from_attributes(self, attributes: Mapping[str, Array]) -> Parameters:
        """Rebuild the parameters (in the user's units) from the fitted attributes."""
        ...

    def sort_keys(self, params: Parameters) -> Array:
        """Return what experts are put in order by, (n_keys, K), the first key first: their means where x is average."""
        ...

    def conditional(self, params: Parameters, location: Array, exposure: Array | None) -> Any:
        """Return the distributions of y at locations (n, K, r) and exposures (n,), for predictive distributions."""
        ...

    def shapes(self, n_experts: int, n_outputs: int, n_columns: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the fitted attributes, by name."""
        ...
