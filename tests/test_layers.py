"""The shape of the house: floors, size of the rooms, closed kernels, an import that is nearly free."""

import ast
import json
import subprocess
import sys
from textwrap import dedent

import pytest

import classicmoe

HEAVY = {"numba", "pandas", "matplotlib", "statsmodels", "cvxpy", "dask", "formulaic"}


def test_import_contracts(root):
    code = "from importlinter.cli import lint_imports_command as run; run()"
    result = subprocess.run(
        [sys.executable, "-c", code, "--no-cache", "--no-logo"], cwd=root, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert " 0 broken" in result.stdout


def test_no_file_is_too_long(root):
    lengths = {
        str(path.relative_to(root)): len(path.read_text(encoding="utf-8").splitlines())
        for folder in ("classicmoe", "tests", "benchmarks", "docs")
        for path in (root / folder).rglob("*.py")
    }
    assert len(lengths) > 20
    assert {path: length for path, length in lengths.items() if length > 400} == {}


@pytest.fixture(scope="module")
def kernel_trees(root):
    """Syntax trees of the kernel files by name."""
    folder = root / "classicmoe" / "kernels"
    trees = {path.name: ast.parse(path.read_text("utf-8")) for path in folder.glob("*.py") if path.stem != "__init__"}
    assert trees
    return trees


def test_kernels_import_nothing_but_numpy_and_numba(kernel_trees):
    # Then a kernel can only call kernels of its own file, and Numba's cache sees every change.
    for name, tree in kernel_trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                roots = {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                roots = {(node.module or ".").split(".")[0]}
            else:
                continue
            assert roots <= {"math", "numpy", "numba"}, f"{name}:{node.lineno} imports {roots}"


def test_kernels_are_decorated_by_one_literal(kernel_trees):
    # Options that come from another file would be stale in the cache too, so each stands where it is used.
    fixed = {"cache": True, "nogil": True, "error_model": "numpy"}
    safe_fastmath = {"reassoc", "contract", "nsz"}
    for name, tree in kernel_trees.items():
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        assert functions, name
        for function in functions:
            where = f"{name}:{function.name}"
            assert len(function.decorator_list) == 1, where
            decorator = function.decorator_list[0]
            assert isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "njit", where
            assert not decorator.args, where
            options = {keyword.arg: ast.literal_eval(keyword.value) for keyword in decorator.keywords}
            assert options.pop("fastmath", set()) <= safe_fastmath, where
            assert options == fixed, where


def _loaded_by(statements, before=""):
    """What each statement loads, run one after the other in a fresh process."""
    code = f"""
        import json, sys
        {before}
        found = []
        for statement in {statements!r}:
            known = set(sys.modules)
            exec(statement)
            found.append(sorted(set(sys.modules) - known))
        print(json.dumps(found))
    """
    result = subprocess.run([sys.executable, "-c", dedent(code)], capture_output=True, text=True, check=True)
    return [{name.partition(".")[0] for name in names} for names in json.loads(result.stdout)]


def test_import_loads_nothing_heavy():
    (loaded,) = _loaded_by(["import classicmoe"])
    assert loaded & (HEAVY | {"numpy", "scipy", "sklearn"}) == set()


def test_public_names_load_no_compiler_and_no_canvas():
    # scikit-learn loads pandas by itself where it is installed.
    statements = [f"from classicmoe import {name}" for name in sorted(classicmoe._HOMES)]
    loaded = _loaded_by(statements, before="import sklearn.base")
    heavy = {statement: names & HEAVY for statement, names in zip(statements, loaded, strict=True)}
    assert {statement: names for statement, names in heavy.items() if names} == {}


def test_public_names_are_lazy_and_complete():
    assert set(classicmoe._HOMES) <= set(classicmoe.__all__) <= set(dir(classicmoe))
    for name in classicmoe.__all__:
        assert getattr(classicmoe, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        classicmoe.nothing  # noqa: B018  (the access is the test)


def test_the_changelog_knows_this_version(root):
    assert f"## [{classicmoe.__version__}]" in (root / "CHANGELOG.md").read_text("utf-8")
