"""The lake's table of a stream, its dead letters and its position move together or not at all."""

import polars as pl
import pytest

from shipway.core.change import Record, Row, Shape, write_position
from shipway.core.contract import Contract, Field
from shipway.core.error import ShipwayError
from shipway.core.raw import RawSection
from shipway.data import sink as module
from shipway.data.kept import live
from shipway.data.record import DEAD, Decoder
from shipway.data.sink import LakeSink, Load, Tally, fold_pending
from shipway.testing.fake import make_tables

RAW = RawSection(uri="memory", key="id", stream=True).input("notes")
SHAPE = Shape(table="t", columns=("id", "note"), kinds=("int", "text"))


def load(*rows, start=1, tally=None, contract=None, **how):
    decoder = Decoder(RAW, contract)
    records = [
        Record("p", f"{n:04d}", row if isinstance(row, Row) else Row(SHAPE, *row)) for n, row in enumerate(rows, start)
    ]
    found = decoder.decode(records)
    return Load(found.changes, decoder.contract or Contract({}), found.dead, tally or Tally(changes=len(rows)), **how)


def at(number):
    return write_position({"p": f"{number:04d}"})


def rows_of(tables):
    present = dict(tables.get(tables.head("stream/notes")).tables)
    made = {**present, **fold_pending(tables, present, RAW)}
    return sorted(live(tables.read(made["raw_notes"])).select("id", "note").rows())


def test_a_load_is_committed_with_its_position():
    tables = make_tables()
    sink = LakeSink(tables, RAW)
    assert sink.position() is None
    sink.apply(load(("c", ("1", "a")), ("c", ("2", "b")), ("d", ("1", None))), at(3))
    assert rows_of(tables) == [(2, "b")]
    again = LakeSink(tables, RAW)
    assert again.position() == at(3)
    assert again.tally == Tally(changes=3)


def test_changes_are_put_into_the_table_once_there_are_many(monkeypatch):
    monkeypatch.setattr(module, "FOLD_ROWS", 4)
    tables = make_tables()
    sink = LakeSink(tables, RAW)
    seen = []
    for number in range(1, 12):
        sink.apply(load(("u", (str(number % 3), f"n{number}")), start=number), at(number))
        present = tables.get(tables.head("stream/notes")).tables
        seen.append(present["pending_notes"].rows)
    assert seen == [1, 2, 3, 0] * 2 + [1, 2, 3]
    assert rows_of(tables) == [(0, "n9"), (1, "n10"), (2, "n11")]


def test_a_copy_is_seen_once_it_is_whole_and_takes_the_place_of_what_was():
    tables = make_tables()
    sink = LakeSink(tables, RAW)
    sink.apply(load(("c", ("9", "old"))), at(1))
    before = tables.head("stream/notes")
    sink.apply(load(("r", ("1", "a")), start=2, anew=True, partial=True), at(2))
    assert tables.head("stream/notes") == before
    assert sink.position() == at(1)
    sink.apply(load(("r", ("2", "b")), start=3, partial=True), at(3))
    broken_off = LakeSink(tables, RAW)
    broken_off.apply(load(("r", ("3", "c")), start=2, anew=True), at(2))
    assert rows_of(tables) == [(3, "c")]
    with pytest.raises(ShipwayError, match="SW-208"):
        sink.apply(load(("r", ("4", "d")), start=4), at(4))
    assert rows_of(tables) == [(3, "c")]


def test_a_table_that_is_emptied_is_empty_and_goes_on():
    tables = make_tables()
    sink = LakeSink(tables, RAW)
    rows = [("c", ("1", "a")), ("c", ("2", "b")), ("t", ()), ("c", ("2", "c"))]
    sink.apply(load(*rows), at(4))
    assert rows_of(tables) == [(2, "c")]
    sink.apply(
        load(("t", ()), start=5, contract=Contract({"id": Field("int"), "note": Field("text", nullable=True)})), at(5)
    )
    assert rows_of(tables) == []


def test_dead_letters_are_appended():
    tables = make_tables()
    sink = LakeSink(tables, RAW)
    sink.apply(load(("c", (None, "a"))), at(1))
    sink.apply(load(("c", ("1", "a")), ("c", (None, "b")), start=2), at(3))
    dead = tables.read(tables.get(tables.head("stream/notes")).tables["dead_notes"])
    assert dead.schema == pl.Schema(DEAD)
    assert dead["place"].to_list() == ["0001", "0003"]


def test_a_column_that_comes_later_is_null_before():
    tables = make_tables()
    sink = LakeSink(tables, RAW)
    sink.apply(load(("c", ("1", "a"))), at(1))
    wider = Shape(table="t", columns=("id", "note", "n"), kinds=("int", "text", "int"))
    sink.apply(load(Row(wider, "c", ("2", "b", "5")), start=2), at(2))
    present = dict(tables.get(tables.head("stream/notes")).tables)
    made = {**present, **fold_pending(tables, present, RAW)}
    assert sorted(live(tables.read(made["raw_notes"])).rows()) == [(1, "a", None), (2, "b", 5)]
