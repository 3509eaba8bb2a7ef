"""What one measurement of a running service came to, before it is evidence about a named subject."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from shipway.core.check import Check, Evidence
from shipway.core.label import LabelKind
from shipway.monitoring.reading import digest_rows

_MINUTE_US: Final = 60_000_000


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Measurement:
    """A measured value with its interval, its size, and the rows it was computed from; every number is finite.

    Attributes:
        value: the measured number.
        low: lower end of its interval; equal to `value` where all there is was counted.
        high: upper end.
        n: rows measured, 0 where there was nothing to measure.
        said: one clause for a person.
        rows: the rows it was computed from.
        columns: those of their columns that it depends on.
        facts: small named numbers and words.
        clusters: independent groups among the rows, 0 where rows count one by one.
        needs: rows that the check's plan asks for.
        detail: rows of the part table; None where there are no parts.
    """

    value: float
    low: float
    high: float
    n: int
    said: str
    rows: pl.DataFrame
    columns: Sequence[str]
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    clusters: int = 0
    needs: int = 0
    detail: list[dict[str, Any]] | None = None


def give_evidence(measurement: Measurement, check: Check, subject: str) -> Evidence:
    """Return a measurement as evidence, which cites the rows behind it by their digest."""
    return Evidence(
        check=check.name,
        subject=subject,
        value=measurement.value,
        low=measurement.low,
        high=measurement.high,
        n=measurement.n,
        clusters=measurement.clusters,
        facts={"said": measurement.said, **measurement.facts},
        log_digest=digest_rows(measurement.rows, measurement.columns),
        needs=measurement.needs,
    )


def day_of(zone: str) -> pl.Expr:
    """Return the date in a time zone of the instant in column `at`, microseconds since 1970 UTC."""
    instant = pl.from_epoch("at", time_unit="us").dt.replace_time_zone("UTC")
    return instant.dt.convert_time_zone(zone).dt.date()


def write_amount(kind: LabelKind, value: float, *, sign: bool = False) -> str:
    """Return a loss, or a mean of labels or predictions, of a kind of label: numbers with the digits that they need."""
    digits = 4 if kind != "number" or abs(value) < 10 else 2 if abs(value) < 10_000 else 0
    return f"{value:+,.{digits}f}" if sign else f"{value:,.{digits}f}"


def write_duration(microseconds: float) -> str:
    """Return a duration as people say it: `6.0 h`, or below an hour `25 min`."""
    minutes = microseconds / _MINUTE_US
    return f"{minutes / 60:,.1f} h" if minutes >= 60 else f"{minutes:.0f} min"
