import threading

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_info, threadpool_limits

from classicmoe.em.threads import count_workers, one_native_thread


def load_libraries():
    """Load BLAS and OpenMP; return the pools that can have two threads."""
    KMeans(1, n_init=1).fit(np.ones((2, 1)))
    with threadpool_limits(2):
        # A solver that another test has loaded may bring a BLAS of its own that was built for one thread.
        able = {pool["filepath"]: pool["user_api"] for pool in threadpool_info() if pool["num_threads"] == 2}
    assert set(able.values()) >= {"blas", "openmp"}
    return able


def native_threads(able, kinds=("blas", "openmp")):
    """Limits of BLAS and OpenMP as the calling thread sees them."""
    return {pool["num_threads"] for pool in threadpool_info() if able.get(pool["filepath"]) in kinds}


def test_native_pools_have_one_thread_until_the_last_user_has_left():
    able = load_libraries()
    with threadpool_limits(2):
        with one_native_thread():
            with one_native_thread():
                assert native_threads(able) == {1}
            assert native_threads(able) == {1}
        assert native_threads(able) == {2}


def test_users_in_several_threads_may_leave_in_any_order():
    able = load_libraries()
    first_in, second_in, first_out, look = (threading.Event() for _ in range(4))
    seen = []

    def first():
        with one_native_thread():
            seen.append(native_threads(able))
            first_in.set()
            second_in.wait(10)
        first_out.set()
        look.wait(10)

    def second():
        first_in.wait(10)
        with one_native_thread():
            second_in.set()
            first_out.wait(10)
            seen.append(native_threads(able))

    with threadpool_limits(2):
        threads = [threading.Thread(target=target) for target in (first, second)]
        for thread in threads:
            thread.start()
        threads[1].join(20)
        # The thread that came first is still alive when the last one leaves.
        after = native_threads(able, ["blas"])
        look.set()
        threads[0].join(20)
    assert seen == [{1}, {1}]
    assert after == {2}


def test_an_error_inside_lifts_the_limit():
    able = load_libraries()
    with threadpool_limits(2):
        try:
            with one_native_thread():
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            pass
        assert native_threads(able) == {2}


def test_workers_are_counted_as_joblib_does():
    assert count_workers(None) == count_workers(1) == 1
    assert count_workers(3) == 3
    assert count_workers(-1) >= 1
