"""Changes from files that grow: one of JSON lines, also where it is rotated, or those that are added to a folder."""

import hashlib
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from shipway.adapters.file.address import MAGIC, describe_neighbours, list_files, locate, split_pattern
from shipway.core.change import Batch, Position, Record, write_place
from shipway.core.error import ShipwayError
from shipway.core.raw import Raw

ENDINGS: Final = (".jsonl", ".ndjson", ".json")
_CHUNK_BYTES: Final = 1 << 22
_HEAD_BYTES: Final = 4096
_PAUSE_S: Final = 0.02
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _File(NamedTuple):
    """A file as it is recognised under whatever name: by its inode and its first line."""

    part: str
    path: Path
    size: int
    last: bool


class FileChanges:
    """Follows files of JSON lines; it answers the port `Changes`.

    A file is recognised by its inode and its first line, so it may be renamed while it is read: what logrotate moves to
    `orders.jsonl.1` is read to its end before the new `orders.jsonl` is begun. Files of a folder are read in the order
    of their names. A line counts once it is ended, or is a whole object, or no more can be added to it.
    """

    def __init__(self, raw: Raw, root: Path) -> None:
        """Follow the files of a raw input.

        Args:
            raw: the input; its address is a path, a folder that ends in a slash, or a pattern.
            root: the project's folder, from which relative paths start.

        Raises:
            ShipwayError: SW-201 for files of another format.
        """
        self._raw = raw
        self._path = locate(raw.uri, root)
        self._folder = raw.uri.endswith("/") or self._path.is_dir() or bool(MAGIC.intersection(raw.uri))
        if not self._folder and self._path.suffix not in ENDINGS:
            hint = f"name a file that ends in {', '.join(ENDINGS)}, or a folder with such files"
            raise ShipwayError("SW-201", f"{raw.uri} is not a file of JSON lines, which are all that is followed", hint)

    def read(self, after: Position, *, most: int, wait_s: float) -> Batch:
        """Return the lines behind a position.

        Raises:
            ShipwayError: SW-201 if a folder is missing, or a file cannot be read or has become shorter.
        """
        give_up = time.monotonic() + wait_s
        while True:
            batch = self._read(after, most)
            if batch.records or time.monotonic() >= give_up:
                return batch
            time.sleep(_PAUSE_S)

    def acknowledge(self, position: Position) -> None:
        """Do nothing: files are whoever's that writes them."""

    def close(self) -> None:
        """Do nothing: no file is kept open."""

    def _read(self, after: Position, most: int) -> Batch:
        files = self._find()
        if files is not None and self._folder and not after.keys() <= {file.part for file in files}:
            # It may have been renamed between the listing and the look at it, so it is gone if it is twice.
            files = self._find()
        if files is None:
            return Batch(records=[], position=after, drained=False)
        # What is gone has nothing more to give, and its name may be another file's tomorrow.
        position = {file.part: after[file.part] for file in files if file.part in after}
        records: list[Record] = []
        for file in files:
            start = int(position.get(file.part, "0"))
            if file.size < start:
                fact = f"{file.path} is shorter than what was read of it"
                raise ShipwayError("SW-201", fact, "let whatever cuts it rename it and begin a new one")
            try:
                for record in self._lines(file, start, most - len(records)):
                    records.append(record)
                    position[file.part] = record.place
            except FileNotFoundError:
                # Its rest comes before the lines of younger files: the next look finds it under its new name.
                return Batch(records=records, position=position, drained=False)
            if len(records) >= most:
                return Batch(records=records, position=position, drained=False)
        return Batch(records=records, position=position, drained=True)

    def _lines(self, file: _File, start: int, most: int) -> Iterator[Record]:
        """Yield the whole lines of a file from a byte on; each stands at the byte behind it.

        Raises:
            FileNotFoundError: if the file is no longer under its name.
        """
        if file.size == start:
            return
        taken = 0
        with file.path.open("rb") as stream:
            if _identify(stream.fileno()) != file.part:
                raise FileNotFoundError(file.path)
            stream.seek(start)
            rest = b""
            while taken < most:
                chunk = stream.read(_CHUNK_BYTES)
                lines = (rest + chunk).split(b"\n")
                rest = lines.pop()
                for line in lines:
                    start += len(line) + 1
                    if line.strip():
                        yield self._record(file, start, line)
                        taken += 1
                        if taken >= most:
                            return
                if not chunk:
                    break
        if rest.strip() and taken < most and (not file.last or _is_whole(rest)):
            yield self._record(file, start + len(rest), rest)

    def _record(self, file: _File, end: int, line: bytes) -> Record:
        return Record(part=file.part, place=write_place(end), payload=line.strip())

    def _find(self) -> list[_File] | None:
        """Return the files there are, in the order in which they count; None if they were renamed meanwhile."""
        if self._folder:
            names = self._list()
            return [file for name in names if (file := self._look(name, last=True)) is not None]
        before = self._list_rotated()
        older = sorted((written_ns, name) for name, (_, written_ns) in before.items() if name != self._path.name)
        files = [self._look(self._path.with_name(name), last=False) for _, name in older]
        files.append(self._look(self._path, last=True))
        # A file that was moved from one name to another between two looks would be taken for one that is gone.
        after = self._list_rotated()
        if {name: inode for name, (inode, _) in before.items()} != {name: inode for name, (inode, _) in after.items()}:
            return None
        seen: Mapping[str, _File] = {file.part: file for file in reversed(files) if file is not None}
        return [file for file in files if file is not None and seen[file.part] is file]

    def _list_rotated(self) -> dict[str, tuple[int, int]]:
        """Return the inode of the followed file and of those it was rotated to, and when each was written, by name."""
        folder, stem = self._path.parent, self._path.name
        if not folder.is_dir():
            raise ShipwayError("SW-201", f"there is no folder {folder}", describe_neighbours(folder))
        found: dict[str, tuple[int, int]] = {}
        for entry in folder.iterdir():
            older = entry.name.startswith((f"{stem}.", f"{stem}-"))
            if entry.name == stem or (older and entry.suffix not in (".gz", ".zst", ".zip", ".tmp")):
                with suppress(FileNotFoundError):
                    told = entry.stat()
                    found[entry.name] = (told.st_ino, told.st_mtime_ns)
        return found

    def _list(self) -> list[Path]:
        base, pattern = self._path, "**/*"
        if not base.exists() and MAGIC.intersection(str(base)):
            base, pattern = split_pattern(base)
        if not base.is_dir():
            raise ShipwayError("SW-201", f"there is no folder {base}", describe_neighbours(base))
        names = [name for name in list_files(base, pattern) if not name.endswith(".tmp")]
        for name in names:
            if not name.endswith(ENDINGS):
                fact = f"{self._raw.uri}: {name} is not a file of JSON lines, which are all that is followed"
                raise ShipwayError("SW-201", fact, f"keep only files there that end in {', '.join(ENDINGS)}")
        return [base / name for name in names]

    def _look(self, path: Path, *, last: bool) -> _File | None:
        """Return a file as it is now; None if it is not there, or too short yet to be told from others."""
        try:
            with path.open("rb") as stream:
                part = _identify(stream.fileno())
                size = os.fstat(stream.fileno()).st_size
        except FileNotFoundError:
            return None
        except OSError as fault:
            hint = "name a file that this user may read"
            raise ShipwayError("SW-201", f"{path} cannot be read ({fault.strerror})", hint) from fault
        return None if not part else _File(part, path, size, last)


def _identify(number: int) -> str:
    """Return what an open file is recognised by; nothing before its first line is whole."""
    head = os.pread(number, _HEAD_BYTES, 0)
    line, end, _ = head.partition(b"\n")
    if not end and len(head) < _HEAD_BYTES and not _is_whole(line):
        return ""
    return f"{os.fstat(number).st_ino:x}.{hashlib.sha256(line.strip()).hexdigest()[:16]}"


def _is_whole(line: bytes) -> bool:
    """Tell whether text is a whole object, so that nothing can be added to it."""
    try:
        _OBJECT.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True
