"""What a version listens to over many rows: sizes and shares of contributions, losses without views, and curves."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any, Final

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.app.candidate import make_runner
from shipway.app.explanation.reason import read_meanings, say_baseline, say_unit
from shipway.app.explanation.subject import Subject, choose_class, choose_subject, open_subject
from shipway.app.frame import read_columns, read_rows
from shipway.app.part import calendar_part, code_labels
from shipway.app.project import Project
from shipway.app.workspace import Workspace
from shipway.core.artifact import Artifact
from shipway.core.error import ShipwayError
from shipway.core.explanation import Method, find_decimals
from shipway.core.feature import flatten
from shipway.core.label import LabelKind
from shipway.data.plan import AT, LABEL
from shipway.maths.importance import Curve, accumulate_effects, loss_without, mean_size, share_of
from shipway.maths.interval import Estimate, interval
from shipway.maths.loss import loss_of
from shipway.training.frame import encode_frame
from shipway.validation.explainer import COARSE, Attributed, Wanted, explain_rows, log_odds, make_explainer
from shipway.validation.sample import spread_rows

Floats = NDArray[np.float64]

ROWS: Final = 4_000
"""Rows that are explained where the library of the trees does it, spread evenly over those held out."""
FEW_ROWS: Final = 200
"""Rows that are explained where the model has to be asked thousands of times for each."""
NO_INTERVAL: Final = "one day, no interval"
"""What stands in place of the ends of an interval that has none."""
CURVES: Final = 6
"""Features whose curve is drawn, those of the greatest contributions."""
ALONE: Final = 12
"""Features that are moved alone, likewise."""


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """How much of all contributions is that of a feature or a view, each number with its 95 % interval by days.

    Rows of one day say nothing of how much another day would differ, so that of them no interval has ends.

    Attributes:
        name: the feature as a column of the frame, or the view.
        said: what it is, where its declaration says so.
        size: mean absolute contribution, in the unit; of a view the sum over its features.
        size_low: lower end of its interval; None where all rows are of one day.
        size_high: upper end.
        share: of all absolute contributions; shares of features add up to 1, and so do those of views.
        share_low: lower end of its interval; None likewise.
        share_high: upper end.
        rise: by how much the loss rises where its values are those of other rows; None where that was not tried.
        rise_low: lower end of its interval; None likewise.
        rise_high: upper end.
    """

    name: str
    said: str
    size: float
    size_low: float | None
    size_high: float | None
    share: float
    share_low: float | None
    share_high: float | None
    rise: float | None = None
    rise_low: float | None = None
    rise_high: float | None = None


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """How log-odds, or a number, move along one feature: accumulated local effects, with 95 % intervals by days.

    Attributes:
        column: the feature.
        at: its values.
        effect: how far the log-odds, or the number, are from their mean over the feature.
        low: lower ends; None where all rows are of one day.
        high: upper ends; None likewise.
        rows: how many rows lie between each value and the next.
    """

    column: str
    at: tuple[float, ...]
    effect: tuple[float, ...]
    low: tuple[float, ...] | None
    high: tuple[float, ...] | None
    rows: tuple[int, ...]


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What a version listens to.

    Attributes:
        version: `model@number`.
        bundle: digest of its bundle.
        predicts: which kind of label; one class of several is a condition.
        one_class: of a label of classes, the one that is told of; empty for other labels.
        unit: what sizes are in: `log-odds`, `log-ratio`, `probability`, or of a number the name of the label.
        scale: what effects are in: `log-odds`, or the name of the label.
        loss: what rises without a feature: `log loss`, or `mean absolute error` in the unit of the label.
        method: how contributions were found.
        baseline: what a row would be predicted whose features add nothing.
        baseline_said: which rows that is the mean over, and how.
        rows: how many rows were explained.
        tried: how many rows had values moved.
        of: how many rows that the version had not learned from have a label.
        since: the first instant asked about, microseconds since 1970 UTC.
        until: the last.
        clusters: days among the rows explained.
        columns: every feature, the greatest first.
        views: every view, the greatest first.
        effects: curves of the greatest features that are numbers.
    """

    version: str
    bundle: str
    unit: str
    method: Method
    baseline: float
    baseline_said: str
    rows: int
    tried: int
    of: int
    since: int
    until: int
    clusters: int
    columns: tuple[Share, ...]
    views: tuple[Share, ...]
    effects: tuple[Effect, ...]
    predicts: LabelKind = "condition"
    scale: str = "log-odds"
    loss: str = "log loss"
    one_class: str = ""

    @property
    def decimals(self) -> int:
        """Return in how many decimals sizes are written."""
        return find_decimals(self.predicts, (each.size for each in (*self.columns, *self.views)))


