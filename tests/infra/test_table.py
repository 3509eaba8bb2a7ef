"""Files of snapshots: the same bytes everywhere, damage refused, and changes against a model."""

import datetime as dt
import json
import os
import subprocess
import sys

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from shipway.adapters.file.blob import FileBlobs
from shipway.core.error import ShipwayError
from shipway.infra.compaction import compact
from shipway.infra.difference import compare
from shipway.infra.evolution import evolve
from shipway.infra.table import PART_ROWS, TableFiles
from shipway.testing.fake import MemoryBlobs
from shipway.testing.tables import make_frame, make_wide_frame

WRITE = """
import json, sys
from pathlib import Path
import polars as pl
from shipway.adapters.file.blob import FileBlobs
from shipway.adapters.sqlite.catalog import SqliteCatalog
from shipway.adapters.system.clock import SystemClock
from shipway.infra.lake import Lake
from shipway.testing.tables import make_wide_frame
folder = Path(sys.argv[1])
folder.mkdir()
lake = Lake(FileBlobs(folder / "blobs"), SqliteCatalog(folder / "catalog.db", clock=SystemClock()))
long = pl.DataFrame({"id": range(300_000)}).with_columns(
    text=pl.format("k{}", pl.col("id") % 1_000), share=pl.when(pl.col("id") % 7 > 0).then(pl.col("id") / 3)
)
tables = {"wide": lake.write(make_wide_frame()), "long": lake.append(lake.write(long), long.head(5))}
commit = lake.commit("main", tables, expect=None, message="all")
print(json.dumps([commit.id, sorted(lake.blobs.digests())]))
"""

CELLS = {
    "i": (st.integers(-(2**63), 2**63 - 1), pl.Int64),
    "f": (st.floats(), pl.Float64),
    "s": (st.text(), pl.String),
    "b": (st.binary(), pl.Binary),
    "t": (st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1)), pl.Datetime("us", "UTC")),
    "y": (st.booleans(), pl.Boolean),
    "l": (st.lists(st.integers(-5, 5), max_size=3), pl.List(pl.Int64)),
}


@st.composite
def frames(draw):
    rows = draw(st.integers(0, 12))
    return pl.DataFrame(
        [
            pl.Series(name, draw(st.lists(st.none() | cells, min_size=rows, max_size=rows)), dtype=dtype)
            for name, (cells, dtype) in CELLS.items()
        ]
    )


@pytest.fixture(scope="module")
def shared():
    return TableFiles(MemoryBlobs())


@settings(max_examples=30)
@given(frames(), st.data())
def test_any_rows_come_back_and_give_the_same_bytes(shared, frame, data):
    snapshot = shared.write(frame)
    assert_frame_equal(shared.read(snapshot), frame)
    cut = data.draw(st.integers(0, frame.height))
    pieces = pl.concat([frame[:cut], frame[cut:]], rechunk=False)
    behind = pl.concat([frame, pieces], rechunk=False)[frame.height :]
    assert shared.write(pieces) == shared.write(behind) == shared.write(shared.read(snapshot)) == snapshot


def test_digests_do_not_depend_on_folder_threads_or_hash_seed(tmp_path):
    outcomes = []
    for number, threads in enumerate(("1", "5")):
        env = {**os.environ, "POLARS_MAX_THREADS": threads, "PYTHONHASHSEED": str(number)}
        command = [sys.executable, "-c", WRITE, str(tmp_path / f"run{number}")]
        outcomes.append(json.loads(subprocess.run(command, env=env, capture_output=True, check=True).stdout))
    assert outcomes[0] == outcomes[1]
    assert len(outcomes[0][1]) == 3


def test_many_rows_are_cut_into_parts(shared):
    frame = pl.DataFrame({"id": pl.int_range(PART_ROWS + 5, dtype=pl.Int32, eager=True)})
    snapshot = shared.write(frame)
    assert [part.rows for part in snapshot.parts] == [PART_ROWS, 5]
    assert_frame_equal(shared.read(snapshot), frame)
    assert [piece.height for piece in shared.read_parts(snapshot)] == [PART_ROWS, 5]


def test_a_file_can_be_read_by_whoever_knows_parquet(tmp_path):
    blobs = FileBlobs(tmp_path / "blobs")
    (part,) = TableFiles(blobs).write(make_wide_frame()).parts
    assert part.size_bytes == len(blobs.get(part.digest))
    assert_frame_equal(pl.read_parquet(blobs.path(part.digest)), make_wide_frame())


