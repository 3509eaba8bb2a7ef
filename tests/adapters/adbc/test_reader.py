"""PostgreSQL is read as it is by its ADBC driver; of the warehouses, what is said to them is looked at here."""

import datetime as dt
from pathlib import Path

import polars as pl
import psycopg
import pytest

from shipway.adapters.adbc import reader as module
from shipway.adapters.adbc.reader import AdbcReader, connect_arguments
from shipway.core.error import ShipwayError
from shipway.core.raw import START, Raw, advance
from shipway.testing.reader import CASES, MARKED, Shelf


def store(address, frame):
    with psycopg.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute("drop table if exists flights")
        cursor.execute("create table flights (id int8, price float8, code text, maybe int8)")
        with cursor.copy("copy flights from stdin") as copy:
            for row in frame.rows():
                copy.write_row(row)


def shelve(postgres, **more):
    address, run = postgres
    raw = Raw(name="flights", uri=address, **(more or {"table": "flights"}))
    return Shelf(
        AdbcReader(Path()), raw, lambda f: store(address, f), None, lambda: run("drop table flights"), ordered=False
    )


@pytest.mark.parametrize("case", CASES + MARKED)
def test_tables_of_postgres_conform(case, postgres):
    case(lambda: shelve(postgres))


@pytest.mark.parametrize("case", CASES)
def test_queries_of_postgres_conform(case, postgres):
    case(lambda: shelve(postgres, query="select * from flights where id >= 0"))


def ask(postgres, *statements, **more):
    address, run = postgres
    run(*statements)
    reader, raw = AdbcReader(Path()), Raw(name="t", uri=address, **{"table": "t", **more})
    return reader, raw, reader.pieces(raw, START)


def test_types_of_postgres_are_kept(postgres):
    reader, raw, (piece,) = ask(
        postgres,
        "create type mood as enum ('glad', 'sad')",
        """create table t (i int2, d numeric(10, 2), free numeric, r real, z timestamptz, l timestamp, day date, s text,
           j jsonb, u uuid, many int[], m mood, b bool, raw bytea, at time)""",
        """insert into t values (1, 12.50, 0.1234567890123456789, 0.1, '2013-01-01 00:00:00.123456+01',
           '2013-01-01 10:00', '2013-01-01', 'x', '{"a": 1}', '01234567-89ab-cdef-0123-456789abcdef', '{1,2}', 'sad',
           true, '\\x01', '10:00')""",
    )
    frame = pl.concat(reader.read(raw, piece))
    assert frame.row(0, named=True) == {
        "i": 1,
        "d": pl.Series(["12.50"]).cast(pl.Decimal(10, 2)).item(),
        "free": "0.1234567890123456789",
        "r": pl.Series([0.1], dtype=pl.Float32).item(),
        "z": dt.datetime(2012, 12, 31, 23, 0, 0, 123456, tzinfo=dt.UTC),
        "l": dt.datetime(2013, 1, 1, 10),
        "day": dt.date(2013, 1, 1),
        "s": "x",
        "j": '{"a": 1}',
        "u": "01234567-89ab-cdef-0123-456789abcdef",
        "many": [1, 2],
        "m": "sad",
        "b": True,
        "raw": b"\x01",
        "at": dt.time(10),
    }


@pytest.mark.parametrize("kind", ["interval", "money", "inet"])
def test_a_type_that_no_frame_holds_is_refused(postgres, kind):
    value = {"interval": "1 day", "money": "5", "inet": "127.0.0.1"}[kind]
    with pytest.raises(ShipwayError, match="SW-203") as refused:
        ask(postgres, f"create table t as select '{value}'::{kind} as x")
    assert "select cast(x as text) as x" in refused.value.hint


def test_a_number_that_is_none_is_refused(postgres):
    reader, raw, (piece,) = ask(postgres, "create table t as select 'NaN'::numeric(4, 1) as x")
    with pytest.raises(ShipwayError, match="no number"):
        list(reader.read(raw, piece))


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "date", "text", "numeric(10,2)", "int8"])
def test_any_type_with_an_order_is_a_watermark(postgres, kind):
    old, new = {"text": ("it''s a", "z"), "numeric(10,2)": ("1.25", "2.5"), "int8": ("-1", "7")}.get(
        kind, ("2013-01-01", "2013-06-01")
    )
    create = f"create table t as select 1 as id, '{old}'::{kind} as at"
    reader, raw, (piece,) = ask(postgres, create, key=("id",), watermark="at")
    cursor = advance(START, piece)
    assert reader.pieces(raw, cursor) == []
    postgres[1](f"insert into t values (2, '{new}')")
    (later,) = reader.pieces(raw, cursor)
    assert pl.concat(reader.read(raw, later))["id"].to_list() == [1, 2]
    assert reader.pieces(raw, advance(cursor, later)) == []


def test_a_large_table_comes_in_batches(postgres):
    create = "create table t as select i as id, repeat('x', 500) as pad from generate_series(1, 400000) i"
    reader, raw, (piece,) = ask(postgres, create)
    heights = [batch.height for batch in reader.read(raw, piece)]
    assert sum(heights) == 400_000
    assert max(heights) < 200_000


def test_secrets_come_from_the_environment_and_are_not_shown(monkeypatch):
    raw = Raw(name="t", uri="postgresql://u:${AIR_PASSWORD}@127.0.0.1:1/x?connect_timeout=2", table="t")
    reader = AdbcReader(Path())
    with pytest.raises(ShipwayError, match="AIR_PASSWORD, which is not set") as refused:
        reader.pieces(raw, START)
    assert refused.value.hint == "set it: export AIR_PASSWORD=..."
    monkeypatch.setenv("AIR_PASSWORD", "hunter2")
    with pytest.raises(ShipwayError, match="SW-201") as refused:
        reader.pieces(raw, START)
    assert "hunter2" not in str(refused.value)
    monkeypatch.setenv("AIR_PASSWORD", "127.0.0.1")
    with pytest.raises(ShipwayError) as refused:
        reader.pieces(raw, START)
    assert '"***"' in refused.value.fact


@pytest.mark.parametrize(
    ("scheme", "uri", "expected"),
    [
        ("postgres", "postgres://u@h/d", (("postgresql://u@h/d",), {})),
        ("redshift", "redshift://u@h:5439/d", (("postgresql://u@h:5439/d",), {})),
        ("snowflake", "snowflake://u:p@a/d/s?warehouse=w", (("u:p@a/d/s?warehouse=w",), {})),
        (
            "bigquery",
            "bigquery://air/raw",
            ((), {"db_kwargs": {"adbc.bigquery.sql.project_id": "air", "adbc.bigquery.sql.dataset_id": "raw"}}),
        ),
    ],
)
def test_drivers_are_given_addresses_as_they_take_them(scheme, uri, expected):
    assert connect_arguments(scheme, uri) == expected


def test_an_address_of_bigquery_names_a_dataset():
    with pytest.raises(ShipwayError, match="names no project and dataset"):
        connect_arguments("bigquery", "bigquery://air")


@pytest.mark.parametrize("kind", ["snowflake", "bigquery", "redshift"])
def test_a_driver_that_is_missing_is_named(kind, monkeypatch):
    def refuse(name):
        if name.startswith("adbc_driver"):
            raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(module, "import_module", refuse)
    with pytest.raises(ShipwayError, match="SW-701") as refused:
        AdbcReader(Path()).pieces(Raw(name="t", uri=f"{kind}://a/b", table="t"), START)
    extra = {"redshift": "warehouse"}.get(kind, kind)
    assert refused.value.hint == f"pip install 'shipway[{extra}]'"
