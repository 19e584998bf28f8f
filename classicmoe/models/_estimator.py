"""What all estimators of this package share: questions asked of the one mixture that the fitted arrays describe."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from classicmoe import criteria
from classicmoe.contracts import Array, Response
from classicmoe.em.evaluate import Evaluator, Totals, raw_design
from classicmoe.em.mixture import Mixture, MixtureParameters
from classicmoe.em.source import ArraySource
from classicmoe.em.split import SplitStart
from classicmoe.exceptions import ConfigurationError, RowDataError
from classicmoe.experts import EXPERTS
from classicmoe.gates import GATES
from classicmoe.models import saving
from classicmoe.models.beside import Beside, check_family, check_support
from classicmoe.models.observed import as_seen
from classicmoe.models.rows import NOTHING, Reader
from classicmoe.models.settings import component
from classicmoe.models.tables import coefficient_table, summarise
from classicmoe.summary import Summary


class MixtureOfExperts(BaseEstimator):
    """Gate, likelihoods, criteria, tables and files of a fitted mixture of experts, whatever y is."""

    # -- the mixture behind the fitted attributes -----------------------------------------------------------------

    @property
    def _reader(self) -> Reader:
        return Reader(self.coder_, self.gate_features_, self.expert_features_)

    def _mixture(self) -> Mixture:
        return Mixture(component(self.gate, GATES, "gate"), component(self.expert, EXPERTS, "expert"))

    def _parameters(self) -> MixtureParameters:
        mixture, attributes = self._mixture(), vars(self)
        return MixtureParameters(mixture.gate.from_attributes(attributes), mixture.expert.from_attributes(attributes))

    def _evaluator(self, source: ArraySource | None = None) -> Evaluator:
        """Return the mixture to be asked about rows; about their responses if ``source`` is given."""
        check_is_fitted(self, "expert_mass_")
        gate, expert = self._reader.views()
        if hasattr(self, "gate_kept_"):
            gate = gate._replace(columns=gate.columns[self.gate_kept_])
        response = Response(np.zeros(self.n_outputs_), np.ones(self.n_outputs_))
        mixture = self._mixture() if source is None else as_seen(self._mixture(), source.all)
        return Evaluator(mixture, self._parameters(), raw_design(*gate), raw_design(*expert), response)

    @property
    def _k(self) -> int:
        return len(self.expert_mass_)

    @property
    def n_experts_(self) -> int:
        """Number of experts of the fitted model."""
        check_is_fitted(self, "expert_mass_")
        return self._k

    def _rows(
        self, X: Any, y: Any = None, sample_weight: Any = None, *, needs_y: bool = False, beside: Beside = NOTHING
    ) -> ArraySource:
        check_is_fitted(self, "expert_mass_")
        if needs_y and y is None:
            raise ConfigurationError("This compares with the response: pass y as well as X.")
        expert = self._mixture().expert
        check_family(expert, beside)
        for name, given in zip(Beside._fields, beside, strict=True):
            used = getattr(self, f"{name}_used_", False)
            if used and given is None and (needs_y or name == "offset"):
                raise RowDataError(
                    f"{type(self).__name__} was fitted with {name}=; pass {name}= of these rows as well."
                )
        source = self._reader.source(X, y, sample_weight, self.n_outputs_, type(self).__name__, beside)
        if needs_y:
            check_support(expert, source.y[:, 0], beside.checked(source.n_rows), source.weight, "y")
        return source

    # -- prediction -----------------------------------------------------------------------------------------------

    def predict_gate(self, X: Any, *, exposure: Any = None, offset: Any = None) -> Array:
        """Return P(expert | x), the gate's probabilities before y is known, (n, K); offsets have no part in it."""
        if offset is None and getattr(self, "offset_used_", False):
            offset = 0.0
        return np.exp(self._evaluator().gate(self._rows(X, beside=Beside(exposure, offset)), self._k))

    def responsibilities(self, X: Any, y: Any, *, exposure: Any = None, offset: Any = None) -> Array:
        """Return P(expert | x, y), the posterior once y is known, (n, K)."""
        source = self._rows(X, y, needs_y=True, beside=Beside(exposure, offset))
        return self._evaluator(source).responsibilities(source, self._k)

    # -- scores and criteria --------------------------------------------------------------------------------------

    def score_samples(self, X: Any, y: Any, *, exposure: Any = None, offset: Any = None) -> Array:
        """Return log p(y | x) per row, (n,)."""
        source = self._rows(X, y, needs_y=True, beside=Beside(exposure, offset))
        return self._evaluator(source).log_density(source)

    def log_likelihood(
        self, X: Any, y: Any, sample_weight: Any = None, *, exposure: Any = None, offset: Any = None
    ) -> float:
        """Return the unpenalised conditional log-likelihood sum_i w_i log p(y_i | x_i)."""
        return self._totals(X, y, sample_weight, Beside(exposure, offset)).log_likelihood

    def _totals(self, X: Any, y: Any, sample_weight: Any, beside: Beside) -> Totals:
        source = self._rows(X, y, sample_weight, needs_y=True, beside=beside)
        return self._evaluator(source).totals(source)

    @property
    def criterion_log_likelihood_(self) -> float:
        """What AIC, BIC and ICL are of: the joint log-likelihood of x and y if the gate models x, else that of y."""
        check_is_fitted(self, "expert_mass_")
        return float(getattr(self, "joint_log_likelihood_", self.log_likelihood_))

    def aic(self, X: Any, y: Any, sample_weight: Any = None, *, exposure: Any = None, offset: Any = None) -> float:
        """Return Akaike's criterion on the given rows; smaller is better. Joint likelihood for a Gaussian gate."""
        return criteria.aic(self._totals(X, y, sample_weight, Beside(exposure, offset)).maximised, self.n_parameters_)

    def bic(self, X: Any, y: Any, sample_weight: Any = None, *, exposure: Any = None, offset: Any = None) -> float:
        """Return Schwarz's criterion on the given rows, n = sum of weights; smaller is better.

        For a Gaussian gate it is of the joint likelihood of x and y.
        """
        totals = self._totals(X, y, sample_weight, Beside(exposure, offset))
        return criteria.bic(totals.maximised, self.n_parameters_, totals.weight)

    def icl(self, X: Any, y: Any, sample_weight: Any = None, *, exposure: Any = None, offset: Any = None) -> float:
        """Return BIC plus twice the entropy of the responsibilities; smaller is better."""
        totals = self._totals(X, y, sample_weight, Beside(exposure, offset))
        return criteria.icl(totals.maximised, self.n_parameters_, totals.weight, totals.entropy)

    def icl_hard(self, X: Any, y: Any, sample_weight: Any = None, *, exposure: Any = None, offset: Any = None) -> float:
        """Return BIC minus twice the log responsibility of every row's most likely expert; smaller is better."""
        source = self._rows(X, y, sample_weight, needs_y=True, beside=Beside(exposure, offset))
        weight = np.ones(source.n_rows) if source.weight is None else source.weight
        most = self.responsibilities(X, y, exposure=exposure, offset=offset).max(axis=1)
        return self.bic(X, y, sample_weight, exposure=exposure, offset=offset) - 2.0 * float(
            weight[weight > 0] @ np.log(most[weight > 0])
        )

    @property
    def _n_conditional(self) -> int | None:
        """Number of parameters of p(y | x) where it is known to be less than ``n_parameters_``, those of p(x, y).

        That is so for one expert: the density of x says nothing about y given x then. With more experts it is the gate.
        """
        mixture = self._mixture()
        if self._k > 1 or not mixture.gate.joint:
            return None
        return int(self.n_parameters_ - mixture.gate.n_free(self._parameters().gate))

    # -- tables ---------------------------------------------------------------------------------------------------

    def coefficients(self) -> Any:
        """Return all coefficients as a pandas data frame: part, expert, (output,) term, estimate."""
        check_is_fitted(self, "expert_mass_")
        return coefficient_table(self)

    def summary(self) -> Summary:
        """Return the fit in one text table (rich HTML in a notebook)."""
        check_is_fitted(self, "expert_mass_")
        return summarise(self)

    def gate_contrasts(self, reference: int = -1) -> tuple[Array, Array]:
        """Return the gate's slopes (K, p_gate) and intercepts (K,) with another expert as reference (all zero).

        They are log-odds: under a temperature, the effective ones.
        """
        check_is_fitted(self, "expert_mass_")
        if not hasattr(self, "gate_coef_"):
            gate = self._mixture().gate
            names = " and ".join(gate.attributes(self._parameters().gate))
            raise ConfigurationError(f"The {gate.name} gate has no log-odds linear in x; see {names}.")
        coef = getattr(self, "gate_coef_effective_", self.gate_coef_)
        intercept = getattr(self, "gate_intercept_effective_", self.gate_intercept_)
        return coef - coef[reference], intercept - intercept[reference]

    def relabel(self, order: Any) -> MixtureOfExperts:
        """Put the experts in another order, everywhere, without refitting.

        Parameters
        ----------
        order : sequence of int
            ``order[j]`` is the present position of the expert that becomes number j.
        """
        order = self._checked_order(order)
        mixture = self._mixture()
        params = mixture.permute(self._parameters(), order)
        for name, value in mixture.gate.attributes(params.gate).items():
            setattr(self, name, value)
        for name, value in mixture.expert.attributes(params.expert).items():
            setattr(self, name, value)
        self.expert_mass_ = self.expert_mass_[order]
        self.verdict_ = self.verdict_.moved({int(old): new for new, old in enumerate(order)})
        return self

    def split_start(self) -> SplitStart:
        """Return this solution as ``init=`` of a model with one expert more.

        Each of its experts that explains its rows worst is split; these starts come on top of the random ones and are
        not counted in the verdict.
        """
        check_is_fitted(self, "expert_mass_")
        return SplitStart(self._parameters(), self._k)

    def _checked_order(self, order: Any) -> NDArray[np.intp]:
        check_is_fitted(self, "expert_mass_")
        order = np.asarray(order)
        if sorted(order.tolist()) != list(range(self._k)):
            raise ConfigurationError(f"order must be a permutation of 0..{self._k - 1}, not {order.tolist()}.")
        return order

    # -- files ----------------------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model to one file: JSON and arrays, no pickle, no training rows.

        Raises
        ------
        ConfigurationError
            The model holds something that cannot be stored safely, named with the cure; nothing is written.
        """
        check_is_fitted(self, "expert_mass_")
        saving.save(self, path)

    def _array_names(self) -> list[str]:
        """Names of the fitted arrays that describe the mixture."""
        mixture, params = self._mixture(), self._parameters()
        names = [*mixture.gate.attributes(params.gate), *mixture.expert.attributes(params.expert)]
        return [*names, "expert_mass_"]

    def _more_state(self) -> dict[str, Any]:
        """Return what a model file must hold beside the settings and attributes of every estimator, as JSON."""
        return {}

    def _restore_more(self, state: dict[str, Any]) -> None:
        """Invert :meth:`_more_state`."""

    def _check_loaded(self) -> None:
        saving.check_arrays(self)

    @classmethod
    def _from_state(cls, header: dict[str, Any], arrays: dict[str, Array], blobs: dict[str, bytes]) -> Any:
        return saving.rebuild(cls(), header, arrays, blobs)
