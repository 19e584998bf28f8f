"""What the command line costs before it does anything, and how it looks in a terminal."""

import json
import subprocess
import sys
from contextlib import redirect_stderr
from io import StringIO

import pytest

from classicmoe import __version__
from classicmoe.cli.output import Console, jsonable
from classicmoe.cli.progress import progress, time_left

HEAVY = {"numpy", "scipy", "sklearn", "numba", "pandas", "matplotlib", "jinja2", "pyarrow"}


@pytest.mark.parametrize("arguments", [["--help"], ["select", "--help"], ["version"], ["version", "--json"]])
def test_nothing_heavy_is_loaded(arguments):
    code = (
        "import json, sys\n"
        "from classicmoe.cli.main import run\n"
        f"code = run({arguments!r})\n"
        "print(json.dumps([code, sorted({name.partition('.')[0] for name in sys.modules})]), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    code, modules = json.loads(done.stderr)
    assert code == 0
    assert HEAVY & set(modules) == set()


def test_version(cli):
    assert cli("version").out.splitlines()[0] == f"classicmoe {__version__}"
    body = cli("version", "--json").json
    assert body["schema"] == "classicmoe.version/1" and body["version"] == __version__
    assert "numpy" in body["packages"]


def test_help_names_every_command_and_exit_code(cli):
    text = cli().out
    for word in ("select", "fit", "predict", "show", "check", "demo", "warmup", "version", "130"):
        assert word in text


def test_warmup(cli):
    assert "kernels ready" in cli("warmup").out
    assert cli("warmup", "--json").json["seconds"] >= 0.0


class Terminal(StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    return Terminal()


def test_a_bar_with_the_time_left_on_a_terminal(terminal):
    with redirect_stderr(terminal), progress(Console(), 3) as update:
        update(2, 3, {}, 41.0)
    shown = terminal.getvalue()
    assert "2/3" in shown and "about 41 s left" in shown


@pytest.mark.parametrize("how", ["plain", "NO_COLOR", "pipe"])
def test_no_bar_elsewhere(terminal, monkeypatch, how):
    if how == "NO_COLOR":
        monkeypatch.setenv("NO_COLOR", "1")
    if how == "pipe":
        monkeypatch.setattr(Terminal, "isatty", lambda self: False)
    with redirect_stderr(terminal), progress(Console(plain=how == "plain"), 3) as update:
        assert update is None
    assert terminal.getvalue() == ""


def test_time_left():
    assert time_left(0.0) == ""
    assert time_left(0.2) == "about 1 s left"


def test_json_holds_no_nan():
    assert jsonable({"a": [float("nan"), float("inf"), 1.5], "b": (1, None)}) == {
        "a": [None, None, 1.5],
        "b": [1, None],
    }
