"""The forms of changes, as Debezium, Fivetran and Delta write them, become rows with a position."""

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.core.error import ShipwayError
from shipway.core.raw import Raw
from shipway.data.kept import ABSENT, DELETED, POSITION, live, settle
from shipway.data.landing import UNAVAILABLE, key_of, land

DEBEZIUM = Raw(name="t", uri="t.jsonl", key=("id",), landing="debezium")
FIVETRAN = Raw(name="t", uri="t.jsonl", key=("id",), landing="fivetran")


def lines(*objects):
    return (
        pl.read_ndjson(json.dumps(objects[0]).encode(), infer_schema_length=None)
        if len(objects) == 1
        else pl.read_ndjson("\n".join(map(json.dumps, objects)).encode(), infer_schema_length=None)
    )


def envelope(op, lsn, before=None, after=None, **source):
    return {"before": before, "after": after, "op": op, "ts_ms": 9, "source": {"lsn": lsn, **source}}


def landed(raw, *objects):
    rows = land(raw, lines(*objects))
    return rows.rows, rows.numbers.to_list()


def kept(raw, *batches, schema=None):
    """Return the live rows after some batches, cast as a contract casts them."""
    rows = None
    for batch in batches:
        changes = land(raw, lines(*batch)).rows
        missing = [name for name in schema or {} if name not in changes.columns]
        changes = changes.with_columns(pl.lit(None).alias(name) for name in missing).cast(schema or {})
        changes = changes.select(*(schema or changes.columns), *([POSITION, DELETED, ABSENT] if schema else []))
        new = settle(rows, changes, raw.key)
        rows = new if rows is None else pl.concat([rows.join(new, on=raw.key, how="anti"), new.select(rows.columns)])
    return live(rows).sort(raw.key).rows()


def test_envelopes_are_opened():
    rows, numbers = landed(
        DEBEZIUM,
        envelope("r", 5, None, {"id": 1, "v": "a"}),
        envelope("u", 7, {"id": 1, "v": "a"}, {"id": 1, "v": "b"}),
        envelope("d", 9, {"id": 1, "v": "b"}, None),
        {"before": None, "after": None, "op": None, "ts_ms": 9, "source": {"lsn": 9}},
        envelope("m", 10),
    )
    assert numbers == [0, 1, 2]
    assert rows.select("id", "v", POSITION, DELETED).rows() == [
        (1, "a", f"{5:020}.0", False),
        (1, "b", f"{7:020}.2", False),
        (1, "b", f"{9:020}.3", True),
    ]


def test_payloads_beside_a_schema_are_taken():
    rows, _ = landed(DEBEZIUM, {"schema": {"type": "struct"}, "payload": envelope("c", 1, None, {"id": 1})})
    assert rows["id"].to_list() == [1]


def test_a_stream_of_deletions_alone_is_read():
    rows, _ = landed(DEBEZIUM, envelope("d", 1, {"id": 1}), envelope("d", 2, {"id": 2}))
    assert rows.select("id", DELETED).rows() == [(1, True), (2, True)]


def test_a_change_of_a_key_moves_the_row():
    moved = envelope("u", 2, {"id": 1, "v": "a"}, {"id": 2, "v": "a"})
    assert kept(DEBEZIUM, [envelope("c", 1, None, {"id": 1, "v": "a"}), moved]) == [(2, "a")]
    assert kept(DEBEZIUM, [moved], [envelope("c", 1, None, {"id": 1, "v": "a"})]) == [(2, "a")]
    rows, numbers = landed(DEBEZIUM, moved)
    assert (rows.height, numbers) == (2, [0, 0])


def test_a_key_that_a_connector_does_not_repeat_did_not_change():
    # PostgreSQL leaves the row before an update out, or all of it but the key.
    rows, _ = landed(DEBEZIUM, envelope("u", 2, {"id": None, "v": None}, {"id": 2, "v": "a"}))
    assert rows.height == 1


def test_a_snapshot_read_stands_before_what_was_changed_at_its_place():
    read, changed = envelope("r", 5, None, {"id": 1, "v": "old"}), envelope("c", 5, None, {"id": 1, "v": "new"})
    assert kept(DEBEZIUM, [changed], [read]) == kept(DEBEZIUM, [read], [changed]) == [(1, "new")]


@pytest.mark.parametrize("unavailable", UNAVAILABLE)
def test_a_long_value_that_was_not_touched_stays(unavailable):
    first = envelope("c", 1, None, {"id": 1, "v": "a", "long": "text"})
    update = envelope("u", 2, None, {"id": 1, "v": "b", "long": unavailable})
    assert kept(DEBEZIUM, [first], [update]) == kept(DEBEZIUM, [update], [first]) == [(1, "b", "text")]
    rows, _ = landed(DEBEZIUM, update)
    assert rows.select("long", ABSENT).rows() == [(None, ["long"])]


