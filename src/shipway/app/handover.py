"""Hand-over: what an online store lacks of a stream, out of the lake, so that the stream goes on from exactly there.

The lake has every change that a source was told to forget, and how far it is stands in the commit that has the rows.
So a store of whatever age is brought up to a commit, in a write that leaves the position of that commit in it, and what
comes behind that position comes from the stream. Rows that are there already change nothing.
"""

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import polars as pl

from shipway.app.workspace import Workspace
from shipway.core.change import reaches, read_position
from shipway.core.error import ShipwayError
from shipway.core.feature import Source
from shipway.core.raw import Raw
from shipway.core.table import Commit, Snapshot
from shipway.data.deposit import table_of
from shipway.data.feeding import (
    Footing,
    Keeps,
    is_followed,
    is_ordered,
    make_rows,
    read_footing,
    refuse_mixing,
    write_footing,
)
from shipway.data.kept import DELETED
from shipway.data.landing import key_of
from shipway.data.sink import branch_of, pending_of, position_of, read_epoch, read_tally, read_whole
from shipway.data.standing import Standing
from shipway.kit.canonical import digest_value
from shipway.kit.file import hold_lock, make_folder

LOCK: Final = "online.lock"
"""The file in a project's folder of state that is held by whoever writes to the online store that counts."""
BATCH: Final = 50_000
"""Rows that are applied in one write."""
_NEVER: Final = -(1 << 63)


@dataclass(frozen=True, slots=True)
class Lacking:
    """What a store lacks of a source.

    Attributes:
        rows: those that are new or changed, and of those that are gone the key, marked where there are any.
        position: where the source stands in the store with them.
        until: up to when everything known is in then; None where nothing says.
    """

    rows: pl.DataFrame
    position: bytes
    until: int | None

    @property
    def present(self) -> pl.DataFrame:
        """Return the rows that there are."""
        return self.rows.filter(~pl.col(DELETED)) if DELETED in self.rows.columns else self.rows


@contextmanager
def hold_online(folder: Path) -> Generator[None]:
    """Be the only one who writes to a project's online store for the time of the block, after whoever does now.

    Args:
        folder: the project's folder of state.
    """
    make_folder(folder)
    with hold_lock(folder / LOCK, wait=True):
        yield


def find_followed(workspace: Workspace, sources: Iterable[str]) -> dict[str, Raw]:
    """Return which of some sources follow a stream in the online store, each with its raw input.

    That is one made row by row of a stream of which something was committed, unless the project says otherwise.
    """
    followed: dict[str, Raw] = {}
    config, registry = workspace.project.config, workspace.project.registry
    for name in sources:
        source = registry.sources[name]
        raw = config.input(source.raw[0]) if len(source.raw) == 1 else None
        if raw is not None and raw.online and is_followed(source, raw) and _commit_of(workspace, raw) is not None:
            followed[name] = raw
    return followed


def lateness_of(followed: Mapping[str, Raw]) -> int:
    """Return how late rows of these streams may come, in microseconds."""
    return max((raw.lateness_us for raw in followed.values()), default=0)


def code_of(workspace: Workspace, source: Source) -> str:
    """Return the digest of what makes rows of a source."""
    return digest_value([msgspec.to_builtins(source), workspace.project.sources_digest])


