"""Objectives and settings as people read them."""

import pytest

from shipway.core.capacity import Setting, make_objective
from shipway.testing.refusal import expect_refusal


def test_objective_says_what_has_to_hold():
    assert make_objective(20).said == "p95 <= 20 ms and failures <= 0.01"
    assert make_objective(0.5, share=0.999, failed=1e-4).said == "p99.9 <= 0.5 ms and failures <= 0.0001"


@pytest.mark.parametrize("given", [{"limit_ms": 0}, {"limit_ms": float("nan")}, {"limit_ms": 1, "share": 0.4},
                                   {"limit_ms": 1, "share": 1.0}, {"limit_ms": 1, "failed": 0.0}])  # fmt: skip
def test_objective_that_nothing_or_everything_holds_is_refused(given):
    with expect_refusal("SW-441"):
        make_objective(**given)


def test_setting_counts_its_cores():
    assert Setting(workers=2, threads=3).cores == 6
    assert Setting(workers=2, wait="2ms").said == "2 processes, 1 thread each, wait 2ms"
