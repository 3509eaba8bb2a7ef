"""Fakes of the ports ModelFormat and Runtime: a logistic and a linear regression that need numpy and nothing else."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.core.label import LabelKind
from shipway.core.tensor import PREDICTED, Tensors, read_matrix
from shipway.kit.canonical import canonical_json

Floats = NDArray[np.float64]

_GREATEST: Final = 2.0**100
"""No number of a model is larger, so that single precision holds it, and sums of such numbers too."""
_RIDGE: Final = 1e-3
_STEPS: Final = 100
_MAGIC: Final[dict[LabelKind, bytes]] = {"condition": b"shipway linear 1", "number": b"shipway number 1"}
_MARK: Final = 16
_COUNT: Final = struct.Struct("<I")
_SINGLE: Final = np.dtype("<f4")


@dataclass(frozen=True, slots=True)
class LinearTerm:
    """What one column adds to a score.

    Attributes:
        low: the value, and every smaller one, that adds nothing.
        high: the value, and every greater one, that adds all of the weight; in between a value adds its share.
        weight: what `high` adds.
        gap: what a missing value adds.
    """

    low: float
    high: float
    weight: float
    gap: float

    def __post_init__(self) -> None:
        """Raise ValueError for numbers that no fit gives."""
        if not self.low <= self.high:
            raise ValueError(f"low {self.low} is not below high {self.high}")
        _check_size(self.low, self.high, self.weight, self.gap)


@dataclass(frozen=True, slots=True)
class LinearScore:
    """The log odds of one class, or a number: the intercept and what each column adds.

    Attributes:
        intercept: the score of a row whose columns add nothing.
        terms: one for each column, in order.
        predicts: which kind of label the score is of.
    """

    intercept: float
    terms: tuple[LinearTerm, ...]
    predicts: LabelKind = "condition"

    def __post_init__(self) -> None:
        """Raise ValueError for an intercept that no fit gives."""
        _check_size(self.intercept)


@dataclass(frozen=True, slots=True)
class LinearClassifier:
    """A logistic regression on columns that are cut to the range they had in training, with an indicator of gaps.

    Attributes:
        scores: of each class but the first, in order, against all others; none before `fit`, one for two classes.
    """

    scores: tuple[LinearScore, ...] = ()

    def fit(self, x: Floats, y: NDArray[Any]) -> "LinearClassifier":
        """Return the classifier these rows make, the same one for the same rows.

        Args:
            x: features of shape (rows, columns), at least one row; a missing value is NaN, a category's code is taken
                as the number it is.
            y: labels of shape (rows,), of any number of classes.
        """
        edges, design = _design(x)
        coefficients = [_fit_logistic(design, y == label) for label in np.unique(y)[1:]]
        return LinearClassifier(tuple(_make_score(edges, each, "condition") for each in coefficients))


@dataclass(frozen=True, slots=True)
class LinearRegressor:
    """A least-squares regression on columns as those of `LinearClassifier`.

    Attributes:
        score: the number that is predicted; None before `fit`.
    """

    score: LinearScore | None = None

    def fit(self, x: Floats, y: NDArray[Any]) -> "LinearRegressor":
        """Return the regressor these rows make, the same one for the same rows.

        Args:
            x: as for a classifier.
            y: numbers of shape (rows,).
        """
        edges, design = _design(x)
        gram = design.T @ design + _RIDGE * np.eye(design.shape[1])
        return LinearRegressor(_make_score(edges, np.linalg.solve(gram, design.T @ y), "number"))


@dataclass(frozen=True, slots=True)
class LinearPredictor:
    """A score turned into probabilities, or taken as it is; any number of threads may call it at once.

    Attributes:
        score: the log odds that the label is true, or the number.
        single: whether it is computed in single precision, as a portable model is.
    """

    score: LinearScore
    single: bool = False

    @property
    def predicts(self) -> LabelKind | None:
        """Return which kind of label the score is of."""
        return self.score.predicts

    def predict(self, x: Floats) -> Floats:
        """Return the probability that the label is true, or the number.

        Columns are added one after the other, so that a row's sum does not depend on the rows it stands among.

        Raises:
            ShipwayError: SW-202 if the rows do not have the model's columns.
        """
        columns = len(self.score.terms)
        if x.ndim != 2 or x.shape[1] != columns:
            hint = "give one row for each prediction, with the columns the model was trained on in their order"
            raise ShipwayError("SW-202", f"the model reads {columns} columns and was given shape {x.shape}", hint)
        with np.errstate(over="ignore"):
            rows: NDArray[np.floating[Any]] = x.astype(np.float32 if self.single else np.float64)
        total = np.full(len(rows), self.score.intercept, dtype=rows.dtype)
        for column, term in enumerate(self.score.terms):
            share = _share(rows[:, column], term.low, term.high)
            total += np.where(np.isnan(share), term.gap, share * term.weight)
        said = total.astype(np.float64)
        return _logistic(said) if self.score.predicts == "condition" else said

    def infer(self, inputs: Tensors) -> dict[str, Floats]:
        """Return what is predicted, by its name; SW-202 for anything but rows of the model's columns."""
        return {PREDICTED[self.score.predicts]: self.predict(read_matrix(inputs))}


