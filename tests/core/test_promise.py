"""The words for checks on a bundle, and the gates they stand in."""

import pytest

import shipway as sw
from shipway.core.gate import make_gate
from shipway.core.measure import LoadFailures, LoadLatency
from shipway.core.promise import name_check
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
