"""The rows a candidate is judged on: labels, its predictions, those of its baselines, and how the rows group."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shipway.core.bundle import InputColumn
from shipway.core.error import ShipwayError
from shipway.core.label import RANGE, SAID, LabelKind, kind_of, sums_to_one
from shipway.kit.suggestion import did_you_mean
from shipway.maths.loss import loss_of

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]
Labels: TypeAlias = NDArray[np.bool_] | NDArray[np.float64] | NDArray[np.int64]
Predict: TypeAlias = Callable[[Floats], Floats]

CURRENT: Final = "current"
"""The baseline that is the registered version a candidate would replace."""
BASE_RATE: Final = "base rate"
"""The baseline that always exists: the share of true labels, of each class, or the mean of numbers, for every row."""


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """A way to cut the rows: by a column, or by a part of the calendar.

    Attributes:
        codes: int64[n], the label of each row as a position in `labels`; -1 for a row without one.
        labels: what the codes stand for.
        ordered: whether each label follows the one before it, as months and numbers do.
    """

    codes: Ints
    labels: tuple[str, ...]
    ordered: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """What a candidate is compared with.

    Attributes:
        name: what was resolved, such as `version 1` or `base rate`.
        p: float64[n], its predictions; of classes float64[n, k].
        fallback: whether `current` was asked for and there is none.
    """

    name: str
    p: Floats
    fallback: bool


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Sample:
    """The evaluated rows, n of them, all with a label; `make_sample` builds one and checks it.

    Attributes:
        y: the labels: bool[n] of a condition, float64[n] of a number, int64[n] the codes of classes.
        p: float64[n], the candidate's predictions; of k classes float64[n, k], the probability of each.
        baselines: baseline to its predictions, as `p`; `base rate` always, `current` where a version has passed.
        baseline_names: baseline to the name it goes by, such as `current` to `version 1`.
        clusters: cluster name to codes, int64[n], such as `day`.
        groups: group name to the way it cuts the rows.
        scored: rows that were scored, also those without a label.
        x: float64[n, f], the features; a missing value is NaN.
        columns: the f feature names.
        predict: the candidate: float64[m, f] to probabilities or numbers, float64[m], of classes float64[m, k].
        support: what training saw of each of the f columns, which no changed row leaves; empty where nothing says.
        classes: of a label of classes the text of each code: those that the candidate or a baseline learned, and those
            that occur.
        learned: of a label of classes those that the candidate learned; None where that is all of them.
    """

    y: Labels
    p: Floats
    baselines: Mapping[str, Floats]
    baseline_names: Mapping[str, str]
    clusters: Mapping[str, Ints]
    groups: Mapping[str, Group]
    scored: int
    x: Floats
    columns: tuple[str, ...]
    predict: Predict
    support: tuple[InputColumn, ...] = ()
    classes: tuple[str, ...] = ()
    learned: tuple[str, ...] | None = None

    @property
    def n(self) -> int:
        """Return how many rows are evaluated."""
        return self.y.size

    @property
    def kind(self) -> LabelKind:
        """Return what kind of label the rows have."""
        return kind_of(self.y)

    @property
    def unseen(self) -> int:
        """Return how many rows are of a class that the candidate never learned; 0 where the label has no classes."""
        if self.kind != "class" or self.learned is None:
            return 0
        known = np.isin(np.array(self.classes, dtype=object), np.array(self.learned, dtype=object))
        return int((~known[self.codes]).sum())

    @property
    def happened(self) -> Bools:
        """Return the labels of a condition, bool[n]; SW-403 where the label is of another kind."""
        if self.kind != "condition":
            hint = "measure it on a model whose label is a condition, such as delay > 15"
            raise ShipwayError("SW-403", f"what is measured needs a condition, and the label is a {self.kind}", hint)
        return self.y.astype(np.bool_, copy=False)

    @property
    def codes(self) -> Ints:
        """Return the labels of classes as places in `classes`, int64[n]; SW-403 where the label is of another kind."""
        if self.kind != "class":
            hint = "measure it on a model whose label is a text"
            raise ShipwayError("SW-403", f"what is measured needs classes, and the label is a {self.kind}", hint)
        return self.y.astype(np.int64, copy=False)

    def lose(self, p: Floats) -> Floats:
        """Return what predictions of the rows lose, float64[n]: log loss, or of a number the absolute error."""
        return loss_of(self.kind, self.y, p)


def make_sample(
    *,
    y: Labels,
    p: Floats,
    baselines: Mapping[str, Floats],
    clusters: Mapping[str, Ints],
    groups: Mapping[str, Group],
    scored: int,
    x: Floats,
    columns: tuple[str, ...],
    predict: Predict,
    baseline_names: Mapping[str, str] | None = None,
    support: tuple[InputColumn, ...] = (),
    classes: tuple[str, ...] = (),
    learned: tuple[str, ...] | None = None,
) -> Sample:
    """Build a sample from columns that fit together; see `Sample` for each of them.

    A sample may be empty: labels arrive late, and a measurement of no rows makes a gate hold.

    Raises:
        ShipwayError: SW-403 if a column has the wrong type or length, a prediction of a condition is no probability or
            those of the classes of a row do not sum to 1, a number is not finite, a cluster is null, a code has no
            label, there is no base rate, or fewer rows were scored than are evaluated.
    """
    if y.ndim != 1:
        raise _unfit(f"y has shape {y.shape}, not one label a row")
    n, kind = y.size, kind_of(y)
    _check_labels(y, kind, classes)
    for name, predictions in {"p": p, **{f"baseline {name!r}": b for name, b in baselines.items()}}.items():
        _check_column(name, predictions, np.float64, n, *([len(classes)] if kind == "class" else []))
        if not says(kind, predictions):
            raise _unfit(f"{name} holds something that is not {SAID[kind]}")
    if BASE_RATE not in baselines:
        raise _unfit(f"there is no baseline {BASE_RATE!r}")
    for name, codes in clusters.items():
        _check_column(f"cluster {name!r}", codes, np.int64, n)
        if codes.min(initial=0) < 0:
            raise _unfit(f"cluster {name!r} is null in some rows")
    for name, group in groups.items():
        _check_column(f"group {name!r}", group.codes, np.int64, n)
        if group.codes.min(initial=0) < -1 or group.codes.max(initial=-1) >= len(group.labels):
            raise _unfit(f"group {name!r} has a code without a label")
    if x.dtype != np.float64 or x.shape != (n, len(columns)) or len(set(columns)) != len(columns):
        raise _unfit(f"x is {x.dtype}{list(x.shape)}, not float64[{n}, {len(columns)}] with a name for each column")
    if scored < n:
        raise _unfit(f"{n} rows have a label and only {scored} were scored")
    return Sample(
        y=y,
        p=p,
        baselines=dict(baselines),
        baseline_names=dict(baseline_names or {}),
        clusters=dict(clusters),
        groups=dict(groups),
        scored=scored,
        x=x,
        columns=columns,
        predict=predict,
        support=support,
        classes=classes,
        learned=learned,
    )


def says(kind: LabelKind, p: Floats) -> bool:
    """Tell whether predictions are what is said of a kind of label: probabilities, or finite numbers.

    Those of the classes of a row also sum to 1, as far as single precision can say.
    """
    low, high = RANGE[kind]
    return bool(((p >= low) & (p <= high)).all()) and (kind != "class" or bool(sums_to_one(p).all()))


def spread_rows(n: int, most: int) -> Ints:
    """Return the places of at most so many of n rows, spread evenly over them, int64[m]."""
    return np.unique(np.linspace(0, n - 1, min(most, n)).astype(np.int64)) if n else np.empty(0, dtype=np.int64)


def take_rows(
    sample: Sample, chosen: Ints, x: Floats, columns: tuple[str, ...], *, support: tuple[InputColumn, ...] = ()
) -> Sample:
    """Return some rows of a sample, with their features.

    Args:
        sample: all rows.
        chosen: int64[m], which ones.
        x: float64[m, f], their features.
        columns: the f feature names.
        support: what training saw of each; empty where nothing says.
    """
    return make_sample(
        y=sample.y[chosen],
        p=sample.p[chosen],
        baselines={name: p[chosen] for name, p in sample.baselines.items()},
        baseline_names=sample.baseline_names,
        clusters={name: codes[chosen] for name, codes in sample.clusters.items()},
        groups={name: replace(g, codes=g.codes[chosen]) for name, g in sample.groups.items()},
        scored=sample.scored,
        x=x,
        columns=columns,
        predict=sample.predict,
        support=support,
        classes=sample.classes,
        learned=sample.learned,
    )


def baseline_of(sample: Sample, name: str) -> Baseline:
    """Return the baseline of a name; `current` is the base rate where no version has passed yet.

    Raises:
        ShipwayError: SW-104 if there is no such baseline.
    """
    fallback = name == CURRENT and CURRENT not in sample.baselines
    key = BASE_RATE if fallback else name
    if key not in sample.baselines:
        raise ShipwayError("SW-104", f"there is no baseline {name!r}", did_you_mean(name, sample.baselines))
    return Baseline(sample.baseline_names.get(key, key), sample.baselines[key], fallback)


def clusters_of(sample: Sample, name: str) -> Ints:
    """Return the cluster of each row, int64[n]; SW-104 if the sample is not clustered that way."""
    if name not in sample.clusters:
        raise ShipwayError("SW-104", f"rows are not clustered by {name!r}", did_you_mean(name, sample.clusters))
    return sample.clusters[name]


def group_of(sample: Sample, name: str) -> Group:
    """Return the way a name cuts the rows; SW-104 if the sample is not cut that way."""
    if name not in sample.groups:
        raise ShipwayError("SW-104", f"rows are not grouped by {name!r}", did_you_mean(name, sample.groups))
    return sample.groups[name]


def split_rows(group: Group) -> list[tuple[str, Ints]]:
    """Return each label that occurs, in the order of the labels, with the positions of its rows."""
    order = np.argsort(group.codes, kind="stable")
    edges = np.searchsorted(group.codes[order], np.arange(len(group.labels) + 1))
    parts = [order[start:stop] for start, stop in pairwise(edges)]
    return [(label, rows) for label, rows in zip(group.labels, parts, strict=True) if rows.size]


def _check_labels(y: Labels, kind: LabelKind, classes: tuple[str, ...]) -> None:
    if kind == "class":
        _check_column("y", y, np.int64, y.size)
        if not classes:
            raise _unfit(f"y is {y.dtype}, and no classes are named")
        if y.min(initial=0) < 0 or y.max(initial=-1) >= len(classes):
            raise _unfit(f"y holds a code of none of the {len(classes)} classes")
        return
    if classes:
        raise _unfit(f"y is {y.dtype}, and {len(classes)} classes are named")
    _check_column("y", y, np.float64 if kind == "number" else np.bool_, y.size)
    if not np.isfinite(y).all():
        raise _unfit("y holds a number that is not finite")


def _check_column(name: str, column: NDArray[Any], dtype: type[np.generic], *shape: int) -> None:
    if column.dtype != dtype or column.shape != shape:
        raise _unfit(f"{name} is {column.dtype}{list(column.shape)}, not {dtype.__name__}{list(shape)}")


def _unfit(fact: str) -> ShipwayError:
    return ShipwayError(
        "SW-403",
        fact,
        "a sample has one entry a row in every column, and a model predicts probabilities or finite numbers",
    )
