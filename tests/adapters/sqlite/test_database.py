import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from shipway.adapters.sqlite.database import lock_path, open_database, transaction
from shipway.core.error import ShipwayError
from shipway.kit.file import hold_lock

SCHEMA = ("CREATE TABLE IF NOT EXISTS t (x INTEGER) STRICT", "INSERT INTO t VALUES (1)")


def value(connection, query):
    return connection.execute(query).fetchone()[0]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.sqlite"


def test_new_database_is_durable_and_has_its_schema(path):
    connection = open_database(path, schema=SCHEMA, version=3)
    assert value(connection, "PRAGMA journal_mode") == "wal"
    assert value(connection, "PRAGMA synchronous") == 2
    assert value(connection, "PRAGMA fullfsync") == 1
    assert value(connection, "PRAGMA user_version") == 3
    assert value(connection, "SELECT count(*) FROM t") == 1
    connection.close()


def test_database_opened_again_is_left_as_it_is(path):
    for _ in range(3):
        connection = open_database(path, schema=SCHEMA, version=1)
        assert value(connection, "SELECT count(*) FROM t") == 1
        assert value(connection, "PRAGMA journal_mode") == "wal"
        assert value(connection, "PRAGMA synchronous") == 2
        connection.close()


def test_opening_does_not_wait_for_a_writer(path):
    open_database(path, schema=SCHEMA, version=1).close()
    with hold_lock(lock_path(path), wait=False):
        open_database(path, schema=SCHEMA, version=1).close()


def test_creation_that_fails_leaves_nothing_half_made(path):
    with pytest.raises(ShipwayError):
        open_database(path, schema=[*SCHEMA, "no SQL at all"], version=1)
    connection = open_database(path, schema=SCHEMA, version=1)
    assert value(connection, "SELECT count(*) FROM t") == 1
    connection.close()


def test_many_may_create_at_once(tmp_path):
    with ThreadPoolExecutor(6) as pool:
        for number in range(8):
            path = tmp_path / f"{number}.sqlite"
            opened = list(pool.map(lambda _, path=path: open_database(path, schema=SCHEMA, version=1), range(6)))
            assert [value(connection, "SELECT count(*) FROM t") for connection in opened] == [1] * 6
            for connection in opened:
                connection.close()


def test_newer_format_is_refused(path):
    open_database(path, schema=SCHEMA, version=2).close()
    with pytest.raises(ShipwayError) as caught:
        open_database(path, schema=SCHEMA, version=1)
    assert caught.value.code == "SW-606"
    assert "version 2" in caught.value.fact


def test_transaction_commits_at_its_end_and_is_undone_by_an_error(path):
    connection = open_database(path, schema=SCHEMA, version=1)
    with transaction(connection):
        connection.execute("INSERT INTO t VALUES (2)")

    def interrupt():
        with transaction(connection):
            connection.execute("INSERT INTO t VALUES (3)")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert not connection.in_transaction
    assert connection.execute("SELECT x FROM t ORDER BY x").fetchall() == [(1,), (2,)]
    connection.close()


def test_transaction_undone_by_sqlite_itself_raises_the_cause(path):
    connection = open_database(path, schema=SCHEMA, version=1)
    connection.execute(f"PRAGMA max_page_count = {value(connection, 'PRAGMA page_count') + 2}")
    with pytest.raises(sqlite3.OperationalError, match="full"), transaction(connection):
        connection.executemany("INSERT INTO t VALUES (?)", [(number,) for number in range(100_000)])
    assert not connection.in_transaction
    assert value(connection, "SELECT count(*) FROM t") == 1
    connection.close()


def test_transaction_that_cannot_start_raises_the_cause(path):
    connection = open_database(path, schema=SCHEMA, version=1)
    connection.execute("PRAGMA busy_timeout = 0")
    other = open_database(path, schema=SCHEMA, version=1)
    with transaction(other), pytest.raises(sqlite3.OperationalError, match="locked"), transaction(connection):
        pytest.fail("two wrote at once")
    connection.close()
    other.close()
