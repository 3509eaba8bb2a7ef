"""What versions said, out of the prediction log, in one shape for every kind of label.

A condition and a number are one value a row, and stand in the stream `predictions`. Of a label of classes it is one
probability for each, and stands in `outputs.FORM`, a stream for each list of classes: here they are one column `p`,
arrays over the classes of all versions that are looked at, in which a class that a version does not know has 0.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.label import MEAN, LabelKind, kind_of
from shipway.core.prediction import OUTPUTS, PREDICTIONS
from shipway.core.record import OUTPUT
from shipway.core.tensor import PROBABILITIES
from shipway.monitoring.reading import SCHEMA
from shipway.ports.log import Log

Floats = NDArray[np.float64]

_CHOSEN: Final = "class"
_HEAD: Final = f"{OUTPUT}{PROBABILITIES}["


def read_predictions(
    log: Log,
    kind: LabelKind,
    columns: Sequence[str],
    *,
    classes: Sequence[str] = (),
    since: int | None = None,
    until: int | None = None,
) -> pl.DataFrame:
    """Read what versions predicted of a period, one row for each request, version and role.

    Rows stand in the order of the log; of a label of classes one stream after the other, each in its order. Such a
    stream is read with all its columns, since only its rows say which classes it has.

    Args:
        log: the service's.
        kind: of the label that its model predicts.
        columns: of the prediction log, `p` among them.
        classes: those that `p` is over, of a label of classes: as many places in this order. What another version says
            of other classes is left out, so such a version's rows tell who answered and not what.
        since: begin of the period, microseconds since 1970 UTC; None for the beginning.
        until: its end, excluded; None for the end.

    Returns:
        The columns; `p` is float64, or an array of them. It is NaN, in all places, where the version failed, and where
        its probabilities are in the log by their digest alone. Without rows, and for a label that has no classes, no
        columns.

    Raises:
        ShipwayError: SW-605 for a damaged segment.
    """
    if kind != "class":
        there = list_streams(log, kind)
        return log.read(PREDICTIONS, since=since, until=until, columns=list(columns) if there else None)
    parts = [pl.DataFrame(schema={name: _type_of(name, len(classes)) for name in columns})]
    for stream in list_streams(log, kind):
        rows = log.read(stream, since=since, until=until)
        if rows.height:
            parts.append(_shape(rows, columns, classes))
    return pl.concat(parts)


def list_streams(log: Log, kind: LabelKind) -> list[str]:
    """Return the streams of predictions of labels of a kind; models of no label have such ones of classes too."""
    return [name for name in log.streams() if (name.startswith(OUTPUTS) if kind == "class" else name == PREDICTIONS)]


def is_told(name: str, kind: LabelKind) -> pl.Expr:
    """Return whether a column of predictions has one, and no failure."""
    p = pl.col(name)
    return (p.arr.first() if kind == "class" else p).is_finite()


def read_numbers(predictions: pl.Series) -> Floats:
    """Return a column of predictions as float64[n], or of classes as float64[n, k]; NaN where there is none."""
    if isinstance(predictions.dtype, pl.Array):
        return predictions.to_numpy().astype(np.float64, copy=False).reshape(len(predictions), predictions.dtype.size)
    return predictions.cast(pl.Float64).fill_null(np.nan).to_numpy()


def read_happened(labels: pl.Series, classes: Sequence[str]) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return labels without nulls as they are measured, and the classes that their codes stand for.

    A class that no version told of is one like any other, of which each gave it no probability.

    Args:
        labels: conditions, numbers or texts.
        classes: of texts, those that versions tell of, which come first; behind them, sorted, those of labels alone.

    Returns:
        bool[n] of a condition, float64[n] of a number, int64[n] of classes; without classes where there are none.
    """
    values = labels.to_numpy()
    if labels.dtype == pl.Boolean or labels.dtype == pl.Null:
        return values.astype(np.bool_), ()
    if labels.dtype != pl.String:
        return values.astype(np.float64), ()
    every = (*classes, *sorted(set(labels.unique().to_list()) - set(classes)))
    codes = {name: code for code, name in enumerate(every)}
    return np.array([codes[name] for name in labels.to_list()], dtype=np.int64), every


def describe_labels(y: NDArray[Any], told: Sequence[str], classes: Sequence[str]) -> dict[str, Any]:
    """Return the mean of labels as facts: the rate, the mean, or the share of each class, and how many nobody told of.

    Args:
        y: at least one, as `read_happened` returns them.
        told: the classes that versions tell of.
        classes: those that codes stand for.
    """
    if not classes:
        return {MEAN[kind_of(y)]: float(y.mean())}
    shares = (np.bincount(y, minlength=len(classes)) / y.size).tolist()
    facts: dict[str, Any] = {MEAN["class"]: dict(zip(classes, shares, strict=True))}
    if unseen := int((y >= len(told)).sum()):
        facts["never_told"] = unseen
    return facts


def describe_predictions(p: Floats, classes: Sequence[str]) -> dict[str, Any]:
    """Return the mean of predictions as facts; of classes that of each.

    Args:
        p: of at least one row.
        classes: those that it is over; none of any other label.
    """
    if not classes:
        return {"mean_p": float(p.mean())}
    return {"mean_p": dict(zip(classes, p.mean(axis=0).tolist(), strict=True))}


def widen(p: Floats, classes: int) -> Floats:
    """Return probabilities over more classes, of which those that were never told of have none: float64[n, classes]."""
    return np.pad(p, ((0, 0), (0, classes - p.shape[1]))) if p.shape[1] < classes else p


def _shape(rows: pl.DataFrame, columns: Sequence[str], classes: Sequence[str]) -> pl.DataFrame:
    told = set(_read_classes(rows.columns))
    p = np.zeros((rows.height, len(classes)))
    if not told:
        # They stand there by their digest, and what nobody can read is not nought.
        p[:] = np.nan
    for place, name in enumerate(classes):
        if name in told:
            # Of a model in single precision a probability may lie beyond 0 and 1 by the last digit.
            p[:, place] = rows[f"{_HEAD}{name}]"].cast(pl.Float64).fill_null(np.nan).to_numpy().clip(0.0, 1.0)
    p[rows[_CHOSEN].is_null().to_numpy()] = np.nan
    found = pl.Series("p", p, dtype=_type_of("p", len(classes)))
    return rows.select(found if name == "p" else pl.col(name).cast(_type_of(name, len(classes))) for name in columns)


def _read_classes(columns: Sequence[str]) -> list[str]:
    return [name[len(_HEAD) : -1] for name in columns if name.startswith(_HEAD)]


def _type_of(name: str, classes: int) -> pl.DataType:
    return pl.Array(pl.Float64(), classes) if name == "p" else SCHEMA[name]
