"""A table that is looked at again and again ends in the rows that it has."""

from contextlib import closing

import pytest

from shipway.adapters.duckdb.reader import DuckdbReader
from shipway.core.raw import RawSection
from shipway.data.consumer import Consumer, Outlet
from shipway.data.kept import live
from shipway.data.polling import Polling
from shipway.data.sink import LakeSink, fold_pending
from shipway.testing.fake import make_tables

duckdb = pytest.importorskip("duckdb", reason="needs the extra warehouse")

TABLE = """CREATE TABLE prices (sku text, region int, price double, day date, sold boolean, seen timestamptz,
    local timestamp, raw blob, version bigint)"""


class Shop:
    def __init__(self, root):
        self.root, self.lake, self.contract = root, make_tables(), None
        self.raw = RawSection(
            uri="duckdb:shop.duckdb", table="prices", key=("sku", "region"), watermark="version", stream=True
        ).input("prices")
        self.do(TABLE)

    def do(self, *statements):
        with duckdb.connect(self.root / "shop.duckdb") as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for statement in statements:
                connection.execute(statement)

    def follow(self, lake=None):
        lake = lake or self.lake
        sink = LakeSink(lake, self.raw)
        with closing(Polling(self.raw, DuckdbReader(self.root))) as source:
            consumer = Consumer(
                self.raw, source, [Outlet(sink, 0.0)], contract=self.contract, tally=sink.tally, learned=self.learn
            )
            while consumer.step(wait_s=0) or not consumer.drained:
                pass
            consumer.flush()
        return consumer.tally.changes

    def learn(self, contract):
        self.contract = contract

    def rows(self, lake=None):
        lake = lake or self.lake
        present = dict(lake.get(lake.head("stream/prices")).tables)
        rows = live(lake.read({**present, **fold_pending(lake, present, self.raw)}["raw_prices"]))
        return rows.sort("sku", "region").rows()

    def asked(self):
        with duckdb.connect(self.root / "shop.duckdb") as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return connection.execute("SELECT * FROM prices ORDER BY sku, region").fetchall()


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path)


FILL = """INSERT INTO prices SELECT 's' || n, n % 3, sqrt(n), date '2024-02-28' + n::int, n % 2 = 0,
    timestamptz '2024-01-01 00:00:00.123456+00' + to_minutes(n), timestamp '2024-01-01' + to_seconds(n),
    'ab'::blob, n // 10
    FROM range(1, 50) r(n)"""


def test_rows_keep_their_values(shop):
    shop.do(FILL, "INSERT INTO prices (sku, region, version) VALUES ('none', 0, 0)")
    assert shop.follow() == 50
    assert shop.rows() == shop.asked()


def test_only_what_is_new_is_read_and_what_shares_the_newest_value(shop):
    shop.do(FILL)
    shop.follow()
    assert shop.follow() == 49
    shop.do(
        "UPDATE prices SET price = -1, version = 5 WHERE sku = 's3'",
        "INSERT INTO prices VALUES ('new', 1, 2, NULL, NULL, NULL, NULL, NULL, 4)",
    )
    assert shop.follow() < 49 + 14
    assert shop.rows() == shop.asked()
    shop.do("INSERT INTO prices (sku, region, version) VALUES ('again', 1, 5)")
    shop.follow()
    assert shop.rows() == shop.asked()


def test_a_piece_that_breaks_off_is_read_again(shop):
    shop.do(FILL)
    sink = LakeSink(shop.lake, shop.raw)
    with closing(Polling(shop.raw, DuckdbReader(shop.root))) as source:
        consumer = Consumer(shop.raw, source, [Outlet(sink, 0.0)], contract=None, tally=sink.tally, learned=shop.learn)
        consumer.step(wait_s=0)
    assert shop.lake.head("stream/prices") is None
    shop.do("UPDATE prices SET price = 7, version = 9 WHERE sku = 's1'")
    shop.follow()
    assert shop.rows() == shop.asked()


def test_sinks_that_are_differently_far_both_have_everything(shop):
    behind = make_tables()
    shop.do(FILL)
    shop.follow(behind)
    for version in (6, 7):
        shop.do(f"UPDATE prices SET price = {version}, version = {version} WHERE region = {version - 6}")
        shop.follow()
    shop.do("UPDATE prices SET price = 8, version = 8 WHERE region = 2")
    sinks = [LakeSink(lake, shop.raw) for lake in (shop.lake, behind)]
    with closing(Polling(shop.raw, DuckdbReader(shop.root))) as source:
        outlets = [Outlet(sink, 0.0) for sink in sinks]
        consumer = Consumer(shop.raw, source, outlets, contract=shop.contract, tally=sinks[0].tally)
        while consumer.step(wait_s=0) or not consumer.drained:
            pass
        consumer.flush()
    assert shop.rows() == shop.rows(behind) == shop.asked()


def test_nothing_is_nothing(shop):
    assert shop.follow() == 0
