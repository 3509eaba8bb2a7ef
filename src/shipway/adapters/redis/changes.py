"""Changes from a stream of Redis, read by XREAD from an entry on."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

import msgspec
import redis

from shipway.adapters.sql.address import fill_in, hide_secrets
from shipway.core.change import Batch, Position, Record, write_place
from shipway.core.error import ShipwayError
from shipway.core.raw import Raw

PAYLOADS: Final = (b"payload", b"value", b"data")
"""Names of the one field of an entry whose bytes are the record."""

_PART: Final = "stream"
_FIRST: Final = "0-0"


class RedisChanges:
    """Follows a stream of Redis; it answers the port `Changes`.

    The address is `redis://HOST:PORT/DATABASE`, and the input's table is the stream's key. An entry of one field called
    payload, value or data is a record of its bytes; one of `key` and `value`, as Debezium writes them, is a record sent
    under a key; any other entry is an object of its fields, as text. When an entry happened stands in its id.

    Positions carry how many entries there had ever been, by which it shows that some were trimmed before they were read
    (Redis 7).
    """

    def __init__(self, raw: Raw, root: Path) -> None:
        """Take note of a stream; nothing is opened yet.

        Args:
            raw: the input.
            root: not looked at; a server lies in no folder.

        Raises:
            ShipwayError: SW-201 if the input names no stream.
        """
        del root
        if not raw.table:
            fact = f"raw input {raw.name!r} follows Redis, and nothing says which stream"
            raise ShipwayError("SW-201", fact, f'add table = "..." to [raw.{raw.name}]: the key of the stream')
        self._raw = raw
        kind: Any = redis.Redis
        self._client: Any = kind.from_url(fill_in(raw.uri), socket_timeout=30.0, socket_connect_timeout=10.0)

    def read(self, after: Position, *, most: int, wait_s: float) -> Batch:
        """Return the entries behind a position.

        Raises:
            ShipwayError: SW-201 if entries are gone that come there, SW-607 if the server cannot be reached.
        """
        with self._translated():
            place, _, count = after.get(_PART, "").partition(".")
            info = self._look()
            taken = self._check(place, int(count or "-1"), info)
            options = {"block": max(1, int(wait_s * 1_000))} if wait_s > 0 else {}
            found = self._client.xread({self._raw.table: _id_of(place)}, count=most, **options)
        entries = cast("list[tuple[bytes, dict[bytes, bytes] | None]]", found[0][1] if found else [])
        records = [self._record(name, fields or {}) for name, fields in entries]
        end = records[-1].place if records else place
        position = {_PART: f"{end}.{taken + len(records)}"} if end else dict(after)
        drained = not records or end >= _place_of(info.get("last-generated-id", b"0-0"))
        return Batch(records=records, position=position, drained=drained)

    def acknowledge(self, position: Position) -> None:
        """Do nothing: how long entries are kept is for whoever adds them to say."""

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def _look(self) -> Mapping[str, Any]:
        """Return what Redis knows of the stream; nothing if there is none yet."""
        try:
            return cast("Mapping[str, Any]", self._client.xinfo_stream(self._raw.table))
        except redis.ResponseError as fault:
            if "no such key" in str(fault):
                return {}
            raise

    def _check(self, place: str, count: int, info: Mapping[str, Any]) -> int:
        """Return how many entries were ever added up to a place; refuse a gap behind it."""
        added, length = int(info.get("entries-added", 0)), int(info.get("length", 0))
        if not place or count < 0:
            return added - length
        if added < count:
            raise self._gap("is another one than was followed before")
        first = info.get("first-entry")
        if first is None:
            if added > count:
                raise self._gap(f"had {added - count:,} more entries, which are gone")
        elif _place_of(first[0]) > place and added - length > count:
            raise self._gap(f"had {added - length - count:,} more entries before its first one, which are gone")
        return count

    def _gap(self, why: str) -> ShipwayError:
        fact = f"stream {self._raw.table} of Redis {why}: there would be a gap"
        hint = f"keep more entries (MAXLEN), and begin again: shipway stream {self._raw.name} --anew"
        return ShipwayError("SW-201", fact, hint)

    def _record(self, name: bytes, fields: Mapping[bytes, bytes]) -> Record:
        place = _place_of(name)
        payload, key = _open_entry(fields, debezium=self._raw.landing == "debezium")
        return Record(_PART, place, payload, int(name.partition(b"-")[0]) * 1_000, key)

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except (redis.ConnectionError, redis.TimeoutError) as fault:
            said = hide_secrets(str(fault), self._raw.uri)
            hint = "check that the server runs and can be reached from here"
            raise ShipwayError("SW-607", f"Redis cannot be reached ({said})", hint) from fault
        except redis.RedisError as fault:
            said = hide_secrets(str(fault), self._raw.uri)
            hint = "check the address, the key of the stream, and that this user may read it"
            raise ShipwayError("SW-201", f"stream {self._raw.table} of Redis cannot be read ({said})", hint) from fault


def _open_entry(fields: Mapping[bytes, bytes], *, debezium: bool) -> tuple[bytes, bytes]:
    """Return the payload of an entry and the key that it was sent under."""
    if set(fields) == {b"key", b"value"}:
        return fields[b"value"], fields[b"key"]
    if len(fields) == 1:
        ((name, value),) = fields.items()
        if name in PAYLOADS:
            return value, b""
        if debezium:
            # Debezium's compact form: the key is the field's name.
            return value, name
    text = {name.decode("utf-8", "replace"): value.decode("utf-8", "replace") for name, value in fields.items()}
    return msgspec.json.encode(text), b""


def _place_of(name: bytes) -> str:
    time_ms, _, count = name.partition(b"-")
    return f"{write_place(int(time_ms))}-{write_place(int(count))}"


def _id_of(place: str) -> str:
    time_ms, _, count = place.partition("-")
    return f"{int(time_ms)}-{int(count)}" if place else _FIRST
