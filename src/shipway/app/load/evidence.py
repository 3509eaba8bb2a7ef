"""From a load to evidence on a bundle: the number with its interval, and under what it was measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shipway.core.check import Check, Evidence
from shipway.core.load import Load
from shipway.core.measure import BundleMeasure, LoadFailures, LoadLatency
from shipway.core.promise import name_check
from shipway.kit.canonical import digest_value
from shipway.validation.load import BATCHES, Recorder


@dataclass(frozen=True, slots=True)
class Planned:
    """A load that some checks are measured under.

    Attributes:
        rate: requests a second.
        rows: of a request.
        seconds: how long it lasts without the warm-up.
        measures: what is measured.
    """

    rate: float
    rows: int
    seconds: float
    measures: tuple[BundleMeasure, ...]


def plan_loads(checks: Sequence[Check]) -> list[Planned]:
    """Return the loads that checks on a bundle need: one for each rate, number of rows and time, in order."""
    groups: dict[tuple[float, int, int], list[BundleMeasure]] = {}
    for check in checks:
        measure = check.measure
        assert isinstance(measure, LoadLatency | LoadFailures), "a gate before traffic is on bundles"
        groups.setdefault((measure.rate, measure.rows, measure.last_us), []).append(measure)
    return [Planned(rate, rows, last / 1e6, tuple(group)) for (rate, rows, last), group in groups.items()]


def give_evidence(measure: BundleMeasure, subject: str, load: Load, recorder: Recorder) -> Evidence:
    """Return what a load says of a measure; of one in doubt, that it may be less.

    Args:
        measure: what is asked.
        subject: what was put under load.
        load: what it came to.
        recorder: what took it down.
    """
    facts: dict[str, Any] = {
        "rate": load.intended,
        "answered": load.answered,
        "pattern": load.pattern.said,
        "target": load.target,
        "machine": load.machine.said,
        "timing_p99_ms": load.timing.p99_ms,
        "connections": load.connections,
    }
    if isinstance(measure, LoadLatency):
        found = recorder.find_promised(measure.share)
        high = load.timeout_s * 1e3 if found.high_ms is None else found.high_ms
        value, low = found.ms, found.low_ms
        said = f"{value:.3g} ms [{low:.3g}, {high:.3g}]"
    else:
        share = recorder.share_failed()
        value, low, high = share.value, share.low, share.high
        said = f"{value:.3%} [{low:.3%}, {high:.3%}]"
    facts["said"] = f"{said} at {load.intended:,.5g} requests/s"
    if load.doubt:
        # What the generator is late by is in the latency, so it can make a bundle look worse, and never better.
        facts["said"], low = f"{facts['said']}; {load.doubt}", 0.0
    return Evidence(
        check=name_check(measure),
        subject=subject,
        value=value,
        low=low,
        high=high,
        n=load.requests,
        clusters=min(BATCHES, len(load.windows)),
        facts=facts,
        log_digest=digest_value([load.bins, load.errors]),
    )
