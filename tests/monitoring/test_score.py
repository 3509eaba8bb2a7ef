"""Metrics of a number on a live window, against scikit-learn and the formulas on the same rows."""

import msgspec
import numpy as np
import polars as pl
import pytest
from sklearn import metrics

import shipway as words
from shipway.core.candidate import auc, calibration_gap, label_maturity, log_loss
from shipway.core.check import Check
from shipway.core.error import ShipwayError
from shipway.core.gate import judge
from shipway.core.maturity import read_maturity
from shipway.core.measure import Score
from shipway.maths.interval import clustered_mean, interval
from shipway.monitoring.live import measure_live, performance_by_week
from shipway.monitoring.window import LiveWindow

HOUR, DAY = 3_600_000_000, 86_400_000_000
MONDAY = 19_723 * DAY  # 2024-01-01
SUBJECT = "service:eta@2"
EMPTY = pl.DataFrame()


def name(metric):
    return Check(metric, Score(metric), "candidate", metric)


MAE, RMSE, EXPLAINED = (name(each) for each in ("mean_absolute_error", "root_mean_squared_error", "r_squared"))


def make_answers(days=20, size=60, bias=0.0):
    """Build answers in minutes of some days from a Monday on, and labels that land after 5 hours; days differ."""
    rng, n = np.random.default_rng(1), days * size
    p = rng.gamma(2, 20, n)
    day = np.repeat(rng.normal(0, 3, days), size)
    names = [f"r{i:05d}" for i in range(n)]
    at = MONDAY + np.arange(n) * (DAY // size)
    answers = pl.DataFrame({"request": names, "row": names, "at": at, "version": np.full(n, 2), "p": p + bias})
    labels = pl.DataFrame({"row": names, "label": p + day + rng.normal(0, 5, n), "known_at": at + 5 * HOUR})
    return answers, labels


def make_window(answers, labels, now, **changes):
    told = {"answers": answers, "labels": labels, "vectors": EMPTY, "reference": EMPTY, "offline": EMPTY}
    return LiveWindow(**(told | {"features": (), "now": now, "predicts": "number"} | changes))


def measured_rows(answers, labels, now, last):
    rows = answers.join(labels, on="row").filter(
        pl.col("at") > now - last, pl.col("at") <= now, pl.col("known_at") <= now
    )
    return rows["label"].to_numpy(), rows["p"].to_numpy(), (rows["at"] // DAY).to_numpy()


def measure(check, window):
    return measure_live(check, window, subject=SUBJECT).evidence


def test_errors_are_those_of_the_window_clustered_by_day():
    answers, labels = make_answers()
    now = MONDAY + 18 * DAY
    window = make_window(answers, labels, now)
    y, p, day = measured_rows(answers, labels, now, 7 * DAY)
    found = measure(MAE.over("7d"), window)
    assert (found.n, found.clusters, found.value) == (y.size, 7, pytest.approx(metrics.mean_absolute_error(y, p)))
    assert (found.low, found.high) == pytest.approx(interval(clustered_mean(np.abs(p - y), day)))
    assert (found.facts["mean"], found.facts["mean_p"]) == (pytest.approx(y.mean()), pytest.approx(p.mean()))
    assert "rate" not in found.facts
    assert found.facts["said"].endswith(f"over {y.size} of 420 answers with a label, in 7 days")
    assert measure(RMSE.over("7d"), window).value == pytest.approx(metrics.root_mean_squared_error(y, p))
    assert measure(EXPLAINED.over("7d"), window).value == pytest.approx(metrics.r2_score(y, p))


def test_the_gap_of_a_number_is_in_its_unit():
    for bias, way in ((30.0, "much"), (-30.0, "little")):
        answers, labels = make_answers(bias=bias)
        found = measure(calibration_gap.over("14d"), make_window(answers, labels, MONDAY + 15 * DAY))
        y, p, day = measured_rows(answers, labels, MONDAY + 15 * DAY, 14 * DAY)
        low, high = interval(clustered_mean(p - y, day))
        assert found.value == pytest.approx(abs((p - y).mean()))
        assert (found.low, found.high) == pytest.approx(tuple(sorted((abs(low), abs(high)))))
        assert found.low > 25
        assert found.facts["said"].startswith(f"predicts too {way} on average, by ")
        assert judge(calibration_gap.over("14d") <= 5, found).outcome == "fail"


def test_one_day_has_no_interval_and_nothing_labelled_no_value():
    answers, labels = make_answers(1)
    for check in (MAE, RMSE, EXPLAINED, calibration_gap):
        for window, said in (
            (make_window(answers, labels, MONDAY + 2 * DAY), "in 1 day, which is too little for an interval"),
            (make_window(answers, labels.head(0), MONDAY + 2 * DAY), "no answer has a label yet"),
        ):
            found = measure(check.over("3d"), window)
            assert (found.n, found.low, found.high) == (0, 0.0, 0.0)
            assert found.facts["said"].endswith(said)
            assert judge(check.over("3d") <= 100, found).outcome == "hold"
            assert msgspec.json.encode(found)


def test_a_metric_without_a_value_says_why():
    answers, labels = make_answers(3)
    window = make_window(answers, labels.with_columns(label=pl.lit(4.0)), MONDAY + 4 * DAY)
    found = measure(EXPLAINED.over("4d"), window)
    assert (found.n, found.facts["said"]) == (0, "all 179 labels are 4, so there is nothing to explain")


def test_what_measures_another_kind_is_refused_by_name():
    answers, labels = make_answers(3)
    for check in (auc, log_loss):
        with pytest.raises(
            ShipwayError, match=r"measures predictions of a (class or a )?condition, and the service"
        ) as refused:
            measure(check.over("3d"), make_window(answers, labels, MONDAY + 4 * DAY))
        assert refused.value.code == "SW-403"
        assert "mean_absolute_error" in refused.value.hint
        assert refused.value.hint.endswith("models=[...]")
    happened = labels.with_columns(label=pl.col("label") > 40)
    window = make_window(answers, happened, MONDAY + 4 * DAY, predicts="condition")
    with pytest.raises(ShipwayError, match=r"mean_absolute_error.over\(\"3d\"\) measures predictions of a number"):
        measure(MAE.over("3d"), window)


def test_labels_of_numbers_mature_and_lean_in_their_unit():
    answers, labels = make_answers(30)
    window = make_window(answers, labels, MONDAY + 30 * DAY)
    maturity = read_maturity(measure(label_maturity.over("28d"), window))
    assert [bias.of for bias in maturity.bias] == ["label mean", "absolute error"]
    y, p, _ = measured_rows(answers, labels, MONDAY + 30 * DAY, 28 * DAY)
    assert maturity.bias[0].seen == pytest.approx(y.mean())
    assert maturity.bias[1].seen == pytest.approx(np.abs(p - y).mean())
    failed = answers.with_columns(p=pl.when(pl.int_range(pl.len()) == 800).then(np.nan).otherwise("p"))
    maturity = read_maturity(measure(label_maturity.over("28d"), make_window(failed, labels, MONDAY + 30 * DAY)))
    assert [bias.of for bias in maturity.bias] == ["label mean"]


def test_weeks_tell_the_error_in_the_unit_of_the_label():
    answers, labels = make_answers(21)
    weeks = performance_by_week(answers, labels, known_by=MONDAY + 40 * DAY, zone="UTC")
    assert weeks.columns == [
        "week", "answered", "labelled", "mean", "mean_p", "mean_absolute_error", "root_mean_squared_error", "gap",
    ]  # fmt: skip
    assert weeks["labelled"].to_list() == [420] * 3
    y, p = labels["label"].to_numpy()[:420], answers["p"].to_numpy()[:420]
    first = weeks.row(0, named=True)
    assert first["mean"] == pytest.approx(y.mean())
    assert first["mean_p"] == pytest.approx(p.mean())
    assert first["mean_absolute_error"] == pytest.approx(metrics.mean_absolute_error(y, p))
    assert first["root_mean_squared_error"] == pytest.approx(metrics.root_mean_squared_error(y, p))
    assert first["gap"] == pytest.approx(p.mean() - y.mean())
    none = performance_by_week(answers, labels.head(0), known_by=MONDAY, zone="UTC")
    assert none["mean"].null_count() == 3


CLASSES = ("early", "late", "lost")


def make_classified(days=20, size=60):
    rng, n = np.random.default_rng(3), days * size
    p = rng.dirichlet((1.0, 2.0, 0.4), n)
    happened = [CLASSES[(row.cumsum() > draw).argmax()] for row, draw in zip(p, rng.random(n), strict=True)]
    names = [f"r{i:05d}" for i in range(n)]
    at = MONDAY + np.arange(n) * (DAY // size)
    said = pl.Series(p, dtype=pl.Array(pl.Float64, 3))
    answers = pl.DataFrame({"request": names, "row": names, "at": at, "version": np.full(n, 2), "p": said})
    labels = pl.DataFrame({"row": names, "label": happened, "known_at": at + 5 * HOUR})
    window = make_window(answers, labels, MONDAY + (days + 1) * DAY, predicts="class", classes=CLASSES)
    return p, np.array(happened), window


def test_one_class_is_measured_against_the_rest():
    p, happened, window = make_classified()
    lost, said, chosen = happened == "lost", p[:, 2], p.argmax(axis=1) == 2
    for check, due in (
        (auc.of("lost"), metrics.roc_auc_score(lost, said)),
        (log_loss.of("lost"), metrics.log_loss(lost, said)),
        (words.recall(of="lost"), metrics.recall_score(lost, chosen)),
        (words.recall(at=0.1, of="lost"), metrics.recall_score(lost, said >= 0.1)),
        (log_loss, metrics.log_loss(happened, p, labels=CLASSES)),
    ):
        found = measure(check.over("30d"), window)
        assert found.value == pytest.approx(due, rel=1e-9), check.text
        assert found.facts["shares"]["lost"] == pytest.approx(lost.mean())


def test_a_class_that_never_came_and_that_nobody_told_of_has_no_value():
    for check in (auc, log_loss, calibration_gap, words.brier, words.accuracy):
        found = measure(check.of("sold").over("30d"), make_classified()[2])
        assert (found.n, found.facts["said"]) == (0, "no version tells of class 'sold', and no label is")
        assert judge(check.of("sold").over("30d") <= 0.5, found).outcome == "hold"
