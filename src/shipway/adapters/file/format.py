"""Formats of files: bytes become frames, or a ValueError says where they are damaged."""

import codecs
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
import polars as pl

from shipway.adapters.file.delimited import check_csv, check_json_lines, check_utf8
from shipway.kit.archive import bound_bytes, check_members

NULLS: Final = ("NA", "")
"""Fields of a CSV that stand for a missing value."""

BATCH_ROWS: Final = 1 << 19
"""The most rows of one frame where a format can be read in stretches."""

_PACKED: Final = ("", ".gz", ".zip", ".zst")
_NEVER: Final = "\x00"
_GZIP: Final = 16 + zlib.MAX_WBITS
"""Tells zlib that a stream has gzip's head and tail, whose sum it checks."""
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_OBJECTS: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


def find_format(name: str) -> str | None:
    """Return the ending of a file's name that says its format, or None if none does."""
    return next((ending for ending in FORMATS if name.lower().endswith(ending)), None)


def parse(data: bytes, ending: str, *, typed: bool) -> Iterator[pl.DataFrame]:
    """Yield the rows of a file's bytes in batches; those of an empty text may be none.

    Args:
        data: the whole content.
        ending: a key of `FORMATS`.
        typed: whether the types of CSV columns are inferred from all rows; they stay text otherwise.

    Raises:
        ValueError: if the bytes are damaged or cut short.
        PolarsError: if Polars finds them so.
    """
    return FORMATS[ending](data, typed)


def _read_delimited(data: bytes, typed: bool, separator: str) -> Iterator[pl.DataFrame]:
    body = data.removeprefix(codecs.BOM_UTF8).rstrip(b"\r\n")
    if not body.strip():
        return
    check_utf8(body)
    header = check_csv(body, separator=separator)
    if typed:
        if header.records:
            frame = pl.read_csv(
                io.BytesIO(body), separator=separator, infer_schema_length=None, null_values=list(NULLS)
            )
            yield _expect_rows(frame, header.records)
        return
    schema = dict.fromkeys(header.columns, pl.String)
    if header.records == 0:
        yield pl.DataFrame(schema=schema)
    for first in range(0, header.records, BATCH_ROWS):
        last = min(first + BATCH_ROWS, header.records)
        stretch = body[int(header.ends[first]) + 1 : int(header.ends[last])]
        frame = pl.read_csv(
            io.BytesIO(stretch), has_header=False, schema=schema, separator=separator, null_values=list(NULLS)
        )
        yield _expect_rows(frame, last - first)


def _read_csv(data: bytes, typed: bool) -> Iterator[pl.DataFrame]:
    return _read_delimited(data, typed, ",")


def _read_tsv(data: bytes, typed: bool) -> Iterator[pl.DataFrame]:
    return _read_delimited(data, typed, "\t")


def _read_json_lines(data: bytes, typed: bool) -> Iterator[pl.DataFrame]:
    del typed  # JSON says of each value what it is
    body = data.removeprefix(codecs.BOM_UTF8)
    check_utf8(body)
    records = check_json_lines(body)
    if records:
        yield _expect_rows(pl.read_ndjson(io.BytesIO(body), infer_schema_length=None), records)


def _read_json(data: bytes, typed: bool) -> Iterator[pl.DataFrame]:
    """Read a list of objects, or one object, by way of lines: both spellings then have one reading."""
    body = data.removeprefix(codecs.BOM_UTF8)
    check_utf8(body)
    try:
        objects = _OBJECTS.decode(body) if body.lstrip().startswith(b"[") else [_OBJECT.decode(body)]
    except msgspec.DecodeError as fault:
        raise ValueError(f"it is not one whole list of JSON objects ({fault})") from None
    return _read_json_lines(b"\n".join(msgspec.json.encode(each) for each in objects), typed)