def summarise(project: Project, ref: str, *, wanted: Wanted = "auto", of: str = "") -> Summary:
    """Summarise what a version listens to, over rows of its frame that it did not learn from. Nothing is written.

    Args:
        project: whose.
        ref: the version, as `choose_subject` takes it.
        wanted: as for `make_explainer`.
        of: of a label of classes, the one that is told of.

    Raises:
        ShipwayError: as `choose_subject`, `open_subject`, `choose_class` and `explain_rows`; SW-462 if the version has
            no frame, or no labelled row of it is later than its cut; SW-605 if the frame is lost.
    """
    with closing(Workspace(project)) as workspace:
        subject = choose_class(open_subject(workspace, choose_subject(workspace.peek(), ref)), of)
        held_out = _hold_out(workspace, subject)
    rows = _spread(held_out, ROWS)
    explainer = make_explainer(subject.predictor, subject.background, wanted=wanted)
    drawn = explainer.method in ("exact", "sampled")
    explained = _spread(rows, FEW_ROWS) if drawn else rows
    x, days = _read(project, subject, explained)
    found = explain_rows(explainer, x, tolerance=COARSE if drawn else 0.0)
    columns, views = _share(project, subject, found, days)
    tried, tried_days = _read(project, subject, rows)
    y = (rows[LABEL] == subject.of if subject.of else rows[LABEL]).to_numpy()
    asked = explained[AT].to_physical()
    unit, condition = say_unit(project, subject, explainer.unit), subject.predicts == "condition"
    return Summary(
        version=subject.name,
        bundle=subject.bundle,
        predicts=subject.predicts,
        one_class=subject.of,
        unit=unit,
        scale="log-odds" if condition else unit,
        loss="log loss" if condition else "mean absolute error",
        method=explainer.method,
        baseline=found.baseline,
        baseline_said=say_baseline(subject, explainer, unit),
        rows=len(x),
        tried=len(tried),
        of=held_out.height,
        since=int(asked.min()),  # pyright: ignore[reportArgumentType]
        until=int(asked.max()),  # pyright: ignore[reportArgumentType]
        clusters=int(np.unique(days).size),
        columns=tuple(_try(subject, columns[:ALONE], tried, y, tried_days, _places(subject))) + columns[ALONE:],
        views=tuple(_try(subject, views, tried, y, tried_days, _view_places(subject))),
        effects=tuple(_follow(subject, columns, tried, tried_days)),
    )


def _hold_out(workspace: Workspace, subject: Subject) -> pl.DataFrame:
    """Return the labelled rows of the version's frame that were asked about after its cut."""
    digest = subject.manifest.training.get("frame")
    if digest is None or subject.manifest.features is None:
        fact = f"{subject.name} was made elsewhere, and there are no rows here that it did not learn from"
        raise ShipwayError("SW-462", fact, "explain rows one by one, by their requests")
    runner, frame = make_runner(workspace), Artifact(kind="frame", digest=str(digest))
    names = [column.name for column in subject.manifest.inputs]
    there = set(read_columns(runner, frame))
    wanted = [AT, LABEL, *(name for name in names if name in there)]
    rows = read_rows(runner, frame, wanted, period=(subject.manifest.cut, 2**62))
    rows = rows.filter(pl.col(LABEL).is_not_null())
    if not rows.height:
        fact = f"no row with a label is later than the cut of {subject.name}, so it learned from all there are"
        raise ShipwayError("SW-462", fact, "bring newer data in: shipway run")
    return rows


def _spread(rows: pl.DataFrame, most: int) -> pl.DataFrame:
    chosen = spread_rows(rows.height, most)
    return rows[chosen]


