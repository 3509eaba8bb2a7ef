"""The PostgreSQL catalog on a real server: conforming, killed, cut off, full, guarded, damaged and killed itself."""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest

from shipway.adapters.postgres.catalog import PostgresCatalog
from shipway.adapters.postgres.session import _Receipt
from shipway.adapters.system.clock import SystemClock
from shipway.core.error import ShipwayError
from shipway.testing import catalog as suite
from shipway.testing import catalog_process as process_suite
from shipway.testing.catalog import make_objects
from shipway.testing.catalog_process import make_step, read_steps
from shipway.testing.fake import ManualClock
from shipway.testing.process import start_child


@pytest.fixture
def database(postgres):
    return postgres.make_database()


@pytest.fixture
def address(postgres, database):
    return postgres.address(database)


@pytest.fixture
def make(address):
    numbers = itertools.count()
    return lambda clock: PostgresCatalog(address, clock=clock, schema=f"catalog {next(numbers)}")


def open_catalog(address, **options):
    return PostgresCatalog(address, clock=ManualClock(), **options)


@pytest.mark.parametrize("case", suite.CASES)
def test_catalog_conforms(case, make):
    case(make)


@pytest.mark.parametrize("case", process_suite.CASES)
def test_catalog_conforms_between_processes(case, address):
    case("catalog.postgres", address)


@pytest.mark.parametrize("damaged", ["precioux", "", "precious and more"])
def test_damage_is_refused(make, address, damaged):
    def spoil(catalog, digest):
        with psycopg.connect(address) as connection:
            statement = 'UPDATE "catalog 0".object SET body = %s WHERE digest = %s'
            connection.execute(statement, (damaged.encode(), digest))

    suite.check_damage_is_refused(make, spoil)


def test_tables_are_plain_and_in_a_schema_of_their_own(postgres, database, address):
    with closing(open_catalog(address)) as catalog:
        catalog.move("main", expect=None, target="a", objects=make_objects(b"x"))
    assert postgres.say("SELECT name, target FROM shipway.ref", database=database) == "main|a"
    assert postgres.say("SELECT number FROM shipway.version", database=database) == "1"
    assert postgres.say("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", database=database) == "0"


def test_commit_waits_for_the_disk_whatever_the_server_is_set_to(postgres, database, address):
    postgres.say(f"ALTER DATABASE {database} SET synchronous_commit = off")
    with closing(open_catalog(address)) as catalog:
        asked = catalog._writer.write(lambda connection: connection.execute("SHOW synchronous_commit").fetchone())
        assert asked == ("on",)


def test_newer_format_is_refused(postgres, database, address):
    open_catalog(address).close()
    postgres.say("UPDATE shipway.version SET number = 99", database=database)
    with pytest.raises(ShipwayError) as refusal:
        open_catalog(address)
    assert refusal.value.code == "SW-606"


def test_tables_that_are_not_ours_are_refused(postgres, database, address):
    open_catalog(address).close()
    for change, statement in (("RENAME target TO aim", "refs"), ("RENAME aim TO target", None)):
        postgres.say(f"ALTER TABLE shipway.ref {change}", database=database)
        with closing(open_catalog(address)) as catalog:
            if statement is None:
                assert catalog.refs() == {}
            else:
                with pytest.raises(ShipwayError) as refusal:
                    catalog.refs()
                assert refusal.value.code == "SW-605"
                with pytest.raises(ShipwayError) as refusal:
                    catalog.move("main", expect=None, target="a")
                assert refusal.value.code == "SW-605"


@pytest.mark.parametrize(
    ("user", "database", "password", "code"),
    [
        ("guarded", "postgres", "", "SW-608"),
        ("guarded", "postgres", "wrong", "SW-608"),
        ("nobody", "postgres", "", "SW-608"),
        ("shipway", "missing", "", "SW-608"),
    ],
)
def test_who_is_not_let_in_is_told_so(postgres, monkeypatch, user, database, password, code):
    if postgres.say("SELECT count(*) FROM pg_roles WHERE rolname = 'guarded'") == "0":
        postgres.say("CREATE ROLE guarded LOGIN PASSWORD 'right'")
    monkeypatch.setenv("PGPASSWORD", password)
    monkeypatch.setenv("PGPASSFILE", "/dev/null")
    with pytest.raises(ShipwayError) as refusal:
        open_catalog(postgres.address(database, user=user))
    assert refusal.value.code == code
    assert "PGPASSWORD" in refusal.value.hint


