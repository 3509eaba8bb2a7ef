"""What a day was made from: fingerprints change with the rows that its windows reach, and with no other."""

import polars as pl
import pytest

from shipway.app.experiment.fingerprint import Reach, day_at, end_of_day, fingerprint_rows, sum_reach, write_date
from shipway.kit.duration import DAY


def test_rows_have_one_fingerprint_in_any_order_and_another_by_any_value():
    rows = pl.DataFrame({"unit": ["a", "b", "c"], "value": [1, 2, 3], "day": [5, 5, 6]})
    prints = fingerprint_rows(rows, "day")
    assert fingerprint_rows(rows.reverse(), "day") == prints
    changed = fingerprint_rows(rows.with_columns(value=pl.Series([1, 9, 3])), "day")
    assert (changed[5] != prints[5], changed[6]) == (True, prints[6])


@pytest.mark.parametrize(
    ("before", "width", "reached"), [(0, DAY, (10, 11)), (2 * DAY, DAY, (8, 9, 10, 11)), (None, DAY, range(20))]
)
def test_a_day_reaches_as_far_as_its_windows(before, width, reached):
    whole = {day: 1 << day for day in range(20)}
    base = sum_reach([Reach(whole, before)], 10, width, "UTC")
    for day in range(20):
        moved = sum_reach([Reach({**whole, day: 7}, before)], 10, width, "UTC")
        inside = day in reached if before is not None else day <= 11
        assert (moved != base) == inside, day


def test_days_are_those_of_a_zone():
    summer = 19_900
    assert end_of_day(summer, "UTC") == (summer + 1) * DAY
    assert end_of_day(summer, "Europe/Paris") == (summer + 1) * DAY - 2 * 3_600_000_000
    assert day_at(end_of_day(summer, "Europe/Paris"), "Europe/Paris") == summer + 1
    assert write_date(19_800) == "2024-03-18"
