"""Servers: one that echoes, in this process, and the shop's real one, as the tests of serving start it."""

import asyncio
import contextlib
import importlib.util
import json
import socket
import sys
import threading
from pathlib import Path

import pytest

from shipway.adapters.http.limit import Limits
from shipway.adapters.http.server import AsyncioHttp

_PLACE = Path(__file__).parents[2] / "serving" / "conftest.py"
_SPEC = importlib.util.spec_from_file_location("shipway_serving_conftest", _PLACE)
_serving = sys.modules[_SPEC.name] = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_serving)

stored_shop, shop, serve = _serving.stored_shop, _serving.shop, _serving.serve

QUICK = Limits(body_bytes=1_000, head_bytes=2_000, request_s=1.0, idle_s=3.0, pipelined=4, linger_s=1.0)


class Echo:
    """A server in a thread of its own that answers with what it was asked; paths say how."""

    def __init__(self, limits, door=None):
        self.limits = limits
        self.door = door
        self.held = []
        self.calls = []
        self.failure = None
        self.started = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        assert self.started.wait(30)

    def _run(self):
        async def main():
            self.loop = asyncio.get_running_loop()
            self.stopped = asyncio.Event()
            self.http = AsyncioHttp(self.handle, limits=self.limits, door=self.door)
            self.port = await self.http.listen("127.0.0.1", 0)
            self.started.set()
            await self.stopped.wait()
            await self.http.close(grace_s=1.0)

        AsyncioHttp.run(main())

    def handle(self, call):
        self.calls.append(call)
        if call.path == "/hold":
            self.held.append(call)
        elif call.path == "/fail":
            raise ZeroDivisionError("on purpose")
        elif call.path == "/large":
            call.answer(200, b"x" * 5_000_000, kind="text/plain")
        else:
            said = {
                "method": call.method,
                "path": call.path,
                "body": call.body.decode("latin-1"),
                "headers": call.headers,
            }
            call.answer(200, json.dumps(said).encode(), headers=[("x-echo", "1")])

    def release(self):
        """Answer the calls that were held, the last first."""

        def answer():
            while self.held:
                call = self.held.pop()
                call.answer(200, call.headers.get("x-name", "").encode())

        self.loop.call_soon_threadsafe(answer)

    def stop(self):
        if self.thread.is_alive():
            self.loop.call_soon_threadsafe(self.stopped.set)
            self.thread.join(30)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def speak(self, *parts, end=True):
        """Send bytes, say that no more follow, and return everything that is answered until the connection ends."""
        with self.connect() as connection:
            for part in parts:
                with contextlib.suppress(ConnectionError):
                    connection.sendall(part)
            if end:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)
            said = b""
            while data := connection.recv(1 << 16):
                said += data
        return said


@pytest.fixture(scope="module")
def echo():
    """A server with small limits."""
    server = Echo(QUICK)
    yield server
    server.stop()


@pytest.fixture
def own_echo():
    """Such a server for one test."""
    server = Echo(QUICK)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def start_echo():
    """Start such servers, with limits and a door of their own."""
    started = []

    def start(limits, door=None):
        started.append(Echo(limits, door))
        return started[-1]

    yield start
    for server in started:
        server.stop()