def test_password_comes_from_the_environment(postgres, database, monkeypatch):
    if postgres.say("SELECT count(*) FROM pg_roles WHERE rolname = 'guarded'") == "0":
        postgres.say("CREATE ROLE guarded LOGIN PASSWORD 'right'")
    postgres.say(f"GRANT CREATE ON DATABASE {database} TO guarded")
    monkeypatch.setenv("PGPASSWORD", "right")
    with closing(open_catalog(postgres.address(database, user="guarded"))) as catalog:
        catalog.move("main", expect=None, target="a")
        assert catalog.refs() == {"main": "a"}


def test_role_that_may_only_read_reads_and_is_refused_to_write(postgres, database, address):
    with closing(open_catalog(address)) as catalog:
        catalog.move("main", expect=None, target="a", objects=make_objects(b"x"))
    if postgres.say("SELECT count(*) FROM pg_roles WHERE rolname = 'reader'") == "0":
        postgres.say("CREATE ROLE reader LOGIN")
    postgres.say("GRANT USAGE ON SCHEMA shipway TO reader", database=database)
    postgres.say("GRANT SELECT ON ALL TABLES IN SCHEMA shipway TO reader", database=database)
    theirs = postgres.address(database, user="reader")
    with closing(open_catalog(theirs)) as catalog:
        assert catalog.refs() == {"main": "a"}
        for attempt in (
            lambda: catalog.move("main", expect="a", target="b"),
            lambda: catalog.forget([], before=0, refs={"main": "a"}),
        ):
            with pytest.raises(ShipwayError) as refusal:
                attempt()
            assert refusal.value.code == "SW-602"
    with pytest.raises(ShipwayError) as refusal:
        open_catalog(theirs, schema="other")
    assert refusal.value.code == "SW-602"


