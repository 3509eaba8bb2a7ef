"""Delta tables are read whole by version, or change by change where a key lets them be kept."""

import shutil
from pathlib import Path

import deltalake
import polars as pl
import pytest

from shipway.adapters.delta.reader import DeltaReader
from shipway.core.error import ShipwayError
from shipway.core.raw import START, Raw, advance
from shipway.data.kept import live, settle
from shipway.data.landing import land
from shipway.testing.reader import CASES, Shelf

FEED = {"delta.enableChangeDataFeed": "true"}


@pytest.mark.parametrize("case", CASES)
def test_tables_conform(case, tmp_path):
    path = tmp_path / "flights"

    def cut():
        (newest,) = deltalake.DeltaTable(path).file_uris()
        data = Path(newest).read_bytes()
        Path(newest).write_bytes(data[: len(data) // 2])

    case(
        lambda: Shelf(
            DeltaReader(tmp_path),
            Raw(name="flights", uri="delta:flights"),
            lambda frame: deltalake.write_deltalake(path, frame, mode="overwrite"),
            cut,
            lambda: shutil.rmtree(path),
            ordered=False,
        )
    )


def frame(**columns):
    return pl.DataFrame(columns)


def take(reader, raw, cursor, kept):
    """Take in what is new, as an ingestion does, and return how far that is and the kept rows."""
    for piece in reader.pieces(raw, cursor):
        for batch in reader.read(raw, piece):
            changes = land(raw, batch).rows
            rows = settle(kept, changes, raw.key)
            kept = rows if kept is None else pl.concat([kept.join(rows, on="id", how="anti"), rows])
        cursor = advance(cursor, piece)
    return cursor, kept


def test_changes_are_followed_with_their_deletions(tmp_path):
    path = tmp_path / "t"
    deltalake.write_deltalake(path, frame(id=[1, 2, 3], v=["a", "b", "c"]), configuration=FEED)
    reader, raw = DeltaReader(tmp_path), Raw(name="t", uri="delta:t", key=("id",))
    cursor, kept = take(reader, raw, START, None)
    assert live(kept).sort("id").rows() == [(1, "a"), (2, "b"), (3, "c")]
    assert reader.pieces(raw, cursor) == []
    deltalake.write_deltalake(path, frame(id=[4], v=["d"]), mode="append")
    deltalake.DeltaTable(path).delete("id = 1")
    merge = deltalake.DeltaTable(path).merge(frame(id=[2], v=["B"]), "t.id = s.id", source_alias="s", target_alias="t")
    merge.when_matched_update_all().execute()
    (piece,) = reader.pieces(raw, cursor)
    assert piece.name == "versions 1 to 3"
    later, changed = take(reader, raw, cursor, kept)
    assert live(changed).sort("id").rows() == [(2, "B"), (3, "c"), (4, "d")]
    again, same = take(reader, raw, cursor, changed)
    assert (again, same.sort("id").rows()) == (later, changed.sort("id").rows())


def test_a_table_without_a_feed_cannot_be_followed(tmp_path):
    deltalake.write_deltalake(tmp_path / "t", frame(id=[1]))
    reader, raw = DeltaReader(tmp_path), Raw(name="t", uri="delta:t", key=("id",))
    (piece,) = reader.pieces(raw, START)
    deltalake.write_deltalake(tmp_path / "t", frame(id=[2]), mode="append")
    with pytest.raises(ShipwayError, match="keeps no change data feed") as refused:
        reader.pieces(raw, advance(START, piece))
    assert "delta.enableChangeDataFeed" in refused.value.hint


def test_another_table_in_the_same_place_is_refused(tmp_path):
    deltalake.write_deltalake(tmp_path / "t", frame(id=[1]), configuration=FEED)
    reader, raw = DeltaReader(tmp_path), Raw(name="t", uri="delta:t", key=("id",))
    (piece,) = reader.pieces(raw, START)
    shutil.rmtree(tmp_path / "t")
    deltalake.write_deltalake(tmp_path / "t", frame(id=[2]), configuration=FEED)
    with pytest.raises(ShipwayError, match="no longer there"):
        reader.pieces(raw, advance(START, piece))
    with pytest.raises(ShipwayError, match="another table now"):
        list(reader.read(raw, piece))
