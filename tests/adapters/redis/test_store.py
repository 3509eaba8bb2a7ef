"""The Redis store on a real server: fenced, cut off, killed, set back, full, guarded and in the way of others."""

import threading
from contextlib import closing

import pytest

from shipway.adapters.redis.store import RedisOnline
from shipway.core.error import ShipwayError
from shipway.testing.online import EARLIEST, LATEST
from shipway.testing.redis import find_redis, run_redis

pytestmark = pytest.mark.skipif(find_redis() is None, reason="needs redis-server (Debian package redis-server)")


def refuses(code):
    return pytest.raises(ShipwayError, match=f"^{code} ")


def test_who_opens_for_writing_takes_the_store_over(redis):
    address = redis.address()
    with closing(RedisOnline(address)) as first, closing(RedisOnline(address, readonly=True)) as reader:
        first.write([(b"a", 1, b"first")], position=b"1")
        with closing(RedisOnline(address)) as second:
            for act in (
                lambda: first.write([(b"a", 1, b"late")], position=b"late"),
                lambda: first.write([], position=b"late", drops=[(b"a", 1)]),
                lambda: first.trim(b"", LATEST, whole=True),
            ):
                with refuses("SW-603"):
                    act()
            assert reader.newest([(b"a", 9)]) == [(1, b"first")]
            second.write([(b"a", 2, b"second")], position=b"2")
            assert (reader.newest([(b"a", 9)]), reader.position()) == ([(2, b"second")], b"2")


def test_a_large_write_is_one_transaction(redis, monkeypatch):
    monkeypatch.setattr("shipway.adapters.redis.store._CHUNK", 7)
    address = redis.address()
    with closing(RedisOnline(address)) as store:
        store.write([(b"%d" % n, n, b"x") for n in range(50)], position=b"1")
        store.write([(b"%d" % n, n, b"y") for n in range(25, 75)], position=b"2", drops=[(b"3", 3), (b"30", 30)])
        assert [store.newest([(b"%d" % n, n)])[0] is None for n in range(5)] == [False, False, False, True, False]
        assert store.newest([(b"30", 99), (b"74", 99)]) == [(30, b"y"), (74, b"y")]
        with closing(RedisOnline(address)), refuses("SW-603"):
            store.write([(b"%d" % n, n, b"z") for n in range(50)], position=b"3")
        assert store.newest([(b"%d" % n, n) for n in (0, 49)]) == [(0, b"x"), (49, b"y")]
        assert store.position() == b"2"


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_write_whose_connection_breaks_is_done_once(redis, open_wire, cut):
    address = redis.address()
    wire = open_wire(redis.port, b"HSET")
    through = address.replace(str(redis.port), str(wire.port))
    with closing(RedisOnline(through)) as store, closing(RedisOnline(address, readonly=True)) as reader:
        store.write([(b"a", 1, b"one")], position=b"1")
        wire.cut = cut
        store.write([(b"a", 2, b"two")], position=b"2", drops=[(b"a", 1)])
        assert wire.cut == "", "nothing was cut"
        store.write([(b"a", 3, b"three")], position=b"3")
        assert reader.between(b"a", EARLIEST, LATEST) == [(2, b"two"), (3, b"three")]
        assert reader.position() == b"3"


def test_a_reader_comes_back_by_itself(redis, open_wire):
    address = redis.address()
    wire = open_wire(redis.port, b"HSET")
    with closing(RedisOnline(address)) as writer:
        writer.write([(b"a", 1, b"one")], position=b"1")
        with closing(RedisOnline(address.replace(str(redis.port), str(wire.port)), readonly=True)) as reader:
            assert reader.newest([(b"a", 1)]) == [(1, b"one")]
            wire.break_all()
            assert reader.newest([(b"a", 1)]) == [(1, b"one")]
            wire.dropped = True
            wire.break_all()
            with refuses("SW-607"):
                reader.newest([(b"a", 1)])
            wire.dropped = False
            assert reader.newest([(b"a", 1)]) == [(1, b"one")]


def test_a_killed_server_with_a_log_has_every_write_and_the_writer_goes_on():
    with run_redis(save=True) as server:
        address = server.address()
        with closing(RedisOnline(address)) as store:
            for number in range(1, 30):
                store.write([(b"a", number, b"x")], position=b"%d" % number)
            server.kill()
            with refuses("SW-607"):
                store.write([(b"a", 99, b"x")], position=b"99")
            threading.Timer(0.3, server.start).start()
            store.write([(b"a", 30, b"x")], position=b"30")
            assert [at for at, _ in store.between(b"a", EARLIEST, LATEST)] == list(range(1, 31))


