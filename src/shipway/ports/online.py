"""The port of the online store: an ordered map from series and instant to bytes, read as known at an instant."""

import shutil
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

from shipway.ports.adapter import load_adapter

FOLDER: Final = "online"
"""Folder of the stores below a project's folder of state, where no server keeps them."""
_FILES: Final = {"": "lmdb", "lmdb": "lmdb", "sqlite": "sqlite"}
"""Schemes of the stores that are kept in files, each in a folder of its name, to their adapters."""


class Online(Protocol):
    """Entries of series, each with an instant; what is asked for is the newest at or before an instant.

    One process writes, any number reads. Contract (the conformance suites `shipway.testing.online` and `online_process`
    check it):
        * `write` is atomic: what it puts and drops and its position are visible together or not at all, also after
          `kill -9`.
        * A reader of another process sees a write as soon as it returned, without opening the store again.
        * All answers of one call are from one state of the store.
        * No series may be a prefix of another; instants are any int64 (microseconds since 1970 UTC).
        * The store can be built again from the lake: a power cut may cost what was not yet synced, or the whole store,
          which is then refused with SW-605 when it is opened; it never makes an answer wrong.
    """

    def newest(self, asks: Sequence[tuple[bytes, int]]) -> list[tuple[int, bytes] | None]:
        """Return for each (series, instant) the newest entry at or before it, as (instant, value); None without one."""
        ...

    def oldest(self, asks: Sequence[tuple[bytes, int]]) -> list[tuple[int, bytes] | None]:
        """Return for each (series, instant) the oldest entry after it, as (instant, value); None without one."""
        ...

    def between(self, series: bytes, after: int, until: int) -> list[tuple[int, bytes]]:
        """Return a series' entries with after < instant <= until, oldest first."""
        ...

    def write(
        self,
        entries: Iterable[tuple[bytes, int, bytes]],
        *,
        position: bytes,
        drops: Iterable[tuple[bytes, int]] = (),
    ) -> None:
        """Drop (series, instant) entries, then put (series, instant, value) ones, and the writer's position.

        What is put takes the place of what stands there; to drop what is not there does no harm.

        Raises:
            ShipwayError: SW-601 disk full, SW-602 not writable.
        """
        ...

    def position(self) -> bytes | None:
        """Return the position of the last write; None for a store nothing was written to."""
        ...

    def trim(self, prefix: bytes, before: int, *, whole: bool = False) -> int:
        """Drop the entries older than an instant of every series that begins with a prefix, and return how many.

        The newest entry at or before that instant stays, so that every later question has the answer it had; with
        `whole` it goes too if it is older.
        """
        ...

    def sync(self) -> None:
        """Force what was written to the disk, so that a power cut loses none of it."""
        ...

    def close(self) -> None:
        """Release files; closing twice does no harm."""
        ...


Edges: TypeAlias = tuple[Sequence[bytes], Sequence[int]]
"""Series and instants: of each series its newest entry at or before each instant is asked for."""
Look: TypeAlias = Callable[
    [Sequence[tuple[bytes, int]], Sequence[Edges]], tuple[list[tuple[int, bytes] | None], list[list[bytes | None]]]
]
"""Answers what `Online.newest` is asked, and of `Edges` the values alone, series by series; all from one state."""


def find_look(online: Online) -> Look:
    """Return how much is asked of a store at once.

    A store may have a method `look`, a quicker way to what `newest` answers; of one without, `newest` is asked.
    """
    look: Look | None = getattr(online, "look", None)
    if look is not None:
        return look

    def ask(
        newest: Sequence[tuple[bytes, int]], edges: Sequence[Edges]
    ) -> tuple[list[tuple[int, bytes] | None], list[list[bytes | None]]]:
        asks = [(name, instant) for names, instants in edges for name in names for instant in instants]
        found = online.newest([*newest, *asks])
        values = iter([None if one is None else one[1] for one in found[len(newest) :]])
        return found[: len(newest)], [list(islice(values, len(names) * len(instants))) for names, instants in edges]

    return ask


def open_online(state: Path, uri: str, name: str, *, readonly: bool = False) -> Online:
    """Return one of a project's online stores.

    Args:
        state: the project's folder of state.
        uri: where stores are kept: empty for LMDB in that folder, `sqlite:` for SQLite there; else a server's address,
            whose scheme is the name of an adapter, such as `redis://host:6379/0`.
        name: the store's.
        readonly: whether writing is refused.

    Raises:
        ShipwayError: SW-701 if the extra for such a store is not installed, SW-702 if there is no adapter for it, and
            what opening it refuses.
    """
    scheme = _scheme_of(uri)
    if scheme in _FILES:
        return load_adapter(f"online.{_FILES[scheme]}")(state / FOLDER / name, readonly=readonly)
    return load_adapter(f"online.{scheme}")(uri, name=name, readonly=readonly)


def list_online(state: Path, uri: str) -> list[str]:
    """Return the names of a project's online stores; errors as `open_online`."""
    scheme = _scheme_of(uri)
    if scheme in _FILES:
        folder = state / FOLDER
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    adapter: Any = load_adapter(f"online.{scheme}")
    return adapter.names(uri)


def remove_online(state: Path, uri: str, name: str) -> None:
    """Remove an online store that nobody has open, there or not; errors as `open_online`."""
    scheme = _scheme_of(uri)
    if scheme in _FILES:
        if (folder := state / FOLDER / name).is_dir():
            shutil.rmtree(folder)
        return
    load_adapter(f"online.{scheme}").remove(uri, name)


def _scheme_of(uri: str) -> str:
    return uri.partition(":")[0]
