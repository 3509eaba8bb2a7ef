"""Blobs as read-only files named by their SHA-256, in folders by its first two digits."""

import hashlib
import os
import re
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Final

from shipway.adapters.file.fault import translate_fault
from shipway.core.error import ShipwayError
from shipway.kit.canonical import digest_bytes
from shipway.kit.file import (
    StagedFile,
    lock_folder,
    make_folder,
    read_chunks,
    stage_file,
    sweep_staged,
    sync_folder,
)
from shipway.ports.blobs import Stored

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_FOLDER: Final = re.compile(r"[0-9a-f]{2}")
_READ_ONLY: Final = 0o444


class FileBlobs:
    """The blob store in a local folder; it answers the port `Blobs`.

    Nothing is created before the first `put`, so a store can be read where it cannot be written. Files are written in
    `<root>/incoming`, forced to the disk and then renamed to `<root>/ab/ab12...`, so what a digest names is whole. Any
    number of processes may share the folder. A blob's age is the time of its file: putting it again gives it a new one,
    under a lock on `incoming` that all who put share and that `remove` holds alone.
    """

    def __init__(self, root: Path) -> None:
        """Open the store and sweep away what killed writers left.

        Args:
            root: the store's folder; it need not exist yet.
        """
        self._root = root
        self._incoming = root / "incoming"
        self._made: set[Path] = set()
        sweep_staged(self._incoming)

    def put(self, data: bytes) -> str:
        """Store bytes durably and return their digest.

        Raises:
            ShipwayError: SW-601 disk full, SW-602 not writable.
        """
        digest = digest_bytes(data)
        with translate_fault(self._root):
            if not self._keep(digest):
                self._make(self._incoming)
                with stage_file(self._incoming, mode=_READ_ONLY) as staged:
                    staged.write(data)
                    self._publish(staged, digest)
        return digest

    def put_file(self, source: Path) -> str:
        """Store a file's content durably, without holding it in memory, and return its digest.

        Raises:
            ShipwayError: SW-201 if the file cannot be opened, SW-601 disk full, SW-602 not writable.
        """
        try:
            file = source.open("rb")
        except OSError as fault:
            hint = "check the path and that this user may read it"
            raise ShipwayError("SW-201", f"cannot read {source} ({fault.strerror})", hint) from fault
        with file, translate_fault(self._root):
            return self.put_chunks(read_chunks(file))

    def put_chunks(self, chunks: Iterable[bytes]) -> str:
        """Store bytes that come piece by piece durably and return their digest.

        Raises:
            ShipwayError: SW-601 disk full, SW-602 not writable; what the iterable raises, with nothing stored.
        """
        with translate_fault(self._root):
            self._make(self._incoming)
            with stage_file(self._incoming, mode=_READ_ONLY) as staged:
                # Hashed as it is copied: the digest is of the bytes stored, even if somebody writes to the source.
                hasher = hashlib.sha256()
                for chunk in chunks:
                    hasher.update(chunk)
                    staged.write(chunk)
                digest = hasher.hexdigest()
                if not self._keep(digest):
                    self._publish(staged, digest)
        return digest

    def renew(self, digest: str) -> bool:
        """Make a blob as young as a new one and tell whether it is there and ours to make young."""
        place = self._place(digest)
        now = time.time_ns()
        try:
            with self._locked(shared=True):
                os.utime(place, ns=(now, now))
        except (FileNotFoundError, PermissionError):
            return False
        return True

    def get(self, digest: str) -> bytes:
        """Return the bytes with this digest, verified.

        Raises:
            ShipwayError: SW-605 if they are missing or not what was stored.
        """
        path = self.path(digest)
        try:
            data = path.read_bytes()
        except OSError as fault:
            raise _damaged(f"blob {digest} cannot be read from {path} ({fault.strerror})") from fault
        if digest_bytes(data) != digest:
            raise _damaged(f"blob {digest} is damaged: the bytes of {path} do not match it")
        return data

    def path(self, digest: str) -> Path:
        """Return the read-only file with these bytes; they are not read to verify them.

        Raises:
            ShipwayError: SW-605 if there is none.
        """
        if not self.has(digest):
            raise _damaged(f"blob {digest} is missing from {self._root}")
        return self._place(digest)

    def has(self, digest: str) -> bool:
        """Tell whether the store holds this digest.

        Raises:
            ShipwayError: SW-605 if this user may not look.
        """
        try:
            return _DIGEST.fullmatch(digest) is not None and self._place(digest).is_file()
        except OSError as fault:
            raise _damaged(f"{self._root} cannot be read ({fault.strerror})") from fault

    def digests(self) -> Iterator[str]:
        """Yield every digest in the store, in no particular order."""
        root, named = str(self._root), _DIGEST.fullmatch
        for folder in _names(root):
            if _FOLDER.fullmatch(folder):
                yield from [name for name in _names(f"{root}/{folder}") if name[:2] == folder and named(name)]

    def listing(self, digests: Collection[str] | None = None) -> Iterator[Stored]:
        """Yield blobs with size and age, in no particular order: every one, or those named that are there."""
        root = str(self._root)
        for digest in self.digests() if digests is None else filter(_DIGEST.fullmatch, digests):
            with suppress(FileNotFoundError):
                found = Path(f"{root}/{digest[:2]}/{digest}").stat()
                yield Stored(digest=digest, size_bytes=found.st_size, at=found.st_mtime_ns // 1_000)

    def remove(self, digests: Collection[str], *, before: int) -> list[str]:
        """Remove blobs last put before an instant, in microseconds since 1970 UTC, and return those that went.

        A power cut may bring back what went: it is then as old as it was, and goes the next time.

        Raises:
            ShipwayError: SW-602 if the store cannot be written.
        """
        with translate_fault(self._root):
            return [digest for digest in digests if self.has(digest) and self._unlink(self._place(digest), before)]

    def uri(self, digest: str) -> str:
        """Return the address under which other engines read the blob, whether or not it is there."""
        return self._place(digest).absolute().as_uri()

    def _place(self, digest: str) -> Path:
        return self._root / digest[:2] / digest

    def _keep(self, digest: str) -> bool:
        """Tell whether the bytes are stored already, whole, and make sure that they stay, as young as new ones."""
        place = self._place(digest)
        try:
            with place.open("rb") as file:
                whole = hashlib.file_digest(file, "sha256").hexdigest() == digest
        except FileNotFoundError:
            return False
        if not whole:
            return False
        # Whoever stored them may have been killed between the rename and this.
        self._make(place.parent)
        sync_folder(place.parent)
        # Where it was removed since, or is another user's who alone may change its time, ours takes its place.
        return self.renew(digest)

    def _publish(self, staged: StagedFile, digest: str) -> None:
        place = self._place(digest)
        self._make(place.parent)
        staged.touch()
        staged.sync()
        with self._locked(shared=True):
            staged.publish(place)

    def _unlink(self, place: Path, before: int) -> bool:
        with self._locked(shared=False):
            try:
                old = place.stat().st_mtime_ns // 1_000 < before
            except FileNotFoundError:
                return False
            if old:
                place.unlink()
            return old

    def _locked(self, *, shared: bool) -> AbstractContextManager[None]:
        self._make(self._incoming)
        return lock_folder(self._incoming, shared=shared)

    def _make(self, folder: Path) -> None:
        if folder not in self._made:
            make_folder(folder)
            self._made.add(folder)


def _names(folder: str) -> list[str]:
    """Return what is in a folder; nothing where it is not there."""
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries]
    except FileNotFoundError:
        return []


def _damaged(fact: str) -> ShipwayError:
    return ShipwayError("SW-605", fact, "shipway run --force makes it again, or restore it from a backup")
