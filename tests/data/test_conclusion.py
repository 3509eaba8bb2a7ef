"""What a check came to is said the same, whoever counted."""

import math

import polars as pl
import pytest

from shipway.core.check import NOTHING_CAME
from shipway.core.data_check import present
from shipway.core.data_measure import DayRows, HasColumns, Shift
from shipway.data import conclusion
from shipway.data.conclusion import (
    UNCOMPARED,
    conclude_age,
    conclude_columns,
    conclude_days,
    conclude_difference,
    conclude_estimate,
    conclude_feeds,
    conclude_gaps,
    conclude_growth,
    conclude_references,
    conclude_repeats,
    conclude_share,
    conclude_shift,
    conclude_unseen,
    conclude_vanished,
    make_evidence,
)
from shipway.kit.duration import DAY, HOUR
from shipway.maths.expression import Column
from shipway.maths.interval import Estimate

AT = Column("t", "at")
WITHOUT = "0 of 9 rows repeat an earlier one, 9 without a whole key are not compared"


@pytest.mark.parametrize(
    ("reading", "value", "n", "said"),
    [
        (conclude_share(2, 3, 8, "break it"), 0.25, 8, "2 of 8 rows break it (25 %)"),
        (conclude_share(0, 8, 8, "break it"), 0.0, 0, "0 of 8 rows break it"),
        (conclude_share(0, 0, 0, "break it"), 0.0, 0, "0 of 0 rows break it"),
        (conclude_repeats(3, 0, 9), 3.0, 9, "3 of 9 rows repeat an earlier one"),
        (conclude_repeats(0, 9, 9), 0.0, 0, WITHOUT),
        (conclude_references(1, 5, 9, "o"), 0.25, 9, "1 of 4 rows have a key that o has not (25 %)"),
        (conclude_references(0, 9, 9, "o"), 0.0, 0, "0 of 0 rows have a key that o has not"),
        (conclude_age(None, DAY, 5), 0.0, 0, "no row has an instant"),
        (conclude_age(DAY - HOUR, DAY, 5), float(HOUR), 5, "newest is 1h old"),
        (conclude_feeds(None, 0, 0, DAY, 5), 0.0, 0, "no feed has an instant and the rows it takes"),
        (
            conclude_feeds({"k": 1, "s": "a"}, 0, 3, HOUR, 5), float(HOUR), 5,
            "newest is 1h old of k 1, s a, the oldest of 3 feeds",
        ),
        (conclude_growth(5, None, 5, "rows"), 0.0, 5, f"5 rows; {UNCOMPARED}"),
        (conclude_growth(5, 0, 5, "rows"), 0.0, 0, "5 rows; the reference has none"),
        (conclude_growth(5, 4, 5, "rows"), 0.25, 5, "5 rows, 4 before"),
        (conclude_unseen(0, 4, [], "t.s", known=True), 0.0, 4, "0 of 4 rows have a t.s not seen before"),
        (conclude_unseen(1, 4, ["x"], "t.s", known=False), 0.25, 0, "1 of 4 rows have a t.s not seen before (25 %): x"),
        (conclude_vanished(["x", "y"], 3, 4), 2.0, 4, "2 of 3 usual values are gone: x, y"),
        (conclude_vanished([], 0, 4), 0.0, 0, "0 of 0 usual values are gone"),
    ],
)  # fmt: skip
def test_what_was_counted_is_concluded(reading, value, n, said):
    assert (reading.value, reading.n, reading.said) == (value, n, said)


def test_columns_are_missing_or_of_another_type():
    schema = {"a": pl.Int8(), "b": pl.String(), "c": pl.Datetime("us")}
    reading = conclude_columns(HasColumns("t", {"a": "int", "b": "bool", "c": "instant", "d": "date"}), schema, 7)
    assert (reading.value, reading.n) == (2.0, 7)
    assert reading.said == "2 of 4 columns: d is missing, b is String, not bool"
    assert reading.facts == {"count": 2, "missing": ["d"], "wrong": {"b": "String"}}


