"""Maturity of labels: what has come, what will, and when that can be known."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.candidate import auc, label_maturity
from shipway.core.error import ShipwayError
from shipway.core.gate import decide, judge, make_gate
from shipway.core.maturity import NEVER, Asked, give_maturity, mark_maturity, measure_maturity, read_maturity
from shipway.core.measure import LabelMaturity

DAY, HOUR = 86_400_000_000, 3_600_000_000


def asked(at, delays, days=None):
    """Return rows asked at hours whose labels take hours; None for a label that never comes."""
    at = np.asarray([round(hour * HOUR) for hour in at], dtype=np.int64)
    known = [NEVER if d is None else int(a) + round(d * HOUR) for a, d in zip(at, delays, strict=True)]
    return Asked(at=at, known_at=np.asarray(known, dtype=np.int64), day=at // DAY if days is None else days)


def history(random, days, never=0.1, slow=lambda y: 0.0):
    """Return days of rows with labels after about 3 hours, those of a tenth of the rows never; and their truths."""
    n = days * 200
    at = np.sort(random.uniform(0, days * 24, n))
    y = random.random(n) < 0.3
    delays = np.exp(random.normal(1.0, 0.3, n)) + np.vectorize(slow)(y)
    return asked(at, [None if random.random() < never else d for d in delays]), y


def test_every_label_that_comes_has_come_long_after():
    rows, y = history(np.random.default_rng(1), 20)
    found = measure_maturity(rows, 40 * DAY, y=y)
    assert (found.asked, found.identified) == (4_000, True)
    assert found.share == pytest.approx(1.0, abs=1e-9)
    assert found.never == pytest.approx(1 - found.labelled / found.asked, abs=1e-9)
    (rate,) = found.bias
    assert rate.corrected == pytest.approx(rate.seen)
    assert found.median_us is not None
    assert found.p99_us is not None
    assert 2 * HOUR < found.median_us < 4 * HOUR < found.p99_us < 7 * HOUR


def test_a_window_of_the_last_hours_is_immature_and_learns_delays_from_before():
    random = np.random.default_rng(2)
    rows, y = history(random, 20)
    now = 20 * DAY
    recent = rows.at > now - 3 * HOUR
    window = Asked(at=rows.at[recent], known_at=rows.known_at[recent], day=rows.day[recent])
    found = measure_maturity(window, now, before=rows, y=y[recent])
    came = (window.known_at != NEVER).sum()
    assert found.identified
    assert found.low <= found.labelled / came <= found.high
    assert found.share < 0.4
    assert found.bias[0].corrected is None
    assert found.bias[0].why.startswith("no row was followed for the ")
    alone = measure_maturity(window, now)
    assert not alone.identified
    assert alone.low == pytest.approx(alone.labelled / alone.asked)


def test_rows_asked_after_the_moment_of_judging_do_not_count():
    rows = asked([1, 2, 30], [1, 1, 1])
    assert measure_maturity(rows, 10 * HOUR).asked == 2
    assert measure_maturity(rows, 0).asked == 0


def test_labels_that_land_late_because_they_are_true_lean_the_early_ones_and_are_corrected():
    random = np.random.default_rng(3)
    rows, y = history(random, 4, never=0.0, slow=lambda late: 12.0 if late else 0.0)
    found = measure_maturity(rows, 4 * DAY, y=y, loss=np.where(y, 2.0, 0.5))
    rate, loss = found.bias
    assert rate.difference_high is not None
    assert rate.difference_high < -0.2
    assert rate.corrected is not None
    truth = float(y.mean())
    assert rate.seen < truth - 0.02
    assert abs(rate.corrected - truth) < abs(rate.seen - truth)
    assert loss.of == "log loss"
    assert loss.corrected is not None
    assert loss.corrected > loss.seen


@given(
    st.lists(st.tuples(st.floats(0, 48), st.none() | st.floats(0, 30), st.booleans(), st.floats(0, 3)), max_size=25),
    st.floats(0, 60),
)
def test_every_number_is_finite_and_in_range_whatever_comes(drawn, hour):
    at, delays = [row[0] for row in drawn], [row[1] for row in drawn]
    y, loss = np.array([row[2] for row in drawn], dtype=np.bool_), np.array([row[3] for row in drawn])
    found = measure_maturity(asked(at, delays), round(hour * HOUR), y=y, loss=loss)
    assert 0 <= found.low <= found.share <= found.high <= 1
    assert found.labelled <= found.expected <= found.asked + 1e-9
    evidence = give_maturity(found, subject="model:m@1", log_digest="")
    assert read_maturity(msgspec.json.decode(msgspec.json.encode(evidence), type=type(evidence))) == found


def test_each_class_that_came_leans_by_its_share():
    at, delays = range(40), [1 if place % 2 else 9 for place in range(40)]
    codes = np.array([0 if place % 2 else 1 for place in range(40)])
    found = measure_maturity(asked(at, delays), 80 * HOUR, y=codes, loss=np.ones(40), classes=("a", "b", "c"))
    assert [each.of for each in found.bias] == ["share of 'a'", "share of 'b'", "log loss"]
    assert [each.seen for each in found.bias] == [0.5, 0.5, 1.0]
    assert (found.bias[0].early, found.bias[1].early) == (1.0, 0.0)


def maturity_of(share, low, high, n=100):
    """Return evidence of a maturity."""
    found = measure_maturity(asked([1], [1]), DAY)
    found = msgspec.structs.replace(found, asked=n, share=share, low=low, high=high)
    return give_maturity(found, subject="model:m@1", log_digest="")


def test_low_maturity_holds_and_never_fails():
    rule = label_maturity >= 0.95
    assert judge(rule, maturity_of(0.98, 0.97, 0.99)).outcome == "pass"
    assert judge(rule, maturity_of(0.2, 0.1, 0.3)).outcome == "hold"
    assert judge(rule, maturity_of(0.95, 0.9, 0.99)).outcome == "hold"
    assert judge(rule, maturity_of(0.0, 0.0, 0.0, n=0)).outcome == "hold"


def test_a_gate_that_asks_for_mature_labels_holds_where_they_are_not():
    young = msgspec.convert(maturity_of(0.2, 0.1, 0.3).facts, type(measure_maturity(asked([1], [1]), DAY)))
    bare = msgspec.structs.replace(maturity_of(0.9, 0.9, 0.9), check="auc", value=0.9, low=0.8, high=0.95, facts={})
    gate = make_gate("quality", auc >= 0.7, before="release", mature=0.95)
    assert decide(make_gate("quality", auc >= 0.7, before="release"), "s", {"auc": bare}).outcome == "pass"
    for evidence in (bare, mark_maturity(bare, young)):
        held = decide(gate, "s", {"auc": evidence})
        assert held.outcome == "hold"
        assert "of the labels are sure to have come, not 95.0%" in held.reason
    ripe = msgspec.structs.replace(young, share=1.0, low=0.99, high=1.0)
    assert decide(gate, "s", {"auc": mark_maturity(bare, ripe)}).outcome == "pass"
    failing = msgspec.structs.replace(mark_maturity(bare, young), value=0.5, low=0.4, high=0.6)
    assert decide(gate, "s", {"auc": failing}).outcome == "hold"
    assert gate.asked != make_gate("quality", auc >= 0.7, before="release").asked


def test_one_word_serves_every_gate_but_those_on_data():
    step = make_gate("walk", label_maturity >= 0.9, before="step")
    assert step.rules[0].check.subject == "canary"
    live = label_maturity.over("7d") >= 0.9
    assert (live.check.measure, live.text) == (LabelMaturity(7 * DAY), 'label_maturity.over("7d") >= 0.9')
    make_gate("live", live, every="1d")
    for rules, words in (
        ((label_maturity >= 0.9,), {"before": "training"}),
        ((label_maturity,), {"before": "release"}),
    ):
        with pytest.raises(ShipwayError, match="SW-106"):
            make_gate("wrong", *rules, **words)


@pytest.mark.parametrize("words", [{"mature": 2}, {"mature": "all"}, {"mature": 0.9, "before": "training"}])
def test_a_share_that_is_none_is_refused(words):
    with pytest.raises(ShipwayError, match="SW-106"):
        make_gate("wrong", auc >= 0.5, **({"before": "release"} | words))
