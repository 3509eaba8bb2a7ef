"""Changes of a real PostgreSQL taken into the lake and an online store: how many a second, and what a kill costs.

usage: cdc.py [CHANGES [KILLS [ROWS]]]     by default 200,000 changes of 20,000 rows, and 20 kills

Part one measures. A table is copied; then inserts, updates and deletions are made (in transactions of 500 statements)
and followed: read, decoded, committed to the lake with its position, and kept up in LMDB as windows of features (count,
sum and mean by customer, of one and seven days) with a position of its own. What is told is changes per second of the
follower's CPU, and of the time from its start to the last commit, with the log already there, so that PostgreSQL's own
work is not counted against it.

Part two kills the follower with SIGKILL at random moments, some in the middle of the copy, while changes go on. Then it
is let run to the end. The rows of the lake must be those of PostgreSQL, and what is read online of every customer must
be what a frame of them has, each time.

The bound is 20,000 changes a second of the follower's CPU, and every final state equal; the exit code says whether both
hold. The time it took is told too; on a machine that does other work it says little.
"""

import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import psycopg

from shipway.adapters.lmdb.store import LmdbOnline
from shipway.adapters.postgres.changes import PostgresChanges
from shipway.core import window as w
from shipway.core.contract import Contract
from shipway.core.feature import ALWAYS, Entity, FeatureView, Source
from shipway.core.online import make_layout
from shipway.core.raw import Raw, RawSection
from shipway.data.consumer import Consumer, Outlet
from shipway.data.feeding import OnlineSink
from shipway.data.frame import build_frame
from shipway.data.kept import live
from shipway.data.plan import plan_views
from shipway.data.sink import LakeSink, Tally, fold_pending
from shipway.data.upkeep import Upkeep
from shipway.ports.online import Online
from shipway.serving.reader import FeatureReader
from shipway.testing.changes_process import open_lake
from shipway.testing.postgres import PostgresServer, run_postgres
from shipway.testing.schema import schema_of

BOUND = 20_000
CUSTOMERS = 997
ORDERS = Source("orders", ("id",), ("orders",), {"at": ("customer", "price")})
ASKS = Source("asks", ("ask",), (), {ALWAYS: ("t", "customer")})
MADE = ORDERS.event("at")
VIEW = FeatureView(
    "customer",
    Entity("customer", ("customer",)),
    {
        "n_1d": w.count(MADE, last="1d"),
        "spent_1d": w.total(MADE.price, last="1d"),
        "mean_7d": w.mean(MADE.price, last="7d"),
    },
)
INSTANT = pl.Datetime("us", "UTC")
TABLES = {
    "asks": pl.DataFrame(schema={"ask": pl.Int64, "t": INSTANT, "customer": pl.String}),
    "orders": pl.DataFrame(schema={"id": pl.Int64, "at": INSTANT, "customer": pl.String, "price": pl.Float64}),
}
PLAN = plan_views(ASKS, ASKS.t, (VIEW,), {"orders": ORDERS, "asks": ASKS})
LAYOUT = make_layout("asks", ("ask",), (VIEW,), schema_of(TABLES))
_UPDATE = "UPDATE orders SET price = price + 1, at = now() WHERE id > %s AND id <= %s"
_INSERT = (
    "INSERT INTO orders SELECT n, 'n' || n, n, now(), 'new' FROM generate_series(%s::int8, %s) n ON CONFLICT DO NOTHING"
)
_DELETE = "DELETE FROM orders WHERE id > %s AND id <= %s"


def make_orders(orders: pl.DataFrame) -> pl.DataFrame:
    """Make one row an order, as a project's function would."""
    return orders


def open_online(store: Online, raw: Raw) -> OnlineSink:
    """Return the sink of a store that keeps what the features read."""
    return OnlineSink(Upkeep(LAYOUT, PLAN, store, lateness_us=0), raw, ORDERS, make_orders)


