"""How a report writes numbers, instants and digests."""

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

from shipway.app.report.gate import Measured, Unit
from shipway.kit.duration import DAY, HOUR, MINUTE, SECOND, format_duration

MINUS: Final = "−"
"""What stands before a negative number; it is as wide as a plus."""


def write_number(value: float, unit: Unit, *, sign: bool = False) -> str:
    """Return a number as people read it, with its unit where it is not plain from what stands beside it.

    Args:
        value: the number.
        unit: what it is.
        sign: whether a plus is written.
    """
    text = _unsigned(abs(value), unit)
    if not any(digit in text for digit in "123456789"):
        return text
    return MINUS + text if value < 0 else f"+{text}" if sign else text


def write_interval(measured: Measured, unit: Unit, *, sign: bool = False) -> str:
    """Return both ends of an interval, or nothing where it has no width."""
    if measured.low == measured.high:
        return ""
    return f"{write_number(measured.low, unit, sign=sign)} to {write_number(measured.high, unit, sign=sign)}"


def write_share(share: float) -> str:
    """Return a share in per cent, with enough digits that a small one is not nought."""
    if share == 0:
        return "0%"
    return f"{share:.1%}" if share >= 0.01 else f"{share:.2%}" if share >= 0.0001 else f"{share * 100:.1g}%"


def write_p(p: float) -> str:
    """Return a p-value to three digits, without claiming nought or one."""
    return "< 0.001" if p < 0.001 else "> 0.999" if p > 0.999 else f"{p:.3f}"


def write_seconds(seconds: float) -> str:
    """Return real time as minutes and seconds, or seconds with fractions where there are few."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes:
        return f"{minutes} min {rest} s"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s" if seconds >= 0.1 else f"{seconds * 1e3:.0f} ms"


def write_memory(mb: float) -> str:
    """Return memory in 10^6 bytes as MB, or as GB from 1,000 on."""
    return f"{mb / 1000:.2f} GB" if mb >= 1000 else f"{mb:.0f} MB"


def write_instant(us: int, zone: str) -> str:
    """Return microseconds since 1970 UTC as date and time in a zone, to the minute; midnight is the date alone."""
    at = _at(us, zone)
    return at.strftime("%Y-%m-%d") if (at.hour, at.minute, at.second) == (0, 0, 0) else at.strftime("%Y-%m-%d %H:%M")


def write_day(us: int, zone: str) -> str:
    """Return the date of microseconds since 1970 UTC in a zone."""
    return _at(us, zone).strftime("%Y-%m-%d")


def _unsigned(value: float, unit: Unit) -> str:
    match unit:
        case "count":
            return f"{value:,.0f}"
        case "share":
            return write_share(value)
        case "duration":
            return _duration(round(value))
        case "auc":
            return f"{value:.3f}"
        case "loss":
            return f"{value:.4f}"
        case "cost":
            return f"{value:,.2f}"
        case "number":
            return f"{value:,.0f}" if value == round(value) else f"{value:,.4g}"


def _duration(us: int) -> str:
    """Return a duration without what is small beside the rest: days and hours, hours and minutes, or less."""
    grain = next((part for whole, part in ((DAY, HOUR), (HOUR, MINUTE), (MINUTE, SECOND)) if us >= whole), 1)
    return format_duration(us // grain * grain)


def _at(us: int, zone: str) -> dt.datetime:
    return dt.datetime.fromtimestamp(us // SECOND, tz=ZoneInfo(zone))
