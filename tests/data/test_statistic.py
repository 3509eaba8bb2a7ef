"""Numbers of a column as Polars and NumPy count them, and intervals by simulation."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from shipway.core.data_check import (
    correlation,
    distinct,
    fresh,
    has_rows,
    holds,
    label_rate,
    mean,
    present,
    quantile,
    refers,
    rule,
    share,
    shift,
    timely,
    unseen,
    vanished,
)
from shipway.core.error import ShipwayError
from shipway.core.feature import Label, Source
from shipway.core.gate import checks_of, decide, make_gate
from shipway.data.check import measure_tables
from shipway.data.delivery import split_rows
from shipway.data.scan import Content
from shipway.kit.duration import DAY

t = Source("t", ("id",), (), {"at": ("x", "y", "k", "z", "done")})
other = Source("other", (), (), {"always": ("k",)})
START = datetime(2024, 1, 1, tzinfo=UTC)
NOW = int(START.timestamp()) * 1_000_000 + 100 * DAY


def rows(days=range(10), per_day=50, seed=1, **columns):
    """A table in which the rows of a day share something."""
    random = np.random.default_rng(seed)
    day = np.repeat(list(days), per_day)
    n = len(day)
    effect = random.normal(0, 1, max(days) + 1)[day]
    x = effect + random.normal(0, 1, n)
    frame = pl.DataFrame(
        {
            "id": np.arange(n) + 100_000 * seed,
            "x": x,
            "y": 2 * x + random.normal(0, 0.1, n),
            "k": random.choice(["a", "b", "c"], n),
            "at": [
                START + timedelta(days=int(d), minutes=int(m))
                for d, m in zip(day, random.integers(0, 1440, n), strict=True)
            ],
        }
    ).with_columns(done=pl.col("at") + pl.duration(hours=1))
    return frame.with_columns(**columns) if columns else frame


def measure(check, frame, main=None, new=None, others=None, now=NOW):
    tables = {"t": Content(frame, new, main), **(others or {})}
    return measure_tables([check], tables, subject="data:t@1", now=now, log_digest="")[check.name].evidence


def test_numbers_without_days_are_exact():
    frame = rows().with_columns(x=pl.when(pl.col("id") % 7 == 0).then(None).otherwise("x"))
    for check, value in [
        (mean(t.x), frame["x"].mean()),
        (share(t.x > 0), (frame["x"] > 0).mean()),
        (distinct(t.k), 3),
        (distinct(t.k, t.x), frame.drop_nulls("x").select("k", "x").n_unique()),
        (correlation(t.x, t.y), frame.drop_nulls().select(pl.corr("x", "y")).item()),
    ]:
        found = measure(check, frame)
        assert found.value == pytest.approx(value, rel=1e-12), check
        assert (found.low, found.high, found.clusters) == (found.value, found.value, 0)


@pytest.mark.parametrize("at", [0.01, 0.25, 0.5, 0.99])
def test_a_quantile_of_whole_numbers_is_exact(at):
    values = np.random.default_rng(3).integers(-900, 5000, 999)
    found = measure(quantile(t.x, at), pl.DataFrame({"x": values}))
    assert found.value == np.quantile(values, at, method="inverted_cdf")


def test_days_make_an_estimate_whose_interval_covers():
    """Rows of a day share an effect: intervals that took rows one by one would cover about a third of the time."""
    covered = {"mean": 0, "quantile": 0, "correlation": 0, "share": 0}
    checks = {
        "mean": (mean(t.x, by=t.at), 0.0),
        "quantile": (quantile(t.x, 0.5, by=t.at), 0.0),
        "correlation": (correlation(t.x, t.y, by=t.at), math.sqrt(8) / math.sqrt(8.01)),
        "share": (share(t.x > 0, by=t.at), 0.5),
    }
    for seed in range(60):
        frame = rows(range(25), 20, seed + 10)
        asked = [check for check, _ in checks.values()]
        all_found = measure_tables(asked, {"t": frame}, subject="data:t@1", now=NOW, log_digest="")
        for name, (check, truth) in checks.items():
            found = all_found[check.name].evidence
            assert found.clusters == 25
            covered[name] += found.low <= truth <= found.high
    assert all(count >= 52 for count in covered.values()), covered  # 57 expected of 60; below 52 has probability .007


def test_one_day_says_nothing_of_others():
    found = measure(mean(t.x, by=t.at), rows(range(1)))
    assert found.n == 0
    assert "all of one day" in found.facts["said"]


def test_a_difference_is_in_deviations_of_the_reference():
    main, batch = rows(range(10), seed=1), rows(range(10, 14), seed=2)
    batch = batch.with_columns(pl.col("x") + 3)
    expected = (batch["x"].mean() - main["x"].mean()) / main["x"].std(ddof=0)
    check = mean(t.x).on("new").against("main")
    assert measure(check, batch, main, batch).value == pytest.approx(expected)
    rate = share(t.x > 0).on("new").against("main")
    expected = (batch["x"] > 0).mean() - (main["x"] > 0).mean()
    assert measure(rate, batch, main, batch).value == pytest.approx(expected)
    growth = has_rows(t).on("new").against("main")
    assert measure(growth, batch, main, batch).value == pytest.approx(200 / 500 - 1)


def test_a_period_counts_back_from_what_main_has():
    main, batch = rows(range(10)), rows(range(10, 12), seed=2)
    for last, ago, kept in (("3d", None, {7, 8, 9}), ("3d", "4d", {3, 4, 5})):
        check = has_rows(t, by=t.at - "12h").on("new").against("main", last=last, ago=ago)
        newest = main["at"].max()
        end = newest - timedelta(days=4 if ago else 0)
        expected = main.filter((pl.col("at") > end - timedelta(days=3)) & (pl.col("at") <= end)).height
        assert measure(check, batch, main, batch).facts["reference"] == expected
        assert abs(expected - 50 * len(kept)) < 50


def test_a_shift_is_what_moved_over_the_deviation():
    main = rows(range(10))
    found = measure(shift(t.x).on("new"), main, main, main.with_columns(pl.col("x") + 2))
    assert found.value == pytest.approx(2 / main["x"].std(ddof=0), rel=0.01)
    same = measure(shift(t.x, by=t.at).on("new"), main, main, main)
    assert same.value == 0
    assert same.low == 0 < same.high
    swapped = main.with_columns(k=pl.when(pl.col("k") == "a").then(pl.lit("d")).otherwise("k"))
    assert measure(shift(t.k).on("new"), main, main, swapped).value == pytest.approx((main["k"] == "a").mean())
    constant = main.with_columns(x=pl.lit(1.0))
    assert measure(shift(t.x).on("new"), main, constant, constant).value == 0
    assert measure(shift(t.x).on("new"), main, constant, main).value == 1


def test_the_interval_of_a_shift_covers_what_both_sides_were_drawn_from():
    covered = 0
    for seed in range(40):
        main, batch = rows(range(40), 20, 2 * seed), rows(range(20), 20, 2 * seed + 1)
        batch = batch.with_columns(pl.col("x") + 0.7)
        found = measure(shift(t.x, by=t.at).on("new"), batch, main, batch)
        covered += found.low <= 0.7 / main["x"].std(ddof=0) <= found.high
    assert covered >= 37


def test_values_that_are_new_or_gone_are_named():
    main = rows(range(10))
    batch = main.filter(pl.col("k") != "b").with_columns(k=pl.col("k").str.replace("c", "d"))
    found = measure(unseen(t.k).on("new"), batch, main, batch)
    assert found.value == pytest.approx((batch["k"] == "d").mean())
    assert "not seen before" in found.facts["said"]
    assert found.facts["values"] == ["d"]
    gone = measure(vanished(t.k).on("new"), batch, main, batch)
    assert (gone.value, set(gone.facts["values"])) == (2.0, {"b", "c"})


@pytest.mark.parametrize(
    "check",
    [
        shift(t.x), shift(t.k), unseen(t.k), vanished(t.k), mean(t.x).against("main"), has_rows(t).against("main"),
        distinct(t.k).against("main"), quantile(t.x, 0.5).against("main"), correlation(t.x, t.y).against("main"),
    ],
)  # fmt: skip
def test_what_main_never_had_differs_from_nothing_and_what_is_empty_there_cannot_be_compared(check):
    first = measure(check.on("new"), rows())
    assert (first.value, first.n > 0) == (0, True)
    assert "nothing to compare with" in first.facts["said"]
    empty = measure(check.on("new"), rows(), rows().clear(), rows())
    assert empty.n == 0


def judge_new(content, *rules):
    """Return the findings of rules on new rows."""
    gate = make_gate("g", *(rule.on("new") for rule in rules), before="training")
    found = measure_tables(checks_of([gate]), {"t": content}, subject="data:t@1", now=NOW, log_digest="")
    evidence = {name: one.evidence for name, one in found.items()}
    return evidence, decide(gate, "data:t@1", evidence).findings


def test_new_rows_are_those_whose_key_main_has_not():
    main, batch = rows(range(5), seed=1), rows(range(5, 7), seed=2)
    evidence, findings = judge_new(split_rows(pl.concat([main, batch]), main, ("id",)), has_rows(t) >= 1)
    assert [one.value for one in evidence.values()] == [batch.height]
    assert findings[0].outcome == "pass"


def test_a_table_that_is_what_main_has_needs_no_judgement_but_whether_rows_come():
    main = rows()
    corrected = main.with_columns(x=pl.when(pl.col("id") == 100_003).then(-1.0).otherwise("x"))
    rules = (present(t.x), holds(t.x > 1e9), unseen(t.k), mean(t.x) >= 1e9, has_rows(t) >= 1, fresh(t.at, within="1h"))
    same = replace(split_rows(main, main, ("id",)), unchanged=True)
    evidence, findings = judge_new(same, *rules)
    assert [one.n for one in evidence.values()] == [0] * len(rules)
    assert [finding.outcome for finding in findings] == ["pass"] * 4 + ["hold"] * 2
    assert {finding.reason for finding in findings[:4]} == {"the table is what main has already"}
    for content in (split_rows(corrected, main, ("id",)), Content(main.clear())):
        assert {finding.outcome for finding in judge_new(content, *rules)[1]} == {"hold"}


def test_references_are_counted_over_whole_keys():
    frame = rows().with_columns(k=pl.when(pl.col("id") % 10 == 0).then(None).otherwise("k"))
    found = measure(refers(t.k, other.k), frame, others={"other": pl.DataFrame({"k": ["a", "b", None, "b"]})})
    whole = frame.drop_nulls("k")
    assert found.value == pytest.approx((whole["k"] == "c").mean())
    assert found.facts["unkeyed"] == frame.height - whole.height
    with pytest.raises(ShipwayError, match="SW-203"):
        measure(refers(t.k, other.k), frame, others={"other": pl.DataFrame({"k": [1]})})
    with pytest.raises(ShipwayError, match="SW-209"):
        measure(refers(t.k, other.k), frame)


def test_conditions_in_polars_and_sql_are_those_of_our_own():
    frame = rows()
    expected = measure(holds(t.x > 0), frame)
    for condition in (pl.col("x") > 0, "x > 0", "x > 0 and id is not null"):
        found = measure(rule("positive", t, condition), frame)
        assert (found.value, found.facts["count"]) == (expected.value, expected.facts["count"])
    for wrong in (pl.col("nope") > 0, pl.col("x") + 1, "x +", "nope > 0"):
        with pytest.raises(ShipwayError, match="SW-203"):
            measure(rule("wrong", t, wrong), frame)


def test_a_label_before_its_time_counts():
    late = Label("late", t.event("done").x > 0)
    frame = rows(range(3))
    assert measure(timely(late, asked=t.at), frame).value == 0
    early = frame.with_columns(
        done=pl.when(pl.col("id") % 2 == 0).then(pl.col("at") - pl.duration(hours=1)).otherwise("done")
    )
    assert measure(timely(late, asked=t.at), early).value == pytest.approx(0.5, abs=0.01)
    future = measure(timely(late, asked=t.at), frame, now=NOW - 98 * DAY)
    assert future.value > 0.2
    assert measure(label_rate(late), frame).value == pytest.approx((frame["x"] > 0).mean())


def test_a_lazy_table_gives_what_a_loaded_one_gives(tmp_path):
    frame = rows(range(20), 500)
    for part in range(4):
        frame[part * 2500 : (part + 1) * 2500].write_parquet(tmp_path / f"{part}.parquet")
    checks = [
        mean(t.x, by=t.at),
        quantile(t.x, 0.9),
        distinct(t.k),
        holds(t.x > 0),
        correlation(t.x, t.y),
        present(t.k),
    ]
    loaded = measure_tables(checks, {"t": frame}, subject="d", now=NOW, log_digest="")
    lazy = measure_tables(
        checks, {"t": pl.scan_parquet(tmp_path / "*.parquet")}, subject="d", now=NOW, log_digest="", keys={"t": ("id",)}
    )
    for name, one in loaded.items():
        assert lazy[name].evidence.value == pytest.approx(one.evidence.value, rel=1e-12)
        assert lazy[name].evidence.low == pytest.approx(one.evidence.low, rel=1e-9)
