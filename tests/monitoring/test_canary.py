"""Evidence about a canary: what counts in which step, what it says, and what the gate makes of it."""

import math

import msgspec
import numpy as np
import polars as pl
import pytest

from shipway.core.canary import failed_answers, feature_lag, paired_loss, prediction_shift, shown_loss, slow_answers
from shipway.core.candidate import auc, label_maturity
from shipway.core.error import ShipwayError
from shipway.core.gate import decide, judge, make_gate
from shipway.core.measure import PairedLoss
from shipway.maths.interval import clustered_mean, clustered_ratio
from shipway.maths.metric import per_row_log_loss
from shipway.maths.sequential import (
    answers_needed,
    confidence_sequence_classes,
    confidence_sequence_distance,
    confidence_sequence_mean,
    confidence_sequence_share,
    share_log_e,
    stretched_log_e,
)
from shipway.monitoring.canary import measure_canary
from shipway.monitoring.window import CanaryWindow

HOUR, DAY = 3_600_000_000, 86_400_000_000
FAILED, SLOW = failed_answers(), slow_answers(over_ms=50)
LAG, LOSS = feature_lag(over="2h") <= 0.05, paired_loss() <= 0.02
SHOWN = shown_loss() <= 0.02
SUBJECT = "release:svc/1@1"


def make_pairs(
    n: int, *, weight: float = 0.0, since: int = 0, spacing: int = 100_000_000, first: int = 0
) -> pl.DataFrame:
    """Build n pairs without a fault; with a weight, every request with a small enough place is the canary's."""
    i = np.arange(n)
    ours = (i * 37 % 100) < 100 * weight
    names = [f"r{first + k:06d}" for k in i]
    return pl.DataFrame(
        {
            "request": names,
            "row": names,
            "at": since + i * spacing,
            "token": np.ones(n, dtype=np.int64),
            "weight": np.full(n, weight),
            "p_stable": 0.2 + 0.1 * (i % 3),
            "p_candidate": 0.21 + 0.1 * (i % 3),
            "error_stable": pl.Series([None] * n, dtype=pl.String),
            "error_candidate": pl.Series([None] * n, dtype=pl.String),
            "latency_stable_us": np.full(n, 2000),
            "latency_candidate_us": np.full(n, 2000),
            "answer_us": np.full(n, 3000),
            "answered": pl.Series(np.where(ours, "candidate", "stable")),
        },
        schema_overrides={"request": pl.String, "row": pl.String, "answered": pl.String},
    )


def make_window(pairs: pl.DataFrame, **changes) -> CanaryWindow:
    """Build a window of which the pairs are one step."""
    told = {
        "pairs": pairs,
        "labels": pl.DataFrame(schema={"row": pl.String, "label": pl.Boolean, "known_at": pl.Int64}),
        "newest": {},
        "online": {"stable": "3f2a", "candidate": "3f2a"},
        "versions": {"stable": 1, "candidate": 2},
        "since": 0,
        "weight": float(pairs["weight"][-1]) if pairs.height else 0.0,
        "steps": 4,
        "now": int(pairs["at"].max()) if pairs.height else 0,
    }
    return CanaryWindow(**(told | changes))


def spoil(pairs: pl.DataFrame, column: str, value, where: pl.Expr) -> pl.DataFrame:
    return pairs.with_columns(pl.when(where).then(pl.lit(value)).otherwise(pl.col(column)).alias(column))


def nth(k: int, **changes) -> pl.Expr:
    return pl.int_range(pl.len()) % k == changes.get("rest", 0)


CANARYS = pl.col("answered") == "candidate"