class LinearFormat:
    """Binary `LinearClassifier`s, and `LinearRegressor`s; it answers the port `ModelFormat`.

    The native form is the canonical JSON of the score. What the port calls ONNX is here a form of its own that only
    `LinearRuntime` reads: the same numbers in single precision.
    """

    name = "linear"
    ending = "json"

    def accepts(self, estimator: object) -> bool:
        """Tell whether an estimator is a LinearClassifier or a LinearRegressor."""
        return isinstance(estimator, LinearClassifier | LinearRegressor)

    def dump(self, estimator: object, kind: LabelKind | None = None) -> bytes:
        """Return the estimator's one score as JSON.

        Raises:
            ShipwayError: SW-501 if it is not fitted, a classifier of other than two classes, or predicts no label of
                that kind.
        """
        if not isinstance(estimator, LinearClassifier | LinearRegressor):
            raise _refused(f"is a {type(estimator).__name__}", "return a LinearClassifier or a LinearRegressor")
        found = "number" if isinstance(estimator, LinearRegressor) else "condition"
        if found != (kind or found):
            raise _refused(f"predicts a {found}", f"the label is a {kind}: return an estimator of one")
        if isinstance(estimator, LinearRegressor):
            if estimator.score is None:
                raise _refused("is not fitted", "return what fit() returns for frame.x and frame.y")
            return canonical_json(estimator.score)
        if len(estimator.scores) != 1:
            classes = len(estimator.scores) + 1
            fact = f"tells {classes} classes apart" if estimator.scores else "is not fitted on two classes"
            raise _refused(fact, "return what fit() returns for frame.x and frame.y")
        (score,) = estimator.scores
        return canonical_json(score)

    def load(self, data: bytes) -> LinearPredictor:
        """Return a predictor from the JSON; SW-502 if the bytes are not a score."""
        return LinearPredictor(_read_score(data))

    def to_onnx(self, data: bytes, columns: int) -> bytes:
        """Return the portable form: a mark, the number of columns, the intercept, and four numbers for each column.

        Raises:
            ShipwayError: SW-501 if the model reads another number of columns, SW-502 if the bytes are not a score.
        """
        score = _read_score(data)
        if len(score.terms) != columns:
            raise _refused(f"reads {len(score.terms)} columns, not {columns}", "train it on every column of frame.x")
        return (
            _MAGIC[score.predicts] + _COUNT.pack(columns) + np.asarray(list(_numbers(score)), dtype=_SINGLE).tobytes()
        )