def test_gaps_follow_on_what_main_has():
    found = pl.DataFrame({"k": [1, 2], "steps:": [2, 1], "first:": [5, 9], "last:": [9, 9]})
    alone = conclude_gaps(found, None, ["k"], 3)
    assert (alone.value, alone.said) == (3.0, "3 of 6 steps have no row, 3 of k 1")
    earlier = pl.DataFrame({"k": [2, 3], "steps:": [1, 1], "first:": [6, 8], "last:": [6, 8]})
    after = conclude_gaps(found, earlier, ["k"], 3)
    assert (after.value, after.facts["steps"]) == (6.0, 9)
    assert conclude_gaps(found.clear(), None, ["k"], 3).n == 0


def test_days_without_rows_are_the_thinnest():
    days = pl.DataFrame({"day:": [0, 3, None], "rows:": [4, 8, 100]})
    least = conclude_days(DayRows("t", AT, "least"), days, days, 112)
    assert (least.value, least.said) == (0.0, "2 days between the first and the newest have no rows, a usual day 6")
    most = conclude_days(DayRows("t", AT, "most"), days, days, 112)
    assert (most.value, most.facts["day"]) == (8 / 6, "1970-01-04")
    assert conclude_days(DayRows("t", AT, "most"), days.clear(), days, 0).n == 0


def test_estimates_differ_in_units_of_the_reference():
    found, earlier = Estimate(5.0, 0.3, 100, 10), Estimate(3.0, 0.4, 50, 5)
    reading = conclude_difference(found, earlier, 2.0, "mean", estimated=True)
    assert reading.value == 1.0
    assert reading.clusters == 5
    assert reading.interval is not None
    assert math.isclose(sum(reading.interval) / 2, 1.0)
    assert conclude_difference(found, None, 1.0, "mean", estimated=True).said.endswith(UNCOMPARED)
    assert conclude_difference(found, Estimate(math.nan, 0.0, 0, 0), 1.0, "mean", estimated=False).n == 0
    assert conclude_difference(Estimate(math.nan, 0.0, 0, 0), earlier, 1.0, "mean", estimated=False).n == 0


def test_an_estimate_of_one_day_says_nothing_of_others():
    assert conclude_estimate(Estimate(5.0, math.inf, 100, 1), "mean", estimated=True).n == 0
    assert conclude_estimate(Estimate(5.0, 0.0, 100, 0), "mean", estimated=False).said == "mean 5 of 100 rows"
    assert conclude_estimate(Estimate(math.nan, 0.0, 0, 0), "mean", estimated=False).said == "no row has a mean"


def test_a_shift_of_numbers_is_in_deviations_and_that_of_texts_in_shares():
    before = pl.DataFrame({"value:": [0.0, 2.0], "day:": [0, 0], "n:": [2, 2]})
    after = before.with_columns(pl.col("value:") + 3)
    assert conclude_shift(Shift("t", AT), after, before, number=True).value == 3.0
    texts = [pl.DataFrame({"value:": values, "day:": [0, 0], "n:": [1, 3]}) for values in (["a", "b"], ["a", "c"])]
    assert conclude_shift(Shift("t", AT), texts[0], texts[1], number=False).value == 0.75
    assert conclude_shift(Shift("t", AT), after, None, number=True).said == UNCOMPARED
    assert conclude_shift(Shift("t", AT), after, before.clear(), number=True).n == 0


def test_evidence_says_the_first_failing_row():
    rows = pl.DataFrame({"id": [7], "s": [None]}, schema={"id": pl.Int64, "s": pl.String})
    reading = conclusion.conclude_share(1, 0, 4, "are null")
    check, told = present(Column("t", "s")), {"subject": "data:x", "log_digest": "d"}
    evidence = make_evidence(check, reading, rows, 4, unchanged=False, **told)
    assert (evidence.check, evidence.low, evidence.value, evidence.high) == (check.name, 0.25, 0.25, 0.25)
    assert evidence.facts["said"] == "1 of 4 rows are null (25 %), e.g. id 7, s null"
    nothing = conclusion.conclude_share(0, 0, 0, "are null")
    empty = make_evidence(check, nothing, None, 0, unchanged=False, **told)
    assert (empty.facts["said"], NOTHING_CAME in empty.facts) == ("there are no rows", False)
    none_came = make_evidence(check, nothing, None, 0, unchanged=True, **told)
    assert (none_came.n, none_came.facts[NOTHING_CAME]) == (0, True)
