"""False discovery procedures against scipy's adjusted p-values."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control
from statsmodels.stats.multitest import multipletests

from shipway.maths.multiplicity import (
    adjust_benjamini_hochberg,
    adjust_benjamini_yekutieli,
    adjust_bonferroni,
    adjust_holm,
    adjust_hommel,
    benjamini_hochberg,
    benjamini_yekutieli,
)

p_values = st.lists(st.one_of(st.floats(0, 1), st.floats(0, 0.02)), min_size=1, max_size=60)


@pytest.mark.parametrize(("procedure", "method"), [(benjamini_hochberg, "bh"), (benjamini_yekutieli, "by")])
@given(p_values, st.floats(0.01, 0.5))
def test_same_as_adjusted_p_values(procedure, method, numbers, q):
    p = np.array(numbers)
    adjusted = false_discovery_control(p, method=method)
    # Exactly at the boundary the two orders of rounding may disagree.
    assume((np.abs(adjusted - q) > 1e-12).all())
    assert procedure(p, q).tolist() == (adjusted <= q).tolist()


def test_example_of_benjamini_and_hochberg():
    # Benjamini and Hochberg 1995, section 4.1: 15 endpoints, four rejected at 0.05 (Bonferroni: three).
    p = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.3240,
        0.4262,
        0.5719,
        0.6528,
        0.7590,
        1,
    ]
    assert benjamini_hochberg(np.array(p), 0.05).sum() == 4


def test_false_discoveries_are_as_rare_as_asked():
    rng = np.random.default_rng(6)
    shares = []
    for _ in range(500):
        p = rng.random(100)
        p[:20] = rng.beta(0.05, 1, 20)
        rejected = benjamini_hochberg(p, 0.2)
        shares.append(rejected[20:].sum() / max(1, rejected.sum()))
    # With independent tests the rate is exactly q times the share of true nulls: 0.2 * 0.8.
    assert np.mean(shares) == pytest.approx(0.16, abs=4 * np.std(shares) / np.sqrt(500))


@pytest.mark.parametrize("procedure", [benjamini_hochberg, benjamini_yekutieli])
def test_nothing_tested_nothing_rejected(procedure):
    assert procedure(np.array([]), 0.05).shape == (0,)


@pytest.mark.parametrize("procedure", [benjamini_hochberg, benjamini_yekutieli])
@pytest.mark.parametrize(("p", "q"), [([0.1], 0.0), ([0.1] * 9, 1.0), ([np.nan], 0.1), ([1.1], 0.1), ([-0.1], 0.1)])
def test_out_of_range_is_refused(procedure, p, q):
    with pytest.raises(ValueError, match=r"false discovery rate|numbers in"):
        procedure(np.array(p), q)


@pytest.mark.parametrize(
    ("procedure", "method"),
    [
        (adjust_bonferroni, "bonferroni"),
        (adjust_holm, "holm"),
        (adjust_hommel, "hommel"),
        (adjust_benjamini_hochberg, "fdr_bh"),
        (adjust_benjamini_yekutieli, "fdr_by"),
    ],
)
@given(p_values)
def test_adjusted_p_values_are_those_of_statsmodels(procedure, method, numbers):
    p = np.array(numbers)
    np.testing.assert_allclose(procedure(p), multipletests(p, method=method)[1], rtol=1e-9, atol=1e-300)
    assert procedure(np.array([])).shape == (0,)


@given(p_values)
def test_stronger_procedures_adjust_less(numbers):
    p = np.array(numbers)
    hommel, holm, bonferroni = adjust_hommel(p), adjust_holm(p), adjust_bonferroni(p)
    assert (p <= hommel + 1e-12).all()
    assert (hommel <= holm + 1e-12).all()
    assert (holm <= bonferroni + 1e-12).all()


@pytest.mark.parametrize("procedure", [adjust_bonferroni, adjust_holm, adjust_hommel, adjust_benjamini_hochberg])
def test_p_values_out_of_range_are_refused(procedure):
    with pytest.raises(ValueError, match="numbers in"):
        procedure(np.array([0.5, 1.5]))
