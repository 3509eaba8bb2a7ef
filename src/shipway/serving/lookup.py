"""Features by the name of their set: read from the online store as it is now, with what is known of each value.

It is the in-process side of the feature server: `shipway.online(folder).read("carrier", [{"carrier": "UA"}])`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.core.feature import windows_of
from shipway.core.feature_set import FILE, VERSION, FeatureSets
from shipway.core.kind import feature_kind
from shipway.core.online import Layout
from shipway.kit.suggestion import did_you_mean
from shipway.maths.embedding import length_of, view_numbers
from shipway.ports.adapter import load_adapter
from shipway.ports.online import Online, open_online
from shipway.serving.direct import Features
from shipway.serving.reader import FeatureReader
from shipway.serving.refusal import RefusedError, pass_on, refuse
from shipway.serving.request import Sent, check_row

Status: TypeAlias = Literal["present", "expired", "missing"]
"""Whether a value is there; is null because the newest event is too old for it; or is null for any other reason."""
MOST_ROWS: Final = 1_000
"""Rows that may be asked for at once."""
_HINT: Final = "fill the store: shipway features materialise"


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a request for features.

    Attributes:
        rows: what is asked about, one row or several: the keys of the entities, and the columns that features read of
            the row itself.
        at: the instant asked for, microseconds since 1970 UTC or ISO 8601 text with a zone; the present if None.
    """

    rows: dict[str, Sent] | list[dict[str, Sent]]
    at: int | str | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What was read for some rows of one set.

    Attributes:
        set: the set's name.
        at: as of when, microseconds since 1970 UTC.
        features: the names of the features.
        values: for each row a value for each feature; None for null. An embedding is a NumPy array of single precision
            that cannot be written to, a view of what the store said; in JSON a list of its numbers.
        status: for each row what is known of each value.
        newest: for each row the instant of the newest event that was read, by stream.
        watermarks: by stream the instant up to which everything known is in the store.
        late: the streams whose watermark lies further back from `at` than their source says it may.
    """

    set: str
    at: int
    features: tuple[str, ...]
    values: list[list[Any]]
    status: list[Sequence[Status]]
    newest: list[dict[str, int | None]]
    watermarks: dict[str, int | None]
    late: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Served:
    """A set that is open.

    Attributes:
        layout: its features.
        reader: reads them.
        conditions: places of the features that are true or false.
        embeddings: places of the features that are embeddings.
        present: what is said of a row all of whose values are there.
        expected: how far the watermarks of streams that it reads may lie back, in microseconds, where that is said.
    """

    layout: Layout
    reader: FeatureReader
    conditions: tuple[int, ...]
    embeddings: tuple[int, ...]
    present: tuple[Status, ...]
    expected: dict[str, int]


class Lookup:
    """Answers with features by name; when the store is built anew, it goes over to it. For one thread at a time."""

    def __init__(self, state: Path) -> None:
        """Take note of a project's folder of state; nothing is opened yet.

        Args:
            state: the folder.
        """
        self._path = state / FILE
        self._state = state
        self._seen: tuple[int, int] | None = None
        self._sets: FeatureSets | None = None
        self._online: Online | None = None
        self._served: dict[str, _Served] = {}

    @property
    def names(self) -> list[str]:
        """Return the names of the sets that are served."""
        sets = self._refresh()
        return [] if sets is None else list(sets.sets)

    def read(self, name: str, rows: Sequence[Mapping[str, Any]], at: int) -> Answer:
        """Read the features of some rows.

        Args:
            name: of the set.
            rows: what each brings: the keys of the entities, and the columns that features read of the row itself.
            at: as of when, microseconds since 1970 UTC.

        Raises:
            RefusedError: 404 for a set that is not served, 422 for a row that does not fit, 413 for too many; 503 where
                the store cannot be read.
        """
        served = self._find(name)
        if len(rows) > MOST_ROWS:
            fact = f"{len(rows):,} rows are asked for, and {MOST_ROWS:,} may be"
            raise refuse(413, fact, "ask several times")
        checked = [check_row(row, served.layout) for row in rows]
        try:
            found = served.reader.read(checked, [at] * len(rows))
        except ShipwayError as error:
            raise pass_on(error) from error
        streams = served.layout.streams
        marks = dict(zip(self._streams, found[0].watermarks if found else (), strict=False))
        return Answer(
            set=name,
            at=at,
            features=served.layout.columns,
            values=[_show(each, served) for each in found],
            status=[_tell(each, served) for each in found],
            newest=[dict(zip(streams, each.newest, strict=True)) for each in found],
            watermarks=marks,
            late=_find_late(served, marks, at),
        )

    def close(self) -> None:
        """Close the store, if it is open."""
        if self._online is not None:
            self._online.close()
            self._online = None
        self._served.clear()
        self._seen = None

    @property
    def _streams(self) -> list[str]:
        return [] if self._sets is None else list(dict.fromkeys(series.stream for series in self._sets.series))

    def _find(self, name: str) -> _Served:
        sets = self._refresh()
        if sets is None:
            raise refuse(404, "no features are served here", _HINT, code="SW-104")
        if name not in sets.sets:
            raise refuse(404, f"there is no set of features {name!r}", did_you_mean(name, sets.sets), code="SW-104")
        if name not in self._served:
            try:
                self._served[name] = self._open(sets, name)
            except ShipwayError as error:
                raise pass_on(error) from error
        return self._served[name]

    def _open(self, sets: FeatureSets, name: str) -> _Served:
        if self._online is None:
            self._online = open_online(self._state, sets.uri, sets.online, readonly=True)
        layout = sets.layout(name)
        exprs = [expr for view in layout.views for expr in view.features.values()]
        kinds = [feature_kind(expr, layout.schema) for expr in exprs]
        streams = {node.stream for expr in exprs for _, node in windows_of(expr, None)}
        sources = {stream: stream.partition(".")[0] for stream in sorted(streams)}
        return _Served(
            layout=layout,
            reader=FeatureReader(layout, self._online),
            conditions=tuple(place for place, kind in enumerate(kinds) if kind == "bool"),
            embeddings=tuple(place for place, kind in enumerate(kinds) if length_of(kind) is not None),
            present=("present",) * len(kinds),
            expected={stream: sets.fresh[source] for stream, source in sources.items() if source in sets.fresh},
        )

    def _refresh(self) -> FeatureSets | None:
        """Read anew what is served if it was written anew."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        seen = found.st_ino, found.st_mtime_ns
        if seen != self._seen:
            self.close()
            self._sets = _read_sets(self._path)
            self._seen = seen
        return self._sets


