"""Every error and warning that classicmoe raises, one class per cause.

Errors derive from :class:`ClassicMoEError` and, where scikit-learn's callers expect it, from ``ValueError``.
A message says what is wrong, where (column, rows) and what to do.
"""

from sklearn.exceptions import ConvergenceWarning


class ClassicMoEError(Exception):
    """Base class of all errors of this package."""


class ConfigurationError(ClassicMoEError, ValueError):
    """A hyperparameter has a value that it cannot have."""


class DataError(ClassicMoEError, ValueError):
    """The data cannot be used as they are."""


class ColumnError(DataError):
    """A column is missing, unknown, repeated or of a kind that cannot be used."""


class MissingValuesError(DataError):
    """Missing or infinite values where the model has no way to use them."""


class UnseenLevelError(DataError):
    """A categorical column holds a level that was not there when the model was fitted."""


class UnseenLabelError(DataError):
    """Rows to be scored hold a label that was not there when the classifier was fitted."""


class WeightError(DataError):
    """Sample weights are negative, not finite or all zero."""


class RowDataError(DataError):
    """Exposures or offsets are wrong, or missing where the model was fitted with them."""


class TooFewRowsError(DataError):
    """Fewer (distinct) rows than the model has coefficients to determine."""


class ModelTableError(DataError):
    """The columns of a table of models (complexity, contrast, penalty shape) cannot be used."""


class TooFewModelsError(DataError):
    """Fewer models than a criterion needs: to read a slope off, or to compare held-out scores of."""


class NotComparableError(ClassicMoEError, ValueError):
    """Models whose likelihoods are of different things were to be ranked."""


class NoAdmissibleModelError(ClassicMoEError, RuntimeError):
    """No model of a grid could be fitted."""


class ModelFileError(ClassicMoEError, ValueError):
    """A model file is unreadable, damaged, from a newer version or not a model file."""


class ClassicMoEWarning(UserWarning):
    """Base class of all warnings of this package."""


class ConstantColumnWarning(ClassicMoEWarning):
    """A column does not vary and was left out (its coefficient is zero)."""


class CollinearColumnsWarning(ClassicMoEWarning):
    """A column is a linear combination of others and was left out (its coefficient is zero), or penalised with them."""


class NotReplicatedWarning(ClassicMoEWarning):
    """The best solution was reached by one start only."""


class SuspectSolutionWarning(ClassicMoEWarning):
    """The solution rests on an expert that stands on very few rows."""


class DegenerateComponentWarning(ClassicMoEWarning):
    """An expert collapsed: its scale is at the floor or it lost its rows."""


class GateSeparatedWarning(ClassicMoEWarning):
    """The gating network separates the experts perfectly; its slopes are finite only by the ridge."""


class NotConvergedWarning(ClassicMoEWarning, ConvergenceWarning):
    """The iteration ended before its stopping rule was met."""


class WeightSumWarning(ClassicMoEWarning):
    """Frequency weights whose sum is far from the number of rows."""


class RareClassWarning(ClassicMoEWarning):
    """A class has a single row."""


class IdColumnWarning(ClassicMoEWarning):
    """A column looks like an identifier: every row has its own value."""


class ManyLevelsWarning(ClassicMoEWarning):
    """A categorical column has many levels."""


class DroppedModelsWarning(ClassicMoEWarning):
    """Models were left out of a slope heuristic."""


class DoubtfulSlopeWarning(ClassicMoEWarning):
    """Something speaks against what a slope heuristic selected."""


class EndOfPathWarning(ClassicMoEWarning):
    """A criterion took the weakest penalty of a path."""


class WideExpertWarning(ClassicMoEWarning):
    """A penalty on slopes in the units of y left an expert of wide scale without any."""


class NoBlocksWarning(ClassicMoEWarning):
    """There was no partition of the columns to choose from but the one into single columns."""
