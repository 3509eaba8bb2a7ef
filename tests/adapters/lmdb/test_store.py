"""The LMDB store where it comes to an end: of the map, of the disk, of a key; and what loads with it."""

import subprocess
import sys
from contextlib import closing

import pytest

from shipway.adapters.lmdb.store import LmdbOnline
from shipway.core.error import ShipwayError
from shipway.testing.online import LATEST
from shipway.testing.online_process import check_full_disk_tears_nothing


def test_full_disk_tears_nothing(small_disk):
    folder, prefix = small_disk
    check_full_disk_tears_nothing("online.lmdb", folder / "online", prefix=prefix)


def test_full_map_tears_nothing_and_a_larger_one_goes_on(tmp_path):
    folder, last = tmp_path / "online", 0
    with closing(LmdbOnline(folder, map_bytes=200_000)) as store:

        def write_on():
            nonlocal last
            while last < 10_000:
                store.write([(s, last + 1, b"x" * 300) for s in (b"a", b"b")], position=b"%d" % (last + 1))
                last += 1

        with pytest.raises(ShipwayError) as refusal:
            write_on()
        assert refusal.value.code == "SW-601"
        assert "trim" in refusal.value.hint
        assert store.position() == b"%d" % last
        assert [at for at, _ in store.between(b"b", 0, LATEST)] == list(range(1, last + 1))
    with closing(LmdbOnline(folder)) as store:
        store.write([(b"a", last + 1, b"x")], position=b"on")
        assert store.newest([(b"a", LATEST), (b"b", LATEST)]) == [(last + 1, b"x"), (last, b"x" * 300)]


def test_a_series_too_long_for_a_key_is_refused_and_nothing_is_written(tmp_path):
    with closing(LmdbOnline(tmp_path / "online")) as store:
        store.write([(b"s" * 503, 1, b"x")], position=b"1")
        assert store.newest([(b"s" * 503, 1)]) == [(1, b"x")]
        with pytest.raises(ShipwayError) as refusal:
            store.write([(b"a", 1, b"x"), (b"t" * 504, 1, b"x")], position=b"2")
        assert refusal.value.code == "SW-602"
        assert "511 bytes" in refusal.value.fact
        assert store.newest([(b"t" * 504, 1)]) == [None]
        assert store.between(b"t" * 504, 0, 1) == []
        assert store.position() == b"1"
        assert store.newest([(b"a", 1)]) == [None]


def test_pages_held_by_a_killed_reader_are_used_again(tmp_path, spawn):
    source = """
import sys, time
from pathlib import Path
from shipway.adapters.lmdb.store import LmdbOnline
store = LmdbOnline(Path(sys.argv[1]), readonly=True)
held = store._handle.begin()
print(held.id(), flush=True)
time.sleep(600)
"""
    folder = tmp_path / "online"
    with closing(LmdbOnline(folder)) as store:
        store.write([(b"a", 0, b"x")], position=b"0")
    child = spawn(source, folder)
    child.stdout.readline()
    child.kill()
    child.wait()
    with closing(LmdbOnline(folder)) as store:
        for number in range(400):
            store.write([(b"a", 0, b"x" * 3_000)], position=b"%d" % number)
        assert (folder / "data.mdb").stat().st_size < 400_000


def test_the_store_loads_without_heavy_libraries():
    source = "import sys, shipway.adapters.lmdb.store; print({'polars', 'numpy', 'scipy', 'cffi'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", source], text=True).strip() == "set()"
