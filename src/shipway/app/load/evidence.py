"""From a load to evidence on a bundle: the number with its interval, and under what it was measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isinf
from typing import Any

from shipway.core.capacity import Setting
from shipway.core.check import Check, Evidence
from shipway.core.load import Load, Quantile
from shipway.core.measure import BundleMeasure, LoadFailures, LoadLatency
from shipway.core.promise import NEVER_MS, name_check
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


def give_evidence(
    measure: BundleMeasure, subject: str, load: Load, recorder: Recorder, setting: Setting | None = None
) -> Evidence:
    """Return what a load says of a measure; of one in doubt, that it may be less.

    Its numbers are finite, as the ledger writes them: a latency without an end, because it is among the requests that
    failed or too few were sent to tell, is `NEVER_MS`.

    Args:
        measure: what is asked.
        subject: what was put under load.
        load: what it came to.
        recorder: what took it down.
        setting: how the servers were run; None where they are not ours.
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
    if setting is not None:
        facts |= {"workers": setting.workers, "threads": setting.threads, "wait": setting.wait}
    if not load.requests:
        value, low, high = 0.0, 0.0, NEVER_MS if isinstance(measure, LoadLatency) else 1.0
        said, facts["timing_p99_ms"] = "nothing was measured", None
    elif isinstance(measure, LoadLatency):
        found = recorder.find_promised(measure.share)
        value, low = min(found.ms, NEVER_MS), min(found.low_ms, NEVER_MS)
        high = NEVER_MS if found.high_ms is None else min(found.high_ms, NEVER_MS)
        said = _say(found, load)
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


def _say(found: Quantile, load: Load) -> str:
    """Return a quantile with its interval, which has no end where that is among the requests that failed."""
    if isinf(found.low_ms):
        return f"p{found.share * 100:g} is among the {load.failed:,} of {load.requests:,} requests that failed"
    value = "among those that failed" if isinf(found.ms) else f"{found.ms:.3g} ms"
    high = "no end" if found.high_ms is None or isinf(found.high_ms) else f"{found.high_ms:.3g}"
    return f"{value} [{found.low_ms:.3g}, {high}]"
