"""The prediction log as Parquet segments, one file for each append.

A segment is `<folder>/<stream>/<sequence>-<writer>_<low>_<high>_<digest>.parquet`. The sequence is one above the
greatest there was when the append began, so names sort in the order in which each process appended; the writer's random
part keeps two that append at once apart. `low` and `high` are the least and the greatest `at`: a reader passes over
what it does not need without opening it. The digest is that of the file's bytes, because Parquet itself returns a
flipped bit of a value without a word. What stands in a segment stays plain Parquet that any engine reads.
"""

import io
import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.adapters.file.fault import translate_fault
from shipway.core.error import ShipwayError
from shipway.kit.canonical import digest_bytes
from shipway.kit.file import make_folder, stage_file, sweep_staged
from shipway.kit.suggestion import did_you_mean

AT: Final = "at"
"""The column every row has: the instant asked for, microseconds since 1970 UTC."""

_SUFFIX: Final = ".parquet"
_NAME: Final = re.compile(r"(\d{12})-[0-9a-f]{16}_(-?\d+)_(-?\d+)_([0-9a-f]{16})\.parquet")
_TEXT: Final = pl.String()  # a list without any value has no type of its own; nearly all of them are of text
_DTYPES: Final = (pl.Int64(), pl.Float64(), pl.Boolean(), _TEXT, pl.Null())
_READ_ONLY: Final = 0o444


@dataclass(frozen=True, slots=True)
class _Segment:
    """What a segment's name says of it."""

    path: Path
    low: int
    high: int
    digest: str


class ParquetLog:
    """The log in a local folder; it answers the port `Log`.

    Nothing is created before the first `append`, so a log can be read where it cannot be written. Any number of
    processes and threads may append, also to one stream.
    """

    def __init__(self, folder: Path) -> None:
        """Open the log and sweep away what killed writers left.

        Args:
            folder: the log's folder; it need not exist yet.
        """
        self._folder = folder
        self._made: set[Path] = set()
        for place in folder.glob("*/"):
            sweep_staged(place)
        # The first table that Polars encodes costs it many times the second; nobody waits for an answer here.
        _encode(_make_rows({AT: np.zeros(1, dtype=np.int64), "number": np.zeros(1), "text": ["a"]}))

    def append(self, stream: str, columns: Mapping[str, Sequence[Any] | NDArray[Any]]) -> None:
        """Append one segment of equally long columns; without rows, nothing.

        Args:
            stream: any name.
            columns: int64, float64 or bool arrays, or lists of such values or text, with None for null; `at` is int64
                without null.

        Raises:
            ShipwayError: SW-203 for a column of another type, SW-601 disk full, SW-602 not writable.
        """
        rows = _make_rows(columns)
        if not rows.height:
            return
        at = rows[AT].to_numpy()
        data = _encode(rows)
        place = self._place(stream)
        with translate_fault(place):
            if place not in self._made:
                make_folder(place)
                self._made.add(place)
            names = (entry.name for entry in os.scandir(place))
            newest = next(filter(None, map(_NAME.fullmatch, sorted(names, reverse=True))), None)
            sequence = int(newest[1]) + 1 if newest else 1
            name = f"{sequence:012}-{secrets.token_hex(8)}_{at.min()}_{at.max()}_{digest_bytes(data)[:16]}{_SUFFIX}"
            with stage_file(place, mode=_READ_ONLY) as staged:
                staged.write(data)
                staged.publish(place / name)

    def read(
        self,
        stream: str,
        *,
        since: int | None = None,
        until: int | None = None,
        columns: Sequence[str] | None = None,
        complete: bool = False,
    ) -> pl.DataFrame:
        """Return a stream's rows with `since <= at < until`; without columns where there are none.

        Args:
            stream: whose rows.
            since: microseconds since 1970 UTC.
            until: microseconds since 1970 UTC.
            columns: those wanted, in this order; all in the order of their first appearance if None.
            complete: whether rows of segments that lack a column wanted are left out.

        Raises:
            ShipwayError: SW-605 for a segment that is damaged or holds a column in another type than one before it,
                SW-202 for a column that no segment has.
        """
        segments = list(self._find_segments(stream))
        kinds: dict[str, pl.DataType] = {}
        frames: list[pl.DataFrame] = []
        for segment in segments:
            if (since is None or segment.high >= since) and (until is None or segment.low < until):
                rows = _read_rows(segment, since, until, columns, complete)
                if rows.height:
                    _check_kinds(segment, rows, kinds)
                    frames.append(rows)
        if not frames:
            return pl.DataFrame()
        found = pl.concat((_give_types(rows, kinds) for rows in frames), how="diagonal")
        if columns is None:
            return found
        absent = [name for name in columns if name not in found.columns]
        dtypes = _find_dtypes(segments, absent)
        return found.with_columns(pl.lit(None, dtype=dtypes[name]).alias(name) for name in absent).select(columns)

    def streams(self) -> list[str]:
        """Return the names of the streams that have segments, sorted."""
        return sorted(unquote(place.name) for place in self._folder.glob("*/") if any(place.glob(f"[!.]*{_SUFFIX}")))

    def _place(self, stream: str) -> Path:
        if not stream:
            raise ValueError("a stream needs a name")
        name = quote(stream, safe="")
        # A leading dot would make a hidden folder, or one outside of the log.
        return self._folder / (f"%2E{name[1:]}" if name.startswith(".") else name)

    def _find_segments(self, stream: str) -> Iterator[_Segment]:
        """Yield a stream's segments in the order appended."""
        place = self._place(stream)
        try:
            paths = sorted(path for path in place.iterdir() if path.suffix == _SUFFIX and path.name[0] != ".")
        except FileNotFoundError:
            return
        except OSError as fault:
            raise _damaged(f"the log's folder {place} cannot be read ({fault.strerror})") from fault
        for path in paths:
            match = _NAME.fullmatch(path.name)
            if match is None:
                raise _damaged(f"{path} has no name of a segment of the log")
            yield _Segment(path, int(match[2]), int(match[3]), match[4])


