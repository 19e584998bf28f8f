"""What a fit of a Gaussian-gated mixture is asked, and what it answers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe.em.evaluate import Totals
from classicmoe.em.loop import Control
from classicmoe.em.sample import Sample
from classicmoe.models.fitting import Result
from classicmoe.models.inverse_regression import Joint


class Asked(NamedTuple):
    """What is to be fitted and how."""

    n_experts: int
    noise: str
    n_latent: int
    blocks: Any
    control: Control
    seeds: list[np.random.SeedSequence]
    n_refine: int | None
    init: Any
    warm: Joint | None
    n_workers: int
    sample: Sample | None = None  # of the rows turned round, from an earlier fit


class Fitted(NamedTuple):
    """A fit in the user's units, experts in canonical order; sums are of the forward law on the training rows."""

    result: Result
    structure: Any
    joint: Joint
    kept: NDArray[np.intp]
    totals: Totals
    path: list[dict[str, Any]] | None = None  # of the partitions that were compared, where blocks were chosen
