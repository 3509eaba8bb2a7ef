"""A connection that follows a slot of PostgreSQL: the streaming replication protocol, over libpq's COPY in both ways.

Messages: https://www.postgresql.org/docs/current/protocol-replication.html. psycopg has no cursor for it, but its
connection to libpq has all that it takes.
"""

import select
import struct
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import pq

from shipway.adapters.postgres.pgoutput import EPOCH_US
from shipway.core.error import ShipwayError

_DATA: Final = ord("w")
_ALIVE: Final = ord("k")
_HEAD_BYTES: Final = 25
_KEEPALIVE: Final = struct.Struct(">qqb")
_STATUS: Final = struct.Struct(">cqqqqb")
_BUSY_S: Final = 15.0
"""How long a slot is asked for that a connection which broke off still holds."""
_STATUS_S: Final = 5.0
"""How often the server is told how far this reader is; it waits a minute by default before it hangs up."""


class Link:
    """One connection in the walsender's mode.

    Attributes:
        sent: up to where in its log the server has sent everything.
        clock_us: the server's time when it last said so, microseconds since 1970 UTC.
    """

    def __init__(self, conninfo: str, name: str) -> None:
        """Connect.

        Args:
            conninfo: the address, which says `replication=database`.
            name: the server, for messages.

        Raises:
            ShipwayError: SW-607 if it cannot be reached, SW-201 if it does not let this role replicate.
        """
        self._name = name
        self._connection = pq.PGconn.connect(conninfo.encode())
        self.sent = 0
        self.clock_us: int | None = None
        self._flushed = 0
        self._told_s = 0.0
        if self._connection.status != pq.ConnStatus.OK:
            said = " ".join(self._connection.error_message.decode("utf-8", "replace").split())
            self.close()
            if "permission denied" in said or "must be superuser or replication role" in said or "pg_hba" in said:
                hint = "ALTER ROLE ... REPLICATION, and let it in by pg_hba.conf"
                raise ShipwayError("SW-201", f"{name} does not let this user replicate ({said})", hint)
            raise ShipwayError("SW-607", f"{name} cannot be reached ({said})", "check that the server runs")

    def ask(self, command: str) -> list[list[str]]:
        """Return the rows that the server answers a command of replication with.

        Raises:
            ShipwayError: SW-201 with what it says if it refuses.
        """
        result = self._connection.exec_(command.encode())
        if result.status not in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
            raise self._refusal(result.error_message or self._connection.error_message)
        rows = range(result.ntuples)
        return [[(result.get_value(row, at) or b"").decode() for at in range(result.nfields)] for row in rows]

    def start(self, slot: str, lsn: int, publication: str) -> None:
        """Let the server send what commits from a place of its log on.

        Raises:
            ShipwayError: SW-201 if the slot is gone or lost what comes there, SW-603 if another reader has it.
        """
        command = (
            f'START_REPLICATION SLOT "{slot}" LOGICAL {write_lsn(lsn)} '
            f"(proto_version '1', publication_names '\"{publication}\"')"
        )
        give_up = time.monotonic() + _BUSY_S
        while True:
            result = self._connection.exec_(command.encode())
            if result.status == pq.ExecStatus.COPY_BOTH:
                break
            said = result.error_message or self._connection.error_message
            if result.error_field(pq.DiagnosticField.SQLSTATE) != b"55006":
                raise self._refusal(said)
            if time.monotonic() > give_up:
                fact = f"another reader has slot {slot} of {self._name} ({' '.join(said.decode().split())})"
                raise ShipwayError("SW-603", fact, "stop it, or give this stream another consumer = ...")
            time.sleep(0.05)
        self.sent = lsn
        self.tell(ask=True)

    def receive(self) -> bytes | None:
        """Return the next message of the plugin that is here already, None if there is none.

        Raises:
            ShipwayError: SW-607 if the connection broke, SW-201 if the server ends it with a reason.
        """
        while True:
            try:
                size, data = self._connection.get_copy_data(1)
            except psycopg.OperationalError as fault:
                raise self._hung_up(fault) from fault
            if size == 0:
                return None
            if size < 0:
                self._fail()
            if data[0] == _DATA:
                return bytes(data[_HEAD_BYTES:])
            if data[0] == _ALIVE:
                sent, sent_at, wanted = _KEEPALIVE.unpack_from(data, 1)
                self.sent, self.clock_us = int(sent), int(sent_at) + EPOCH_US
                if wanted:
                    self.tell()

    def wait(self, seconds: float) -> bool:
        """Wait until something comes, and tell whether it did."""
        if time.monotonic() - self._told_s > _STATUS_S:
            self.tell()
        readable, _, _ = select.select([self._connection.socket], [], [], max(0.0, seconds))
        if readable:
            with self._watched():
                self._connection.consume_input()
        return bool(readable)

    def let_go(self, lsn: int) -> None:
        """Tell the server that everything which committed before a place of its log is durable here."""
        self._flushed = max(self._flushed, lsn)
        self.tell()

    def tell(self, *, ask: bool = False) -> None:
        """Say how far this reader is, and ask for an answer where one is wanted."""
        now_us = time.time_ns() // 1_000 - EPOCH_US
        body = _STATUS.pack(b"r", self._flushed, self._flushed, self._flushed, now_us, ask)
        with self._watched():
            self._connection.put_copy_data(body)
            self._connection.flush()
        self._told_s = time.monotonic()

    def close(self) -> None:
        """Hang up; closing twice does no harm."""
        self._connection.finish()

    @contextmanager
    def _watched(self) -> Generator[None]:
        try:
            yield
        except psycopg.OperationalError as fault:
            raise self._hung_up(fault) from fault

    def _hung_up(self, fault: Exception) -> ShipwayError:
        said = " ".join(str(fault).split())
        return ShipwayError("SW-607", f"{self._name} hung up ({said})", "check that the server runs")

    def _fail(self) -> None:
        result = self._connection.get_result()
        said = (result.error_message if result is not None else b"") or self._connection.error_message
        text = " ".join(said.decode("utf-8", "replace").split())
        if self._connection.status != pq.ConnStatus.OK or not text or "terminating" in text:
            raise ShipwayError("SW-607", f"{self._name} hung up ({text})", "check that the server runs")
        raise self._refusal(said)

    def _refusal(self, said: bytes) -> ShipwayError:
        text = " ".join(said.decode("utf-8", "replace").split())
        if self._connection.status != pq.ConnStatus.OK:
            return ShipwayError("SW-607", f"{self._name} hung up ({text})", "check that the server runs")
        hint = "see that the slot and the publication are there, or begin again: shipway stream NAME --anew"
        return ShipwayError("SW-201", f"{self._name} does not replicate: {text}", hint)


def write_lsn(lsn: int) -> str:
    """Return a place of PostgreSQL's log as the server writes it."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def read_lsn(text: str) -> int:
    """Return a place of PostgreSQL's log as a number."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) | int(low, 16)
