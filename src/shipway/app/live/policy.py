"""What other ways of taking new versions would have got, on exactly the rows that a service answered."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.app.control.offline import name_rows
from shipway.app.frame import read_rows
from shipway.app.instant import write_instant
from shipway.app.live.data import Comparison, Difference, Policy, PolicyName, Score, Week
from shipway.app.live.served import list_months
from shipway.app.runner import Runner
from shipway.app.training import P, score, train
from shipway.app.version import frame_of_version, trained_of
from shipway.core.artifact import Artifact
from shipway.core.label import MEAN, LabelKind
from shipway.core.model import Model
from shipway.core.projection import ServiceState, VersionState
from shipway.core.release import Release
from shipway.data.plan import AT
from shipway.maths.interval import clustered_mean, interval
from shipway.maths.loss import loss_of
from shipway.maths.metric import auc
from shipway.maths.multiclass import spread_classes
from shipway.monitoring.live import performance_by_week
from shipway.monitoring.prediction import is_told, read_happened, read_numbers, widen
from shipway.monitoring.reading import kind_of

Floats = NDArray[np.float64]

POLICIES: Final[tuple[PolicyName, ...]] = ("never", "first release", "triggered", "monthly")
_SERVED: Final[PolicyName] = "triggered"
_LOSS: Final[dict[LabelKind, str]] = {
    "condition": "log_loss",
    "number": "mean_absolute_error",
    "class": "log_loss",
}


@dataclass(frozen=True, slots=True)
class Stretch:
    """Predictions that a policy would have answered with from one instant to another (exclusive).

    Attributes:
        since: from when on.
        until: to when.
        predictions: the table.
        classes: of a label of classes those that they are over.
    """

    since: int
    until: int
    predictions: Artifact
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scored:
    """The answers that every policy has a prediction for.

    Attributes:
        rows: answers with a label, and a column for each policy with the probability, or the number, that it gives.
        changes: policy to when another version came into service under it.
        classes: of a label of classes those that the columns are over: all that any policy's version knows.
    """

    rows: pl.DataFrame
    changes: dict[PolicyName, tuple[int, ...]]
    classes: tuple[str, ...] = ()


def first_release(service: ServiceState) -> Release | None:
    """Return the first release that was promoted, None if there is none or if it was of a retrained version.

    What it brings is owed to the version that was ready, and not to whatever asked for retraining.
    """
    promoted = next((release for release in service.releases if release.outcome == "promoted"), None)
    retrained = {retrain.number for retrain in service.retrains}
    return None if promoted is None or promoted.candidate.version in retrained else promoted


def score_policies(
    runner: Runner,
    service: ServiceState,
    model: Model,
    frame: Artifact,
    answers: pl.DataFrame,
    period: tuple[int, int],
    known_by: int,
    classes: tuple[str, ...] = (),
) -> Scored:
    """Give every labelled answer the prediction that each policy would have answered it with.

    What was served is as the log has it, the others are predicted offline with the native form of the model, which is
    what the portable one was compared with. Versions are trained and rows are scored as tasks: what was done before is
    not done again. Where no answer has a label there is nothing to compare, and nothing is trained.

    Args:
        runner: runs and remembers.
        service: the service.
        model: the declaration.
        frame: its frame.
        answers: rows of `read_answers`.
        period: from and to (exclusive) of what was asked, microseconds since 1970 UTC.
        known_by: the domain time; a month that had not begun by then has no version.
        classes: of a label of classes those that answers are over.

    Raises:
        ShipwayError: what training and scoring refuse.
    """
    told = is_told("p", "class" if classes else "condition")
    rows = answers.filter(pl.col("label").is_not_null(), told)
    if not rows.height:
        return Scored(rows, {}, classes)
    stretches: dict[PolicyName, list[Stretch]] = {
        "never": _score_version(runner, service, model, frame, service.history[0][1], period, period),
        "monthly": _score_monthly(runner, service, model, frame, period, known_by),
    }
    changes: dict[PolicyName, tuple[int, ...]] = {
        "never": (),
        _SERVED: tuple(at for at, _ in service.history[1:]),
        "monthly": tuple(each.since for each in stretches["monthly"] if each.since > period[0]),
    }
    release = first_release(service)
    if release is not None and release.ended_at is not None:
        before, after = (period[0], release.ended_at), (release.ended_at, period[1])
        stretches["first release"] = [
            *_score_version(runner, service, model, frame, service.history[0][1], period, before),
            *_score_version(runner, service, model, frame, release.candidate.version, period, after),
        ]
        changes["first release"] = (release.ended_at,)
    every = tuple(dict.fromkeys([*classes, *(name for some in stretches.values() for s in some for name in s.classes)]))
    rows = rows.with_columns(_spread(rows["p"], classes, every).alias(_SERVED))
    for name, parts in stretches.items():
        theirs = _read(runner, model, parts, name, every)
        rows = rows.join(theirs, on=["row", "at"], how="inner", maintain_order="left")
    return Scored(rows, changes, every)


def compare_policies(scored: Scored, zone: str) -> Comparison | None:
    """Compare the policies on the same rows; None where there are none.

    Args:
        scored: the rows with each policy's predictions.
        zone: time zone that the days are of.
    """
    rows = scored.rows
    if not rows.height:
        return None
    kind, (y, classes) = kind_of(rows), read_happened(rows["label"], scored.classes)
    local = pl.from_epoch("at", time_unit="us").dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    days = rows.select(local.dt.date().to_physical().cast(pl.Int64)).to_series().to_numpy()
    names = _measured(rows)
    p = {name: read_numbers(rows[name]) for name in names}
    if classes:
        p = {name: widen(said, len(classes)) for name, said in p.items()}
    losses = {name: loss_of(kind, y, p[name]) for name in names}
    means = {name: float(loss.mean()) for name, loss in losses.items()}

    def describe(name: PolicyName) -> Policy:
        return Policy(
            name=name,
            changes=scored.changes[name],
            score=_score(kind, y, p[name], means[name]),
            share=_share(means["never"], means[name], means["monthly"]),
            difference=None if name == _SERVED else _difference(losses[_SERVED] - losses[name], days),
        )

    released = "first release" in means
    return Comparison(
        rows=rows.height,
        days=len(np.unique(days)),
        never=describe("never"),
        first=describe("first release") if released else None,
        triggered=describe(_SERVED),
        monthly=describe("monthly"),
        gain=_difference(losses["never"] - losses["monthly"], days),
        left=_share(means["first release"], means[_SERVED], means["monthly"]) if released else None,
    )


def measure_weeks(answers: pl.DataFrame, scored: Scored, *, known_by: int, zone: str) -> tuple[Week, ...]:
    """Measure every policy week by week, on the same rows.

    Args:
        answers: rows of `read_answers`, labelled or not.
        scored: those with a label and each policy's predictions.
        known_by: microseconds since 1970 UTC.
        zone: time zone that weeks are of; they begin on Monday.
    """
    labels = scored.rows.select("row", "label", "known_at").unique(maintain_order=True)
    kind = kind_of(labels)
    names = _measured(scored.rows)
    measured: dict[PolicyName, dict[Any, dict[str, Any]]] = {}
    for name in names:
        under = scored.rows.select("request", "row", "at", "version", p=name)
        weekly = performance_by_week(under, labels, known_by=known_by, zone=zone, classes=scored.classes)
        measured[name] = {row["week"]: row for row in weekly.iter_rows(named=True)}
    local = pl.from_epoch("at", time_unit="us").dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    counted = answers.group_by(week=local.dt.date().dt.truncate("1w"), version="version").len().sort("week", "version")
    weeks: list[Week] = []
    for (start,), rows in counted.group_by("week", maintain_order=True):
        parts: dict[PolicyName, dict[str, Any]] = {
            name: measured[name][start] for name in names if start in measured[name]
        }
        scores: dict[PolicyName, Score] = {
            name: Score(
                loss=part[_LOSS[kind]],
                auc=part.get("auc"),
                root_mean_squared_error=part.get("root_mean_squared_error"),
                accuracy=part.get("accuracy"),
            )
            for name, part in parts.items()
        }
        ours = parts.get(_SERVED)
        weeks.append(
            Week(
                start=str(start),
                answered=int(rows["len"].sum()),
                versions=dict(rows.select("version", "len").iter_rows()),
                n=0 if ours is None else ours["labelled"],
                mean=None if ours is None else ours.get(MEAN[kind]),
                mean_p=None if ours is None else ours.get("mean_p"),
                scores=scores,
            )
        )
    return tuple(weeks)


def _score_version(
    runner: Runner,
    service: ServiceState,
    model: Model,
    frame: Artifact,
    number: int,
    period: tuple[int, int],
    within: tuple[int, int],
) -> list[Stretch]:
    """Score the whole period with a version, as its evaluation does where both periods are the same."""
    version = _version(runner, service, number)
    theirs = frame_of_version(runner, model, version, frame)
    name = f"score {model.name}@{number}"
    trained = trained_of(runner, version)
    return [Stretch(*within, score(runner, theirs, trained, period, name=name), trained.classes)]


def _score_monthly(
    runner: Runner, service: ServiceState, model: Model, frame: Artifact, period: tuple[int, int], known_by: int
) -> list[Stretch]:
    zone = runner.workspace.project.config.project.timezone
    months = [month for month in list_months(*period, zone) if month <= known_by]
    first = months[0] if months else period[1]
    stretches: list[Stretch] = []
    if period[0] < first:
        opened = service.history[0][1]
        stretches += _score_version(runner, service, model, frame, opened, period, (period[0], first))
    for since, until in pairwise([*months, period[1]]):
        day = write_instant(since, zone)
        trained = train(runner, model, frame, since, name=f"train monthly {day}")
        scored = score(runner, frame, trained, (since, until), name=f"score monthly {day}")
        stretches.append(Stretch(since, until, scored, trained.classes))
    return stretches


def _version(runner: Runner, service: ServiceState, number: int) -> VersionState:
    version = runner.workspace.state().version(service.model, number)
    assert version is not None, "a version that was in service is in the ledger"
    return version


def _read(runner: Runner, model: Model, stretches: list[Stretch], name: str, classes: tuple[str, ...]) -> pl.DataFrame:
    """Return the rows of a policy's predictions: row, at and the prediction under the policy's name."""
    key = model.on.key
    parts: list[pl.DataFrame] = []
    for each in stretches:
        rows = read_rows(runner, each.predictions, [*key, AT, P], period=(each.since, each.until))
        parts.append(rows.with_columns(_spread(rows[P], each.classes, classes)))
    rows = pl.concat(parts)
    return pl.DataFrame([name_rows(rows, key), rows[AT].to_physical().alias("at"), rows[P].alias(name)])


def _spread(p: pl.Series, said: tuple[str, ...], classes: tuple[str, ...]) -> pl.Series:
    """Return predictions over some classes as those over more; of any other label as they are."""
    if not classes:
        return p
    spread = spread_classes(read_numbers(p), said, classes)
    return pl.Series(p.name, spread, dtype=pl.Array(pl.Float64(), len(classes)))


def _measured(rows: pl.DataFrame) -> list[PolicyName]:
    return [name for name in POLICIES if name in rows.columns]


def _score(kind: LabelKind, y: NDArray[Any], p: Floats, loss: float) -> Score:
    if kind == "class":
        return Score(loss=loss, accuracy=float((p.argmax(axis=1) == y).mean()))
    if kind == "number":
        return Score(loss=loss, root_mean_squared_error=float(np.sqrt(np.square(p - y).mean())))
    happened = y.astype(np.bool_)
    return Score(loss=loss, auc=auc(happened, p) if happened.any() and not happened.all() else None)


def _share(base: float, own: float, best: float) -> float | None:
    """Return the part of the gain from `base` to `best` that `own` keeps; None where there is no gain."""
    return (base - own) / (base - best) if best < base else None


def _difference(values: Floats, days: NDArray[np.int64]) -> Difference | None:
    estimate = clustered_mean(values, days)
    low, high = interval(estimate)
    return Difference(value=estimate.value, low=low, high=high) if np.isfinite(low) else None
