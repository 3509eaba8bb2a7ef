"""The catalog in a PostgreSQL database: objects and refs as rows of a schema of their own."""

import itertools
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import psycopg
from psycopg import sql

from shipway.adapters.postgres.session import Session
from shipway.core.error import ShipwayError
from shipway.core.ref import check_place, check_refs
from shipway.kit.canonical import digest_bytes
from shipway.ports.clock import Clock

_VERSION: Final = 1
_CHUNK: Final = 1_000
"""Objects stored or asked for in one statement."""

_CREATE: Final = (
    # Two that create at once would both find nothing there, and one of them fail: the lock lets one in at a time.
    "SELECT pg_advisory_xact_lock(hashtextextended({name}, 0))",
    "CREATE SCHEMA IF NOT EXISTS {schema}",
    'CREATE TABLE IF NOT EXISTS {ref} (name text COLLATE "C" PRIMARY KEY, target text NOT NULL)',
    """CREATE TABLE IF NOT EXISTS {object} (
        digest text COLLATE "C" PRIMARY KEY, at bigint NOT NULL, body bytea NOT NULL
    )""",
    "CREATE TABLE IF NOT EXISTS {version} (id integer PRIMARY KEY CHECK (id = 1), number integer NOT NULL)",
    f"INSERT INTO {{version}} (id, number) VALUES (1, {_VERSION:d}) ON CONFLICT DO NOTHING",
)
_STATEMENTS: Final = {
    "is made": "SELECT to_regclass({name}) IS NOT NULL",
    "version": "SELECT number FROM {version}",
    "refs": "SELECT name, target FROM {ref} ORDER BY name",
    "head": "SELECT target FROM {ref} WHERE name = %(ref)s",
    # Moves do not keep each other out; who forgets keeps out all moves, and waits for those that began.
    "take part": "LOCK TABLE {ref} IN ROW EXCLUSIVE MODE",
    "keep out": "LOCK TABLE {ref} IN SHARE ROW EXCLUSIVE MODE",
    "make": "INSERT INTO {ref} (name, target) VALUES (%(ref)s, %(target)s) ON CONFLICT DO NOTHING",
    "swap": "UPDATE {ref} SET target = %(target)s WHERE name = %(ref)s AND target = %(expect)s",
    "drop": "DELETE FROM {ref} WHERE name = %(ref)s AND target = %(expect)s",
    "store": """INSERT INTO {object} (digest, at, body)
        SELECT digest, %(at)s, body FROM unnest(%(digests)s::text[], %(bodies)s::bytea[]) AS given (digest, body)
        ON CONFLICT (digest) DO UPDATE SET at = excluded.at, body = excluded.body""",
    "get": "SELECT digest, body FROM {object} WHERE digest = ANY(%(digests)s)",
    "stored at": "SELECT digest, at FROM {object} WHERE digest = ANY(%(digests)s)",
    "list": "SELECT digest, at FROM {object} WHERE digest > %(after)s ORDER BY digest LIMIT %(count)s",
    "forget": "DELETE FROM {object} WHERE digest = ANY(%(digests)s) AND at < %(before)s",
}


