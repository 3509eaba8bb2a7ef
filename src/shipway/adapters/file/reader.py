"""Raw inputs from files: CSV (plain, gzip or zip), Parquet and JSON lines."""

import codecs
import gzip
import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import polars as pl
from polars.exceptions import PanicException, PolarsError

from shipway.adapters.file.address import describe_neighbours, locate
from shipway.adapters.file.delimited import check_csv, check_json_lines, check_utf8
from shipway.core.error import ShipwayError

NULLS: Final = ("NA", "")
"""Fields of a CSV that stand for a missing value."""


class FileReader:
    """The reader of files, by path, `file:` URI or `package:NAME/inner/path`; it answers the port `Reader`.

    The ending of the address says the format. The types of CSV and JSON columns are inferred from all rows, and dates
    and times stay text for the source's function to read. A plain CSV that was cut exactly behind a line or inside its
    last field, or JSON lines cut behind a line, cannot be told from a whole file; every other cut is refused.
    """

    def __init__(self, root: Path) -> None:
        """Read relative paths from a folder, the project's."""
        self._root = root

    def fingerprint(self, uri: str) -> str:
        """Return the SHA-256 of the file's bytes.

        Raises:
            ShipwayError: SW-201 if there is no such file or it cannot be read.
        """
        path = locate(uri, self._root)
        try:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as fault:
            raise _cannot_open(uri, path, fault) from fault

    def read(self, uri: str) -> pl.DataFrame:
        """Return all rows of the file.

        Raises:
            ShipwayError: SW-201 if the file cannot be read whole or its ending is unknown, SW-204 if it has no rows.
        """
        ending = next((ending for ending in _FORMATS if uri.lower().endswith(ending)), None)
        if ending is None:
            raise ShipwayError(
                "SW-201", f"{uri} has an ending that stands for no format", f"files end in {', '.join(_FORMATS)}"
            )
        path = locate(uri, self._root)
        try:
            data = path.read_bytes()
        except OSError as fault:
            raise _cannot_open(uri, path, fault) from fault
        try:
            frame = _FORMATS[ending](data) if data else pl.DataFrame()
        except (ValueError, PolarsError, PanicException) as fault:
            reason = str(fault).partition("\n")[0] or type(fault).__name__
            raise ShipwayError(
                "SW-201",
                f"{uri} is damaged or cut short: {reason}",
                "fetch the file again, or correct it where it is made",
            ) from fault
        if frame.height == 0:
            what = "is empty" if not data else "has no rows"
            raise ShipwayError("SW-204", f"{uri} {what}", "check that whatever writes the file has finished")
        return frame


def _read_csv(data: bytes) -> pl.DataFrame:
    body = data.removeprefix(codecs.BOM_UTF8).rstrip(b"\r\n")
    if not body.strip():
        return pl.DataFrame()
    check_utf8(body)
    header = check_csv(body)
    if header.records == 0:
        return pl.DataFrame()
    frame = pl.read_csv(io.BytesIO(body), infer_schema_length=None, null_values=list(NULLS))
    return _expect_rows(frame, header.records)


def _read_json_lines(data: bytes) -> pl.DataFrame:
    body = data.removeprefix(codecs.BOM_UTF8)
    check_utf8(body)
    records = check_json_lines(body)
    if records == 0:
        return pl.DataFrame()
    return _expect_rows(pl.read_ndjson(io.BytesIO(body), infer_schema_length=None), records)


def _read_parquet(data: bytes) -> pl.DataFrame:
    return pl.read_parquet(io.BytesIO(data))


def _read_gzip(data: bytes) -> pl.DataFrame:
    try:
        return _read_csv(gzip.decompress(data))
    except (EOFError, OSError, zlib.error) as fault:
        raise ValueError(f"the gzip stream cannot be unpacked ({fault})") from fault


def _read_zip(data: bytes) -> pl.DataFrame:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) != 1:
                raise ValueError(f"the archive holds {len(members)} files, not one")
            content = archive.read(members[0])
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as fault:
        raise ValueError(f"the archive cannot be unpacked ({fault})") from fault
    return _read_csv(content)


def _expect_rows(frame: pl.DataFrame, records: int) -> pl.DataFrame:
    if frame.height != records:
        raise ValueError(f"it holds {records:,} records but {frame.height:,} rows could be read")
    return frame


def _cannot_open(uri: str, path: Path, fault: OSError) -> ShipwayError:
    if isinstance(fault, FileNotFoundError):
        return ShipwayError("SW-201", f"{uri} does not exist (looked at {path})", describe_neighbours(path))
    hint = "name a file that this user may read"
    return ShipwayError("SW-201", f"{uri} cannot be read ({fault.strerror})", hint)


_FORMATS: Final[dict[str, Callable[[bytes], pl.DataFrame]]] = {
    ".csv": _read_csv,
    ".csv.gz": _read_gzip,
    ".csv.zip": _read_zip,
    ".parquet": _read_parquet,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
}