def main(changes: int = 200_000, kills: int = 20, rows: int = 20_000) -> int:
    """Run both parts and return 0 if the bounds hold."""
    with run_postgres() as server, tempfile.TemporaryDirectory(prefix="shipway-cdc-") as scratch:
        rate = measure(server, Path(scratch) / "calm", changes, rows)
        equal = storm(server, Path(scratch) / "storm", kills, max(rows // 4, 1))
    return 0 if rate >= BOUND and equal == kills else 1


def make_table(server: PostgresServer, rows: int, consumer: str) -> Raw:
    """Make a table with rows in a database of its own, and return it as a raw input."""
    uri = server.address(server.make_database())
    with psycopg.connect(uri) as connection:
        connection.execute(
            "CREATE TABLE orders (id int8 PRIMARY KEY, customer text, price float8, at timestamptz, note text)",
        )
        connection.execute(
            "INSERT INTO orders SELECT n, 'c' || n %% 997, n * 0.01, now(), repeat('x', 30) "
            "FROM generate_series(1, %s) n",
            (rows,),
        )
    section = RawSection(uri=uri, table="orders", key="id", stream=True, consumer=consumer)
    return msgspec.structs.replace(section.input("orders"), contract="")


def make_changes(raw: Raw, count: int, rows: int, seed: int) -> None:
    """Make about so many changes: half updates, a quarter each inserts and deletions, 500 a transaction."""
    dice = random.Random(seed)
    with psycopg.connect(raw.uri) as connection:
        made = 0
        while made < count:
            low, new = dice.randrange(rows), dice.randrange(rows, 2 * rows)
            size = min(count - made, 125)
            for statement, values in (
                (_UPDATE, (low, low + 2 * size)),
                (_INSERT, (new + 1, new + size)),
                (_DELETE, (new + size // 2, new + size // 2 + size)),
            ):
                made += max(connection.execute(statement.encode(), values).rowcount, 0)
            connection.commit()


def follow(raw: Raw, folder: Path, *, once: bool) -> Tally:
    """Take the table into the lake and the online store; until everything is there, or for ever."""
    lake = open_lake(folder)
    with (
        closing(LmdbOnline(folder / "online")) as store,
        closing(PostgresChanges(raw, folder)) as source,
        closing(lake),
    ):
        sink = LakeSink(lake, raw)
        outlets = [Outlet(sink, 1.0, 100_000), Outlet(open_online(store, raw), 0.2)]
        consumer = Consumer(
            raw, source, outlets, contract=load(folder), tally=sink.tally, learned=lambda c: keep(folder, c)
        )
        while consumer.step(wait_s=0 if once else 0.1) or not (once and consumer.drained):
            pass
        consumer.flush()
    return consumer.tally


def load(folder: Path) -> Contract | None:
    path = folder / "contract.json"
    return msgspec.json.decode(path.read_bytes(), type=Contract) if path.exists() else None


def keep(folder: Path, contract: Contract) -> None:
    (folder / "contract.new").write_bytes(msgspec.json.encode(contract))
    (folder / "contract.new").rename(folder / "contract.json")


def compare(raw: Raw, folder: Path) -> bool:
    """Tell whether the lake has the rows of PostgreSQL, and the store what a frame of them has."""
    with psycopg.connect(raw.uri) as connection:
        expected = connection.execute("SELECT id, customer, price, at, note FROM orders ORDER BY id").fetchall()
    with closing(open_lake(folder)) as lake:
        head = lake.head("stream/orders")
        assert head is not None
        present = dict(lake.get(head).tables)
        tables = {**present, **fold_pending(lake, present, raw)}
        offline = live(lake.read(tables["raw_orders"])).sort("id")
    if offline.select("id", "customer", "price", "at", "note").rows() != expected:
        return False
    at = offline["at"].to_physical().max()
    customers = [f"c{number}" for number in range(CUSTOMERS)]
    asks = pl.DataFrame({"ask": range(CUSTOMERS), "t": [at] * CUSTOMERS, "customer": customers})
    frame = build_frame(PLAN, {"asks": asks.with_columns(pl.col("t").cast(INSTANT)), "orders": offline})
    wanted = frame.select(pl.col(LAYOUT.columns).cast(pl.Float64)).to_numpy()
    with closing(LmdbOnline(folder / "online")) as store:
        found = FeatureReader(LAYOUT, store).read(asks.to_dicts(), asks["t"].to_list())
    return np.array_equal(np.array([one.values for one in found], dtype=float), wanted, equal_nan=True)


def measure(server: PostgresServer, folder: Path, changes: int, rows: int) -> float:
    """Follow a log that is there already, and return how many changes a second were taken in."""
    folder.mkdir()
    raw = make_table(server, rows, "cdc_calm")
    follow(raw, folder, once=True)
    before = follow(raw, folder, once=True).changes
    make_changes(raw, changes, rows, seed=1)
    cpu_s, begun_s = time.process_time(), time.perf_counter()
    taken = follow(raw, folder, once=True).changes - before
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - begun_s
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    same = compare(raw, folder)
    print(f"{taken:,} changes: {taken / cpu_s:,.0f} a second of CPU, {taken / wall_s:,.0f} a second of time")
    print(f"memory at most {peak_mb:,.0f} MB")
    print(f"offline and online {'equal' if same else 'DIFFER FROM'} the source")
    return taken / cpu_s if same else 0.0


def storm(server: PostgresServer, folder: Path, kills: int, rows: int) -> int:
    """Kill a follower again and again, and return how often the final state was the source's."""
    dice = random.Random(7)
    equal = 0
    raw = make_table(server, rows, "cdc_storm_first")
    for number in range(kills):
        if number % 5 == 0:
            # Now and then from the start, so that the copy is hit too.
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            raw = make_table(server, rows, f"cdc_storm_{number}")
        command = [sys.executable, __file__, "--follow", msgspec.json.encode(raw).decode(), str(folder)]
        with subprocess.Popen(command) as child:
            time.sleep(dice.uniform(0.2, 1.5))
            make_changes(raw, 2_000, rows, seed=100 + number)
            time.sleep(dice.uniform(0.0, 0.5))
            alive = child.poll() is None
            child.send_signal(signal.SIGKILL)
        follow(raw, folder, once=True)
        same = compare(raw, folder)
        equal += alive and same
        print(f"kill {number + 1}: {'equal' if same else 'DIFFERENT'}{'' if alive else ', but it was not running'}")
    print(f"{equal} of {kills} kills ended equal to the source")
    return equal


if __name__ == "__main__":
    if sys.argv[1:2] == ["--follow"]:
        follow(msgspec.json.decode(sys.argv[2], type=Raw), Path(sys.argv[3]), once=False)
    sys.exit(main(*map(int, sys.argv[1:4])))
