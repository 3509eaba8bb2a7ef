"""DuckDB files are read as they are, and only what is new where a watermark says so."""

from pathlib import Path

import duckdb
import polars as pl
import pytest

from shipway.adapters.duckdb.reader import DuckdbReader
from shipway.core.error import ShipwayError
from shipway.core.raw import START, Raw, advance
from shipway.testing.reader import CASES, MARKED, Shelf


def store(path: Path, frame: pl.DataFrame) -> None:
    path.unlink(missing_ok=True)
    with duckdb.connect(path) as connection:
        connection.register("given", frame.to_arrow())
        connection.execute("create table flights as from given")


def shelve(root: Path, **more: str) -> Shelf:
    path = root / "air.duckdb"

    def cut() -> None:
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])

    raw = Raw(name="flights", uri="duckdb:air.duckdb", **(more or {"table": "flights"}))
    return Shelf(DuckdbReader(root), raw, lambda frame: store(path, frame), cut, path.unlink, ordered=False)


@pytest.mark.parametrize("case", CASES + MARKED)
def test_tables_conform(case, tmp_path):
    case(lambda: shelve(tmp_path))


@pytest.mark.parametrize("case", CASES)
def test_queries_conform(case, tmp_path):
    case(lambda: shelve(tmp_path, query="select * from flights where id >= 0;"))


def ask(tmp_path, sql, **more):
    path = tmp_path / "x.duckdb"
    path.unlink(missing_ok=True)
    with duckdb.connect(path) as connection:
        connection.execute(sql)
    reader, raw = DuckdbReader(tmp_path), Raw(name="t", uri="duckdb:x.duckdb", **more)
    return reader, raw, reader.pieces(raw, START)


def test_types_are_kept(tmp_path):
    sql = """create table t as select 1::bigint as i, 12.50::decimal(10, 2) as d, date '2013-01-01' as day, true as b,
             timestamptz '2013-01-01 00:00:00.123456+01' as z, timestamp '2013-01-01 10:00' as l, [1, 2] as many,
             uuid '0123456789abcdef0123456789abcdef' as u"""
    reader, raw, (piece,) = ask(tmp_path, sql, table="t")
    frame = pl.concat(reader.read(raw, piece))
    assert dict(frame.schema) == {
        "i": pl.Int64,
        "d": pl.Decimal(10, 2),
        "day": pl.Date,
        "b": pl.Boolean,
        "z": pl.Datetime("us", "UTC"),
        "l": pl.Datetime("us"),
        "many": pl.List(pl.Int32),
        "u": pl.String,
    }
    assert frame["z"].dt.strftime("%F %T%.6f").to_list() == ["2012-12-31 23:00:00.123456"]


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "date", "varchar", "decimal(10, 2)", "timestamp_ns"])
def test_any_type_with_an_order_is_a_watermark(kind, tmp_path):
    first = "create table t as select 1 as id, {}::" + kind + " as at"
    given = {"varchar": ("'it''s a'", "'z'"), "decimal(10, 2)": ("1.25", "2.5")}
    old, new = given.get(kind, ("'2013-01-01'", "'2013-06-01'"))
    if kind == "timestamp_ns":
        old = "'2013-01-01 00:00:00.123456789'"
    reader, raw, (piece,) = ask(tmp_path, first.format(old), table="t", key=("id",), watermark="at")
    assert pl.concat(reader.read(raw, piece)).height == 1
    cursor = advance(START, piece)
    assert reader.pieces(raw, cursor) == []
    with duckdb.connect(tmp_path / "x.duckdb") as connection:
        connection.execute(f"insert into t values (2, {new})")
    (later,) = reader.pieces(raw, cursor)
    assert 2 in pl.concat(reader.read(raw, later))["id"].to_list()
    assert reader.pieces(raw, advance(cursor, later)) == []


@pytest.mark.parametrize(
    ("sql", "more", "code", "said"),
    [
        ("create table t as select 1 as id", {}, "SW-201", "nothing says what is read"),
        ("create table t as select 1 as id", {"table": "u"}, "SW-201", "does not exist"),
        ("create table t as select 1 as id", {"table": "t", "watermark": "idd"}, "SW-202", "has no column 'idd'"),
        (
            "create table t as select null::int as id",
            {"table": "t", "watermark": "id"},
            "SW-201",
            "rows of t have no",
        ),
        ("create table t as select [1] as id", {"table": "t", "watermark": "id"}, "SW-203", "no order to read from"),
        ("create table t as select interval 1 day as i", {"table": "t"}, "SW-203", "which no frame holds"),
    ],
)
def test_what_cannot_be_read_is_refused(sql, more, code, said, tmp_path):
    with pytest.raises(ShipwayError, match=code) as refused:
        ask(tmp_path, sql, **more)
    assert said in refused.value.fact


def test_odd_names_are_names(tmp_path):
    reader, raw, (piece,) = ask(
        tmp_path,
        'create schema s; create table s."t x" as select 1 as "a""b"',
        table="s.t x",
        watermark='a"b',
        key=("x",),
    )
    assert pl.concat(reader.read(raw, piece)).to_dict(as_series=False) == {'a"b': [1]}