def _read_parquet(data: bytes, typed: bool) -> Iterator[pl.DataFrame]:
    del typed  # its types are its own
    rows = pl.scan_parquet(io.BytesIO(data)).select(pl.len()).collect().item()
    seen = 0
    for first in range(0, max(rows, 1), BATCH_ROWS):
        frame = pl.read_parquet(io.BytesIO(data), n_rows=BATCH_ROWS) if first == 0 else _slice_parquet(data, first)
        seen += frame.height
        yield frame
    if seen != rows:
        raise ValueError(f"it says that it holds {rows:,} rows, and {seen:,} could be read")


def _slice_parquet(data: bytes, first: int) -> pl.DataFrame:
    return pl.scan_parquet(io.BytesIO(data)).slice(first, BATCH_ROWS).collect()


def _unpack_gzip(data: bytes) -> bytes:
    """Unpack one stream after the other, up to what may come of them: no stream says truly how long it is."""
    most, room = bound_bytes(len(data)), bound_bytes(len(data))
    parts, rest = list[bytes](), data
    while rest:
        stream = zlib.decompressobj(_GZIP)
        try:
            parts.append(stream.decompress(rest, room + 1))
        except zlib.error as fault:
            raise ValueError(f"the gzip stream cannot be unpacked ({fault})") from fault
        room -= len(parts[-1])
        if room < 0:
            raise ValueError(f"its {len(data):,} bytes would come to more than {most:,}")
        if not stream.eof:
            raise ValueError("the gzip stream cannot be unpacked (it ends too early)")
        rest = stream.unused_data.lstrip(b"\x00")  # streams may be filled up with zeros
    return b"".join(parts)


def _unpack_zip(data: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) != 1:
                raise ValueError(f"the archive holds {len(members)} files, not one")
            check_members(archive, len(data))
            return archive.read(members[0])
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as fault:
        raise ValueError(f"the archive cannot be unpacked ({fault})") from fault


def _unpack_zstd(data: bytes) -> bytes:
    """Unpack by Polars, which reads compressed text: the whole of it as the one field of a table."""
    if not data.startswith(b"\x28\xb5\x2f\xfd"):
        raise ValueError("the zstd stream cannot be unpacked (it does not begin as one)")
    try:
        frame = pl.read_csv(
            io.BytesIO(data),
            has_header=False,
            schema={"text": pl.String},
            separator="\x01",
            quote_char=None,
            eol_char=_NEVER,
        )
    except (OSError, pl.exceptions.PolarsError) as fault:
        if isinstance(fault, pl.exceptions.NoDataError):
            return b""
        raise ValueError(f"the zstd stream cannot be unpacked ({str(fault).partition(chr(10))[0]})") from fault
    return _NEVER.join(frame["text"].fill_null("").to_list()).encode()


_UNPACK: Final[dict[str, Callable[[bytes], bytes]]] = {
    "": bytes,
    ".gz": _unpack_gzip,
    ".zip": _unpack_zip,
    ".zst": _unpack_zstd,
}


def _unpacked(
    unpack: Callable[[bytes], bytes], read: Callable[[bytes, bool], Iterator[pl.DataFrame]]
) -> Callable[[bytes, bool], Iterator[pl.DataFrame]]:
    return lambda data, typed: read(unpack(data), typed)


def _expect_rows(frame: pl.DataFrame, records: int) -> pl.DataFrame:
    if frame.height != records:
        raise ValueError(f"it holds {records:,} records but {frame.height:,} rows could be read")
    return frame


_TEXTS: Final[dict[str, Callable[[bytes, bool], Iterator[pl.DataFrame]]]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".json": _read_json,
}

FORMATS: Final[dict[str, Callable[[bytes, bool], Iterator[pl.DataFrame]]]] = {
    **{text + packed: _unpacked(_UNPACK[packed], read) for text, read in _TEXTS.items() for packed in _PACKED},
    ".parquet": _read_parquet,
}
"""Ending to what reads it, from bytes and whether types are inferred."""
