"""How shipway talks to a PostgreSQL server: durable transactions, connections that come back, faults made plain."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any, Final, NamedTuple, TypeVar

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from shipway.core.error import ShipwayError

Result = TypeVar("Result")

_DEFAULTS: Final[dict[str, Any]] = {
    "application_name": "shipway",
    "client_encoding": "UTF8",
    "connect_timeout": 10,
    # A server that vanished without a word is given up after so many milliseconds, not after the system's hours.
    "tcp_user_timeout": 30_000,
}
# The last value of the receipt tells a server that was started anew, which may give a number a second time.
_BEGIN: Final = """SET LOCAL synchronous_commit TO ON;
    SELECT pg_current_xact_id()::text, pg_postmaster_start_time()::text"""
_STATUS: Final = "SELECT pg_xact_status(%s::xid8), pg_postmaster_start_time()::text"
_UNSURE_S: Final = 10.0
"""How long a transaction is asked about that neither ended nor failed when the connection broke."""

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_FULL: Final = frozenset({"53100"})
_CLOSED: Final = frozenset({"42501", "25006", "22P05", "22021"})
_BUSY: Final = frozenset({"55P03", "57014", "40001", "40P01"})
_FOREIGN: Final = frozenset(
    {"42P01", "42703", "42804", "42P10", "23514", "23502", "58030", "58P01", "XX000", "XX001", "XX002"}
)
_DAMAGED: Final = frozenset({"58030", "58P01", "XX000", "XX001", "XX002"})
_REFUSED: Final = frozenset({"28000", "28P01", "3D000", "3F000", "08P01"})


class _Receipt(NamedTuple):
    """What a transaction is asked about by, if the connection breaks while it ends."""

    number: str
    server: str


class Session:
    """A connection to a server that is opened on first use, and again when the server dropped it while it was idle.

    It is for one thread at a time.
    """

    def __init__(self, uri: str) -> None:
        """Take note of a server's address; nothing is opened yet.

        Args:
            uri: as libpq reads it; what is missing is taken from libpq's environment variables and password file.

        Raises:
            ShipwayError: SW-608 if it is no address.
        """
        try:
            given = conninfo_to_dict(uri)
        except psycopg.ProgrammingError as fault:
            hint = "write such as postgresql://host/database"
            raise ShipwayError("SW-608", "the address of the catalog cannot be read", hint) from fault
        self._conninfo = make_conninfo(**{**_DEFAULTS, **given})
        self.name = f"postgresql://{given.get('host', '')}/{given.get('dbname', '')}"
        self._connection: psycopg.Connection[Any] | None = None

    def read(self, query: Any, values: dict[str, Any] | None = None) -> list[Any]:
        """Return the rows of a query, asked again on a new connection if an idle one turns out to be broken.

        Raises:
            ShipwayError: as `translate_server_fault` says.
        """
        with translate_server_fault(self.name):
            connection, fresh = self._open()
            try:
                return connection.execute(query, values, binary=True).fetchall()
            except psycopg.OperationalError:
                if fresh or not connection.broken:
                    raise
            connection, _ = self._open()
            return connection.execute(query, values, binary=True).fetchall()

    def write(
        self, work: "Callable[[psycopg.Connection[Any]], Result]", *, there: Callable[[], bool] | None = None
    ) -> Result:
        """Run work as one transaction that is on the server's disk when this returns.

        If the connection breaks before the transaction ends, it did not happen, and where the connection had been idle
        it is run again. If it breaks while it ends, the server is asked what became of it before anything else is done.

        Args:
            work: what is done in the transaction; it may be run twice, never committed twice.
            there: tells whether the work is done, asked where a server that was started anew cannot be believed.

        Raises:
            ShipwayError: what the work raises, after which nothing has happened; else as `translate_server_fault` says.
        """
        with translate_server_fault(self.name):
            for last in (False, True):
                connection, fresh = self._open()
                done: list[Result] = []
                receipt: _Receipt | None = None
                try:
                    with connection.transaction():
                        receipt = _begin(connection)
                        done.append(work(connection))
                    return done[0]
                except psycopg.OperationalError:
                    if not connection.broken:
                        raise
                    if done and receipt is not None and self._happened(receipt, there):
                        return done[0]
                    if last or (fresh and not done):
                        raise
        raise AssertionError("the second attempt returns or raises")

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()

    def _open(self) -> "tuple[psycopg.Connection[Any], bool]":
        """Return a connection that is not known to be broken, and whether it is a new one."""
        if self._connection is not None and not self._connection.broken:
            return self._connection, False
        connection = psycopg.connect(self._conninfo, autocommit=True, prepare_threshold=None)
        connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        self._connection = connection
        return connection, True

    def _happened(self, receipt: _Receipt, there: Callable[[], bool] | None) -> bool:
        """Ask what became of a transaction whose end was sent and not answered."""
        give_up = time.monotonic() + _UNSURE_S
        while True:
            connection, _ = self._open()
            status, server = None, receipt.server
            # A number the server has not given yet is that of a transaction which was lost with its memory.
            with suppress(errors.InvalidParameterValue):
                status, server = connection.execute(_STATUS, (receipt.number,)).fetchall()[0]
            if status != "in progress":
                return status == "committed" and (server == receipt.server or there is None or there())
            if time.monotonic() > give_up:
                fact = f"{self.name} does not say whether it did what it was asked when the connection broke"
                raise ShipwayError("SW-607", fact, "look at the branch before the same command is run again")
            time.sleep(0.02)


@contextmanager
def translate_server_fault(name: str) -> Generator[None]:
    """Turn what a PostgreSQL server, or the way to it, says into the error a user can act on.

    Args:
        name: the server and database, for the message; no password is in it.

    Raises:
        ShipwayError: SW-601 if its disk is full, SW-602 if this role may not write there, SW-603 if others keep it
            busy, SW-605 if what is there is damaged or not ours, SW-607 if it cannot be reached, SW-608 if it lets this
            user not in.
    """
    try:
        yield
    except psycopg.Error as fault:
        state, said = fault.sqlstate or "", " ".join(str(fault).split())
        if state in _FULL:
            hint = "free some space on the server, then run the same command again; what was acknowledged is safe"
            raise ShipwayError("SW-601", f"there is no room to write {name} ({said})", hint) from fault
        if state in _CLOSED:
            hint = "give this role the right to read and write in the catalog's schema, of a database in UTF-8"
            raise ShipwayError("SW-602", f"cannot write {name} ({said})", hint) from fault
        if state in _BUSY:
            hint = "wait for the other processes, then run the same command again"
            raise ShipwayError("SW-603", f"others keep {name} busy ({said})", hint) from fault
        if state in _FOREIGN | _DAMAGED:
            hint = "restore the catalog's schema from a backup"
            raise ShipwayError("SW-605", f"the catalog in {name} is damaged ({said})", hint) from fault
        if state in _REFUSED or _is_refusal(fault, said):
            hint = "check the address, the role and the database; a password is read from PGPASSWORD or ~/.pgpass"
            raise ShipwayError("SW-608", f"{name} lets this user not in ({said})", hint) from fault
        if isinstance(fault, psycopg.OperationalError):
            hint = "check that the server runs and can be reached from here, then run the same command again"
            raise ShipwayError("SW-607", f"{name} cannot be reached ({said})", hint) from fault
        raise


def _is_refusal(fault: psycopg.Error, said: str) -> bool:
    """Tell whether a server answered and refused: what fails while connecting carries no code, only words."""
    refusals = ("authentication failed", "no password supplied", "no pg_hba.conf entry", " does not exist")
    return fault.sqlstate is None and any(words in said for words in refusals)


def _begin(connection: "psycopg.Connection[Any]") -> _Receipt:
    cursor = connection.execute(_BEGIN)
    cursor.nextset()
    return _Receipt(*cursor.fetchall()[0])
