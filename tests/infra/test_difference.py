"""Differences against brute force, and that only files which are not shared are read."""

from collections import Counter

import msgspec
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


@settings(max_examples=50)
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


@settings(max_examples=50)
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


def match_models(old, new):
    """Return what was removed, added and changed by key, keys that are missing or repeated being none."""
    left = Counter(repr(row) for row in old)
    left.subtract(Counter(repr(row) for row in new))
    removed = [row for row in old if left[repr(row)] > 0 and not left.subtract([repr(row)])]
    added = [row for row in new if left[repr(row)] < 0 and not left.update([repr(row)])]
    keys = [Counter(row[0] for row in rows) for rows in (removed, added)]
    pairs = {key for key in keys[0] if key is not None and keys[0][key] == keys[1][key] == 1}
    gone, come = ([row for row in rows if row[0] not in pairs] for rows in (removed, added))
    was, now = ({row[0]: row for row in rows if row[0] in pairs} for rows in (removed, added))
    return gone, come, [was[key] for key in sorted(pairs)], [now[key] for key in sorted(pairs)]


ODD = st.tuples(st.none() | st.integers(0, 2), st.sampled_from([0.5, None]), st.none() | st.just("x"), st.just([]))
ODD_BATCHES = st.lists(st.lists(ODD, max_size=3), min_size=1, max_size=3)


@settings(max_examples=40)
@given(ODD_BATCHES, ODD_BATCHES, ODD_BATCHES, st.booleans(), st.booleans())
def test_keys_that_are_missing_or_repeated_are_told_alike_however_rows_lie_in_files(
    files, shared, one, other, keep_before, keep_after
):
    before, after = make(files, shared + one), make(files, shared + other)
    before = before if keep_before else renew(files, before)
    after = after if keep_after else renew(files, after)
    found = compare(files, before, after, key=["id"])
    removed, added, was, now = match_models(files.read(before).rows(), files.read(after).rows())
    assert count(found.removed) == count(to_frame(removed))
    assert count(found.added) == count(to_frame(added))
    assert [repr(row) for row in found.before.sort("id").iter_rows()] == [repr(row) for row in was]
    assert [repr(row) for row in found.after.sort("id").iter_rows()] == [repr(row) for row in now]


def renew(files, snapshot):
    """Return the same rows in one file of their own."""
    return msgspec.structs.replace(snapshot, parts=files.write(files.read(snapshot)).parts)


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


WIDE = make_wide_frame()


@pytest.mark.parametrize("name", WIDE.columns)
def test_columns_of_any_two_types_can_be_compared(files, name):
    before = files.write(WIDE.select(pl.col(name).alias("x")))
    for other in WIDE.columns:
        after = files.write(WIDE.select(pl.col(other).alias("x")))
        found = compare(files, before, after)
        assert found.empty == (name == other), other
        if "nothing" not in (name, other):
            # Null is null in every type.
            assert found.added["x"].null_count() == found.removed["x"].null_count() == 0, other


def test_numbers_that_became_text_are_compared_as_they_are_written(files):
    before = files.write(pl.DataFrame({"id": [1, 2, 3], "x": [[1], [2], None]}))
    after = files.write(pl.DataFrame({"id": [1, 2, 3], "x": ["[1]", "[3]", None]}))
    assert compare(files, before, after, key=["id"]).after.rows() == [(2, "[3]")]


def test_columns_may_be_called_anything(files):
    names = ["len", "len other", "0", "1", "len:", "", "_right", "literal"]
    before = files.write(pl.DataFrame({name: [1, 2] for name in names}))
    after = files.append(before, pl.DataFrame({name: [2] for name in names}))
    assert compare(files, before, after).added.rows() == [(2,) * len(names)]
    changed = files.upsert(before, pl.DataFrame({name: [1] for name in names}).with_columns(literal=9), key=names[:3])
    assert compare(files, before, changed, key=names[:3]).after.height == 1


def test_tables_without_a_common_column_differ_in_their_columns_alone(files):
    before = files.write(pl.DataFrame({"a": [1]}))
    after = evolve(files, before, rename={"a": "b"})
    found = compare(files, before, after)
    assert (found.columns_added, found.columns_removed, found.empty) == (("b",), ("a",), False)
    assert found.added.height == found.removed.height == found.after.height == 0


def test_files_that_are_read_alike_under_two_schemas_are_shared():
    blobs = CountingBlobs()
    files = TableFiles(blobs)
    base = evolve(files, make(files, [[(number, 0.5, "x", [])] for number in range(4)]), add={"b": pl.Int64})
    after = files.append(base, files.read(base)[:1].with_columns(id=pl.lit(9, dtype=pl.Int64)))
    blobs.read.clear()
    assert compare(files, base, after, key=["id"]).added["id"].to_list() == [9]
    assert not set(blobs.read) & {part.digest for part in base.parts if part.rows}
