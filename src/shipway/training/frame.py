"""From a frame of features to the arrays that training functions and models read.

Every number a model sees, in training, in evaluation and in serving, is a single-precision number held as float64. The
portable form of a model compares in single precision; if training saw more digits than that, a row beside a threshold
would go one way natively and another in production. With both on the same grid the comparisons agree exactly.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.bundle import InputColumn
from shipway.core.error import ShipwayError
from shipway.core.label import MOST_CLASSES, LabelKind, find_unnameable, kind_of
from shipway.core.reference import ColumnReference, refer_category, refer_number
from shipway.kit.suggestion import did_you_mean
from shipway.maths.encoding import encode_categories, round_single

FEWEST_ROWS: Final = 100
"""Training on fewer rows than this is refused."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainFrame:
    """What a project's training function is handed.

    Attributes:
        x: features, float64[n, f]; a missing value is NaN, a category its integer code, a condition 0 or 1.
        y: the label: bool[n] of a condition, float64[n] of a number, int64[n] the codes of classes.
        at: when each prediction would have been asked for, int64[n], microseconds since 1970 UTC.
        columns: names of the features, in the order of `x`.
        categories: category column to its texts by code.
        monotone: for each feature 1 if a rise must never lower the prediction, -1 if it must never raise it, else 0.
        threads: how many threads training may use.
        seed: for everything random in training.
        classes: of a label of classes the text of each code: those that occur, in their order.
    """

    x: NDArray[np.float64]
    y: NDArray[Any]
    at: NDArray[np.int64]
    columns: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]
    monotone: tuple[int, ...]
    threads: int
    seed: int
    classes: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Return how many rows there are."""
        return len(self.y)

    @property
    def kind(self) -> LabelKind:
        """Return what kind of label there is to learn."""
        return kind_of(self.y)

    @property
    def category_columns(self) -> list[int]:
        """Return where in `columns` the categories are."""
        return [at for at, column in enumerate(self.columns) if column in self.categories]


def prepare_frame(
    frame: pl.DataFrame,
    *,
    columns: Sequence[str],
    rising: Collection[str],
    falling: Collection[str],
    cut: int,
    label: str,
    label_known_at: str,
    at: str,
    threads: int,
    seed: int,
) -> tuple[TrainFrame, tuple[InputColumn, ...]]:
    """Take what may be learned from at a cut, and describe the columns as it shows them.

    A row is learned from if it was asked before the cut and its label was known by then. Nothing else is looked at:
    also the texts of a category, the ranges and the shares of missing values are of these rows only.

    Args:
        frame: features, label and instants, one row a prediction.
        columns: names of the features, in the model's order.
        rising: features whose rise must never lower the prediction.
        falling: features whose rise must never raise the prediction.
        cut: microseconds since 1970 UTC.
        label: name of the label, Boolean, a number or a text; null where it never became known.
        label_known_at: name of the instant from which the label is known.
        at: name of the prediction instant.
        threads: handed on to the training function.
        seed: handed on to the training function.

    Returns:
        The arrays, in the frame's order of rows, and the columns for the bundle.

    Raises:
        ShipwayError: SW-104 for a rising or falling column that is no feature, SW-106 for one that is both or a
            category, or where the label is a class, SW-202 for a missing column, SW-203 for a column of a type models
            cannot read or a label that is not finite or has too many classes, SW-402 for fewer than 100 rows or a
            label that is the same in all of them.
    """
    _require(frame, [*columns, label, label_known_at, at])
    _check_constraints(frame, columns, rising, falling)
    known = (
        (pl.col(at).to_physical() < cut) & (pl.col(label_known_at).to_physical() <= cut) & pl.col(label).is_not_null()
    )
    learned = frame.filter(known)
    classes = list_classes(learned[label])
    if classes and (rising or falling):
        fact = f"{(*rising, *falling)[0]} is constrained, and of {len(classes)} classes no single one rises or falls"
        raise ShipwayError("SW-106", fact, "test it in a gate: sw.never_lowers(..., of=CLASS)")
    y = read_labels(learned[label], classes)
    _require_enough(y, classes)
    # The codes of categories are decided before anything is encoded with them.
    blank = [_describe_type(learned[name]) for name in columns]
    x = encode_frame(learned, blank)
    signs = [int(name in rising) - int(name in falling) for name in columns]
    inputs = tuple(_describe(column, x[:, i], signs[i]) for i, column in enumerate(blank))
    prepared = TrainFrame(
        x=x,
        y=y,
        at=learned[at].to_physical().to_numpy().astype(np.int64),
        columns=tuple(columns),
        categories={column.name: column.categories for column in inputs if column.kind == "category"},
        monotone=tuple(signs),
        threads=threads,
        seed=seed,
        classes=classes,
    )
    return prepared, inputs


def encode_frame(frame: pl.DataFrame, inputs: Sequence[InputColumn]) -> NDArray[np.float64]:
    """Turn a frame's features into what a model reads.

    Numbers are rounded to single precision (one beyond its range becomes infinite), conditions become 0 and 1, texts
    their codes; a null, a NaN and a text that training did not see become NaN.

    Args:
        frame: the features; other columns are left alone.
        inputs: the columns the model reads, in its order.

    Returns:
        Features of shape (rows, len(inputs)).

    Raises:
        ShipwayError: SW-202 for a missing column, SW-203 for one that is text where a number is read, or the other way
            round, or of a type models cannot read.
    """
    _require(frame, [column.name for column in inputs])
    x = np.empty((frame.height, len(inputs)), dtype=np.float64, order="F")
    for at, column in enumerate(inputs):
        series = frame[column.name]
        if _kind_of(series) != column.kind:
            hint = "the model reads it as it was in training: give it that way, or train again"
            raise ShipwayError("SW-203", f"column {column.name!r} is {series.dtype}, not a {column.kind}", hint)
        x[:, at] = _encode_text(series, column.categories) if column.kind == "category" else _encode_number(series)
    return np.ascontiguousarray(x)


def refer_inputs(inputs: Sequence[InputColumn], x: NDArray[np.float64]) -> tuple[ColumnReference, ...]:
    """Count what each column holds, as the reference that drift is measured against.

    Args:
        inputs: the columns, as `prepare_frame` describes them.
        x: what was learned from, shape (rows, inputs).
    """
    return tuple(
        refer_number(column.name, x[:, at])
        if column.kind == "number"
        else refer_category(column.name, x[:, at], column.categories)
        for at, column in enumerate(inputs)
    )


def _encode_text(series: pl.Series, categories: Sequence[str]) -> NDArray[np.float64]:
    # Texts repeat: each distinct one is coded once, and the rows take the codes.
    distinct = series.drop_nulls().unique()
    texts: NDArray[Any] = distinct.to_numpy()
    codes = encode_categories(texts, np.ones(len(texts), dtype=np.bool_), categories)
    coded = series.replace_strict(distinct, pl.Series(codes), default=None, return_dtype=pl.Float64)
    return coded.fill_null(np.nan).to_numpy()


def _encode_number(series: pl.Series) -> NDArray[np.float64]:
    return round_single(series.cast(pl.Float64).fill_null(np.nan).to_numpy())


def _kind_of(series: pl.Series) -> str:
    if series.dtype == pl.String:
        return "category"
    if series.dtype == pl.Boolean or series.dtype.is_integer() or series.dtype.is_float():
        return "number"
    hint = "make it a number, a condition or a text: the difference of two instants, for example, is a number"
    if isinstance(series.dtype, pl.Array):
        hint = "declare its length on its source, so that it is read as its components: embeddings={...}"
    raise ShipwayError("SW-203", f"column {series.name!r} is {series.dtype}, which a model cannot read", hint)


def _describe_type(series: pl.Series) -> InputColumn:
    if _kind_of(series) == "number":
        return InputColumn(name=series.name, kind="number")
    texts: list[str] = series.drop_nulls().unique().sort().to_list()
    return InputColumn(name=series.name, kind="category", categories=tuple(texts))


def _describe(column: InputColumn, values: NDArray[np.float64], sign: int) -> InputColumn:
    finite = values[np.isfinite(values)]
    ranged = column.kind == "number" and len(finite) > 0
    return InputColumn(
        name=column.name,
        kind=column.kind,
        categories=column.categories,
        low=float(finite.min()) if ranged else None,
        high=float(finite.max()) if ranged else None,
        missing=float(np.isnan(values).mean()),
        monotone=sign,
    )


def kind_of_labels(dtype: pl.DataType) -> LabelKind:
    """Return what kind of label a frame's column of this type holds; SW-203 for a type that is of none."""
    if dtype == pl.Boolean:
        return "condition"
    if dtype.is_numeric():
        return "number"
    if dtype == pl.String:
        return "class"
    fact = f"the label is {dtype}: no condition, number or text"
    raise ShipwayError("SW-203", fact, "compare it, such as delay > 15, or make it a number")