class PostgresCatalog:
    """The catalog in a schema of a PostgreSQL database; it answers the port `Catalog`.

    Any number of processes on any number of machines may have it open, and the threads of a process may share one
    instance: one connection reads and another writes, so that no reader waits for a writer.
    """

    def __init__(self, uri: str, *, clock: Clock, schema: str = "shipway") -> None:
        """Open the catalog, creating its schema and tables where they are missing.

        Args:
            uri: the database, such as `postgresql://host/database`. Passwords and what else is missing are found by
                libpq's own rules: PGPASSWORD, PGSSLMODE and so on, and `~/.pgpass`.
            clock: says when an object is stored.
            schema: the schema of its tables.

        Raises:
            ShipwayError: SW-602 if the tables are missing and this role may not create them, SW-606 if a newer shipway
                made them, SW-607 if the server cannot be reached, SW-608 if it lets this user not in.
        """
        self._clock = clock
        self._write_turn = threading.Lock()
        self._read_turn = threading.Lock()
        self._writer = Session(uri)
        self._reader = Session(uri)
        names = {name: sql.Identifier(schema, name) for name in ("ref", "object", "version")}
        names |= {"schema": sql.Identifier(schema)}
        literal = sql.Literal(names["version"].as_string())
        self._statements = {what: sql.SQL(text).format(name=literal, **names) for what, text in _STATEMENTS.items()}
        self._creation = [sql.SQL(text).format(name=literal, **names) for text in _CREATE]
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def refs(self) -> dict[str, str]:
        """Return every ref with the object it points at, by name."""
        return dict(self._fetch("refs"))

    def head(self, ref: str) -> str | None:
        """Return the object a ref points at, or None if there is no such ref."""
        rows = self._fetch("head", ref=ref)
        return rows[0][0] if rows else None

    def move(
        self, ref: str, *, expect: str | None, target: str | None, objects: Mapping[str, bytes] | None = None
    ) -> None:
        """Store objects and move a ref, in one step that is on the server's disk when this returns.

        Raises:
            ShipwayError: SW-208 if the ref is not at `expect`, SW-601 the server's disk is full, SW-602 not writable,
                SW-607 and SW-608 if the server cannot be reached or refuses. Where SW-607 says that the server does not
                tell, the step may have happened, else nothing has.
        """
        at = self._clock.now()
        # In one order everywhere, so that two that store the same objects never wait for one another.
        stored = sorted((objects or {}).items())
        place = {"ref": ref, "expect": expect, "target": target}

        def step(connection: "psycopg.Connection[Any]") -> None:
            connection.execute(self._statements["take part"])
            if expect is None and target is None:
                moved = not connection.execute(self._statements["head"], place).rowcount
            else:
                how = "make" if expect is None else "drop" if target is None else "swap"
                moved = connection.execute(self._statements[how], place).rowcount == 1
            if not moved:
                row = connection.execute(self._statements["head"], place).fetchone()
                check_place(ref, expect=expect, found=row and row[0])
                raise ShipwayError("SW-208", f"{ref!r} moved meanwhile", "look at it again and repeat the change")
            for chunk in _chunks(stored):
                digests, bodies = zip(*chunk, strict=True)
                values = {"at": at, "digests": list(digests), "bodies": list(bodies)}
                connection.execute(self._statements["store"], values)

        def there() -> bool:
            if stored:
                ages = self.stored_at(digest for digest, _ in stored)
                return len(ages) == len(stored) and min(ages.values()) >= at
            return self.head(ref) == target

        self._write(step, there)

    def get(self, digests: Iterable[str]) -> dict[str, bytes]:
        """Return those of the objects that are there, by digest, each as it was stored.

        Raises:
            ShipwayError: SW-605 for an object whose bytes do not match its digest.
        """
        found = dict(self._find("get", digests))
        for digest, body in found.items():
            if digest_bytes(body) != digest:
                fact = f"object {digest} in {self._reader.name} is damaged: its bytes do not match it"
                raise ShipwayError("SW-605", fact, "restore the catalog's schema from a backup")
        return found

    def stored_at(self, digests: Iterable[str]) -> dict[str, int]:
        """Return when those of the objects that are there were last stored, in microseconds since 1970 UTC."""
        return dict(self._find("stored at", digests))

    def listing(self) -> Iterator[tuple[str, int]]:
        """Yield every object with the instant it was last stored, in no order.

        What is stored or forgotten while this runs may be yielded or not; everything else is.
        """
        last = ""
        while rows := self._fetch("list", after=last, count=_CHUNK):
            yield from rows
            last = rows[-1][0]

    def forget(self, digests: Collection[str], *, before: int, refs: Mapping[str, str]) -> int:
        """Remove objects that are older than an instant, unless a ref moved meanwhile, and return how many went.

        Raises:
            ShipwayError: SW-208 if the refs are not as the caller saw them, SW-601 the server's disk is full, SW-602
                not writable; nothing was removed then. SW-607 and SW-608 as `move` says.
        """

        def step(connection: "psycopg.Connection[Any]") -> int:
            connection.execute(self._statements["keep out"])
            check_refs(dict(connection.execute(self._statements["refs"]).fetchall()), refs)
            values = {"digests": list(digests), "before": before}
            return connection.execute(self._statements["forget"], values).rowcount

        return self._write(step)

    def close(self) -> None:
        """Release the connections; closing twice does no harm."""
        with self._write_turn, self._read_turn:
            self._reader.close()
            self._writer.close()

    def _prepare(self) -> None:
        def create(connection: "psycopg.Connection[Any]") -> None:
            for statement in self._creation:
                connection.execute(statement)

        if not self._fetch("is made")[0][0]:
            self._write(create)
        ((found,),) = self._fetch("version")
        if found > _VERSION:
            fact = f"the catalog in {self._reader.name} has version {found}, this shipway reads up to {_VERSION}"
            raise ShipwayError("SW-606", fact, "update shipway: pip install -U shipway")

    def _write(self, step: "Callable[[psycopg.Connection[Any]], Any]", there: Callable[[], bool] | None = None) -> Any:
        with self._write_turn:
            return self._writer.write(step, there=there)

    def _find(self, what: str, digests: Iterable[str]) -> Iterator[tuple[str, Any]]:
        for chunk in _chunks(digests):
            yield from self._fetch(what, digests=list(chunk))

    def _fetch(self, what: str, **values: Any) -> list[Any]:
        with self._read_turn:
            return self._reader.read(self._statements[what], values)


def _chunks(items: Iterable[Any]) -> Iterator[Sequence[Any]]:
    waiting = iter(items)
    while chunk := tuple(itertools.islice(waiting, _CHUNK)):
        yield chunk
