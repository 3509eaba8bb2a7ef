"""Changes from files that grow: one of JSON lines, also where it is rotated, or those that are added to a folder."""

import hashlib
import os
import time
from collections.abc import Iterator, Mapping
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
        # What is gone has nothing more to give, and its name may be another file's tomorrow.
        position = {file.part: after[file.part] for file in files if file.part in after}
        records: list[Record] = []
        drained = True
        for file in files:
            start = int(position.get(file.part, "0"))
            if file.size < start:
                fact = f"{file.path} is shorter than what was read of it"
                raise ShipwayError("SW-201", fact, "let whatever cuts it rename it and begin a new one")
            for record in self._lines(file, start, most - len(records)):
                records.append(record)
                position[file.part] = record.place
            if len(records) >= most:
                drained = False
                break
        return Batch(records=records, position=position, drained=drained)

    def _lines(self, file: _File, start: int, most: int) -> Iterator[Record]:
        """Yield the whole lines of a file from a byte on; each stands at the byte behind it."""
        if file.size == start:
            return
        taken = 0
        with file.path.open("rb") as stream:
            if _identify(stream.fileno()) != file.part:
                return  # renamed in between: the next look finds it under its new name
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

    def _find(self) -> list[_File]:
        """Return the files there are, in the order in which they count."""
        if self._folder:
            names = self._list()
            return [file for name in names if (file := self._look(name, last=True)) is not None]
        folder = self._path.parent
        if not folder.is_dir():
            raise ShipwayError("SW-201", f"there is no folder {folder}", describe_neighbours(folder))
        stem = self._path.name
        older: list[tuple[int, str, Path]] = []
        for entry in folder.iterdir():
            if entry.name.startswith((f"{stem}.", f"{stem}-")) and entry.suffix not in (".gz", ".zst", ".zip", ".tmp"):
                try:
                    older.append((entry.stat().st_mtime_ns, entry.name, entry))
                except FileNotFoundError:
                    continue
        files = [self._look(path, last=False) for _, _, path in sorted(older)]
        files.append(self._look(self._path, last=True))
        seen: Mapping[str, _File] = {file.part: file for file in reversed(files) if file is not None}
        return [file for file in files if file is not None and seen[file.part] is file]

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
