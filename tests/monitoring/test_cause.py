"""Hypotheses on differences: what explains most rows comes first, and of equals what says more."""

import numpy as np
import polars as pl
import pytest

from shipway.monitoring.cause import KINDS, Trial, find_causes

OFFLINE = pl.Series([1.0, 2.0, 5.0, 8.0])


def trial(kind, said, places, values, about=()):
    return Trial(kind, said, np.array(places), pl.Series(values, dtype=pl.Float64), about)


def test_share_is_of_the_rows_tested():
    online = pl.Series([1.5, 2.5, 5.5, 9.0])
    cause = find_causes(online, OFFLINE, [trial("stale", "late", [0, 1, 3], [1.5, 2.5, 0.0])])[0]
    assert (cause.kind, cause.rows, cause.tested) == ("shift", 3, 4)
    stale = find_causes(online, OFFLINE, [trial("stale", "late", [0, 1], [1.5, 2.5])])[0]
    assert (stale.kind, stale.share) == ("stale", 1.0)


def test_of_equals_the_one_that_says_more_comes_first():
    online = pl.Series([1.5, 2.5, 5.5, 8.5])
    same = [trial(kind, kind, range(4), online) for kind in ("window", "not applied", "definition")]
    found = [cause.kind for cause in find_causes(online, OFFLINE, same)]
    assert found == ["definition", "not applied", "window", "shift"]
    assert found == sorted(found, key=KINDS.index)


def test_trials_that_name_something_are_one_cause_with_the_commonest():
    online = pl.Series([7.0, 7.0, 7.0, 7.0])
    named = [
        trial("event missing", "", [0, 0, 1, 2], [7.0, 7.0, 7.0, 1.0], ("event a", "event b", "event a", "event c")),
        trial("event missing", "", [3], [7.0], ("event b",)),
    ]
    (cause,) = [cause for cause in find_causes(online, OFFLINE, named) if cause.kind == "event missing"]
    assert cause.said == "event a in 2 rows, and 1 other"
    assert cause.rows == 3


@pytest.mark.parametrize(
    ("online", "kind", "said"),
    [
        ([60.0, 120.0, 300.0, 480.0], "unit", "60 times as much, such as seconds for minutes"),
        ([1 / 60, 2 / 60, 5 / 60, 8 / 60], "unit", "a 60th of it, such as minutes for seconds"),
        ([3601.0, 3602.0, 3605.0, 3608.0], "shift", "3600 more in every row"),
        ([0.0, 1.0, 4.0, 7.0], "shift", "1 less in every row"),
        ([None, None, None, None], "absent", "no value was served"),
    ],
)
def test_numbers_alone_tell_factors_shifts_and_gaps(online, kind, said):
    cause = find_causes(pl.Series(online, dtype=pl.Float64), OFFLINE, [])[0]
    assert (cause.kind, cause.said, cause.share) == (kind, said, 1.0)


def test_one_value_shows_no_constant():
    """A factor between two numbers that never change is any factor."""
    found = find_causes(pl.Series([3.0, 3.0]), pl.Series([1.0, 1.0]), [])
    assert [cause.kind for cause in found] == ["unknown"]


def test_texts_are_explained_by_trials_alone():
    found = find_causes(pl.Series(["a", None]), pl.Series(["b", "c"]), [])
    assert [(cause.kind, cause.rows) for cause in found] == [("absent", 1)]
    assert find_causes(pl.Series(["a"]), pl.Series(["b"]), [])[0].kind == "unknown"


def test_precision_is_told_from_a_shift():
    exact = pl.Series([0.1, 0.2, 0.7, 12.3])
    cause = find_causes(exact.cast(pl.Float32).cast(pl.Float64), exact, [])[0]
    assert (cause.kind, cause.share) == ("precision", 1.0)
