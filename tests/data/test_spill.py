"""Groups and hashes are the same in memory and on disk, and the disk is given back."""

import errno
import gc
import io
import os
import tempfile
from collections import Counter
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from polars.testing import assert_frame_equal

from shipway.core.error import ShipwayError
from shipway.data.spill import KeyHashes, Sought, Tally, hash_keys, pair_parts

BATCHES = st.lists(st.lists(st.tuples(st.sampled_from(["a", "b", None, "ä"]), st.integers(0, 9))), min_size=1)
OPEN = Path("/proc/self/fd")
SCHEMA = {"k": pl.String, "x": pl.Int64}


def count(rows):
    return pl.DataFrame(rows, SCHEMA, orient="row").group_by("k", "x").agg(pl.len().cast(pl.Int64).alias("n"))


def tally(batches, held):
    made = Tally(["k", "x"], [pl.col("n").sum()], held)
    for rows in batches:
        made.add(count(rows))
        if held < 9:
            made.spread()
    return made


@settings(max_examples=30)
@given(BATCHES, st.sampled_from([1, 1000]))
def test_groups_are_those_of_all_rows(batches, held):
    made = tally(batches, held)
    expected = Counter(row for rows in batches for row in rows)
    for _ in range(2):
        assert Counter({(k, x): n for part in made.parts() for k, x, n in part.rows()}) == expected
        assert sum(part.height for part in made.parts()) == len(expected)
    assert made.spilled == (held == 1)


@settings(max_examples=30)
@given(BATCHES, BATCHES, st.sampled_from([(1, 1000), (1000, 1), (1, 1), (1000, 1000)]))
def test_equal_keys_of_two_tallies_lie_side_by_side(left, right, held):
    here, there = tally(left, held[0]), tally(right, held[1])
    both = [a.join(b, on=["k", "x"], nulls_equal=True) for a, b in pair_parts(here, there)]
    expected = {row for rows in left for row in rows} & {row for rows in right for row in rows}
    assert {(k, x) for part in both for k, x, *_ in part.rows()} == expected


def test_rows_that_are_kept_as_they_are_are_not_put_together():
    kept = Tally(["k"], None, 3)
    rows = pl.DataFrame({"k": ["a", "a", "b"] * 20_000, "row": range(60_000)})
    for start in range(0, 60_000, 7_000):
        kept.add(rows[start : start + 7_000])
    assert kept.spilled
    assert_frame_equal(kept.whole().sort("row"), rows)


def test_groups_go_to_disk_by_themselves_once_they_are_many():
    made = Tally(["x"], [pl.col("n").sum()], 50_000)
    for start in range(0, 200_000, 10_000):
        made.add(pl.DataFrame({"x": range(start, start + 10_000), "n": [1] * 10_000}))
    assert made.spilled
    assert (made.whole()["x"].n_unique(), made.whole()["n"].sum()) == (200_000, 200_000)


@given(
    st.lists(st.lists(st.integers(0, 40) | st.integers(2**63, 2**63 + 9) | st.just(2**64 - 1)), min_size=1),
    st.sampled_from([1, 5, 10_000]),
)
def test_hashes_that_repeat_are_found(batches, held):
    hashes = KeyHashes(held)
    for batch in batches:
        hashes.add(np.array(batch, dtype=np.uint64))
    counts = Counter(value for batch in batches for value in batch)
    portions = [portion.tolist() for portion in hashes.repeated()]
    assert [value for portion in portions for value in portion] == sorted(v for v, n in counts.items() if n > 1)
    assert all(portions)


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, unique=True), st.lists(st.integers(0, 2**64 - 1) | st.none()))
def test_what_is_looked_for_is_found_among_others(sought, others):
    rows = pl.Series([*others, *sought[:2]], dtype=pl.UInt64)
    found = Sought(np.array(sorted(sought), dtype=np.uint64)).places(rows)
    assert found == [place for place, value in enumerate(rows.to_list()) if value in sought]


def test_equal_keys_have_equal_hashes_whatever_number_a_category_has():
    def hashes(values):
        frame = pl.DataFrame({"k": pl.Series(values, dtype=pl.Categorical), "x": [0.0, -0.0]})
        return frame.select(hash_keys(["k", "x"], frame.schema)).to_series().to_list()

    first = hashes(["a", "b"])
    gc.collect()
    second = hashes(["b", "a"])
    assert first == second[::-1]
    assert first[0] != first[1]


@pytest.mark.skipif(not OPEN.exists(), reason="only Linux lists the open files of a process")
def test_the_disk_is_given_back():
    before = len([*OPEN.iterdir()])
    made = tally([[("a", 1)]], 1)
    assert len([*OPEN.iterdir()]) > before
    del made
    gc.collect()
    assert len([*OPEN.iterdir()]) <= before


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, "SW-601"), (errno.EACCES, "SW-602")])
def test_a_disk_that_takes_no_more_is_named(monkeypatch, number, code):
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(tempfile, "TemporaryFile", Full)
    with pytest.raises(ShipwayError, match=code) as refused:
        tally([[("a", 1)]], 1)
    assert tempfile.gettempdir() in str(refused.value)
