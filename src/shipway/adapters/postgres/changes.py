"""Changes of a table of PostgreSQL, by logical replication: first a copy of its rows, then what commits after it."""

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from shipway.adapters.postgres.link import Link, read_lsn, write_lsn
from shipway.adapters.postgres.pgoutput import KINDS, Begin, Commit, Decoder
from shipway.adapters.sql.address import fill_in, hide_secrets, say_fault
from shipway.core.change import Batch, Position, Record, Row, Shape, write_place
from shipway.core.error import ShipwayError
from shipway.core.raw import Raw

SETTINGS: Final = "-c TimeZone=UTC -c DateStyle=ISO,MDY -c IntervalStyle=postgres -c bytea_output=hex"
"""How both connections write values, so that a copied row and a changed one look alike."""

_COPY: Final = "copy"
_DRAIN_S: Final = 0.02
_STILL_S: Final = 1.0
"""How long the server may say the same place before it is taken for the end of what there is."""
_INACTIVE_S: Final = 15.0
_WHOLE: Final = 4
"""How many times as many records as asked for are given at most, so that a transaction is not cut."""


class _Table(NamedTuple):
    """The table that is followed.

    Attributes:
        name: its quoted name.
        shape: the columns that are published.
        filter: the condition by which rows are published; empty for all.
    """

    name: sql.Composable
    shape: Shape
    filter: str


