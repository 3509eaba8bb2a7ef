"""The SQLite store on a full disk, on one that cannot be written, damaged, and forced to the disk."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from shipway.adapters.sqlite.online import SqliteOnline
from shipway.core.error import ShipwayError
from shipway.testing.online import LATEST
from shipway.testing.online_process import check_full_disk_tears_nothing

ON_READ_ONLY_MOUNT = """
import subprocess, sys
from pathlib import Path
from shipway.adapters.sqlite.online import SqliteOnline
from shipway.core.error import ShipwayError
folder = Path(sys.argv[1])
store = SqliteOnline(folder / "online")
store.write([(b"a", 1, b"before")], position=b"1")
store.close()
subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
for name in ("online", "missing"):
    try:
        SqliteOnline(folder / name).write([(b"a", 2, b"after")], position=b"2")
    except ShipwayError as error:
        print(error.code)
"""


def test_full_disk_tears_nothing(small_disk):
    folder, prefix = small_disk
    check_full_disk_tears_nothing("online.sqlite", folder / "online", prefix=prefix)


def test_read_only_mount_is_refused(small_disk, run):
    folder, prefix = small_disk
    assert run(ON_READ_ONLY_MOUNT, folder, prefix=prefix) == ["SW-602", "SW-602"]


def test_damage_is_refused_with_the_way_out(tmp_path):
    folder = tmp_path / "online"
    with closing(SqliteOnline(folder)) as store:
        store.write([(b"%d" % n, n, b"x" * 200) for n in range(2_000)], position=b"1")
    content = (folder / "online.sqlite").read_bytes()
    for damaged in (b"no database at all" * 1_000, content[:4096] + b"\xff" * (len(content) - 4096)):
        (folder / "online.sqlite").write_bytes(damaged)
        with pytest.raises(ShipwayError) as refusal, closing(SqliteOnline(folder)) as store:
            store.newest([(b"%d" % n, LATEST) for n in range(2_000)])
        assert refusal.value.code == "SW-605"
        assert f"remove the folder {folder}" in refusal.value.hint
    shutil.rmtree(folder)
    with closing(SqliteOnline(folder)) as store:
        assert store.position() is None


def test_a_newer_format_is_refused(tmp_path):
    SqliteOnline(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "online.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(ShipwayError) as refusal:
        SqliteOnline(tmp_path)
    assert refusal.value.code == "SW-606"


def test_sync_and_nothing_else_commits_in_the_mode_that_waits_for_the_disk(tmp_path):
    log = tmp_path / "online.sqlite-wal"
    with closing(SqliteOnline(tmp_path)) as store:

        def mode():
            return store._connection.execute("PRAGMA synchronous").fetchone()

        store.write([(b"a", 1, b"x")], position=b"1")
        assert mode() == (1,)
        for _ in range(3):
            said, length = [], log.stat().st_size
            store._connection.set_trace_callback(said.append)
            store.sync()
            store._connection.set_trace_callback(None)
            steps = ("PRAGMA synchronous = FULL", "COMMIT", "PRAGMA synchronous = NORMAL")
            order = [said.index(step) for step in steps]
            assert order == sorted(order)
            # A commit that changes nothing adds nothing to the log, and then the disk is not waited for.
            assert log.stat().st_size > length
        assert mode() == (1,)
        assert store.position() == b"1"


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "online").write_bytes(b"")
    with pytest.raises(ShipwayError) as refusal:
        SqliteOnline(tmp_path / "online")
    assert refusal.value.code == "SW-602"
