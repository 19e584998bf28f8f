"""Terms of a formula, read but not evaluated: which columns they use, and that they use nothing else.

The syntax is formulaic's, restricted to column names, arithmetic and a list of functions: a formula is part of a model
file, and a file from a stranger must not be able to run code.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from classicmoe.exceptions import ConfigurationError
from classicmoe.messages import name_list
from classicmoe.models.formula import check_intercept

FUNCTIONS = frozenset("I log log10 log2 exp exp10 exp2 bs cc cr cs center poly scale standardize".split())
"""Functions of one column, besides C() and the ``np.`` ones."""
NUMPY = frozenset(
    "abs absolute log log1p log2 log10 exp expm1 exp2 sqrt cbrt square sin cos tan arcsin arccos arctan sinh cosh tanh "
    "sign floor ceil minimum maximum clip power hypot".split()
)
CONTRASTS = frozenset("treatment SAS sum helmert diff poly Treatment Sum Helmert Diff Poly".split())


_CURE = "Compute it as a column of the data first."


class Use(NamedTuple):
    """One use of a column: ``how`` is "bare" (a term), "levels" (inside C) or "number" (inside another function)."""

    name: str
    how: str
    levels: list[Any] | None
    term: str


def parse_terms(rhs: str) -> tuple[Any, list[Use]]:
    """Parse a right-hand side into formulaic's Formula and the uses of columns; nothing is evaluated.

    Raises
    ------
    ConfigurationError
        Bad syntax, a missing intercept, or anything that is not on the list of functions.
    """
    check_intercept(rhs)
    try:
        from formulaic import Formula, SimpleFormula
    except ImportError as error:
        raise ConfigurationError(
            f"The formula {rhs!r} needs the package formulaic (pip install formulaic); sums of plain column names work "
            "without it."
        ) from error
    try:
        formula = Formula(rhs)
    except Exception as error:  # formulaic raises many kinds, and a deep nest a RecursionError
        message = re.sub(r"\x1b\[[\d;]*m|[⧛⧚]", "", str(error)).split("\n")[0]
        raise ConfigurationError(f"The formula {rhs!r} cannot be read: {message}") from error
    if not isinstance(formula, SimpleFormula):
        raise ConfigurationError(f"{rhs!r} must be the right-hand side of a formula, without '~', '|' or commas.")
    if "1" not in [str(term) for term in formula]:
        raise ConfigurationError(f"{rhs!r} removes the intercept; gate and experts always have one of their own.")
    uses: list[Use] = []
    for factor in dict.fromkeys(factor for term in formula for factor in term.factors):
        if factor.eval_method.value == "lookup":
            uses.append(Use(factor.expr, "bare", None, factor.expr))
        elif factor.eval_method.value == "python":
            uses.extend(_uses(factor.expr))
    return formula, uses


def _uses(term: str) -> Iterator[Use]:
    quoted: dict[str, str] = {}

    def hide(match: re.Match[str]) -> str:
        return quoted.setdefault(match.group(1), f"_quoted_{len(quoted)}")

    try:
        tree = ast.parse(re.sub(r"`([^`]*)`", hide, term), mode="eval").body
    except (SyntaxError, RecursionError, ValueError, MemoryError) as error:
        raise ConfigurationError(f"{term!r} in the formula cannot be read: {error}") from error
    real = {alias: name for name, alias in quoted.items()}
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id == "C":
        yield _category(tree, term, real)
        return
    for name in _numbers(tree, term):
        yield Use(real.get(name, name), "number", None, term)


def _category(call: ast.Call, term: str, real: dict[str, str]) -> Use:
    """C(name), C(name, contrast), C(name, levels=[...])."""
    if not call.args or not isinstance(call.args[0], ast.Name) or len(call.args) > 2:
        raise ConfigurationError(f"C() takes the name of one column, not {term!r}. {_CURE}")
    levels = None
    extra = list(call.args[1:])
    for keyword in call.keywords:
        if keyword.arg == "levels":
            try:
                levels = list(ast.literal_eval(keyword.value))
            except (ValueError, TypeError) as error:
                raise ConfigurationError(f"levels= in {term!r} must be a list of values.") from error
        elif keyword.arg == "contrasts":
            extra.append(keyword.value)
        else:
            raise ConfigurationError(f"{term!r}: C() knows contrasts= and levels= here, not {keyword.arg}=.")
    for node in extra:
        function = node.func if isinstance(node, ast.Call) else node
        name = getattr(function, "attr", getattr(function, "id", None))
        owner = getattr(getattr(function, "value", None), "id", "contr")
        inner = [*node.args, *(k.value for k in node.keywords)] if isinstance(node, ast.Call) else []
        constant = all(isinstance(value, ast.Constant) for value in inner)
        if name not in CONTRASTS or owner != "contr" or not constant:
            raise ConfigurationError(f"{term!r}: contrasts may be {', '.join(sorted(CONTRASTS))}.")
    name = call.args[0].id
    return Use(real.get(name, name), "levels", levels, term)


def _numbers(node: ast.AST, term: str) -> Iterator[str]:
    """Yield the column names of an expression, refusing whatever is not arithmetic or a listed function."""
    match node:
        case ast.Name(id=name):
            yield name
        case ast.Constant(value=bool() | int() | float() | str() | None):
            return
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            yield from _numbers(operand, term)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div() | ast.Pow(), right=right):
            names = [*_numbers(left, term), *_numbers(right, term)]
            _check_operands(node, names, term)
            yield from names
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            for part in parts:
                yield from _numbers(part, term)
        case ast.Call(func=function, args=args, keywords=keywords) if _allowed(function):
            hidden = [keyword.arg for keyword in keywords if keyword.arg is None or keyword.arg.startswith("_")]
            if hidden:
                raise ConfigurationError(f"{term!r} in the formula: argument {hidden[0]} is not allowed.")
            for part in [*args, *(keyword.value for keyword in keywords)]:
                yield from _numbers(part, term)
        case _:
            functions = name_list([*sorted(FUNCTIONS), "C", "np.log", "np.sqrt", "..."], limit=30, quote=False)
            raise ConfigurationError(
                f"{ast.unparse(node)!r} is not allowed in a formula (functions: {functions}). {_CURE}"
            )


def _check_operands(node: ast.BinOp, names: list[str], term: str) -> None:
    """Refuse sums of text and powers of constants: ``9 ** 9 ** 9`` would run for ever."""
    text = any(isinstance(part, ast.List | ast.Tuple) or _is_text(part) for part in (node.left, node.right))
    if text or (isinstance(node.op, ast.Pow) and not names):
        raise ConfigurationError(f"{term!r} in the formula: write {ast.unparse(node)} as a number.")


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _allowed(function: ast.AST) -> bool:
    match function:
        case ast.Name(id=name):
            return name in FUNCTIONS
        case ast.Attribute(value=ast.Name(id="np"), attr=name):
            return name in NUMPY
    return False
