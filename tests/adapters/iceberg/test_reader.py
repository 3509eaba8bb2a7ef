"""The published main of a lake, read from outside: by DuckDB, Polars and pyiceberg where there is no shipway."""

import subprocess
import sys

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from shipway.adapters.iceberg.publication import IcebergPublisher
from shipway.infra.lake import Lake
from shipway.testing.fake import MemoryCatalog

READ = """
import sys
sys.modules["shipway"] = None
import polars as pl
try:
    import shipway
except ImportError:
    pass
else:
    raise SystemExit("shipway can be imported")
metadata, reader, target = sys.argv[1:]
pl.scan_iceberg(metadata, reader_override=reader).collect().write_parquet(target)
assert not [name for name in sys.modules if name.startswith("shipway.")]
"""

TABLES = {
    "flights": pl.DataFrame(
        {
            "fid": range(500),
            "carrier": pl.Series(["UA", "B6", None, "AA", "DL"] * 100, dtype=pl.Categorical),
            "scheduled": pl.datetime_range(
                pl.datetime(2013, 1, 1),
                pl.datetime(2013, 1, 2),
                "2m52s800ms",
                time_unit="us",
                time_zone="UTC",
                eager=True,
            )[:500],
            "delay": [float(number % 37) if number % 11 else None for number in range(500)],
            "tail": [f"N{number:05}" for number in range(500)],
        }
    ),
    "planes": pl.DataFrame({"tail": ["N00001", "N00002"], "seats": pl.Series([55, 149], dtype=pl.UInt16)}),
}


@pytest.fixture
def published(shop):
    """Build a lake with history, branches and a merge, publish its main, and return the lake with what came of it."""
    lake = Lake(shop.blobs, MemoryCatalog())
    publisher = IcebergPublisher(clock=shop.clock)
    flights = lake.write(TABLES["flights"].head(200))
    base = lake.commit(
        "main", {"flights": flights, "planes": lake.write(TABLES["planes"])}, expect=None, message="base"
    )
    lake.fork("ingest", at=base.id)
    grown = lake.append(flights, TABLES["flights"].slice(200))
    moved = lake.commit("ingest", {"flights": grown}, expect=base.id, message="more")
    for commit in (base, moved):
        lake.merge(commit.id, "main", expect=lake.head("main"))
        for name, snapshot in commit.tables.items():
            publisher.publish(name, snapshot, commit=commit.id, files=shop.blobs.uri, location=str(shop.folder))
    secret = lake.append(grown, TABLES["flights"].head(1))
    lake.commit("ingest", {"flights": secret}, expect=moved.id, message="not on main")
    return lake


def rows_of(lake, name):
    frame = lake.read(lake.get(lake.head("main")).tables[name])
    return frame.with_columns(pl.col(pl.Categorical).cast(pl.String), pl.col(pl.UInt16).cast(pl.Int32))


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("reader", ["native", "pyiceberg"])
def test_polars_and_pyiceberg_read_main_where_there_is_no_shipway(published, name, reader, shop, tmp_path):
    target = tmp_path / "read.parquet"
    command = [sys.executable, "-W", "ignore", "-c", READ, shop.uri(name), reader, target]
    subprocess.run(command, check=True, cwd=tmp_path)
    assert_frame_equal(pl.read_parquet(target).sort("tail"), rows_of(published, name))


@pytest.mark.parametrize("name", TABLES)
def test_duckdb_reads_main_by_its_folder_and_by_its_metadata(published, name, shop, read_duckdb):
    wanted = rows_of(published, name)
    for place in (shop.folder / name, shop.uri(name)):
        assert_frame_equal(read_duckdb(place, rest="ORDER BY tail"), wanted)


def test_duckdb_joins_and_filters_what_is_published(published, shop, read_duckdb):
    flights, planes = (rows_of(published, name) for name in TABLES)
    found = read_duckdb(
        shop.folder / "flights",
        "fid, seats",
        f"f JOIN iceberg_scan('{shop.folder / 'planes'}') USING (tail) WHERE fid < 300 ORDER BY fid",
    )
    wanted = flights.filter(pl.col("fid") < 300).join(planes, on="tail").select("fid", "seats")
    assert_frame_equal(found, wanted)
    assert found.height == 2


def test_duckdb_runs_where_there_is_no_shipway(duckdb_server):
    python = duckdb_server.args[0]
    done = subprocess.run([python, "-I", "-c", "import shipway"], capture_output=True, text=True, check=False)
    assert "No module named 'shipway'" in done.stderr
