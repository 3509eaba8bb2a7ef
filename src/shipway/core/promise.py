"""The words for checks on a bundle: what it promises those who will ask it, measured under load before anybody does."""

import math
from typing import Final

from shipway.core.argument import take_width
from shipway.core.check import Check, Rule, finite, write_number
from shipway.core.error import ShipwayError
from shipway.core.measure import BundleMeasure, LoadFailures, LoadLatency, count_needed
from shipway.kit.duration import format_duration
from shipway.maths.expression import quote

LASTING: Final = "10s"
NEVER_MS: Final = 1e9
"""What evidence says in the place of a latency that has no end: above every bound that a gate may ask for."""
_MOST_MS: Final = 1e6
_PERCENTILE: Final = 95.0


def load_latency_ms(*, rate: float, percentile: float = _PERCENTILE, last: str = LASTING, rows: int = 1) -> Check:
    """Measure a percentile of the latency of a bundle's answers under an open load, in milliseconds.

    Requests come as a Poisson process, and latency counts from when each was due. One that fails is slower than any
    that is answered.

    Args:
        rate: requests a second.
        percentile: from 50 to 99.9.
        last: for how long, after a warm-up.
        rows: rows of a request.

    Raises:
        ShipwayError: SW-106 for a load that nothing can be measured under.
    """
    words = _write(rate, last, rows, "load_latency_ms")
    if not 50 <= finite("load_latency_ms", percentile) <= 99.9:
        raise ShipwayError("SW-106", f"load_latency_ms has percentile={percentile!r}", "write one from 50 to 99.9")
    words += [] if percentile == _PERCENTILE else [f"percentile={write_number(percentile)}"]
    measure = LoadLatency(float(rate), take_width(last, "`last` of load_latency_ms"), percentile / 100, rows)
    return Check(name_check(measure), measure, "bundle", f"load_latency_ms({', '.join(words)})")


def load_failures(*, rate: float, last: str = LASTING, rows: int = 1) -> Check:
    """Measure the share of the requests of an open load that a bundle does not answer well; as `load_latency_ms`.

    Args:
        rate: requests a second.
        last: for how long, after a warm-up.
        rows: rows of a request.

    Raises:
        ShipwayError: SW-106 for a load that nothing can be measured under.
    """
    words = _write(rate, last, rows, "load_failures")
    measure = LoadFailures(float(rate), take_width(last, "`last` of load_failures"), rows)
    return Check(name_check(measure), measure, "bundle", f"load_failures({', '.join(words)})")


def refuse_unshown(rule: Rule) -> None:
    """Refuse a rule on a bundle that no bundle could pass, or that one would pass whose answers never come.

    Raises:
        ShipwayError: SW-106, with the time that the load would have to last.
    """
    measure = rule.check.measure
    if rule.op not in ("<", "<="):
        return
    if isinstance(measure, LoadLatency) and rule.bound >= _MOST_MS:
        raise ShipwayError("SW-106", f"{rule.text} bounds nothing", f"write a bound below {_MOST_MS:,.0f} ms")
    if not isinstance(measure, LoadFailures) or rule.bound >= 1:
        return
    if rule.bound <= 0:
        raise ShipwayError("SW-106", f"no load shows {rule.text}", "write a share above 0, such as 0.01")
    sent, needed = measure.rate * measure.last_us / 1e6, count_needed(rule.bound)
    if sent < needed:
        last = format_duration(math.ceil(needed / measure.rate) * 1_000_000)
        fact = f"{rule.text} sends {sent:,.0f} requests, which show no share that small even where none fails"
        raise ShipwayError(
            "SW-106", fact, f'write last="{last}" for the {needed:,.0f} that it takes, or a larger share'
        )


def name_check(measure: BundleMeasure) -> str:
    """Return what evidence of a measure is called."""
    what = f"p{write_number(round(measure.share * 100, 6))} latency" if isinstance(measure, LoadLatency) else "failures"
    rows = "" if measure.rows == 1 else f" of {measure.rows} rows"
    return f"{what} at {write_number(measure.rate)}/s{rows} for {format_duration(measure.last_us)}"


def _write(rate: object, last: str, rows: object, word: str) -> list[str]:
    number = finite(word, rate)
    if not 0 < number <= 1e6:
        raise ShipwayError(
            "SW-106", f"{word} has rate={rate!r}", "write requests a second, above 0 and up to a million"
        )
    if type(rows) is not int or rows < 1:
        raise ShipwayError("SW-106", f"{word} has rows={rows!r}", "write a whole number above 0")
    words = [f"rate={write_number(number)}"]
    words += [] if last == LASTING else [f"last={quote(last)}"]
    return words + ([] if rows == 1 else [f"rows={rows}"])
