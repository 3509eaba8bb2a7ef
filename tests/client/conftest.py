"""The real server's process, one that misbehaves as it is told to, and the two clients behind one face."""

import asyncio
import contextlib
import importlib.util
import socket
import struct
import sys
import threading
from pathlib import Path

import pytest

from shipway.client import AsyncClient, Client

_PLACE = Path(__file__).parents[1] / "serving" / "conftest.py"
_SPEC = importlib.util.spec_from_file_location("shipway_serving_conftest_of_client", _PLACE)
_serving = sys.modules[_SPEC.name] = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_serving)

stored_shop, shared, make_row, by_hand = (
    _serving.stored_shop,
    _serving.shared,
    _serving.row_maker,
    _serving.by_hand,
)


@pytest.fixture(scope="session")
def noon():
    """The instant that the shop is asked about."""
    return _serving.NOON


class Odd:
    """A server that does with each request what a script says, called with its place from 1 and its bytes.

    A script returns bytes to be sent (in parts, where it returns several), `close`, `reset`, or a function that is
    given the connection.
    """

    def __init__(self, script, context=None):
        self.script = script
        self.context = context
        self.requests = []
        self.connections = 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http{'' if context is None else 's'}://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                with self.lock:
                    self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.enter_context(connection)
            if self.context is not None:
                connection = stack.enter_context(self.context.wrap_socket(connection, server_side=True))
            while request := self._read(connection):
                with self.lock:
                    self.requests.append(request)
                    place = len(self.requests)
                said = self.script(place, request)
                if said == "close":
                    return
                if said == "reset":
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                if callable(said):
                    said(connection)
                    return
                for part in said if isinstance(said, list) else [said]:
                    connection.sendall(part)

    def _read(self, connection):
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(1 << 16)
            if not more:
                return b""
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(body) < length:
            body += connection.recv(1 << 16)
        return head + b"\r\n\r\n" + body


@pytest.fixture
def odd():
    """Start servers that misbehave."""
    started = []

    def start(script, context=None):
        server = Odd(script, context)
        started.append(server)
        return server

    yield start
    for server in started:
        server.close()


@pytest.fixture
def nobody():
    """Return the URL of a port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


class Awaited:
    """The client that awaits, asked like the other."""

    def __init__(self, *words, **options):
        self.client = AsyncClient(*words, **options)
        self.loop = asyncio.new_event_loop()

    def __getattr__(self, name):
        method = getattr(self.client, name)
        return lambda *words, **options: self.loop.run_until_complete(method(*words, **options))

    def close(self):
        self.client.close()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()


@pytest.fixture(params=[Client, Awaited], ids=["blocking", "awaiting"])
def connect(request):
    """Make clients, of either kind."""
    made = []

    def make(*words, **options):
        client = request.param(*words, **options)
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()
