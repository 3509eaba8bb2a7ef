"""A table of a real PostgreSQL is followed by logical replication, from a copy on, whoever is killed."""

import itertools
from contextlib import closing

import msgspec
import psycopg
import pytest

from shipway.adapters.postgres.changes import PostgresChanges
from shipway.core.change import START, read_position
from shipway.core.contract import Contract, Field
from shipway.core.error import ShipwayError
from shipway.core.raw import RawSection
from shipway.data.consumer import Consumer, Outlet
from shipway.data.kept import live
from shipway.data.sink import LakeSink, fold_pending
from shipway.testing.changes import CASES, Tap, drain
from shipway.testing.changes_process import check_killed_readers_keep_what_the_source_has
from shipway.testing.fake import make_tables
from shipway.testing.postgres import run_postgres

NUMBERS = itertools.count()


def make_tap(server, root, *, identity="DEFAULT"):
    """Return a tap of a new table; each change is a transaction of its own, but every third goes with the next."""
    database = server.make_database()
    raw = RawSection(
        uri=server.address(database), table="notes", key="id", stream=True, consumer=f"test_{next(NUMBERS)}"
    ).input("notes")
    with psycopg.connect(raw.uri, autocommit=True) as connection:
        connection.execute("CREATE TABLE notes (id int PRIMARY KEY, note text)")
        connection.execute(f"ALTER TABLE notes REPLICA IDENTITY {identity}")

    def emit(notes):
        with psycopg.connect(raw.uri) as connection:
            for number, (key, note) in enumerate(notes):
                if note is None:
                    connection.execute("DELETE FROM notes WHERE id = %s", (key,))
                else:
                    connection.execute(
                        "INSERT INTO notes VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET note = excluded.note",
                        (key, note),
                    )
                if number % 3:
                    connection.commit()

    return Tap(raw, lambda: PostgresChanges(raw, root), emit, copies=True)


@pytest.mark.parametrize("case", CASES)
def test_tables_conform(case, postgres, tmp_path):
    case(lambda: make_tap(postgres, tmp_path))


@pytest.mark.parametrize("identity", ["DEFAULT", "FULL"])
def test_killed_readers_take_each_change_once(identity, postgres, tmp_path):
    check_killed_readers_keep_what_the_source_has(
        lambda: make_tap(postgres, tmp_path, identity=identity),
        "changes.postgresql",
        tmp_path,
        tmp_path / "lake",
        kills=6,
    )


WIDE = """CREATE TABLE shop.orders (
    region text, number int8, price numeric(12, 2), rate float8, paid bool, day date, placed timestamptz,
    local timestamp, body text, raw bytea, tags text[], extra jsonb, PRIMARY KEY (region, number))"""
LONG = "0123456789abcdef" * 4096


class Wide:
    """A table with every kind of column, followed into a lake."""

    def __init__(self, server, root, identity="DEFAULT"):
        self.raw = RawSection(
            uri=server.address(server.make_database()),
            table="shop.orders",
            key=("region", "number"),
            stream=True,
            consumer=f"test_{next(NUMBERS)}",
        ).input("orders")
        self.root, self.lake, self.contract = root, make_tables(), None
        self.do("CREATE SCHEMA shop", WIDE, "ALTER TABLE shop.orders ALTER body SET STORAGE EXTERNAL")
        self.do(f"ALTER TABLE shop.orders REPLICA IDENTITY {identity}")

    def do(self, *statements):
        with psycopg.connect(self.raw.uri) as connection:
            for statement in statements:
                connection.execute(statement)

    def follow(self):
        with closing(PostgresChanges(self.raw, self.root)) as source:
            sink = LakeSink(self.lake, self.raw)
            consumer = Consumer(
                self.raw, source, [Outlet(sink, 0.0)], contract=self.contract, tally=sink.tally, learned=self.learn
            )
            while consumer.step(wait_s=0) or not consumer.drained:
                pass
            consumer.flush()
        return consumer.tally

    def learn(self, contract):
        self.contract = contract

    def rows(self):
        present = dict(self.lake.get(self.lake.head("stream/orders")).tables)
        tables = {**present, **fold_pending(self.lake, present, self.raw)}
        rows = live(self.lake.read(tables["raw_orders"]))
        return rows.sort("region", "number")

    def asked(self):
        """Return the rows that PostgreSQL itself has, with what frames have for its types."""
        query = """SELECT region, number, price::float8, rate, paid, day, placed, local, body, raw, tags::text,
                extra::text
            FROM shop.orders ORDER BY region, number"""
        with psycopg.connect(self.raw.uri) as connection:
            return connection.execute(query).fetchall()


