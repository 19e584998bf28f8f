"""Formulas: ``"visits ~ age + C(region) | insured + np.log(income)"`` taken apart without evaluating anything.

The bar separates the experts' terms from the gate's. Sums of plain names are column lists; all other terms go to
:mod:`classicmoe.models.formula_terms`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from classicmoe.exceptions import ConfigurationError

_NAME = re.compile(r"[^\W\d][\w.]*\Z")
_LONGEST = 10_000


class FormulaParts(NamedTuple):
    """A formula in three parts: name of the response, right-hand sides of experts and gate."""

    response: str
    expert: str
    gate: str


def split_formula(formula: str, columns: Sequence[str] | None = None) -> FormulaParts:
    """Split ``"y ~ a + b | c"`` at the tilde and the bar.

    Without a bar the gate gets the terms of the experts; ``| 1`` is a gate of an intercept only.

    Parameters
    ----------
    formula : str
    columns : sequence of str, optional
        Columns of the data; ``.`` then stands for all of them but the response.

    Raises
    ------
    ConfigurationError
        No or several tildes, several bars, a bar inside parentheses, an empty part, a response that is not the name
        of a column or stands on the right-hand side too.

    Examples
    --------
    >>> split_formula("visits ~ age + income | insured")
    FormulaParts(response='visits', expert='age + income', gate='insured')
    """
    plain, top = _blank(formula)
    if top.count("~") != 1:
        raise ConfigurationError(f"A formula needs one '~' between response and terms ('y ~ a + b | c'): {formula!r}.")
    if plain.count("|") > top.count("|"):
        raise ConfigurationError(
            f"{formula!r} has a bar inside parentheses. The bar separates experts from gate ('y ~ a + b | c'); it does "
            "not introduce random effects here."
        )
    if top.count("|") > 1:
        raise ConfigurationError(f"{formula!r} has {top.count('|')} bars; one separates experts from gate.")
    tilde = top.index("~")
    bar = top.find("|")
    response = _response(formula[:tilde].strip(), formula)
    expert = formula[tilde + 1 : bar if bar >= 0 else None].strip()
    gate = formula[bar + 1 :].strip() if bar >= 0 else expert
    for side, text in (("expert", expert), ("gate", gate)):
        if not text:
            raise ConfigurationError(f"{formula!r} has no {side} terms; write 1 for an intercept only.")
        words = re.findall(r"`[^`]*`|[^\W\d][\w.]*(?!\s*\()", text)
        if any(word.strip("`") == response for word in words):
            raise ConfigurationError(f"The response {response!r} is among the {side} terms of {formula!r}.")
    if columns is not None:
        others = [name for name in columns if name != response]
        expert, gate = expand_dot(expert, others), expand_dot(gate, others)
    return FormulaParts(response, expert, gate)


def expand_dot(rhs: str, names: Sequence[str]) -> str:
    """Write ``.`` out as the sum of all ``names``.

    Examples
    --------
    >>> expand_dot(". - id", ["age", "body mass", "id"])
    'age + `body mass` + id - id'
    """
    plain, top = _blank(rhs)
    everything = " + ".join(name if _NAME.match(name) else f"`{name}`" for name in names)
    for dot in reversed(list(re.finditer(r"(?<![\w.)\]])\.(?![\w.])", plain))):
        before, after = top[: dot.start()].rstrip(), top[dot.end() :].lstrip()
        alone = before[-1:] in ("", "+") and after[:1] in ("", "+", "-")
        rhs = f"{rhs[: dot.start()]}{everything if alone else f'({everything})'}{rhs[dot.end() :]}"
    return rhs


def _response(text: str, formula: str) -> str:
    if len(text) > 2 and text[0] == text[-1] == "`" and text.count("`") == 2:
        return text[1:-1]
    if not _NAME.match(text):
        raise ConfigurationError(
            f"The left-hand side of {formula!r} must be the name of one column, not {text!r}. Transform the response "
            "as a column first (df['log_y'] = np.log(df['y'])); put names with spaces in `backticks`."
        )
    return text


def _blank(text: str) -> tuple[str, str]:
    """Return the text with quoted parts blanked by ``q``, and the same with parentheses blanked too."""
    plain, top = list(text), list(text)
    quote, depth = "", 0
    for i, char in enumerate(text):
        if quote or char in "`'\"":
            plain[i] = top[i] = "q"
            quote = "" if char == quote else quote or char
            continue
        depth -= char in ")]}"
        if depth > 0:
            top[i] = "p"
        depth += char in "([{"
        if depth < 0:
            break
    if quote or depth:
        raise ConfigurationError(f"Unbalanced {'quotes' if quote else 'parentheses'} in the formula {text!r}.")
    return "".join(plain), "".join(top)


def simple_terms(rhs: str) -> list[str] | None:
    """Return the columns when the terms are nothing but added (or subtracted) names; None otherwise.

    Such formulas are column lists, which need neither formulaic nor a table of their own.

    Examples
    --------
    >>> simple_terms("1 + age + `body mass`"), simple_terms("age * sex")
    (['age', 'body mass'], None)
    """
    check_intercept(rhs)
    _, top = _blank(rhs)
    cuts = [i for i, char in enumerate(top) if char in "+-"]
    bounds = zip([-1, *cuts], [*cuts, len(rhs)], strict=True)
    chosen: dict[str, None] = {}
    for start, stop in bounds:
        term = rhs[start + 1 : stop].strip()
        if term == "1":
            continue
        elif _NAME.match(term) or (len(term) > 2 and term[0] == term[-1] == "`" and "`" not in term[1:-1]):
            name = term.strip("`")
            if start < 0 or top[start] == "+":
                chosen[name] = None
            else:
                chosen.pop(name, None)
        else:
            return None
    return list(chosen)


def check_intercept(rhs: str) -> None:
    """Refuse formulas that are empty, take the intercept away or mistake ``x**2`` for a square."""
    if not rhs.strip():
        raise ConfigurationError("The right-hand side of the formula is empty; write 1 for an intercept only.")
    if len(rhs) > _LONGEST:
        raise ConfigurationError(f"A formula may have {_LONGEST} characters, this one has {len(rhs)}.")
    _, top = _blank(rhs)
    if re.search(r"-\s*1(?![\w.])|(?<![\w.])0(?![\w.])", top):
        raise ConfigurationError(
            f"{rhs!r} removes the intercept. Gate and experts always have one of their own: without it a fit would "
            "depend on where zero is, and columns are centred. Leave out '0 +' and '- 1'."
        )
    square = re.search(r"([\w.]+)\s*(\*\*|\^)\s*\d", top)
    if square:
        raise ConfigurationError(
            f"'{square.group(0)}' in a formula means interactions, and those of {square.group(1)} with itself are "
            f"{square.group(1)} again. For a square write I({square.group(1)}**2) or poly({square.group(1)}, 2)."
        )
