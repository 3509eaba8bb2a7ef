"""The SQLite catalog on a full disk, on one that cannot be written, damaged, and beside a writer."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.adapters.sqlite.catalog import SqliteCatalog
from shipway.core.error import ShipwayError
from shipway.testing.catalog import make_objects
from shipway.testing.fake import ManualClock

OPEN = """
import sys
from pathlib import Path
from shipway.adapters.sqlite.catalog import SqliteCatalog
from shipway.adapters.system.clock import SystemClock
from shipway.core.error import ShipwayError
from shipway.testing.catalog_process import make_step, read_steps
folder = Path(sys.argv[1])
def open_catalog(name="catalog.db"):
    return SqliteCatalog(folder / name, clock=SystemClock())
"""

FILL = """
import json, os, resource
limit = int(sys.argv[2])
ballast = folder / "ballast"
ballast.write_bytes(b"x" * 300_000)
catalog, at, kept, told = open_catalog(), None, [], []
def move(size):
    global at
    target, objects = make_step("filler", len(kept), at)
    bodies = [os.urandom(size) for _ in range(3)]
    catalog.move("main", expect=at, target=target, objects={**objects, **{str(n): b for n, b in enumerate(bodies)}})
    at = target
    kept.append(target)
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
for size in (20_000, 5_000, 10):
    try:
        while len(kept) < 500:
            move(size)
    except ShipwayError as error:
        told += [error.code, read_steps(catalog, "main") == kept]
ballast.unlink()
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
move(10)
catalog.close()
catalog = open_catalog()
print(json.dumps([told, len(kept), read_steps(catalog, "main") == kept]))
"""

READ_ONLY = """
import subprocess
open_catalog().close()
subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
for name in ("catalog.db", "missing.db"):
    try:
        open_catalog(name).move("main", expect=None, target="a")
    except ShipwayError as error:
        print(error.code)
"""


def open_catalog(path):
    return SqliteCatalog(path, clock=ManualClock())


def check_filled(line):
    told, count, whole = json.loads(line)
    assert told == ["SW-601", True] * (len(told) // 2)
    assert told, "there was room for everything"
    assert count > 1, "there was room for nothing"
    assert whole


@pytest.mark.parametrize("limit", [100_000, 400_000])
def test_file_size_limit_halves_nothing(tmp_path, run, limit):
    (line,) = run(OPEN + FILL, tmp_path, limit)
    check_filled(line)


def test_full_disk_halves_nothing(small_disk, run):
    folder, prefix = small_disk
    (line,) = run(OPEN + FILL, folder, 0, prefix=prefix)
    check_filled(line)


def test_read_only_mount_is_refused(small_disk, run):
    folder, prefix = small_disk
    assert run(OPEN + READ_ONLY, folder, prefix=prefix) == ["SW-602", "SW-602"]


def test_what_was_moved_is_there_when_opened_again(tmp_path):
    path = tmp_path / "catalog.db"
    objects = make_objects(b"one", b"two")
    with closing(open_catalog(path)) as catalog:
        catalog.move("main", expect=None, target="a", objects=objects)
    with closing(open_catalog(path)) as catalog:
        assert catalog.refs() == {"main": "a"}
        assert catalog.get(objects) == objects


def test_commit_waits_for_the_disk(tmp_path):
    with closing(open_catalog(tmp_path / "catalog.db")) as catalog:
        assert catalog._writer.execute("PRAGMA synchronous").fetchone() == (2,)


def test_reader_does_not_wait_for_a_writer(tmp_path):
    path = tmp_path / "catalog.db"
    objects = make_objects(b"one")
    with closing(open_catalog(path)) as catalog, closing(open_catalog(path)) as other:
        catalog.move("main", expect=None, target="a", objects=objects)
        with catalog._writing() as connection:
            connection.execute("DELETE FROM object")
            connection.execute("UPDATE ref SET target = 'b'")
            for each in (catalog, other):
                assert each.refs() == {"main": "a"}
                assert each.get(objects) == objects
                assert len(list(each.listing())) == 1
        assert catalog.head("main") == other.head("main") == "b"


def test_refusal_says_where_the_ref_is(tmp_path):
    with closing(open_catalog(tmp_path / "catalog.db")) as catalog:
        catalog.move("main", expect=None, target="a" * 64)
        with pytest.raises(ShipwayError, match="'main' was expected absent and is at aaaaaaaaaaaa"):
            catalog.move("main", expect=None, target="b" * 64)
        with pytest.raises(ShipwayError, match="'main' moved while it was decided"):
            catalog.forget([], before=0, refs={})


def test_missing_folder_and_noise_are_refused(tmp_path):
    with pytest.raises(ShipwayError) as refusal:
        open_catalog(tmp_path / "missing" / "catalog.db")
    assert refusal.value.code == "SW-602"
    (tmp_path / "noise").write_bytes(b"no database at all" * 1_000)
    with pytest.raises(ShipwayError) as refusal:
        open_catalog(tmp_path / "noise")
    assert refusal.value.code == "SW-605"


def test_newer_format_is_refused(tmp_path):
    path = tmp_path / "catalog.db"
    open_catalog(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(ShipwayError) as refusal:
        open_catalog(path)
    assert refusal.value.code == "SW-606"


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Return the file of a whole catalog, closed, with what is in it."""
    path = tmp_path_factory.mktemp("original") / "catalog.db"
    objects = make_objects(*(b"%d" % number * 300 for number in range(40)))
    with closing(open_catalog(path)) as catalog:
        catalog.move("main", expect=None, target="a", objects=objects)
    return path.read_bytes(), objects


def test_database_overwritten_in_the_middle_is_refused(original, tmp_path):
    content, objects = original
    path = tmp_path / "catalog.db"
    path.write_bytes(content[:8192] + b"\xff" * (len(content) - 8192))
    with closing(open_catalog(path)) as catalog, pytest.raises(ShipwayError) as refusal:
        catalog.get(objects)
    assert refusal.value.code == "SW-605"


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_flipped_bit_gives_other_bytes_for_a_digest(original, tmp_path_factory, data):
    content, objects = original
    flipped = bytearray(content)
    flipped[data.draw(st.integers(0, len(content) - 1), label="offset")] ^= 1 << data.draw(st.integers(0, 7))
    folder = tmp_path_factory.mktemp("flipped")
    (folder / "catalog.db").write_bytes(flipped)
    code = None
    try:
        with closing(open_catalog(folder / "catalog.db")) as catalog:
            found = catalog.get(objects)
            assert found == {digest: objects[digest] for digest in found}
    except ShipwayError as refusal:
        code = refusal.code
    assert code in {None, "SW-602", "SW-605", "SW-606"}


def test_catalog_loads_without_heavy_libraries():
    source = "import sys, shipway.adapters.sqlite.catalog; print({'polars', 'numpy', 'scipy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", source], text=True).strip() == "set()"
