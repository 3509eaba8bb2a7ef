"""Caps, against scipy's winsorising, and why arms share one."""

import numpy as np
import pytest
from scipy.stats.mstats import winsorize

from shipway.maths.cap import apply_cap, choose_cap
from shipway.maths.effect import Term, measure_effect
from shipway.maths.summary import summarise


def test_is_winsorising():
    values = np.random.default_rng(1).permutation(np.arange(1000.0))
    cap = choose_cap(values, low=0.01, high=0.99)
    cut, oracle = apply_cap(values, cap), np.asarray(winsorize(values, limits=(0.01, 0.01)))
    np.testing.assert_allclose(cut, oracle, atol=1.0)  # quantiles lie between values, winsorize takes values
    assert cap.cut == pytest.approx(0.02)
    assert cap.lost == pytest.approx(1 - cut.sum() / values.sum())


def test_nothing_is_cut_where_nothing_is_asked():
    values = np.array([-3.0, 1.0, 9.0])
    cap = choose_cap(values, high=1.0)
    assert (apply_cap(values, cap) == values).all()
    assert (cap.cut, cap.lost) == (0.0, 0.0)


def test_one_unit_decides_no_more():
    rng = np.random.default_rng(2)
    rows = rng.lognormal(0, 1, 4000)
    rows[7] = 1e5
    arm = np.arange(4000) % 2
    cap = choose_cap(rows)
    raw, cut = (
        measure_effect(*(summarise(x[arm == one][:, None]) for one in (0, 1)), Term(0))
        for x in (rows, apply_cap(rows, cap))
    )
    assert cut.standard_error < raw.standard_error / 100


@pytest.mark.parametrize(
    ("values", "low", "high"), [([], 0, 0.9), ([np.nan], 0, 0.9), ([1.0], 0.9, 0.9), ([1.0], 0, 2)]
)
def test_what_cannot_be_cut_is_refused(values, low, high):
    with pytest.raises(ValueError, match="quantiles"):
        choose_cap(np.array(values, dtype=float), low=low, high=high)
