"""What the texts say: examples are run as they stand, and every error and warning has its cure written down."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

from classicmoe import exceptions

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "classicmoe").rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)
PAGES = sorted(path for path in (ROOT / "docs").rglob("*.md") if ">>> " in path.read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # examples may save files


def test_readme():
    result = doctest.testfile(str(ROOT / "README.md"), module_relative=False, encoding="utf-8")
    assert result.attempted >= 8
    assert result.failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_with_examples(page):
    result = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name):
    result = doctest.testmod(import_module(name))
    assert result.attempted > 0
    assert result.failed == 0


def test_there_are_docstrings_with_examples():
    assert len(MODULES) >= 5 and PAGES


def test_every_error_and_warning_has_a_cure():
    page = (ROOT / "docs" / "howto" / "my-fit-misbehaves.md").read_text(encoding="utf-8")
    own = exceptions.__name__
    names = [name for name, value in vars(exceptions).items() if getattr(value, "__module__", "") == own]
    assert len(names) > 20
    assert [name for name in names if f"`{name}`" not in page and not name.startswith("ClassicMoE")] == []


def test_every_gate_and_family_has_its_row():
    from classicmoe.experts import EXPERTS
    from classicmoe.gates import GATES

    page = (ROOT / "docs" / "reference" / "families.md").read_text(encoding="utf-8")
    for name, make in {**GATES, **EXPERTS}.items():
        part = type(make())
        assert f'| `"{name}"` | `{part.__module__.rpartition(".")[0]}.{part.__name__}` |' in page


def test_every_public_name_is_in_the_reference():
    lines = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8").split()
    listed = {line.removeprefix("classicmoe.") for line in lines}
    top = import_module("classicmoe")
    folders = ("datasets", "metrics", "plot", "selection")  # listed by what is in them
    wanted = [name for name in top.__all__ if name not in folders and not name.startswith("__")]
    for part in ("gates", "experts", "plot"):
        public = import_module(f"classicmoe.{part}").__all__
        wanted += [f"{part}.{name}" for name in public if name.upper() != name and name != "EXPERT_CLASSES"]
    assert [name for name in wanted if name not in listed] == []
