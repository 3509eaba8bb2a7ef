"""The online store in a SQLite database, for where LMDB is not installed or files cannot be mapped into memory."""

import sqlite3
import threading
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from shipway.adapters.file.fault import translate_fault
from shipway.adapters.sqlite.database import open_database, transaction
from shipway.core.error import ShipwayError
from shipway.kit.file import make_folder

_VERSION: Final = 1
_FILE: Final = "online.sqlite"
_SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS entry (
        series BLOB NOT NULL,
        instant INTEGER NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (series, instant)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS position (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        value BLOB NOT NULL,
        syncs INTEGER NOT NULL DEFAULT 0
    ) STRICT""",
)
_EARLIEST: Final = -(1 << 63)
_NEWEST: Final = "SELECT instant, value FROM entry WHERE series = ? AND instant <= ? ORDER BY instant DESC LIMIT 1"
_OLDEST: Final = "SELECT instant, value FROM entry WHERE series = ? AND instant > ? ORDER BY instant LIMIT 1"
_BETWEEN: Final = "SELECT instant, value FROM entry WHERE series = ? AND instant > ? AND instant <= ? ORDER BY instant"
_PUT: Final = "INSERT OR REPLACE INTO entry (series, instant, value) VALUES (?, ?, ?)"
_DROP: Final = "DELETE FROM entry WHERE series = ? AND instant = ?"
_PLACE: Final = """INSERT INTO position (only, value) VALUES (1, ?)
    ON CONFLICT (only) DO UPDATE SET value = excluded.value"""
# It must change something: SQLite writes, and so syncs, nothing for a row that stays as it is.
_TOUCH: Final = "UPDATE position SET syncs = syncs + 1"
_TRIM_WHOLE: Final = """DELETE FROM entry
    WHERE series >= :first AND (:end IS NULL OR series < :end) AND instant < :before"""
_TRIM: Final = f"""{_TRIM_WHOLE}
    AND instant < (SELECT max(kept.instant) FROM entry AS kept
                   WHERE kept.series = entry.series AND kept.instant <= :before)"""


class SqliteOnline:
    """The online store in a folder of its own, in SQLite; it answers the port `Online`.

    Any number of processes may have it open, and the threads of a process may share a store. A store must not be
    carried over a fork. Killing a process loses nothing that was written, a power cut only what was not yet synced.
    """

    def __init__(self, folder: Path, *, readonly: bool = False) -> None:
        """Open the store, making an empty one where there is none, also for a reader: it may come before the writer.

        Args:
            folder: the store's folder; it need not exist, but must be one that can be written, also for a reader.
            readonly: whether writing is refused.

        Raises:
            ShipwayError: SW-601 disk full, SW-602 not writable, SW-605 for a damaged store, SW-606 if a newer shipway
                wrote it.
        """
        self._folder = folder
        self._readonly = readonly
        self._guard = threading.Lock()
        with self._faults():
            make_folder(folder)
            self._connection = open_database(folder / _FILE, schema=_SCHEMA, version=_VERSION)
            # In this mode a commit is in the write-ahead log but not forced to the disk; the log is, before a
            # checkpoint moves it, so that a power cut takes the newest commits at worst.
            self._connection.execute("PRAGMA synchronous = NORMAL")

    def newest(self, asks: Sequence[tuple[bytes, int]]) -> list[tuple[int, bytes] | None]:
        """Return for each (series, instant) the newest entry at or before it, as (instant, value); None without one.

        Fastest when what is asked about one series stands together, later instants first.

        Raises:
            ShipwayError: SW-605 for a damaged store.
        """
        answers: list[tuple[int, bytes] | None] = []
        current, asked, found = None, 0, 0
        answer: tuple[int, bytes] | None = None
        with self._reading() as connection:
            execute = connection.execute
            for series, instant in asks:
                # Nothing lies between an answer and the instant it was asked for.
                if series != current or not found <= instant <= asked:
                    current, asked = series, instant
                    answer = execute(_NEWEST, (series, instant)).fetchone()
                    found = _EARLIEST if answer is None else answer[0]
                answers.append(answer)
        return answers

    def oldest(self, asks: Sequence[tuple[bytes, int]]) -> list[tuple[int, bytes] | None]:
        """Return for each (series, instant) the oldest entry after it, as (instant, value); None without one.

        Raises:
            ShipwayError: SW-605 for a damaged store.
        """
        with self._reading() as connection:
            return [connection.execute(_OLDEST, ask).fetchone() for ask in asks]

    def between(self, series: bytes, after: int, until: int) -> list[tuple[int, bytes]]:
        """Return a series' entries with after < instant <= until, oldest first.

        Raises:
            ShipwayError: SW-605 for a damaged store.
        """
        with self._reading() as connection:
            return connection.execute(_BETWEEN, (series, after, until)).fetchall()

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
            ShipwayError: SW-601 disk full, SW-602 not writable, SW-605 for a damaged store. Nothing is written then.
        """
        with self._writing() as connection:
            connection.executemany(_DROP, drops)
            connection.executemany(_PUT, entries)
            connection.execute(_PLACE, (position,))

    def position(self) -> bytes | None:
        """Return the position of the last write; None for a store nothing was written to.

        Raises:
            ShipwayError: SW-605 for a damaged store.
        """
        with self._reading() as connection:
            row = connection.execute("SELECT value FROM position").fetchone()
        return None if row is None else row[0]

    def trim(self, prefix: bytes, before: int, *, whole: bool = False) -> int:
        """Drop the entries older than an instant of every series that begins with a prefix, and return how many.

        The newest entry at or before that instant stays, so that every later question has the answer it had; with
        `whole` it goes too if it is older.

        Raises:
            ShipwayError: SW-601 if the disk is full, for dropping writes too; SW-602 not writable, SW-605 for a
                damaged store. Nothing is dropped then.
        """
        bounds = {"first": prefix, "end": _end_of(prefix), "before": before}
        with self._writing() as connection:
            return connection.execute(_TRIM_WHOLE if whole else _TRIM, bounds).rowcount

    def sync(self) -> None:
        """Force what was written to the disk, so that a power cut loses none of it.

        Raises:
            ShipwayError: SW-601 disk full, SW-602 not writable.
        """
        if self._readonly:
            return
        with self._faults(), self._guard:
            self._connection.execute("PRAGMA synchronous = FULL")
            try:
                # A commit in this mode forces the log to the disk, with all that earlier ones left in it.
                with transaction(self._connection):
                    self._connection.execute(_TOUCH)
            finally:
                self._connection.execute("PRAGMA synchronous = NORMAL")

    def close(self) -> None:
        """Release files; closing twice does no harm."""
        with self._guard:
            self._connection.close()

    @contextmanager
    def _reading(self) -> Generator[sqlite3.Connection]:
        """Give the connection inside a read transaction: all that is read is from one state of the store."""
        with self._faults(), self._guard:
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                # SQLite has ended it already after some faults.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    @contextmanager
    def _writing(self) -> Generator[sqlite3.Connection]:
        if self._readonly:
            hint = "write through the one process that opened it for writing"
            raise ShipwayError("SW-602", f"the online store {self._folder} was opened for reading", hint)
        with self._faults(), self._guard, transaction(self._connection):
            yield self._connection

    @contextmanager
    def _faults(self) -> Generator[None]:
        """Say what a fault means; a damaged store is not restored from a backup but built again."""
        try:
            with translate_fault(self._folder / _FILE):
                yield
        except ShipwayError as refusal:
            if refusal.code != "SW-605":
                raise
            hint = f"remove the folder {self._folder} and run the same command again: it is built anew from the lake"
            raise ShipwayError(refusal.code, refusal.fact, hint) from refusal.__cause__


def _end_of(prefix: bytes) -> bytes | None:
    """Return the least bytes after all that begin with a prefix; None if there are none."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else None
