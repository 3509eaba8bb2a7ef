import polars as pl
import psycopg
import pytest

from shipway.adapters.adbc.warehouse import open_warehouse
from shipway.core.error import ShipwayError
from shipway.testing.warehouse import CASES, Yard

TYPES = {
    pl.Int64: "bigint",
    pl.Float64: "float8",
    pl.Boolean: "boolean",
    pl.String: "text",
    pl.Date: "date",
    pl.Datetime: "timestamptz",
}


@pytest.fixture
def make(postgres):
    address, run = postgres

    def start():
        run("drop schema if exists aside cascade", "drop schema public cascade", "create schema public")

        def put(name, frame, *, schema="public"):
            columns = ", ".join(f'"{column}" {TYPES[type(dtype)]}' for column, dtype in frame.schema.items())
            run(
                f'create schema if not exists "{schema}"', f'create table if not exists "{schema}"."{name}" ({columns})'
            )
            with psycopg.connect(address) as connection, connection.cursor() as cursor:
                # Not dropped, as whoever reads it now holds it.
                cursor.execute(f'delete from "{schema}"."{name}"')
                with cursor.copy(f'copy "{schema}"."{name}" from stdin') as copy:
                    for row in frame.rows():
                        copy.write_row(row)

        return Yard(lambda: open_warehouse(address, None), put, shared=True)

    yield start
    run("drop schema if exists aside cascade")


@pytest.mark.parametrize("case", CASES)
def test_postgres_conforms(case, make):
    case(make)


def test_types_that_no_frame_holds_are_unknown(postgres):
    address, run = postgres
    run("create table t (took interval, cost money, host inet, price numeric, part numeric(10, 2), at timestamp)")
    with open_warehouse(address, None) as warehouse:
        assert warehouse.columns("t") == {
            "took": pl.Unknown(),
            "cost": pl.Unknown(),
            "host": pl.Unknown(),
            "price": pl.Decimal(38, 9),
            "part": pl.Decimal(38, 9),
            "at": pl.Datetime("us"),
        }


def test_views_are_tables(postgres):
    address, run = postgres
    run("create view seen as select 1 as a", "create materialized view kept as select 2 as a")
    with open_warehouse(address, None) as warehouse:
        assert list(warehouse.tables("")) == ["kept", "seen"]
        assert warehouse.ask("select a from kept", about="kept")["a"].to_list() == [2]


def test_a_fault_that_comes_with_the_rows_is_told(postgres):
    address, run = postgres
    run("create table t as select generate_series(1, 100000)::bigint as a")
    with open_warehouse(address, None) as warehouse, pytest.raises(ShipwayError, match="SW-403") as refused:
        warehouse.ask("select a * 92233720368548 as x from t", about="table 't'")
    assert refused.value.fact == "table 't' cannot be measured in PostgreSQL: bigint out of range"


def test_secrets_are_in_no_message(monkeypatch):
    monkeypatch.setenv("SHOP_PASSWORD", "hush-hush")
    uri = "postgresql://reader:${SHOP_PASSWORD}@127.0.0.1:1/hush-hush"
    with pytest.raises(ShipwayError, match="SW-201") as refused, open_warehouse(uri, None):
        pytest.fail("it was opened")
    assert "hush-hush" not in str(refused.value)
