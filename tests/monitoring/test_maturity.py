"""The labels of a live window and of a release: which have come, of those that will."""

import polars as pl
import pytest

from shipway.core.candidate import auc, label_maturity
from shipway.core.gate import judge, make_gate
from shipway.core.maturity import read_maturity
from shipway.kit.duration import DAY, HOUR
from shipway.monitoring.live import measure_live
from shipway.monitoring.maturity import read_window
from shipway.monitoring.window import LiveWindow

NOW = 20 * DAY


def history(days=20, hourly=10):
    """Return rows asked every six minutes; each tenth never gets a label, the others do after three hours."""
    at = [day * DAY + place * (HOUR // hourly) for day in range(days) for place in range(24 * hourly)]
    known = [None if place % 10 == 9 else asked + 3 * HOUR for place, asked in enumerate(at)]
    answers = pl.DataFrame(
        {
            "request": [f"q{place}" for place in range(len(at))],
            "row": [str(place) for place in range(len(at))],
            "at": at,
            "version": [1] * len(at),
            "p": [0.1 + 0.8 * (place % 3 == 0) for place in range(len(at))],
        }
    )
    asked = pl.DataFrame({"at": at, "known_at": known}, schema={"at": pl.Int64(), "known_at": pl.Int64()})
    labels = answers.select("row", label=pl.int_range(pl.len()) % 3 == 0).with_columns(known_at=asked["known_at"])
    return answers, labels.drop_nulls("known_at"), asked


def window(**changes):
    answers, labels, asked = history()
    nothing = pl.DataFrame()
    told = {"answers": answers, "labels": labels, "asked": asked, "vectors": nothing, "reference": nothing}
    return LiveWindow(**(told | {"offline": nothing, "features": (), "now": NOW} | changes))


def test_the_share_of_a_window_is_of_the_labels_that_come():
    found = measure_live(label_maturity.over("1d"), window(), subject="service:desk@live").evidence
    maturity = read_maturity(found)
    assert maturity is not None
    assert (found.n, maturity.labelled) == (239, 189)
    assert maturity.never == pytest.approx(0.1, abs=0.01)
    assert maturity.share == pytest.approx(189 / 215, abs=0.01)
    assert maturity.median_us == 3 * HOUR
    assert 0.8 < found.low <= found.value <= found.high < 0.95


def test_nothing_landed_holds_and_a_window_long_past_is_mature():
    rule = make_gate("labels", label_maturity.over("2h") >= 0.95, every="1d").rules[0]
    young = measure_live(rule.check, window(), subject="service:desk@live").evidence
    assert (young.value, judge(rule, young).outcome) == (0.0, "hold")
    old = measure_live(label_maturity.over("28d"), window(now=NOW + 5 * DAY), subject="service:desk@live").evidence
    assert judge(label_maturity.over("28d") >= 0.95, old).outcome == "pass"


def test_a_metric_says_how_mature_its_labels_are():
    found = measure_live(auc.over("1d"), window(), subject="service:desk@live").evidence
    assert found.facts["label_maturity"]["share"] == pytest.approx(189 / 215, abs=0.01)
    rule = auc.over("1d") >= 0.5
    assert judge(rule, found).outcome == judge(rule, found, mature=0.5).outcome
    assert judge(rule, found, mature=0.95).outcome == "hold"


def test_without_history_a_young_window_says_that_it_cannot_know():
    _, labels, _ = history()
    answers = history()[0].filter(pl.col("at") > NOW - 5 * HOUR)
    found = read_window(answers, labels, pl.DataFrame(), NOW, "UTC")
    assert not found.identified
    assert found.low == found.labelled / found.asked


def test_a_window_in_which_nothing_was_asked_has_nothing_to_tell():
    empty = history()[0].clear()
    found = read_window(empty, history()[1], history()[2], NOW, "UTC")
    assert (found.asked, found.share, found.said) == (0, 0.0, "nothing was asked yet")


def test_a_failed_prediction_counts_for_its_label_and_not_for_the_loss():
    answers, labels, asked = history()
    failed = answers.with_columns(p=pl.when(pl.col("row") == "7").then(None).otherwise("p"))
    found = read_window(failed, labels, asked, NOW, "UTC")
    assert found.asked == answers.height
    assert [bias.of for bias in found.bias] == ["label rate"]
