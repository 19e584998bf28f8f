"""A fitted model as tables: coefficients in long form, and the summary that people read."""

from __future__ import annotations

from typing import Any

import numpy as np

from classicmoe import criteria
from classicmoe.messages import name_list
from classicmoe.summary import Summary


def coefficient_rows(estimator: Any) -> list[dict[str, Any]]:
    """Return one dictionary per coefficient: part, expert, output (several outputs only), term, estimate.

    Classes take the place of outputs.
    """
    rows: list[dict[str, Any]] = []
    outputs = output_names(estimator)
    several = len(outputs) > 1
    gate_rows = gate_table_rows(estimator)
    for k in range(len(estimator.expert_mass_)):
        for term, values in gate_rows:
            row = {"part": "gate", "expert": k, "term": term, "estimate": float(values[k])}
            rows.append({**row, "output": ""} if several else row)
    tables = [expert_table_rows(estimator, j) for j in range(len(outputs))]
    for k in range(len(estimator.expert_mass_)):
        for output, table in zip(outputs, tables, strict=True):
            for term, values in table:
                row = {"part": "expert", "expert": k, "term": term, "estimate": float(values[k])}
                rows.append({**row, "output": output} if several else row)
    return rows


def expert_table_rows(estimator: Any, output: int) -> list[tuple[str, Any]]:
    """Return the experts' coefficients and further parameters for one output as terms and one number per expert."""
    at = (slice(None), output) if estimator.expert_intercept_.ndim > 1 else (slice(None),)
    terms = ["(intercept)", *estimator.expert_features_.names_out]
    values = [estimator.expert_intercept_[at], *estimator.expert_coef_[at].T]
    shape, attributes = estimator.expert_intercept_.shape, vars(estimator)
    further = [name for name in attributes if _is_further(name) and np.shape(attributes[name]) == shape]
    further.sort(key=lambda name: (name != "expert_scale_", name))  # a file does not keep the order of attributes
    terms += [_word(name) for name in further]
    values += [attributes[name][at] for name in further]
    for name in attributes:
        if _is_further(name) and len(shape) == 1 and np.ndim(attributes[name]) == 2:  # several per expert: thresholds
            terms += [_word(name).replace("s)", f" {j})") for j in range(attributes[name].shape[1])]
            values += list(attributes[name].T)
    return list(zip(terms, values, strict=True))


def _word(name: str) -> str:
    return f"({name.removeprefix('expert_').removesuffix('_')})"


def _is_further(name: str) -> bool:
    known = ("expert_intercept_", "expert_coef_", "expert_mass_", "expert_family_")  # names of families say it better
    return name.startswith("expert_") and name.endswith("_") and name not in known


def gate_table_rows(estimator: Any) -> list[tuple[str, Any]]:
    """Return the gate as terms and one number per expert."""
    names = estimator.gate_features_.names_out
    kept = getattr(estimator, "gate_kept_", range(len(names)))  # a density has no place for constant columns
    return list(estimator._mixture().gate.rows(vars(estimator), [names[i] for i in kept]))


def gate_sees_columns(estimator: Any) -> bool:
    """Return whether who is asked depends on any column."""
    attributes = vars(estimator)
    return bool(len(estimator._mixture().gate.influence(attributes)))


def coefficient_table(estimator: Any) -> Any:
    """Return :func:`coefficient_rows` as a pandas data frame."""
    import pandas as pd

    return pd.DataFrame(coefficient_rows(estimator))


def response_names(estimator: Any) -> list[str]:
    """Return the names of the outputs, made up where the user gave none."""
    given = estimator.response_names_
    if given:
        return list(given)
    return ["y"] if estimator.n_outputs_ == 1 else [f"y{j}" for j in range(estimator.n_outputs_)]


def output_names(estimator: Any) -> list[str]:
    """Return what an expert has a set of coefficients for: the outputs or, of a classifier, the classes."""
    if hasattr(estimator, "classes_") and estimator.expert_intercept_.ndim > 1:
        return [str(label) for label in estimator.classes_.tolist()]
    return response_names(estimator)


