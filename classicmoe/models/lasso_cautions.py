"""What the user should know about a Lasso fit beside what every fit may have to say."""

from __future__ import annotations

from typing import Any

import numpy as np

from classicmoe.exceptions import CollinearColumnsWarning, EndOfPathWarning, WideExpertWarning
from classicmoe.models.cautions import listed, warn


def warn_copies(pairs: list[tuple[int, int]], names: list[str]) -> None:
    """Say which columns of a penalised fit are copies of others."""
    if not pairs:
        return
    told = [f"'{names[second]}' of '{names[first]}'" for first, second in pairs]
    warn(
        f"{len(pairs)} column(s) are linear functions of others: {listed(told)}. How the penalty shares a slope "
        "between copies means nothing: leave all but one out.",
        CollinearColumnsWarning,
    )


def warn_end_of_path(path: Any, criterion: str) -> None:
    """Say that a criterion took the weakest penalty of a path, if it had others."""
    if not 0 < path.chosen == len(path.objective) - 1:
        return
    cure = {
        "grid": "give a smaller alpha_min_ratio",
        "rows": "beyond it fewer than five rows were left for each degree of freedom, or an expert collapsed; fewer "
        "experts, fewer columns or criterion='ebic' may stop earlier",
    }[path.ended]
    side = "alpha_expert" if path.alpha_expert[0] != path.alpha_expert[-1] else "alpha_gate"
    warn(
        f"criterion={criterion!r} takes the weakest penalty of the path ({side} = {getattr(path, side)[-1]:.4g}), "
        f"and a weaker one might be better still: {cure}.",
        EndOfPathWarning,
    )


def warn_wide_expert(estimator: Any) -> None:
    """Say which experts keep no slopes because their scale is wide, as a penalty in units of y has it."""
    keeps = estimator.support_["expert"].any(axis=1)
    scale = np.broadcast_to(np.ravel(estimator.expert_scale_), keeps.shape)
    wide = ~keeps & (scale > scale[keeps].max(initial=np.inf if not keeps.any() else 0.0))
    if wide.any():
        told = listed([f"expert {k} ({scale[k]:.3g})" for k in np.flatnonzero(wide)])
        warn(
            f"No slopes and the widest scale: {told}. A penalty on slopes in the units of y is the stronger, the wider "
            "the scale of an expert is: compare with parametrisation='scaled'.",
            WideExpertWarning,
        )