class PostgresChanges:
    """Follows a table by a slot of logical replication and pgoutput; it answers the port `Changes`.

    The slot and the publication have the name of the input's consumer, and are made where they are missing. Places are
    those of commits in the server's log, with the number of the change in its transaction; the part is the server's
    system identifier, so that another server is not taken for this one. Reading from the start makes the slot anew and
    copies the table in the snapshot that the slot begins with.
    """

    def __init__(self, raw: Raw, root: Path) -> None:
        """Take note of a table; nothing is opened yet.

        Args:
            raw: the input.
            root: not looked at; a database lies in no folder.

        Raises:
            ShipwayError: SW-201 if the input names no table.
        """
        del root
        if not raw.table:
            fact = f"raw input {raw.name!r} follows a database, and nothing says which table"
            raise ShipwayError("SW-201", fact, f'add table = "..." to [raw.{raw.name}]')
        self._raw = raw
        self._link: Link | None = None
        self._decoder = Decoder(raw.key)
        self._at: Position | None = None
        self._system = ""
        self._copy: Iterator[tuple[Record, ...]] | None = None
        self._begun: tuple[int, int] = (0, 0)
        self._count = 0
        self._skip = 0
        self._sql: psycopg.Connection[Any] | None = None

    def read(self, after: Position, *, most: int, wait_s: float) -> Batch:
        """Return the changes behind a position, or the next rows of the copy that comes first.

        Raises:
            ShipwayError: SW-201 if the server does not replicate the table, or no longer has what comes there; SW-607
                if it cannot be reached.
        """
        with self._translated():
            if not after or _COPY in after:
                return self._read_copy(after, most)
            if self._link is None or after != self._at:
                self._seek(after)
            return self._read_changes(after, most, wait_s)

    def acknowledge(self, position: Position) -> None:
        """Let the server drop its log up to a position."""
        if self._link is not None and self._copy is None and self._system in position:
            with self._translated():
                self._link.let_go(_lsn_of(position[self._system]))

    def close(self) -> None:
        """Hang up; the slot stays and keeps what commits meanwhile."""
        if self._link is not None:
            self._link.close()
        if self._sql is not None:
            with suppress(psycopg.Error):
                self._sql.close()
        self._link = self._sql = self._copy = self._at = None

    def _read_copy(self, after: Position, most: int) -> Batch:
        anew = self._copy is None or after != self._at
        if anew:
            self.close()
            self._copy = self._begin_copy(most)
        assert self._copy is not None
        rows = next(self._copy, None)
        if rows is not None:
            self._count += len(rows)
            self._at = {_COPY: write_place(self._count)}
            return Batch(records=list(rows), position=self._at, anew=anew, partial=True)
        self._copy = None
        place = _write(self._begun[0], 0)
        position = {self._system: place}
        self._at = None
        return Batch(records=[], position=position, anew=anew)

    def _begin_copy(self, most: int) -> Iterator[tuple[Record, ...]]:
        """Make the slot anew, and yield the rows that the table has where it begins."""
        connection = self._connect()
        self._prepare(connection)
        self._drop_slot(connection)
        self._link = self._dial()
        ((_, point, snapshot, _),) = self._link.ask(
            f'CREATE_REPLICATION_SLOT "{self._raw.consumer}" LOGICAL pgoutput EXPORT_SNAPSHOT'
        )
        lsn = read_lsn(point)
        self._begun, self._count = (lsn, 0), 0
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot)))
        return self._copy_rows(connection, _write(lsn, 0), most)

    def _copy_rows(self, connection: "psycopg.Connection[Any]", place: str, most: int) -> Iterator[tuple[Record, ...]]:
        table = self._describe(connection)
        columns = sql.SQL(", ").join(map(sql.Identifier, table.shape.columns))
        where = sql.SQL(" WHERE {}").format(sql.SQL(table.filter)) if table.filter else sql.SQL("")  # pyright: ignore[reportArgumentType]
        query = sql.SQL("COPY (SELECT {} FROM {}{}) TO STDOUT").format(columns, table.name, where)
        shape, system = table.shape, self._system
        held: list[Record] = []
        with connection.cursor() as cursor, cursor.copy(query) as copy:
            for values in copy.rows():
                held.append(Record(system, place, Row(shape, "r", values)))
                if len(held) >= most:
                    yield tuple(held)
                    held = []
        if held:
            yield tuple(held)
        connection.execute("COMMIT")

    def _seek(self, after: Position) -> None:
        """Follow the slot from a position on."""
        self.close()
        connection = self._connect()
        if self._system not in after:
            hint = "begin again: shipway stream NAME --anew"
            raise ShipwayError("SW-201", f"{self._name} is another server than was followed before", hint)
        lsn = _lsn_of(after[self._system])
        slot = connection.execute(_SLOT, {"slot": self._raw.consumer}).fetchone()
        if slot is None or slot[0] is None:
            raise self._gap("has no slot of that name")
        if slot[1] == "lost":
            raise self._gap("no longer keeps what its slot needs")
        if read_lsn(slot[0]) > lsn:
            raise self._gap(f"was told that everything before {slot[0]} is taken, which is after {write_lsn(lsn)}")
        self._prepare(connection)
        self._link = self._dial()
        self._decoder = Decoder(self._raw.key)
        self._skip = int(after[self._system].partition(".")[2])
        self._begun, self._count = (lsn, 0), 0
        self._link.start(self._raw.consumer, lsn, self._raw.consumer)
        self._at = after

    def _read_changes(self, after: Position, most: int, wait_s: float) -> Batch:
        link = self._link
        assert link is not None
        records: list[Record] = []
        give_up = time.monotonic() + wait_s
        target, still_s, still = 0, time.monotonic(), link.sent
        drained = False
        while len(records) < most * _WHOLE:
            body = link.receive()
            if body is not None:
                if self._take(body, records) and len(records) >= most:
                    break
                continue
            if records and not self._within:
                break
            if not target and self._sql is not None:
                target = read_lsn(self._sql.execute("SELECT pg_current_wal_flush_lsn()::text").fetchall()[0][0])
                link.tell(ask=True)
            now_s = time.monotonic()
            if link.sent != still:
                still, still_s = link.sent, now_s
            drained = not self._within and (link.sent >= target or now_s - still_s > _STILL_S)
            if drained and now_s >= give_up:
                break
            if not link.wait(_DRAIN_S if not drained else min(0.5, give_up - now_s)) and not drained:
                link.tell(ask=True)
        position = dict(after)
        if records:
            position = {self._system: records[-1].place}
        if not self._within:
            end = max(self._begun[0], link.sent if drained else 0)
            position = {self._system: max(position.get(self._system, ""), _write(end, 0))}
        self._at = position
        return Batch(records=records, position=position, drained=drained, clock_us=link.clock_us if drained else None)

    @property
    def _within(self) -> bool:
        """Tell whether a transaction has begun of which more is to come."""
        return self._begun[1] != 0

    def _take(self, body: bytes, records: list[Record]) -> bool:
        """Take a message, and tell whether it ended a transaction."""
        for message in self._decoder.decode(body):
            if isinstance(message, Begin):
                if message.lsn != self._begun[0]:
                    self._skip = 0
                self._begun, self._count = (message.lsn, message.at_us), 0
            elif isinstance(message, Commit):
                self._begun, self._count, self._skip = (message.end, 0), 0, 0
                return True
            else:
                self._count += 1
                if self._count > self._skip:
                    lsn, at_us = self._begun
                    records.append(Record(self._system, _write(lsn, self._count), message, at_us))
        return False

    @property
    def _name(self) -> str:
        given = conninfo_to_dict(fill_in(self._raw.uri))
        return f"postgresql://{given.get('host', '')}/{given.get('dbname', '')}"

    def _conninfo(self, **more: str) -> str:
        uri = fill_in(self._raw.uri)
        given = conninfo_to_dict(uri)
        options = f"{given.get('options') or ''} {SETTINGS}".strip()
        defaults = {"application_name": "shipway", "connect_timeout": "10", "client_encoding": "UTF8"}
        missing = {name: value for name, value in defaults.items() if name not in given}
        return make_conninfo(uri, **{**missing, **more, "options": options})

    def _dial(self) -> Link:
        link = Link(self._conninfo(replication="database"), self._name)
        self._link = link
        return link

    def _connect(self) -> "psycopg.Connection[Any]":
        connection = psycopg.connect(self._conninfo(), autocommit=True, prepare_threshold=None)
        self._sql = connection
        self._system = str(connection.execute("SELECT system_identifier FROM pg_control_system()").fetchall()[0][0])
        return connection

    def _prepare(self, connection: "psycopg.Connection[Any]") -> None:
        """Refuse a server or table that cannot be followed, and make the publication where it is missing."""
        raw = self._raw
        level = connection.execute("SHOW wal_level").fetchall()[0][0]
        if level != "logical":
            hint = "set wal_level = logical in postgresql.conf, and start the server anew"
            raise ShipwayError(
                "SW-201", f"{self._name} does not log what replication needs: wal_level is {level}", hint
            )
        found = connection.execute(_FIND, {"table": raw.table}).fetchone()
        if found is None:
            raise ShipwayError("SW-201", f"{self._name} has no table {raw.table}", "write it as schema.table")
        schema, table, identity = found
        if not set(raw.key) <= set(identity):
            said = ", ".join(identity) or "nothing"
            raise ShipwayError(
                "SW-201",
                f"{raw.table} names its rows by {said} when one is deleted, and the key is {', '.join(raw.key)}",
                f"ALTER TABLE {raw.table} REPLICA IDENTITY FULL, or take the primary key for the key",
            )
        name = sql.Identifier(schema, table)
        there = {"publication": raw.consumer, "schema": schema, "table": table}
        if connection.execute(_PUBLISHED, there).fetchone() is None:
            make = "CREATE PUBLICATION {} FOR TABLE {} WITH (publish_via_partition_root = true)"
            connection.execute(sql.SQL(make).format(sql.Identifier(raw.consumer), name))

    def _describe(self, connection: "psycopg.Connection[Any]") -> _Table:
        """Return the table with the columns that are published of it."""
        schema, table, _ = connection.execute(_FIND, {"table": self._raw.table}).fetchall()[0]
        there = {"publication": self._raw.consumer, "schema": schema, "table": table}
        names, condition = connection.execute(_PUBLISHED, there).fetchall()[0]
        kinds = dict(connection.execute(_TYPES, {"table": self._raw.table}).fetchall())
        shape = Shape(
            table=f"{schema}.{table}",
            columns=tuple(names),
            kinds=tuple(KINDS.get(kinds[name], "text") for name in names),
        )
        return _Table(sql.Identifier(schema, table), shape, condition or "")

    def _drop_slot(self, connection: "psycopg.Connection[Any]") -> None:
        give_up = time.monotonic() + _INACTIVE_S
        while True:
            try:
                connection.execute(_DROP, {"slot": self._raw.consumer})
                return
            except psycopg.errors.ObjectInUse as fault:
                # A reader that was killed holds it until the server notices.
                if time.monotonic() > give_up:
                    fact = f"another reader has slot {self._raw.consumer} of {self._name}"
                    hint = "stop it, or give this stream another consumer = ..."
                    raise ShipwayError("SW-603", fact, hint) from fault
                time.sleep(0.05)

    def _gap(self, why: str) -> ShipwayError:
        hint = f"begin again, with a new copy of the table: shipway stream {self._raw.name} --anew"
        return ShipwayError("SW-201", f"{self._name}, slot {self._raw.consumer}, {why}: there would be a gap", hint)

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except psycopg.OperationalError as fault:
            if isinstance(fault, psycopg.errors.InsufficientPrivilege):
                raise say_fault(self._raw, fault) from fault
            said = hide_secrets(" ".join(str(fault).split()), self._raw.uri)
            hint = "check that the server runs and can be reached from here"
            raise ShipwayError("SW-607", f"{self._name} cannot be reached ({said})", hint) from fault
        except psycopg.Error as fault:
            raise say_fault(self._raw, fault) from fault


