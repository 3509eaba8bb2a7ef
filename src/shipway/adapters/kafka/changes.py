"""Changes from a topic of Kafka, partition by partition, from offsets that are kept with the rows."""

import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from shipway.adapters.sql.address import fill_in, hide_secrets
from shipway.core.change import Batch, Position, Record, write_place
from shipway.core.error import ShipwayError
from shipway.core.raw import Raw

_PATIENCE_S: Final = 10.0
_NEAR_S: Final = 0.05
_PARTITIONS_S: Final = 30.0
"""How often new partitions are looked for."""
_AWAY: Final = (
    KafkaError._TRANSPORT,  # pyright: ignore[reportPrivateUsage]
    KafkaError._ALL_BROKERS_DOWN,  # pyright: ignore[reportPrivateUsage]
    KafkaError._TIMED_OUT,  # pyright: ignore[reportPrivateUsage]
    KafkaError._RESOLVE,  # pyright: ignore[reportPrivateUsage]
)
_END: Final = KafkaError._PARTITION_EOF  # pyright: ignore[reportPrivateUsage]


class KafkaChanges:
    """Follows a topic; it answers the port `Changes`.

    The address is `kafka://USER:${PASSWORD}@HOST:PORT[,HOST:PORT]?security.protocol=SASL_SSL`, whose query says any
    setting of librdkafka, and the input's table is the topic. Partitions are assigned by hand and offsets kept with the
    rows, so no group is rebalanced; they are committed to the group of the input's consumer for tools that show lag.
    """

    def __init__(self, raw: Raw, root: Path) -> None:
        """Take note of a topic; nothing is opened yet.

        Args:
            raw: the input.
            root: not looked at; a broker lies in no folder.

        Raises:
            ShipwayError: SW-201 if the input names no topic.
        """
        del root
        if not raw.table:
            fact = f"raw input {raw.name!r} follows Kafka, and nothing says which topic"
            raise ShipwayError("SW-201", fact, f'add table = "..." to [raw.{raw.name}]: the topic')
        self._raw = raw
        self._consumer: Any = None
        self._at: Position | None = None
        self._looked_s = 0.0
        self._ends: dict[int, int] = {}
        self._parts: list[int] = []

    def read(self, after: Position, *, most: int, wait_s: float) -> Batch:
        """Return the messages behind a position, partition by partition in their order.

        Raises:
            ShipwayError: SW-201 if there is no such topic, or messages are gone that come there; SW-607 if no broker
                can be reached.
        """
        with self._translated():
            if self._consumer is None or after != self._at or time.monotonic() - self._looked_s > _PARTITIONS_S:
                self._seek(after)
            position = dict(after)
            records = self._poll(most, _NEAR_S, position)
            drained = not records and self._is_drained(position)
            give_up = time.monotonic() + (wait_s if drained else _PATIENCE_S)
            while not records and time.monotonic() < give_up:
                records = self._poll(most, min(0.5, max(_NEAR_S, give_up - time.monotonic())), position)
                if not records and not drained and self._is_drained(position):
                    drained, give_up = True, time.monotonic() + wait_s
        self._at = position
        open_parts = tuple(str(part) for part in self._parts)
        return Batch(records=records, position=position, drained=drained and not records, open=open_parts)

    def acknowledge(self, position: Position) -> None:
        """Commit offsets to the group, for whoever looks at its lag; nothing here reads them."""
        if self._consumer is not None and position:
            marks = [TopicPartition(self._raw.table, int(part), int(at) + 1) for part, at in position.items()]
            with self._translated():
                self._consumer.commit(offsets=marks, asynchronous=True)

    def close(self) -> None:
        """Leave the topic."""
        if self._consumer is not None:
            self._consumer.close()
        self._consumer = self._at = None

    def _poll(self, most: int, wait_s: float, position: dict[str, str]) -> list[Record]:
        records: list[Record] = []
        for message in self._consumer.consume(num_messages=most, timeout=wait_s):
            fault = message.error()
            if fault is not None:
                if fault.code() == _END:
                    self._ends[message.partition()] = message.offset()
                    continue
                raise KafkaException(fault)
            kind, at_ms = message.timestamp()
            part, place = str(message.partition()), write_place(message.offset())
            event_us = at_ms * 1_000 if kind else None
            records.append(Record(part, place, message.value() or b"", event_us, message.key() or b""))
            position[part] = place
        return records

    def _seek(self, after: Position) -> None:
        """Read every partition of the topic from behind a position on, and see that nothing is gone there."""
        self._consumer = self._consumer or Consumer(self._settings())
        topic = self._consumer.list_topics(self._raw.table, timeout=_PATIENCE_S).topics[self._raw.table]
        if topic.error is not None:
            raise KafkaException(topic.error)
        self._parts = sorted(topic.partitions)
        marks: list[TopicPartition] = []
        for part in self._parts:
            taken = after.get(str(part))
            low, high = self._bounds(part)
            following = OFFSET_BEGINNING if taken is None else int(taken) + 1
            if taken is not None and low > following:
                raise self._gap(part, f"keeps nothing before offset {low:,}, and {following:,} is next")
            if taken is not None and high < following:
                raise self._gap(part, f"ends at offset {high:,}, before {following:,}, so it is another one")
            marks.append(TopicPartition(self._raw.table, part, following))
        self._ends = {}
        self._consumer.assign(marks)
        self._looked_s = time.monotonic()

    def _is_drained(self, position: Mapping[str, str]) -> bool:
        """Tell whether every partition was read to the end that it has now."""
        for part in self._parts:
            low, high = self._bounds(part)
            following = int(position[str(part)]) + 1 if str(part) in position else low
            # Markers of transactions have offsets and are no messages; the end of a partition is told behind them.
            if max(following, self._ends.get(part, 0)) < high:
                return False
        return True

    def _bounds(self, part: int) -> tuple[int, int]:
        mark = TopicPartition(self._raw.table, part)
        low, high = self._consumer.get_watermark_offsets(mark, timeout=_PATIENCE_S)
        return max(0, low), high

    def _settings(self) -> dict[str, Any]:
        parts = urlsplit(fill_in(self._raw.uri))
        hosts = parts.netloc.rpartition("@")[2]
        settings: dict[str, Any] = {"sasl.username": unquote(parts.username or "")} if parts.username else {}
        if parts.password:
            settings["sasl.password"] = unquote(parts.password)
        return {
            # A broker answers one question of a connection at a time: where a partition ends is told behind a fetch.
            "fetch.wait.max.ms": 50,
            **settings,
            **dict(parse_qsl(parts.query)),
            "bootstrap.servers": hosts,
            "group.id": self._raw.consumer or "shipway",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "log_level": 2,
        }

    def _gap(self, part: int, why: str) -> ShipwayError:
        fact = f"partition {part} of topic {self._raw.table} {why}: there would be a gap"
        hint = f"keep messages longer, and begin again: shipway stream {self._raw.name} --anew"
        return ShipwayError("SW-201", fact, hint)

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except KafkaException as fault:
            error = fault.args[0]
            said = hide_secrets(error.str(), self._raw.uri)
            if error.code() in _AWAY:
                hint = "check that a broker runs and can be reached from here"
                raise ShipwayError("SW-607", f"Kafka cannot be reached ({said})", hint) from fault
            hint = "check the topic, and that this user may read it"
            raise ShipwayError("SW-201", f"topic {self._raw.table} cannot be read ({said})", hint) from fault
