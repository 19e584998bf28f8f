"""What a report says about a family of experts: what an expert is, what one is called, what its numbers mean."""

from __future__ import annotations

from typing import Any, NamedTuple

_CURVE = (
    "Each expert has a curve of its own: the logarithm of its expected {y} is linear in the columns, so that a column "
    "multiplies what is expected."
)
_FACTOR = (
    "change of the logarithm of the expected {y} for one unit more of a column: exp of it is the factor on what is "
    "expected"
)
_LINE = "change of {y} for one unit more of a column"
_MEMBERS = {
    "poisson": "Poisson regression",
    "negative_binomial": "negative binomial regression",
    "binomial": "binomial (logistic) regression",
    "gamma": "gamma regression",
    "inverse_gaussian": "inverse Gaussian regression",
    "log_normal": "linear regression of the logarithm",
    "gaussian": "linear regression",
    "laplace": "median regression",
    "multinomial": "multinomial logistic regression",
    "ordinal": "regression of ordered classes (cumulative logits)",
}
LINEAR = ("gaussian", "laplace", "student_t", "skew_normal", "skew_t")
_SCALES = {
    "gaussian": "the standard deviation around the line",
    "laplace": "the mean absolute deviation around the line",
    "gamma": "the variance over the squared mean",
    "inverse_gaussian": "the variance over the cubed mean",
    "log_normal": "the standard deviation of the logarithm",
}
_FURTHER = {
    "expert_scale_": "scale",
    "expert_size_": "(size) is theta in the variance m + m²/theta",
    "expert_df_": "(df) are the degrees of freedom, few for heavy tails",
    "expert_skewness_": "(skewness) says how the scatter leans, 0 for not at all",
    "expert_inflation_": "(inflation) is the probability of a zero beside those of the counts",
    "expert_zero_": "(zero) is the probability of zero",
    "expert_thresholds_": "(threshold j) is the log-odds of class j or lower where all columns are 0",
}


class FamilyWords(NamedTuple):
    """Sentences and half sentences: several experts, a single one, and what the table of coefficients holds."""

    several: str
    single: str
    coefficients: str


def words_of(model: Any, response: str) -> FamilyWords:
    """Return what a report says about the experts of a fitted model."""
    expert = model._mixture().expert
    name = str(expert.name)
    parts = getattr(expert, "experts", None)
    if parts is not None:
        several = f"The experts are of different families: {', '.join(part.name for part in parts)}, in this order."
        return FamilyWords(several, several, "coefficients as each family has them; - where it has none")
    base = name.removeprefix("zero_inflated_").removeprefix("hurdle_")
    single = f"One expert is an ordinary {_MEMBERS[base]}." if base in _MEMBERS else f"There is one {base} expert."
    if base != name:
        single = f"One expert is a {_MEMBERS.get(base, base)} with a probability of zero beside it."
    further = [text for attribute, text in _FURTHER.items() if hasattr(model, attribute)]
    further = [f"(scale) is {_SCALES.get(base, 'the scale of the scatter')}" if t == "scale" else t for t in further]
    several, caption = _meaning(base)
    exposure = (getattr(model, "run_", None) or {}).get("exposure")
    what = response + (f" per unit of {exposure}" if exposure else "") + (", such zeros aside," if base != name else "")
    caption = "; ".join([caption.format(y=what), *further])
    zeros = "A zero has a probability of its own in every expert. " if base != name else ""
    return FamilyWords(zeros + several.format(y=what), single, f"Experts: {caption}")


def _meaning(base: str) -> tuple[str, str]:
    if base in LINEAR:
        return "Each expert has a line of its own and its own scatter around it.", _LINE
    if base == "binomial":
        return (
            "Each expert has a curve of its own: the log-odds of its probability of success are linear in the columns.",
            "change of the log-odds of success for one unit more of a column",
        )
    if base == "multinomial":
        return (
            "Each expert has probabilities of the classes of its own, which depend on the columns.",
            "log-odds of each class; only differences between classes have a meaning, they sum to 0",
        )
    if base == "ordinal":
        return (
            "Each expert has probabilities of the classes of its own: one linear score moves them all up or down.",
            "change of the log-odds of a higher class for one unit more of a column",
        )
    return _CURVE, _FACTOR
