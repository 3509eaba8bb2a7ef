from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from shipway.validation.sample import Group, Sample, make_sample

Build = Callable[..., Sample]


def _build(
    y: NDArray[np.bool_],
    p: NDArray[np.float64],
    *,
    current: NDArray[np.float64] | None = None,
    day: NDArray[np.int64] | None = None,
    groups: Mapping[str, Group] | None = None,
    x: NDArray[np.float64] | None = None,
    **given: Any,
) -> Sample:
    n = y.size
    constant: Any = y.mean() if n else 0.5
    if p.ndim == 2:
        constant = np.bincount(y.clip(0), minlength=p.shape[1]) / n if n else np.full(p.shape[1], 1 / p.shape[1])
    baselines = {"base rate": np.full((n, *p.shape[1:]), constant)}
    if current is not None:
        baselines["current"] = current
    defaults = {
        "baselines": baselines,
        "baseline_names": {"current": "version 1"},
        "clusters": {"day": np.arange(n) % 30 if day is None else day, "one": np.zeros(n, np.int64)},
        "groups": groups or {},
        "scored": n,
        "x": np.zeros((n, 1)) if x is None else x,
        "columns": ("a",) if x is None else tuple("abcdef"[: x.shape[1]]),
        "predict": lambda rows: np.full(len(rows), 0.5),
    }
    return make_sample(y=y, p=p, **{**defaults, **given})


@pytest.fixture(scope="session")
def build() -> Build:
    """Return a function that builds a sample from labels and predictions, everything else having a default."""
    return _build


@pytest.fixture(scope="session")
def flights(build: Build) -> Callable[..., Sample]:
    """Return a function that draws rows clustered by day: a candidate less noisy than its baseline."""

    def draw(seed: int = 0, n: int = 6000, days: int = 60, noise: float = 0.3, **given: Any) -> Sample:
        rng = np.random.default_rng(seed)
        day = rng.integers(0, days, n)
        logit = rng.normal(-1.0, 1.0, n) + rng.normal(0.0, 0.5, days)[day]
        p, current = (1 / (1 + np.exp(-(logit + rng.normal(0.0, s, n)))) for s in (noise, 0.9))
        y = rng.random(n) < 1 / (1 + np.exp(-logit))
        origin = Group(rng.integers(0, 3, n), ("EWR", "JFK", "LGA"))
        carrier = Group(rng.integers(-1, 5, n), ("AA", "B6", "DL", "MQ", "UA"))
        columns = {"current": current, "day": day, "groups": {"origin": origin, "carrier": carrier}, **given}
        return build(y, p, **columns)

    return draw