@pytest.mark.parametrize(
    "series", [pl.Series("x", [object()], dtype=pl.Object), pl.Series("x", [{}], dtype=pl.Struct([]))]
)
def test_type_that_parquet_cannot_keep_is_refused(series):
    blobs = MemoryBlobs()
    with pytest.raises(ShipwayError) as caught:
        TableFiles(blobs).write(pl.DataFrame([pl.Series("id", [1]), series]))
    assert caught.value.code == "SW-203"
    assert list(blobs.digests()) == []


def test_every_flipped_bit_of_a_file_is_refused(tmp_path):
    blobs = FileBlobs(tmp_path / "blobs")
    files = TableFiles(blobs)
    snapshot = files.write(make_frame(1))
    path = blobs.path(snapshot.parts[0].digest)
    path.chmod(0o644)
    content = path.read_bytes()
    for place in range(0, len(content), 7):
        path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        with pytest.raises(ShipwayError) as caught:
            files.read(snapshot, ["id"])
        assert caught.value.code == "SW-605"


def test_unknown_column_is_answered_with_the_nearest(shared):
    with pytest.raises(ShipwayError) as caught:
        shared.read(shared.write(make_frame(1)), ["valeu"])
    assert caught.value.hint == "did you mean 'value'?"


KEYS = st.tuples(st.integers(0, 6), st.sampled_from(["x", "y", "é"]))
VALUES = st.none() | st.floats(allow_nan=True) | st.just(0.5)
EDITS = st.tuples(st.dictionaries(KEYS, VALUES, max_size=5), st.sets(KEYS, max_size=3))


def to_frame(rows):
    """Return the rows of a model: a key of two columns to a value."""
    schema = {"a": pl.Int64, "b": pl.String, "value": pl.Float64}
    return pl.DataFrame([(*key, value) for key, value in rows.items()], schema=schema, orient="row")


def to_model(frame):
    """Return rows by key, with values as text so that not-a-number equals itself."""
    return {(a, b): repr(value) for a, b, value in frame.iter_rows()}


@settings(max_examples=45)
@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=4), min_size=1, max_size=3), st.lists(EDITS, max_size=4))
def test_changes_by_key_are_those_of_a_dictionary(shared, starts, edits):
    model, snapshot = {}, None
    for rows in starts:
        new = {key: value for key, value in rows.items() if key not in model}
        frame = to_frame(new)
        snapshot = shared.write(frame) if snapshot is None else shared.append(snapshot, frame)
        model |= new
    for rows, gone in edits:
        before, frame = snapshot, shared.read(snapshot)
        deleted = to_frame(dict.fromkeys(gone)).select("a", "b")
        snapshot = shared.upsert(snapshot, to_frame(rows), key=["a", "b"], deleted=deleted)
        changed = {key: value for key, value in model.items() if key not in gone - rows.keys()} | rows
        found = shared.read(snapshot)
        assert to_model(found) == to_model(to_frame(changed))
        # Rows stay where they stood, and new ones come last.
        order = [key for key in model if key in changed] + [key for key in rows if key not in model]
        assert list(zip(found["a"], found["b"], strict=True)) == order
        assert (snapshot == before) == (to_model(found) == to_model(frame))
        assert (snapshot.digest == before.digest) == (snapshot == before)
        assert_frame_equal(shared.read(before), frame)
        assert shared.upsert(snapshot, to_frame(rows), key=["a", "b"], deleted=deleted) == snapshot
        model = {key: changed[key] for key in order}


def test_only_files_with_a_changed_row_are_written_again(shared):
    snapshot = shared.write(make_frame(1))
    for start in (10, 20):
        snapshot = shared.append(snapshot, make_frame(1).with_columns(pl.col("id") + start))
    row = pl.DataFrame({"id": [11], "value": [9.0]})
    changed = shared.upsert(snapshot, row, key=["id"])
    assert [new == old for new, old in zip(changed.parts, snapshot.parts, strict=True)] == [True, False, True]


def test_rows_of_any_type_can_be_put_in_place(shared):
    frame = make_wide_frame().with_row_index("id")
    snapshot = shared.write(frame)
    swapped = frame.with_columns(id=pl.Series([2, 1, 0], dtype=pl.UInt32))
    changed = shared.upsert(snapshot, swapped, key=["id"])
    assert_frame_equal(shared.read(changed), swapped.sort("id"))
    assert shared.upsert(changed, swapped, key=["id"]) == changed