def test_flattened_rows_are_read():
    rows, _ = landed(
        DEBEZIUM,
        {"id": 1, "v": "a", "__op": "c", "__deleted": "false", "__source_lsn": 7, "__source_ts_ms": 1, "__table": "t"},
        {"id": 1, "v": None, "__op": "d", "__deleted": "true", "__source_lsn": 8, "__source_ts_ms": 1, "__table": "t"},
    )
    assert rows.columns == ["id", "v", POSITION, DELETED, ABSENT]
    assert rows.select(POSITION, DELETED).rows() == [(f"{7:020}.1", False), (f"{8:020}.3", True)]


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ({"file": "bin.000002", "pos": 17, "row": 1}, f"{'bin.000002':0>20}.{17:020}.{1:020}.1"),
        (
            {"commit_lsn": "0a:1:2", "change_lsn": "0a:1:1", "event_serial_no": 1},
            f"{'0a:1:2':0>20}.{'0a:1:1':0>20}.{1:020}.1",
        ),
        ({"scn": "123", "commit_scn": "124"}, f"{124:020}.{123:020}.1"),
        ({"ts_ms": 5}, f"{5:020}.1"),
        ({}, f"{9:020}.1"),
    ],
)
def test_every_source_has_positions_of_its_own(source, place):
    given = {"before": None, "after": {"id": 1}, "op": "c", "ts_ms": 9, "source": {**source, "db": "air"}}
    assert landed(DEBEZIUM, given)[0][POSITION].to_list() == [place]


@pytest.mark.parametrize(
    ("raw", "row", "said"),
    [
        (DEBEZIUM, {"id": 1}, "has no changes of Debezium"),
        (DEBEZIUM, envelope("t", 1), "was truncated"),
        (FIVETRAN, {"id": 1}, "has no column _fivetran_synced"),
        (FIVETRAN, {"_fivetran_synced": [1]}, "has List(Int64) in _fivetran_synced"),
        (Raw(name="t", uri="t", landing="fivetran"), {"_fivetran_synced": "2013-01-01"}, "has no column _fivetran_id"),
    ],
)
def test_what_is_of_no_such_form_is_refused(raw, row, said):
    with pytest.raises(ShipwayError, match="SW-222") as refused:
        landed(raw, row)
    assert said in refused.value.fact


def synced(key, value, at, *, deleted=False):
    return {"id": key, "v": value, "_fivetran_synced": f"2013-01-01T00:00:{at:02}Z", "_fivetran_deleted": deleted}


def test_rows_of_fivetran_are_kept_by_when_they_were_synced():
    first, second, gone = [synced(1, "a", 1)], [synced(1, "b", 2), synced(2, "c", 2)], [synced(2, "c", 3, deleted=True)]
    assert kept(FIVETRAN, first, second, gone) == kept(FIVETRAN, gone, second, first) == [(1, "b")]


def test_a_table_without_a_key_has_that_of_fivetran():
    raw = Raw(name="t", uri="t", landing="fivetran")
    assert key_of(raw) == ("_fivetran_id",)
    rows, _ = landed(
        raw, {"v": 1, "_fivetran_id": "x", "_fivetran_synced": "2013-01-01T00:00:00Z", "_fivetran_index": 1}
    )
    assert rows.columns == ["v", "_fivetran_id", POSITION, DELETED, ABSENT]


def test_the_change_feed_of_delta_is_read():
    frame = pl.DataFrame(
        {
            "id": [1, 1, 1, 2],
            "_change_type": ["update_preimage", "update_postimage", "delete", "insert"],
            "_commit_version": [3] * 4,
        }
    )
    raw = Raw(name="t", uri="delta:t", key=("id",))
    landing = land(raw, frame)
    assert landing.numbers.to_list() == [1, 2, 3]
    # An update that was written as a deletion and an insertion of one version leaves the row.
    assert live(settle(None, landing.rows, ["id"]))["id"].sort().to_list() == [1, 2]


def test_plain_rows_come_as_they_are():
    landing = land(Raw(name="t", uri="t.csv"), pl.DataFrame({"id": [1, 2]}))
    assert landing.rows.select("id", POSITION, DELETED).rows() == [(1, "", False), (2, "", False)]
    assert key_of(Raw(name="t", uri="t.csv")) == ()


@st.composite
def streams(draw):
    """Draw the changes of a small table as Debezium tells them, what they end in, and a delivery of them."""
    table, told = {}, []
    for lsn in range(1, draw(st.integers(2, 12))):
        key, value = draw(st.integers(1, 3)), draw(st.sampled_from("abc"))
        if key not in table:
            table[key] = (value, value * 9)
            told.append(envelope("c", lsn, None, {"id": key, "v": value, "long": value * 9}))
            continue
        match draw(st.sampled_from(["delete", "move", "touch", "update"])):
            case "delete":
                told.append(envelope("d", lsn, {"id": key, "v": None, "long": None}))
                del table[key]
            case "move" if draw(st.integers(1, 3)) not in table or len(table) < 3:
                free = min({1, 2, 3} - table.keys())
                row = {"id": free, "v": value, "long": table[key][1]}
                told.append(envelope("u", lsn, {"id": key, "v": None, "long": None}, row))
                table[free] = (value, table.pop(key)[1])
            case "update":
                table[key] = (value, value * 3)
                told.append(envelope("u", lsn, None, {"id": key, "v": value, "long": value * 3}))
            case _:
                table[key] = (value, table[key][1])
                told.append(envelope("u", lsn, None, {"id": key, "v": value, "long": UNAVAILABLE[0]}))
    again = draw(st.lists(st.sampled_from(told), max_size=5))
    order = draw(st.permutations([*told, *again]))
    cut = draw(st.integers(0, len(order)))
    return sorted((key, *row) for key, row in table.items()), [part for part in (order[:cut], order[cut:]) if part]


@settings(max_examples=150)
@given(streams())
def test_however_a_stream_is_delivered_the_table_is_the_source(stream):
    expected, batches = stream
    assert kept(DEBEZIUM, *batches, schema={"id": pl.Int64, "v": pl.String, "long": pl.String}) == expected
