"""Changes from a stream of NATS JetStream, read from a sequence number on."""

import asyncio
import threading
from collections.abc import Coroutine, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import nats
from nats.errors import Error as NatsError
from nats.errors import NoServersError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, RetentionPolicy
from nats.js.errors import APIError, NotFoundError

from shipway.adapters.sql.address import fill_in, hide_secrets
from shipway.core.change import START, Batch, Position, Record, write_place
from shipway.core.error import ShipwayError
from shipway.core.raw import Raw

Result = TypeVar("Result")

KEY: Final = "key"
"""The header under which a message says its key, so that one without a payload is a deletion."""

_PART: Final = "stream"
_PATIENCE_S: Final = 10.0
_NEAR_S: Final = 0.05


class NatsChanges:
    """Follows a stream of JetStream; it answers the port `Changes`.

    The address is `nats://HOST:PORT`, and the input's table is the stream's name. A message is a record of its bytes,
    sent under the key of its header `key`. It is read by an ordered consumer that acknowledges nothing: the position is
    kept with the rows, and the stream's limits say how long messages are kept.
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
            fact = f"raw input {raw.name!r} follows NATS, and nothing says which stream"
            raise ShipwayError("SW-201", fact, f'add table = "..." to [raw.{raw.name}]: the name of the stream')
        self._raw = raw
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._client: Any = None
        self._pull: Any = None
        self._at: Position | None = None

    def read(self, after: Position, *, most: int, wait_s: float) -> Batch:
        """Return the messages behind a position.

        Raises:
            ShipwayError: SW-201 if there is no such stream, or messages are gone that come there; SW-607 if the server
                cannot be reached.
        """
        with self._translated():
            return self._run(self._read(after, most, wait_s))

    def acknowledge(self, position: Position) -> None:
        """Do nothing: how long messages are kept is for the stream's limits to say."""

    def close(self) -> None:
        """Hang up."""
        if self._client is not None:
            with suppress(NatsError, OSError, TimeoutError):
                self._run(self._client.close())
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
        self._client = self._pull = self._loop = self._thread = self._at = None

    async def _read(self, after: Position, most: int, wait_s: float) -> Batch:
        taken = int(after.get(_PART, "0"))
        if self._client is None:
            await self._connect()
        state = await self._look()
        if state.last_seq < taken:
            raise self._gap("is another one than was followed before")
        if taken and state.first_seq > taken + 1:
            raise self._gap(f"lost its messages from {taken + 1:,} to {state.first_seq - 1:,}")
        pull = self._pull
        if pull is None or after != self._at:
            pull = await self._seek(taken + 1)
        behind = state.last_seq > taken
        found: list[Any] = []
        if behind or wait_s > 0:
            # What is there comes at once; a gap at the end, where messages were deleted, is waited for in vain.
            patience_s = _PATIENCE_S if behind and state.messages else max(wait_s, _NEAR_S)
            with suppress(NatsTimeoutError):
                found = await pull.fetch(min(most, max(1, state.last_seq - taken)), timeout=patience_s)
        records = [self._record(message) for message in found]
        place = records[-1].place if records else after.get(_PART, "")
        position: Position = {_PART: place} if place else START
        self._at = position
        return Batch(records=records, position=position, drained=not behind or int(place or "0") >= state.last_seq)

    async def _connect(self) -> None:
        library: Any = nats
        self._client = await library.connect(
            fill_in(self._raw.uri),
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0.1,
            connect_timeout=int(_PATIENCE_S),
            error_cb=_ignore,
        )

    async def _look(self) -> Any:
        stream: Any = self._client.jetstream()
        info = await stream.stream_info(self._raw.table)
        retention = info.config.retention or RetentionPolicy.LIMITS
        if retention != RetentionPolicy.LIMITS:
            said = getattr(retention, "value", retention)
            fact = f"stream {self._raw.table} of NATS forgets messages that others took (its retention is {said})"
            hint = "follow one whose retention is limits: what was read must be there to be read again"
            raise ShipwayError("SW-201", fact, hint)
        return info.state

    async def _seek(self, number: int) -> Any:
        """Begin to pull at a number, by a consumer of no name that goes with the connection."""
        if self._pull is not None:
            await self._pull.unsubscribe()
        stream: Any = self._client.jetstream()
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=number,
            ack_policy=AckPolicy.NONE,
            inactive_threshold=3600.0,
        )
        self._pull = await stream.pull_subscribe("", stream=self._raw.table, config=config)
        return self._pull

    def _record(self, message: Any) -> Record:
        data = message.metadata
        headers: dict[str, str] = message.headers or {}
        key = headers.get(KEY, "").encode()
        at_us = int(data.timestamp.timestamp() * 1_000) * 1_000
        return Record(_PART, write_place(data.sequence.stream), message.data, at_us, key)

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run work on the loop of this connection, which has a thread of its own: pings are answered at any time."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name=f"nats {self._raw.name}", daemon=True)
            self._thread.start()
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _gap(self, why: str) -> ShipwayError:
        fact = f"stream {self._raw.table} of NATS {why}: there would be a gap"
        hint = f"keep more messages (its limits), and begin again: shipway stream {self._raw.name} --anew"
        return ShipwayError("SW-201", fact, hint)

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except NotFoundError as fault:
            fact = f"NATS has no stream {self._raw.table}"
            raise ShipwayError("SW-201", fact, "name one that is there, with JetStream switched on") from fault
        except APIError as fault:
            fact = f"stream {self._raw.table} of NATS cannot be read ({fault.description})"
            raise ShipwayError("SW-201", fact, "check that this user may read it") from fault
        except (TimeoutError, NoServersError, NatsError, OSError) as fault:
            said = hide_secrets(str(fault) or type(fault).__name__, self._raw.uri)
            hint = "check that the server runs and can be reached from here"
            raise ShipwayError("SW-607", f"NATS cannot be reached ({said})", hint) from fault


async def _ignore(fault: Exception) -> None:
    """Leave it to the reading that fails to say why."""
    del fault
