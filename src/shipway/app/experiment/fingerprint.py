"""What a day of an experiment was made from: fingerprints of the rows that its units and their windows reach.

A row that comes late, or is corrected, changes the fingerprint of its day, and so the names of the days of units whose
windows reach it.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from shipway.app.experiment.unit import MET, day_of
from shipway.app.workspace import Workspace
from shipway.core.effect import Effect
from shipway.core.experiment import Experiment
from shipway.core.feature import Event, windows_of
from shipway.data.known import instants_of
from shipway.data.stream import NEVER
from shipway.kit.duration import SECOND
from shipway.maths.expression import Aggregate, Column, walk
from shipway.validation.experiment import DAY

_ROWS: Final = "_rows"
_WRAP: Final = 1 << 64
_EPOCH: Final = dt.date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Reach:
    """A stream that a metric reads: its days' fingerprints, and how far before a unit's exposure its windows reach.

    `before_us` is None for a window without an end, which reaches every day before.
    """

    prints: Mapping[int, int]
    before_us: int | None


def columns_read(effects: Iterable[Effect], stream: str) -> list[str]:
    """Return the columns that effects read of a stream, beside its keys and instant; [""] for one only counted."""
    parts = [expr for each in effects for expr in (each.value, each.over, *each.covariates) if expr is not None]
    nodes = [node for expr in parts for _, node in windows_of(expr, None) if node.stream == stream]
    inner = [expr for node in nodes for expr in (node.value, node.where) if expr is not None]
    names = [leaf.name for expr in inner for leaf in walk(expr) if isinstance(leaf, Column)]
    return ["", *dict.fromkeys(names)] if nodes else []


def keys_of(experiment: Experiment, event: Event) -> list[str]:
    """Return the unit's keys that a stream has: a row that is another unit's from now on is another row."""
    return [key for key in experiment.unit.keys if key in event.source.columns]


def reaches_of(effect: Effect, prints: Mapping[str, Mapping[int, int]]) -> list[Reach]:
    """Return the streams of a metric, each with how far its covariates look back."""
    back: dict[str, int | None] = {}
    for expr in (effect.value, effect.over):
        for _, node in windows_of(expr, None) if expr is not None else ():
            back.setdefault(node.stream, 0)
    for feature in effect.covariates:
        for _, node in windows_of(feature, None):
            back[node.stream] = _longer(back.get(node.stream, 0), _look_back(node))
    return [Reach(prints[stream], before) for stream, before in back.items()]


def _look_back(node: Aggregate) -> int | None:
    """Return how far a window looks back; None where nothing bounds it."""
    return None if node.kind in ("decayed", "around") else node.width_us


def _longer(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else max(one, other)


def sum_reach(reaches: Sequence[Reach], day: int, width_us: int, timezone: str) -> list[str]:
    """Return a fingerprint of all rows of each stream that the windows of a day's units can reach."""
    last = day_at(end_of_day(day, timezone) + width_us - 1, timezone)
    found: list[str] = []
    for reach in reaches:
        first = None
        if reach.before_us is not None:
            first = day_at(end_of_day(day - 1, timezone) - reach.before_us, timezone)
        total = sum(n for at, n in reach.prints.items() if at <= last and (first is None or at >= first)) % _WRAP
        found.append(str(total))
    return found


def fingerprint(workspace: Workspace, event: Event, columns: Sequence[str], timezone: str) -> dict[int, int]:
    """Return day to a fingerprint of a stream's rows that became known on it, by the columns that are read."""
    source = event.source
    read = list(dict.fromkeys([*source.key, event.known_at, *(each for each in columns if each)]))
    rows = workspace.tables.read(workspace.admitted([source.name])[source.name], read)
    met = instants_of(source, event.known_at, rows)
    dated = rows.with_columns(pl.Series(MET, met)).filter(pl.col(MET) != NEVER)
    return fingerprint_rows(dated.with_columns(day_of(MET, timezone).alias(DAY)), DAY)


def fingerprint_rows(rows: pl.DataFrame, day: str) -> dict[int, int]:
    """Return day to the sum of the hashes of its rows, whatever their order."""
    hashed = pl.DataFrame({DAY: rows[day], _ROWS: rows.hash_rows(seed=7)})
    return {at: int(total) for at, total in hashed.group_by(DAY).agg(pl.col(_ROWS).sum()).iter_rows()}


def end_of_day(day: int, timezone: str) -> int:
    """Return the instant at which a local day ends."""
    end = dt.datetime.combine(_EPOCH + dt.timedelta(days=day + 1), dt.time(), ZoneInfo(timezone))
    return round(end.timestamp()) * SECOND


def write_date(day: int) -> str:
    """Return a day as people write it."""
    return (_EPOCH + dt.timedelta(days=day)).isoformat()


def day_at(us: int, timezone: str) -> int:
    """Return the local day of an instant as days since 1970."""
    return (dt.datetime.fromtimestamp(us // SECOND, ZoneInfo(timezone)).date() - _EPOCH).days
