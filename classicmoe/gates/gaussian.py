r"""Gaussian gating network: every expert has a region of x, described by a normal density.

.. math::

    g_k(x) = \frac{\pi_k\, \mathcal N(x; m_k, V_k)}{\sum_l \pi_l\, \mathcal N(x; m_l, V_l)}

The gate also models x: the engine maximises the joint likelihood of x and y, for which every update is closed form
(Xu, Jordan & Hinton 1995; cluster-weighted models, Gershenfeld 1997). The density is a linear Gaussian of the gate's
columns that sees an intercept only, so that every structure of its covariance is available here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from classicmoe.contracts import Array, Block, Design, Ground, Response, Step
from classicmoe.covariances import Dense, Diagonal
from classicmoe.covariances.linear import GaussianParameters, GaussianStatistics, LinearGaussian
from classicmoe.exceptions import ConfigurationError

T = TypeVar("T")
Covariance = Literal["full", "diag", "spherical"]


class GaussianGateParameters(NamedTuple):
    """Logarithms of the mixing weights (K,) and the densities of the columns."""

    log_weight: Array
    density: GaussianParameters


class GaussianGateStatistics(NamedTuple):
    """Sums of responsibilities (K,) and the statistics of the densities."""

    mass: Array
    density: GaussianStatistics


class _Density(LinearGaussian):
    """Normal densities of the gate's columns."""

    def __init__(self, structure: Dense | Diagonal):
        self.structure = structure


class _ColumnsAsResponse:
    """A block as the density of the gate's columns sees it: they are the response, the intercept the only column."""

    def __init__(self, block: Block):
        self._block = block
        self.gate_columns = self.expert_columns = block.gate_columns[:1]
        self.y = block.gate_columns[1:]
        self.stacked = block.gate_columns
        self.weight = block.weight
        self.offset: Array | None = None
        self.exposure: Array | None = None
        self.bounds: Array | None = None
        self.window: Array | None = None
        self.outside = False

    def scratch(self, name: str, rows: int) -> Array:
        return self._block.scratch("gate " + name, rows)

    def once(self, name: str, params: Any, compute: Callable[[], T]) -> T:
        return self._block.once("gate " + name, params, compute)

    def prepared(self, name: str, params: Any, compute: Callable[[], T]) -> T:
        return self._block.prepared("gate " + name, params, compute)