class LinearRuntime:
    """Runs the portable form of `LinearFormat` in single precision; it answers the port `Runtime`.

    Attributes:
        threads: what it was told; a prediction takes one thread all the same.
    """

    name = "linear"

    def __init__(self, *, threads: int = 1) -> None:
        """Keep the number of threads, which the app tells every runtime."""
        self.threads: Final = threads

    def load(self, data: bytes) -> LinearPredictor:
        """Return a predictor for the portable form; SW-502 if the bytes are not one."""
        start = _MARK + _COUNT.size
        kind: LabelKind | None = next((each for each, mark in _MAGIC.items() if data.startswith(mark)), None)
        if kind is None or len(data) < start:
            raise _unreadable("a portable model", "they lack its mark")
        (columns,) = _COUNT.unpack_from(data, _MARK)
        if len(data) != start + _SINGLE.itemsize * (1 + 4 * columns):
            raise _unreadable("a portable model", f"{len(data):,} bytes are not what {columns:,} columns take")
        intercept, *numbers = np.frombuffer(data, dtype=_SINGLE, offset=start).tolist()
        try:
            terms = tuple(LinearTerm(*numbers[at : at + 4]) for at in range(0, len(numbers), 4))
            return LinearPredictor(LinearScore(intercept, terms, kind), single=True)
        except ValueError as error:
            raise _unreadable("a portable model", str(error)) from error


def _design(x: Floats) -> tuple[list[tuple[float, float]], Floats]:
    """Return the range of each column, and the rows as what is learned from: ones, shares, and where there are gaps."""
    near = np.where(np.abs(x) <= _GREATEST, x, np.nan)
    # On the grid of single precision, so that both forms of the model cut at the same values.
    low, high = (np.nan_to_num(edge.reduce(near, axis=0)).astype(np.float32) for edge in (np.fmin, np.fmax))
    edges = list(zip(low.tolist(), high.tolist(), strict=True))
    shares = np.column_stack([_share(x[:, column], *edge) for column, edge in enumerate(edges)])
    return edges, np.column_stack([np.ones(len(x)), np.nan_to_num(shares), np.isnan(shares)])


def _make_score(edges: list[tuple[float, float]], coefficients: NDArray[Any], kind: LabelKind) -> LinearScore:
    intercept, *slopes = coefficients.tolist()
    weights, gaps = slopes[: len(edges)], slopes[len(edges) :]
    return LinearScore(intercept, tuple(map(_make_term, edges, weights, gaps)), kind)


def _make_term(edge: tuple[float, float], weight: float, gap: float) -> LinearTerm:
    return LinearTerm(*edge, weight, gap)


def _share(column: NDArray[Any], low: float, high: float) -> NDArray[Any]:
    """Return where values lie from `low`, 0, to `high`, 1, in the precision they have; NaN where one is missing."""
    return (np.clip(column, low, high) - low) / (high - low or 1.0)


def _logistic(score: Floats) -> Floats:
    """Return 1 / (1 + exp(-score)) in a form that does not overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * score)


def _fit_logistic(design: Floats, y: NDArray[np.bool_]) -> Floats:
    """Return the coefficients of a logistic regression with a slight ridge, shape (columns,).

    Each step solves with a bound of the Hessian, a fourth of the Gram matrix, in place of the Hessian itself; so none
    overshoots, also where the classes are separable (Böhning and Lindsay 1988, Monotonicity of quadratic-approximation
    algorithms, sections 2 and 4).
    """
    bound = design.T @ design / 4 + _RIDGE * np.eye(design.shape[1])
    coefficients = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        gradient = design.T @ (y - _logistic(design @ coefficients)) - _RIDGE * coefficients
        coefficients += np.linalg.solve(bound, gradient)
    return coefficients


def _numbers(score: LinearScore) -> Iterator[float]:
    yield score.intercept
    for term in score.terms:
        yield from (term.low, term.high, term.weight, term.gap)


def _check_size(*numbers: float) -> None:
    for number in numbers:
        if not abs(number) <= _GREATEST:
            raise ValueError(f"{number} is no number of a model")


def _read_score(data: bytes) -> LinearScore:
    try:
        return msgspec.json.decode(data, type=LinearScore)
    except msgspec.DecodeError as error:
        raise _unreadable("a linear model", str(error)) from error


def _unreadable(what: str, why: str) -> ShipwayError:
    return ShipwayError("SW-502", f"these bytes are not {what} ({why})", "make them again with LinearFormat")


def _refused(fact: str, hint: str) -> ShipwayError:
    return ShipwayError("SW-501", f"the linear model {fact}", hint)
