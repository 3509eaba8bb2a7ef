"""Daily statistics: days put together are all units at once, for every variant and slice."""

import numpy as np
import polars as pl
import pytest

from shipway.maths.summary import summarise
from shipway.validation.experiment import DAY, VARIANT, merge_days, split_days, summarise_days

RANDOM = np.random.default_rng(11)
UNITS = pl.DataFrame(
    {
        DAY: RANDOM.integers(100, 107, 900).astype(np.int32),
        VARIANT: RANDOM.choice(["usual", "new"], 900),
        "device": RANDOM.choice(["app", "web", None], 900),
    }
)
VALUES = RANDOM.lognormal(3, 1, (900, 3))


@pytest.mark.parametrize("column", ["", "device"])
def test_days_put_together_are_all_units_at_once(column):
    days = summarise_days(UNITS, VALUES, ["usual", "new"], ["device"])
    assert set(days) == set(range(100, 107))
    merged = merge_days(days.values(), column=column)
    for (variant, value), summary in merged.items():
        mine = UNITS[VARIANT].to_numpy() == variant
        if column:
            mine &= UNITS[column].fill_null("none").to_numpy() == value
        whole = summarise(VALUES[mine])
        assert summary.n == whole.n
        np.testing.assert_allclose(summary.mean, whole.mean, rtol=1e-12)
        np.testing.assert_allclose(summary.products, whole.products, rtol=1e-10)
    assert {value for _, value in merged} == ({"app", "web", "none"} if column else {""})


def test_a_variant_that_nobody_met_has_no_units():
    days = summarise_days(UNITS, VALUES, ["usual", "new", "newer"], [])
    assert all([group.n for group in day if group.variant == "newer"] == [0] for day in days.values())


def test_values_of_a_quantile_are_kept_by_day_and_variant():
    days = split_days(UNITS, VALUES[:, 0], ["usual", "new"])
    together = np.sort(np.concatenate([day["new"] for day in days.values()]))
    np.testing.assert_array_equal(together, np.sort(VALUES[UNITS[VARIANT].to_numpy() == "new", 0]))
    assert all((np.diff(each) >= 0).all() for day in days.values() for each in day.values())
