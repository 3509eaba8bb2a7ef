"""Where published tables lie: the files of one table in a local folder, or in a bucket."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlsplit

from shipway.adapters.file.fault import translate_fault
from shipway.core.error import ShipwayError
from shipway.kit.file import make_folder, stage_file, sweep_staged, write_atomic
from shipway.ports.adapter import needs_extra

_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]+://")


class Place(Protocol):
    """Files under names, each of which is there whole or not at all, and lasts once it was written.

    Attributes:
        uri: the address that names are under, without a slash at the end.
    """

    uri: str

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes, None where there is no such file."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Write a file, over whatever had its name."""
        ...

    def claim(self, name: str, data: bytes) -> bool:
        """Write a file unless there is one of its name, in one step, and tell whether it was written."""
        ...

    def names(self, folder: str) -> list[str]:
        """Return the names of all files in a folder, each with the folder's own."""
        ...

    def remove(self, names: Iterable[str]) -> None:
        """Remove files; what is not there is passed over."""
        ...


class FolderPlace:
    """A local folder; it answers the protocol `Place`."""

    def __init__(self, root: Path) -> None:
        """Take note of a folder; it need not exist yet."""
        self._root = root.absolute()
        self.uri = self._root.as_uri()

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes, None where there is no such file."""
        path = self._root / name
        with translate_fault(path):
            return path.read_bytes() if path.exists() else None

    def write(self, name: str, data: bytes) -> None:
        """Write a file, over whatever had its name."""
        with translate_fault(self._root):
            write_atomic(self._make_way(name), data)

    def claim(self, name: str, data: bytes) -> bool:
        """Write a file unless there is one of its name, in one step, and tell whether it was written."""
        with translate_fault(self._root):
            target = self._make_way(name)
            with stage_file(target.parent) as staged:
                staged.write(data)
                return staged.publish_new(target)

    def names(self, folder: str) -> list[str]:
        """Return the names of all files in a folder, each with the folder's own."""
        path = self._root / folder
        with translate_fault(path):
            if not path.is_dir():
                return []
            sweep_staged(path)
            return [f"{folder}/{entry.name}" for entry in path.iterdir() if not entry.name.startswith(".")]

    def remove(self, names: Iterable[str]) -> None:
        """Remove files; what is not there is passed over."""
        with translate_fault(self._root):
            for name in names:
                (self._root / name).unlink(missing_ok=True)

    def _make_way(self, name: str) -> Path:
        target = self._root / name
        if not target.parent.is_dir():
            make_folder(target.parent)
        return target


def open_place(location: str, table: str) -> Place:
    """Return the place of a table.

    Args:
        location: what all tables are under: a folder, or a URI such as `file:///data/open` or `s3://bucket/prefix`.
        table: the table's name.

    Raises:
        ShipwayError: SW-608 if it is no address of a place, SW-701 if the library it needs is not installed.
    """
    if not _SCHEME.match(location):
        return FolderPlace(Path(location) / table)
    if location.startswith("file://"):
        return FolderPlace(path_of(location) / table)
    return _bucket().BucketPlace(f"{location.removesuffix('/')}/{table}")


def read_file(uri: str, *, last_bytes: int | None = None) -> bytes:
    """Return the bytes behind the address of a stored file, all or those at its end; SW-605 if there is none."""
    if not uri.startswith("file://"):
        return _bucket().read_object(uri, last_bytes=last_bytes)
    path = path_of(uri)
    try:
        with path.open("rb") as file:
            if last_bytes is not None:
                file.seek(max(0, path.stat().st_size - last_bytes))
            return file.read()
    except OSError as fault:
        fact = f"stored file {path} cannot be read ({fault.strerror})"
        raise ShipwayError("SW-605", fact, "restore it from a backup") from fault


def path_of(uri: str) -> Path:
    """Return the path behind a `file` URI."""
    return Path(unquote(urlsplit(uri).path))


def _bucket() -> Any:
    try:
        from shipway.adapters.iceberg import bucket
    except ModuleNotFoundError as missing:
        raise needs_extra("obstore", "an object store") from missing
    return bucket
