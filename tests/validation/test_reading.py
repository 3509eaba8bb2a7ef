import math
from collections.abc import Callable

import numpy as np
import pytest

from shipway.maths.interval import Estimate
from shipway.validation.reading import describe_rows, read_estimate, read_nothing
from shipway.validation.sample import Sample


def test_an_interval_stays_inside_what_is_possible() -> None:
    reading = read_estimate(Estimate(0.98, 0.05, 100, 30), (0.0, 1.0), {}, after=" over rows")
    assert reading.high == 1.0
    assert reading.low == pytest.approx(0.98 - 2.045229642 * 0.05)
    assert reading.facts["said"] == "0.9800 [0.8777, 1.0000] over rows"


def test_an_unknown_error_leaves_everything_possible() -> None:
    reading = read_estimate(Estimate(0.1, math.inf, 100, 1), (-1.0, 1.0), {"more": 3}, before="gap ", after="")
    assert (reading.low, reading.high, reading.n) == (-1.0, 1.0, 100)
    assert reading.facts == {"said": "gap 0.1000 [-1.0000, 1.0000]", "more": 3}


def test_nothing_has_no_rows_and_a_reason() -> None:
    reading = read_nothing("no label", (0.0, 5.0), {"tested": 0})
    assert (reading.value, reading.low, reading.high, reading.n, reading.clusters) == (0.0, 0.0, 5.0, 0, 0)
    assert reading.facts == {"said": "no label", "tested": 0}


def test_rows_are_described_with_those_that_have_no_label(build: Callable[..., Sample]) -> None:
    y, p = np.arange(60) % 2 == 0, np.full(60, 0.5)
    whole, part = build(y, p), build(y, p, scored=1234)
    assert describe_rows(whole, "day", whole.clusters["day"]) == "over 60 rows in 30 day clusters"
    assert describe_rows(part, "day", part.clusters["day"]) == "over 60 of 1,234 scored rows in 30 day clusters"
    assert describe_rows(whole, "one", whole.clusters["one"]).endswith("in 1 one cluster, too few for an interval")
