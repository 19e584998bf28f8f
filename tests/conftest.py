"""What holds for every test: one BLAS thread, a kernel cache of its own, seeds that can be changed.

The environment is set before NumPy and Numba are imported; later it would be ignored.
"""

import hashlib
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def _kernel_cache():
    # Numba's cache does not see a change in another file; a folder per state of all kernels does.
    state = hashlib.sha256()
    for path in sorted((ROOT / "classicmoe" / "kernels").glob("*.py")):
        state.update(path.name.encode() + path.read_bytes())
    return ROOT / ".cache" / "numba" / state.hexdigest()[:16]


if late := {"numpy", "numba"} & sys.modules.keys():
    raise RuntimeError(f"tests/conftest.py must come before {', '.join(sorted(late))} is imported")
for library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ[f"{library}_NUM_THREADS"] = "1"
os.environ["NUMBA_CACHE_DIR"] = str(_kernel_cache())
os.environ["MPLBACKEND"] = "Agg"

import hypothesis  # noqa: E402  (the environment comes first)
import pytest  # noqa: E402

# Compilation makes single examples slow. A test run repeats the same examples everywhere: it must not fail by chance on
# a change that has nothing to do with it. New examples are looked for with `make explore`.
for profile, repeats in (("repeat", True), ("explore", False)):
    hypothesis.settings.register_profile(profile, deadline=None, derandomize=repeats, print_blob=True, database=None)
hypothesis.settings.load_profile("repeat")


def pytest_addoption(parser):
    parser.addoption("--seed", type=int, default=0, help="seed of the tests that draw numbers; any must pass")


@pytest.fixture
def seed(request):
    """Seed of the session: 0, or what ``--seed`` says. A test that uses it must pass with any."""
    return request.config.getoption("--seed")


@pytest.fixture(scope="session")
def root():
    """Top folder of the repository."""
    return ROOT
