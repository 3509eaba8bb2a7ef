"""A stream of a real Redis is followed from an entry on."""

import itertools
import json
import shutil
import socket
import subprocess
import time
from contextlib import closing

import pytest

redis = pytest.importorskip("redis", reason="needs the extra redis")

from shipway.adapters.redis.changes import RedisChanges  # noqa: E402
from shipway.core.change import START  # noqa: E402
from shipway.core.error import ShipwayError  # noqa: E402
from shipway.core.raw import RawSection  # noqa: E402
from shipway.testing.changes import CASES, Tap, drain  # noqa: E402
from shipway.testing.changes_process import check_killed_readers_keep_what_the_source_has  # noqa: E402

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    if shutil.which("redis-server") is None:
        pytest.skip("needs redis-server, which this machine lacks (Debian: redis-server)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
    command = ["redis-server", "--port", str(number), "--bind", "127.0.0.1", "--save", "", "--dir"]
    with subprocess.Popen([*command, str(tmp_path_factory.mktemp("redis"))], stdout=subprocess.DEVNULL) as server:
        with redis.Redis(port=number) as client:
            for _ in range(500):
                try:
                    client.ping()
                    break
                except redis.ConnectionError:
                    time.sleep(0.02)
        yield number
        server.kill()


def make_tap(port, root):
    raw = RawSection(
        uri=f"redis://127.0.0.1:{port}/0", table=f"notes:{next(NUMBERS)}", key="id", contract="x.toml"
    ).input("notes")

    def emit(notes):
        with redis.Redis(port=port) as client, client.pipeline() as pipe:
            for key, note in notes:
                value = "" if note is None else json.dumps({"id": key, "note": note})
                pipe.xadd(raw.table, {"key": json.dumps({"id": key}), "value": value})
            pipe.execute()

    return Tap(raw, lambda: RedisChanges(raw, root), emit)


@pytest.mark.parametrize("case", CASES)
def test_streams_conform(case, port, tmp_path):
    case(lambda: make_tap(port, tmp_path))


def test_killed_readers_take_each_entry_once(port, tmp_path):
    check_killed_readers_keep_what_the_source_has(
        lambda: make_tap(port, tmp_path), "changes.redis", tmp_path, tmp_path / "lake", kills=4
    )


def test_entries_of_each_form_are_opened(port, tmp_path):
    tap = make_tap(port, tmp_path)
    with redis.Redis(port=port) as client:
        client.xadd(tap.raw.table, {"payload": '{"id": 1}'}, id="1700000000000-5")
        client.xadd(tap.raw.table, {"id": "2", "note": "x"})
    with closing(tap.open()) as source:
        one, two = drain(source, START)[0]
    assert (one.payload, one.event_us) == (b'{"id": 1}', 1_700_000_000_000_000)
    assert json.loads(two.payload) == {"id": "2", "note": "x"}


@pytest.mark.parametrize("kept", [0, 3])
def test_entries_that_were_trimmed_unread_are_a_gap(kept, port, tmp_path):
    tap = make_tap(port, tmp_path)
    tap.emit([(key, "x") for key in range(10)])
    with closing(tap.open()) as source, redis.Redis(port=port) as client:
        _, position = drain(source, START)
        client.xtrim(tap.raw.table, maxlen=2, approximate=False)
        assert drain(source, position)[0] == []
        tap.emit([(key, "y") for key in range(10)])
        assert len(drain(source, position)[0]) == 10
        client.xtrim(tap.raw.table, maxlen=kept, approximate=False)
        with pytest.raises(ShipwayError, match=r"SW-201.*gap"):
            source.read(position, most=10, wait_s=0)
        client.delete(tap.raw.table)
        with pytest.raises(ShipwayError, match=r"SW-201.*another one"):
            source.read(position, most=10, wait_s=0)


def test_a_server_that_is_not_there_is_told(tmp_path):
    raw = RawSection(uri="redis://127.0.0.1:1/0", table="x", key="id").input("notes")
    with closing(RedisChanges(raw, tmp_path)) as source, pytest.raises(ShipwayError, match="SW-607"):
        source.read(START, most=1, wait_s=0)
    with pytest.raises(ShipwayError, match=r"SW-201.*which stream"):
        RedisChanges(RawSection(uri="redis://127.0.0.1:1/0", key="id").input("notes"), tmp_path)
