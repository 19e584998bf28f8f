"""Resident memory during a fit, measured in fresh processes."""

import subprocess
import sys
import textwrap

ARRAYS = """
import os, sys, threading, time, warnings
import numpy as np
from benchmarks.data import regimes
from classicmoe import MoERegressor
warnings.simplefilter("ignore")

def resident(field="VmRSS"):
    for line in open("/proc/self/status"):
        if line.startswith(field):
            return int(line.split()[1]) * 1024

class Watch:
    def __init__(self, field):
        self.field = field
    def __enter__(self):
        ctypes.CDLL("libc.so.6").malloc_trim(0)  # what making the data left behind must not hide the growth
        self.before = self.peak = resident(self.field)
        self.on = True
        self.thread = threading.Thread(target=self.look)
        self.thread.start()
        return self
    def look(self):
        while self.on:
            self.peak = max(self.peak, resident(self.field))
            time.sleep(0.002)
    def __exit__(self, *exc):
        self.on = False
        self.thread.join()

import ctypes
X0, y0, _ = regimes(5000, 10, 3)
MoERegressor(3, n_init=2, random_state=0).fit(X0, y0)
"""

IN_MEMORY = """
X, y, _ = regimes({n}, 10, 3, dtype=np.{dtype})
with Watch("VmRSS") as watch:
    model = MoERegressor(3, n_init=4, random_state=0, max_iter=60).fit(X, y)
growth = watch.peak - watch.before
print(f"memory: n = {n}, d = 10, {dtype}: X is {{X.nbytes / 2**20:.0f}} MB, growth {{growth / 2**20:.0f}} MB",
      f"= {{growth / X.nbytes:.1%}} of X; X is still {{X.dtype}}")
"""

MAPPED = """
import tempfile
n, d = 26_843_546 // 10 * 10 // 1, 10
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "x.npy")
    table = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(n, d))
    y = np.lib.format.open_memmap(os.path.join(folder, "y.npy"), mode="w+", dtype=np.float64, shape=(n,))
    for start in range(0, n, 1_000_000):
        rows = slice(start, min(start + 1_000_000, n))
        X0, y[rows], _ = regimes(rows.stop - rows.start, d, 3, seed=0)
        table[rows] = X0
    del table, X0, y
    X, y = np.load(path, mmap_mode="r"), np.load(os.path.join(folder, "y.npy"), mmap_mode="r")
    began = time.perf_counter()
    with Watch("RssAnon") as watch:
        model = MoERegressor(3, n_init=4, n_refine=1, random_state=0, max_iter=25).fit(X, y)
    print(f"memory: memory-mapped float32 table of {X.nbytes / 2**30:.2f} GB: anonymous memory grew by "
          f"{(watch.peak - watch.before) / 2**20:.0f} MB; {model.n_iter_} passes, {time.perf_counter() - began:.0f} s")
"""


def run(code):
    """Run code in a fresh interpreter."""
    subprocess.run([sys.executable, "-c", textwrap.dedent(ARRAYS) + textwrap.dedent(code)], check=True)


def main():
    """Print the figures."""
    for dtype in ("float64", "float32"):
        run(IN_MEMORY.format(n=2_000_000, dtype=dtype))
    run(MAPPED)
