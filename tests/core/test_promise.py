"""The words for checks on a bundle, and the gates they stand in."""

import numpy as np
import pytest

import shipway as sw
from shipway.core.gate import make_gate
from shipway.core.measure import LoadFailures, LoadLatency, count_needed
from shipway.core.promise import NEVER_MS, name_check
from shipway.maths.share import batched_share
from shipway.testing.refusal import expect_refusal


def test_words_print_back_as_written():
    for text in (
        "load_latency_ms(rate=500)",
        'load_latency_ms(rate=0.5, last="1m", rows=16, percentile=99.9)',
        "load_failures(rate=500, rows=2)",
    ):
        assert str(eval(f"sw.{text}", {"sw": sw})) == text  # what is written is read again


def test_words_measure_what_they_say():
    found = sw.load_latency_ms(rate=500, percentile=99, last="20s", rows=4)
    assert found.measure == LoadLatency(500.0, 20_000_000, 0.99, 4)
    assert (found.subject, found.name) == ("bundle", "p99 latency at 500/s of 4 rows for 20s")
    assert sw.load_failures(rate=20).measure == LoadFailures(20.0, 10_000_000, 1)
    assert name_check(LoadFailures(20.0, 10_000_000)) == "failures at 20/s for 10s"


def test_gate_before_traffic_takes_checks_on_bundles_and_no_others():
    rule = sw.load_latency_ms(rate=500) <= 20
    assert make_gate("promise", rule, before="traffic").before == "traffic"
    for rules, before in (((rule,), "release"), ((sw.auc >= 0.7,), "traffic")):
        with expect_refusal("SW-106"):
            make_gate("wrong", *rules, before=before)


@pytest.mark.parametrize("check", [sw.load_latency_ms(rate=1), sw.load_failures(rate=1)])
def test_check_without_a_bound_is_refused_with_an_example(check):
    with expect_refusal("SW-106") as refused:
        make_gate("promise", check, before="traffic")
    assert f"{check} <= " in refused[0].hint


@pytest.mark.parametrize(
    "wrong",
    [{"rate": 0}, {"rate": float("nan")}, {"rate": 1e9}, {"rate": "many"}, {"rate": 1, "rows": 0},
     {"rate": 1, "rows": 1.5}, {"rate": 1, "last": "0s"}, {"rate": 1, "percentile": 20}],
)  # fmt: skip
def test_load_that_measures_nothing_is_refused(wrong):
    with expect_refusal("SW-106"):
        sw.load_latency_ms(**wrong)


def test_gate_on_failures_that_its_load_is_too_short_to_show_is_refused_with_the_time_it_takes():
    with expect_refusal("SW-106") as refused:
        make_gate("promise", sw.load_failures(rate=200) <= 0.001, before="traffic")
    assert "2,000 requests" in refused[0].fact
    assert 'last="22s"' in refused[0].hint
    make_gate("promise", sw.load_failures(rate=200, last="22s") <= 0.001, before="traffic")
    with expect_refusal("SW-106"):
        make_gate("promise", sw.load_failures(rate=200) <= 0, before="traffic")


@pytest.mark.parametrize("share", [0.001, 0.003, 0.01])
def test_requests_that_are_needed_are_about_those_that_show_the_share(share):
    sent = count_needed(share)
    highs = [
        batched_share(np.zeros(20, dtype=np.int64), np.full(20, max(round(sent * part / 20), 1))).high
        for part in (0.85, 1.0)
    ]
    assert highs[0] > share >= highs[1]


def test_example_of_a_bound_is_one_that_can_be_shown():
    for rate in (1, 20, 200, 2_000):
        check = sw.load_failures(rate=rate)
        with expect_refusal("SW-106") as refused:
            make_gate("promise", check, before="traffic")
        make_gate("promise", check <= float(refused[0].hint.rpartition("<= ")[2]), before="traffic")


def test_bound_that_bounds_nothing_is_refused():
    with expect_refusal("SW-106"):
        make_gate("promise", sw.load_latency_ms(rate=500) <= NEVER_MS, before="traffic")
