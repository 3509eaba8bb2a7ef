"""The gates before training asked of tables where they lie, in DuckDB and in PostgreSQL."""

from pathlib import Path

import duckdb
import psycopg
import pytest

from shipway.app.project import find_project
from shipway.app.warehouse import Whereabouts, check_warehouse, list_questions
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
