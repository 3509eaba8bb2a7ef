"""Instants as people write and read them at a door: ISO dates and times."""

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

from shipway.core.config import instant_of

EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def read_instant(text: str, timezone: str) -> int:
    """Read an ISO date or time, such as `2013-06-01` or `2013-06-01T18:30`, as microseconds since 1970 UTC.

    Args:
        text: what was written; a date is its first instant.
        timezone: the zone of one that names none.

    Raises:
        ValueError: if the text is neither.
    """
    try:
        return instant_of(dt.datetime.fromisoformat(text), timezone)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no ISO date or time") from None


def write_instant(us: int, timezone: str) -> str:
    """Return microseconds since 1970 UTC as date and time of a zone; midnight is the date alone."""
    at = (EPOCH + dt.timedelta(microseconds=us)).astimezone(ZoneInfo(timezone))
    return at.strftime("%Y-%m-%d") if at.time() == dt.time() else at.strftime("%Y-%m-%d %H:%M:%S")


def write_utc(us: int) -> str:
    """Return microseconds since 1970 UTC as ISO 8601 text in UTC, such as `2024-07-01T00:00:00Z`; nothing is lost."""
    return (EPOCH + dt.timedelta(microseconds=us)).isoformat().replace("+00:00", "Z")
