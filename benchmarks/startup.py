"""Import time over scikit-learn's own, and the first fit with a warm kernel cache."""

import statistics
import subprocess
import sys

SKLEARN = (
    "import time; t = time.perf_counter(); import sklearn.mixture, sklearn.linear_model; print(time.perf_counter() - t)"
)
OURS = (
    "import time; t = time.perf_counter(); import sklearn.mixture, sklearn.linear_model; s = time.perf_counter(); "
    "from classicmoe import MoERegressor, MoESelector; print(time.perf_counter() - s)"
)
BARE = "import time; t = time.perf_counter(); import classicmoe; print(time.perf_counter() - t)"
FIRST = (
    "import time, warnings; warnings.simplefilter('ignore'); from classicmoe import MoERegressor, load_dataset; "
    "X, y = load_dataset('ethanol', return_X_y=True); m = MoERegressor(2, n_init=5, random_state=0); "
    "t = time.perf_counter(); m.fit(X, y); a = time.perf_counter(); m.fit(X, y); b = time.perf_counter(); "
    "print((a - t) - (b - a))"
)


def median(code, repeats=5):
    """Return the median of what fresh interpreters print."""
    run = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(repeats)
    ]
    return statistics.median(float(r.stdout.split()[-1]) for r in run)


def main():
    """Print the figures."""
    median(FIRST, 1)
    print(f"startup: import of scikit-learn {median(SKLEARN):.2f} s; of classicmoe alone {median(BARE):.3f} s")
    print(f"startup: both estimators' modules after scikit-learn {median(OURS):.2f} s more")
    print(f"startup: first fit beyond later fits, warm kernel cache {median(FIRST):.2f} s")