_FIND: Final = """
SELECT n.nspname, c.relname, CASE c.relreplident
    WHEN 'f' THEN (SELECT array_agg(attname::text) FROM pg_attribute
        WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped)
    ELSE coalesce((SELECT array_agg(a.attname::text) FROM pg_index i
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
        WHERE i.indrelid = c.oid AND CASE c.relreplident WHEN 'i' THEN i.indisreplident WHEN 'd' THEN i.indisprimary
        ELSE false END), '{}') END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass(%(table)s)
"""
_PUBLISHED: Final = """
SELECT attnames::text[], rowfilter FROM pg_publication_tables
WHERE pubname = %(publication)s AND schemaname = %(schema)s AND tablename = %(table)s
"""
_TYPES: Final = """
SELECT attname::text, atttypid::int8 FROM pg_attribute
WHERE attrelid = to_regclass(%(table)s) AND attnum > 0 AND NOT attisdropped
"""
_SLOT: Final = "SELECT confirmed_flush_lsn::text, wal_status FROM pg_replication_slots WHERE slot_name = %(slot)s"
_DROP: Final = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %(slot)s"


def _write(lsn: int, count: int) -> str:
    return f"{write_place(lsn)}.{count:010d}"


def _lsn_of(place: str) -> int:
    return int(place.partition(".")[0])
