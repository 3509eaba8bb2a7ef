"""A way to a server that breaks where a test wants it to."""

import socket
import threading
from contextlib import suppress

import pytest


class Wire:
    """A way to a server that can be cut as the end of a transaction passes.

    Attributes:
        port: where it listens.
        cut: whether the next end of a transaction is lost "before" the server hears of it, or its answer "after".
        dropped: whether connections are dropped when they are opened.
    """

    def __init__(self, port):
        self.cut = ""
        self.dropped = False
        self._to = port
        self._ends = []
        self._silent = set()
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self._admitting = threading.Thread(target=self._admit, daemon=True)
        self._admitting.start()

    def break_all(self):
        """Drop every connection there is."""
        while self._ends:
            _hang_up(self._ends.pop())

    def close(self):
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self._admitting.join()
        self.break_all()

    def _admit(self):
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            if self.dropped:
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self._to))
            self._ends += [client, server]
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._carry, args=(source, target, client), daemon=True).start()

    def _carry(self, source, target, client):
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if source is client and self.cut and b"COMMIT\0" in data:
                    how, self.cut = self.cut, ""
                    if how == "before":
                        break
                    self._silent.add(client)
                elif target in self._silent:
                    break
                target.sendall(data)
        for end in (source, target):
            _hang_up(end)


def _hang_up(end):
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@pytest.fixture
def wire(postgres):
    opened = Wire(postgres.port)
    yield opened
    opened.close()
