"""What the faults of the file system, and of SQLite on top of it, mean to a user."""

import errno
import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from shipway.core.error import ShipwayError

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_CLOSED: Final = frozenset(
    {
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EEXIST,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.EIO,
    }
)

# SQLite reports a quota or a file-size limit as a failed write, and a full disk under its shared-memory file as a
# failed resize; only a plain ENOSPC becomes SQLITE_FULL. https://www.sqlite.org/rescode.html
_SQLITE_FULL: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE})
_SQLITE_CLOSED: Final = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM})
_SQLITE_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
# The last two: our statements are constants that the tests run, so one that fails has met tables that are not ours.
_SQLITE_DAMAGED: Final = frozenset(
    {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_CONSTRAINT,
    }
)
_PRIMARY: Final = 0xFF


@contextmanager
def translate_fault(path: Path, *, damage: str = "SW-605") -> Generator[None]:
    """Turn what the system says while a path is written, or a database used, into the error a user can act on.

    What is no such fault, above all a mistake in the program, passes through as it is.

    Args:
        path: the file or folder that the message names.
        damage: the code for a database that is damaged.

    Raises:
        ShipwayError: SW-601 if space or a quota ran out, SW-602 if writing there is not possible, SW-603 if another
            process kept the database locked, `damage` if the database is damaged.
    """
    try:
        yield
    except OSError as fault:
        said = os.strerror(fault.errno) if fault.errno is not None else str(fault)
        if fault.errno in _FULL:
            raise _full(path, said) from fault
        if fault.errno in _CLOSED:
            raise _closed(path, said) from fault
        raise
    except UnicodeDecodeError as fault:
        # The sqlite3 module fails so on a message that quotes a damaged schema.
        raise _damaged(damage, path, "its schema is not text") from fault
    except sqlite3.Error as fault:
        # Errors of the sqlite3 module itself, such as the use of a closed connection, carry no code.
        code: int = getattr(fault, "sqlite_errorcode", sqlite3.SQLITE_OK)
        if code in _SQLITE_FULL:
            raise _full(path, str(fault)) from fault
        if code & _PRIMARY in _SQLITE_CLOSED:
            raise _closed(path, str(fault)) from fault
        if code & _PRIMARY in _SQLITE_BUSY:
            hint = "wait for the other shipway process, or stop it, then run the same command again"
            raise ShipwayError("SW-603", f"another process keeps {path} locked", hint) from fault
        if code & _PRIMARY in _SQLITE_DAMAGED:
            raise _damaged(damage, path, str(fault)) from fault
        raise


def _damaged(code: str, path: Path, said: str) -> ShipwayError:
    return ShipwayError(code, f"the database {path} is damaged ({said})", "restore the project's folder from a backup")


def _full(path: Path, said: str) -> ShipwayError:
    hint = "free some space or raise the limit, then run the same command again; what was acknowledged is safe"
    return ShipwayError("SW-601", f"there is no room to write {path} ({said})", hint)


def _closed(path: Path, said: str) -> ShipwayError:
    hint = "check that the folder exists and that this user may write there"
    return ShipwayError("SW-602", f"cannot write {path} ({said})", hint)