def _read(project: Project, subject: Subject, rows: pl.DataFrame) -> tuple[Floats, NDArray[np.int64]]:
    """Return rows as the model reads them, and the day of each in the project's zone."""
    local = rows[AT].dt.convert_time_zone(project.config.project.timezone)
    return encode_frame(rows, subject.manifest.inputs), code_labels(calendar_part(local, "day")).codes


def _share(
    project: Project, subject: Subject, found: Attributed, days: NDArray[np.int64]
) -> tuple[tuple[Share, ...], tuple[Share, ...]]:
    meanings = read_meanings(project, subject)
    columns = [
        _make_share(meaning.column, meaning.doc, size, share_of(found.values, [at], days))
        for at, (meaning, size) in enumerate(zip(meanings, mean_size(found.values, days), strict=True))
    ]
    views = [
        _make_share(
            name,
            project.registry.note("view", name).doc,
            mean_size(np.abs(found.values[:, places]).sum(axis=1, keepdims=True), days)[0],
            share_of(found.values, places, days),
        )
        for name, places in _view_places(subject).items()
    ]
    return tuple(sorted(columns, key=_by_size)), tuple(sorted(views, key=_by_size))


def _by_size(share: Share) -> tuple[float, str]:
    return -share.size, share.name


def _make_share(name: str, said: str, size: Estimate, share: Estimate) -> Share:
    size_low, size_high = _within(size, 0.0, np.inf)
    share_low, share_high = _within(share, 0.0, 1.0)
    return Share(
        name=name,
        said=said,
        size=size.value,
        size_low=size_low,
        size_high=size_high,
        share=share.value,
        share_low=share_low,
        share_high=share_high,
    )


def _try(
    subject: Subject,
    shares: Sequence[Share],
    x: Floats,
    y: NDArray[Any],
    days: NDArray[np.int64],
    places: dict[str, list[int]],
) -> list[Share]:
    """Return shares with the rise of the loss where the values of each are those of other rows."""

    def loss(said: Floats) -> Floats:
        return loss_of(subject.predicts, y, said)

    tried: list[Share] = []
    for share in shares:
        rise = loss_without(subject.predictor.predict, loss, x, places[share.name], days)
        low, high = _within(rise, -np.inf, np.inf)
        tried.append(msgspec.structs.replace(share, rise=rise.value, rise_low=low, rise_high=high))
    return tried


def _within(estimate: Estimate, least: float, most: float) -> tuple[float, float] | tuple[None, None]:
    """Return an interval within what is possible; that of one day alone has no ends."""
    low, high = interval(estimate)
    if not (np.isfinite(low) and np.isfinite(high)):
        return None, None
    return max(low, least), min(high, most)


def _follow(subject: Subject, columns: Sequence[Share], x: Floats, days: NDArray[np.int64]) -> list[Effect]:
    numbers = {column.name: at for at, column in enumerate(subject.manifest.inputs) if column.kind == "number"}

    def value(rows: Floats) -> Floats:
        said = subject.predictor.predict(rows)
        return log_odds(said) if subject.predicts == "condition" else said

    found: list[Effect] = []
    for share in columns:
        curve = accumulate_effects(value, x, numbers[share.name], days) if share.name in numbers else None
        if curve is not None:
            found.append(_write_curve(share.name, curve))
        if len(found) == CURVES:
            break
    return found


def _write_curve(name: str, curve: Curve) -> Effect:
    written: dict[str, Any] = {
        key: tuple(getattr(curve, key).tolist()) for key in ("at", "effect", "low", "high", "rows")
    }
    if not (np.isfinite(curve.low).all() and np.isfinite(curve.high).all()):
        written |= {"low": None, "high": None}
    return Effect(column=name, **written)


def _places(subject: Subject) -> dict[str, list[int]]:
    return {column.name: [at] for at, column in enumerate(subject.manifest.inputs)}


def _view_places(subject: Subject) -> dict[str, list[int]]:
    """Return the places of each view's columns; a component of an embedding stands under its view as well."""
    views = {flatten(view.name, name): view.name for view in subject.manifest.keyed.views for name in view.features}
    found: dict[str, list[int]] = {}
    for at, column in enumerate(subject.manifest.inputs):
        whole = column.name if column.name in views else column.name.rpartition("_")[0]
        found.setdefault(views.get(whole, column.name), []).append(at)
    return found
