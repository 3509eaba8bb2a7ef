"""Real child processes, to be killed, raced and starved, a real small disk, and ways to servers that break."""

import shutil
import socket
import subprocess
import sys
import threading
from contextlib import suppress

import pytest

MOUNT = 'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@"'


@pytest.fixture
def spawn():
    """Start Python source as a child with arguments; its input and output are pipes of text."""
    children = []

    def start(source, *args, prefix=(), env=None):
        command = [*prefix, sys.executable, "-c", source, *map(str, args)]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        children.append(child)
        return child

    yield start
    for child in children:
        with child:
            child.kill()


@pytest.fixture
def run(spawn):
    """Run Python source as a child to its end and return its lines of output; it must succeed."""

    def finish(source, *args, **options):
        child = spawn(source, *args, **options)
        output, _ = child.communicate()
        assert child.returncode == 0
        return output.splitlines()

    return finish


@pytest.fixture
def small_disk(tmp_path):
    """Return a folder and the command prefix under which it is a file system of its own, of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    if shutil.which("unshare") is None:
        pytest.skip("a small disk needs unshare, which this machine lacks")
    prefix = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", MOUNT, str(folder)]
    if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        pytest.skip("a small disk needs user namespaces, which this machine forbids")
    return folder, prefix


class Wire:
    """A way to a server that can be cut as something passes.

    Attributes:
        port: where it listens.
        cut: whether the next message with `mark` in it is lost "before" the server hears of it, or its answer "after".
        dropped: whether connections are dropped when they are opened.
    """

    def __init__(self, port, mark):
        self.cut = ""
        self.dropped = False
        self._to = port
        self._mark = mark
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
                if source is client and self.cut and self._mark in data:
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
def open_wire():
    """Return a function that opens a way to a port, cut where a message has a mark in it."""
    opened = []

    def start(port, mark):
        opened.append(Wire(port, mark))
        return opened[-1]

    yield start
    for wire in opened:
        wire.close()
