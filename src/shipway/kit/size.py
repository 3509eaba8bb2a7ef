"""Amounts of memory as people write them: `700MB`, `2GB`, `1.5GiB`."""

import re
from typing import Final

_UNITS: Final = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 1 << 10, "MIB": 1 << 20,
                 "GIB": 1 << 30, "TIB": 1 << 40}  # fmt: skip
_WRITTEN: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?I?B)\s*", re.IGNORECASE | re.ASCII)


def parse_size(text: str) -> int:
    """Return an amount of memory in bytes.

    Raises:
        ValueError: if the text is none, or is nothing.
    """
    match = _WRITTEN.fullmatch(text)
    unit = _UNITS.get(match[2].upper()) if match else None
    if match is None or unit is None:
        raise ValueError(f"{text!r} is no amount of memory")
    size = int(float(match[1]) * unit)
    if size <= 0:
        raise ValueError(f"{text!r} is no memory at all")
    return size