def test_a_server_that_comes_back_older_is_not_added_to():
    with run_redis() as server:
        address = server.address()
        with closing(RedisOnline(address)) as store:
            store.write([(b"a", 1, b"kept")], position=b"1")
            assert server.say("SAVE") == "+OK"
            for number in (2, 3):
                store.write([(b"a", number, b"lost")], position=b"%d" % number)
            server.kill()
            server.start()
            with refuses("SW-605"):
                store.write([(b"a", 4, b"x")], position=b"4")
            with refuses("SW-605"):
                store.trim(b"", 4)
        with closing(RedisOnline(address)) as again:
            assert (again.position(), again.newest([(b"a", 9)])) == (b"1", [(1, b"kept")])
            again.write([(b"a", 2, b"again")], position=b"2")
            assert again.newest([(b"a", 9)]) == [(2, b"again")]


def test_a_server_that_lost_everything_is_not_added_to(redis):
    address = redis.address()
    with closing(RedisOnline(address)) as store:
        store.write([(b"a", 1, b"x")], position=b"1")
        RedisOnline.remove(address, "")
        with refuses("SW-605"):
            store.write([(b"a", 2, b"x")], position=b"2")
        assert store.position() is None


def test_no_memory_tears_nothing():
    with run_redis() as server, closing(RedisOnline(server.address())) as store:
        store.write([(b"a", 1, b"x")], position=b"1")
        server.say("CONFIG", "SET", "maxmemory", "1mb")
        for size in (1, 100_000):
            with refuses("SW-601"):
                store.write([(b"a", 1, b"y" * 9), *((b"%d" % n, 2, b"x") for n in range(size))], position=b"2")
            assert (store.newest([(b"a", 9)]), store.position()) == ([(1, b"x")], b"1")
        server.say("CONFIG", "SET", "maxmemory", "0")
        store.write([(b"a", 2, b"y")], position=b"2")
        assert store.newest([(b"a", 9)]) == [(2, b"y")]


def test_a_server_that_may_drop_keys_is_refused():
    with run_redis("--maxmemory", "10mb", "--maxmemory-policy", "allkeys-lru") as server, refuses("SW-602"):
        RedisOnline(server.address())


def test_a_password_comes_from_the_environment_alone(monkeypatch):
    with run_redis("--requirepass", "secret") as server:
        address = server.address()
        with refuses("SW-608"):
            RedisOnline(address)
        with refuses("SW-608") as refusal:
            RedisOnline(address.replace("redis://", "redis://:secret@"))
        assert "secret" not in str(refusal.value)
        monkeypatch.setenv("REDIS_PASSWORD", "wrong")
        with refuses("SW-608"):
            RedisOnline(address)
        monkeypatch.setenv("REDIS_PASSWORD", "secret")
        with closing(RedisOnline(address)) as store:
            store.write([], position=b"1")
            assert store.position() == b"1"


def test_a_replica_takes_no_writes():
    with (
        run_redis() as primary,
        run_redis("--replicaof", "127.0.0.1", str(primary.port)) as replica,
        refuses("SW-602"),
    ):
        RedisOnline(replica.address())


def test_other_things_under_our_keys_are_seen(redis):
    address = redis.address()
    with closing(RedisOnline(address)) as store:
        store._session.ask("SET", "shipway:{}:s:a", "text")
        with refuses("SW-605"):
            store.newest([(b"a", 1)])
        with refuses("SW-605"):
            store.write([(b"a", 1, b"x")], position=b"1")


@pytest.mark.parametrize("address", ["redis://host:port", "http://host", "nonsense"])
def test_what_is_no_address_is_refused(address):
    with refuses("SW-608"):
        RedisOnline(address)


def test_nobody_there():
    with refuses("SW-607"):
        RedisOnline("redis://127.0.0.1:1/0")


def test_stores_of_a_server_are_apart_listed_and_removed(redis):
    address = redis.address()
    for name in ("one", "two~6h"):
        with closing(RedisOnline(address, name=name)) as store:
            store.write([(b"%d" % n, 1, name.encode()) for n in range(100)], position=name.encode())
    assert RedisOnline.names(address) == ["one", "two~6h"]
    RedisOnline.remove(address, "one")
    RedisOnline.remove(address, "never there")
    assert RedisOnline.names(address) == ["two~6h"]
    with closing(RedisOnline(address, name="two~6h", readonly=True)) as store:
        assert store.newest([(b"7", 1)]) == [(1, b"two~6h")]
        assert store._session.ask("DBSIZE") == 102
