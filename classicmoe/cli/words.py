"""Sentences: what the library says in the language of Python, said in the language of the command line."""

from __future__ import annotations

import re

_TRANSLATIONS = [
    (re.compile(r"numbers are a task for MoERegressor"), "numbers are a task for --family gaussian and the like"),
    (re.compile(r"labels are a task for a classifier"), "labels are a task for --family multinomial (or ordinal)"),
    (re.compile(r"\b(Lasso)?MoEClassifier\b"), "the model"),
    (re.compile(r"Use offset= or sample_weight="), "Use --offset or --weights"),
    (re.compile(r"was fitted with (exposure|offset)=; pass \1= of these rows as well"), r"needs --\1 COL"),
    (re.compile(r"\b(exposure|offset)=(?= |\.|,)"), r"--\1"),
    (re.compile(r"\b(Lasso)?MoERegressor\b"), "the model"),
    (re.compile(r"\(X\.drop\(columns=\[[^\]]*\]\); command line: (--drop [^)]*)\)"), r"(\1)"),
    (re.compile(r"unseen='reference' \(command line: (--unseen reference)\)"), r"\1"),
    (re.compile(r"\s*\(?command line: (--[a-z-]+(?: [\w-]+)?)\)?"), r" (\1)"),
    (re.compile(r"\bexpert='(\w+)'"), r"--family \1"),
    (re.compile(r"\bparametrisation='scaled'"), "--lasso path:scaled"),
    (re.compile(r"\bcriterion='(\w+)'(?= takes)"), r"\1"),
    (re.compile(r"\bcriterion='ebic'"), "--lasso path:ebic"),
    (re.compile(r": give a smaller alpha_min_ratio"), " (in Python: alpha_min_ratio)"),
    (re.compile(r"weight_type='sampling'"), "--weight-type sampling"),
    (re.compile(r"\bcontrast='(\w+)'"), r"--contrast \1"),
    (re.compile(r"a Gaussian gate \(GaussianGatedMoERegressor\)"), "--gate gaussian"),
    (re.compile(r"\bn_init\b"), "--starts"),
    (re.compile(r"\bmax_iter or tol\b"), "--max-iter"),
    (re.compile(r"\bmax_iter\b"), "--max-iter"),
    (re.compile(r"\(expert_features=, gate_features=\)"), "(--expert, --gate)"),
    (re.compile(r"\bgate_features\b"), "--gate"),
    (re.compile(r"\bexpert_features\b"), "--expert"),
    (re.compile(r"\bn_experts=(\d+)"), r"K=\1"),
    (re.compile(r"(?<=\. )the model\b"), "The model"),
]

SAYS = {
    "OK": ("Trustworthy", "You can work with this model."),
    "NOT REPLICATED": (
        "Not confirmed",
        "No two starts of the search found this solution. Search again with more starts before you rely on it.",
    ),
    "WEAK": (
        "Thin ice",
        "At least one expert stands on few rows for the coefficients it has. Its line may look different with new "
        "data; fewer experts or fewer columns are safer.",
    ),
    "SUSPECT": (
        "Suspicious",
        "At least one expert clings to a handful of rows. Such solutions look better than they are; use fewer experts.",
    ),
    "NOT CONVERGED": ("Not finished", "The search stopped before it had arrived. Allow it more passes (--max-iter)."),
    "DEGENERATE": ("Collapsed", "An expert collapsed onto a few rows in every start. Use fewer experts."),
}
"""What a verdict means to somebody who wants to use the model: a badge and a sentence."""


def for_command_line(text: str) -> str:
    """Return a message of the library with options in place of Python's arguments.

    Examples
    --------
    >>> for_command_line("'id' looks like an identifier. Drop it (X.drop(columns=['id']); command line: --drop id).")
    "'id' looks like an identifier. Drop it (--drop id)."
    >>> for_command_line("Not replicated. Use more starts (n_init).")
    'Not replicated. Use more starts (--starts).'
    """
    for pattern, replacement in _TRANSLATIONS:
        text = pattern.sub(replacement, text)
    return text


def title(criterion: str | None) -> str:
    """Return a criterion as people write it.

    Examples
    --------
    >>> title("bic"), title("aicc")
    ('BIC', 'AICc')
    """
    return {"aicc": "AICc", "slope": "slope"}.get(criterion or "", (criterion or "").upper())


def decider(criterion: str | None, begin: bool = False) -> str:
    """Return what chose a model, for a sentence.

    Examples
    --------
    >>> decider("bic"), decider("slope"), decider("slope", begin=True)
    ('BIC', 'the slope heuristic', 'The slope heuristic')
    """
    if criterion != "slope":
        return title(criterion)
    return "The slope heuristic" if begin else "the slope heuristic"


def and_list(words: list[str]) -> str:
    """Join words as a sentence does: ``'a, b and c'``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def number(value: float, digits: int = 4) -> str:
    """Return a number with so many significant digits, ``-`` for none; large ones keep their units."""
    if value is None or value != value:
        return "-"
    return f"{value:.0f}" if 10**digits <= abs(value) < 1e9 else f"{value:.{digits}g}"