def list_classes(labels: pl.Series) -> tuple[str, ...]:
    """Return the different texts of a label of classes, in order; none of any other kind of label.

    Raises:
        ShipwayError: SW-203 for more than `MOST_CLASSES`, and for a text that is too long or no single line.
    """
    if kind_of_labels(labels.dtype) != "class":
        return ()
    texts: list[str] = labels.drop_nulls().unique().sort().to_list()
    if len(texts) > MOST_CLASSES:
        fact = f"the label has {len(texts):,} different texts, and a model tells at most {MOST_CLASSES} classes apart"
        raise ShipwayError("SW-203", fact, "predict a coarser column, or a condition such as status == 'lost'")
    if odd := find_unnameable(texts):
        raise ShipwayError("SW-203", f"the label's text {odd}", "give its classes short names in the source's function")
    return tuple(texts)


def read_labels(labels: pl.Series, classes: Sequence[str] = ()) -> NDArray[Any]:
    """Return labels without nulls as models learn and are judged by.

    Args:
        labels: conditions, numbers or texts.
        classes: of texts, what each code stands for.

    Returns:
        bool[n] of a condition, float64[n] of a number, and of texts their codes, int64[n].

    Raises:
        ShipwayError: SW-203 for a column of another type, a number that is not finite, or a text that is no class.
    """
    kind = kind_of_labels(labels.dtype)
    if kind == "condition":
        return labels.to_numpy().astype(np.bool_)
    if kind == "class":
        return _read_codes(labels, classes)
    y = labels.to_numpy().astype(np.float64)
    if not np.isfinite(y).all():
        count = int((~np.isfinite(y)).sum())
        fact = f"the label is no finite number in {count:,} of {len(y):,} rows"
        raise ShipwayError("SW-203", fact, "a row without an outcome has a null label: look at what it divides by")
    return y


