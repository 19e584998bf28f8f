"""The fit by EM that estimators of one mixture share: arguments, where rows come from, and what is published."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, NoReturn

import numpy as np
from sklearn.utils.validation import check_is_fitted

from classicmoe.contracts import Array, Expert, Gate
from classicmoe.em.loop import Control
from classicmoe.em.mixture import Mixture, MixtureParameters
from classicmoe.em.runs import Run
from classicmoe.em.source import ArraySource, Batches
from classicmoe.em.split import NestedStart
from classicmoe.em.threads import count_workers
from classicmoe.exceptions import ColumnError, ConfigurationError
from classicmoe.messages import name_list
from classicmoe.models._estimator import MixtureOfExperts
from classicmoe.models.beside import Beside, check_family
from classicmoe.models.cautions import warn_about
from classicmoe.models.fitting import Plan, Result, fit_mixture
from classicmoe.models.formula import split_formula
from classicmoe.models.frames import as_table
from classicmoe.models.observed import as_seen
from classicmoe.models.publishing import publish
from classicmoe.models.rows import NOTHING, Rows, rows_of_arrays, rows_of_batches
from classicmoe.models.settings import seeds


class Asked(NamedTuple):
    """What a fit is asked to be about, formulas resolved: columns of X, response and what each side sees."""

    X: Any
    y: Any
    gate: Any
    expert: Any


class FittedByEM(MixtureOfExperts):
    """Any gate and any family of experts, fitted to rows of X and y."""

    def __init__(
        self,
        n_experts: int = 2,
        gate: str | Gate = "softmax",
        expert: str | Expert = "gaussian",
        *,
        gate_features: Any = None,
        expert_features: Any = None,
        n_init: int = 20,
        n_refine: int | None = None,
        tol: float = 1e-8,
        max_iter: int = 1000,
        acceleration: Literal["squarem", "anderson", "none"] = "squarem",
        weight_type: Literal["frequency", "sampling"] = "frequency",
        init: str | Array = "auto",
        unseen: Literal["error", "reference"] = "error",
        random_state: Any = None,
        n_jobs: int | None = None,
        warm_start: bool = False,
        verbose: int = 0,
    ):
        self.n_experts = n_experts
        self.gate = gate
        self.expert = expert
        self.gate_features = gate_features
        self.expert_features = expert_features
        self.n_init = n_init
        self.n_refine = n_refine
        self.tol = tol
        self.max_iter = max_iter
        self.acceleration = acceleration
        self.weight_type = weight_type
        self.init = init
        self.unseen = unseen
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.warm_start = warm_start
        self.verbose = verbose

    def _asked(self, X: Any, y: Any, data: Any) -> Asked:
        """Resolve formulas and check what the gate can see."""
        gate, expert = self.gate_features, self.expert_features
        if isinstance(X, str):
            X, y, expert, gate = self._formula(X, y, data)
        elif data is not None:
            raise ConfigurationError('data= goes with a formula: fit("y ~ a + b | a", data=df).')
        if getattr(self._mixture().gate, "name", "") == "constant":
            # A formula without a bar gives both sides the same text.
            same = isinstance(gate, str) and (gate == "1" or (isinstance(expert, str) and gate == expert))
            if gate is not None and np.size(gate) > 0 and not same:
                raise ConfigurationError("A constant gate sees no columns: leave gate_features (or the bar) out.")
            gate = []
        return Asked(X, y, gate, expert)

    def _read(self, asked: Asked, sample_weight: Any, beside: Beside) -> Rows:
        """Check all rows and return them as a source."""
        X, y, gate, expert = asked
        owner = type(self).__name__
        if isinstance(X, Batches):
            if y is not None or sample_weight is not None or beside != NOTHING:
                raise ConfigurationError(
                    "Batches carry y and weights themselves; pass them there. They have no exposures and offsets."
                )
            return rows_of_batches(X, gate, expert, self.unseen, self.weight_type, owner)
        family = self._mixture().expert
        return rows_of_arrays(
            X, y, sample_weight, gate, expert, self.unseen, self.weight_type, owner, beside=beside, family=family
        )

    def _check_rows(self, X: Any, y: Any, sample_weight: Any, exposure: Any = None, offset: Any = None) -> Rows:
        """Read the rows as a fit would, so that what is wrong with them is said."""
        beside = Beside(exposure, offset)
        check_family(self._mixture().expert, beside)
        return self._read(self._asked(X, y, None), sample_weight, beside)

    def nested_start(self, columns: Sequence[str]) -> NestedStart:
        """Return this solution as ``init=`` of a model with as many experts that see more columns.

        Their coefficients are zero at first, so that the larger model begins where this one ended, on top of the random
        starts.

        Parameters
        ----------
        columns : sequence of str
            Names of the columns that the larger model's experts see (``expert_features_.names_out``); those of this
            model's experts among them.

        Raises
        ------
        ConfigurationError
            A column of this model is not there, or its experts have no coefficients.
        """
        check_is_fitted(self, "expert_mass_")
        place, own = {name: j for j, name in enumerate(columns)}, self.expert_features_.names_out
        coef = getattr(self, "expert_coef_", np.empty(0))
        if not set(own) <= set(place) or coef.shape[-1] != len(own):
            raise ConfigurationError(
                f"nested_start needs experts with a coefficient for each of the columns {name_list(own)}, and these "
                f"among the columns given: {name_list(list(columns))}."
            )
        wider = np.zeros((*coef.shape[:-1], len(place)))
        wider[..., [place[name] for name in own]] = coef
        expert = self._mixture().expert.from_attributes(vars(self) | {"expert_coef_": wider})
        return NestedStart(self._parameters()._replace(expert=expert), self._k)

    def _climb(self, rows: Rows, mixture: Mixture, beside: Beside = NOTHING) -> None:
        """Fit the mixture to the rows, set the fitted attributes and warn of what should be known."""
        gate, expert = rows.reader.views()
        if isinstance(rows.source, ArraySource):
            mixture = as_seen(mixture, rows.source.all)
        plan = Plan(
            mixture,
            self.n_experts,
            gate,
            expert,
            Control(self.tol, self.max_iter, self.acceleration),
            seeds(self.random_state, 1 if self.n_experts == 1 else self.n_init),
            self.n_refine,
            self.init,
            self._warm_parameters(rows),
            count_workers(self.n_jobs),
            self._progress if self.verbose else None,
        )
        result = fit_mixture(rows.source, plan)
        self._publish(result, plan, rows)
        self.exposure_used_, self.offset_used_ = beside.exposure is not None, beside.offset is not None
        warn_about(self, result, rows)
        if result.fit.interrupted:
            raise KeyboardInterrupt

    def _publish(self, result: Result, plan: Plan, rows: Rows) -> None:
        publish(self, result, plan, rows)

    def _warm_parameters(self, rows: Rows) -> MixtureParameters | None:
        """Return the parameters of the previous fit when this one is to continue it."""
        if not self.warm_start or not hasattr(self, "expert_mass_"):
            return None
        n_outputs = rows.source.y.shape[1] if isinstance(rows.source, ArraySource) else self.n_outputs_
        before = (self.gate_features_.names_out, self.expert_features_.names_out, self._k, self.n_outputs_)
        now = (rows.reader.gate.names_out, rows.reader.expert.names_out, self.n_experts, n_outputs)
        try:
            return self._parameters() if before == now else self._refuse_warm_start()
        except KeyError:  # the attributes of another gate
            return self._refuse_warm_start()

    @staticmethod
    def _refuse_warm_start() -> NoReturn:
        raise ConfigurationError(
            "warm_start=True continues a fit with the same columns, outputs, gate and n_experts; set warm_start=False."
        )

    def _formula(self, formula: str, y: Any, data: Any) -> tuple[Any, Any, Any, Any]:
        if data is None or y is not None:
            raise ConfigurationError('A formula takes its columns from data=: fit("y ~ a + b | a", data=df).')
        if self.gate_features is not None or self.expert_features is not None:
            raise ConfigurationError("Give the features either in the formula or in gate_features/expert_features.")
        table = as_table(data)
        if table is None:
            raise ColumnError("data= must be a data frame with named columns.")
        parts = split_formula(formula, table.names)
        table.require([parts.response], owner=type(self).__name__)
        frame = table.native
        return (
            frame.drop(columns=[parts.response]) if hasattr(frame, "iloc") else frame.drop(parts.response),
            frame[parts.response],
            parts.expert,
            parts.gate,
        )

    def _progress(self, run: Run) -> None:
        value = "" if not np.isfinite(run.objective) else f"  objective {run.objective:.6g}"
        print(f"start {run.number}: {run.kind}, {run.status.name}{value}, {run.n_passes} passes", file=sys.stderr)
