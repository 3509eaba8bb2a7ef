import datetime as dt
import json
import os
from contextlib import closing

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from shipway.adapters.file.blob import FileBlobs
from shipway.adapters.lake.table import PART_ROWS, ParquetTables
from shipway.core.error import ShipwayError
from shipway.testing.fake import MemoryBlobs
from shipway.testing.tables import make_frame, make_wide_frame

WRITE = """
import json, sys
from pathlib import Path
import polars as pl
from shipway.adapters.file.blob import FileBlobs
from shipway.adapters.lake.table import ParquetTables
from shipway.testing.tables import make_wide_frame
folder = Path(sys.argv[1])
folder.mkdir()
blobs = FileBlobs(folder / "blobs")
tables = ParquetTables(blobs, folder / "refs.sqlite")
long = pl.DataFrame({"id": range(300_000)}).with_columns(
    text=pl.format("k{}", pl.col("id") % 1_000), share=pl.when(pl.col("id") % 7 > 0).then(pl.col("id") / 3)
)
names = {"wide": tables.write(make_wide_frame()), "long": tables.write(long)}
commit = tables.commit("main", names, expect=None, message="all")
print(json.dumps([commit.id, sorted(blobs.digests())]))
"""

CELLS = {
    "i": (st.integers(-(2**63), 2**63 - 1), pl.Int64),
    "f": (st.floats(), pl.Float64),
    "s": (st.text(), pl.String),
    "b": (st.binary(), pl.Binary),
    "t": (st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1)), pl.Datetime("us", "UTC")),
    "y": (st.booleans(), pl.Boolean),
}


@st.composite
def frames(draw):
    rows = draw(st.integers(0, 12))
    return pl.DataFrame(
        [
            pl.Series(name, draw(st.lists(st.none() | cells, min_size=rows, max_size=rows)), dtype=dtype)
            for name, (cells, dtype) in CELLS.items()
        ]
    )


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lake")
    with closing(ParquetTables(MemoryBlobs(), folder / "refs.sqlite")) as tables:
        yield tables


@settings(max_examples=60, deadline=None)
@given(frames(), st.data())
def test_any_rows_come_back_and_give_the_same_bytes(shared, frame, data):
    snapshot = shared.write(frame)
    assert_frame_equal(shared.read(snapshot), frame)
    cut = data.draw(st.integers(0, frame.height))
    pieces = pl.concat([frame[:cut], frame[cut:]], rechunk=False)
    behind = pl.concat([frame, pieces], rechunk=False)[frame.height :]
    assert shared.write(pieces) == shared.write(behind) == shared.write(shared.read(snapshot)) == snapshot


def test_digests_do_not_depend_on_folder_threads_or_hash_seed(tmp_path, run):
    outcomes = []
    for number, threads in enumerate(("1", "5")):
        env = {**os.environ, "POLARS_MAX_THREADS": threads, "PYTHONHASHSEED": str(number)}
        (line,) = run(WRITE, tmp_path / f"run{number}", env=env)
        outcomes.append(json.loads(line))
    assert outcomes[0] == outcomes[1]
    assert len(outcomes[0][1]) == 3


def test_many_rows_are_cut_into_parts(shared):
    frame = pl.DataFrame({"id": pl.int_range(PART_ROWS + 5, dtype=pl.Int32, eager=True)})
    snapshot = shared.write(frame)
    assert [part.rows for part in snapshot.parts] == [PART_ROWS, 5]
    assert snapshot.rows == frame.height
    assert_frame_equal(shared.read(snapshot), frame)


def test_part_states_its_size(tmp_path):
    blobs = FileBlobs(tmp_path / "blobs")
    with closing(ParquetTables(blobs, tmp_path / "refs.sqlite")) as tables:
        (part,) = tables.write(make_wide_frame()).parts
    assert part.size_bytes == len(blobs.get(part.digest))
    assert_frame_equal(pl.read_parquet(blobs.path(part.digest)), make_wide_frame())


@pytest.mark.parametrize(
    "series", [pl.Series("x", [object()], dtype=pl.Object), pl.Series("x", [{}], dtype=pl.Struct([]))]
)
def test_type_that_parquet_cannot_keep_is_refused(tmp_path, series):
    blobs = FileBlobs(tmp_path / "blobs")
    with closing(ParquetTables(blobs, tmp_path / "refs.sqlite")) as tables, pytest.raises(ShipwayError) as caught:
        tables.write(pl.DataFrame([pl.Series("id", [1]), series]))
    assert caught.value.code == "SW-203"
    assert list(blobs.digests()) == []


def test_unknown_column_is_answered_with_the_nearest(shared):
    with pytest.raises(ShipwayError) as caught:
        shared.read(shared.write(make_frame(1)), ["valeu"])
    assert caught.value.hint == "did you mean 'value'?"


def test_every_flipped_bit_of_a_file_is_refused(tmp_path):
    blobs = FileBlobs(tmp_path / "blobs")
    with closing(ParquetTables(blobs, tmp_path / "refs.sqlite")) as tables:
        snapshot = tables.write(make_frame(1))
        path = blobs.path(snapshot.parts[0].digest)
        path.chmod(0o644)
        content = path.read_bytes()
        for place in range(0, len(content), 7):
            path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
            with pytest.raises(ShipwayError) as caught:
                tables.read(snapshot, ["id"])
            assert caught.value.code == "SW-605"


def test_tables_are_there_when_opened_again(tmp_path):
    blobs = FileBlobs(tmp_path / "blobs")
    with closing(ParquetTables(blobs, tmp_path / "refs.sqlite")) as tables:
        tables.commit("main", {"t": tables.write(make_wide_frame())}, expect=None, message="first")
    with closing(ParquetTables(FileBlobs(tmp_path / "blobs"), tmp_path / "refs.sqlite")) as tables:
        (commit,) = tables.log("main")
        assert_frame_equal(tables.read(commit.tables["t"]), make_wide_frame())
