"""Tables as other engines read them: every type, every change of a schema, every commit, and what may go wrong."""

import datetime as dt
import json
import subprocess
import sys
import time
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from shipway.adapters.iceberg.attempt import Attempt
from shipway.adapters.iceberg.publication import IcebergPublisher
from shipway.adapters.system.clock import SystemClock
from shipway.core.error import ShipwayError
from shipway.infra.compaction import compact
from shipway.infra.evolution import evolve
from shipway.testing.publication import CASES, Window

MOMENT = dt.datetime(2013, 3, 10, 7, 30, 0, 1)
ROUND = dt.datetime(2013, 3, 10, 7, 30, 0, 1_000)
CLOCK = dt.time(23, 59, 59, 999_999)

READY = {
    "boolean": ([True, None, False], pl.Boolean, pl.Boolean),
    "int8": ([-128, None, 127], pl.Int8, pl.Int32),
    "int16": ([-(2**15), None, 2**15 - 1], pl.Int16, pl.Int32),
    "int32": ([-(2**31), None, 2**31 - 1], pl.Int32, pl.Int32),
    "int64": ([-(2**63), None, 2**63 - 1], pl.Int64, pl.Int64),
    "uint8": ([0, None, 255], pl.UInt8, pl.Int32),
    "uint16": ([0, None, 2**16 - 1], pl.UInt16, pl.Int32),
    "float32": ([1.5, None, float("inf")], pl.Float32, pl.Float32),
    "float64": ([-0.0, None, 5e-324], pl.Float64, pl.Float64),
    "nan": ([float("nan"), None, 1.0], pl.Float64, pl.Float64),
    "string": (["", None, "Zürich 𝄞 " * 9], pl.String, pl.String),
    "categorical": (["x", None, "y"], pl.Categorical, pl.String),
    "binary": ([b"", None, b"\xff\x00" * 20], pl.Binary, pl.Binary),
    "date": ([dt.date(1, 1, 1), None, dt.date(9999, 12, 31)], pl.Date, pl.Date),
    "naive": ([MOMENT, None, MOMENT], pl.Datetime("us"), pl.Datetime("us")),
    "utc": ([MOMENT, None, dt.datetime(1969, 12, 31)], pl.Datetime("us", "UTC"), pl.Datetime("us", "UTC")),
    "milliseconds": ([ROUND, None, ROUND], pl.Datetime("ms"), pl.Datetime("us")),
    "utc milliseconds": ([ROUND, None, ROUND], pl.Datetime("ms", "UTC"), pl.Datetime("us", "UTC")),
    "decimal 9": ([Decimal("-1.25"), None, Decimal("9999999.99")], pl.Decimal(9, 2), pl.Decimal(9, 2)),
    "decimal 18": ([Decimal("-1.25"), None, Decimal("1e15")], pl.Decimal(18, 2), pl.Decimal(18, 2)),
    "decimal 38": ([Decimal("-1.25"), None, Decimal("1e30")], pl.Decimal(38, 3), pl.Decimal(38, 3)),
    "list": ([[1, None], None, []], pl.List(pl.Int64), pl.List(pl.Int64)),
    "list of categoricals": ([["a"], None, ["b", "a"]], pl.List(pl.Categorical), pl.List(pl.String)),
    "list of lists": ([[[1]], None, [[], None]], pl.List(pl.List(pl.Int8)), pl.List(pl.List(pl.Int32))),
    "struct": ([{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}], None, pl.Struct({"a": pl.Int64, "b": pl.String})),
}
"""Types whose files are published where they lie: values, the type in Polars, and the one that others read."""

