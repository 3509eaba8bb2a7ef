import msgspec
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.table import (
    EMPTY,
    RUN_PARTS,
    Commit,
    CommitRecord,
    Layout,
    Part,
    columns_of,
    follow_snapshot,
    may_promote,
    start_snapshot,
)
from shipway.kit.canonical import canonical_json, digest_bytes

COUNTS = st.integers(0, 2**63 - 1)
PARTS = st.builds(Part, digest=st.text(), rows=COUNTS, size_bytes=COUNTS)
SNAPSHOTS = st.builds(
    start_snapshot, st.dictionaries(st.text(), st.text(), max_size=4), st.lists(PARTS, max_size=4).map(tuple)
)
TABLES = st.dictionaries(st.text(), SNAPSHOTS, max_size=3)


def make_parts(count):
    """Return parts of which no two are the same."""
    return [Part(digest=f"part {number}", rows=number, size_bytes=1) for number in range(count)]


def read_back(snapshot):
    """Return the parts of a snapshot as they can be read from what is stored of it."""
    name, objects = snapshot.stored
    layout = msgspec.json.decode(objects[name], type=Layout)
    runs = [part for run in layout.runs for part in msgspec.json.decode(objects[run], type=tuple[Part, ...])]
    return (*runs, *layout.rest)


@given(TABLES, TABLES, st.text())
def test_commit_is_named_by_what_is_stored_of_it(before, after, message):
    first = EMPTY.follow(before, "first")
    commit = first.follow(after, message)
    objects = commit.objects(beside=EMPTY)
    assert all(digest_bytes(body) == name for name, body in objects.items())
    record = msgspec.json.decode(objects[commit.id], type=CommitRecord)
    assert record.parents == (first.id,)
    assert (first.depth, record.depth) == (0, 1)
    assert record.tables == {name: snapshot.stored[0] for name, snapshot in (before | after).items()}
    assert commit.objects(beside=first).keys() <= objects.keys()
    again = Commit(parents=(first.id,), tables=before | after, message=message, depth=1)
    assert (again.id, again.data) == (commit.id, commit.data)


@given(SNAPSHOTS)
def test_rows_are_those_of_the_parts(snapshot):
    assert snapshot.rows == sum(part.rows for part in snapshot.parts)
    assert read_back(snapshot) == snapshot.parts


@pytest.mark.parametrize("count", [0, 1, RUN_PARTS - 1, RUN_PARTS, RUN_PARTS + 1, 3 * RUN_PARTS + 5])
def test_a_long_table_shares_its_full_runs(count):
    snapshot = start_snapshot({"x": "Int64"}, make_parts(count))
    assert read_back(snapshot) == snapshot.parts
    longer = follow_snapshot(snapshot, "append", [*snapshot.parts, *make_parts(1)], said=["more"])
    new = longer.stored[1].keys() - snapshot.stored[1].keys()
    assert len(new) == (2 if (count + 1) % RUN_PARTS == 0 else 1)


def test_order_of_parts_is_content():
    first, second = make_parts(2)
    columns = {"x": "Int64"}
    assert start_snapshot(columns, [first, second]).digest != start_snapshot(columns, [second, first]).digest


def test_digest_follows_from_what_was_done_and_not_from_how_files_lie():
    first, second, third = make_parts(3)
    start = start_snapshot({"x": "Int64"}, [first])
    grown = follow_snapshot(start, "append", [first, second], said=[second.digest])
    compacted = msgspec.structs.replace(start, parts=(third,))
    assert follow_snapshot(compacted, "append", [third, second], said=[second.digest]).digest == grown.digest
    assert follow_snapshot(start, "upsert", [first, second], said=[second.digest]).digest != grown.digest
    commits = [Commit(parents=(), tables={"t": table}, message="m") for table in (start, compacted)]
    assert commits[0].data == commits[1].data
    assert commits[0].id != commits[1].id


def test_a_table_that_becomes_none_is_gone():
    table = start_snapshot({"x": "Int64"}, make_parts(1))
    first = EMPTY.follow({"a": table, "b": table}, "first")
    assert list(first.follow({"a": None, "c": None}, "second").tables) == ["b"]
    merged = first.follow({}, "merge", also=[first.follow({}, "side").follow({}, "farther")])
    assert (len(merged.parents), merged.depth) == (2, 3)


KINDS = {
    str(kind): values
    for kind, values in {
        pl.Int8: [-128, 127],
        pl.Int16: [-(2**15), 2**15 - 1],
        pl.Int32: [-(2**31), 2**31 - 1],
        pl.Int64: [-(2**63), 2**63 - 1],
        pl.UInt8: [0, 255],
        pl.UInt32: [0, 2**32 - 1],
        pl.UInt64: [0, 2**64 - 1],
        pl.Float32: [1.5, -3.25, float("inf")],
        pl.Float64: [5e-324, 1e308],
        pl.String: ["", "x"],
        pl.Decimal(9, 2): ["9999999.99"],
        pl.Decimal(20, 2): ["999999999999999999.99"],
        pl.Decimal(20, 3): ["99999999999999999.999"],
        pl.Null: [None],
    }.items()
}
TYPES = {
    str(kind): kind
    for kind in (
        pl.Int8(),
        pl.Int16(),
        pl.Int32(),
        pl.Int64(),
        pl.UInt8(),
        pl.UInt32(),
        pl.UInt64(),
        pl.Float32(),
        pl.Float64(),
        pl.String(),
        pl.Decimal(9, 2),
        pl.Decimal(20, 2),
        pl.Decimal(20, 3),
        pl.Null(),
    )
}


@pytest.mark.parametrize("old", KINDS)
@pytest.mark.parametrize("new", KINDS)
def test_what_may_be_promoted_keeps_every_value(old, new):
    if not may_promote(old, new):
        return
    column = pl.Series(KINDS[old]).cast(TYPES[old])
    wide = column.cast(TYPES[new])
    assert wide.cast(TYPES[old]).equals(column)
    assert all(may_promote(old, third) for third in KINDS if may_promote(new, third))


def test_promotions_are_those_of_the_specification():
    allowed = {(old, new) for old in KINDS for new in KINDS if old != new and old != "Null" and may_promote(old, new)}
    ints = [
        ("Int8", "Int16"),
        ("Int8", "Int32"),
        ("Int8", "Int64"),
        ("Int16", "Int32"),
        ("Int16", "Int64"),
        ("Int32", "Int64"),
        ("UInt8", "UInt32"),
        ("UInt8", "UInt64"),
        ("UInt32", "UInt64"),
    ]
    assert allowed == {*ints, ("Float32", "Float64"), (str(pl.Decimal(9, 2)), str(pl.Decimal(20, 2)))}


def test_columns_are_told_without_their_numbers():
    snapshot = start_snapshot({"b": "Int64", "a": "String"}, make_parts(1))
    assert columns_of(snapshot.fields) == [["b", "Int64"], ["a", "String"]]
    assert [field.id for field in snapshot.fields] == [1, 2]
    assert canonical_json(snapshot.columns) == canonical_json({"a": "String", "b": "Int64"})