def test_other_rows_of_the_same_files_have_another_digest(shared):
    start = shared.write(pl.DataFrame({"a": [1], "b": [2]}))
    columns = {"a": pl.Int64, "b": pl.Int64}
    one = evolve(shared, start, drop=["b"], add={"b": pl.Int64})
    both = evolve(shared, start, drop=["a", "b"], add=columns)
    assert shared.read(one).rows() == [(1, None)]
    assert shared.read(both).rows() == [(None, None)]
    assert one.digest != both.digest
    # The only file that stays has the bytes of the one that is written, and other rows.
    two = shared.append(one, pl.DataFrame({"a": [5], "b": [6]}))
    gone, row = pl.DataFrame({"a": [5]}), pl.DataFrame({"a": [1], "b": [2]})
    shorter = shared.upsert(two, row.clear(), key=["a"], deleted=gone)
    filled = shared.upsert(two, row, key=["a"], deleted=gone)
    assert [part.digest for part in shorter.parts] == [part.digest for part in filled.parts]
    assert (shared.read(shorter).rows(), shared.read(filled).rows()) == ([(1, None)], [(1, 2)])
    assert shorter.digest != filled.digest


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["append", "upsert", "delete", "renew", "swap", "compact"]),
        st.integers(0, 2),
        st.integers(0, 1),
    ),
    max_size=5,
)


@settings(max_examples=25)
@given(CHANGES, CHANGES)
def test_one_digest_is_one_table_whatever_led_to_it(shared, one, other):
    """Changes of a few rows and of columns of two names, so that the same files come about again and again."""

    def run(steps):
        table = shared.write(pl.DataFrame({"a": [0, 1], "b": [0, 1]}))
        tables = [table]
        for what, key, value in steps:
            row = pl.DataFrame({"a": [key], "b": [value]}, schema_overrides={"a": pl.Int64, "b": pl.Int64})
            if what == "append":
                table = shared.append(table, row.select(list(table.columns)))
            elif what == "upsert":
                table = shared.upsert(table, row.select(list(table.columns)), key=["a"])
            elif what == "delete":
                table = shared.upsert(table, row.clear(), key=["a"], deleted=row.select("a"))
            elif what == "renew":
                table = evolve(shared, table, drop=["a", "b"][value:], add=dict.fromkeys(["a", "b"][value:], pl.Int64))
            elif what == "swap":
                table = evolve(shared, table, rename={"a": "b", "b": "a"})
            else:
                table = compact(shared, table)
            tables.append(table)
        return tables

    seen = {}
    assert run(one) == run(one)
    for table in (*run(one), *run(other)):
        found = shared.read(table)
        assert_frame_equal(seen.setdefault(table.digest, found), found)


@pytest.mark.parametrize(
    ("key", "deleted", "code"),
    [
        ([], None, "SW-205"),
        (["ids"], None, "SW-202"),
        (["id", "ids"], None, "SW-202"),
        (["id"], {"ids": [1]}, "SW-202"),
        (["id"], {"id": ["one"]}, "SW-203"),
        (["id"], {"id": [2**40]}, "SW-203"),
    ],
)
def test_keys_that_the_table_cannot_have_are_refused(key, deleted, code):
    blobs = MemoryBlobs()
    files = TableFiles(blobs)
    rows = pl.DataFrame({"id": [1], "value": [1.0]}, schema_overrides={"id": pl.Int32})
    snapshot = files.write(rows)
    before = sorted(blobs.digests())
    with pytest.raises(ShipwayError) as caught:
        files.upsert(snapshot, rows, key=key, deleted=None if deleted is None else pl.DataFrame(deleted))
    assert caught.value.code == code
    assert sorted(blobs.digests()) == before


def test_a_key_to_remove_may_be_narrower_repeated_or_null(shared):
    snapshot = shared.write(pl.DataFrame({"id": [1, 2, None], "value": [1.0, 2.0, 3.0]}))
    gone = pl.DataFrame({"id": [1, 1, None]}, schema_overrides={"id": pl.Int8})
    left = shared.upsert(snapshot, shared.read(snapshot).clear(), key=["id"], deleted=gone)
    # A row without a key is found by none.
    assert shared.read(left).rows() == [(2, 2.0), (None, 3.0)]