def summarise(estimator: Any) -> Summary:
    """Return the text of ``summary()``."""
    n, k = estimator.weight_sum_, len(estimator.expert_mass_)
    ll, free, entropy = estimator.criterion_log_likelihood_, estimator.n_parameters_, estimator.entropy_
    mixture = estimator._mixture()
    criteria_text = (
        f"AIC {criteria.aic(ll, free):.6g}   "
        f"BIC {criteria.bic(ll, free, n):.6g}   ICL {criteria.icl(ll, free, n, entropy):.6g}   "
    )
    reweighted = bool((getattr(estimator, "class_weight_", np.ones(1)) != 1.0).any())
    lines = [
        f"Mixture of experts: {mixture.gate.name} gate, {_families_text(estimator)} experts   n = {n:g}   K = {k}",
        f"response: {', '.join(response_names(estimator))}{_classes_text(estimator)}{_beside_text(estimator)}",
        f"{'joint ' if mixture.gate.joint else ''}log-likelihood {ll:.6g}   parameters {free}   "
        f"{'' if reweighted else criteria_text}"
        f"entropy {_number(criteria.normalised_entropy(entropy, n, k))}",
        f"{estimator.status_.name.lower()} after {estimator.n_iter_} passes: {estimator.status_.sentence}",
        f"verdict: {estimator.verdict_}",
    ]
    if reweighted:
        lines.append("rows are weighted by class: the log-likelihood is of reweighted rows, and there are no criteria")
    if mixture.gate.joint:
        lines.append(f"conditional log-likelihood {estimator.log_likelihood_:.6g}; the criteria are of the joint one")
    ridge = getattr(mixture.gate, "ridge", 0.0)
    if ridge and k > 1:
        lines.append(f"gate ridge {ridge:g} on standardised slopes (criteria are of the unpenalised likelihood)")
    if estimator.weight_type == "sampling":
        lines.append("sampling weights, rescaled to mean 1: log-likelihood and criteria are pseudo")
    if estimator.gate_separated_:
        lines.append("the gate separates the experts perfectly: its slopes are finite by the ridge only")
    shares = estimator.expert_mass_ / estimator.expert_mass_.sum()
    header = ["", *(f"expert {j}" for j in range(k))]
    body = [["share", *(f"{share:.3f}" for share in shares)], ["rows", *(_number(m) for m in estimator.expert_mass_)]]
    lines += ["", *_aligned(header, body)]
    if k > 1:
        rows = gate_table_rows(estimator)
        meaning = mixture.gate.meaning(vars(estimator))
        values = np.column_stack([row for _, row in rows])
        lines += ["", f"Gate ({meaning})", *_block(header, [term for term, _ in rows], values)]
    lines += ["", *_expert_lines(estimator, header)]
    return Summary("\n".join(lines))


def _classes_text(estimator: Any) -> str:
    """Return the labels of a classifier."""
    if not hasattr(estimator, "classes_"):
        return ""
    return f"   classes: {name_list(estimator.classes_.tolist(), quote=False)}"


def _families_text(estimator: Any) -> str:
    """Return the family of the experts; of a list the families in the experts' order."""
    expert = estimator._mixture().expert
    if not hasattr(estimator, "expert_family_"):
        return str(expert.name)
    return ", ".join(expert.experts[int(j)].name for j in estimator.expert_family_)


def _beside_text(estimator: Any) -> str:
    """Return what the rows of the fit carried beside columns and response, by name where it is known."""
    run = getattr(estimator, "run_", None) or {}
    given = [name for name in ("exposure", "offset") if getattr(estimator, f"{name}_used_", False)]
    return "".join(f"   {name}: {run.get(name) or 'given'}" for name in given)


def _expert_lines(estimator: Any, header: list[str]) -> list[str]:
    names = output_names(estimator)
    lines: list[str] = []
    for j, name in enumerate(names):
        table = expert_table_rows(estimator, j)
        values = np.column_stack([row for _, row in table])
        terms = [term for term, _ in table]
        lines += [f"Experts ({name})" if len(names) > 1 else "Experts", *_block(header, terms, values)]
    return lines


def _block(header: list[str], terms: list[str], values: np.ndarray) -> list[str]:
    return _aligned(header, [[term, *(_number(v) for v in values[:, i])] for i, term in enumerate(terms)])


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.4g}"


def _aligned(header: list[str], body: list[list[str]]) -> list[str]:
    rows = [header, *body]
    width = [max(len(row[j]) for row in rows) for j in range(len(header))]
    return [
        "  ".join(row[j].ljust(width[j]) if j == 0 else row[j].rjust(width[j]) for j in range(len(row))).rstrip()
        for row in rows
    ]
