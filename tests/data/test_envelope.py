"""Envelopes come to the same changes record by record as they do file by file."""

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.raw import Raw
from shipway.data.envelope import UnreadableError, open_envelope, open_plain
from shipway.data.kept import ABSENT, DELETED, POSITION
from shipway.data.landing import UNAVAILABLE, land

RAW = Raw(name="notes", uri="x", key=("id",), landing="debezium")


def side():
    note = st.text(max_size=3) | st.sampled_from(UNAVAILABLE)
    return st.fixed_dictionaries({"id": st.integers(1, 4), "note": note})


@st.composite
def envelopes(draw):
    op = draw(st.sampled_from("cudr"))
    before = draw(side()) if op == "d" or (op == "u" and draw(st.booleans())) else None
    after = None if op == "d" else draw(side())
    source = {"lsn": draw(st.integers(1, 1 << 40)), "ts_ms": 5}
    return {"op": op, "before": before, "after": after, "source": source, "ts_ms": 7}


@given(st.lists(envelopes(), min_size=1, max_size=8))
def test_records_come_to_what_files_come_to(found):
    schema = {"id": pl.Int64, "note": pl.String}
    batch = pl.DataFrame(
        found,
        schema={
            "op": pl.String,
            "before": pl.Struct(schema),
            "after": pl.Struct(schema),
            "source": pl.Struct({"lsn": pl.Int64, "ts_ms": pl.Int64}),
            "ts_ms": pl.Int64,
        },
    )
    landed = land(RAW, batch)
    whole = landed.rows.with_columns(landed.numbers.alias("number"))
    expected = {
        (
            row["number"],
            row["id"],
            row[DELETED],
            row[POSITION],
            tuple(row[ABSENT]),
            None if row[DELETED] else row["note"],
        )
        for row in whole.iter_rows(named=True)
    }
    lines = [
        line for number, each in enumerate(found) for line in open_envelope(number, json.dumps(each).encode(), ["id"])
    ]
    got = {
        (
            line.number,
            line.data["id"],
            line.op == "d",
            line.position,
            tuple(line.absent),
            None if line.op == "d" else line.data["note"],
        )
        for line in lines
    }
    assert got == expected


def test_an_envelope_with_its_schema_is_the_one_inside_it():
    envelope = {"op": "c", "after": {"id": 1}, "source": {"lsn": 5}}
    plain = list(open_envelope(0, json.dumps(envelope).encode(), ["id"]))
    wrapped = json.dumps({"schema": {"type": "struct"}, "payload": envelope}).encode()
    assert list(open_envelope(0, wrapped, ["id"])) == plain


@pytest.mark.parametrize("payload", [b"", b'{"schema": null, "payload": null}', b'{"op": "m"}'])
def test_tombstones_and_messages_change_nothing(payload):
    assert list(open_envelope(0, payload, ["id"])) == []


def test_a_truncation_is_told():
    (line,) = open_envelope(0, b'{"op": "t", "source": {"lsn": 12}}', ["id"])
    assert line.op == "t"
    assert line.position.startswith("00000000000000000012.")


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"nonsense", "no JSON"),
        (b"[1]", "no JSON object"),
        (b"\xff\xfe", "it is no"),
        (b"{}", "no op"),
        (b'{"op": "x"}', "none of Debezium"),
        (b'{"op": "c", "after": null}', "after is no row"),
        (b'{"op": "d"}', "before is no row"),
    ],
)
def test_what_is_no_envelope_says_why(payload, said):
    with pytest.raises(UnreadableError, match=said):
        list(open_envelope(0, payload, ["id"]))


def test_a_plain_record_is_a_row_and_without_a_payload_a_deletion():
    assert open_plain(3, b'{"id": 1}', b"").data == {"id": 1}
    assert open_plain(3, b"", b'{"id": 1}')[:3] == (3, "d", {"id": 1})
    for payload, key in [(b"", b""), (b"", b"7"), (b"7", b"")]:
        with pytest.raises(UnreadableError):
            open_plain(0, payload, key)
