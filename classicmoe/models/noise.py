"""The words for the noise of x given y, and the structures they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np

from classicmoe.contracts import Array
from classicmoe.covariances import Block, Dense, Diagonal, Factor
from classicmoe.covariances.block import BlockParameters
from classicmoe.covariances.dense import DenseParameters
from classicmoe.covariances.diagonal import DiagonalParameters
from classicmoe.covariances.factor import FactorParameters
from classicmoe.exceptions import ConfigurationError
from classicmoe.messages import did_you_mean

DENSE = {"full": Dense("own"), "tied": Dense("shared")}
DIAGONAL = {
    "diag": Diagonal("own"),
    "spherical": Diagonal("own", spherical=True),
    "tied_diag": Diagonal("shared"),
    "tied_spherical": Diagonal("shared", spherical=True),
}
WORDS = (*DIAGONAL, *DENSE, "block")


def noise_structure(word: Any, n_latent: int, labels: Array | None = None) -> Any:
    """Return the structure of the noise covariance.

    Raises
    ------
    ConfigurationError
        An unknown word, or latent factors where the noise is not diagonal.
    """
    if word not in WORDS:
        known = ", ".join(map(repr, WORDS))
        raise ConfigurationError(
            f"noise_covariance={word!r} is not known.{did_you_mean(str(word), WORDS)} Known: {known}."
        )
    if n_latent and word not in DIAGONAL:
        raise ConfigurationError(
            f"n_latent={n_latent} goes with a diagonal or spherical noise_covariance, not {word!r}: "
            f"a {word} covariance leaves nothing for latent factors to explain."
        )
    if word in DENSE:
        return DENSE[word]
    if word == "block":
        return Block(labels)
    plain = DIAGONAL[word]
    return Factor(n_latent, plain.scale, plain.spherical) if n_latent else plain


def noise_attributes(structure: Any, params: Any) -> dict[str, Array]:
    """Return the parameters of the noise as public arrays."""
    if isinstance(structure, Factor):
        return {"noise_variances_": params.variance, "latent_loadings_": params.loadings}
    if isinstance(structure, Diagonal):
        return {"noise_variances_": np.array(params.variance)}
    if isinstance(structure, Block):
        return {"noise_covariances_": structure.dense(params), "block_labels_": params.labels}
    return {"noise_covariances_": structure.dense(params)}


NOISE = ("noise_variances_", "latent_loadings_", "noise_covariances_", "block_labels_")


def noise_parameters(structure: Any, attributes: dict[str, Any]) -> Any:
    """Rebuild the parameters of the noise from the public arrays."""
    if isinstance(structure, Factor):
        return FactorParameters(attributes["latent_loadings_"], attributes["noise_variances_"])
    if isinstance(structure, Diagonal):
        return DiagonalParameters(attributes["noise_variances_"])
    factor = np.linalg.cholesky(attributes["noise_covariances_"])
    if isinstance(structure, Block):
        return BlockParameters(attributes["block_labels_"], factor)
    return DenseParameters(factor)


def fitted_structure(attributes: dict[str, Any]) -> Any:
    """Return the structure that the public arrays of a fit have; what is shared by experts only matters to a fit."""
    if "latent_loadings_" in attributes:
        return Factor(attributes["latent_loadings_"].shape[2])
    if "block_labels_" in attributes:
        return Block(attributes["block_labels_"])
    return Diagonal() if "noise_variances_" in attributes else Dense()


def holds(structure: Any, attributes: dict[str, Any]) -> bool:
    """Return whether a fit's noise is one that ``structure`` could have."""
    before = fitted_structure(attributes)
    if type(before) is not type(structure) or getattr(before, "n_latent", 0) != getattr(structure, "n_latent", 0):
        return False
    if isinstance(structure, Block):
        return structure.labels is None or np.array_equal(structure.labels, before.labels)
    size = attributes["noise_variances_"] if "noise_variances_" in attributes else attributes["noise_covariances_"]
    if getattr(structure, "spherical", False) and not np.allclose(size, size[:, :1], rtol=1e-9, atol=0.0):
        return False
    return structure.scale == "own" or bool(np.allclose(size, size[:1], rtol=1e-9, atol=0.0))


def redundant(structure: Any, n_experts: int) -> int:
    """Return how many coordinates are free without changing the model: rotations of the loadings."""
    if not isinstance(structure, Factor):
        return 0
    return n_experts * structure.n_latent * (structure.n_latent - 1) // 2
