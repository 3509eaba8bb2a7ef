"""Warehouses that run: a DuckDB file and a PostgreSQL server, each with a way to put frames into it."""

from dataclasses import dataclass
from typing import Any

import duckdb
import polars as pl
import psycopg
import pytest

from shipway.adapters.adbc.warehouse import open_warehouse as open_postgres
from shipway.adapters.duckdb.warehouse import open_warehouse as open_duckdb

TYPES = {
    pl.Int64: "bigint",
    pl.Int32: "integer",
    pl.Int16: "smallint",
    pl.Decimal: "numeric(10, 2)",
    pl.Float64: "double precision",
    pl.Float32: "real",
    pl.Boolean: "boolean",
    pl.String: "text",
    pl.Date: "date",
    pl.Datetime: "timestamptz",
}


@dataclass
class Yard:
    """A warehouse that tests fill: `put` takes the place of a table, `open` is the port."""

    name: str
    put: Any
    run: Any
    open: Any


def quote(name):
    return '"' + name.replace('"', '""') + '"'


def type_of(dtype):
    naive = isinstance(dtype, pl.Datetime) and dtype.time_zone is None
    return "timestamp" if naive else TYPES[type(dtype)]


def put_in_postgres(address, name, frame, schema="public"):
    columns = ", ".join(f"{quote(column)} {type_of(dtype)}" for column, dtype in frame.schema.items())
    table = f"{quote(schema)}.{quote(name)}"
    with psycopg.connect(address, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("set client_min_messages = error")
        cursor.execute("set time zone 'UTC'")
        cursor.execute(f"create schema if not exists {quote(schema)}")
        cursor.execute(f"drop table if exists {table}")
        cursor.execute(f"create table {table} ({columns})")
        with cursor.copy(f"copy {table} from stdin") as copy:
            for row in frame.rows():
                copy.write_row(row)


def put_in_duckdb(path, name, frame, schema="main"):
    with duckdb.connect(path) as connection:
        connection.register("given", frame.to_arrow())
        connection.execute(f"create schema if not exists {quote(schema)}")
        connection.execute(f"create or replace table {quote(schema)}.{quote(name)} as from given")


@pytest.fixture(scope="session")
def postgres_yard(postgres):
    address = postgres.address(postgres.make_database())

    def run(*statements):
        with psycopg.connect(address, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    return Yard(
        "PostgreSQL",
        lambda *given, **more: put_in_postgres(address, *given, **more),
        run,
        lambda: open_postgres(address, None),
    )


@pytest.fixture(scope="session")
def duckdb_yard(tmp_path_factory):
    folder = tmp_path_factory.mktemp("yard")

    def run(*statements):
        with duckdb.connect(folder / "yard.db") as connection:
            for statement in statements:
                connection.execute(statement)

    run("select 1")
    return Yard(
        "DuckDB",
        lambda *given, **more: put_in_duckdb(folder / "yard.db", *given, **more),
        run,
        lambda: open_duckdb("duckdb:yard.db", folder),
    )


@pytest.fixture(scope="session", params=["duckdb", "postgres"])
def yard(request):
    """Return each of the warehouses."""
    return request.getfixturevalue(f"{request.param}_yard")