def _make_rows(columns: Mapping[str, Sequence[Any] | NDArray[Any]]) -> pl.DataFrame:
    rows = pl.DataFrame([pl.Series(name, values) for name, values in columns.items()])
    for name, dtype in rows.schema.items():
        if dtype not in _DTYPES:
            raise _wrong_type(name, f"holds {dtype}")
    if rows.height and (rows.schema.get(AT) != pl.Int64 or rows[AT].null_count()):
        raise _wrong_type(AT, "does not hold an instant in each row")
    return rows


def _encode(rows: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    rows.write_parquet(buffer, compression="zstd", compression_level=1, statistics=True)
    return buffer.getvalue()


def _read_rows(
    segment: _Segment, since: int | None, until: int | None, columns: Sequence[str] | None, complete: bool
) -> pl.DataFrame:
    """Return a segment's rows of a period: `at`, and those of the columns wanted that it has."""
    lazy = pl.scan_parquet(_read_whole(segment))
    if since is not None and segment.low < since:
        lazy = lazy.filter(pl.col(AT) >= since)
    if until is not None and segment.high >= until:
        lazy = lazy.filter(pl.col(AT) < until)
    if columns is not None:
        there = lazy.collect_schema()
        if complete and not all(name in there for name in columns):
            return pl.DataFrame()
        lazy = lazy.select(name for name in dict.fromkeys((AT, *columns)) if name in there)
    return lazy.collect()


def _read_whole(segment: _Segment) -> bytes:
    """Return a segment's bytes, verified."""
    try:
        data = segment.path.read_bytes()
    except OSError as fault:
        raise _damaged(f"segment {segment.path} of the log cannot be read ({fault.strerror})") from fault
    if digest_bytes(data)[:16] != segment.digest:
        raise _damaged(f"segment {segment.path} of the log is damaged: its bytes do not match its name")
    return data


def _check_kinds(segment: _Segment, rows: pl.DataFrame, kinds: dict[str, pl.DataType]) -> None:
    """Refuse a segment that holds a column in another type than one before it, and remember what is new."""
    for name, dtype in rows.schema.items():
        if dtype != pl.Null and kinds.setdefault(name, dtype) != dtype:
            raise _damaged(f"segment {segment.path} of the log holds {name!r} as {dtype}, others as {kinds[name]}")


def _give_types(rows: pl.DataFrame, kinds: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Return rows whose columns without any value have the type they have in other segments, or that of text."""
    return rows.cast({name: kinds.get(name, _TEXT) for name, dtype in rows.schema.items() if dtype == pl.Null})


def _find_dtypes(segments: Sequence[_Segment], names: Sequence[str]) -> dict[str, pl.DataType]:
    """Return the types of columns that none of the rows read has, from the other segments of the stream."""
    there: dict[str, pl.DataType] = {}
    for segment in segments if names else ():
        schema = pl.read_parquet_schema(_read_whole(segment))
        there |= {name: dtype for name, dtype in schema.items() if there.get(name, pl.Null) == pl.Null}
        if all(there.get(name, pl.Null) != pl.Null for name in names):
            break
    for name in names:
        if name not in there:
            raise ShipwayError("SW-202", f"the log has no column {name!r}", did_you_mean(name, there))
    return {name: _TEXT if there[name] == pl.Null else there[name] for name in names}


def _wrong_type(name: str, said: str) -> ShipwayError:
    hint = "the log takes int64, float64, bool and text, and for `at` microseconds since 1970 UTC"
    return ShipwayError("SW-203", f"column {name!r} for the log {said}", hint)


def _damaged(fact: str) -> ShipwayError:
    hint = "restore it from a backup, or move it away and do without what it recorded"
    return ShipwayError("SW-605", fact, hint)
