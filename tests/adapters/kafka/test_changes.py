"""A topic is followed from offsets on; its brokers are those that librdkafka brings for tests, behind real sockets."""

import itertools
import json
from contextlib import closing

import pytest

kafka = pytest.importorskip("confluent_kafka", reason="needs the extra kafka")

from shipway.adapters.kafka.changes import KafkaChanges  # noqa: E402
from shipway.core.change import START, write_place  # noqa: E402
from shipway.core.error import ShipwayError  # noqa: E402
from shipway.core.raw import RawSection  # noqa: E402
from shipway.testing.changes import CASES, Tap, apply_notes, by_part, drain, finish, make_notes, read_kept  # noqa: E402
from shipway.testing.changes_process import check_killed_readers_keep_what_the_source_has  # noqa: E402
from shipway.testing.fake import make_tables  # noqa: E402

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def brokers():
    """Return a producer whose process holds the brokers, and their addresses."""
    producer = kafka.Producer({"test.mock.num.brokers": 2, "bootstrap.servers": "none", "log_level": 2})
    found = producer.list_topics(timeout=10).brokers.values()
    return producer, ",".join(f"{broker.host}:{broker.port}" for broker in found)


def make_tap(brokers, root, *, landing="plain"):
    producer, hosts = brokers
    topic = f"notes-{next(NUMBERS)}"
    raw = RawSection(uri=f"kafka://{hosts}", table=topic, key="id", landing=landing).input("notes")
    producer.list_topics(topic, timeout=10)
    count = itertools.count(1)

    def emit(notes):
        for key, note in notes:
            row = {"id": key, "note": note}
            body = None if note is None else row
            if landing == "debezium":
                source = {"lsn": next(count)}
                body = (
                    {"op": "d", "before": {"id": key}, "source": source}
                    if note is None
                    else {"op": "u", "after": row, "source": source}
                )
            value = None if body is None else json.dumps(body)
            producer.produce(topic, value, key=json.dumps({"id": key}))
        assert producer.flush(20) == 0

    return Tap(raw, lambda: KafkaChanges(raw, root), emit)


@pytest.mark.parametrize("case", CASES)
def test_topics_conform(case, brokers, tmp_path):
    case(lambda: make_tap(brokers, tmp_path))


def test_killed_readers_take_each_message_once(brokers, tmp_path):
    check_killed_readers_keep_what_the_source_has(
        lambda: make_tap(brokers, tmp_path), "changes.kafka", tmp_path, tmp_path / "lake", kills=4
    )


def test_envelopes_of_debezium_end_in_the_rows_of_their_table(brokers, tmp_path):
    tap, lake = make_tap(brokers, tmp_path, landing="debezium"), make_tables()
    notes = make_notes(80, 4)
    tap.emit(notes)
    tap.emit([])
    finish(tap, lake)
    assert read_kept(lake, tap.raw) == apply_notes(notes)


def test_all_partitions_are_read_and_say_when(brokers, tmp_path):
    tap = make_tap(brokers, tmp_path)
    tap.emit([(key, "x") for key in range(40)])
    with closing(tap.open()) as source:
        records, position = drain(source, START)
    assert len(by_part(records)) > 1
    assert set(position) == set(by_part(records))
    assert all(record.event_us for record in records)


def test_a_position_behind_the_end_is_another_topic_s(brokers, tmp_path):
    tap = make_tap(brokers, tmp_path)
    tap.emit([(1, "x")])
    with closing(tap.open()) as source, pytest.raises(ShipwayError, match=r"SW-201.*another one.*gap"):
        source.read({"0": write_place(1_000_000)}, most=1, wait_s=0)


def test_brokers_that_are_not_there_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr("shipway.adapters.kafka.changes._PATIENCE_S", 1.0)
    raw = RawSection(uri="kafka://127.0.0.1:1", table="x", key="id").input("notes")
    with closing(KafkaChanges(raw, tmp_path)) as source, pytest.raises(ShipwayError, match="SW-607"):
        source.read(START, most=1, wait_s=0)
    with pytest.raises(ShipwayError, match=r"SW-201.*which topic"):
        KafkaChanges(RawSection(uri="kafka://127.0.0.1:1", key="id").input("notes"), tmp_path)


def test_settings_come_from_the_address(monkeypatch, tmp_path):
    monkeypatch.setenv("SECRET", "a b")
    uri = "kafka://me:${SECRET}@one:9092,two:9092?security.protocol=SASL_SSL&sasl.mechanism=PLAIN"
    settings = KafkaChanges(RawSection(uri=uri, table="x", key="id").input("notes"), tmp_path)._settings()
    assert settings["bootstrap.servers"] == "one:9092,two:9092"
    assert (settings["sasl.username"], settings["sasl.password"]) == ("me", "a b")
    assert settings["security.protocol"] == "SASL_SSL"
    assert settings["group.id"] == "shipway_notes"
