"""A real Redis server for tests and benches, on a port of this machine only."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_PATIENCE_S: Final = 20.0
"""How long the server may take to start."""
_DATABASES: Final = 10_000


class RedisServer:
    """A Redis server on a port of 127.0.0.1, with a folder of its own; it may be killed and started again.

    Attributes:
        port: where it listens.
    """

    def __init__(self, program: str, folder: Path, options: Sequence[str]) -> None:
        """Start the server.

        Args:
            program: the path of `redis-server`.
            folder: where its files are kept.
            options: further words of its command line.
        """
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        where = ("--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(folder), "--databases", str(_DATABASES))
        self._command = [program, *where, "--loglevel", "warning", "--logfile", str(folder / "log"), *options]
        self._folder = folder
        self._next = 0
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        give_up = time.monotonic() + _PATIENCE_S
        while not self._answers():
            if time.monotonic() > give_up or self._process.poll() is not None:
                self.kill()
                raise RuntimeError((self._folder / "log").read_text())
            time.sleep(0.01)

    def kill(self) -> None:
        """Kill the server; nothing it holds in memory gets to the disk."""
        self._process.kill()
        self._process.wait()

    def say(self, *words: str) -> str:
        """Send one command in the server's inline form and return its first line of answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as way, way.makefile("rwb") as file:
            file.write(" ".join(words).encode() + b"\r\n")
            file.flush()
            return file.readline().decode().strip()

    def address(self) -> str:
        """Return the address of a database that nobody has used yet."""
        self._next += 1
        return f"redis://127.0.0.1:{self.port}/{self._next}"

    def _answers(self) -> bool:
        try:
            return self.say("PING").startswith(("+PONG", "-NOAUTH"))
        except OSError:
            return False


def find_redis() -> str | None:
    """Return the path of `redis-server`, 6.2 or newer (Debian's package redis-server has it); None without one."""
    return shutil.which("redis-server")


@contextmanager
def run_redis(*options: str, save: bool = False) -> Generator[RedisServer]:
    """Run a server for the time of the block; its data goes with it.

    Args:
        options: further words of its command line.
        save: whether it keeps a log of its writes that it starts from again.

    Raises:
        FileNotFoundError: if there is no redis-server.
    """
    program = find_redis()
    if program is None:
        raise FileNotFoundError("redis-server is not installed (Debian package redis-server)")
    folder = Path(tempfile.mkdtemp(prefix="shipway-redis-"))
    keep = ("--appendonly", "yes", "--appendfsync", "no") if save else ("--appendonly", "no")
    try:
        server = RedisServer(program, folder, ("--save", "", *keep, *options))
        try:
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(folder)
