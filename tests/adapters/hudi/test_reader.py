"""Hudi tables are read as of an instant, or row by row written since where a key lets them be kept."""

import shutil

import polars as pl
import pytest

from shipway.adapters.hudi.reader import HudiReader
from shipway.core.error import ShipwayError
from shipway.core.raw import START, Raw, advance
from shipway.data.kept import live, settle
from shipway.data.landing import land
from shipway.testing.reader import CASES, Shelf


@pytest.mark.parametrize("case", CASES)
def test_tables_conform(case, tmp_path, commit):
    path, written = tmp_path / "flights", []

    def put(frame):
        written.append(commit(path, f"201301010000{len(written):05}", frame))

    def cut():
        data = written[-1].read_bytes()
        written[-1].write_bytes(data[: len(data) // 2])

    raw = Raw(name="flights", uri="hudi:flights")
    case(lambda: Shelf(HudiReader(tmp_path), raw, put, cut, lambda: shutil.rmtree(path), ordered=False))


def test_rows_written_since_are_read(tmp_path, commit):
    commit(tmp_path / "t", "20130101000000000", pl.DataFrame({"id": [1, 2], "v": ["a", "b"]}))
    reader, raw = HudiReader(tmp_path), Raw(name="t", uri="hudi:t", key=("id",))
    (first,) = reader.pieces(raw, START)
    kept = settle(None, land(raw, pl.concat(reader.read(raw, first))).rows, raw.key)
    cursor = advance(START, first)
    assert reader.pieces(raw, cursor) == []
    commit(tmp_path / "t", "20130102000000000", pl.DataFrame({"id": [1, 2, 3], "v": ["a", "B", "c"]}), [2, 3])
    (later,) = reader.pieces(raw, cursor)
    changes = land(raw, pl.concat(reader.read(raw, later))).rows
    assert changes["id"].sort().to_list() == [2, 3]
    rows = settle(kept, changes, raw.key)
    assert live(rows).sort("id").rows() == [(2, "B"), (3, "c")]
    # The first piece reads the same again, and changes nothing of what came after it.
    old = land(raw, pl.concat(reader.read(raw, first))).rows
    assert settle(rows, old.filter(pl.col("id") > 1), raw.key).height == 0


def test_a_table_that_went_back_is_refused(tmp_path, commit):
    commit(tmp_path / "t", "20130102000000000", pl.DataFrame({"id": [1], "v": ["a"]}))
    reader, raw = HudiReader(tmp_path), Raw(name="t", uri="hudi:t", key=("id",))
    (piece,) = reader.pieces(raw, START)
    shutil.rmtree(tmp_path / "t")
    commit(tmp_path / "t", "20130101000000000", pl.DataFrame({"id": [1], "v": ["a"]}))
    with pytest.raises(ShipwayError, match="was read up to 20130102000000000"):
        reader.pieces(raw, advance(START, piece))
