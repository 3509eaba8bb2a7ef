"""Rows are cut by the calendar and by the values of columns, in their order."""

import datetime as dt

import numpy as np
import polars as pl

from shipway.app.part import calendar_part, code_labels


def test_weeks_are_those_of_the_iso_calendar() -> None:
    at = pl.Series([dt.datetime(2024, 12, 29), dt.datetime(2024, 12, 30)])
    assert calendar_part(at, "week").to_list() == ["2024-W52", "2025-W01"]


def test_labels_are_coded_in_order_and_nothing_is_coded_as_nothing() -> None:
    found = code_labels(pl.Series(["b", None, "a", "b"]))
    assert found.labels == ("(none)", "a", "b")
    assert found.codes.tolist() == [2, 0, 1, 2]
    empty = code_labels(pl.Series([], dtype=pl.String))
    assert (empty.labels, empty.codes.dtype, empty.codes.shape) == ((), np.int64, (0,))


def test_numbers_come_by_their_size_and_follow_one_another() -> None:
    hours = code_labels(pl.Series([10, 2, None, 2]))
    assert (hours.labels, hours.ordered) == (("(none)", "2", "10"), True)
    assert hours.codes.tolist() == [2, 1, 0, 1]
    assert not code_labels(pl.Series(["shop b", "shop a"])).ordered
    assert code_labels(pl.Series(["2024-02", "2024-01"]), ordered=True).ordered