ROWS = r"""INSERT INTO shop.orders
SELECT r, n, n * 1.25, sqrt(n), n % 2 = 0, date '2024-02-27' + n::int,
    timestamptz '2024-03-31 00:30:00.25+01' + n * interval '17 min',
    timestamp '1969-12-31 23:59:59.999999' + n * interval '1 s',
    'note' || n || E' \t\n\\ ü', decode(repeat('00ff', n::int), 'hex'),
    ARRAY['a,b', 'c"d'], jsonb_build_object('n', n)
FROM generate_series(1, 9) n, unnest(ARRAY['north', 'south']) r"""


@pytest.fixture(params=["DEFAULT", "FULL"])
def wide(request, postgres, tmp_path):
    return Wide(postgres, tmp_path, request.param)


def test_every_type_is_the_same_copied_and_changed(wide):
    wide.do(ROWS)
    wide.follow()
    copied = wide.rows()
    assert [tuple(row) for row in copied.rows()] == wide.asked()
    wide.do("CREATE TABLE kept AS TABLE shop.orders", "DELETE FROM shop.orders")
    wide.follow()
    assert wide.rows().height == 0
    wide.do("INSERT INTO shop.orders TABLE kept")
    wide.follow()
    assert wide.rows().equals(copied)
    assert wide.contract.columns["price"].type == "float"
    assert wide.contract.columns["placed"].type == "instant"


def test_long_values_that_an_update_leaves_alone_stay(wide):
    wide.follow()
    wide.do(f"INSERT INTO shop.orders (region, number, body) VALUES ('north', 1, '{LONG}')")
    wide.follow()
    wide.do("UPDATE shop.orders SET paid = true")
    tally = wide.follow()
    assert wide.rows().select("body", "paid").rows() == [(LONG, True)]
    assert tally.dead == 0
    wide.do("UPDATE shop.orders SET number = 2")
    wide.follow()
    assert wide.rows()["number"].to_list() == [2]


def test_changes_of_a_key_move_the_row(wide):
    wide.do(ROWS)
    wide.follow()
    wide.do(
        "UPDATE shop.orders SET number = number + 100 WHERE number > 4", "UPDATE shop.orders SET region = 'x' || region"
    )
    wide.follow()
    assert wide.rows().rows() == wide.asked()


def test_a_truncated_table_is_empty_and_goes_on(wide):
    wide.do(ROWS)
    wide.follow()
    wide.do("TRUNCATE shop.orders", "INSERT INTO shop.orders (region, number) VALUES ('north', 1)")
    wide.follow()
    assert wide.rows().rows() == wide.asked()
    wide.do("TRUNCATE shop.orders")
    wide.follow()
    assert wide.rows().height == 0


def test_a_transaction_that_is_rolled_back_never_was(wide):
    wide.follow()
    with psycopg.connect(wide.raw.uri) as connection:
        connection.execute(ROWS)
        connection.rollback()
        connection.execute("SAVEPOINT a")
        connection.execute(ROWS)
        connection.execute("ROLLBACK TO a")
        connection.execute("INSERT INTO shop.orders (region, number) VALUES ('north', 5)")
    assert wide.follow().changes == 1


def test_a_transaction_that_is_cut_goes_on_where_it_was_cut(wide):
    wide.follow()
    wide.do("INSERT INTO shop.orders (region, number) SELECT 'north', n FROM generate_series(1, 100) n")
    start = read_position(LakeSink(wide.lake, wide.raw).position())
    with closing(PostgresChanges(wide.raw, wide.root)) as source:
        first = source.read(start, most=10, wait_s=0)
        whole = first.records + drain(source, first.position)[0]
    assert len(first.records) == 40
    with closing(PostgresChanges(wide.raw, wide.root)) as source:
        assert first.records + drain(source, first.position)[0] == whole