REWRITTEN = {
    "uint32": ([0, None, 2**32 - 1], pl.UInt32, pl.Int64),
    "uint64": ([0, None, 2**64 - 1], pl.UInt64, pl.Decimal(20, 0)),
    "int128": ([0, None, -(2**100)], pl.Int128, pl.Decimal(38, 0)),
    "float16": ([0.5, None, -2.0], pl.Float16, pl.Float32),
    "enum": (["low", None, "high"], pl.Enum(["low", "high"]), pl.String),
    "zoned": ([MOMENT, None, MOMENT], pl.Datetime("us", "America/New_York"), pl.Datetime("us", "UTC")),
    "nanoseconds": ([MOMENT, None, MOMENT], pl.Datetime("ns"), pl.Datetime("us")),
    "time": ([dt.time(0), None, CLOCK], pl.Time, pl.Time),
    "duration": ([dt.timedelta(days=-1), None, dt.timedelta(microseconds=1)], pl.Duration("us"), pl.Int64),
    "array": ([[1.0, 2.0], None, [3.0, None]], pl.Array(pl.Float64, 2), pl.List(pl.Float64)),
    "array of arrays": ([[[1, 2]], None, [[3, 4]]], pl.Array(pl.Int16, (1, 2)), pl.List(pl.List(pl.Int32))),
    "list of enums": ([["low"], None, []], pl.List(pl.Enum(["low"])), pl.List(pl.String)),
    "struct of times": ([{"a": CLOCK}, None, {"a": None}], pl.Struct({"a": pl.Time}), pl.Struct({"a": pl.Time})),
}
"""Types whose files are written anew: as above."""


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("reader", ["native", "pyiceberg"])
def test_publisher_conforms(case, reader, open_shop, tmp_path):
    shop = open_shop(tmp_path)

    def read(uri):
        return pl.scan_iceberg(uri, reader_override=reader).collect()

    folder = tmp_path / "loose"
    folder.mkdir()
    case(lambda: Window(shop.publisher, shop.blobs, str(shop.folder), read), folder)


def expect(frame, dtype):
    """Return what others are to read of a column `x`."""
    series = frame["x"]
    if isinstance(series.dtype, pl.Duration):
        series = series.dt.total_microseconds()
    elif series.dtype == pl.Array(pl.Int16, (1, 2)) or isinstance(series.dtype, pl.Array):
        series = pl.Series("x", series.to_list(), dtype=dtype)
    elif getattr(series.dtype, "time_zone", None):
        series = series.dt.convert_time_zone("UTC")
    return frame.with_columns(series.cast(dtype).alias("x"))


@pytest.mark.parametrize("kind", [*READY, *REWRITTEN])
def test_every_type_is_read_as_it_was_written(kind, shop, read_duckdb):
    values, dtype, published = (READY | REWRITTEN)[kind]
    frame = pl.DataFrame({"id": [1, 2, 3], "x": pl.Series(values, dtype=dtype)})
    found = shop.publish(shop.write(frame))
    assert found.files_rewritten == (kind in REWRITTEN)
    wanted = expect(frame, published)
    assert_frame_equal(shop.read("native").sort("id"), wanted)
    assert_frame_equal(shop.read("pyiceberg").sort("id"), wanted)
    others = read_duckdb(shop.folder / "t", rest="ORDER BY id")
    assert_frame_equal(others.with_columns(pl.col("x").cast(published)), wanted)
    if not isinstance(published, pl.List | pl.Struct):
        assert str(others.schema["x"]).partition("(")[0] == str(wanted.schema["x"]).partition("(")[0]


def test_nothing_is_copied_where_nothing_must_be(shop):
    snapshot = shop.write({"id": [1, 2], "at": [MOMENT, None]})
    shop.publish(snapshot)
    (task,) = shop.table().scan().plan_files()
    assert task.file.file_path == shop.blobs.uri(snapshot.parts[0].digest)
    assert not list(shop.folder.rglob("*.parquet"))


def test_a_column_of_nothing_but_nulls_is_left_out_until_it_has_a_type(shop, read_duckdb):
    snapshot = shop.write({"id": [1], "x": [None]})
    assert shop.publish(snapshot).files_rewritten == 1
    assert shop.read().columns == ["id"]
    snapshot = evolve(shop.files, snapshot, promote={"x": pl.String})
    shop.publish(shop.files.append(snapshot, pl.DataFrame({"id": [2], "x": ["y"]})))
    wanted = pl.DataFrame({"id": [1, 2], "x": [None, "y"]})
    for frame in (shop.read(), shop.read("pyiceberg"), read_duckdb(shop.folder / "t")):
        assert_frame_equal(frame.sort("id"), wanted)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([2**127 - 1], pl.Int128),
        ([1], pl.Datetime("ns")),
        ([1], pl.Time),
        ([[None]], pl.List(pl.Null)),
        ([{"a": [None]}], pl.Struct({"a": pl.List(pl.Null)})),
        ([[1]], pl.List(pl.Datetime("ns"))),
    ],
    ids=str,
)
def test_what_iceberg_does_not_keep_is_refused_and_nothing_is_shown(values, dtype, shop):
    series = (
        pl.Series("x", values, dtype=pl.Int64).cast(dtype)
        if isinstance(values[0], int) and dtype != pl.Int128
        else pl.Series("x", values, dtype=dtype)
    )
    snapshot = shop.files.write(pl.DataFrame({"id": [1], "wrong": series}))
    with pytest.raises(ShipwayError, match=r"'wrong' of table 't'") as refusal:
        shop.publish(snapshot)
    assert refusal.value.code == "SW-212"
    assert refusal.value.hint
    assert not (shop.folder / "t" / "metadata" / "version-hint.text").exists()


