"""Changes of a real PostgreSQL taken into the lake and an online store: how many a second, and what a kill costs.

usage: cdc.py [CHANGES [KILLS [ROWS]]]     by default 200,000 changes of 20,000 rows, and 20 kills

Part one measures. A table is copied; then inserts, updates and deletions are made (in transactions of 500 statements)
and followed: read, decoded, committed to the lake with its position, and written to LMDB in a transaction with its own
position. What is told is changes per second of the follower's CPU, and of the time from its start to the last commit,
with the log already there, so that PostgreSQL's own work is not counted against it.

Part two kills the follower with SIGKILL at random moments, some in the middle of the copy, while changes go on. Then it
is let run to the end, and the rows of the lake and of the online store must be those of PostgreSQL, each time.

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
import psycopg

from shipway.adapters.lmdb.store import LmdbOnline
from shipway.adapters.postgres.changes import PostgresChanges
from shipway.core.change import read_position
from shipway.core.contract import Contract
from shipway.core.raw import Raw, RawSection
from shipway.data.consumer import Consumer, Outlet
from shipway.data.kept import DELETED, live
from shipway.data.sink import LakeSink, Load, Tally, fold_pending
from shipway.ports.online import Online
from shipway.testing.changes_process import open_lake
from shipway.testing.postgres import PostgresServer, run_postgres

BOUND = 20_000
NAMESPACE = b"orders\0"
FAR = (1 << 62) - 1
MOST_KEYS = 1 << 17
_UPDATE = "UPDATE orders SET price = price + 1, at = now() WHERE id > %s AND id <= %s"
_INSERT = (
    "INSERT INTO orders SELECT n, 'n' || n, n, now(), 'new' FROM generate_series(%s::int8, %s) n ON CONFLICT DO NOTHING"
)
_DELETE = "DELETE FROM orders WHERE id > %s AND id <= %s"


class OnlineSink:
    """Writes the newest row of each key, as JSON, into an online store: the simplest sink there is.

    Here a writer of feature series takes its place as soon as there is one that takes changes as they come.

    The store has no deletions, so a row that is gone is an empty entry. Instants are counted up by load, since the last
    load counts.
    """

    def __init__(self, store: Online) -> None:
        self._store = store
        self._count = 0 if store.position() is None else int(read_position(store.position()).get("", "0"))
        self._staged: list[tuple[bytes, int, bytes]] = []

    def position(self) -> bytes | None:
        """Return the position, without the count that is kept beside it."""
        held = self._store.position()
        if held is None:
            return None
        return msgspec.json.encode({part: at for part, at in read_position(held).items() if part})

    def apply(self, load: Load, position: bytes) -> None:
        """Write a load and its position in one transaction; hold back what is partial."""
        self._count += 1
        if load.anew:
            self._staged = [(name, self._count, b"") for name in self._names()]
        for changes in load.changes:
            assert not changes.emptied, "this table is not truncated"
            rows = changes.rows.unique("id", keep="last", maintain_order=True)
            gone = rows[DELETED].to_list()
            names = [NAMESPACE + key.to_bytes(8, "big") for key in rows["id"].to_list()]
            bodies = rows.select("id", "customer", "price", "note").rows()
            self._staged += [
                (name, self._count, b"" if dead else msgspec.json.encode(body))
                for name, body, dead in zip(names, bodies, gone, strict=True)
            ]
        if load.partial:
            return
        newest = {name: (name, at, body) for name, at, body in self._staged}
        held = msgspec.json.encode({**read_position(position), "": str(self._count)})
        self._store.write(newest.values(), position=held)
        self._staged = []

    def sync(self) -> None:
        """Force it to the disk."""
        self._store.sync()

    def _names(self) -> list[bytes]:
        names = [NAMESPACE + key.to_bytes(8, "big") for key in range(MOST_KEYS)]
        found = self._store.newest([(name, FAR) for name in names])
        return [name for name, entry in zip(names, found, strict=True) if entry is not None]


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
        outlets = [Outlet(sink, 1.0, 100_000), Outlet(OnlineSink(store), 0.2)]
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
    """Tell whether the lake and the online store have the rows of PostgreSQL."""
    with psycopg.connect(raw.uri) as connection:
        expected = connection.execute("SELECT id, customer, price, note FROM orders ORDER BY id").fetchall()
    with closing(open_lake(folder)) as lake:
        head = lake.head("stream/orders")
        assert head is not None
        present = dict(lake.get(head).tables)
        tables = {**present, **fold_pending(lake, present, raw)}
        offline = live(lake.read(tables["raw_orders"])).select("id", "customer", "price", "note").sort("id").rows()
    with closing(LmdbOnline(folder / "online")) as store:
        top = max(row[0] for row in expected) * 2
        found = store.newest([(NAMESPACE + key.to_bytes(8, "big"), FAR) for key in range(top)])
    online = [tuple(msgspec.json.decode(entry[1])) for entry in found if entry is not None and entry[1]]
    return offline == expected and online == expected


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
