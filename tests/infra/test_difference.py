"""Differences against brute force, and that only files which are not shared are read."""

from collections import Counter

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.core.error import ShipwayError
from shipway.infra.compaction import compact
from shipway.infra.difference import compare
from shipway.infra.evolution import evolve
from shipway.infra.table import TableFiles
from shipway.testing.fake import MemoryBlobs
from shipway.testing.tables import make_wide_frame

SCHEMA = {"id": pl.Int64, "x": pl.Float64, "s": pl.String, "l": pl.List(pl.Int64)}
ROWS = st.tuples(
    st.integers(0, 5),
    st.none() | st.sampled_from([float("nan"), 0.5, 1.5]),
    st.none() | st.sampled_from(["", "x"]),
    st.none() | st.lists(st.none() | st.integers(0, 1), max_size=2),
)


class CountingBlobs(MemoryBlobs):
    """A blob store that remembers what was read from it."""

    def __init__(self):
        super().__init__()
        self.read = Counter()

    def get(self, digest):
        self.read[digest] += 1
        return super().get(digest)


@pytest.fixture(scope="module")
def files():
    return TableFiles(MemoryBlobs())


def to_frame(rows):
    """Return rows as a frame."""
    return pl.DataFrame(list(rows), schema=SCHEMA, orient="row")


def count(frame):
    """Return how often each row is there, values as they print."""
    return Counter(repr(row) for row in frame.iter_rows())


def make(files, batches):
    """Return a snapshot with a file for each batch."""
    snapshot = files.write(to_frame(batches[0]))
    for batch in batches[1:]:
        snapshot = files.append(snapshot, to_frame(batch))
    return snapshot


BATCHES = st.lists(st.lists(ROWS, max_size=4), min_size=1, max_size=3)


@settings(max_examples=150)
@given(BATCHES, BATCHES, BATCHES)
def test_without_a_key_rows_are_a_multiset(files, shared, one, other):
    before, after = make(files, shared + one), make(files, shared + other)
    found = compare(files, before, after)
    old, new = count(files.read(before)), count(files.read(after))
    assert count(found.added) == new - old
    assert count(found.removed) == old - new
    assert found.before.height == found.after.height == 0
    assert found.empty == (old == new)


KEYED = st.lists(ROWS, max_size=5, unique_by=lambda row: row[0])


@settings(max_examples=150)
@given(KEYED, KEYED)
def test_with_a_key_rows_are_a_dictionary(files, one, other):
    before, after = files.write(to_frame(one)), files.write(to_frame(other))
    found = compare(files, before, after, key=["id"])
    old, new = ({row[0]: repr(row) for row in rows} for rows in (one, other))
    assert {row[0]: repr(row) for row in found.added.iter_rows()} == {k: v for k, v in new.items() if k not in old}
    assert {row[0]: repr(row) for row in found.removed.iter_rows()} == {k: v for k, v in old.items() if k not in new}
    changed = [key for key in old if key in new and old[key] != new[key]]
    assert [repr(row) for row in found.before.iter_rows()] == [old[key] for key in changed]
    assert [repr(row) for row in found.after.iter_rows()] == [new[key] for key in changed]


def test_only_files_that_are_not_shared_are_read():
    blobs = CountingBlobs()
    files = TableFiles(blobs)
    base = make(files, [[(number, 0.5, "x", [])] for number in range(6)])
    after = files.upsert(base, to_frame([(3, 1.5, "x", []), (9, None, None, None)]), key=["id"])
    blobs.read.clear()
    found = compare(files, base, after, key=["id"])
    assert (found.added.height, found.after.height) == (1, 1)
    assert set(blobs.read) == {part.digest for part in {*base.parts} ^ {*after.parts}}
    blobs.read.clear()
    assert compare(files, base, base, key=["id"]).empty
    assert len(blobs.read) <= 1


def test_compaction_is_no_difference(files):
    snapshot = make(files, [[(number, 0.5, "x", [number])] for number in range(10)])
    small = compact(files, snapshot)
    assert small.parts != snapshot.parts
    assert compare(files, snapshot, small).empty
    assert compare(files, snapshot, small, key=["id"]).empty


def test_every_type_can_be_compared(files):
    frame = make_wide_frame().with_row_index("id")
    snapshot = files.write(frame)
    for name in frame.columns[1:]:
        if frame[name].dtype == pl.Null:
            continue
        turned = frame.with_columns(pl.col(name).gather([1, 2, 0]))
        pairs = zip(frame[name].to_list(), turned[name].to_list(), strict=True)
        differing = [place for place, (was, now) in enumerate(pairs) if repr(was) != repr(now)]
        found = compare(files, snapshot, files.write(turned), key=["id"])
        assert found.after["id"].to_list() == differing, name
        assert compare(files, snapshot, files.write(turned)).added.height == len(differing) >= 2, name


def test_columns_that_differ_are_said_and_the_others_compared(files):
    before = files.write(pl.DataFrame({"id": [1, 2], "n": [1, 2], "a": ["x", "y"]}, schema_overrides={"n": pl.Int32}))
    after = evolve(files, before, drop=["a"], add={"b": pl.Date}, promote={"n": pl.Int64})
    after = files.upsert(after, pl.DataFrame({"id": [2], "n": [3], "b": [None]}), key=["id"])
    found = compare(files, before, after, key=["id"])
    assert (found.columns_added, found.columns_removed) == (("b",), ("a",))
    assert found.columns_changed == ("n: Int32 -> Int64",)
    assert (found.before.rows(), found.after.rows()) == ([(2, 2)], [(2, 3)])
    texts = files.write(pl.DataFrame({"id": [1, 2], "n": ["1", "5"], "a": ["x", "y"]}))
    assert compare(files, before, texts, key=["id"]).after["id"].to_list() == [2]
    with pytest.raises(ShipwayError) as caught:
        compare(files, before, after, key=["a"])
    assert caught.value.code == "SW-202"