def test_a_table_without_types_is_refused(shop):
    with pytest.raises(ShipwayError, match="no column of table 't' has a type") as refusal:
        shop.publish(shop.write({"x": [None]}))
    assert refusal.value.code == "SW-212"


def test_publishing_again_changes_nothing(shop):
    snapshot = shop.write({"id": [1, 2, 3]})
    first = shop.publish(snapshot, commit="one")
    before = shop.listing()
    again = shop.publish(snapshot, commit="two")
    assert (first.unchanged, first.files_added, first.rows) == (False, 1, 3)
    assert (again.unchanged, again.files_added, again.files_removed, again.rows) == (True, 0, 0, 3)
    assert again.metadata_uri == first.metadata_uri == shop.uri()
    assert shop.commits() == ("one",)
    assert shop.listing() == before


def test_commits_that_follow_add_and_remove_what_changed(shop):
    first = shop.write({"id": [1, 2, 3], "value": [1.0, 2.0, 3.0]})
    shop.publish(first, commit="first")
    identity = shop.table().metadata.table_uuid
    second = shop.files.append(first, pl.DataFrame({"id": [4], "value": [4.0]}))
    found = shop.publish(second, commit="second")
    assert (found.files_added, found.files_removed, found.rows) == (1, 0, 4)
    changed = shop.files.upsert(second, pl.DataFrame({"id": [4], "value": [-4.0]}), key=["id"])
    found = shop.publish(changed, commit="third")
    assert (found.files_added, found.files_removed, found.rows) == (1, 1, 4)
    for _ in range(8):
        changed = shop.files.append(changed, pl.DataFrame({"id": [5], "value": [5.0]}))
    packed = compact(shop.files, changed)
    shop.publish(changed, commit="fourth")
    shop.publish(packed, commit="fifth")
    table = shop.table()
    assert table.metadata.table_uuid == identity
    assert [each.summary.operation.value for each in table.metadata.snapshots] == [
        "append",
        "append",
        "overwrite",
        "append",
        "replace",
    ]
    shown = [table.scan(snapshot_id=each.snapshot_id).to_arrow().num_rows for each in table.metadata.snapshots]
    assert shown == [3, 4, 4, 12, 12]
    assert_frame_equal(shop.read().sort("id"), shop.files.read(packed).sort("id"))


def test_deleted_files_are_named_once(shop):
    first = shop.write({"id": [1], "value": ["a"]})
    second = shop.files.append(first, pl.DataFrame({"id": [2], "value": ["b"]}))
    shop.publish(second)
    gone = shop.files.upsert(second, pl.DataFrame({"id": [2], "value": ["c"]}), key=["id"])
    shop.publish(gone)
    table = shop.table()
    named = [
        entry.status.name
        for manifest in table.current_snapshot().manifests(table.io)
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=False)
    ]
    assert sorted(named) == ["ADDED", "DELETED", "EXISTING"]
    shop.publish(shop.files.append(gone, pl.DataFrame({"id": [3], "value": ["d"]})))
    assert len(list(shop.table().scan().plan_files())) == 3


def test_rows_stored_twice_are_read_twice(shop, read_duckdb):
    frame = pl.DataFrame({"id": [1, 2]})
    snapshot = shop.files.append(shop.files.write(frame), frame)
    assert snapshot.parts[0] == snapshot.parts[1]
    assert shop.publish(snapshot).files_rewritten == 1
    for found in (shop.read(), shop.read("pyiceberg"), read_duckdb(shop.folder / "t")):
        assert sorted(found["id"]) == [1, 1, 2, 2]


