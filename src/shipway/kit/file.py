"""Files that are whole or absent, and locks between processes; both hold when a process is killed at any point.

A file under construction has a random hidden name and its writer holds a lock on it for as long as it lives. So whoever
sweeps a folder knows a dead writer's leftover from a living writer's work without trusting ages or process numbers.
"""

import fcntl
import os
import secrets
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

CHUNK_BYTES: Final = 1 << 20
"""How much of a file is held in memory while it is copied."""

_SUFFIX: Final = ".staged"


class StagedFile:
    """A file under construction: nobody sees it until it is published."""

    def __init__(self, path: Path, descriptor: int) -> None:
        """Take over an open, locked and empty file; `stage_file` is the way to get one."""
        self._path = path
        self._descriptor = descriptor
        self._dirty = True
        self.published = False

    @property
    def path(self) -> Path:
        """Return the hidden file's own path, for what writes files by name; what is there is taken to be written to."""
        self._dirty = True
        return self._path

    def write(self, data: bytes) -> None:
        """Append bytes, all of them or an OSError."""
        self._dirty = True
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def touch(self) -> None:
        """Give the file the present time; the one that the system gives it when it is written lags by milliseconds."""
        now = time.time_ns()
        os.utime(self._descriptor, ns=(now, now))
        self._dirty = True

    def sync(self) -> None:
        """Force what was written to the disk; after this, publishing needs no further space."""
        if self._dirty:
            _sync(self._descriptor)
            self._dirty = False

    def publish(self, target: Path) -> None:
        """Give the file its name in one step, over whatever had it, and force that to the disk too.

        Args:
            target: the name, on the same file system.
        """
        self.sync()
        self._path.replace(target)
        self.published = True
        sync_folder(target.parent)

    def publish_new(self, target: Path) -> bool:
        """Give the file its name in one step unless something has it, and tell whether it got it; durable as `publish`.

        Args:
            target: the name, on the same file system.
        """
        self.sync()
        try:
            target.hardlink_to(self._path)
        except FileExistsError:
            return False
        sync_folder(target.parent)
        return True


@contextmanager
def stage_file(folder: Path, *, mode: int = 0o666) -> Generator[StagedFile]:
    """Open a new hidden file for writing; it goes away at the end of the block unless it was published.

    Args:
        folder: where it is written; it must exist.
        mode: permissions of the file, less the process's umask.
    """
    path, descriptor = _create_locked(folder, mode)
    staged = StagedFile(path, descriptor)
    try:
        yield staged
    finally:
        if not staged.published:
            path.unlink(missing_ok=True)
        os.close(descriptor)


def write_atomic(path: Path, data: bytes) -> None:
    """Replace a file's content in one step: a reader, or the next start after a power cut, sees the old or the new."""
    with stage_file(path.parent) as staged:
        staged.write(data)
        staged.publish(path)


def read_chunks(file: BinaryIO) -> Iterator[bytes]:
    """Yield the rest of an open file in pieces of at most `CHUNK_BYTES`."""
    while chunk := file.read(CHUNK_BYTES):
        yield chunk


def make_folder(path: Path) -> None:
    """Create a folder and the missing ones above it, durably.

    The name of a folder that exists is forced to the disk as well: whoever made it may have been killed before that.
    """
    if not path.parent.is_dir():
        make_folder(path.parent)
    path.mkdir(exist_ok=True)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Force a folder's list of names to the disk, so that a file created or renamed there survives a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


def sweep_staged(folder: Path) -> int:
    """Remove what killed writers left in a folder and return how many files that were.

    A living writer's file is locked and stays. In a folder this process may not write to, or that does not exist,
    nothing is removed: leftovers do no harm, and reading goes on.
    """
    return sum(_sweep(path) for path in folder.glob(f".*{_SUFFIX}"))


@contextmanager
def hold_lock(path: Path, *, wait: bool) -> Generator[None]:
    """Hold an exclusive lock between processes and threads; the system frees it when the holder dies.

    The lock is advisory, not re-entrant, and belongs to the file, which is created when missing and never removed.
    The holder's process number stands in it, for `lock_holder`.

    Args:
        path: the lock's file.
        wait: whether to wait for the present holder.

    Raises:
        BlockingIOError: if the lock is held and `wait` is false.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            yield
        finally:
            os.ftruncate(descriptor, 0)
            # Closing alone would not free the lock while a forked child still holds a copy of the descriptor.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


@contextmanager
def lock_folder(path: Path, *, shared: bool) -> Generator[None]:
    """Hold a lock on a folder between processes and threads; the system frees it when the holder dies.

    Nothing is written to the folder. The lock is advisory and not re-entrant.

    Args:
        path: the folder; it must exist.
        shared: whether others may share the lock; who holds it alone waits for all who share it, and they for them.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def lock_holder(path: Path) -> int | None:
    """Return the number of the living process that holds a lock, or None if none is known to.

    The answer is for a message, not for a decision: the holder may let go at any moment.
    """
    try:
        pid = int(path.read_text("ascii"))
    except (OSError, ValueError):
        return None
    return pid if _lives(pid) else None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _create_locked(folder: Path, mode: int) -> tuple[Path, int]:
    while True:
        path = folder / f".{secrets.token_hex(16)}{_SUFFIX}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # A sweeper may have come between the two calls above and removed the file it found unlocked.
            if os.fstat(descriptor).st_nlink:
                return path, descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _sweep(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _sync(descriptor: int) -> None:
    if sys.platform == "darwin":
        # There, fsync leaves the data in the drive's own cache.
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)
