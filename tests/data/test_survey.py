"""A table is cut into the deliveries it came in."""

from datetime import UTC, datetime, timedelta

import polars as pl

from shipway.core.feature import Source
from shipway.data.survey import extremes_of, moves_with_time, survey_table
from shipway.kit.duration import DAY
from shipway.maths.expression import render

t = Source("t", ("id",), (), {"at": ("n",), "other": ()})
START = datetime(2024, 1, 1, tzinfo=UTC)


def make(hours, **columns):
    at = [None if hour is None else START + timedelta(hours=hour) for hour in hours]
    rows = {"id": list(range(len(at))), "at": pl.Series(at, dtype=pl.Datetime("us", "UTC")), **columns}
    return pl.DataFrame(rows)


def test_deliveries_count_back_from_the_end_of_the_newest_day():
    hours = [24 * day + hour for day in range(10) for hour in range(24)]
    view = survey_table(t, make(hours, n=hours), 3 * DAY)
    assert (view.instant, render(view.day), view.days) == ("at", "t.at", 10)
    # Ten days are three whole deliveries of three, and one day that begins them.
    assert [(each.start, each.end) for each in view.deliveries] == [(24, 96), (96, 168), (168, 240)]
    lows, highs = extremes_of(view, "n")
    assert (lows.tolist(), highs.tolist()) == ([24, 96, 168], [95, 167, 239])


def test_days_begin_in_the_middle_of_the_quiet_hours():
    hours = [24 * day + hour for day in range(10) for hour in range(10, 24)] + [240]
    view = survey_table(t, make(hours), DAY)
    assert render(view.day) in ('t.at - "5h"', 't.at - "6h"')


def test_rows_without_an_instant_are_in_no_delivery():
    hours = [None, *range(2000)]
    view = survey_table(t, make(hours), 7 * DAY, by="at")
    assert view.deliveries[0].start >= 1
    assert view.deliveries[-1].end == 2001


def test_a_table_without_instants_has_no_deliveries():
    view = survey_table(t, pl.DataFrame({"id": [1, 2], "n": [1.0, float("nan")]}), DAY)
    assert (view.instant, view.deliveries, view.looks["n"].missing) == (None, [], 1)


def test_what_only_ever_grows_moves_with_time():
    assert moves_with_time([1, 2, 3, 4], [2, 3, 4, 5])
    assert moves_with_time([5, 4, 3, 3, 2], [9, 8, 8, 7, 6])
    assert not moves_with_time([1, 1, 1, 1], [2, 3, 4, 5])
    assert not moves_with_time([1, 2], [2, 3])