class OnlineFeatures:
    """The features of a project in this process, as the feature server answers with them."""

    def __init__(self, root: Path) -> None:
        """Take note of a project's folder."""
        self._lookup = Lookup(root / ".shipway")
        self._now = load_adapter("clock.system")().now

    def read(self, name: str, rows: Sequence[Mapping[str, Any]], *, at: int | None = None) -> Answer:
        """Read the features of some rows.

        Args:
            name: a view, or a model for all of its features.
            rows: what each brings: the keys of the entities, and the columns that features read of the row itself.
            at: as of when, microseconds since 1970 UTC; by default now. The store answers for instants from its
                watermarks on.

        Raises:
            ShipwayError: SW-104 for a set that is not served, SW-802 for a row that does not fit or too many of them;
                what the store refuses.
        """
        try:
            return self._lookup.read(name, rows, self._now() if at is None else at)
        except RefusedError as refused:
            raise refused.error from refused

    def close(self) -> None:
        """Close the store."""
        self._lookup.close()


def online(project: str | PathLike[str] = ".") -> OnlineFeatures:
    """Return the features of a project, read from its online store in this process.

    Args:
        project: the project's folder.
    """
    return OnlineFeatures(Path(project))


def list_numbers(value: Any) -> Any:
    """Return what JSON says of an embedding: its numbers, each as it is in double precision, so that none is changed.

    Raises:
        NotImplementedError: if it is none; it is what msgspec is to hear.
    """
    if isinstance(value, np.ndarray):
        return cast("NDArray[np.float32]", value).tolist()
    raise NotImplementedError(f"{type(value).__name__} has no form in JSON")


def _read_sets(path: Path) -> FeatureSets:
    try:
        sets = msgspec.json.decode(path.read_bytes(), type=FeatureSets)
    except (OSError, msgspec.MsgspecError) as error:
        raise pass_on(ShipwayError("SW-605", f"{path} is damaged ({error})", _HINT)) from error
    if sets.version > VERSION:
        fact = f"{path} has layout {sets.version}, and this shipway reads layout {VERSION}"
        raise pass_on(ShipwayError("SW-606", fact, "install a newer shipway here"))
    return sets


def _find_late(served: _Served, watermarks: Mapping[str, int | None], at: int) -> tuple[str, ...]:
    """Return the streams of a set that lie further back than their source says they may."""
    marks = {stream: watermarks.get(stream) for stream in served.expected}
    return tuple(s for s, most in served.expected.items() if (mark := marks[s]) is None or at - mark > most)


def _show(found: Features, served: _Served) -> list[Any]:
    values: list[Any] = [None if value != value else value for value in found.values]  # NaN alone differs from itself
    for place in served.conditions:
        if values[place] is not None:
            values[place] = bool(values[place])
    for place in served.embeddings:
        if values[place] is not None:
            values[place] = view_numbers(values[place])
    return values


def _tell(found: Features, served: _Served) -> Sequence[Status]:
    values = found.values
    gaps = [place for place, value in enumerate(values) if value is None or value != value]
    if not gaps:
        return served.present
    told: list[Status] = list(served.present)
    for place in gaps:
        told[place] = "expired" if place in found.expired else "missing"
    return told
