"""Durations as people write them (`30m`, `6h`, `7d`) and as shipway counts them (microseconds)."""

import re
from typing import Final

MICROSECOND: Final = 1
SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY

_UNITS: Final = {"us": MICROSECOND, "ms": 1_000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": WEEK}
_PART: Final = re.compile(r"(\d+)(us|ms|s|m|h|d|w)")


def parse_duration(text: str) -> int:
    """Read a duration such as `90s`, `1h30m` or `28d` and return microseconds.

    Args:
        text: one or more whole numbers, each followed by `us`, `ms`, `s`, `m`, `h`, `d` or `w`; a leading `-` negates.

    Returns:
        The duration in microseconds.

    Raises:
        ValueError: if the text is not a duration.
    """
    body = text.strip()
    sign = -1 if body.startswith("-") else 1
    body = body.removeprefix("-").strip()
    parts = _PART.findall(body)
    if not parts or "".join(number + unit for number, unit in parts) != body.replace(" ", ""):
        raise ValueError(f"{text!r} is not a duration: write whole numbers with a unit, such as 30m, 6h or 7d")
    return sign * sum(int(number) * _UNITS[unit] for number, unit in parts)


def format_duration(us: int) -> str:
    """Write microseconds the way `parse_duration` reads them: `5400000000` becomes `1h30m`."""
    if us == 0:
        return "0s"
    sign, rest, parts = ("-" if us < 0 else ""), abs(us), list[str]()
    for unit in ("d", "h", "m", "s", "ms", "us"):
        count, rest = divmod(rest, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return sign + "".join(parts)
