"""The gates before training asked of tables where they lie, in DuckDB and in PostgreSQL, and frames built there."""

from pathlib import Path

import duckdb
import polars as pl
import psycopg
import pytest

from shipway.app.feature import export_frame
from shipway.app.project import find_project
from shipway.app.warehouse import (
    Whereabouts,
    build_warehouse_frame,
    check_warehouse,
    list_frame_questions,
    list_questions,
    spell_frame,
)
from shipway.data.warehouse.spelling import SPELT
from shipway.testing.refusal import expect_refusal

ORDERS = """select * replace (cast(placed as timestamptz) as placed, cast(settled as timestamptz) as settled,
            returned = 1 as returned) from read_csv('{}')"""
MAIN = 'sw.has_rows(orders, by=orders.placed).on("new").against("main", last="30d") >= -0.99,'


def store(root, schema="main", *statements):
    with duckdb.connect(root / "shop.db") as connection:
        connection.execute(f"create schema if not exists {schema}")
        connection.execute(f"create table {schema}.orders as {ORDERS.format(root / 'orders.csv')}")
        for statement in statements:
            connection.execute(statement)


def at(root, **more):
    return Whereabouts("duckdb:shop.db", root, **more)


def said(verdict):
    return [(finding.rule, finding.outcome, finding.reason) for finding in verdict.findings]


def test_verdicts_are_those_of_the_ingested_data(ran_shop, fresh):
    store(fresh)
    checked = check_warehouse(find_project(fresh), at(fresh))
    assert checked.outcome == "pass"
    (wanted,) = ran_shop.run.data
    (verdict,) = checked.verdicts
    assert (verdict.gate, verdict.subject) == ("data", "warehouse:shop.db")
    assert said(verdict) == said(wanted)
    assert not (fresh / ".shipway").exists()


def test_a_broken_rule_fails_and_shows_rows(fresh):
    store(fresh, "main", "update orders set price = -1 where order_id in (7, 8)")
    checked = check_warehouse(find_project(fresh), at(fresh), "data", rows=True)
    assert checked.outcome == "fail"
    assert [(rows.rule, rows.rows) for rows in checked.rows] == [
        ("holds(orders.price > 0)", [{"order_id": 7, "price": -1.0}, {"order_id": 8, "price": -1.0}])
    ]


def test_tables_lie_in_schemas_and_under_other_names(fresh):
    store(fresh, "raw", "alter table raw.orders rename to shop_orders")
    project = find_project(fresh)
    for where in (
        at(fresh, tables={"orders": "raw.shop_orders"}),
        at(fresh, schema="raw", tables={"orders": "shop_orders"}),
    ):
        assert check_warehouse(project, where).outcome == "pass"
    with expect_refusal("SW-209") as refusals:
        check_warehouse(project, at(fresh, schema="raw"))
    assert refusals[0].hint == "did you mean 'shop_orders'?"
    with expect_refusal("SW-209"):
        check_warehouse(project, at(fresh))
    with expect_refusal("SW-104"):
        check_warehouse(project, at(fresh, tables={"order": "raw.shop_orders"}))


def test_new_rows_are_those_that_the_main_schema_has_not(fresh):
    path = fresh / "project.py"
    path.write_text(path.read_text().replace("    sw.present(orders.customer),", f"    {MAIN}"))
    store(fresh, "main", "create schema before", "create table before.orders as from orders where order_id <= 23000")
    project = find_project(fresh)
    with expect_refusal("SW-403") as refusals:
        check_warehouse(project, at(fresh))
    assert "orders rows, new rows" in refusals[0].fact
    checked = check_warehouse(project, at(fresh, main="before"))
    assert checked.verdicts[0].findings[-1].reason.startswith("1,000 rows, ")


def test_gates_of_releases_are_not_asked_there(fresh):
    store(fresh)
    with expect_refusal("SW-104") as refusals:
        check_warehouse(find_project(fresh), at(fresh), "quality")
    assert refusals[0].hint == "there is data"


@pytest.mark.parametrize(
    "uri", ["duckdb:nowhere.db", "postgresql://ana:secret@127.0.0.1/shop", "snowflake://ana@account/db", "orders.csv"]
)
def test_an_address_where_nothing_can_be_asked_is_refused(fresh, uri):
    with expect_refusal("SW-201") as refusals:
        check_warehouse(find_project(fresh), Whereabouts(uri, fresh))
    assert "secret" not in str(refusals[0])


