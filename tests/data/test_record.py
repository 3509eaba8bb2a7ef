"""Records become changes; what cannot be read or breaks the contract is put aside with its reason."""

import json

import polars as pl
import pytest

from shipway.core.change import Record, Row, Shape
from shipway.core.contract import Contract, Field
from shipway.core.error import ShipwayError
from shipway.core.raw import RawSection
from shipway.data.kept import ABSENT, DELETED, POSITION
from shipway.data.record import Decoder

SHAPE = Shape(
    table="public.notes",
    columns=("id", "price", "paid", "at", "body", "raw"),
    kinds=("int", "float", "bool", "instant", "text", "bytes"),
)
AT = "2024-05-01 12:00:00.5+00"


def raw(**more):
    return RawSection(uri="memory", key="id", stream=True, **more).input("notes")


def records(*payloads):
    made = [each if isinstance(each, bytes | Row) else json.dumps(each).encode() for each in payloads]
    return [Record("p", f"{n:04d}", each, event_us=n) for n, each in enumerate(made, 1)]


def test_objects_become_rows_and_the_first_say_what_they_look_like():
    decoder = Decoder(raw())
    found = decoder.decode(records({"id": 1, "price": 1}, {"id": 2, "price": 2.5, "at": "2024-01-01T00:00:00Z"}))
    assert decoder.contract is not None
    assert {name: each.type for name, each in decoder.contract.columns.items()} == {
        "id": "int",
        "price": "float",
        "at": "instant",
    }
    assert [each.nullable for each in decoder.contract.columns.values()] == [False, True, True]
    (changes,) = found.changes
    assert changes.rows["price"].to_list() == [1.0, 2.5]
    assert found.events == [("p", 1), ("p", 2)]
    assert found.dead.height == 0


def test_each_bad_record_is_put_aside_by_itself():
    decoder = Decoder(raw(), Contract({"id": Field("int"), "price": Field("float", nullable=True)}))
    bad = [b"no", {"id": "x"}, {"price": 1}, {"id": 3, "gift": 1}, {"id": 4, "price": {"a": 1}}, {"id": 1 << 70}]
    found = decoder.decode(records({"id": 1, "price": 2}, *bad, {"id": 9, "price": None}))
    assert pl.concat(each.rows for each in found.changes)["id"].to_list() == [1, 9]
    assert found.dead["place"].to_list() == [f"{n:04d}" for n in range(2, 8)]
    assert found.dead["record"].to_list()[:2] == [b"no", b'{"id": "x"}']
    reasons = found.dead["reason"].to_list()
    for reason, said in zip(
        reasons, ["no JSON", "id: not a", "id: key is", "no column gift", "price: not", "id: not"], strict=True
    ):
        assert said in reason


def test_rows_that_their_source_decoded_are_typed():
    decoder = Decoder(raw())
    values = ("7", "NaN", "t", AT, "héllo", "\\x00ff")
    found = decoder.decode(
        records(Row(SHAPE, "c", values), Row(SHAPE, "u", ("7", None, "f", AT, None, None), ("body",)))
    )
    (changes,) = found.changes
    assert changes.rows["paid"].to_list() == [True, False]
    assert changes.rows["price"].is_nan().to_list() == [True, None]
    assert changes.rows["raw"].to_list() == [b"\x00\xff", None]
    assert str(changes.rows["at"][0]) == "2024-05-01 12:00:00.500000+00:00"
    assert changes.rows[POSITION].to_list() == ["0001", "0002"]
    assert changes.rows[ABSENT].to_list() == [[], ["body"]]


def test_a_deletion_is_read_by_its_key_alone():
    decoder = Decoder(raw(), Contract({"id": Field("int"), "body": Field("text")}))
    shape = Shape(table="t", columns=("id", "body"), kinds=("int", "text"))
    found = decoder.decode(records(Row(shape, "d", ("7", None))))
    assert found.changes[0].rows[DELETED].to_list() == [True]
    assert found.dead.height == 0


def test_a_truncation_stands_between_what_was_before_and_after():
    shape = Shape(table="t", columns=("id",), kinds=("int",))
    rows = [Row(shape, "c", ("1",)), Row(shape, "t", ()), Row(shape, "c", ("2",)), Row(shape, "t", ())]
    found = Decoder(raw()).decode(records(*rows))
    assert [(each.emptied, each.rows.height) for each in found.changes] == [("", 1), ("0002", 1), ("0004", 0)]


def test_a_table_with_other_columns_stops_the_stream():
    decoder = Decoder(raw(), Contract({"id": Field("int")}))
    with pytest.raises(ShipwayError, match=r"SW-222.*body"):
        decoder.decode(records(Row(Shape(table="t", columns=("id", "body"), kinds=("int", "text")), "c", ("1", "x"))))


@pytest.mark.parametrize("more", [{"event": "when"}, {"watermark": "when"}])
def test_columns_that_are_named_must_be_there(more):
    with pytest.raises(ShipwayError, match="SW-202"):
        Decoder(raw(**more)).decode(records({"id": 1}))


def test_the_declared_event_counts_and_not_the_source_s():
    decoder = Decoder(raw(event="at"), Contract({"id": Field("int"), "at": Field("instant", nullable=True)}))
    found = decoder.decode(records({"id": 1, "at": "1970-01-01T00:00:01Z"}, {"id": 2, "at": None}, {"id": 1, "at": 4}))
    assert found.events == [("p", 1_000_000)]


def test_a_watermark_is_the_position():
    decoder = Decoder(raw(watermark="version"))
    rows = decoder.decode(records({"id": 1, "version": 12}, {"id": 1, "version": 3})).changes[0].rows
    assert rows[POSITION].to_list() == sorted(rows[POSITION].to_list(), reverse=True)
    found = decoder.decode([Record("p", "1", b"", key=b'{"id": 1}')])
    assert "without a version" in found.dead["reason"][0]
