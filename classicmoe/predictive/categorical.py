"""The predictive distribution of a fitted classifier, row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax
from sklearn.utils import check_random_state

from classicmoe.exceptions import ConfigurationError, UnseenLabelError

Array = NDArray[np.float64]


class CategoricalDistribution:
    """Distribution of a label given x at n rows: P(y = c | x_i) for C classes.

    Parameters
    ----------
    log_prob : array of shape (n, C)
        Logarithms of the probabilities, up to a constant per row.
    classes : array of shape (C,)
        The labels.

    Attributes
    ----------
    classes : array of shape (C,)
    log_prob : array of shape (n, C)

    Examples
    --------
    >>> import numpy as np
    >>> from classicmoe.predictive import CategoricalDistribution
    >>> dist = CategoricalDistribution(np.log([[0.2, 0.8], [0.5, 0.5]]), np.array(["no", "yes"]))
    >>> dist.pmf("yes").round(2)
    array([0.8, 0.5])
    >>> dist.mode().tolist()
    ['yes', 'no']
    """

    def __init__(self, log_prob: ArrayLike, classes: ArrayLike):
        self.classes = np.asarray(classes)
        self.log_prob: Array = np.asarray(log_softmax(np.asarray(log_prob, dtype=float), axis=1))
        if self.log_prob.shape[1:] != self.classes.shape:
            raise ConfigurationError(f"log_prob has {self.log_prob.shape[1]} columns for {len(self.classes)} classes.")

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.log_prob)

    def __repr__(self) -> str:
        """Name the sizes."""
        return f"CategoricalDistribution(n_rows={len(self)}, n_classes={len(self.classes)})"

    def __getitem__(self, rows: Any) -> CategoricalDistribution:
        """Return the distribution of some rows: an index (one row), a slice, a list of indices or a boolean mask."""
        index = np.atleast_1d(np.arange(len(self))[rows])
        return CategoricalDistribution(self.log_prob[index], self.classes)

    def logpmf(self, y: Any) -> Array:
        """Return log P(y | x), (n,), for one label or one per row.

        Raises
        ------
        UnseenLabelError
            A label that is not among the classes.
        ConfigurationError
            Neither one label nor one per row.
        """
        labels = np.asarray(y)
        if labels.shape not in ((), (len(self),)):
            raise ConfigurationError(f"y must be one label or one for each of {len(self)} rows, not {labels.shape}.")
        known = {label: code for code, label in enumerate(self.classes.tolist())}
        asked = np.atleast_1d(labels).tolist()
        strange = [label for label in dict.fromkeys(asked) if label not in known]
        if strange:
            raise UnseenLabelError(f"{strange[0]!r} is not among the classes {self.classes.tolist()}.")
        codes = np.broadcast_to([known[label] for label in asked], len(self))
        return self.log_prob[np.arange(len(self)), codes]

    def pmf(self, y: Any) -> Array:
        """Return P(y | x), (n,), for one label or one per row."""
        return np.exp(self.logpmf(y))

    logpdf = logpmf  # so that all predictive distributions answer alike

    def mode(self) -> NDArray[Any]:
        """Return the most likely label, (n,); the first of those that are equally likely."""
        return self.classes[self.log_prob.argmax(axis=1)]

    def sample(self, size: int | None = None, random_state: Any = None) -> NDArray[Any]:
        """Draw labels given x.

        Parameters
        ----------
        size : int, optional
            Draws per row.
        random_state : int, RandomState, Generator or None, optional
            As in scikit-learn; a ``numpy.random.Generator`` is used as it is.

        Returns
        -------
        array
            (n,) without ``size``, else (n, size).
        """
        rng = random_state if isinstance(random_state, np.random.Generator) else check_random_state(random_state)
        shape = (len(self),) if size is None else (len(self), size)
        uniform, codes = rng.random(shape), np.zeros(shape, dtype=np.intp)
        for bound in np.cumsum(np.exp(self.log_prob), axis=1)[:, :-1].T:  # the last is 1 but for rounding
            codes += uniform >= bound.reshape((-1,) + (1,) * (len(shape) - 1))
        return self.classes[codes]