def test_an_empty_table_has_columns_and_no_rows(shop, read_duckdb):
    snapshot = shop.write({"id": [], "x": []}, schema={"id": pl.Int64, "x": pl.String})
    assert shop.publish(snapshot).files_added == 0
    for found in (shop.read(), shop.read("pyiceberg"), read_duckdb(shop.folder / "t")):
        assert_frame_equal(found, pl.DataFrame(schema={"id": pl.Int64, "x": pl.String}))
    shop.publish(shop.files.append(snapshot, pl.DataFrame({"id": [1], "x": ["a"]})))
    assert shop.read().height == 1
    shop.publish(snapshot)
    assert shop.read().height == 0
    shop.publish(shop.files.append(snapshot, pl.DataFrame({"id": [2], "x": ["b"]})))
    assert read_duckdb(shop.folder / "t")["id"].to_list() == [2]


def test_columns_keep_their_ids_through_every_change(shop, read_duckdb):
    snapshot = shop.write({"id": [1], "old": [7], "going": ["x"]}, schema_overrides={"old": pl.Int32})
    shop.publish(snapshot)
    ids = {field.name: field.field_id for field in shop.table().schema().fields}
    snapshot = evolve(
        shop.files, snapshot, rename={"old": "new"}, promote={"old": pl.Int64}, drop=["going"], add={"more": pl.Date}
    )
    snapshot = shop.files.append(snapshot, pl.DataFrame({"id": [2], "new": [2**40], "more": [dt.date(2020, 1, 1)]}))
    assert shop.publish(snapshot).files_rewritten == 0
    table = shop.table()
    assert {field.name: field.field_id for field in table.schema().fields} == {
        "id": ids["id"],
        "new": ids["old"],
        "more": 4,
    }
    wanted = shop.files.read(snapshot)
    for found in (shop.read(), shop.read("pyiceberg"), read_duckdb(shop.folder / "t")):
        assert_frame_equal(found.sort("id"), wanted)
    assert read_duckdb(shop.folder / "t", rest="WHERE new = 7")["id"].to_list() == [1]
    assert shop.table().scan(row_filter="new == 7").to_arrow()["id"].to_pylist() == [1]
    first = table.metadata.snapshots[0].snapshot_id
    assert table.scan(snapshot_id=first).to_arrow().to_pylist() == [{"id": 1, "old": 7, "going": "x"}]


def test_a_name_that_another_column_takes_shows_nothing_of_the_one_before(shop, read_duckdb):
    snapshot = shop.write({"id": [1], "x": [7]})
    shop.publish(snapshot, commit="before")
    snapshot = evolve(shop.files, snapshot, drop=["x"], add={"x": pl.Int64})
    found = shop.publish(snapshot, commit="after")
    assert (found.files_added, found.files_removed, found.files_rewritten) == (1, 1, 1)
    assert shop.commits() == ("after",), "earlier versions could not be read right any more"
    snapshot = shop.files.append(snapshot, pl.DataFrame({"id": [2], "x": [8]}))
    assert shop.publish(snapshot).files_rewritten == 0
    for found in (shop.read(), shop.read("pyiceberg"), read_duckdb(shop.folder / "t")):
        assert found.sort("id")["x"].to_list() == [None, 8]


def test_names_that_change_places_are_not_mixed_up(shop, read_duckdb):
    snapshot = shop.write({"a": [1], "b": [2]})
    shop.publish(snapshot)
    swapped = evolve(shop.files, snapshot, rename={"a": "b", "b": "a"})
    shop.publish(swapped)
    for found in (shop.read(), shop.read("pyiceberg"), read_duckdb(shop.folder / "t")):
        assert found.to_dicts() == [{"b": 1, "a": 2}]


def test_a_type_that_is_no_promotion_in_iceberg_starts_anew(shop, read_duckdb):
    snapshot = shop.write({"x": [255]}, schema={"x": pl.UInt8})
    shop.publish(snapshot)
    wide = evolve(shop.files, snapshot, promote={"x": pl.UInt64})
    wide = shop.files.append(wide, pl.DataFrame({"x": [2**64 - 1]}, schema={"x": pl.UInt64}))
    assert shop.publish(wide).files_rewritten == 2
    for found in (shop.read(), shop.read("pyiceberg"), read_duckdb(shop.folder / "t")):
        assert sorted(found["x"]) == [Decimal(255), Decimal(2**64 - 1)]


