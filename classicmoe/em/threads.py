"""One reference-counted guard that keeps BLAS and OpenMP on one thread while any fit runs.

Limits of native thread pools are global to the process: nested or concurrent contexts would overwrite each other's
settings, and a fit whose sums depend on the number of threads is not reproducible.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from numbers import Integral
from typing import Any

from classicmoe.exceptions import ConfigurationError

_lock = threading.Lock()
_users = 0
_limiter: Any = None


@lru_cache(maxsize=1)
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextmanager
def one_native_thread() -> Iterator[None]:
    """Limit native thread pools to one thread until the last user has left."""
    # OpenMP keeps one limit per calling thread, BLAS one per process.
    with _controller().select(user_api="openmp").limit(limits=1):
        _enter()
        try:
            yield
        finally:
            _leave()


def _enter() -> None:
    global _users, _limiter
    with _lock:
        _users += 1
        if _users == 1:
            _take_control()
            _limiter = _controller().select(user_api="blas").limit(limits=1)


def _leave() -> None:
    global _users, _limiter
    with _lock:
        _users -= 1
        if _users == 0:
            _take_control()
            _limiter.restore_original_limits()
            _take_control()
            _limiter = None


def _take_control() -> None:
    # threadpoolctl lets only the thread that set a limit of OpenBLAS first change it, and ignores all others; here the
    # last user, who lifts the limit, need not be the first.
    for library in _controller().lib_controllers:
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread(force=True)


def count_workers(n_jobs: int | None) -> int:
    """Return the number of threads that ``n_jobs`` asks for, as joblib counts them."""
    if n_jobs is None or n_jobs == 1:
        return 1
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, Integral) or n_jobs == 0:
        raise ConfigurationError(f"n_jobs must be None or an integer that is not 0 (-1: all cores), not {n_jobs!r}.")
    from joblib import effective_n_jobs

    return int(effective_n_jobs(n_jobs))
