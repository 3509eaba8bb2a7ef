"""The bench of equality on the flights of the first days: every engine gives the bits of the frame.

`python bench/feature_equality.py` does the same with all flights of the year, and prints the hashes.
"""

import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"
FLIGHTS, EVERY = 6_000, 61
"""Those of one week; one in so many is asked about online."""


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch):
    """Return the bench as a module."""
    monkeypatch.syspath_prepend(str(BENCH))
    import feature_equality

    yield feature_equality
    for name in ("feature_equality", "feature_sql"):
        sys.modules.pop(name, None)


@pytest.mark.slow
def test_sums_and_extrema_are_the_same_everywhere(bench, capsys):
    engines = {"shuffled": bench.shuffled, "ray": bench.ray, "duckdb": bench.warehouse}
    assert bench.compare(bench.make_world(flights=FLIGHTS), EVERY, engines), capsys.readouterr().out


@pytest.mark.slow
def test_every_other_kind_of_window_is_the_same_everywhere(bench, capsys):
    world = bench.make_world(bench.list_kinds, flights=FLIGHTS)
    assert bench.compare(world, EVERY, {"shuffled": bench.shuffled, "duckdb": bench.warehouse}), capsys.readouterr().out


def test_what_differs_is_seen(bench, capsys):
    """A single bit of a single value makes another hash, and only that of its entity."""
    world = bench.make_world(flights=300)
    bits = bench.batch(world)
    other = bits.copy()
    other[17, 40] ^= 1
    same, changed = bench.hash_by_entity(bits, world), bench.hash_by_entity(other, world)
    assert [a == b for a, b in zip(same, changed, strict=True)] == [True, False, True, True]
