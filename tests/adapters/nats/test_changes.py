"""A stream of a real NATS JetStream is followed from a sequence number on."""

import asyncio
import itertools
import json
import shutil
import socket
import subprocess
import time
from contextlib import closing

import pytest

nats = pytest.importorskip("nats", reason="needs the extra nats")

from nats.js.api import RetentionPolicy  # noqa: E402

from shipway.adapters.nats.changes import NatsChanges  # noqa: E402
from shipway.core.change import START  # noqa: E402
from shipway.core.error import ShipwayError  # noqa: E402
from shipway.core.raw import RawSection  # noqa: E402
from shipway.testing.changes import CASES, Tap, drain  # noqa: E402
from shipway.testing.changes_process import check_killed_readers_keep_what_the_source_has  # noqa: E402

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    if shutil.which("nats-server") is None:
        pytest.skip("needs nats-server, which this machine lacks (Debian: nats-server)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
    command = ["nats-server", "-js", "-a", "127.0.0.1", "-p", str(number), "-sd", str(tmp_path_factory.mktemp("nats"))]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", number), timeout=1).close()
                break
            except OSError:
                time.sleep(0.02)
        yield number
        server.kill()


def work(port, act):
    """Do something with JetStream."""

    async def run():
        client = await nats.connect(f"nats://127.0.0.1:{port}")
        try:
            return await act(client.jetstream())
        finally:
            await client.close()

    return asyncio.run(run())


def make_tap(port, root, **config):
    name = f"notes{next(NUMBERS)}"
    raw = RawSection(uri=f"nats://127.0.0.1:{port}", table=name, key="id", contract="x.toml").input("notes")
    work(port, lambda stream: stream.add_stream(name=name, subjects=[f"{name}.>"], **config))

    def emit(notes):
        async def send(stream):
            for key, note in notes:
                body = b"" if note is None else json.dumps({"id": key, "note": note}).encode()
                await stream.publish(f"{name}.{key}", body, headers={"key": json.dumps({"id": key})})

        work(port, send)

    return Tap(raw, lambda: NatsChanges(raw, root), emit)


@pytest.mark.parametrize("case", CASES)
def test_streams_conform(case, port, tmp_path):
    case(lambda: make_tap(port, tmp_path))


def test_killed_readers_take_each_message_once(port, tmp_path):
    check_killed_readers_keep_what_the_source_has(
        lambda: make_tap(port, tmp_path), "changes.nats", tmp_path, tmp_path / "lake", kills=4
    )


def test_messages_that_went_unread_are_a_gap(port, tmp_path):
    tap = make_tap(port, tmp_path)
    tap.emit([(key, "x") for key in range(10)])
    with closing(tap.open()) as source:
        records, position = drain(source, START)
        assert records[0].event_us is not None
        tap.emit([(key, "y") for key in range(10)])
        work(port, lambda stream: stream.delete_msg(tap.raw.table, 14))
        assert len(drain(source, position)[0]) == 9
        work(port, lambda stream: stream.purge_stream(tap.raw.table, seq=14))
        with pytest.raises(ShipwayError, match=r"SW-201.*from 11 to 14.*gap"):
            source.read(position, most=10, wait_s=0)


def test_streams_that_forget_what_was_read_are_refused(port, tmp_path):
    tap = make_tap(port, tmp_path, retention=RetentionPolicy.WORK_QUEUE)
    with closing(tap.open()) as source, pytest.raises(ShipwayError, match=r"SW-201.*workqueue"):
        source.read(START, most=1, wait_s=0)


@pytest.mark.parametrize(("table", "there", "said"), [("nothing", True, "SW-201.*no stream"), ("x", False, "SW-607")])
def test_what_is_not_there_is_told(table, there, said, port, tmp_path):
    uri = f"nats://127.0.0.1:{port if there else 1}"
    raw = RawSection(uri=uri, table=table, key="id").input("notes")
    with closing(NatsChanges(raw, tmp_path)) as source, pytest.raises(ShipwayError, match=said):
        source.read(START, most=1, wait_s=0)
