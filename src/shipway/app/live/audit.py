"""Audits of the features that were read online: against the offline frame, and against what a version learned from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from shipway.app.control.offline import name_rows
from shipway.app.frame import read_rows
from shipway.app.live.data import Audit, DriftedColumn, DriftSummary, SkewedColumn
from shipway.app.live.served import split_months
from shipway.app.release import manifest_of
from shipway.app.runner import Runner
from shipway.app.version import frame_of_version
from shipway.core.artifact import Artifact
from shipway.core.bundle import Manifest
from shipway.core.measure import Drift
from shipway.core.model import Model, columns_of
from shipway.core.projection import ServiceState, VersionState
from shipway.data.plan import AT, LABEL, LABEL_KNOWN_AT
from shipway.kit.duration import DAY
from shipway.monitoring.drift import ColumnDrift, measure_drift
from shipway.monitoring.reading import read_vectors
from shipway.monitoring.skew import SkewReport, compare_vectors
from shipway.ports.log import Log

LIVE_DAYS: Final = 28
"""Days of the newest live window, where no gate names one for drift."""
_BATCH: Final = 16
"""Features whose training rows are in memory at once."""


@dataclass(frozen=True, slots=True)
class Auditor:
    """What an audit needs.

    Attributes:
        runner: runs and remembers.
        service: the service.
        model: the declaration.
        frame: its frame.
        log: the service's prediction log.
    """

    runner: Runner
    service: ServiceState
    model: Model
    frame: Artifact
    log: Log


@dataclass(frozen=True, slots=True)
class _Feed:
    """Which features are read from which store, and where the same ones are offline."""

    online: str
    columns: tuple[str, ...]
    frame: Artifact = field(hash=False)  # what holds facts has no hash, but can be compared


def audit_served(auditor: Auditor, answers: pl.DataFrame, period: tuple[int, int]) -> tuple[Audit, ...]:
    """Compare the vector behind every answer with the offline frame, a month at a time.

    Args:
        auditor: what it needs.
        answers: columns request, at, version and online, one row for each answer.
        period: from and to (exclusive), microseconds since 1970 UTC.

    Returns:
        An audit for each store and set of features, in the order of their first answer.

    Raises:
        ShipwayError: as `compare_vectors`, `read_vectors` and reading frames.
    """
    behind: dict[_Feed, list[int]] = {}
    pairs = answers.select("version", "online").unique(maintain_order=True)
    for number, online in pairs.iter_rows():
        behind.setdefault(_feed(auditor, number, online), []).append(number)
    return tuple(_audit(auditor, feed, numbers, period, answers=answers) for feed, numbers in behind.items())


def audit_shadows(auditor: Auditor, until: int) -> tuple[Audit, ...]:
    """Compare every vector of candidates that read a store of their own with the offline frame, release by release.

    Args:
        auditor: what it needs.
        until: where a release that walks is cut off, microseconds since 1970 UTC.

    Raises:
        ShipwayError: as `audit_served`.
    """
    found: list[Audit] = []
    for release in auditor.service.releases:
        if release.candidate.online != release.stable.online:
            number = release.candidate.version
            feed = _feed(auditor, number, release.candidate.online)
            period = release.started_at, until if release.ended_at is None else release.ended_at
            found.append(_audit(auditor, feed, [number], period, release=release.id))
    return tuple(found)


def measure_newest_drift(auditor: Auditor, until: int) -> DriftSummary | None:
    """Measure how far the newest live window is from the rows that the version in service learned from.

    The window is the longest that a gate names for drift, else 28 days. Features are read a few at a time.

    Args:
        auditor: what it needs.
        until: end of the window, microseconds since 1970 UTC.

    Returns:
        None where nothing was read in the window.
    """
    gates = auditor.runner.workspace.project.registry.gates.values()
    measures = [rule.check.measure for gate in gates for rule in gate.rules]
    since = until - max((m.last_us for m in measures if isinstance(m, Drift)), default=LIVE_DAYS * DAY)
    stable = auditor.service.stable
    version, manifest = _manifest(auditor, stable.version)
    frame = frame_of_version(auditor.runner, auditor.model, version, auditor.frame)
    columns = [column.name for column in manifest.inputs]
    found: list[ColumnDrift] = []
    rows = learned = 0
    for place in range(0, len(columns), _BATCH):
        batch = columns[place : place + _BATCH]
        live = read_vectors(auditor.log, stable.online, batch, since, until)
        reference = _read_learned(auditor.runner, frame, batch, version.cut)
        rows, learned = live.height, reference.height
        found += measure_drift(reference, live, batch)
    if not found:
        return None
    found.sort(key=lambda each: (each.chance - each.stability, each.column))
    return DriftSummary(
        version=version.number,
        since=since,
        until=until,
        rows=rows,
        rows_reference=learned,
        columns=tuple(
            DriftedColumn(
                column=each.column,
                stability=each.stability,
                chance=each.chance,
                distance=each.distance,
                missing=each.missing,
                missing_reference=each.missing_reference,
            )
            for each in found
        ),
    )


def _read_learned(runner: Runner, frame: Artifact, columns: Sequence[str], cut: int) -> pl.DataFrame:
    rows = read_rows(runner, frame, [LABEL, LABEL_KNOWN_AT, *columns], period=(-(2**62), cut))
    return rows.filter(pl.col(LABEL).is_not_null(), pl.col(LABEL_KNOWN_AT).to_physical() <= cut)


def _manifest(auditor: Auditor, number: int) -> tuple[VersionState, Manifest]:
    workspace = auditor.runner.workspace
    version = workspace.state().version(auditor.service.model, number)
    assert version is not None, "a version that answered is in the ledger"
    return version, manifest_of(workspace, version)


def _feed(auditor: Auditor, number: int, online: str) -> _Feed:
    version, manifest = _manifest(auditor, number)
    frame = frame_of_version(auditor.runner, auditor.model, version, auditor.frame)
    return _Feed(online, columns_of(manifest.keyed.views), frame)


def _audit(
    auditor: Auditor,
    feed: _Feed,
    numbers: Sequence[int],
    period: tuple[int, int],
    *,
    answers: pl.DataFrame | None = None,
    release: str | None = None,
) -> Audit:
    """Compare vectors of a feed with the frame: those behind answers, or all where there are no answers."""
    requests = unlogged = 0
    reports: list[SkewReport] = []
    for since, until in split_months(*period, auditor.runner.workspace.project.config.project.timezone):
        vectors = read_vectors(auditor.log, feed.online, feed.columns, since, until)
        wanted = vectors.height
        if answers is not None:
            asked = answers.filter(
                pl.col("at").is_between(since, until, closed="left"),
                pl.col("online") == feed.online,
                pl.col("version").is_in(list(numbers)),
            )
            vectors = vectors.join(asked.select("request"), on="request", how="semi", maintain_order="left")
            wanted = asked.height
        requests, unlogged = requests + wanted, unlogged + wanted - vectors.height
        if vectors.height:
            reports.append(compare_vectors(vectors, _read_offline(auditor, feed, since, until), feed.columns))
    return Audit(
        online=feed.online,
        versions=tuple(sorted(numbers)),
        release=release,
        requests=requests,
        compared=sum(report.compared for report in reports),
        differing=sum(report.differing for report in reports),
        unlogged=unlogged,
        unmatched=sum(report.online_only for report in reports),
        features=len(feed.columns),
        columns=tuple(_merge(reports)),
    )


def _read_offline(auditor: Auditor, feed: _Feed, since: int, until: int) -> pl.DataFrame:
    key = auditor.model.on.key
    rows = read_rows(auditor.runner, feed.frame, [*key, AT, *feed.columns], period=(since, until))
    return rows.select(*feed.columns).with_columns(name_rows(rows, key), rows[AT].to_physical().alias("at"))


def _merge(reports: Sequence[SkewReport]) -> Iterator[SkewedColumn]:
    """Yield the columns that differ in any month, most rows first, each with its first example."""
    merged: dict[str, SkewedColumn] = {}
    for report in reports:
        for each in report.columns:
            before = merged.get(each.column)
            merged[each.column] = SkewedColumn(
                column=each.column,
                rows=each.rows + (0 if before is None else before.rows),
                row=each.row if before is None else before.row,
                online=each.online if before is None else before.online,
                offline=each.offline if before is None else before.offline,
            )
    yield from sorted(merged.values(), key=lambda each: (-each.rows, each.column))