@pytest.mark.parametrize("name", [name for name in make_wide_frame().columns if name != "nothing"])
def test_a_column_of_any_type_can_be_the_key(shared, name):
    wide = make_wide_frame().with_columns(at=pl.col("at"), local=pl.col("at"), naive=pl.col("at"))
    frame = wide.select(key=name, value=pl.Series([0, 1, 2]))
    snapshot = shared.write(frame[:1])
    for place in (1, 2):
        snapshot = shared.append(snapshot, frame[place : place + 1])
    rows = frame.filter(pl.col("key").is_not_null())
    changed = shared.upsert(snapshot, rows.with_columns(pl.col("value") + 10), key=["key"])
    assert shared.read(changed)["value"].to_list() == [10, 1, 12]
    assert shared.upsert(changed, rows.with_columns(pl.col("value") + 10), key=["key"]) is changed
    gone = shared.upsert(changed, rows.clear(), key=["key"], deleted=rows[:1].select("key"))
    assert shared.read(gone)["value"].to_list() == [1, 12]
    assert compare(shared, snapshot, changed, key=["key"]).after.height == 2


def test_signs_of_zero_and_not_a_number_are_no_change(shared):
    nan = float("nan")
    frame = pl.DataFrame({"id": [1, 2, 3], "value": [0.0, nan, None]})
    snapshot = shared.write(frame)
    same = pl.DataFrame({"id": [2, 1], "value": [nan, -0.0]})
    assert shared.upsert(snapshot, same, key=["id"]) is snapshot
    keyed = shared.write(pl.DataFrame({"key": [-0.0, nan], "value": [1, 2]}))
    changed = shared.upsert(keyed, pl.DataFrame({"key": [0.0, nan], "value": [3, 4]}), key=["key"])
    assert shared.read(changed)["value"].to_list() == [3, 4]


def test_categories_and_nested_values_are_one_table_over_many_files(shared):
    dtype = pl.Struct({"k": pl.List(pl.Categorical), "e": pl.Enum(["lo", "hi"])})
    frames = [
        pl.DataFrame(
            {"id": [n], "c": [c], "s": [{"k": [c, None], "e": e}]},
            schema={"id": pl.Int64, "c": pl.Categorical, "s": dtype},
        )
        for n, (c, e) in enumerate([("x", "hi"), ("y", "lo"), ("x", None), ("z", "hi")])
    ]
    snapshot = shared.write(frames[0])
    for frame in frames[1:]:
        snapshot = shared.append(snapshot, frame)
    assert_frame_equal(shared.read(snapshot), pl.concat(frames))
    turned = pl.concat(frames).with_columns(c=pl.col("c").reverse(), s=pl.col("s").reverse())
    changed = shared.upsert(snapshot, turned, key=["id"])
    assert_frame_equal(shared.read(changed), turned)
    other = frames[0].with_columns(
        pl.Series("s", [None], dtype=pl.Struct({"k": pl.List(pl.Categorical), "e": pl.Enum(["hi", "lo"])}))
    )
    with pytest.raises(ShipwayError) as caught:
        shared.append(snapshot, other)
    assert caught.value.code == "SW-203"


def test_pieces_of_files_of_several_schemas_are_the_rows_in_order(shared):
    table = shared.write(pl.DataFrame({"id": range(7), "x": [n / 2 for n in range(7)]}))
    table = evolve(shared, table, rename={"x": "y"}, add={"z": pl.Int64})
    table = shared.append(table, pl.DataFrame({"id": [7, 8], "y": [0.0, 1.0], "z": [1, 2]}))
    pieces = list(shared.read_parts(table, ["z", "id"], rows=3))
    assert [piece.height for piece in pieces] == [3, 3, 1, 0, 2]
    assert_frame_equal(pl.concat(pieces), shared.read(table, ["z", "id"]))


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (0, 3), (2, 9), (5, 12), (7, 7), (0, 12)])
def test_a_span_is_those_rows_whatever_files_they_lie_in(start, stop):
    files = TableFiles(MemoryBlobs())
    frame = pl.DataFrame({"id": range(12), "text": [f"t{n}" for n in range(12)]})
    snapshot = files.append(files.append(files.write(frame.head(5)), frame.slice(5, 2)), frame.slice(7))
    assert_frame_equal(files.read_span(snapshot, start, stop), frame.slice(start, stop - start))
    assert_frame_equal(
        files.read_span(snapshot, start, stop, ["text"]), frame.slice(start, stop - start).select("text")
    )
    with pytest.raises(ShipwayError, match="SW-202"):
        files.read_span(snapshot, start, stop, ["txet"])
