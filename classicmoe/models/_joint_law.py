"""Questions asked of a fitted joint law of x and y: both directions, blocks, order of experts and files."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from classicmoe.contracts import Array, Response
from classicmoe.covariances import Dense, Factor
from classicmoe.distributions.gaussian import GaussianComponents, JointGaussianComponents
from classicmoe.em.evaluate import Evaluator, raw_design
from classicmoe.em.mixture import Mixture, MixtureParameters
from classicmoe.em.source import ArraySource
from classicmoe.em.split import SplitStart
from classicmoe.exceptions import ConfigurationError, DataError
from classicmoe.models._base import BaseMoERegressor
from classicmoe.models.beside import Beside
from classicmoe.models.gaussian_fit import as_inverse
from classicmoe.models.gaussian_publishing import ARRAYS, check_arrays, rebuild_joint
from classicmoe.models.inverse_regression import (
    ForwardExpert,
    ForwardGate,
    ForwardParameters,
    Joint,
    forward,
    inverse_law,
    row_components,
)
from classicmoe.models.noise import NOISE, fitted_structure, noise_structure
from classicmoe.models.partitions import block_names
from classicmoe.models.response import check_response
from classicmoe.models.rows import NOTHING
from classicmoe.models.swapped import chunk_rows
from classicmoe.predictive import MixtureDistribution


class JointLawRegressor(BaseMoERegressor):
    """Everything but the fit of a mixture whose attributes describe the joint law."""

    noise_covariance: str
    n_latent: int

    @property
    def _structure(self) -> Any:
        if hasattr(self, "expert_mass_"):
            return fitted_structure(vars(self))  # arguments may have been set anew since
        return noise_structure(self.noise_covariance, self.n_latent)

    # -- the mixture behind the fitted attributes -----------------------------------------------------------------

    def _mixture(self) -> Mixture:
        structure = self._structure
        return Mixture(ForwardGate(structure), ForwardExpert(structure))  # type: ignore[arg-type]  # not fitted itself

    def _parameters(self) -> MixtureParameters:
        joint = rebuild_joint(vars(self), self._structure)
        params = ForwardParameters(joint, forward(joint, self._structure))
        return MixtureParameters(params, params)

    def _evaluator(self, source: ArraySource | None = None) -> Evaluator:
        view = self._reader.views()[1]
        design = raw_design(view.table, view.columns[self.gate_kept_])
        response = Response(np.zeros(self.n_outputs_), np.ones(self.n_outputs_))
        return Evaluator(self._mixture(), self._parameters(), design, design, response)

    def _rows(
        self, X: Any, y: Any = None, sample_weight: Any = None, *, needs_y: bool = False, beside: Beside = NOTHING
    ) -> ArraySource:
        source = super()._rows(X, y, sample_weight, needs_y=needs_y, beside=beside)
        if source.all.partly_known:
            raise ConfigurationError(f"{type(self).__name__} takes exact responses only.")
        source.chunk_rows = min(source.chunk_rows, chunk_rows(self._k, len(self.gate_kept_)))
        return source

    # -- what only the joint law can answer -------------------------------------------------------------------------

    @property
    def gate_covariances_(self) -> Array:
        """Covariances V_k of x given the expert, (K, d, d); made when asked for."""
        check_is_fitted(self, "expert_mass_")
        joint = self._parameters().gate.joint
        return self._structure.dense(joint.noise) + joint.slope @ joint.spread @ joint.slope.transpose(0, 2, 1)

    def joint_score_samples(self, X: Any, y: Any) -> Array:
        """Return log p(x, y) per row, (n,); ``score_samples`` is log p(y | x)."""
        return self._evaluator().log_densities(self._rows(X, y, needs_y=True))[0]

    def joint_log_likelihood(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return sum_i w_i log p(x_i, y_i); ``log_likelihood`` is of y given x."""
        return self._totals(X, y, sample_weight, NOTHING).maximised

    def predict_dist(self, X: Any, *, exposure: Any = None, offset: Any = None) -> MixtureDistribution:
        """Return the distribution of y given x, parameters taken as known.

        Returns
        -------
        classicmoe.predictive.MixtureDistribution
        """
        source, evaluator = self._rows(X, beside=Beside(exposure, offset)), self._evaluator()
        log_weights = evaluator.gate(source, self._k)
        means = evaluator.means(source, self._k)
        if not any(np.isnan(table).any() for table in source.tables):
            components = self._mixture().expert.conditional(evaluator.params.expert, means)
        else:
            params, q = evaluator.params.expert, self.n_outputs_
            expert = ForwardExpert(self._structure)
            flat = evaluator.collect(
                source, self._k * q * q, lambda block: expert.covariances(params, block).reshape(block.m, -1).T
            )
            components = row_components(means, flat.reshape(-1, self._k, q, q))
        return MixtureDistribution(log_weights, components, log=True)

    def inverse_predict(self, y: Any) -> Array:
        r"""Return E[x | y], the experts' means of x weighted by how well they explain y.

        Parameters
        ----------
        y : array-like of shape (n,) or (n, q)

        Returns
        -------
        ndarray of shape (n, d)
            d counts the columns that vary, ``gate_kept_``.
        """
        log_weights, means = inverse_law(self._fitted_joint(), self._responses(y))
        return np.einsum("nk,nkd->nd", np.exp(log_weights), means)

    def inverse_predict_dist(self, y: Any) -> MixtureDistribution:
        """Return the distribution of x given y; its covariances are d x d."""
        joint = self._fitted_joint()
        log_weights, means = inverse_law(joint, self._responses(y))
        covariances = self._structure.dense(joint.noise)
        if means.shape[2] == 1:
            components: Any = GaussianComponents(means[..., 0], np.sqrt(covariances[:, 0, 0]))
        else:
            components = JointGaussianComponents(means, covariances)
        return MixtureDistribution(log_weights, components, log=True)

    def _fitted_joint(self) -> Joint:
        check_is_fitted(self, "expert_mass_")
        return rebuild_joint(vars(self), self._structure)

    def _responses(self, y: Any) -> Array:
        values = check_response(y, vary=False, owner=type(self).__name__)
        values = values if values.ndim == 2 else values[:, None]
        if values.shape[1] != self.n_outputs_:
            raise DataError(f"y has {values.shape[1]} outputs, but the model was fitted with {self.n_outputs_}.")
        return values

    @property
    def _n_conditional(self) -> int | None:
        """One expert with a free covariance of (x, y) is the linear regression of y on x.

        Other noise restricts that regression, and how many parameters of the joint law it takes is not known: None.
        """
        q, d, structure = self.n_outputs_, len(self.gate_kept_), self._structure
        free = isinstance(structure, Dense) or (d == 1 and not isinstance(structure, Factor))
        if self._k > 1 or not free:
            return None
        return q * (d + 1) + q * (q + 1) // 2

    @property
    def blocks_(self) -> list[list[list[str]]]:
        """Names of the columns in every block of every expert, largest blocks first."""
        check_is_fitted(self, "block_labels_")
        names = [self.expert_features_.names_out[i] for i in self.gate_kept_]
        return [block_names(labels, names) for labels in self.block_labels_]

    # -- order and files --------------------------------------------------------------------------------------------

    def split_start(self) -> SplitStart:
        """Return this solution as ``init=`` of a model with one expert more; see :meth:`MoERegressor.split_start`."""
        return SplitStart(as_inverse(self._fitted_joint()), self._k)

    def relabel(self, order: Any) -> JointLawRegressor:
        """Put the experts in another order, everywhere, without refitting; see :meth:`MoERegressor.relabel`."""
        order = self._checked_order(order)
        for name in (*ARRAYS, *NOISE):
            if hasattr(self, name):
                setattr(self, name, getattr(self, name)[order])
        for row in getattr(self, "block_path_", []):
            row["n_blocks"] = [row["n_blocks"][i] for i in order]
        self.verdict_ = self.verdict_.moved({int(old): new for new, old in enumerate(order)})
        return self

    def _array_names(self) -> list[str]:
        return [*ARRAYS, *(name for name in NOISE if hasattr(self, name))]

    def _check_loaded(self) -> None:
        check_arrays(self)
