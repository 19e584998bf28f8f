"""Loading a saved model: ``classicmoe.load``.

Saving is the estimators' own method; this side only has to know which estimators a file may name.
"""

import os
from importlib import import_module
from typing import Any

from classicmoe import __version__
from classicmoe.archive import MAX_BYTES, read_archive
from classicmoe.exceptions import ClassicMoEError, ModelFileError

_ESTIMATORS = {
    "MoERegressor": "classicmoe.models.regressor",
    "MoEClassifier": "classicmoe.models.classifier",
    "GaussianGatedMoERegressor": "classicmoe.models.gaussian_gated",
    "LassoMoERegressor": "classicmoe.models.lasso",
    "LassoMoEClassifier": "classicmoe.models.lasso_classifier",
}


def load(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> Any:
    """Return the fitted estimator that its ``save(path)`` wrote.

    The file may come from anywhere: it holds no pickle, and reading it runs no code of its own.

    Parameters
    ----------
    path : str or path-like
        A file written by ``save``.
    max_bytes : int, default 2**30
        Largest file, in bytes, that is read.

    Returns
    -------
    estimator
        Predicts as the saved one did. It has no training rows; ``responsibilities``, ``score`` and the criteria take
        the rows to use. Times are not stored, and of the paths of a Lasso mixture of experts the chosen one only.

    Raises
    ------
    ModelFileError
        The file is missing, not a model file, damaged, too large or from a newer version; the message says which.
    ConfigurationError
        The model contains a scikit-learn transformer and skops is not installed.

    Examples
    --------
    >>> import classicmoe
    >>> classicmoe.load("nowhere.cmoe")
    Traceback (most recent call last):
        ...
    classicmoe.exceptions.ModelFileError: nowhere.cmoe cannot be read as a model: No such file or directory.
    """
    header, arrays, blobs = read_archive(path, max_bytes=max_bytes)
    name = header.get("estimator")
    if not isinstance(name, str) or name not in _ESTIMATORS:
        raise ModelFileError(
            f"{os.fspath(path)} holds an estimator {name!r}, written by classicmoe {header['package_version']}; "
            f"this classicmoe {__version__} knows {', '.join(_ESTIMATORS)}."
        )
    estimator = getattr(import_module(_ESTIMATORS[name]), name)
    try:
        return estimator._from_state(header, arrays, blobs)
    except ClassicMoEError as error:
        if isinstance(error, ModelFileError):
            raise ModelFileError(f"{os.fspath(path)}: {error}") from error
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # A sound archive with contents that no estimator wrote.
        raise ModelFileError(
            f"{os.fspath(path)} does not describe a fitted {name} ({type(error).__name__}: {error})."
        ) from error
