import itertools

import duckdb
import polars as pl
import pytest

from shipway.adapters.duckdb.warehouse import open_warehouse
from shipway.core.error import ShipwayError
from shipway.testing.warehouse import CASES, Yard


@pytest.fixture
def make(tmp_path):
    numbers = itertools.count()

    def start():
        path = tmp_path / f"{next(numbers)}.db"

        def put(name, frame, *, schema=""):
            with duckdb.connect(path) as connection:
                connection.register("given", frame.to_arrow())
                if schema:
                    connection.execute(f'create schema if not exists "{schema}"')
                table = ".".join(f'"{part}"' for part in (schema, name) if part)
                connection.execute(f"create or replace table {table} as from given")

        return Yard(lambda: open_warehouse(f"duckdb:{path.name}", tmp_path), put, shared=False)

    return start


@pytest.mark.parametrize("case", CASES)
def test_duckdb_conforms(case, make):
    case(make)


def test_types_that_no_frame_holds_are_unknown(tmp_path):
    with duckdb.connect(tmp_path / "x.db") as connection:
        connection.execute("create table t as select interval 1 day as took, 1::hugeint as great, uuid() as id")
    with open_warehouse("duckdb:x.db", tmp_path) as warehouse:
        assert warehouse.columns("t") == {"took": pl.Unknown(), "great": pl.Decimal(38, 0), "id": pl.String()}


@pytest.mark.parametrize("uri", ["duckdb:nowhere.db", "duckdb:${SHOP_FILE}"])
def test_what_cannot_be_opened_is_refused(tmp_path, uri):
    with pytest.raises(ShipwayError, match="SW-201"), open_warehouse(uri, tmp_path):
        pytest.fail("it was opened")
    assert not list(tmp_path.iterdir())