def test_a_table_that_is_made_anew_with_other_columns_takes_the_place(shop):
    shop.publish(shop.write({"a": [1], "b": ["x"]}))
    identity = shop.table().metadata.table_uuid
    shop.publish(shop.write({"b": ["y"], "c": [2.5]}))
    assert shop.read().to_dicts() == [{"b": "y", "c": 2.5}]
    assert shop.table().metadata.table_uuid == identity


def change(shop, snapshot, number, how):
    """Change a table in one of several ways; `id` is always there."""
    columns = [name for name in snapshot.columns if name != "id"]
    rows = pl.DataFrame({"id": [number, number + 1]}).with_columns(
        (pl.col("id") * 10 + place).cast(shop.files.types_of(snapshot)[name]).alias(name)
        for place, name in enumerate(columns)
    )
    match how:
        case "append":
            return shop.files.append(snapshot, rows)
        case "upsert":
            return shop.files.upsert(snapshot, rows.with_columns(id=pl.Series([0, number])), key=["id"])
        case "compact":
            for _ in range(8):
                snapshot = shop.files.append(snapshot, rows)
            return compact(shop.files, snapshot)
        case "drop" if columns:
            return evolve(shop.files, snapshot, drop=columns[:1])
        case "rename" if columns:
            name = next(name for name in ("x", "y", "z", "w") if name not in columns)
            return evolve(shop.files, snapshot, rename={columns[-1]: name})
        case "promote" if columns and snapshot.columns[columns[0]] == "Int32":
            return evolve(shop.files, snapshot, promote={columns[0]: pl.Int64})
        case "add" if len(columns) < 3:
            name = next(name for name in ("x", "y", "z") if name not in columns)
            return evolve(shop.files, snapshot, add={name: pl.Int32})
        case _:
            return snapshot


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from(["append", "upsert", "compact", "drop", "rename", "promote", "add"]), st.booleans()),
        min_size=4,
        max_size=14,
    )
)
def test_what_is_published_is_what_is_stored_whatever_came_before(open_shop, tmp_path_factory, changes):
    shop = open_shop(tmp_path_factory.mktemp("shop"), keep=3, readable_us=0)
    snapshot = shop.write({"id": [0, 1], "x": [5, 6], "y": [7, 8]}, schema_overrides={"x": pl.Int32})
    shop.publish(snapshot)
    for number, (how, shown) in enumerate(changes, start=1):
        snapshot = change(shop, snapshot, number * 10, how)
        if not shown:
            continue
        shop.publish(snapshot, commit=f"{number}")
        wanted = shop.files.read(snapshot)
        assert_frame_equal(shop.read().sort(wanted.columns), wanted.sort(wanted.columns))
        assert_frame_equal(shop.read("pyiceberg").sort(wanted.columns), wanted.sort(wanted.columns))


def test_only_the_last_versions_are_kept_and_no_file_that_none_needs(open_shop, tmp_path):
    shop = open_shop(tmp_path, keep=4, readable_us=0)
    snapshot = shop.write({"id": [0], "kind": ["a"]}, schema_overrides={"kind": pl.Enum(["a"])})
    for number in range(24):
        snapshot = shop.files.append(
            snapshot, pl.DataFrame({"id": [number], "kind": ["a"]}, schema=shop.files.types_of(snapshot))
        )
        if number % 6 == 5:
            snapshot = compact(shop.files, snapshot)
        shop.publish(snapshot, commit=f"{number}")
    stored = {blob.digest for blob in shop.blobs.listing()}
    table = shop.table()
    assert shop.commits() == ("20", "21", "22", "23")
    assert len(table.metadata.snapshots) == len(table.metadata.snapshot_log) == 4
    assert [table.scan(snapshot_id=each.snapshot_id).to_arrow().num_rows for each in table.metadata.snapshots] == [
        22,
        23,
        24,
        25,
    ]
    needed = {each.manifest_list for each in table.metadata.snapshots}
    for each in table.metadata.snapshots:
        for manifest in each.manifests(table.io):
            needed.add(manifest.manifest_path)
            needed |= {entry.data_file.file_path for entry in manifest.fetch_manifest_entry(table.io)}
    there = {f"{(shop.folder / 't').as_uri()}/{name}" for name in shop.listing()}
    metadata = {f"{(shop.folder / 't').as_uri()}/metadata/v{number}.metadata.json" for number in range(21, 25)}
    hint = f"{(shop.folder / 't').as_uri()}/metadata/version-hint.text"
    assert there == needed | metadata | {hint}
    assert {blob.digest for blob in shop.blobs.listing()} == stored


