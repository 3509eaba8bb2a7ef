"""Evidence about a live window against the formulas on the same rows, and what a window takes in."""

import datetime as dt
import math

import msgspec
import numpy as np
import polars as pl
import pytest

from shipway.core.canary import drift, skew
from shipway.core.candidate import auc, brier, calibration_gap, log_loss
from shipway.core.check import Check
from shipway.core.error import ShipwayError
from shipway.core.gate import judge
from shipway.core.measure import Drift, NewestSeen, Score, Windowed
from shipway.core.performance import recall
from shipway.maths.interval import clustered_auc, clustered_mean, interval
from shipway.maths.metric import auc as area
from shipway.maths.metric import per_row_log_loss
from shipway.monitoring.live import measure_live, performance_by_week
from shipway.monitoring.window import LiveWindow

HOUR, DAY = 3_600_000_000, 86_400_000_000
MONDAY = 19_723 * DAY  # 2024-01-01
SUBJECT = "service:delay@2"
EMPTY = pl.DataFrame()


def make_answers(days: int, size: int = 60, seed: int = 1) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Build answers of some days from a Monday on, and their labels, which land after 5 hours."""
    rng, n = np.random.default_rng(seed), days * size
    p = rng.beta(2, 5, n)
    names = [f"r{i:05d}" for i in range(n)]
    at = MONDAY + np.arange(n) * (DAY // size)
    answers = pl.DataFrame({"request": names, "row": names, "at": at, "version": np.full(n, 2), "p": p})
    labels = pl.DataFrame({"row": names, "label": rng.random(n) < p, "known_at": at + 5 * HOUR})
    return answers, labels


def make_window(**changes) -> LiveWindow:
    told = {
        "answers": EMPTY,
        "labels": EMPTY,
        "vectors": EMPTY,
        "reference": EMPTY,
        "offline": EMPTY,
        "features": (),
        "now": 0,
    }
    return LiveWindow(**(told | changes))


def measured_rows(answers, labels, now, last):
    rows = answers.join(labels, on="row").filter(
        pl.col("at") > now - last, pl.col("at") <= now, pl.col("known_at") <= now
    )
    day = (rows["at"] // DAY).to_numpy()
    return rows["label"].to_numpy(), rows["p"].to_numpy(), day


@pytest.mark.parametrize("check", [auc, log_loss, brier])
def test_scores_are_those_of_the_window_clustered_by_day(check):
    answers, labels = make_answers(20)
    now = MONDAY + 18 * DAY
    found = measure_live(
        check.over("7d"), make_window(answers=answers, labels=labels, now=now), subject=SUBJECT
    ).evidence
    y, p, day = measured_rows(answers, labels, now, 7 * DAY)
    per_row = {"log_loss": per_row_log_loss(y, p), "brier": (p - y) ** 2}
    estimate = clustered_auc(y, p, day) if check is auc else clustered_mean(per_row[check.name], day)
    assert (found.n, found.clusters) == (y.size, 7)
    assert found.value == pytest.approx(estimate.value, rel=1e-12)
    assert (found.low, found.high) == pytest.approx(interval(estimate), rel=1e-9)
    assert found.facts["said"].endswith(f"over {y.size} of 420 answers with a label, in 7 days")
    assert found.check == f"{check.name} over 7d"


def test_a_recall_of_one_day_holds_whatever_other_days_answered():
    answers, labels = make_answers(20)
    one = labels.with_columns(label=pl.int_range(pl.len()) < 10)
    answers = answers.with_columns(p=pl.when(pl.int_range(pl.len()) < 7).then(0.9).otherwise(0.1))
    window = make_window(answers=answers, labels=one, now=MONDAY + 19 * DAY)
    check = recall(at=0.5)
    found = measure_live(check.over("20d"), window, subject=SUBJECT).evidence
    assert (found.value, found.low, found.high, found.n, found.clusters) == (0.7, 0.0, 1.0, 10, 1)
    assert found.facts["said"].endswith("days, 1 of them with what it rests on")
    assert judge(check.over("20d") >= 0.6, found).outcome == "hold"


def test_the_gap_is_a_distance_either_way():
    answers, labels = make_answers(14)
    now = MONDAY + 14 * DAY
    for shift, way in ((0.2, "much"), (-0.2, "little")):
        moved = answers.with_columns(p=(pl.col("p") + shift).clip(0, 1))
        found = measure_live(
            calibration_gap.over("14d"), make_window(answers=moved, labels=labels, now=now), subject=SUBJECT
        )
        y, p, day = measured_rows(moved, labels, now, 14 * DAY)
        low, high = interval(clustered_mean(p - y, day))
        evidence = found.evidence
        assert evidence.value == pytest.approx(abs((p - y).mean()), rel=1e-9)
        assert (evidence.low, evidence.high) == pytest.approx(tuple(sorted((abs(low), abs(high)))), rel=1e-9)
        assert evidence.facts["said"].startswith(f"predicts too {way} on average, by 0.")
        assert judge(calibration_gap.over("14d") <= 0.03, evidence).outcome == "fail"


def test_a_gap_around_nothing_is_folded_at_zero():
    answers, labels = make_answers(10)
    found = measure_live(
        calibration_gap.over("10d"), make_window(answers=answers, labels=labels, now=MONDAY + 10 * DAY), subject=SUBJECT
    )
    evidence = found.evidence
    assert evidence.low == 0.0
    assert evidence.high == max(-evidence.facts["gap_low"], evidence.facts["gap_high"])


def test_answers_that_failed_have_no_score():
    answers, labels = make_answers(5)
    failed = answers.with_columns(p=pl.when(pl.int_range(pl.len()) % 3 == 0).then(math.nan).otherwise("p"))
    found = measure_live(
        brier.over("5d"), make_window(answers=failed, labels=labels, now=MONDAY + 6 * DAY), subject=SUBJECT
    )
    y, p, _ = measured_rows(failed, labels, MONDAY + 6 * DAY, 5 * DAY)
    assert found.evidence.value == pytest.approx(float(np.nanmean((p - y) ** 2)), rel=1e-9)
    assert found.evidence.n == np.isfinite(p).sum()


def test_nothing_labelled_holds():
    answers, labels = make_answers(3)
    window = make_window(answers=answers, labels=labels.head(0), now=MONDAY + 3 * DAY)
    for check in (auc, log_loss, brier, calibration_gap):
        found = measure_live(check.over("3d"), window, subject=SUBJECT).evidence
        assert (found.n, judge(check.over("3d") <= 0.5, found).outcome) == (0, "hold")
        assert found.facts["said"] == "no answer has a label yet"


def test_one_class_has_no_ranking():
    answers, labels = make_answers(3)
    window = make_window(answers=answers, labels=labels.with_columns(label=pl.lit(value=False)), now=MONDAY + 4 * DAY)
    found = measure_live(auc.over("5d"), window, subject=SUBJECT).evidence
    assert (found.n, found.facts["said"]) == (0, "all 180 labels are false, so there is nothing to rank")


def test_weeks_begin_on_monday_in_the_zone():
    answers, labels = make_answers(15)
    weeks = performance_by_week(answers, labels, known_by=MONDAY + 14 * DAY, zone="UTC")
    assert weeks["week"].to_list() == [dt.date(2024, 1, 1), dt.date(2024, 1, 8), dt.date(2024, 1, 15)]
    assert weeks["answered"].to_list() == [420, 420, 60]
    assert weeks["labelled"].to_list() == [420, 408, 0]
    assert weeks["auc"].to_list()[2] is None
    y, p = labels["label"].to_numpy()[420:828], answers["p"].to_numpy()[420:828]
    second = weeks.row(1, named=True)
    assert second["auc"] == pytest.approx(area(y, p), rel=1e-12)
    assert second["log_loss"] == pytest.approx(per_row_log_loss(y, p).mean(), rel=1e-12)
    assert second["brier"] == pytest.approx(((p - y) ** 2).mean(), rel=1e-12)
    assert (second["rate"], second["mean_p"]) == (pytest.approx(y.mean()), pytest.approx(p.mean()))
    assert second["gap"] == pytest.approx(p.mean() - y.mean())
    there = performance_by_week(answers, labels, known_by=MONDAY + 30 * DAY, zone="America/New_York")
    assert there["week"][0] == dt.date(2023, 12, 25)
    assert there["answered"].sum() == 900


def test_no_answers_have_no_weeks():
    answers, labels = make_answers(1)
    weeks = performance_by_week(answers.head(0), labels, known_by=MONDAY, zone="UTC")
    assert weeks.height == 0
    assert weeks.schema == performance_by_week(answers, labels, known_by=MONDAY, zone="UTC").schema


def make_vectors(n: int) -> pl.DataFrame:
    rng, names = np.random.default_rng(2), [f"r{i}" for i in range(n)]
    at = MONDAY + np.arange(n) * HOUR
    return pl.DataFrame(
        {"request": names, "row": names, "at": at, "x": rng.normal(size=n), "c": ["a", "b"] * (n // 2),
         "newest flights.landed": at - 600_000_000 * (1 + np.arange(n) % 5)}
    )  # fmt: skip


def test_drift_is_the_greatest_effect_and_its_table_has_all():
    vectors, n = make_vectors(480), 480
    reference = vectors.select("x", "c").with_columns(x=pl.col("x") - 1)
    window = make_window(vectors=vectors, reference=reference, features=("c", "x"), now=MONDAY + 20 * DAY)
    found = measure_live(drift(last="20d"), window, subject=SUBJECT)
    assert found.detail is not None
    assert [row["column"] for row in found.detail] == ["x", "c"]
    assert found.evidence.value == found.evidence.low == found.evidence.high == found.detail[0]["effect"] > 0.5
    assert found.evidence.facts["top"][0]["distance"] == found.detail[0]["distance"]
    assert found.evidence.facts["said"].startswith("x moved most, by ")
    assert f"over {n - 1} vectors" in found.evidence.facts["said"]
    assert judge(drift(last="20d") <= 0.2, found.evidence).outcome == "fail"


def test_drift_of_one_feature_is_of_what_it_was_trained_on():
    vectors = make_vectors(480)
    reference = vectors.select("x", "c").with_columns(x=pl.col("x") - 1)
    window = make_window(vectors=vectors, reference=reference, features=("c", "x"), now=MONDAY + 20 * DAY)

    def named(*features: str) -> Check:
        return Check("drift", Drift(20 * DAY, features), "live", "drift")

    assert measure_live(named("c"), window, subject=SUBJECT).evidence.value < 0.1
    assert measure_live(named("x"), window, subject=SUBJECT).evidence.value > 0.5
    with pytest.raises(ShipwayError, match="SW-202"):
        measure_live(named("z"), window, subject=SUBJECT)


@pytest.mark.parametrize("what", ["vectors", "reference"])
def test_drift_of_nothing_holds(what):
    vectors = make_vectors(48)
    told = {"vectors": vectors, "reference": vectors, "features": ("x",), "now": MONDAY + 2 * DAY}
    found = measure_live(drift(last="2d"), make_window(**(told | {what: vectors.head(0)})), subject=SUBJECT).evidence
    assert (found.n, judge(drift(last="2d") <= 0.2, found).outcome) == (0, "hold")


def newest_check(last: int):
    return Check("newest flights.landed", NewestSeen("flights.landed", last), "live", "newest_seen(landed)")


def test_the_oldest_newest_event_decides():
    vectors = make_vectors(48).with_columns(
        pl.when(pl.col("row") == "r30")
        .then(pl.col("at") - 7 * HOUR)
        .otherwise("newest flights.landed")
        .alias("newest flights.landed")
    )
    window = make_window(vectors=vectors, now=MONDAY + 47 * HOUR)
    found = measure_live(newest_check(DAY), window, subject=SUBJECT).evidence
    assert (found.value, found.n, found.facts["row"]) == (7 * HOUR, 24, "r30")
    assert found.facts["said"] == "at worst 7.0 h old, 30 min at the median, over 24 vectors"
    earlier = measure_live(
        newest_check(DAY), make_window(vectors=vectors, now=MONDAY + 29 * HOUR), subject=SUBJECT
    ).evidence
    assert earlier.value == 50 * 60_000_000


def test_vectors_that_read_no_event_are_told():
    vectors = make_vectors(20)
    gone = (
        pl.when(pl.int_range(pl.len()) < 5).then(None).otherwise("newest flights.landed").alias("newest flights.landed")
    )
    window = make_window(vectors=vectors.with_columns(gone), now=MONDAY + DAY)
    found = measure_live(newest_check(2 * DAY), window, subject=SUBJECT).evidence
    assert (found.n, found.facts["without"]) == (15, 5)
    assert found.facts["said"].endswith(", 5 read none")
    none = make_window(
        vectors=vectors.with_columns(pl.lit(None, dtype=pl.Int64).alias("newest flights.landed")), now=MONDAY + DAY
    )
    found = measure_live(newest_check(2 * DAY), none, subject=SUBJECT).evidence
    assert (found.n, found.facts["said"]) == (0, "none of 20 vectors read an event of flights.landed")


def test_skew_counts_vectors_that_differ_or_have_no_partner():
    vectors = make_vectors(48)
    offline = vectors.with_columns(x=pl.when(pl.col("row") == "r40").then(9.0).otherwise("x")).filter(
        pl.col("row") != "r45"
    )
    window = make_window(vectors=vectors, offline=offline, features=("x", "c"), now=MONDAY + 47 * HOUR)
    found = measure_live(skew(last="1d"), window, subject=SUBJECT)
    served = vectors["x"][40]
    said = f"1 of 23 vectors differ from the offline frame, first in x of row r40: {served!r} served, 9.0 offline"
    said += "; 1 are not in it, such as r45"
    assert (found.evidence.value, found.evidence.n, found.evidence.facts["said"]) == (2.0, 24, said)
    assert found.detail == [{"column": "x", "rows": 1, "row": "r40", "online": served, "offline": 9.0}]
    assert judge(skew(last="1d") <= 0, found.evidence).outcome == "fail"
    same = make_window(vectors=vectors, offline=vectors, features=("x", "c"), now=MONDAY + 47 * HOUR)
    found = measure_live(skew(last="1d"), same, subject=SUBJECT)
    assert found.evidence.facts["said"] == "0 of 24 vectors differ from the offline frame"
    assert judge(skew(last="1d") <= 0, found.evidence).outcome == "pass"


def test_evidence_depends_on_the_rows_and_not_on_their_order():
    answers, labels = make_answers(6)
    vectors = make_vectors(48)
    told = {"labels": labels, "reference": vectors, "offline": vectors, "features": ("x", "c"), "now": MONDAY + 6 * DAY}
    one = make_window(answers=answers, vectors=vectors, **told)
    two = make_window(answers=answers.reverse(), vectors=vectors.reverse(), **told)
    less = make_window(answers=answers.tail(-1), vectors=vectors.tail(-1), **told)
    for check in (log_loss.over("7d"), drift(last="7d"), newest_check(7 * DAY), skew(last="7d")):
        a, b, c = (measure_live(check, window, subject=SUBJECT).evidence for window in (one, two, less))
        assert a == b
        assert a.log_digest != c.log_digest
        assert msgspec.json.decode(msgspec.json.encode(a), type=type(a)) == a


def test_what_cannot_be_measured_is_refused():
    answers, labels = make_answers(2)
    by_week = msgspec.structs.replace(auc.over("7d"), measure=Windowed(Score("auc", cluster="week"), 7 * DAY))
    vectors = make_vectors(4).drop("newest flights.landed")
    for check, window, code in (
        (auc, make_window(answers=answers, labels=labels), "SW-403"),
        (by_week, make_window(answers=answers, labels=labels), "SW-104"),
        (newest_check(DAY), make_window(vectors=vectors, now=MONDAY + DAY), "SW-202"),
        (skew(last="1d"), make_window(vectors=vectors), "SW-202"),
        (drift(last="1d"), make_window(vectors=vectors, reference=vectors, features=("z",), now=MONDAY), "SW-202"),
    ):
        with pytest.raises(ShipwayError) as caught:
            measure_live(check, window, subject=SUBJECT)
        assert caught.value.code == code
