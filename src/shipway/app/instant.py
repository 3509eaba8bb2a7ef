"""Instants as people write them at a door: ISO dates and times."""

import datetime as dt

from shipway.core.config import instant_of


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
