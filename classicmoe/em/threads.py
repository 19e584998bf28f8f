"""One reference-counted guard that keeps BLAS and OpenMP on one thread while any fit runs.

Limits of native thread pools are global to the process: nested or concurrent contexts would overwrite each other's
settings, and a fit whose sums depend on the number of threads is not reproducible.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

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
    global _users, _limiter
    with _lock:
        _users += 1
        if _users == 1:
            _limiter = _controller().limit(limits=1)
            _limiter.__enter__()
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _limiter.__exit__(None, None, None)
                _limiter = None


def count_workers(n_jobs: int | None) -> int:
    """Return the number of threads that ``n_jobs`` asks for, as joblib counts them."""
    if n_jobs is None or n_jobs == 1:
        return 1
    from joblib import effective_n_jobs

    return int(effective_n_jobs(n_jobs))