def test_database_set_to_read_only_is_refused_to_write(postgres, database, address):
    open_catalog(address).close()
    postgres.say(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    with closing(open_catalog(address)) as catalog:
        assert catalog.refs() == {}
        with pytest.raises(ShipwayError) as refusal:
            catalog.move("main", expect=None, target="a")
        assert refusal.value.code == "SW-602"


def test_full_disk_of_the_server_is_said(postgres, database, address):
    """The server reports what it reports when a write finds no room; the room itself is not taken from it."""
    with closing(open_catalog(address)) as catalog:
        postgres.say(
            """CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
            $$BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END$$;
            CREATE TRIGGER full_disk BEFORE INSERT ON shipway.object EXECUTE FUNCTION full_disk()""",
            database=database,
        )
        with pytest.raises(ShipwayError) as refusal:
            catalog.move("main", expect=None, target="a", objects=make_objects(b"x"))
        assert refusal.value.code == "SW-601"
        assert catalog.refs() == {}
        catalog.move("main", expect=None, target="a")
        assert catalog.refs() == {"main": "a"}


def test_server_that_is_not_there_is_said(postgres, wire):
    wire.close()
    with pytest.raises(ShipwayError) as refusal:
        open_catalog(postgres.address("postgres", port=wire.port))
    assert refusal.value.code == "SW-607"
    for no_address in ("postgresql://[", "nonsense"):
        with pytest.raises(ShipwayError) as refusal:
            open_catalog(no_address)
        assert refusal.value.code == "SW-608"


def test_password_is_in_no_message(postgres, wire):
    wire.close()
    with pytest.raises(ShipwayError) as refusal:
        open_catalog(f"postgresql://shipway:secret@127.0.0.1:{wire.port}/postgres")
    assert "secret" not in str(refusal.value)


def test_idle_connection_that_was_dropped_is_opened_again(postgres, database, wire):
    with closing(open_catalog(postgres.address(database, port=wire.port))) as catalog:
        for number in range(3):
            wire.break_all()
            assert catalog.refs() == ({"main": str(number)} if number else {})
            wire.break_all()
            catalog.move("main", expect=str(number) if number else None, target=str(number + 1))
        others = f"datname = '{database}' AND pid <> pg_backend_pid()"
        postgres.say(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
        assert catalog.head("main") == "3"
        postgres.say(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
        catalog.move("main", expect="3", target="4")
        assert catalog.head("main") == "4"


def test_server_that_stays_away_is_said_and_found_again(postgres, database, wire):
    with closing(open_catalog(postgres.address(database, port=wire.port))) as catalog:
        catalog.move("main", expect=None, target="a")
        wire.dropped = True
        for attempt in (catalog.refs, lambda: catalog.move("main", expect="a", target="b")):
            wire.break_all()
            with pytest.raises(ShipwayError) as refusal:
                attempt()
            assert refusal.value.code == "SW-607"
        wire.dropped = False
        assert catalog.refs() == {"main": "a"}
        catalog.move("main", expect="a", target="b")
        assert catalog.refs() == {"main": "b"}


@pytest.mark.parametrize("cut", ["before", "after"])
@pytest.mark.parametrize("objects", [{}, make_objects(b"one", b"two")])
def test_move_cut_off_while_it_ends_happens_once(postgres, database, wire, cut, objects):
    with closing(open_catalog(postgres.address(database, port=wire.port))) as catalog:
        catalog.move("main", expect=None, target="a")
        places = iter("abcdef")
        for _ in range(5):
            wire.cut = cut
            here = next(places)
            catalog.move("main", expect=here, target=chr(ord(here) + 1), objects=objects)
            assert wire.cut == ""
            assert catalog.head("main") == chr(ord(here) + 1)
            assert catalog.get(objects) == objects
        wire.cut = cut
        with pytest.raises(ShipwayError) as refusal:
            catalog.move("main", expect="a", target="z")
        assert refusal.value.code == "SW-208"
        wire.cut = cut
        assert catalog.forget(objects, before=1 << 62, refs={"main": "f"}) == len(objects)
        assert catalog.get(objects) == {}


def test_move_that_happened_unheard_is_not_refused_though_another_went_on(postgres, database, wire):
    """Its answer is lost, and another has moved the ref on before the server is asked: it happened all the same."""
    with closing(open_catalog(postgres.address(database))) as other:
        other.move("main", expect=None, target="a")
        with closing(open_catalog(postgres.address(database, port=wire.port))) as catalog:
            catalog.refs()
            ask = catalog._writer._happened

            def go_on_first(receipt, there):
                other.move("main", expect="b", target="c")
                return ask(receipt, there)

            catalog._writer._happened = go_on_first
            wire.cut = "after"
            catalog.move("main", expect="a", target="b")
            assert catalog.head("main") == "c"


def test_transaction_the_server_does_not_know_did_not_happen(postgres, database, address):
    """Numbers of transactions lost with the server's memory are given again, or not yet: neither is believed."""
    with closing(open_catalog(address)) as catalog:
        session = catalog._writer
        ((number, server),) = session.read("SELECT pg_current_xact_id()::text, pg_postmaster_start_time()::text")
        assert session._happened(_Receipt(number, server), lambda: False)
        assert not session._happened(_Receipt(str(int(number) + 1_000_000), server), lambda: True)
        assert not session._happened(_Receipt(number, "another start"), lambda: False)
        assert session._happened(_Receipt(number, "another start"), lambda: True)


def test_writers_wait_for_a_collector_and_readers_do_not(address):
    objects = make_objects(b"wanted")
    with (
        closing(open_catalog(address)) as catalog,
        closing(open_catalog(address)) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        catalog.move("main", expect=None, target="a", objects=objects)

        def hold(connection):
            connection.execute(catalog._statements["keep out"])
            moved = pool.submit(other.move, "main", expect="a", target="b", objects=objects)
            with pytest.raises(TimeoutError):
                moved.result(timeout=0.2)
            for each in (catalog, other):
                assert each.refs() == {"main": "a"}
                assert each.get(objects) == objects
            return moved

        catalog._writer.write(hold).result(timeout=60)
        assert catalog.refs() == {"main": "b"}


def test_killed_server_loses_nothing_acknowledged(postgres, database, address):
    """The server is killed under a writer and started again; the writer's moves that returned are all there."""
    source = process_suite._OPEN + process_suite._MOVE_FOREVER
    acknowledged = []
    for round_ in range(2):
        with start_child(source, "catalog.postgres", address, f"round{round_}") as child:
            lines = [child.stdout.readline()]
            time.sleep(0.1)
            postgres.kill()
            lines.extend(child.stdout)
            assert child.wait() != 0
        acknowledged += [line.strip() for line in lines]
        with pytest.raises(ShipwayError) as refusal:
            open_catalog(address)
        assert refusal.value.code == "SW-607"
        postgres.start()
        with closing(open_catalog(address)) as catalog:
            steps = read_steps(catalog, "main")
            assert set(acknowledged) <= set(steps)
            assert len(list(catalog.listing())) == 3 * len(steps)
    assert len(acknowledged) >= 2


def test_catalog_lives_through_a_restart_of_the_server(postgres, database, address):
    with closing(PostgresCatalog(address, clock=SystemClock())) as catalog:
        target, objects = make_step("before", 1, None)
        catalog.move("main", expect=None, target=target, objects=objects)
        postgres.kill()
        with pytest.raises(ShipwayError) as refusal:
            catalog.move("main", expect=target, target="lost")
        assert refusal.value.code == "SW-607"
        postgres.start()
        assert catalog.refs() == {"main": target}
        catalog.move("main", expect=target, target="found")
        assert catalog.head("main") == "found"
