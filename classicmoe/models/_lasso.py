"""What the Lasso estimators share: arguments, the path, the choice along it, and what is published."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from sklearn.base import clone

from classicmoe.em.evaluate import Evaluator, raw_design
from classicmoe.em.mixture import Mixture, MixtureParameters
from classicmoe.em.source import ArraySource
from classicmoe.em.threads import count_workers, one_native_thread
from classicmoe.exceptions import ConfigurationError, TooFewModelsError
from classicmoe.experts import EXPERTS
from classicmoe.lasso.choice import criteria_of
from classicmoe.lasso.copies import copies
from classicmoe.lasso.growing import Wanted, paths_of
from classicmoe.lasso.held_out import held_out
from classicmoe.lasso.path import NAMES, LassoPath
from classicmoe.lasso.problem import Answer, Asked, LassoProblem
from classicmoe.lasso.refit import refitted
from classicmoe.lasso.search import Found, LassoSearch
from classicmoe.lasso.terms import Terms, check_terms, constrained
from classicmoe.models._fitted_by_em import FittedByEM
from classicmoe.models.beside import Beside
from classicmoe.models.cautions import warn_about_outcome, warn_dropped
from classicmoe.models.fitting import Result, canonical_order
from classicmoe.models.lasso_cautions import warn_copies, warn_end_of_path, warn_wide_expert
from classicmoe.models.publishing import publish_columns, publish_outcome
from classicmoe.models.rows import Rows, rows_of_arrays
from classicmoe.models.settings import component, seeds
from classicmoe.penalties import check_constraints
from classicmoe.slope import ddse

Criterion = Literal["bic", "ebic", "aic", "cv", "slope"]


class FittedByLasso(FittedByEM):
    """A softmax gate and a family of experts with penalised slopes, fitted along a path of penalties."""

    gate = "softmax"
    acceleration = "anderson"
    init = "auto"
    n_refine = None
    warm_start = False
    _problem_type = LassoProblem

    # -- the mixture behind the fitted attributes -------------------------------------------------------------------

    def _terms(self) -> Terms:
        options = {"l1_ratio": self.l1_ratio} if self.l1_ratio != 1.0 else {}
        kind = "elastic_net" if options and self.penalty == "l1" else self.penalty
        return Terms(
            component(self.expert, EXPERTS, "expert"),
            kind,
            options,
            self.gate_weights,
            self.expert_weights,
            self.parametrisation,
            self.gate_form,
        )

    def _mixture(self) -> Mixture:
        if hasattr(self, "alpha_gate_"):
            return self._terms().mixture(self.alpha_gate_, self.alpha_expert_)
        return self._terms().mixture(0.0, 0.0)

    def _evaluator(self, source: ArraySource | None = None) -> Evaluator:
        """Return the mixture on the columns with a coefficient: the others are never read."""
        whole = super()._evaluator(source)
        mixture: Any = whole.mixture
        sides = []
        for part, given, view in zip(mixture, whole.params, self._reader.views(), strict=True):
            used = np.flatnonzero(part.used(given))
            sides.append((part.recolumned(given, np.append(0, 1 + used)), raw_design(view.table, view.columns[used])))
        params = MixtureParameters(sides[0][0], sides[1][0])
        return Evaluator(mixture, params, sides[0][1], sides[1][1], whole.response)

    def relabel(self, order: Any) -> FittedByLasso:
        """Put the experts in another order, everywhere, without refitting; see :meth:`MoERegressor.relabel`."""
        super().relabel(order)
        order = np.asarray(order)
        for name in ("alpha_gate_", "alpha_expert_"):
            if np.ndim(getattr(self, name)):
                setattr(self, name, getattr(self, name)[order])
        self.paths_ = [path.permuted(order, self.gate_form) for path in self.paths_]
        if self.path_ is not None:
            self.path_ = self.path_.permuted(order, self.gate_form)
        self._publish_support()
        return self

    def _publish_support(self) -> None:
        self.support_ = {"gate": self.gate_coef_ != 0.0, "expert": self.expert_coef_ != 0.0}

    def path(self, X: Any, y: Any = None, sample_weight: Any = None, **more: Any) -> LassoPath:
        """Return the solutions along the path of penalties, and fit nothing else.

        Parameters
        ----------
        X, y, sample_weight, **more
            As in ``fit``, the data that the path is of.

        Returns
        -------
        LassoPath
            As ``path_`` of a fitted copy; this estimator stays as it is.

        Raises
        ------
        ConfigurationError
            Both penalties are given: there is no path.

        Examples
        --------
        >>> import numpy as np
        >>> from classicmoe import LassoMoERegressor
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(80, 6))
        >>> path = LassoMoERegressor(1, n_alphas=5).path(X, 2.0 * X[:, 1] + rng.normal(size=80))
        >>> path.expert_coef.shape, bool((np.diff(path.alpha_expert) < 0).all())
        ((5, 1, 6), True)
        """
        if self.alpha_gate is not None and self.alpha_expert is not None:
            raise ConfigurationError("There is no path: alpha_gate and alpha_expert are both given. Leave one out.")
        found = clone(self).set_params(refit=False).fit(X, y, sample_weight, **more).path_
        assert isinstance(found, LassoPath)
        return found

    # -- the fit ----------------------------------------------------------------------------------------------------

    def _read(self, asked: Any, sample_weight: Any, beside: Beside) -> Rows:
        X, y, gate, expert = asked
        return rows_of_arrays(
            X,
            y,
            sample_weight,
            gate,
            expert,
            self.unseen,
            self.weight_type,
            type(self).__name__,
            beside=beside,
            family=self._terms().base,
            sparse=True,
        )

    def _problem(self, rows: Rows, terms: Terms) -> LassoProblem:
        assert isinstance(rows.source, ArraySource)
        asked = Asked(
            self.n_experts,
            seeds(self.random_state, 1 if self.n_experts == 1 else self.n_init),
            self.tol,
            self.max_iter,
            count_workers(self.n_jobs),
            self._progress if self.verbose else None,
            self.standardize,
        )
        gate, expert = rows.reader.views()
        problem = self._problem_type(rows.source, gate, expert, terms, asked)
        listed = check_constraints(self.constraints, self.n_experts)
        if listed:
            names, wide = (rows.reader.gate.names_out, rows.reader.expert.names_out), problem.wide
            response = wide.moments.response
            problem.terms = constrained(problem.terms, listed, names, wide.designs, response, self.n_experts)
        return problem

    def _search(self, rows: Rows, beside: Beside) -> None:
        """Find the solution that was asked for, or the best one along the path, and publish it."""
        terms = self._terms()
        check_terms(terms, self.alpha_gate, self.alpha_expert, self.n_experts)
        with one_native_thread():
            problem = self._problem(rows, terms)
            if self.alpha_gate is not None and self.alpha_expert is not None:
                answer, fit = LassoSearch(problem).at((self.alpha_gate, self.alpha_expert))
                self.paths_, best = list[LassoPath](), 0
            else:
                self.paths_, best, answer, fit = self._along_the_path(problem, rows)
            alphas = answer.alpha_gate, answer.alpha_expert
            if self.refit:
                problem, answer = refitted(problem, answer)
            self._publish_answer(problem, rows, answer, fit, alphas)
        published = {name: getattr(self, name) for name in NAMES}
        self.paths_ = [path.named_like(published, self.gate_form) for path in self.paths_]
        self.path_ = self.paths_[best] if self.paths_ else None
        self.exposure_used_, self.offset_used_ = beside.exposure is not None, beside.offset is not None
        for side, features, dropped in zip(
            ("the gate", "the experts"), (rows.reader.gate, rows.reader.expert), problem.dropped, strict=True
        ):
            warn_dropped(side, dropped, features.names_out)
        warn_copies(copies(problem.wide.source, problem.wide.designs[1]), rows.reader.expert.names_out)
        if self.path_ is not None:
            warn_end_of_path(self.path_, self.criterion)
            if terms.parametrisation == "sigma" and terms.base.name == "gaussian":
                warn_wide_expert(self)
        warn_about_outcome(self)

    def _along_the_path(self, problem: LassoProblem, rows: Rows) -> tuple[list[LassoPath], int, Answer, Any]:
        """Search a path for every ratio of the penalties; return all, which is best, its solution and its starts."""
        n_candidates, share = self._candidates(rows), self.alpha_min_ratio
        if share is None:
            share = 1e-3 if rows.source.n_rows > len(rows.reader.expert.names_out) else 1e-2

        def criteria(answer: Answer) -> dict[str, float]:
            return criteria_of(answer, problem.weight, n_candidates)

        # Held-out scores and slopes judge whole paths: within one, BIC compares.
        compared = self.criterion if self.criterion in ("aic", "bic", "ebic") else "bic"
        wanted = Wanted(
            (self.alpha_gate, self.alpha_expert),
            self._ratios(),
            share,
            self.n_alphas,
            near=self.alpha_min_ratio is None and self.criterion != "slope",
            whole=compared != self.criterion or self.alpha_min_ratio is not None,
            criterion=lambda answer: criteria(answer)[compared],
        )
        found = paths_of(problem, wanted)
        best = int(np.argmin([min(result.values) for result in found]))
        tables = [list(map(criteria, result.answers)) for result in found]
        chosen = [result.chosen for result in found]
        chosen[best] = self._chosen(problem, rows, found[best], tables[best], n_candidates)
        paths = [
            LassoPath.of(problem, result.answers, table, at, self.gate_form, result.ended)
            for result, table, at in zip(found, tables, chosen, strict=True)
        ]
        return paths, best, found[best].answers[chosen[best]], found[best].fits[chosen[best]]

    def _chosen(
        self, problem: LassoProblem, rows: Rows, found: Found, table: list[dict[str, float]], n_candidates: int
    ) -> int:
        """Return which solution of a path the criterion takes; held-out scores join the table."""
        if self.criterion == "slope":
            degrees, fits = [a.degrees for a in found.answers], [-a.log_likelihood for a in found.answers]
            try:
                return int(ddse(degrees, fits).selected)
            except TooFewModelsError as error:
                raise TooFewModelsError(
                    f"The slope heuristic needs at least 10 points of the path, and it has {len(degrees)}: raise "
                    f"n_alphas={self.n_alphas}, or use another criterion."
                ) from error
        if self.criterion != "cv":
            return found.chosen
        alphas = [(answer.alpha_gate, answer.alpha_expert) for answer in found.answers]

        def on(source: ArraySource) -> LassoProblem:
            return self._problem(rows._replace(source=source), self._terms())

        scores, errors = held_out(problem, on, alphas, self.cv, n_candidates)
        for row, score, error in zip(table, scores, errors, strict=True):
            row |= {"cv": -float(score), "cv_se": float(error)}
        return int(np.nanargmax(scores))

    def _ratios(self) -> tuple[float, ...] | None:
        """Return the ratios of the gate's to the experts' penalty that are tried; None: those that the starts say."""
        if self.n_experts == 1 or self.alpha_gate is not None or self.alpha_expert is not None:
            return (1.0,)
        return None if self.gate_ratio is None else tuple(np.ravel(self.gate_ratio).astype(float))

    def _candidates(self, rows: Rows) -> int:
        """Return how many free slopes there would be without a penalty."""
        k = self.n_experts
        return (k - 1) * len(rows.reader.gate.names_out) + k * len(rows.reader.expert.names_out)

    def _publish_answer(
        self, problem: LassoProblem, rows: Rows, answer: Answer, fit: Any, alphas: tuple[Any, Any]
    ) -> None:
        evaluator, source, look = problem.evaluator(answer)
        keeps = self.gate_form == "reference" or any(np.ndim(alpha) for alpha in alphas)
        keeps = keeps or any(own.named_experts for own in check_constraints(self.constraints, self.n_experts))
        triple = answer.solved.outcome.triple
        order = np.arange(self.n_experts) if keeps else canonical_order(evaluator.mixture, triple.params)
        params = evaluator.mixture.permute(answer.params, order)
        evaluator.params = evaluator.mixture.permute(evaluator.params, order)
        totals = evaluator.totals(source, problem.asked.n_workers)
        self.alpha_gate_, self.alpha_expert_ = (
            np.array(alpha, dtype=float) if np.ndim(alpha) else float(alpha) for alpha in alphas
        )
        publish_columns(self, rows, look.response)
        for part, given in zip(evaluator.mixture, params, strict=True):
            for name, value in part.attributes(given).items():
                setattr(self, name, value)
        self.n_parameters_ = int(answer.degrees)
        self.gate_rank_, self.expert_rank_ = look.gate_design.width, look.expert_design.width
        penalty = answer.log_likelihood - answer.objective
        result = Result(
            problem.as_fit(fit, answer), look, params, order, totals, problem.shift, self.n_parameters_, penalty, None
        )
        publish_outcome(self, result, totals, joint=False)
        self.optimality_ = answer.optimality
        self._publish_support()