def test_questions_are_listed_and_not_asked(fresh):
    store(fresh)
    questions = list_questions(find_project(fresh), at(fresh))
    assert [question.what for question in questions][:2] == ["orders, in one pass", "orders unique by order_id"]
    with duckdb.connect(fresh / "shop.db") as connection:
        assert connection.sql(questions[0].sql).fetchall()[0][:3] == (24_000, 0, 0)
        assert all(connection.sql(question.sql).fetchall() == [] for question in questions[2:])


def test_postgres_is_asked_likewise(fresh, postgres):
    address = postgres.address(postgres.make_database())
    store(fresh)
    with duckdb.connect(fresh / "shop.db") as connection:
        rows = connection.sql("select order_id, customer, price, returned, placed, settled from orders").fetchall()
    with psycopg.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute(
            """create table orders (order_id int primary key, customer text, price float8, returned boolean,
               placed timestamptz, settled timestamptz)"""
        )
        with cursor.copy("copy orders from stdin") as copy:
            for row in rows:
                copy.write_row(row)
    project = find_project(fresh)
    where = Whereabouts(address, Path())
    found, expected = check_warehouse(project, where), check_warehouse(project, at(fresh))
    assert found.outcome == "pass"
    assert said(found.verdicts[0]) == said(expected.verdicts[0])


FRAMED = """select * replace (cast(placed as timestamptz) as placed, cast(settled as timestamptz) as settled,
            returned = 1 as returned), cast(placed as timestamptz) + interval 30 day as closed,
            isodow(placed) as weekday, hour(placed) as hour from read_csv('{}')"""


def store_source(root, place="main.orders"):
    with duckdb.connect(root / "shop.db") as connection:
        connection.execute(f"create schema if not exists {place.partition('.')[0]}")
        connection.execute(f"create table {place} as {FRAMED.format(root / 'orders.csv')}")


def test_a_frame_built_there_is_that_of_the_ingested_data(ran_shop, fresh, tmp_path):
    store_source(fresh, "raw.shop_orders")
    export_frame(ran_shop.project, "returned", tmp_path / "here.parquet")
    where = at(fresh, tables={"orders": "raw.shop_orders"})
    made = export_frame(find_project(fresh), "returned", tmp_path / "there.parquet", where=where)
    here, there = (pl.read_parquet(tmp_path / f"{name}.parquet") for name in ("here", "there"))
    assert there.equals(here.sort("order_id"))
    assert made.rows == here.height
    assert not (fresh / ".shipway").exists()


def test_a_frame_of_a_period_is_cut_from_it(fresh, tmp_path):
    store_source(fresh)
    start = 1_717_200_000_000_000
    made = export_frame(find_project(fresh), "returned", tmp_path / "some.csv", start=start, where=at(fresh))
    whole = build_warehouse_frame(find_project(fresh), at(fresh), "returned")
    assert 0 < made.rows == whole.filter(pl.col("_at").to_physical() >= start).height < whole.height


def test_the_questions_of_a_frame_end_with_the_frame(fresh):
    store_source(fresh)
    project = find_project(fresh)
    questions = list_frame_questions(project, at(fresh), "returned")
    assert questions[-1].what == "the frame"
    with duckdb.connect(fresh / "shop.db") as connection:
        connection.execute("set time zone 'UTC'")
        rows = connection.sql(questions[-1].sql).fetchall()
    assert [row[0] for row in rows] == list(range(1, 24_001))
    with expect_refusal("SW-104"):
        list_frame_questions(project, at(fresh), "return")
    with expect_refusal("SW-104"):
        build_warehouse_frame(project, at(fresh, tables={"order": "orders"}), "returned")


def test_a_frame_is_spelt_for_a_warehouse_that_is_not_asked(ran_shop):
    for dialect in SPELT:
        questions = spell_frame(ran_shop.project, "returned", dialect, "shop", {"orders": "raw.orders"})
        assert questions[-1].what == "the frame"
        quote = SPELT[dialect].quote
        assert f"from {quote}raw{quote}.{quote}orders{quote} as t" in questions[-1].sql
    with expect_refusal("SW-104"):
        spell_frame(ran_shop.project, "returned", "oracle")
