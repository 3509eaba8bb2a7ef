"""The online store in LMDB: a request's answers from one memory map, each by one step of a cursor.

A key is the series, then the instant in eight bytes that sort from the latest to the earliest. So the newest entry at
or before an instant is the first key not below that of the instant itself, if it is of the same series.
"""

import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import lmdb

from shipway.adapters.lmdb.environment import (
    MAP_BYTES,
    close_environment,
    open_environment,
    refuse,
    translate_lmdb,
)
from shipway.core.error import ShipwayError
from shipway.ports.online import Edges

_EARLIEST: Final = -(1 << 63)
_LATEST: Final = (1 << 63) - 1
_INSTANT: Final = struct.Struct(">Q")
_INSTANT_BYTES: Final = _INSTANT.size
_PAST: Final = b"\xff" * (_INSTANT_BYTES + 1)
"""What follows the name of a series in a key after all of its own."""
_POSITION: Final = b"\x00"
"""The key of the writer's position: shorter than any entry's, so that it is none of theirs."""


class LmdbOnline:
    """The online store in a folder of its own, in LMDB; it answers the port `Online`.

    Several stores of a process may have one folder open, and the threads of a process may share a store. A store must
    not be carried over a fork. Killing a process loses nothing that was written. After a power cut, a store that was
    written to since its last sync is refused, to be built again.
    """

    def __init__(self, folder: Path, *, readonly: bool = False, map_bytes: int = MAP_BYTES) -> None:
        """Open the store, making an empty one where there is none, also for a reader: it may come before the writer.

        Args:
            folder: the store's folder; it need not exist.
            readonly: whether writing is refused; a store on a disk that cannot be written can be read so.
            map_bytes: the size the store may grow to; addresses are reserved, not disk.

        Raises:
            ShipwayError: SW-601 disk full, SW-602 not writable, SW-605 for a damaged store.
        """
        self._folder = folder
        self._readonly = readonly
        self._closed = False
        self._environment = open_environment(folder, readonly=readonly, map_bytes=map_bytes)
        self._handle = self._environment.handle

    def newest(self, asks: Sequence[tuple[bytes, int]]) -> list[tuple[int, bytes] | None]:
        """Return for each (series, instant) the newest entry at or before it, as (instant, value); None without one.

        Fastest when what is asked about one series stands together, later instants first.

        Raises:
            ShipwayError: SW-605 for a damaged store.
        """
        answers: list[tuple[int, bytes] | None] = []
        add, pack, number = answers.append, _INSTANT.pack, int.from_bytes
        current, length, asked, found = None, 0, 0, 0
        answer: tuple[int, bytes] | None = None
        try:
            with self._handle.begin() as reading:
                cursor = reading.cursor()
                seek, item = cursor.set_range, cursor.item
                for series, instant in asks:
                    if series != current:
                        current, length = series, len(series)
                    elif found <= instant <= asked:
                        # Nothing lies between an answer and the instant it was asked for.
                        add(answer)
                        continue
                    asked, found, answer = instant, _EARLIEST, None
                    if seek(series + pack(_LATEST - instant)):
                        key, value = item()
                        if key[:length] == series:
                            found = _LATEST - number(key[length:], "big")
                            answer = (found, value)
                    add(answer)
        except lmdb.Error as fault:
            refuse(self._folder, fault)
        return answers

    def look(
        self, newest: Sequence[tuple[bytes, int]], edges: Sequence[Edges]
    ) -> tuple[list[tuple[int, bytes] | None], list[list[bytes | None]]]:
        """Return what `newest` does, and the values of edges (`shipway.ports.online.Look`), all from one state.

        Raises:
            ShipwayError: SW-605 for a damaged store.
        """
        dated: list[tuple[int, bytes] | None] = []
        values: list[list[bytes | None]] = []
        pack, number = _INSTANT.pack, int.from_bytes
        try:
            with self._handle.begin() as reading:
                cursor = reading.cursor()
                for series, instant in newest:
                    found = None
                    if cursor.set_range(series + pack(_LATEST - instant)) and (key := cursor.key()) < series + _PAST:
                        found = _LATEST - number(key[-_INSTANT_BYTES:], "big"), cursor.value()
                    dated.append(found)
                for names, instants in edges:
                    answers: list[bytes | None] = []
                    values.append(answers)
                    if len(instants) == 1:
                        _look_at(reading, names, pack(_LATEST - instants[0]), answers)
                        continue
                    tails = [pack(_LATEST - instant) for instant in instants]
                    along = _look_along if tails and tails == sorted(tails) else _look_each
                    for name in names:
                        along(cursor, name, tails, answers)
        except lmdb.Error as fault:
            refuse(self._folder, fault)
        return dated, values

    def oldest(self, asks: Sequence[tuple[bytes, int]]) -> list[tuple[int, bytes] | None]:
        """Return for each (series, instant) the oldest entry after it, as (instant, value); None without one.

        Raises:
            ShipwayError: SW-605 for a damaged store.
        """
        answers: list[tuple[int, bytes] | None] = []
        with translate_lmdb(self._folder), self._handle.begin() as reading:
            cursor = reading.cursor()
            for series, instant in asks:
                # The key before the first one at or before the instant; where there is none, the last key of all.
                placed = cursor.set_range(series + _INSTANT.pack(_LATEST - instant))
                key, value = cursor.item() if (cursor.prev() if placed else cursor.last()) else (b"", b"")
                length = len(series)
                found = len(key) == length + _INSTANT_BYTES and key.startswith(series)
                answers.append((_LATEST - int.from_bytes(key[length:], "big"), value) if found else None)
        return answers

    def between(self, series: bytes, after: int, until: int) -> list[tuple[int, bytes]]:
        """Return a series' entries with after < instant <= until, oldest first.

        Raises:
            ShipwayError: SW-605 for a damaged store.
        """
        entries: list[tuple[int, bytes]] = []
        end, length = series + _INSTANT.pack(_LATEST - after), len(series)
        with translate_lmdb(self._folder), self._handle.begin() as reading:
            cursor = reading.cursor()
            if cursor.set_range(series + _INSTANT.pack(_LATEST - until)):
                for key, value in cursor.iternext():
                    if key >= end:
                        break
                    entries.append((_LATEST - int.from_bytes(key[length:], "big"), value))
        entries.reverse()
        return entries

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
            ShipwayError: SW-601 if the disk or the map is full, SW-602 not writable, or a series too long for a key;
                SW-605 for a damaged store. Nothing is written then.
        """
        self._expect_writable()
        pack = _INSTANT.pack
        with translate_lmdb(self._folder), self._environment.guard:
            self._environment.mark()
            with self._handle.begin(write=True) as writing:
                for series, instant in drops:
                    writing.delete(series + pack(_LATEST - instant))
                writing.cursor().putmulti(
                    (series + pack(_LATEST - instant), value) for series, instant, value in entries
                )
                writing.put(_POSITION, position)

    def position(self) -> bytes | None:
        """Return the position of the last write; None for a store nothing was written to.

        Raises:
            ShipwayError: SW-605 for a damaged store.
        """
        with translate_lmdb(self._folder), self._handle.begin() as reading:
            return reading.get(_POSITION)

    def trim(self, prefix: bytes, before: int, *, whole: bool = False) -> int:
        """Drop the entries older than an instant of every series that begins with a prefix, and return how many.

        The newest entry at or before that instant stays, so that every later question has the answer it had; with
        `whole` it goes too if it is older.

        Raises:
            ShipwayError: SW-601 if the disk is full, for dropping writes too; SW-602 not writable, SW-605 for a
                damaged store. Nothing is dropped then.
        """
        self._expect_writable()
        with translate_lmdb(self._folder), self._environment.guard:
            self._environment.mark()
            with self._handle.begin(write=True) as writing:
                return _trim(writing.cursor(), prefix, before, whole=whole)

    def sync(self) -> None:
        """Force what was written to the disk, so that a power cut loses none of it.

        Raises:
            ShipwayError: SW-601 disk full, SW-602 not writable.
        """
        if not self._readonly:
            with translate_lmdb(self._folder), self._environment.guard:
                self._environment.sync()

    def close(self) -> None:
        """Release files; closing twice does no harm."""
        if not self._closed:
            self._closed = True
            close_environment(self._environment)

    def _expect_writable(self) -> None:
        if self._readonly:
            hint = "write through the one process that opened it for writing"
            raise ShipwayError("SW-602", f"the online store {self._folder} was opened for reading", hint)


def _look_at(
    reading: "lmdb.Transaction[bytes]", names: Sequence[bytes], tail: bytes, answers: list[bytes | None]
) -> None:
    """Look up series at one instant, where most often something stands: what is stored of entities has one for all."""
    get, first = reading.get, len(answers)
    answers += [get(name + tail) for name in names]
    if None in answers:
        cursor = reading.cursor()
        for place, name in enumerate(names, first):
            if answers[place] is None and cursor.set_range(name + tail) and cursor.key() < name + _PAST:
                answers[place] = cursor.value()


def _look_along(cursor: "lmdb.Cursor[bytes]", name: bytes, tails: Sequence[bytes], answers: list[bytes | None]) -> None:
    """Look up a series at several instants, later ones first."""
    seek, value, past = cursor.set_range, cursor.value, name + _PAST
    if not seek(name + tails[0]) or (first := cursor.key()) >= past:
        answers += [None] * len(tails)
        return
    newest = value()
    if not seek(name + tails[-1]) or (last := cursor.key()) >= past:
        answers.append(newest)
        for tail in tails[1:-1]:
            if (wanted := name + tail) > first:
                newest = value() if seek(wanted) and (first := cursor.key()) < past else None
            answers.append(newest)
        answers.append(None)
    elif last == first:
        answers += [newest] * len(tails)
    else:
        oldest = value()
        # What the oldest finds is of the series, and so is what the others find: their keys need not be looked at.
        answers.append(newest)
        answers += [
            newest if (wanted := name + tail) <= first else value() if seek(wanted) else None for tail in tails[1:-1]
        ]
        answers.append(oldest)


def _look_each(cursor: "lmdb.Cursor[bytes]", name: bytes, tails: Sequence[bytes], answers: list[bytes | None]) -> None:
    """Look up a series at several instants."""
    seek, value, past = cursor.set_range, cursor.value, name + _PAST
    answers += [value() if seek(name + tail) and cursor.key() < past else None for tail in tails]


def _trim(cursor: "lmdb.Cursor[bytes]", prefix: bytes, before: int, *, whole: bool) -> int:
    """Drop, in each series, what is older than an instant, and return how many entries that were.

    That is what follows the first key not below the instant's, and that key's entry too if it is to go and is older.
    """
    dropped, first = 0, _INSTANT.pack(_LATEST - before)
    cursor.set_range(prefix or _POSITION)
    if cursor.key() == _POSITION:
        cursor.next()
    # Past the last key, LMDB's cursor gives an empty one.
    while (key := cursor.key()) and (series := key[:-_INSTANT_BYTES]).startswith(prefix):
        cursor.set_range(series + first)
        if _is_of(cursor.key(), series):
            if not whole or cursor.key() == series + first:
                cursor.next()
            while _is_of(cursor.key(), series):
                cursor.delete()
                dropped += 1
    return dropped


def _is_of(key: bytes, series: bytes) -> bool:
    return len(key) > len(series) and key.startswith(series)