def test_a_version_stays_readable_for_as_long_as_a_query_may_take(open_shop, tmp_path):
    shop = open_shop(tmp_path, keep=2, readable_us=10_000_000)
    snapshot = shop.write({"id": [0]})
    kept = []
    for number in range(1, 13):
        shop.publish(snapshot, commit=f"{number}")
        kept.append(len(shop.commits()))
        assert [shop.table().scan(snapshot_id=each.snapshot_id).count() for each in shop.table().snapshots()] == [
            *range(number - kept[-1] + 1, number + 1)
        ]
        snapshot = shop.files.append(snapshot, pl.DataFrame({"id": [number]}))
        shop.clock.advance(3_000_000)
    # Replaced 0, 3, 6 and 9 seconds ago: four, and the present one.
    assert kept == [1, 2, 3, 4, 5, 5, 5, 5, 5, 5, 5, 5]
    shop.clock.advance(3_600_000_000)
    shop.publish(snapshot, commit="13")
    assert shop.commits() == ("12", "13")


def test_manifests_grow_with_the_logarithm_of_the_files(shop):
    snapshot = shop.write({"id": [0]})
    for number in range(70):
        shop.publish(snapshot)
        snapshot = shop.files.append(snapshot, pl.DataFrame({"id": [number]}))
    table = shop.table()
    manifests = table.current_snapshot().manifests(table.io)
    assert len(manifests) <= 7 + 7 + 1
    assert sum(manifest.added_files_count + manifest.existing_files_count for manifest in manifests) == 70


def test_engines_skip_files_by_the_bounds_in_the_manifests(shop):
    snapshot = shop.write({"id": [1, 2], "text": ["a", None], "at": [MOMENT, MOMENT]})
    for number in (10, 20, 30):
        rows = {"id": [number, number + 1], "text": [f"{number}", "z" * 40], "at": [MOMENT, None]}
        snapshot = shop.files.append(snapshot, pl.DataFrame(rows))
    shop.publish(snapshot)
    table = shop.table()
    for condition, files in (
        ("id == 20", 1),
        ("id > 20", 2),
        ("id > 31", 0),
        ("text == 'zz'", 3),
        (f"text == '{'z' * 41}'", 3),
        ("text is null", 1),
        ("at is null", 3),
        ("at > '2014-01-01T00:00:00'", 0),
    ):
        assert len(list(table.scan(row_filter=condition).plan_files())) == files, condition
    task = next(iter(table.scan(row_filter="id == 1").plan_files()))
    assert task.file.null_value_counts == {1: 0, 2: 1, 3: 0}
    assert task.file.value_counts == {1: 2, 2: 2, 3: 2}
    assert all(task.file.column_sizes[at] > 0 for at in (1, 2, 3))


def test_somebody_who_publishes_meanwhile_wins(shop):
    first, second = shop.write({"id": [1]}), shop.write({"id": [2]})
    shop.publish(shop.write({"id": [0]}))

    def files(digest):
        shop.publish(second, commit="other")
        return shop.blobs.uri(digest)

    with pytest.raises(ShipwayError, match="somebody else published table 't'") as refusal:
        shop.publisher.publish("t", first, commit="mine", files=files, location=str(shop.folder))
    assert refusal.value.code == "SW-208"
    assert shop.read()["id"].to_list() == [2]
    assert {name.split("-")[0] for name in shop.listing() if name.endswith("avro")} == {"metadata/v1", "metadata/v2"}
    tokens = {name.split("-")[1] for name in shop.listing() if name.startswith("metadata/v2-")}
    assert len(tokens) == 1, "the loser's files are gone"
    shop.publish(first)
    assert shop.read()["id"].to_list() == [1]