def hand_over(workspace: Workspace, raw: Raw, name: str, position: bytes | None) -> Lacking | None:
    """Return what a store lacks of a source that follows a stream, up to the newest commit of that stream.

    Args:
        workspace: of the project.
        raw: the stream.
        name: the source.
        position: where the source stands in the store; None for a store that has nothing of it.

    Returns:
        What it lacks; None where that cannot be told, and the store has to be built anew.

    Raises:
        ShipwayError: SW-106 for a source that is not made row by row; what its function raises.
    """
    commit = _commit_of(workspace, raw)
    assert commit is not None, "only what was committed is followed"
    source = workspace.project.registry.sources[name]
    function = workspace.project.registry.function("source", name)
    place, tally = read_tally(workspace.tables, commit, raw.name)
    epoch = read_epoch(workspace.tables, commit, raw.name)
    code, parts = code_of(workspace, source), read_position(place)
    here = write_footing(Footing(parts=parts, raw=raw.name, code=code, commit=commit.id, epoch=epoch))
    before = read_footing(position)
    keys: pl.DataFrame | None = None
    if before is not None:
        if before.epoch != epoch:
            return None
        if before.code == code:
            if reaches(before.parts, parts):
                return Lacking(_none(workspace, commit, raw, source), position or here, None)
            keys = _find_changed(workspace, before.commit, commit, raw)
    kept = read_whole(workspace.tables, commit.tables, raw, keys)
    rows = make_rows(source, function, kept, ordered=is_ordered(raw))
    if keys is None:
        refuse_mixing(source, function, kept, rows)
    if position and before is None:
        gone = _find_gone(workspace, position, source, rows)
        if gone is None:
            return None
        rows = pl.concat([rows, gone], how="diagonal_relaxed")
    return Lacking(rows, here, tally.watermark_us)


def apply_lacking(upkeep: Keeps, source: str, lacking: Lacking) -> Standing:
    """Put into a store what it lacks, so that it stands where it did until all of it is in.

    Returns:
        How far the source is then.
    """
    before = upkeep.standing(source).position or b""
    last = max(0, (lacking.rows.height - 1) // BATCH * BATCH)
    for start in range(0, last, BATCH):
        upkeep.apply(source, lacking.rows[start : start + BATCH], before, watermark_us=_NEVER)
    return upkeep.apply(source, lacking.rows[last:], lacking.position, watermark_us=lacking.until)


def _commit_of(workspace: Workspace, raw: Raw) -> Commit | None:
    """Return what a stream has committed; None before it did."""
    head = workspace.tables.head(branch_of(raw.name)) if workspace.has_data else None
    commit = None if head is None else workspace.tables.get(head)
    there = commit is not None and any(name in commit.tables for name in (table_of(raw.name), pending_of(raw.name)))
    return commit if there and commit is not None and position_of(raw.name) in commit.tables else None


def _none(workspace: Workspace, commit: Commit, raw: Raw, source: Source) -> pl.DataFrame:
    """Return no rows, of whose key the types are what they would be."""
    snapshot = commit.tables.get(table_of(raw.name)) or commit.tables[pending_of(raw.name)]
    types = workspace.tables.files.types_of(snapshot)
    return pl.DataFrame(schema={**{name: types[name] for name in source.key}, DELETED: pl.Boolean()})


def _find_changed(workspace: Workspace, before: str, commit: Commit, raw: Raw) -> pl.DataFrame | None:
    """Return the keys of rows that may be others than at an earlier commit of a stream; None where nothing tells."""
    key, tables = list(key_of(raw)), workspace.tables
    try:
        old = tables.get(before).tables.get(table_of(raw.name)) if before else None
    except ShipwayError:
        return None
    new = commit.tables.get(table_of(raw.name))
    if old is None or new is None or list(old.columns.items()) != list(new.columns.items()):
        return None
    try:
        found = tables.compare(old, new, key=key)
    except ShipwayError:
        return None
    changed = [found.added.select(key), found.after.select(key), found.removed.select(key)]
    pending = commit.tables.get(pending_of(raw.name))
    if pending is not None and pending.rows:
        changed.append(tables.read(pending, key))
    return pl.concat(changed).unique()


def _find_gone(workspace: Workspace, position: bytes, source: Source, rows: pl.DataFrame) -> pl.DataFrame | None:
    """Return the keys of rows that a store has of a commit of the main branch and that are none any more."""
    try:
        snapshot: Snapshot = workspace.tables.get(position.decode()).tables[source.name]
        had = workspace.tables.read(snapshot, list(source.key))
    except (ShipwayError, KeyError):
        return None
    gone = had.join(rows, on=list(source.key), how="anti")
    return gone.with_columns(pl.lit(value=True).alias(DELETED))