def _read_codes(labels: pl.Series, classes: Sequence[str]) -> NDArray[np.int64]:
    unknown = sorted(set(labels.unique().to_list()) - set(classes))
    if unknown:
        fact = f"the label is {unknown[0]!r} in some rows, which is none of the {len(classes)} classes"
        raise ShipwayError("SW-203", fact, "name every class that occurs")
    codes = {text: code for code, text in enumerate(classes)}
    return labels.replace_strict(codes, return_dtype=pl.Int64).to_numpy().astype(np.int64)


def _require_enough(y: NDArray[Any], classes: Sequence[str]) -> None:
    if len(y) < FEWEST_ROWS:
        raise ShipwayError(
            "SW-402",
            f"{len(y)} rows have a label known by the cut, and training needs {FEWEST_ROWS}",
            "train at a later cut, or bring more data in",
        )
    if (y == y[0]).all():
        same = repr(classes[0]) if classes else str(bool(y[0])).lower() if y.dtype == np.bool_ else f"{y[0]:g}"
        raise ShipwayError(
            "SW-402",
            f"the label is {same} in all {len(y):,} rows known by the cut",
            "a model needs different outcomes to learn from: train at a later cut, or check the label",
        )


def _check_constraints(
    frame: pl.DataFrame, columns: Sequence[str], rising: Collection[str], falling: Collection[str]
) -> None:
    for name in sorted({*rising, *falling}):
        if name not in columns:
            word = "rising" if name in rising else "falling"
            raise ShipwayError("SW-104", f"{word} column {name!r} is not a feature", did_you_mean(name, columns))
        if name in rising and name in falling:
            raise ShipwayError("SW-106", f"column {name!r} is both rising and falling", "keep one of the two")
        if _kind_of(frame[name]) == "category":
            raise ShipwayError(
                "SW-106", f"column {name!r} holds text, which neither rises nor falls", "constrain numbers only"
            )


def _require(frame: pl.DataFrame, names: Sequence[str]) -> None:
    for name in names:
        if name not in frame.columns:
            raise ShipwayError("SW-202", f"the frame has no column {name!r}", did_you_mean(name, frame.columns))
