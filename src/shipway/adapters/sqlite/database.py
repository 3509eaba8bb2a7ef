"""How shipway opens a SQLite database: durable, shared by processes, with a versioned schema."""

import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from shipway.adapters.file.fault import translate_fault
from shipway.core.error import ShipwayError
from shipway.kit.file import hold_lock

_BUSY_S: Final = 60.0
"""How long a statement waits for another process; no transaction of ours takes a hundredth of it."""


def open_database(path: Path, *, schema: Sequence[str], version: int, damage: str = "SW-605") -> sqlite3.Connection:
    """Open a database, creating it with its schema if it is new.

    The connection commits each statement by itself unless `transaction` says otherwise. It may be used from several
    threads if the caller lets only one in at a time.

    Args:
        path: the database's file, in a folder that exists and can be written: readers need the write-ahead log too.
        schema: the statements that create version `version` of the schema where it is missing, run as one transaction.
        version: the schema's version, kept as SQLite's `user_version`.
        damage: the error code for a damaged database.

    Returns:
        The connection, for the caller to close.

    Raises:
        ShipwayError: SW-606 if a newer shipway wrote it, and what `translate_fault` says.
    """
    with translate_fault(path, damage=damage):
        connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            # A commit is on the disk when it returns; the second line says the same to macOS and nothing elsewhere.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA fullfsync = ON")
            if _version(connection) < version:
                with hold_lock(lock_path(path), wait=True):
                    _create(connection, schema, version)
            if (found := _version(connection)) > version:
                fact = f"{path} has version {found} of its format, this shipway reads up to version {version}"
                raise ShipwayError("SW-606", fact, "update shipway: pip install -U shipway")
        except BaseException:
            connection.close()
            raise
    return connection


def lock_path(path: Path) -> Path:
    """Return the file whose lock the writers of a database take in turn."""
    return path.with_name(path.name + ".lock")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Generator[None]:
    """Run the block as one write transaction: committed at its end, undone if it raises."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite has undone it already after some faults, such as a full disk.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _create(connection: sqlite3.Connection, schema: Sequence[str], version: int) -> None:
    if _version(connection) >= version:
        return
    connection.execute("PRAGMA journal_mode = WAL")
    with transaction(connection):
        for statement in schema:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {version:d}")


def _version(connection: sqlite3.Connection) -> int:
    return connection.execute("PRAGMA user_version").fetchone()[0]
