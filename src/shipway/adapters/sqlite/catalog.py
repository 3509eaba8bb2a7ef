"""The catalog in a SQLite database: objects and refs as rows, moved in one transaction."""

import itertools
import sqlite3
import threading
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from shipway.adapters.file.fault import translate_fault
from shipway.adapters.sqlite.database import lock_path, open_database, transaction
from shipway.core.error import ShipwayError
from shipway.core.ref import check_place, check_refs
from shipway.kit.canonical import digest_bytes
from shipway.kit.file import hold_lock
from shipway.ports.clock import Clock

_VERSION: Final = 1
_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS ref (name TEXT PRIMARY KEY, target TEXT NOT NULL) STRICT, WITHOUT ROWID",
    # With row numbers, unlike the refs: bodies of kilobytes within the tree of digests make it deep, and a commit was
    # measured to take 1.5 times as long.
    "CREATE TABLE IF NOT EXISTS object (digest TEXT PRIMARY KEY, at INTEGER NOT NULL, body BLOB NOT NULL) STRICT",
)
_CHUNK: Final = 500
"""Digests asked for in one statement; SQLite may be built to allow only 999 variables."""

_STORE: Final = """INSERT INTO object (digest, at, body) VALUES (?, ?, ?)
    ON CONFLICT (digest) DO UPDATE SET at = excluded.at, body = excluded.body"""
_POINT: Final = "INSERT INTO ref (name, target) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET target = excluded.target"
_LIST: Final = "SELECT digest, at FROM object WHERE digest > ? ORDER BY digest LIMIT ?"


class SqliteCatalog:
    """The catalog in a SQLite database; it answers the port `Catalog`.

    Any number of processes may have it open, and the threads of a process may share one instance. Writers take turns; a
    reader waits for none of them, for it has a connection of its own and sees the last commit.
    """

    def __init__(self, path: Path, *, clock: Clock) -> None:
        """Open the catalog, creating its database if it is new.

        Args:
            path: the database; its folder must exist.
            clock: says when an object is stored.

        Raises:
            ShipwayError: SW-601 disk full, SW-602 if the folder is missing or cannot be written, SW-605 if the database
                is damaged, SW-606 if a newer shipway wrote it.
        """
        self._path = path
        self._clock = clock
        self._write_turn = threading.Lock()
        self._read_turn = threading.Lock()
        self._writer = open_database(path, schema=_SCHEMA, version=_VERSION)
        self._reader = open_database(path, schema=_SCHEMA, version=_VERSION)

    def refs(self) -> dict[str, str]:
        """Return every ref with the object it points at, by name.

        Raises:
            ShipwayError: SW-605 for a damaged database.
        """
        return dict(self._fetch("SELECT name, target FROM ref ORDER BY name"))

    def head(self, ref: str) -> str | None:
        """Return the object a ref points at, or None if there is no such ref.

        Raises:
            ShipwayError: SW-605 for a damaged database.
        """
        rows = self._fetch("SELECT target FROM ref WHERE name = ?", ref)
        return rows[0][0] if rows else None

    def move(
        self, ref: str, *, expect: str | None, target: str | None, objects: Mapping[str, bytes] | None = None
    ) -> None:
        """Store objects and move a ref, in one step that is on the disk when this returns.

        Raises:
            ShipwayError: SW-208 if the ref is not at `expect`, SW-601 disk full, SW-602 not writable, SW-605 for a
                damaged database.
        """
        with self._writing() as connection:
            row = connection.execute("SELECT target FROM ref WHERE name = ?", (ref,)).fetchone()
            check_place(ref, expect=expect, found=row and row[0])
            at = self._clock.now()
            connection.executemany(_STORE, ((digest, at, body) for digest, body in (objects or {}).items()))
            if target is None:
                connection.execute("DELETE FROM ref WHERE name = ?", (ref,))
            elif target != expect:
                connection.execute(_POINT, (ref, target))

    def get(self, digests: Iterable[str]) -> dict[str, bytes]:
        """Return those of the objects that are there, by digest, each as it was stored.

        Raises:
            ShipwayError: SW-605 for an object whose bytes do not match its digest, and for a damaged database.
        """
        found = dict(self._find("digest, body", digests))
        for digest, body in found.items():
            if digest_bytes(body) != digest:
                fact = f"object {digest} in {self._path} is damaged: its bytes do not match it"
                raise ShipwayError("SW-605", fact, "restore the project's folder from a backup")
        return found

    def stored_at(self, digests: Iterable[str]) -> dict[str, int]:
        """Return when those of the objects that are there were last stored, in microseconds since 1970 UTC."""
        return dict(self._find("digest, at", digests))

    def listing(self) -> Iterator[tuple[str, int]]:
        """Yield every object with the instant it was last stored, in no order.

        What is stored or forgotten while this runs may be yielded or not; everything else is.
        """
        last = ""
        while rows := self._fetch(_LIST, last, _CHUNK):
            yield from rows
            last = rows[-1][0]

    def forget(self, digests: Collection[str], *, before: int, refs: Mapping[str, str]) -> int:
        """Remove objects that are older than an instant, unless a ref moved meanwhile, and return how many went.

        Raises:
            ShipwayError: SW-208 if the refs are not as the caller saw them, SW-601 disk full, for removing writes too;
                SW-602 not writable, SW-605 for a damaged database. Nothing is removed then.
        """
        with self._writing() as connection:
            check_refs(dict(connection.execute("SELECT name, target FROM ref").fetchall()), refs)
            wanted = ((digest, before) for digest in digests)
            return connection.executemany("DELETE FROM object WHERE digest = ? AND at < ?", wanted).rowcount

    def close(self) -> None:
        """Release the database; closing twice does no harm."""
        with self._write_turn, self._read_turn:
            self._reader.close()
            self._writer.close()

    @contextmanager
    def _writing(self) -> Generator[sqlite3.Connection]:
        # Without the lock between processes a writer polls for its turn, and one that writes all the time starves it.
        lock = hold_lock(lock_path(self._path), wait=True)
        with translate_fault(self._path), self._write_turn, lock, transaction(self._writer):
            yield self._writer

    def _find(self, columns: str, digests: Iterable[str]) -> Iterator[tuple[str, Any]]:
        waiting = iter(digests)
        while chunk := tuple(itertools.islice(waiting, _CHUNK)):
            marks = ", ".join("?" * len(chunk))
            yield from self._fetch(f"SELECT {columns} FROM object WHERE digest IN ({marks})", *chunk)

    def _fetch(self, query: str, *values: str | int) -> list[Any]:
        with translate_fault(self._path), self._read_turn:
            return self._reader.execute(query, values).fetchall()
