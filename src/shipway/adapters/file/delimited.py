"""Whether a text with one record a line is whole: what a lenient parser would pad, rename or drop is refused here."""

import csv
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

_BREAK: Final = ord("\n")
_QUOTE: Final = ord('"')

_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Header:
    """What a CSV promises: the columns of its first line, and how many records follow.

    Attributes:
        columns: names in order.
        records: how many lines follow, line breaks inside quotes not counted.
        ends: where in the bytes the first line and each record ends.
    """

    columns: tuple[str, ...]
    records: int
    ends: NDArray[np.intp] = field(compare=False, repr=False)


def check_utf8(data: bytes) -> None:
    """Raise ValueError, with the line, if bytes are not UTF-8."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as fault:
        line = data.count(b"\n", 0, fault.start) + 1
        raise ValueError(f"line {line:,} holds byte 0x{data[fault.start]:02x}, which is not UTF-8") from None


def check_csv(data: bytes, *, separator: str = ",") -> Header:
    """Check that every line of a CSV has the fields its header names (RFC 4180, with or without carriage returns).

    A file that was cut exactly behind a line, or inside the last field, cannot be told from a whole one.

    Args:
        data: the text in UTF-8, neither empty nor ending in line breaks.
        separator: the character between fields.

    Raises:
        ValueError: if a line has more or fewer fields, a quote is never closed or a column is named twice.
    """
    raw = np.frombuffer(data, dtype=np.uint8)
    breaks, commas = _separators(raw, ord(separator))
    ends = np.append(breaks, len(raw))
    fields = np.diff(np.searchsorted(commas, ends), prepend=0) + 1
    ragged = np.flatnonzero(fields != fields[0])
    if len(ragged):
        first = int(ragged[0])
        line = data.count(b"\n", 0, int(ends[first - 1]) + 1) + 1
        where = f"line {line:,}" + (", the last," if first == len(ends) - 1 else "")
        raise ValueError(f"{where} has {fields[first]} of the {fields[0]} fields that the first line names")
    try:
        columns = next(csv.reader([data[: int(ends[0])].decode("utf-8")], delimiter=separator))
    except csv.Error as fault:
        raise ValueError(f"the first line names no columns ({fault})") from None
    twice = [name for name, count in Counter(columns).items() if count > 1]
    if twice:
        raise ValueError(f"two columns are named {twice[0]!r}")
    return Header(tuple(columns), len(ends) - 1, ends)


def check_json_lines(data: bytes) -> int:
    """Check that every line is a JSON object, and return how many there are; blank lines do not count.

    Raises:
        ValueError: if a line is something else.
    """
    count = 0
    for number, line in enumerate(data.split(b"\n"), start=1):
        if line.strip():
            count += 1
            try:
                _OBJECT.decode(line)
            except msgspec.DecodeError as fault:
                raise ValueError(f"line {number:,} is not a whole JSON object ({fault})") from None
    return count


def _separators(raw: NDArray[np.uint8], separator: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the places of the line breaks and separators that stand outside quotes."""
    breaks, commas, quotes = raw == _BREAK, raw == separator, raw == _QUOTE
    if quotes.any():
        # A doubled quote inside a field closes and opens it again, which leaves the parity where it was.
        inside = np.logical_xor.accumulate(quotes)
        if inside[-1]:
            raise ValueError("a quoted field is never closed")
        breaks, commas = breaks & ~inside, commas & ~inside
    return np.flatnonzero(breaks), np.flatnonzero(commas)
