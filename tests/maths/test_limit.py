"""Limits for what comes next hold as often as they say."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.maths.limit import (
    expect_unseen,
    from_scale,
    limit_count,
    limit_next,
    moderate,
    most_share,
    round_outward,
    to_scale,
)

ALPHA = 0.01


def rate(draw, scale="plain", *, columns=30, n=6, turns=60, extreme=False, together=True):
    """Return how often the next number lies beyond a limit that should be passed with probability ALPHA."""
    random, beyond = np.random.default_rng(11), 0
    for _ in range(turns):
        # True variances differ, as those of columns do.
        spreads = np.sqrt(8.0 / random.chisquare(8, columns))[:, None]
        values = to_scale(draw(random, (columns, n + 1), spreads), scale)
        seen, following = values[:, :n], values[:, n]
        variances, freedoms = seen.var(axis=1, ddof=1), np.full(columns, n - 1.0)
        shared = moderate(variances, freedoms)
        used = (
            zip(shared.variances, shared.freedoms, strict=True) if together else zip(variances, freedoms, strict=True)
        )
        limits = [
            limit_next(float(row.mean()), float(v), float(f), n, ALPHA, extreme=extreme)
            for row, (v, f) in zip(seen, used, strict=True)
        ]
        beyond += int((following > np.asarray(limits)).sum())
    return beyond / (turns * columns)


def normal(random, shape, spreads):
    return random.normal(size=shape) * spreads


@pytest.mark.parametrize("together", [True, False])
def test_a_normal_number_is_beyond_its_limit_as_often_as_said(together):
    # 1,800 numbers: a rate of 0.01 has a standard error of 0.0023.
    assert 0.004 < rate(normal, together=together) < 0.017


def test_what_is_normal_on_a_scale_is_too():
    lognormal = lambda random, shape, spreads: np.exp(normal(random, shape, spreads))
    assert 0.004 < rate(lognormal, "log") < 0.017


def test_shares_and_counts_keep_to_it():
    share = lambda random, shape, spreads: random.binomial(4_000, 0.01, shape) / 4_000
    assert rate(share, "arcsine") < 0.02
    count = lambda random, shape, spreads: random.poisson(6.0, shape).astype(float)
    assert rate(count, "root") < 0.02


@pytest.mark.parametrize("parent", ["normal", "exponential"])
def test_the_greatest_of_many_rows_keeps_to_it(parent):
    greatest = lambda random, shape, spreads: getattr(random, parent)(size=(*shape, 200)).max(axis=2) * spreads
    assert rate(greatest, turns=20, extreme=True) < 0.025


def test_drawing_variances_together_narrows_limits():
    random = np.random.default_rng(3)
    seen = random.normal(size=(40, 5))
    variances, freedoms = seen.var(axis=1, ddof=1), np.full(40, 4.0)
    shared = moderate(variances, freedoms)
    assert (shared.freedoms > freedoms).all()
    alone = np.mean([limit_next(0.0, v, 4.0, 5, 0.001) for v in variances])
    drawn = np.mean([limit_next(0.0, v, f, 5, 0.001) for v, f in zip(shared.variances, shared.freedoms, strict=True)])
    assert drawn < 0.7 * alone


def test_few_or_flat_variances_are_left_alone():
    two = moderate(np.asarray([1.0, 4.0]), np.asarray([3.0, 3.0]))
    assert two.variances.tolist() == [1.0, 4.0]
    flat = moderate(np.zeros(5), np.full(5, 3.0))
    assert flat.variances.tolist() == [0.0] * 5


def test_a_share_never_seen_is_passed_as_rarely_as_said():
    random = np.random.default_rng(5)
    # Shares of which none was seen in 2,000 rows: the prior's law, given that.
    shares = random.beta(0.5, 2_000.5, 20_000)
    allowed = limit_count(2_000, 300, ALPHA)
    assert 0.001 < float((random.binomial(300, shares) > allowed).mean()) <= 0.0125
    assert limit_count(10**7, 300, ALPHA) == 0


@given(st.sampled_from(["plain", "log", "log1p", "root", "arcsine", "fisher"]), st.floats(0.01, 0.99))
def test_scales_turn_back(scale, value):
    assert math.isclose(from_scale(float(to_scale(np.asarray([value]), scale)[0]), scale), value, rel_tol=1e-9)


@given(st.floats(-1e9, 1e9, allow_nan=False), st.booleans())
def test_rounding_never_goes_inward(value, up):
    rounded = round_outward(value, up=up)
    assert rounded >= value if up else rounded <= value
    assert abs(rounded - value) <= abs(value) * 0.1 + 1e-12


def test_what_was_never_seen():
    assert expect_unseen(3, 12) == 0.25
    assert math.isclose(most_share(1_000), 3 / 1_000, rel_tol=0.01)