def test_somebody_who_publishes_the_same_meanwhile_does_no_harm(shop):
    snapshot = shop.write({"id": [1]})

    def files(digest):
        shop.publish(snapshot)
        return shop.blobs.uri(digest)

    found = shop.publisher.publish("t", snapshot, commit="mine", files=files, location=str(shop.folder))
    assert found.unchanged
    assert shop.read()["id"].to_list() == [1]


def test_a_version_whose_hint_was_not_moved_is_shown_by_the_next(shop):
    first = shop.write({"id": [1]})
    shop.publish(first)
    second = shop.files.append(first, pl.DataFrame({"id": [2]}))
    shop.publish(second)
    hint = shop.folder / "t" / "metadata" / "version-hint.text"
    hint.write_text("1")
    assert shop.publish(second).unchanged
    assert hint.read_text() == "2"
    hint.unlink()
    shop.publish(shop.files.append(second, pl.DataFrame({"id": [3]})))
    assert hint.read_text() == "3"
    assert sorted(shop.read()["id"]) == [1, 2, 3]


PUBLISH = """
import sys
from pathlib import Path
import polars as pl
from shipway.adapters.file.blob import FileBlobs
from shipway.adapters.iceberg.publication import IcebergPublisher
from shipway.adapters.system.clock import SystemClock
from shipway.core.error import ShipwayError
from shipway.infra.table import TableFiles

folder, start = Path(sys.argv[1]), int(sys.argv[2])
blobs = FileBlobs(folder / "blobs")
files = TableFiles(blobs)
publisher = IcebergPublisher(clock=SystemClock(), keep=4, readable_us=int(sys.argv[3]))
snapshot = files.write(pl.DataFrame({"id": [start]}))
print("ready", flush=True)
for number in range(start + 1, start + 1000):
    snapshot = files.append(snapshot, pl.DataFrame({"id": [number]}))
    try:
        publisher.publish("t", snapshot, commit=str(number), files=blobs.uri, location=str(folder / "open"))
    except ShipwayError as refusal:
        assert refusal.code == "SW-208", refusal
        continue
    print(number, flush=True)
"""


READABLE_US = 400_000
"""How long a version stays readable here once another took its place."""


def look(shop):
    """Return the last id of what a reader sees, having seen that all before it are there; None before there is any."""
    if not (shop.folder / "t" / "metadata" / "version-hint.text").exists():
        return None
    while True:
        begun = time.monotonic()
        try:
            ids = sorted(shop.read("pyiceberg")["id"])
        except FileNotFoundError:
            # Whoever was kept from the processor for longer than versions are promised to stay looks again.
            assert time.monotonic() - begun > READABLE_US / 1e6
            continue
        break
    assert ids == list(range(ids[0], ids[-1] + 1))
    return ids[-1]


@pytest.mark.slow
def test_publishers_killed_at_any_point_leave_the_version_before_or_after(shop, spawn, tmp_path):
    acknowledged = None
    for attempt in range(6):
        child = spawn(PUBLISH, tmp_path, attempt * 10_000, READABLE_US)
        assert child.stdout.readline() == "ready\n"
        until = time.monotonic() + 0.15 + 0.13 * attempt
        while time.monotonic() < until:
            look(shop)
        child.kill()
        said = [int(line) for line in child.stdout.read().splitlines()]
        child.wait()
        acknowledged = said[-1] if said else acknowledged
        seen = look(shop)
        assert seen is None if acknowledged is None else seen >= acknowledged
    assert acknowledged is not None
    shop.publish(shop.write({"id": [1]}))
    assert look(shop) == 1


@pytest.mark.slow
def test_two_publishers_at_once_never_mix(shop, spawn, tmp_path):
    children = [spawn(PUBLISH, tmp_path, start, READABLE_US) for start in (0, 10_000)]
    seen = set()
    for child in children:
        assert child.stdout.readline() == "ready\n"
    until = time.monotonic() + 3
    while time.monotonic() < until:
        seen.add(look(shop))
    for child in children:
        child.kill()
        child.wait()
    assert len(seen) > 2
    shop.publish(shop.write({"id": [1]}))
    assert look(shop) == 1


