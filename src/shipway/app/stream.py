"""Where the streams of a project stand, and what could not be read of them; light where there are none."""

from collections.abc import Sequence
from contextlib import closing

import msgspec

from shipway.app.project import STATE_FOLDER, Project
from shipway.app.workspace import Workspace
from shipway.core.change import Position, reaches, read_position
from shipway.core.error import ShipwayError
from shipway.core.feature_set import FILE, FeatureSets
from shipway.core.raw import Raw
from shipway.core.table import Commit
from shipway.data.standing import Position as StorePosition
from shipway.data.standing import peek_position
from shipway.infra.branch import Branches
from shipway.kit.suggestion import did_you_mean
from shipway.ports.online import open_online


class OnlineLine(msgspec.Struct, frozen=True, kw_only=True):
    """How far a stream is in the online store.

    Attributes:
        store: its name.
        sources: the sources of which it has the stream's rows.
        watermark_us: everything that was known before is in, of all of them; None where nothing says.
        level: whether it has everything that the lake has.
        refused: how many changes reach further back than the store does; it is built anew for them.
    """

    store: str
    sources: tuple[str, ...]
    watermark_us: int | None
    level: bool
    refused: int


class StreamLine(msgspec.Struct, frozen=True, kw_only=True):
    """Where a stream stands.

    Attributes:
        name: the raw input.
        kind: what kind of source it follows.
        begun: whether anything was committed of it.
        position: how far the source was read, part by part.
        changes: how many changes of rows were taken.
        dead: how many records were put aside.
        late: how many happened before the watermark when they came.
        newest_us: when the latest happened, microseconds since 1970 UTC; None where the source does not say.
        watermark_us: everything before was seen, as far as the declared lateness holds; None where nothing says.
        committed_at: when it was last committed, microseconds since 1970 UTC; None before.
        lag_us: how long the latest had happened before it was committed.
        online: how far it is in the online store; None where that does not follow it.
    """

    name: str
    kind: str
    begun: bool
    position: dict[str, str]
    changes: int
    dead: int
    late: int
    newest_us: int | None
    watermark_us: int | None
    committed_at: int | None
    lag_us: int | None
    online: OnlineLine | None = None


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A record that was put aside.

    Attributes:
        part: the part of the source that it stands in.
        place: where in it.
        event_us: when it happened, microseconds since 1970 UTC; None where the source does not say.
        reason: what is against it.
        record: its bytes, as text; what is no UTF-8 is written as escapes.
    """

    part: str
    place: str
    event_us: int | None
    reason: str
    record: str


def find_streams(project: Project, names: Sequence[str] = ()) -> list[Raw]:
    """Return the streams of a project, or those of these names.

    Raises:
        ShipwayError: SW-104 if there is none, or none of a name.
    """
    inputs = [project.config.input(name) for name in project.config.raw]
    streams = {raw.name: raw for raw in inputs if raw.stream}
    if not streams:
        raise ShipwayError("SW-104", "no raw input of this project is a stream", "give one stream = true in [raw.NAME]")
    for name in names:
        if name not in streams:
            raise ShipwayError("SW-104", f"there is no stream {name!r}", did_you_mean(name, streams))
    return [streams[name] for name in names] or list(streams.values())


def list_streams(project: Project) -> list[StreamLine]:
    """Return where each stream of a project stands; nothing is written."""
    inputs = [project.config.input(name) for name in project.config.raw]
    streams = [raw for raw in inputs if raw.stream]
    if not streams:
        return []
    with closing(Workspace(project)) as workspace:
        store, there = _read_store(project)
        return [_line_of(workspace, raw, store, there) for raw in streams]


def read_dead(project: Project, name: str) -> list[DeadLetter]:
    """Return the records of a stream that were put aside, oldest first."""
    from shipway.data.sink import dead_of

    (raw,) = find_streams(project, [name])
    with closing(Workspace(project)) as workspace:
        commit = _commit_of(workspace, raw)
        snapshot = None if commit is None else commit.tables.get(dead_of(name))
        if snapshot is None:
            return []
        rows = workspace.tables.read(snapshot)
    return [
        DeadLetter(**{**row, "record": row["record"].decode("utf-8", "backslashreplace")})
        for row in rows.iter_rows(named=True)
    ]


def _commit_of(workspace: Workspace, raw: Raw) -> Commit | None:
    from shipway.data.sink import branch_of

    if not workspace.has_data:
        return None
    branches = Branches(workspace.catalog)
    head = branches.head(branch_of(raw.name))
    return None if head is None else branches.get(head)


def _read_store(project: Project) -> tuple[str, StorePosition | None]:
    """Return the name of the online store that counts, and what stands in it; None where nothing can be read."""
    try:
        sets = msgspec.json.decode((project.root / STATE_FOLDER / FILE).read_bytes(), type=FeatureSets)
        with closing(open_online(project.root / STATE_FOLDER, sets.uri, sets.online, readonly=True)) as online:
            return sets.online, peek_position(online.position())
    except (OSError, msgspec.MsgspecError, ShipwayError):
        return "", None


def _online_of(store: str, there: StorePosition | None, raw: Raw, position: Position) -> OnlineLine | None:
    from shipway.data.feeding import read_footing

    if there is None or not raw.online:
        return None
    found = {source: (standing, read_footing(standing.position)) for source, standing in there.sources.items()}
    own = {source: each for source, each in found.items() if each[1] is not None and each[1].raw == raw.name}
    if not own:
        return None
    marks = [at for stream, at in there.watermarks.items() if stream.partition(".")[0] in own]
    return OnlineLine(
        store=store,
        sources=tuple(own),
        watermark_us=min(marks, default=None),
        level=all(footing is not None and reaches(footing.parts, position) for _, footing in own.values()),
        refused=sum(standing.late for standing, _ in own.values()),
    )


def _line_of(workspace: Workspace, raw: Raw, store: str, there: StorePosition | None) -> StreamLine:
    from shipway.data.sink import Tally, read_tally

    commit = _commit_of(workspace, raw)
    position, tally = (None, Tally()) if commit is None else read_tally(workspace.tables, commit, raw.name)
    at = None if commit is None else workspace.catalog.stored_at([commit.id]).get(commit.id)
    return StreamLine(
        name=raw.name,
        kind=raw.scheme,
        begun=commit is not None,
        position=dict(read_position(position)),
        changes=tally.changes,
        dead=tally.dead,
        late=tally.late,
        newest_us=tally.newest_us,
        watermark_us=tally.watermark_us,
        committed_at=at,
        lag_us=None if at is None or tally.newest_us is None else max(0, at - tally.newest_us),
        online=_online_of(store, there, raw, read_position(position)),
    )