def test_a_new_column_stops_the_stream_until_the_contract_has_it(wide):
    wide.do("INSERT INTO shop.orders (region, number) VALUES ('a', 1)")
    wide.follow()
    wide.do(
        "ALTER TABLE shop.orders ADD gift bool", "INSERT INTO shop.orders (region, number, gift) VALUES ('n', 1, true)"
    )
    with pytest.raises(ShipwayError, match=r"SW-222.*gift"):
        wide.follow()
    columns = {**wide.contract.columns, "gift": Field("bool", nullable=True)}
    wide.contract = Contract(columns)
    wide.follow()
    assert wide.rows()["gift"].to_list() == [None, True]


def test_what_other_tables_change_moves_the_position_too(wide):
    wide.follow()
    before = LakeSink(wide.lake, wide.raw).position()
    wide.do("CREATE TABLE other AS SELECT generate_series(1, 1000)")
    assert wide.follow().changes == 0
    assert LakeSink(wide.lake, wide.raw).position() > before


def test_gaps_are_refused(wide, postgres):
    wide.do(ROWS)
    wide.follow()
    slot = wide.raw.consumer
    wide.do("UPDATE shop.orders SET paid = true")
    wide.do(f"SELECT pg_replication_slot_advance('{slot}', pg_current_wal_lsn())")
    with pytest.raises(ShipwayError, match=r"SW-201.*gap"):
        wide.follow()
    wide.do(f"SELECT pg_drop_replication_slot('{slot}')")
    with pytest.raises(ShipwayError, match=r"SW-201.*gap(.|\n)*--anew"):
        wide.follow()
    wide.lake.drop("stream/orders")
    wide.follow()
    assert wide.rows().rows() == wide.asked()


def test_another_server_is_not_taken_for_this_one(wide):
    wide.follow()
    with closing(PostgresChanges(wide.raw, wide.root)) as source, pytest.raises(ShipwayError, match=r"SW-201.*another"):
        source.read({"7": "1.0"}, most=1, wait_s=0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"table": "nothing"}, "no table nothing"),
        ({"key": "note"}, "REPLICA IDENTITY FULL"),
        ({"table": ""}, "which table"),
        ({"uri": "postgresql://shipway@127.0.0.1:1/x"}, "SW-607"),
    ],
)
def test_what_cannot_be_followed_is_refused(change, said, postgres, tmp_path):
    tap = make_tap(postgres, tmp_path)
    given = {"uri": tap.raw.uri, "table": "notes", "key": "id", "stream": True, **change}
    raw = RawSection(**given).input("notes")
    pattern = f"(?s)SW-201.*{said}" if "SW" not in said else said
    with pytest.raises(ShipwayError, match=pattern), closing(PostgresChanges(raw, tmp_path)) as source:
        source.read(START, most=1, wait_s=0)


def test_a_role_that_may_not_replicate_is_told(postgres, tmp_path):
    tap = make_tap(postgres, tmp_path)
    database = tap.raw.uri.rpartition("/")[2]
    role = f"reader_{next(NUMBERS)}"
    postgres.say(f"CREATE ROLE {role} LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}", database=database)
    raw = msgspec.structs.replace(tap.raw, uri=postgres.address(database, user=role))
    with closing(PostgresChanges(raw, tmp_path)) as source, pytest.raises(ShipwayError, match=r"SW-201"):
        source.read(START, most=1, wait_s=0)


def test_a_server_that_is_killed_is_followed_on_where_it_was(tmp_path):
    with run_postgres() as server:
        wide = Wide(server, tmp_path)
        wide.do(ROWS)
        wide.follow()
        with closing(PostgresChanges(wide.raw, wide.root)) as source:
            position = read_position(LakeSink(wide.lake, wide.raw).position())
            source.read(position, most=1, wait_s=0)
            wide.do("UPDATE shop.orders SET paid = NOT paid")
            server.kill()
            with pytest.raises(ShipwayError, match="SW-607"):
                drain(source, position)
        server.start()
        wide.follow()
        assert wide.rows().rows() == wide.asked()
