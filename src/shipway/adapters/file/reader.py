"""Raw inputs from files: one, those that a pattern names, or all of a folder."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import polars as pl
from polars.exceptions import PanicException, PolarsError

from shipway.adapters.file.address import MAGIC, describe_neighbours, list_files, locate, split_pattern
from shipway.adapters.file.format import FORMATS, find_format, parse
from shipway.core.error import ShipwayError
from shipway.core.raw import Cursor, Piece, Raw

_AGAIN: Final = "fetch the file again, or correct it where it is made"


class FileReader:
    """The reader of files, by path, `file:` URI or `package:NAME/inner/path`; it answers the port `Reader`.

    A path that ends in a slash, or that of a folder, stands for all files below it; one with `*`, `?` or `[` for those
    that it fits. Names that begin with a dot or an underscore are passed over there, as the markers of other tools are.
    Every file is a piece, in the order of the names.

    The ending of a name says the format. Without a contract the types of CSV columns are inferred from all rows, and
    dates and times stay text. A plain text that was cut exactly behind a line, or a CSV inside its last field, cannot
    be told from a whole one; every other cut is refused.
    """

    def __init__(self, root: Path, inbox: Path | None = None) -> None:
        """Read relative paths from a folder.

        Args:
            root: the project's folder.
            inbox: where what was pushed waits, a folder for each input.
        """
        self._root = root
        self._inbox = inbox

    def pieces(self, raw: Raw, since: Cursor) -> list[Piece]:
        """Return every file with the SHA-256 of its bytes.

        Raises:
            ShipwayError: SW-201 if there is no such file, one cannot be read, or its ending stands for no format.
        """
        del since  # files are counted, not read from a mark on
        base, names = self._find(raw)
        return [Piece(name=name, fingerprint=self._digest(raw, base / name)) for name in names]

    def read(self, raw: Raw, piece: Piece) -> Iterator[pl.DataFrame]:
        """Yield the rows of one file.

        Raises:
            ShipwayError: SW-201 if the file cannot be read whole or changed meanwhile, SW-204 if it has no bytes.
        """
        base, names = self._find(raw)
        ending = find_format(piece.name)
        if piece.name not in names or ending is None:
            raise ShipwayError("SW-201", f"{piece.name} of {raw.uri} is gone", "run again: what is there now is read")
        path = base / piece.name
        shown = raw.uri if len(names) == 1 else f"{raw.uri}: {piece.name}"
        try:
            data = path.read_bytes()
        except OSError as fault:
            raise _cannot_open(shown, path, fault) from fault
        if hashlib.sha256(data).hexdigest() != piece.fingerprint:
            raise ShipwayError("SW-201", f"{shown} changed while it was read", "run again once its writer has finished")
        if not data:
            raise ShipwayError("SW-204", f"{shown} is empty", "check that whatever writes the file has finished")
        try:
            yield from parse(data, ending, typed=not raw.contract)
        except (ValueError, PolarsError, PanicException) as fault:
            reason = str(fault).partition("\n")[0] or type(fault).__name__
            raise ShipwayError("SW-201", f"{shown} is damaged or cut short: {reason}", _AGAIN) from fault

    def _find(self, raw: Raw) -> tuple[Path, Sequence[str]]:
        """Return a folder and the names below it that an address stands for."""
        if raw.scheme == "inbox" and self._inbox is not None:
            # Before the first delivery there is no folder, and that is no mistake.
            base = self._inbox / raw.name
            return base, list_files(base, "**/*") if base.is_dir() else []
        path = locate(raw.uri, self._root)
        if not path.exists() and MAGIC.intersection(str(path)):
            base, pattern = split_pattern(path)
            names = list_files(base, pattern) if base.is_dir() else []
        elif raw.uri.endswith("/") or path.is_dir():
            if not path.is_dir():
                raise ShipwayError("SW-201", f"{raw.uri} is no folder (looked at {path})", describe_neighbours(path))
            base, names = path, list_files(path, "**/*")
        else:
            base, names = path.parent, [path.name]
        if not names:
            raise ShipwayError(
                "SW-201", f"{raw.uri} stands for no file (looked in {base})", "put one there, or correct the address"
            )
        for name in names:
            if find_format(name) is None:
                shown = raw.uri if len(names) == 1 else f"{raw.uri}: {name}"
                said = ", ".join(ending for ending in FORMATS if ending.count(".") == 1)
                raise ShipwayError(
                    "SW-201",
                    f"{shown} has an ending that stands for no format",
                    f"files end in {said}, and all but Parquet also in .gz, .zip or .zst behind that, as in .csv.zip",
                )
        return base, names

    def _digest(self, raw: Raw, path: Path) -> str:
        try:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as fault:
            raise _cannot_open(raw.uri, path, fault) from fault


def _cannot_open(uri: str, path: Path, fault: OSError) -> ShipwayError:
    if isinstance(fault, FileNotFoundError):
        return ShipwayError("SW-201", f"{uri} does not exist (looked at {path})", describe_neighbours(path))
    hint = "name a file that this user may read"
    return ShipwayError("SW-201", f"{uri} cannot be read ({fault.strerror})", hint)
