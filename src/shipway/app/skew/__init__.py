"""The audit of skew: features as they were served against the same ones computed offline, and why they differ."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import Final

import msgspec
import numpy as np
import polars as pl

from shipway.app.answered import describe_answers
from shipway.app.control.offline import name_rows
from shipway.app.control.recomputation import Opened, open_recomputation
from shipway.app.live.served import lived_period
from shipway.app.project import Project
from shipway.app.release import manifest_of
from shipway.app.skew.data import CauseLine, FeatureDifference, SkewAudit
from shipway.app.skew.event import try_events
from shipway.app.skew.trial import Earlier, Suspect, try_corrections, try_definitions, try_staleness, try_widths
from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError
from shipway.core.feature import Expr, FeatureView, flatten, windows_of
from shipway.core.label import LabelKind
from shipway.core.model import Model, columns_of
from shipway.core.projection import ServiceState
from shipway.core.table import MAIN
from shipway.kit.suggestion import did_you_mean
from shipway.monitoring.cause import Trial, find_causes
from shipway.monitoring.prediction import read_predictions
from shipway.monitoring.reading import read_vectors, served
from shipway.monitoring.skew import SkewReport, compare_vectors, differs, estimate_share, take_sample
from shipway.ports.log import Log

COMMITS: Final = 5
"""Earlier states of the data that a difference may come from."""
_ANSWERED: Final = ("request", "row", "at", "version", "role", "token", "p", "online")


def audit_features(
    project: Project,
    service: str,
    *,
    last_us: int,
    until: int | None = None,
    sample: int = 10_000,
    seed: int = 0,
    bound: float = 0.0,
) -> list[SkewAudit]:
    """Compare a sample of the feature vectors that a service read with the same ones computed offline, to the bit.

    Each request is asked again at its own instant, from the data of the main branch and by the definitions of the
    version that answered. Every feature that differs is told with what explains it. Nothing is written.

    Args:
        project: whose.
        service: its name.
        last_us: length of the window, in microseconds.
        until: where it ends (included), microseconds since 1970 UTC; the service's present where None.
        sample: how many vectors of each store are drawn.
        seed: another one draws others.
        bound: which share of them may differ.

    Returns:
        An audit for each online store that was read in the window, in the order of the first answer.

    Raises:
        ShipwayError: SW-104 for a service that was never open, SW-401 if nothing was asked in the window or no data was
            admitted, SW-605 for a damaged log.
    """
    with closing(Workspace(project)) as workspace:
        services = workspace.peek().services
        if service not in services:
            raise ShipwayError("SW-104", f"service {service!r} was never open", did_you_mean(service, services))
        lived = services[service]
        now = lived_period(workspace, lived)[2] if until is None else until
        log = workspace.open_log(service)
        said = describe_answers(workspace, lived)
        answers = _read_answers(log, *said, (now - last_us, now))
        if not answers.height:
            hint = "look further back with --last, or see that the service answers: shipway status"
            raise ShipwayError("SW-401", f"service {service!r} answered nothing in the window", hint)
        window = (now - last_us, now)
        return [
            _audit(workspace, lived, log, int(version), online, window, (sample, seed, bound))
            for online, version in _stores(answers)
        ]


def _read_answers(log: Log, predicts: LabelKind, classes: tuple[str, ...], period: tuple[int, int]) -> pl.DataFrame:
    since, now = period
    return served(read_predictions(log, predicts, _ANSWERED, classes=classes, since=since + 1, until=now + 1))


def _stores(answers: pl.DataFrame) -> Iterator[tuple[str, int]]:
    """Yield each store that was read, with the newest version that answered from it."""
    newest = answers.group_by("online", maintain_order=True).agg(pl.col("version").max())
    yield from newest.select("online", "version").iter_rows()


def _audit(
    workspace: Workspace,
    service: ServiceState,
    log: Log,
    number: int,
    online: str,
    window: tuple[int, int],
    drawing: tuple[int, int, float],
) -> SkewAudit:
    sample, seed, bound = drawing
    version = workspace.peek().version(service.model, number)
    assert version is not None, "a version that answered is in the ledger"
    views = manifest_of(workspace, version).keyed.views
    model = workspace.project.registry.models[service.model]
    columns = columns_of(views)
    vectors = read_vectors(log, online, columns, window[0] + 1, window[1] + 1)
    drawn = take_sample(vectors, sample, seed)
    opened = open_recomputation(workspace, model, views)
    offline = opened.compute(drawn)
    report = compare_vectors(drawn, offline, columns)
    share, low, high = estimate_share(report)
    return SkewAudit(
        service=service.name,
        version=f"{service.model}@{number}",
        online=online,
        since=window[0],
        now=window[1],
        served=vectors.height,
        compared=report.compared,
        unmatched=report.online_only,
        differing=report.differing,
        share=share,
        low=low,
        high=high,
        bound=bound,
        features=len(columns),
        columns=weigh_causes(_explain(workspace, model, number, opened, views, drawn, offline, report), views),
        unmatched_rows=report.online_only_rows,
    )


def _explain(
    workspace: Workspace,
    model: Model,
    number: int,
    opened: Opened,
    views: tuple[FeatureView, ...],
    drawn: pl.DataFrame,
    offline: pl.DataFrame,
    report: SkewReport,
) -> Iterator[FeatureDifference]:
    if not report.columns:
        return
    others = list(_definitions(workspace, model, number))
    earlier = list(_earlier(workspace, opened))
    used = {node.width_us for view in views for expr in view.features.values()
            for _, node in windows_of(expr, view.entity) if node.width_us is not None}  # fmt: skip
    places = {flatten(view.name, name): (view, name) for view in views for name in view.features}
    spine = opened.spine(drawn)
    for found in report.columns:
        view, name = places[found.column]
        computed = offline.select("row", "at", pl.col(found.column).alias("offline"))
        both = drawn.select("row", "at", pl.col(found.column).alias("online"))
        both = both.join(computed, on=["row", "at"], how="inner", maintain_order="left")
        bad = both.filter(pl.Series(differs(both["online"], both["offline"])))
        alone = msgspec.structs.replace(view, features={name: view.features[name]})
        rows = bad.select("row", "at").join(spine, on=["row", "at"], how="left", maintain_order="left")
        suspect = Suspect(alone, found.column, view.features[name], rows, bad["online"])
        named = [(said, expr) for column, said, expr in others if column == found.column]
        trials = list(_try_all(opened, suspect, named, earlier, used))
        yield _describe(suspect, bad, trials)


def weigh_causes(found: Iterable[FeatureDifference], views: Sequence[FeatureView]) -> tuple[FeatureDifference, ...]:
    """Return differences, of causes that explain as much that first which explains more of the view's other features.

    A count that is one short says only that an event is missing; the sum beside it says which.

    Args:
        found: what differs, with its causes.
        views: the views that were compared.
    """
    every = list(found)
    view_of = {flatten(view.name, name): view.name for view in views for name in view.features}
    support: dict[tuple[str, str], float] = {}
    for each in every:
        best = {cause.kind: cause.share for cause in reversed(each.causes)}
        for kind, share in best.items():
            key = view_of[each.column], kind
            support[key] = support.get(key, 0.0) + share
    return tuple(
        msgspec.structs.replace(
            each,
            causes=tuple(
                sorted(each.causes, key=lambda cause: (-cause.share, -support[view_of[each.column], cause.kind]))
            ),
        )
        for each in every
    )


def _try_all(
    opened: Opened,
    suspect: Suspect,
    others: Sequence[tuple[str, Expr]],
    earlier: Sequence[Earlier],
    used: set[int],
) -> Iterator[Trial]:
    work = opened.work
    yield from try_definitions(work, suspect, others)
    yield from try_corrections(work, suspect, earlier)
    yield from try_staleness(work, suspect)
    yield from try_events(work, suspect)
    yield from try_widths(work, suspect, used)


def _describe(suspect: Suspect, bad: pl.DataFrame, trials: Sequence[Trial]) -> FeatureDifference:
    first = bad.row(0, named=True)
    sizes = _sizes(bad)
    causes = find_causes(bad["online"], bad["offline"], trials)
    return FeatureDifference(
        column=suspect.column,
        rows=bad.height,
        largest=float(sizes.max()) if len(sizes) else None,
        median=float(np.median(sizes)) if len(sizes) else None,
        row=str(first["row"]),
        at=int(first["at"]),
        online=_plain(first["online"]),
        offline=_plain(first["offline"]),
        causes=tuple(
            CauseLine(kind=each.kind, said=each.said, rows=each.rows, tested=each.tested, share=each.share)
            for each in causes
        ),
    )


def _sizes(bad: pl.DataFrame) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Return the absolute differences of the numbers that both sides have."""
    if bad["online"].dtype == pl.String or bad["offline"].dtype == pl.String:
        return np.zeros(0)
    online, offline = (bad[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in ("online", "offline"))
    sizes = np.abs(online - offline)
    return sizes[np.isfinite(sizes)]


def _plain(value: object) -> float | str | None:
    if value is None or isinstance(value, str):
        return value
    assert isinstance(value, bool | int | float)
    return None if np.isnan(value) else float(value)


def _definitions(workspace: Workspace, model: Model, number: int) -> Iterator[tuple[str, str, Expr]]:
    """Yield each column with who defines it so: the project's file of today, and the other versions of the model."""
    for view in model.features:
        for name, expr in view.features.items():
            yield flatten(view.name, name), "the project's file", expr
    for version in reversed(workspace.peek().models[model.name]):
        if version.bundle is None or version.number == number:
            continue
        for view in manifest_of(workspace, version).keyed.views:
            for name, expr in view.features.items():
                yield flatten(view.name, name), f"version {version.number}", expr


def _earlier(workspace: Workspace, opened: Opened) -> Iterator[Earlier]:
    """Yield earlier states of the tables that are other than those of now, newest first, named by what came next."""
    seen = {name: snapshot.digest for name, snapshot in opened.snapshots.items()}
    after, count = workspace.main_commit(), 0
    for commit in workspace.tables.log(MAIN):
        there = {name: commit.tables[name] for name in seen if name in commit.tables}
        digests = {name: snapshot.digest for name, snapshot in there.items()}
        if len(there) == len(seen) and digests != seen:
            tables = {name: workspace.tables.read(snapshot) for name, snapshot in there.items()}
            source = opened.work.source
            yield Earlier(after.id[:7], tables, name_rows(tables[source.name], source.key))
            seen, count = digests, count + 1
            if count == COMMITS:
                return
        after = commit


__all__ = ["SkewAudit", "audit_features"]