@pytest.mark.parametrize("late", ["before", "after"])
def test_a_publisher_that_wakes_after_its_number_was_swept_is_refused_and_changes_nothing(shop, monkeypatch, late):
    """Its number is free again by then, and so may be what it wanted to stand on."""
    shop.publish(shop.write({"id": [0]}))
    make = Attempt.make

    def sleep(attempt, **options):
        monkeypatch.setattr(Attempt, "make", make)
        made = make(attempt, **options) if late == "after" else None
        for number in range(1, 9):
            IcebergPublisher(clock=SystemClock(), keep=2, readable_us=0).publish(
                "t", shop.write({"id": [number]}), commit=str(number), files=shop.blobs.uri, location=str(shop.folder)
            )
        return made or make(attempt, **options)

    monkeypatch.setattr(Attempt, "make", sleep)
    with pytest.raises(ShipwayError) as refusal:
        shop.publish(shop.write({"id": [100]}))
    assert refusal.value.code == "SW-208"
    assert look(shop) == 8
    shop.publish(shop.write({"id": [9]}))
    assert look(shop) == 9


def test_a_damaged_publication_is_refused_with_the_way_out(shop):
    snapshot = shop.write({"id": [1]})
    shop.publish(snapshot)
    (shop.folder / "t" / "metadata" / "v1.metadata.json").write_text("{")
    with pytest.raises(ShipwayError, match="missing or damaged") as refusal:
        shop.publish(snapshot)
    assert refusal.value.code == "SW-605"


def test_a_publication_that_was_moved_is_refused(shop):
    shop.publish(shop.write({"id": [1]}))
    moved = shop.folder.rename(shop.folder.with_name("moved"))
    with pytest.raises(ShipwayError, match="was published to another place") as refusal:
        shop.publisher.publish("t", shop.write({"id": [2]}), commit="c", files=shop.blobs.uri, location=str(moved))
    assert refusal.value.code == "SW-605"


def test_a_stored_file_that_is_gone_is_refused(shop):
    snapshot = shop.write({"id": [1]})
    shop.blobs.path(snapshot.parts[0].digest).unlink()
    with pytest.raises(ShipwayError) as refusal:
        shop.publish(snapshot)
    assert refusal.value.code == "SW-605"


@pytest.mark.parametrize("dtype", [pl.String, pl.Enum(["a"])])
def test_a_stored_file_that_is_damaged_is_refused(dtype, shop):
    snapshot = shop.write({"x": ["a"]}, schema={"x": dtype})
    path = shop.blobs.path(snapshot.parts[0].digest)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ShipwayError, match="is damaged") as refusal:
        shop.publish(snapshot)
    assert refusal.value.code == "SW-605"


def test_libraries_say_nothing_while_a_table_is_published(shop, caplog, recwarn):
    frame = pl.DataFrame(
        {
            "kind": pl.Series(["a"], dtype=pl.Categorical),
            "grade": pl.Series(["a"], dtype=pl.Enum(["a"])),
            "at": pl.Series([MOMENT], dtype=pl.Datetime("ns")),
        }
    )
    shop.publish(shop.files.write(frame))
    assert caplog.records == []
    assert list(recwarn) == []


def test_the_metadata_are_what_the_specification_asks_for(shop):
    snapshot = shop.write({"id": [1], "took": [dt.timedelta(seconds=1)]})
    shop.clock.advance(-(10**9))
    shop.publish(snapshot, commit="one")
    shop.clock.advance(-(10**9))
    shop.publish(
        shop.files.append(snapshot, pl.DataFrame({"id": [2], "took": [None]}, schema=shop.files.types_of(snapshot)))
    )
    metadata = json.loads((shop.folder / "t" / "metadata" / "v2.metadata.json").read_text())
    assert metadata["format-version"] == 2
    assert metadata["location"] == (shop.folder / "t").as_uri()
    times = [each["timestamp-ms"] for each in metadata["snapshots"]]
    assert times == sorted(set(times)), "versions are of ever later instants, though the clock went back"
    assert metadata["last-updated-ms"] == times[-1]
    assert metadata["metadata-log"] == [
        {"metadata-file": f"{(shop.folder / 't').as_uri()}/metadata/v1.metadata.json", "timestamp-ms": times[0]}
    ]
    assert metadata["snapshots"][0]["summary"]["shipway.commit"] == "one"
    assert shop.table().schema().find_field("took").doc == "a duration in microseconds"


def test_nothing_of_it_is_imported_by_a_plain_command():
    source = "import sys, shipway.cli.main, shipway.app.workspace; print({'pyiceberg', 'pyarrow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