class GaussianGate(BaseEstimator):
    r"""Normal densities of the columns, weighted: :math:`\log g_k \propto \log\pi_k + \log \mathcal N(x; m_k, V_k)`.

    Parameters
    ----------
    covariance : {"full", "diag", "spherical"}, default="full"
        Structure of the covariances V_k. Spherical: in units of the standardised columns.
    scale : {"own", "shared"}, default="own"
        Whether every expert has its own covariance or all share one (the gate is then a softmax of linear scores).

    References
    ----------
    Xu, L., Jordan, M. I. and Hinton, G. E. (1995). An alternative model for mixtures of experts. NIPS 7.

    Examples
    --------
    >>> from classicmoe import MoERegressor, load_dataset
    >>> X, y = load_dataset("NOdata", return_X_y=True)
    >>> m = MoERegressor(2, gate="gaussian", random_state=0).fit(X, y)
    >>> m.gate_means_.shape
    (2, 1)
    """

    joint = True
    damped = False
    name = "gaussian"
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"covariance": get_args(Covariance), "scale": ("own", "shared")}

    def __init__(self, covariance: Covariance = "full", scale: Literal["own", "shared"] = "own"):
        self.covariance = covariance
        self.scale = scale

    @property
    def _density(self) -> _Density:
        if self.covariance == "full":
            return _Density(Dense(self.scale))
        return _Density(Diagonal(self.scale, self.covariance == "spherical"))

    def start(self, n_experts: int, width: int) -> GaussianGateParameters:
        """Return the same standard normal density for all experts: columns are centred and scaled.

        Raises
        ------
        ConfigurationError
            There is no column to have a density.
        """
        d = width - 1
        if d == 0:
            raise ConfigurationError("A Gaussian gate needs a column that varies; without one, use gate='constant'.")
        noise = self._density.structure.start(np.ones(d), np.eye(d), n_experts, 0.0)
        density = GaussianParameters(np.zeros((n_experts, d, 1)), noise)
        return GaussianGateParameters(np.full(n_experts, -np.log(n_experts)), density)

    def softened(self, ridge: float) -> GaussianGate:
        """Return itself: a density is never sharper than its rows."""
        return self

    def log_prob(self, params: GaussianGateParameters, block: Block) -> Array:
        """Return log pi_k + log N(x; m_k, V_k), (K, m): not normalised over experts, this is a joint likelihood."""

        def compute() -> Array:
            out = block.scratch("gate log", len(params.log_weight))
            density = self._density.log_density(params.density, _ColumnsAsResponse(block))
            return np.add(density, params.log_weight[:, None], out=out)

        return block.once("gate log", params, compute)

    def statistics(self, params: GaussianGateParameters, block: Block, resp: Array) -> GaussianGateStatistics:
        """Return the sums of responsibilities and the statistics of the densities."""
        self.log_prob(params, block)
        density = self._density.statistics(params.density, _ColumnsAsResponse(block), resp)
        return GaussianGateStatistics(density.mass.copy(), density)

    def update(
        self, params: GaussianGateParameters, statistics: GaussianGateStatistics, ground: Ground, step: Step = "full"
    ) -> GaussianGateParameters:
        """Return the weighted maximum; an expert without rows keeps a weight of 1e-300."""
        share = statistics.mass / statistics.mass.sum()
        density = self._density.update(params.density, statistics.density, ground)
        return GaussianGateParameters(np.log(np.maximum(share, 1e-300)), density)

    def at_floor(self, params: GaussianGateParameters, ground: Ground) -> NDArray[np.bool_]:
        """Return whether a density has collapsed, (K,)."""
        return self._density.at_floor(params.density, ground)

    def penalty(self, params: GaussianGateParameters) -> float:
        """Return 0."""
        return 0.0

    def score(self, params: GaussianGateParameters, statistics: GaussianGateStatistics) -> Array:
        """Return the derivative in the contrasts log(pi_k / pi_K) and in the densities."""
        by_weight = statistics.mass - statistics.mass.sum() * np.exp(params.log_weight)
        return np.concatenate([by_weight[:-1], self._density.score(params.density, statistics.density)])

    def scores(self, params: GaussianGateParameters, block: Block, resp: Array) -> Array:
        """Return each row's derivatives, (m, n_free)."""
        by_weight = (resp - block.weight * np.exp(params.log_weight)[:, None])[:-1].T
        self.log_prob(params, block)
        return np.hstack([by_weight, self._density.scores(params.density, _ColumnsAsResponse(block), resp)])

    def n_free(self, params: GaussianGateParameters) -> int:
        """Return K - 1 weights, means and covariances."""
        return len(params.log_weight) - 1 + self._density.n_free(params.density)

    def pack(self, params: GaussianGateParameters) -> Array:
        """Return log(pi_k / pi_K), means and free coordinates of the covariances."""
        contrasts = params.log_weight[:-1] - params.log_weight[-1]
        return np.concatenate([contrasts, self._density.pack(params.density)])

    def unpack(self, vector: Array, like: GaussianGateParameters) -> GaussianGateParameters:
        """Invert :meth:`pack`."""
        cut = len(like.log_weight) - 1
        logits = np.append(vector[:cut], 0.0)
        logits -= logits.max()
        log_weight = logits - np.log(np.exp(logits).sum())
        return GaussianGateParameters(log_weight, self._density.unpack(vector[cut:], like.density))

    def permute(self, params: GaussianGateParameters, order: NDArray[np.intp]) -> GaussianGateParameters:
        """Return the parameters with experts in another order."""
        return GaussianGateParameters(params.log_weight[order], self._density.permute(params.density, order))

    def to_raw(self, params: GaussianGateParameters, design: Design) -> GaussianGateParameters:
        """Translate to the user's units; columns that were left out have no density."""
        response = Response(design.center, design.scale)
        return params._replace(density=self._density.to_raw(params.density, _INTERCEPT, response))

    def from_raw(self, params: GaussianGateParameters, design: Design) -> GaussianGateParameters:
        """Translate from the user's units."""
        response = Response(design.center, design.scale)
        return params._replace(density=self._density.from_raw(params.density, _INTERCEPT, response))

    def log_units(self, design: Design) -> float:
        """Return the log-density lost per row by going from scaled columns to the user's units."""
        return float(np.log(design.scale).sum())

    def attributes(self, params: GaussianGateParameters) -> dict[str, Array]:
        """Return weights, means and covariances."""
        return {
            "gate_weights_": np.exp(params.log_weight),
            "gate_means_": params.density.coef[..., 0].copy(),
            "gate_covariances_": self._density.covariances(params.density),
        }

    def rows(self, attributes: Mapping[str, Array], names: list[str]) -> list[tuple[str, Array]]:
        """Return weights, means and standard deviations as rows of a table."""
        deviation = np.sqrt(np.diagonal(attributes["gate_covariances_"], axis1=1, axis2=2))
        table = [("(weight)", attributes["gate_weights_"])]
        for j, name in enumerate(names):
            table += [(f"mean of {name}", attributes["gate_means_"][:, j]), (f"sd of {name}", deviation[:, j])]
        return table

    def meaning(self, attributes: Mapping[str, Array]) -> str:
        """Return what the numbers of :meth:`rows` are."""
        return "normal densities of the columns"

    def influence(self, attributes: Mapping[str, Array]) -> Array:
        """Return how much one unit of each column matters, (p_gate,)."""
        deviation = np.sqrt(np.diagonal(attributes["gate_covariances_"], axis1=1, axis2=2)).mean(axis=0)
        return np.ptp(attributes["gate_means_"], axis=0) / np.square(deviation)

    def from_attributes(self, attributes: Mapping[str, Array]) -> GaussianGateParameters:
        """Rebuild the parameters from the fitted attributes."""
        noise = self._density.structure.from_dense(attributes["gate_covariances_"])
        density = GaussianParameters(attributes["gate_means_"][..., None], noise)
        return GaussianGateParameters(np.log(attributes["gate_weights_"]), density)


_NONE = np.zeros(0)
_INTERCEPT = Design(0, np.zeros(0, dtype=np.intp), _NONE, _NONE, np.zeros(0, dtype=np.intp), 0)
