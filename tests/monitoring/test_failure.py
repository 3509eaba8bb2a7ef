"""The e-value of failed and slow answers against counting them one by one."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.canary import failed_answers, slow_answers
from shipway.maths.sequential import RATIOS
from shipway.monitoring.failure import read_failed, read_slow
from shipway.monitoring.window import CanaryWindow

HOUR = 3_600_000_000
requests = st.lists(
    st.tuples(st.integers(0, 71), st.sampled_from(["stable", "candidate", None]), st.booleans(), st.booleans()),
    max_size=40,
)


def make_window(rows, weight: float) -> CanaryWindow:
    hours, answered, stable, candidate = zip(*rows, strict=True) if rows else ((), (), (), ())
    took = [
        (900 if (c if who == "candidate" else s) else 100)
        for who, s, c in zip(answered, stable, candidate, strict=True)
    ]
    columns = {
        "request": [f"r{i:03d}" for i in range(len(rows))],
        "at": [hour * HOUR for hour in hours],
        "weight": [weight] * len(rows),
        "answered": answered,
        "error_stable": ["SW-801" if bad else None for bad in stable],
        "error_candidate": ["SW-801" if bad else None for bad in candidate],
        "latency_stable_us": [900 if bad else 100 for bad in stable],
        "latency_candidate_us": [900 if bad else 100 for bad in candidate],
        "answer_us": took,
    }
    types = {"request": pl.String, "at": pl.Int64, "weight": pl.Float64, "answered": pl.String, "answer_us": pl.Int64,
             "error_stable": pl.String, "error_candidate": pl.String,
             "latency_stable_us": pl.Int64, "latency_candidate_us": pl.Int64}  # fmt: skip
    told = {"labels": pl.DataFrame(), "newest": {}, "online": {}, "versions": {"stable": 1, "candidate": 2}}
    return CanaryWindow(
        pairs=pl.DataFrame(columns, schema=types), since=0, weight=weight, steps=1, now=72 * HOUR, **told
    )


def split_e(rows) -> float:
    products = np.ones(len(RATIOS))
    for day in range(3):
        live = [row for row in rows if row[1] is not None and row[0] // 24 == day]
        ours = [row for row in live if row[1] == "candidate"]
        share = len(ours) / len(live) if live else 0.0
        c = sum(row[3] for row in ours)
        b = sum(row[2] for row in live if row[1] == "stable")
        for i, r in enumerate(RATIOS):
            products[i] *= r**c / (1 + share * (r - 1)) ** (c + b)
    return float(products.mean())


@given(requests)
def test_split_steps_multiply_what_each_day_says(rows):
    window = make_window(rows, 0.1)
    failed, slow = failed_answers(), slow_answers(over_ms=0.5)
    for found in (
        read_failed(failed.check, failed.check.measure, window),
        read_slow(slow.check, slow.check.measure, window),
    ):
        assert found.value == pytest.approx(min(1e9, split_e(rows)), rel=1e-9)
        assert found.n == sum(row[1] == "candidate" for row in rows)


@given(requests)
def test_shadow_steps_toss_a_coin_for_each_request_on_which_one_failed(rows):
    window = make_window(rows, 0.0)
    c, b = (sum(row[i] and not row[5 - i] for row in rows) for i in (3, 2))
    expected = np.mean([r**c / ((1 + r) / 2) ** (c + b) for r in RATIOS])
    failed, slow = failed_answers(), slow_answers(over_ms=0.5)
    for found in (
        read_failed(failed.check, failed.check.measure, window),
        read_slow(slow.check, slow.check.measure, window),
    ):
        assert found.value == pytest.approx(min(1e9, expected), rel=1e-9)
        assert found.facts["log_e"] == pytest.approx(math.log(expected), rel=1e-9, abs=1e-9)
        assert found.n == len(rows)