def test_failures_of_a_split_step_are_counted_among_the_answers():
    pairs = make_pairs(3000, weight=0.1)
    pairs = spoil(pairs, "error_candidate", "SW-801", nth(300) | nth(300, rest=7))  # the latter in shadow
    pairs = spoil(pairs, "error_stable", "SW-801", nth(1000, rest=1))
    found = measure_canary(FAILED.check, make_window(pairs), subject=SUBJECT)
    ours, theirs = pairs.filter(CANARYS), pairs.filter(~CANARYS)
    c, b = ours["error_candidate"].count(), theirs["error_stable"].count()
    assert 0 < c < pairs["error_candidate"].count()
    assert found.facts["said"] == f"{c} of {ours.height} answers failed, {b} of {theirs.height:,} of version 1"
    assert (found.n, found.needs) == (ours.height, answers_needed(0.1, 0.01, 10, 0.01 / 4))
    stretches = pairs.with_columns(day=pl.col("at") // DAY).partition_by("day", maintain_order=True)
    counts = [
        (
            p.filter(CANARYS)["error_candidate"].count(),
            p.filter(~CANARYS)["error_stable"].count(),
            p.filter(CANARYS).height / p.height,
        )
        for p in stretches
    ]
    log_e = stretched_log_e(*(np.array(x) for x in zip(*counts, strict=True)))
    assert len(counts) == 4
    assert found.facts["log_e"] == pytest.approx(log_e, rel=1e-12)
    assert found.value == found.low == found.high == pytest.approx(math.exp(log_e) / 4, rel=1e-9)


def test_failures_in_shadow_are_those_of_one_version_alone():
    pairs = make_pairs(500)
    pairs = spoil(pairs, "error_candidate", "SW-801", nth(20))
    pairs = spoil(pairs, "error_stable", "SW-801", nth(40))
    found = measure_canary(FAILED.check, make_window(pairs), subject=SUBJECT)
    assert found.facts["said"] == "25 of 500 predictions failed, 13 of 500 of version 1"
    assert found.facts["log_e"] == pytest.approx(share_log_e(12, 0, 0.5), rel=1e-12)
    assert (found.n, found.needs) == (500, answers_needed(0.5, 0.01, 10, 0.01 / 4))


def test_a_canary_that_fails_is_taken_back_and_the_number_stays_finite():
    pairs = spoil(make_pairs(3000, weight=0.1), "error_candidate", "SW-801", CANARYS)
    found = measure_canary(FAILED.check, make_window(pairs), subject=SUBJECT)
    assert found.value == pytest.approx(1e9)
    finding = judge(FAILED, found)
    assert finding.outcome == "fail"
    assert finding.reason.startswith("300 of 300 answers failed, 0 of 2,700 of version 1")


def test_a_canary_passes_when_its_plan_is_met_and_not_before():
    step = make_pairs(6000, weight=0.02)
    needed = answers_needed(0.02, 0.01, 10, 0.01 / 4)
    for n, outcome in ((100 * 50, "hold"), (6000, "hold")):
        assert (
            judge(FAILED, measure_canary(FAILED.check, make_window(step.head(n)), subject=SUBJECT)).outcome == outcome
        )
    more = make_pairs(100 * needed, weight=0.02)
    assert judge(FAILED, measure_canary(FAILED.check, make_window(more), subject=SUBJECT)).outcome == "pass"


def test_an_incident_that_both_share_is_no_evidence():
    pairs = make_pairs(5000, weight=0.1)
    hour = pl.col("at") < 30 * HOUR
    for side in ("stable", "candidate"):
        pairs = spoil(pairs, f"error_{side}", "SW-801", hour)
    assert measure_canary(FAILED.check, make_window(pairs), subject=SUBJECT).value < 1


def test_only_requests_of_the_present_step_count():
    before = spoil(make_pairs(500), "error_candidate", "SW-801", pl.lit(value=True))
    late = make_pairs(20, weight=0.0, since=500 * 100_000_000, first=500)  # assigned before the routing moved
    step = make_pairs(400, weight=0.1, since=520 * 100_000_000, first=520)
    window = make_window(pl.concat([before, late, step]), since=500 * 100_000_000)
    found = measure_canary(FAILED.check, window, subject=SUBJECT)
    assert found.facts["said"] == "0 of 40 answers failed, 0 of 360 of version 1"


def test_requests_that_nobody_answered_are_no_answers():
    pairs = spoil(make_pairs(400, weight=0.1), "answered", None, nth(2))
    found = measure_canary(FAILED.check, make_window(pairs), subject=SUBJECT)
    assert found.facts["canary_answers"] + found.facts["stable_answers"] == 200


@pytest.mark.parametrize("weight", [0.0, 0.1])
def test_no_request_holds(weight):
    window = make_window(make_pairs(0), weight=weight)
    did = "answered" if weight else "predicted"
    for rule in (FAILED, SLOW, prediction_shift <= 0.1):
        found = measure_canary(rule.check, window, subject=SUBJECT)
        assert (found.n, judge(rule, found).outcome) == (0, "hold")
        assert found.facts["said"] == f"version 2 has {did} no request yet"
    for rule, said in ((LAG, "no request has been asked yet"), (LOSS, "no day is over with its labels landed")):
        found = measure_canary(rule.check, window, subject=SUBJECT)
        assert (found.n, judge(rule, found).outcome, found.facts["said"]) == (0, "hold", said)


def test_slow_answers_are_what_the_caller_waited_for():
    pairs = spoil(make_pairs(2000, weight=0.1), "answer_us", 50_001, CANARYS & nth(20))
    pairs = spoil(pairs, "answer_us", 50_000, ~CANARYS)  # as slow as allowed
    pairs = spoil(pairs, "latency_candidate_us", 90_000, pl.lit(value=True))
    found = measure_canary(SLOW.check, make_window(pairs), subject=SUBJECT)
    c = pairs.filter(CANARYS, pl.col("answer_us") == 50_001).height
    assert found.facts["said"] == f"{c} of 200 answers took over 50 ms, 0 of 1,800 of version 1"


def test_slow_predictions_in_shadow_are_the_versions_own():
    pairs = spoil(make_pairs(1000), "latency_candidate_us", 60_000, nth(10))
    pairs = spoil(pairs, "latency_stable_us", None, nth(100, rest=3))
    found = measure_canary(SLOW.check, make_window(pairs), subject=SUBJECT)
    assert found.facts["said"] == "100 of 990 predictions took over 50 ms, 0 of 990 of version 1"
    assert judge(SLOW, found).outcome == "fail"


def test_a_plan_that_no_answers_meet_is_refused():
    with pytest.raises(ShipwayError) as caught:
        measure_canary(failed_answers(detect=1.01).check, make_window(make_pairs(10)), subject=SUBJECT)
    assert caught.value.code == "SW-403"
    assert "failed_answers(detect=1.01)" in caught.value.fact


def test_shift_in_shadow_is_of_all_requests_and_from_the_split_of_the_canarys():
    for weight, rows in ((0.0, 2000), (0.1, 200)):
        pairs = make_pairs(2000, weight=weight)
        pairs = spoil(pairs, "p_candidate", 0.9, CANARYS & nth(2) if weight else nth(4))
        used = pairs.filter(CANARYS) if weight else pairs
        found = measure_canary(prediction_shift, make_window(pairs), subject=SUBJECT)
        p, q = used["p_candidate"].to_numpy(), used["p_stable"].to_numpy()
        assert found.n == rows
        assert found.value == pytest.approx(np.abs(np.sort(p) - np.sort(q)).mean(), rel=1e-9)
        assert (found.low, found.high) == pytest.approx(confidence_sequence_distance(p, q, 0.05 / 4), rel=1e-12)
        assert f"mean {p.mean():.3f} against {q.mean():.3f} of version 1, over {rows:,} requests" in found.facts["said"]


def test_a_shift_of_the_answers_alone_is_found():
    pairs = make_pairs(3000, weight=0.02).with_columns(
        p_candidate=pl.col("p_stable") + pl.when(CANARYS).then(0.3).otherwise(0)
    )
    found = measure_canary(prediction_shift, make_window(pairs), subject=SUBJECT)
    assert (found.n, found.value) == (60, pytest.approx(0.3))
    assert judge(prediction_shift <= 0.1, found).outcome == "fail"


def test_predictions_that_failed_are_no_predictions():
    pairs = spoil(make_pairs(100), "p_candidate", math.nan, nth(4))
    assert measure_canary(prediction_shift, make_window(pairs), subject=SUBJECT).n == 75


def newest(pairs: pl.DataFrame, **ages) -> pl.DataFrame:
    """Build what one version's vectors were read from, by the age of each stream's newest event."""
    streams = {f"newest flights.{name}": pairs["at"] - pl.Series(age) for name, age in ages.items()}
    return pl.DataFrame({"request": pairs["request"], **streams})


def apart(pairs: pl.DataFrame, stable: pl.DataFrame, candidate: pl.DataFrame, **changes) -> CanaryWindow:
    online = {"stable": "a", "candidate": "b"}
    return make_window(pairs, newest={"stable": stable, "candidate": candidate}, online=online, **changes)


def test_stale_features_are_named_with_their_stream():
    pairs = make_pairs(912)
    ages = np.full(912, 600_000_000)
    stale = ages + np.where(np.arange(912) < 41, 0, 6 * HOUR)
    window = apart(
        pairs,
        newest(pairs, landed=ages, departed=ages),
        newest(pairs, departed=ages + HOUR, landed=stale).sample(fraction=1.0, shuffle=True, seed=1),
    )
    found = measure_canary(LAG.check, window, subject=SUBJECT)
    said = "the newest event it read was older in 871 of 912 requests, by 6.0 h at the median (flights.landed)"
    assert found.facts["said"] == said
    assert (found.value, found.n) == (871 / 912, 912)
    assert (found.low, found.high) == confidence_sequence_share(871, 912, 0.05 / 4)
    assert found.facts["stream"] == "flights.landed"
    assert found.facts["median_lag_us"] == found.facts["stream_median_lag_us"] == 6 * HOUR
    assert judge(LAG, found).outcome == "fail"


def test_events_as_new_as_allowed_do_not_lag():
    pairs = make_pairs(300)
    ages = np.full(300, 0)
    window = apart(pairs, newest(pairs, landed=ages), newest(pairs, landed=ages + 2 * HOUR))
    found = measure_canary(LAG.check, window, subject=SUBJECT)
    assert found.facts["said"] == "the newest event it read was older in 0 of 300 requests"
    assert (found.value, judge(LAG, found).outcome) == (0.0, "pass")


def test_a_stream_of_which_the_canary_read_nothing_lags():
    pairs = make_pairs(40)
    ages = np.full(40, 0)
    gone = newest(pairs, landed=ages).with_columns(pl.lit(None, dtype=pl.Int64).alias("newest flights.landed"))
    found = measure_canary(LAG.check, apart(pairs, newest(pairs, landed=ages), gone), subject=SUBJECT)
    assert found.facts["said"] == "the newest event it read was older in 40 of 40 requests, of which it read none"
    found = measure_canary(LAG.check, apart(pairs, gone, gone), subject=SUBJECT)
    assert found.value == 0.0
    assert measure_canary(LAG.check, apart(pairs, gone, newest(pairs, landed=ages)), subject=SUBJECT).value == 0.0


def test_only_requests_that_both_read_are_compared():
    pairs = make_pairs(100)
    ages = np.full(100, 0)
    window = apart(pairs, newest(pairs, landed=ages).head(60), newest(pairs, landed=ages + 3 * HOUR).tail(60))
    found = measure_canary(LAG.check, window, subject=SUBJECT)
    assert (found.n, found.value) == (20, 1.0)


def test_versions_without_a_stream_in_common_hold():
    pairs = make_pairs(10)
    window = apart(pairs, newest(pairs, landed=np.zeros(10, int)), newest(pairs, departed=np.zeros(10, int)))
    finding = judge(LAG, measure_canary(LAG.check, window, subject=SUBJECT))
    assert (finding.outcome, finding.reason) == ("hold", "the two versions read no stream in common")


def test_versions_that_read_one_store_cannot_lag():
    found = measure_canary(LAG.check, make_window(make_pairs(10)), subject=SUBJECT)
    assert (found.low, found.high, found.n) == (0.0, 0.0, 10)
    assert judge(LAG, found).reason == "both versions read store 3f2a"


def make_release(days: int, *, harm: float = 0.0, size: int = 90, seed: int = 1) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Build pairs of some days with labels that land after 5 hours, and a candidate whose odds are off by an amount."""
    rng, n = np.random.default_rng(seed), days * size
    odds, day = rng.normal(-1, 1, n), np.repeat(rng.normal(0, 0.1, days), size)
    p, q = (1 / (1 + np.exp(-(odds + shift))) for shift in (0.0, day + harm * rng.choice([-1, 1], n)))
    pairs = make_pairs(n, spacing=DAY // size).with_columns(p_stable=pl.Series(p), p_candidate=pl.Series(q))
    happened = rng.random(n) < p
    labels = pl.DataFrame({"row": pairs["row"], "label": happened, "known_at": pairs["at"] + 5 * HOUR})
    return pairs, labels


def test_loss_is_of_whole_days_whose_labels_have_landed():
    pairs, labels = make_release(9)
    found = measure_canary(LOSS.check, make_window(pairs, labels=labels, now=9 * DAY), subject=SUBJECT)
    whole = pairs.head(8 * 90)
    y = labels["label"].to_numpy()[:720]
    d = per_row_log_loss(y, whole["p_candidate"].to_numpy()) - per_row_log_loss(y, whole["p_stable"].to_numpy())
    estimate = clustered_mean(d, np.repeat(np.arange(8), 90))
    assert (found.n, found.clusters, found.value) == (720, 8, pytest.approx(d.mean(), rel=1e-9))
    assert (found.low, found.high) == pytest.approx(confidence_sequence_mean(estimate, 0.05), rel=1e-9)
    said = found.facts["said"]
    assert said.startswith("log_loss ")
    assert f"greater by {d.mean():+.4f} [{found.low:+.4f}, {found.high:+.4f}], over 720 requests in 8 days" in said


def test_all_steps_of_a_release_count_for_loss():
    pairs, labels = make_release(6)
    walked = pairs.with_columns(weight=pl.when(pl.col("at") < 2 * DAY).then(0.0).otherwise(0.1))
    window = make_window(walked, labels=labels, since=2 * DAY, weight=0.1, now=6 * DAY)
    assert measure_canary(LOSS.check, window, subject=SUBJECT).n == 5 * 90


def test_brier_is_measured_the_same_way():
    pairs, labels = make_release(5)
    found = measure_canary(paired_loss("brier"), make_window(pairs, labels=labels, now=5 * DAY), subject=SUBJECT)
    y = labels["label"].to_numpy()[:360]
    p, q = (pairs[name].to_numpy()[:360] for name in ("p_candidate", "p_stable"))
    assert found.value == pytest.approx(float(((p - y) ** 2 - (q - y) ** 2).mean()), rel=1e-9)


def test_a_candidate_that_harms_is_taken_back_and_one_that_does_not_is_let_on():
    for harm, outcome in ((1.5, "fail"), (0.0, "pass")):
        pairs, labels = make_release(30, harm=harm)
        found = measure_canary(LOSS.check, make_window(pairs, labels=labels, now=30 * DAY), subject=SUBJECT)
        assert judge(LOSS, found).outcome == outcome


def judge_release(rule, days: int, *, harm: float = 0.0):
    """Return the evidence and the finding of a rule on a release of some days."""
    pairs, labels = make_release(days, harm=harm)
    found = measure_canary(rule.check, make_window(pairs, labels=labels, now=days * DAY), subject=SUBJECT)
    return found, judge(rule, found)


@pytest.mark.parametrize("metric", ["log_loss", "brier"])
@pytest.mark.parametrize("harm", [0.0, 0.5, 1.5])
def test_the_loss_that_is_shown_is_the_lower_end_of_the_interval(metric, harm):
    paired, _ = judge_release(paired_loss(metric) <= 0.02, 30, harm=harm)
    shown, _ = judge_release(shown_loss(metric) <= 0.02, 30, harm=harm)
    assert paired.low < paired.value < paired.high
    assert shown.value == shown.low == shown.high == paired.low
    assert (shown.n, shown.clusters, shown.needs) == (paired.n, paired.clusters, paired.needs)
    assert shown.log_digest == paired.log_digest
    assert (shown.check, paired.check) == (f"shown {metric}", f"paired {metric}")


@pytest.mark.parametrize(("days", "harm"), [(4, 0.0), (9, 0.5), (30, 0.5)])
def test_a_candidate_that_is_not_shown_to_be_worse_is_let_on_where_one_not_shown_to_be_as_good_waits(days, harm):
    assert judge_release(LOSS, days, harm=harm)[1].outcome == "hold"
    assert judge_release(SHOWN, days, harm=harm)[1].outcome == "pass"


def test_a_candidate_that_is_shown_to_harm_is_taken_back():
    found, finding = judge_release(SHOWN, 30, harm=1.5)
    assert finding.outcome == "fail"
    assert found.value > 0.02
    assert judge_release(shown_loss() <= found.value, 30, harm=1.5)[1].outcome == "pass"


def test_nothing_is_let_on_before_the_days_of_the_plan_however_little_is_shown():
    rule = shown_loss(days=10) <= 30
    found, finding = judge_release(rule, 9)
    assert (found.clusters, found.needs, finding.outcome) == (8, 900, "hold")
    assert finding.reason.endswith("; 720 of the 900 that its plan asks for")
    found, finding = judge_release(rule, 11)
    assert (found.clusters, finding.outcome) == (10, "pass")
    one, finding = judge_release(SHOWN, 2)
    assert (one.clusters, finding.outcome) == (1, "hold")
    none, finding = judge_release(SHOWN, 1)
    assert (none.n, finding.outcome, finding.reason) == (0, "hold", "no day is over with its labels landed")


def test_harm_that_is_shown_ends_a_walk_before_the_days_of_the_plan():
    found, finding = judge_release(shown_loss(days=60) <= 0.02, 30, harm=1.5)
    assert found.n < found.needs
    assert finding.outcome == "fail"


def test_few_days_hold_and_the_plan_says_how_many_requests_are_missing():
    pairs, labels = make_release(3)
    rule = paired_loss(days=10) <= 30
    found = measure_canary(rule.check, make_window(pairs, labels=labels, now=3 * DAY), subject=SUBJECT)
    assert (found.clusters, found.n, found.needs) == (2, 180, 900)
    assert judge(rule, found).outcome == "hold"
    pairs, labels = make_release(9)
    found = measure_canary(rule.check, make_window(pairs, labels=labels, now=9 * DAY), subject=SUBJECT)
    assert judge(rule, found).reason.endswith("; 720 of the 900 that its plan asks for")
    pairs, labels = make_release(11)
    found = measure_canary(rule.check, make_window(pairs, labels=labels, now=11 * DAY), subject=SUBJECT)
    assert judge(rule, found).outcome == "pass"


def test_one_day_has_no_interval():
    pairs, labels = make_release(2)
    found = measure_canary(LOSS.check, make_window(pairs, labels=labels, now=2 * DAY), subject=SUBJECT)
    assert (found.clusters, found.n, judge(LOSS, found).outcome) == (1, 90, "hold")
    assert found.facts["said"].endswith("of version 1, too few days for an interval, over 90 requests in 1 day")
    assert -found.low == found.high == pytest.approx(-math.log(1e-15))


def test_an_evening_is_not_a_day():
    pairs, labels = make_release(4)
    window = make_window(pairs.tail(90 * 2 + 4), labels=labels, now=4 * DAY)
    found = measure_canary(LOSS.check, window, subject=SUBJECT)
    assert found.clusters == 2
    assert "too few days for an interval" in found.facts["said"]


def test_labels_known_later_do_not_count():
    pairs, labels = make_release(6)
    window = make_window(pairs, labels=labels.with_columns(known_at=pl.col("known_at") + 2 * DAY), now=6 * DAY)
    assert measure_canary(LOSS.check, window, subject=SUBJECT).n == 3 * 90


def test_days_are_those_of_the_zone():
    pairs, labels = make_release(6)
    there = make_window(pairs, labels=labels, now=6 * DAY, zone="Asia/Tokyo")
    found = measure_canary(LOSS.check, there, subject=SUBJECT)
    assert (found.clusters, found.n) == (6, math.ceil(5.625 * 90))


def test_evidence_depends_on_the_rows_and_not_on_their_order():
    pairs, labels = make_release(6)
    pairs = spoil(pairs, "error_candidate", "SW-801", nth(50))
    ages = np.zeros(pairs.height, int)
    window = apart(pairs, newest(pairs, landed=ages), newest(pairs, landed=ages + 3 * HOUR), labels=labels, now=6 * DAY)
    shuffled = pairs.sample(fraction=1.0, shuffle=True, seed=2)
    other = apart(
        shuffled, newest(pairs, landed=ages), newest(pairs, landed=ages + 3 * HOUR), labels=labels, now=6 * DAY
    )
    for rule in (FAILED, SLOW, prediction_shift <= 0.1, LAG, LOSS):
        one, two = (measure_canary(rule.check, w, subject=SUBJECT) for w in (window, other))
        assert one == two
        changed = make_window(pairs.tail(-1), labels=labels, now=6 * DAY, newest=window.newest, online=window.online)
        assert measure_canary(rule.check, changed, subject=SUBJECT).log_digest != one.log_digest


def test_evidence_is_stored_as_it_is():
    pairs, labels = make_release(3)
    for check in (FAILED.check, SLOW.check, prediction_shift, LAG.check, LOSS.check):
        found = measure_canary(check, make_window(pairs, labels=labels, now=3 * DAY), subject=SUBJECT)
        assert msgspec.json.decode(msgspec.json.encode(found), type=type(found)) == found
        assert all(math.isfinite(x) for x in (found.value, found.low, found.high))
        assert (found.check, found.subject) == (check.name, SUBJECT)


def test_a_gate_decides_on_all_five():
    pairs, labels = make_release(40)
    gate = make_gate("step", FAILED, SLOW, prediction_shift <= 0.1, LAG, LOSS, before="step")
    window = make_window(pairs, labels=labels, now=40 * DAY)
    verdict = decide(
        gate, SUBJECT, {r.check.name: measure_canary(r.check, window, subject=SUBJECT) for r in gate.rules}
    )
    assert verdict.outcome == "pass", verdict.reason


def test_checks_on_something_else_are_refused():
    with pytest.raises(ShipwayError) as caught:
        measure_canary(auc, make_window(make_pairs(10)), subject=SUBJECT)
    assert caught.value.code == "SW-403"
    by_week = msgspec.structs.replace(LOSS.check, measure=PairedLoss(cluster="week"))
    with pytest.raises(ShipwayError) as caught:
        measure_canary(by_week, make_window(make_pairs(10)), subject=SUBJECT)
    assert caught.value.code == "SW-104"


def test_an_evening_and_a_day_are_not_two_days_on_which_no_harm_is_shown():
    pairs, labels = make_release(4)
    found = measure_canary(SHOWN.check, make_window(pairs.tail(184), labels=labels, now=4 * DAY), subject=SUBJECT)
    assert judge(SHOWN, found).outcome == "hold"


def make_numbers(days: int, *, worse: float = 1.0, size: int = 90) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Build pairs in minutes with labels that land after 5 hours; the candidate's errors are so many times as large."""
    rng, n = np.random.default_rng(7), days * size
    y = rng.gamma(2, 20, n)
    error, own = rng.normal(0, 8, n) + np.repeat(rng.normal(0, 2, days), size), rng.normal(0, 2, n)
    pairs = make_pairs(n, spacing=DAY // size)
    pairs = pairs.with_columns(p_stable=pl.Series(y + error), p_candidate=pl.Series(y + worse * error + own))
    return pairs, pl.DataFrame({"row": pairs["row"], "label": y, "known_at": pairs["at"] + 5 * HOUR})


def number_window(pairs, labels, **changes):
    scale = tuple(np.quantile(pairs["p_stable"], np.linspace(0, 1, 21)).tolist())
    now = int(pairs["at"].max()) + 1
    return make_window(pairs, labels=labels, **({"predicts": "number", "scale": scale, "now": now} | changes))


def test_numbers_shift_by_the_places_that_they_take_among_those_of_the_stable_version():
    pairs, labels = make_numbers(5)
    found = measure_canary(prediction_shift, number_window(pairs, labels), subject=SUBJECT)
    assert found.low <= found.value <= found.high < 0.25
    assert found.facts["mean_stable"] == pytest.approx(pairs["p_stable"].mean())
    moved = pairs.with_columns(p_candidate=pl.col("p_stable") + 100)
    far = measure_canary(prediction_shift, number_window(moved, labels), subject=SUBJECT)
    assert far.low > 0.25
    assert far.facts["mean_absolute_difference"] == pytest.approx(100)
    # It does not matter in which unit both are told.
    hours = moved.with_columns(pl.col("p_stable", "p_candidate") / 60)
    again = measure_canary(prediction_shift, number_window(hours, labels), subject=SUBJECT)
    assert (again.value, again.low, again.high) == pytest.approx((far.value, far.low, far.high))


def test_numbers_without_a_scale_hold():
    pairs, labels = make_numbers(2)
    found = measure_canary(prediction_shift, number_window(pairs, labels, scale=()), subject=SUBJECT)
    finding = judge(prediction_shift <= 0.25, found)
    assert (finding.outcome, finding.reason) == ("hold", "nothing says how what version 1 predicts is distributed")


def test_the_loss_of_a_number_is_its_absolute_error():
    pairs, labels = make_numbers(9, worse=1.5)
    check = paired_loss("mean_absolute_error")
    found = measure_canary(check, number_window(pairs, labels, now=9 * DAY), subject=SUBJECT)
    whole, y = pairs.head(720), labels["label"].to_numpy()[:720]
    ours, theirs = (np.abs(whole[name].to_numpy() - y) for name in ("p_candidate", "p_stable"))
    days = np.repeat(np.arange(8), 90)
    assert (found.n, found.clusters, found.value) == (720, 8, pytest.approx((ours - theirs).mean()))
    assert (found.low, found.high) == pytest.approx(confidence_sequence_mean(clustered_mean(ours - theirs, days), 0.05))
    assert found.facts["mean"] == pytest.approx(y.mean())
    share = measure_canary(
        paired_loss("mean_absolute_error", relative=True), number_window(pairs, labels, now=9 * DAY), subject=SUBJECT
    )
    estimate = clustered_ratio(ours - theirs, theirs, days)
    assert share.value == pytest.approx(ours.mean() / theirs.mean() - 1)
    assert (share.low, share.high) == pytest.approx(confidence_sequence_mean(estimate, 0.05))
    assert f"greater by {share.value:+.2%} [" in share.facts["said"]


@pytest.mark.parametrize(("worse", "outcome"), [(1.0, "pass"), (2.5, "fail")])
def test_a_canary_of_a_number_is_judged_by_the_share_that_is_shown(worse, outcome):
    pairs, labels = make_numbers(30, worse=worse)
    rule = shown_loss("mean_absolute_error", relative=True) <= 0.2
    found = measure_canary(rule.check, number_window(pairs, labels, now=30 * DAY), subject=SUBJECT)
    assert judge(rule, found).outcome == outcome


def test_a_loss_without_a_bound_has_no_interval_of_one_day():
    pairs, labels = make_numbers(2)
    for check in (paired_loss("mean_absolute_error"), shown_loss("mean_absolute_error", relative=True)):
        found = measure_canary(check, number_window(pairs, labels, now=2 * DAY), subject=SUBJECT)
        assert (found.n, found.low, found.high, judge(check <= 1, found).outcome) == (0, 0.0, 0.0, "hold")
        assert found.facts["said"].endswith("too few days for an interval, over 90 requests in 1 day")
        none = measure_canary(check, number_window(pairs, labels.head(0)), subject=SUBJECT)
        assert (none.n, none.facts["said"]) == (0, "no day is over with its labels landed")


def test_nothing_is_a_share_of_no_error():
    pairs, labels = make_numbers(5)
    pairs = pairs.with_columns(p_stable=labels["label"])
    check = paired_loss("mean_absolute_error", relative=True)
    found = measure_canary(check, number_window(pairs, labels, now=5 * DAY), subject=SUBJECT)
    assert (found.n, judge(check <= 1, found).outcome) == (0, "hold")
    assert found.facts["said"].endswith("of version 1, which errs nowhere, so nothing is a share of that")


def test_a_loss_of_another_kind_is_refused_by_name():
    pairs, labels = make_numbers(3)
    with pytest.raises(
        ShipwayError, match=r"paired_loss\(\) measures predictions of a (class or a )?condition"
    ) as refused:
        measure_canary(paired_loss(), number_window(pairs, labels), subject=SUBJECT)
    assert refused.value.code == "SW-403"
    pairs, labels = make_release(3)
    with pytest.raises(ShipwayError, match="measures predictions of a number, and the service predicts a condition"):
        measure_canary(shown_loss("mean_absolute_error"), make_window(pairs, labels=labels), subject=SUBJECT)


CLASSES = ("early", "late", "never")


def make_classes(days: int, *, harm: float = 0.0, size: int = 90, happen: int = 3) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Build pairs over three classes with labels that land after 5 hours; the candidate says the prior as often as."""
    rng, n = np.random.default_rng(9), days * size
    p = rng.dirichlet([1.0, 1.0, 0.5], n)
    y = (rng.random((n, 1)) > p.cumsum(axis=1)).sum(axis=1).clip(max=2)
    flat = np.where(rng.random((n, 1)) < harm, p.mean(axis=0), p)
    pairs = make_pairs(n, spacing=DAY // size)
    kind = pl.Array(pl.Float64, 3)
    pairs = pairs.with_columns(p_stable=pl.Series(p, dtype=kind), p_candidate=pl.Series(flat, dtype=kind))
    names = np.array([*CLASSES, "lost"])[np.where(rng.random(n) < (happen - 3) * 0.1, 3, y)]
    return pairs, pl.DataFrame({"row": pairs["row"], "label": names.tolist(), "known_at": pairs["at"] + 5 * HOUR})


def class_window(pairs, labels, **changes):
    now = int(pairs["at"].max()) + 1
    return make_window(pairs, labels=labels, **({"predicts": "class", "classes": CLASSES, "now": now} | changes))


def test_classes_shift_by_what_their_shares_and_their_rows_say():
    pairs, labels = make_classes(5, harm=0.3)
    found = measure_canary(prediction_shift, class_window(pairs, labels), subject=SUBJECT)
    p, q = (pairs[name].to_numpy() for name in ("p_stable", "p_candidate"))
    assert (found.low, found.high) == confidence_sequence_classes(q, p, 0.05 / 4)
    assert found.low <= found.value <= found.high
    assert found.facts["shares_stable"] == pytest.approx(dict(zip(CLASSES, p.mean(axis=0), strict=True)))
    assert found.facts["mean_absolute_difference"] == pytest.approx(np.abs(p - q).sum(axis=1).mean() / 2)
    assert found.facts["other_class"] == (p.argmax(axis=1) != q.argmax(axis=1)).mean()
    one = pairs.with_columns(
        p_candidate=pl.Series(np.tile([1.0, 0.0, 0.0], (len(p), 1)), dtype=pl.Array(pl.Float64, 3))
    )
    far = measure_canary(prediction_shift, class_window(one, labels), subject=SUBJECT)
    assert far.low > 0.25
    assert "most in 'early' 1.000 against " in far.facts["said"]
    assert msgspec.json.encode(far)


def test_the_loss_of_a_class_is_the_log_loss_of_what_happened():
    pairs, labels = make_classes(9, harm=0.4)
    found = measure_canary(paired_loss(), class_window(pairs, labels, now=9 * DAY), subject=SUBJECT)
    y = np.array([CLASSES.index(name) for name in labels["label"].to_list()[:720]])
    whole = pairs.head(720)
    ours, theirs = (-np.log(whole[name].to_numpy()[np.arange(720), y]) for name in ("p_candidate", "p_stable"))
    days = np.repeat(np.arange(8), 90)
    assert (found.n, found.clusters, found.value) == (720, 8, pytest.approx((ours - theirs).mean()))
    assert (found.low, found.high) == pytest.approx(confidence_sequence_mean(clustered_mean(ours - theirs, days), 0.05))
    shares = np.bincount(y) / 720
    assert found.facts["shares"] == pytest.approx(dict(zip(CLASSES, shares, strict=True)))


@pytest.mark.parametrize(("harm", "outcome"), [(0.0, "pass"), (0.6, "fail")])
def test_a_canary_of_a_class_is_judged_by_the_share_that_is_shown(harm, outcome):
    pairs, labels = make_classes(30, harm=harm)
    rule = shown_loss(relative=True) <= 0.02
    found = measure_canary(rule.check, class_window(pairs, labels, now=30 * DAY), subject=SUBJECT)
    assert judge(rule, found).outcome == outcome


def test_a_class_that_neither_version_knows_compares_nothing():
    pairs, labels = make_classes(9, happen=4)
    found = measure_canary(paired_loss(), class_window(pairs, labels, now=9 * DAY), subject=SUBJECT)
    lost = labels["label"].to_list()[:720].count("lost")
    assert found.facts["never_told"] == found.facts["unknown_to_stable"] == lost > 20
    assert found.facts["shares"]["lost"] == lost / 720
    assert (found.value, found.n) == (0, 720 - lost)
    assert f"{lost:,} labels of classes that it never tells of left out" in found.facts["said"]


def test_a_new_class_hides_no_harm_elsewhere():
    """The candidate alone knows a class, which wins it much on few rows, and is worse on all others."""
    pairs, labels = make_classes(30, harm=0.6, happen=4)
    new = (labels["label"] == "lost").to_numpy()
    stable, ours = (np.pad(pairs[name].to_numpy(), ((0, 0), (0, 1))) for name in ("p_stable", "p_candidate"))
    ours[new] = [0.1, 0.1, 0.1, 0.7]
    kind = pl.Array(pl.Float64, 4)
    pairs = pairs.with_columns(p_stable=pl.Series(stable, dtype=kind), p_candidate=pl.Series(ours, dtype=kind))
    window = class_window(pairs, labels, now=30 * DAY, classes=(*CLASSES, "lost"))
    rule = shown_loss(relative=True) <= 0.02
    found = measure_canary(rule.check, window, subject=SUBJECT)
    assert judge(rule, found).outcome == "fail"
    assert found.facts["unknown_to_stable"] == new[: 29 * 90].sum()


@pytest.mark.parametrize(("sure", "outcome"), [(0.0, "pass"), (0.2, "fail")])
def test_who_is_sure_of_a_new_class_where_there_is_none_pays_for_it(sure, outcome):
    pairs, labels = make_classes(30)
    told = np.where(np.random.default_rng(1).random((pairs.height, 1)) < sure, 1 - 1e-6, 0.02)
    stable = np.pad(pairs["p_stable"].to_numpy(), ((0, 0), (0, 1)))
    ours = np.column_stack([pairs["p_candidate"].to_numpy() * (1 - told), told])
    kind = pl.Array(pl.Float64, 4)
    pairs = pairs.with_columns(p_stable=pl.Series(stable, dtype=kind), p_candidate=pl.Series(ours, dtype=kind))
    window = class_window(pairs, labels, now=30 * DAY, classes=(*CLASSES, "lost"))
    rule = shown_loss(relative=True) <= 0.02
    found = measure_canary(rule.check, window, subject=SUBJECT)
    assert judge(rule, found).outcome == outcome
    assert found.facts["given_to_unknown"] == pytest.approx(told.mean(), rel=0.05)
    assert f"{found.facts['given_to_unknown']:.1%} given to classes that it never tells of" in found.facts["said"]
    brier = measure_canary(paired_loss("brier"), window, subject=SUBJECT)
    assert brier.value > 0


def test_labels_of_nothing_but_new_classes_hold():
    pairs, labels = make_classes(9)
    unknown = labels.with_columns(label=pl.lit("lost"))
    found = measure_canary(paired_loss(), class_window(pairs, unknown, now=9 * DAY), subject=SUBJECT)
    assert (found.n, found.facts["unknown_to_stable"]) == (0, 720)
    assert "no label is of a class that" in found.facts["said"]


def test_labels_of_classes_mature_and_lean_by_their_shares():
    pairs, labels = make_classes(9)
    check = label_maturity
    found = measure_canary(
        msgspec.structs.replace(check, subject="canary"), class_window(pairs, labels), subject=SUBJECT
    )
    assert [each["of"] for each in found.facts["bias"]] == [*(f"share of {name!r}" for name in CLASSES), "log loss"]
    seen = [each["seen"] for each in found.facts["bias"][:3]]
    assert sum(seen) == pytest.approx(1)
