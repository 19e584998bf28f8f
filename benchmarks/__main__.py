"""python -m benchmarks [peers] [pass] [memory] [startup] [mixtures] [counts]."""

import os
import sys

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

from benchmarks import counts, memory, mixtures, passes, peers, startup  # noqa: E402  (thread counts must be set before NumPy loads)

PARTS = {"startup": startup.main, "pass": passes.main, "peers": peers.main, "memory": memory.main}
PARTS |= {"mixtures": mixtures.main, "counts": counts.main}

for part in sys.argv[1:] or PARTS:
    PARTS[part]()
