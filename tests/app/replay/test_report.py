"""A latency that is reported was measured, and a report is read as it was written."""

import math
from array import array
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.app.replay.clock import Tally
from shipway.app.replay.report import ReplayReport, measure_latency, read_report, write_report
from shipway.core.error import ShipwayError


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=300))
def test_a_quantile_is_the_least_latency_that_enough_did_not_exceed(latencies: list[int]) -> None:
    latency = measure_latency(array("q", latencies))
    assert latency is not None
    ordered = sorted(latencies)

    def naive(share: float) -> float:
        return round(ordered[math.ceil(share * len(ordered)) - 1] / 1e6, 3)

    assert latency.requests == len(latencies)
    assert (latency.p50_ms, latency.p99_ms, latency.p999_ms) == (naive(0.5), naive(0.99), naive(0.999))
    assert latency.max_ms == round(ordered[-1] / 1e6, 3)


def test_nothing_measured_is_no_latency() -> None:
    assert measure_latency(array("q")) is None


def report(since: int = 3) -> ReplayReport:
    return ReplayReport(
        service="returns",
        started_at=3,
        ended_at=9,
        tally=Tally(requests=2, statuses={"200": 2}),
        since=since,
        seconds=2.0,
        serving_s=1.5,
        deciding_s=0.5,
        requests_per_second=1.3,
        latency=measure_latency([1_000_000, 2_000_000]),
        peak_mb={"server": 70.0},
        together_mb=None,
    )


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_report(tmp_path) is None
    write_report(tmp_path, report())
    assert read_report(tmp_path) == report()
    (tmp_path / "report.json").write_text("{}")
    with pytest.raises(ShipwayError, match="is damaged"):
        read_report(tmp_path)


def test_a_report_says_whether_its_times_are_of_a_part_only() -> None:
    assert not report().resumed
    assert report(since=4).resumed
