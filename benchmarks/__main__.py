"""python -m benchmarks [peers] [pass] [memory] [startup] [mixtures] [counts] [lasso], or lasso-study with options."""

import os
import sys

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

from benchmarks import counts, lasso, lasso_study, memory, mixtures, passes, peers, startup  # noqa: E402  (thread counts must be set before NumPy loads)

PARTS = {"startup": startup.main, "pass": passes.main, "peers": peers.main, "memory": memory.main}
PARTS |= {"mixtures": mixtures.main, "counts": counts.main, "lasso": lasso.main}

if sys.argv[1:2] == ["lasso-study"]:  # takes an hour, and options
    lasso_study.main(sys.argv[2:])
elif unknown := set(sys.argv[1:]) - set(PARTS):
    sys.exit(f"{__doc__}\nUnknown: {', '.join(sorted(unknown))}")
else:
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
