"""The files of an LMDB store: damaged, cut, after a power cut, shared within a process, where nobody may write."""

import random
import shutil
from contextlib import closing

import pytest

import shipway.adapters.lmdb.environment as environment
from shipway.adapters.lmdb.store import LmdbOnline
from shipway.core.error import ShipwayError

MARK = "unsynced"
EARLY = ((1 << 63) - 1).to_bytes(8, "big")
"""The end of a key of instant 0."""

READ_CUT = """
import json, sys
from pathlib import Path
from shipway.adapters.lmdb.store import LmdbOnline
from shipway.core.error import ShipwayError
told = []
for folder in sorted(Path(sys.argv[1]).iterdir()):
    try:
        store = LmdbOnline(folder)
        last = int(store.position())
        answers = store.newest([(b"%05d" % number, (1 << 63) - 1) for number in range(last)])
        assert answers == [(number, b"x" * 90) for number in range(last)], "a wrong answer"
        store.write([(b"%05d" % number, -1, b"y") for number in range(0, last, 3)], position=b"1")
        store.trim(b"", 1 << 62)
        told.append("whole")
    except ShipwayError as error:
        told.append(error.code)
print(json.dumps(told))
"""

ON_READ_ONLY_MOUNT = """
import subprocess, sys
from pathlib import Path
from shipway.adapters.lmdb.store import LmdbOnline
from shipway.core.error import ShipwayError
folder = Path(sys.argv[1])
store = LmdbOnline(folder / "online")
store.write([(b"a", 1, b"before")], position=b"1")
store.close()
subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
reader = LmdbOnline(folder / "online", readonly=True)
print(reader.newest([(b"a", 9)]), reader.position())
for name, readonly in (("online", False), ("missing", False), ("missing", True)):
    try:
        store = LmdbOnline(folder / name, readonly=readonly)
        store.write([(b"a", 2, b"after")], position=b"2")
    except ShipwayError as error:
        print(error.code)
print(reader.position())
"""


def refuse(code, attempt):
    with pytest.raises(ShipwayError) as refusal:
        attempt()
    assert refusal.value.code == code
    assert refusal.value.fact
    return refusal.value


def write(folder, number=1):
    with closing(LmdbOnline(folder)) as store:
        store.write([(b"a", number, b"x")], position=b"%d" % number)


@pytest.mark.parametrize("content", [b"\x00" * 8192, b"no store at all" * 1000, b"x"])
def test_what_is_no_store_is_refused_with_the_way_out(tmp_path, content):
    write(tmp_path / "online")
    (tmp_path / "online" / "data.mdb").write_bytes(content)
    for readonly in (False, True):
        refusal = refuse("SW-605", lambda readonly=readonly: LmdbOnline(tmp_path / "online", readonly=readonly))
        assert str(tmp_path / "online") in refusal.fact
        assert f"remove the folder {tmp_path / 'online'}" in refusal.hint
    shutil.rmtree(tmp_path / "online")
    write(tmp_path / "online")


def test_a_store_that_was_cut_off_answers_right_or_refuses_and_never_kills_its_reader(tmp_path, run):
    whole, cuts = tmp_path / "whole", tmp_path / "cuts"
    with closing(LmdbOnline(whole)) as store:
        for start in range(0, 5_000, 250):
            entries = [(b"%05d" % number, number, b"x" * 90) for number in range(start, start + 250)]
            store.write(entries, position=b"%d" % (start + 250))
        store.sync()
    size, chance = (whole / "data.mdb").stat().st_size, random.Random(2)
    for number in range(24):
        folder = cuts / f"{number:02}"
        folder.mkdir(parents=True)
        content = (whole / "data.mdb").read_bytes()
        (folder / "data.mdb").write_bytes(content[: chance.randrange(4096 if number else 1, size)])
    (line,) = run(READ_CUT, cuts)
    assert set(line.strip("[]").replace('"', "").split(", ")) == {"SW-605"}


def test_pages_that_lmdb_left_out_at_the_end_are_no_damage(tmp_path):
    path, chance, missing = tmp_path / "online" / "data.mdb", random.Random(1), 0
    while missing <= 0:
        with closing(LmdbOnline(tmp_path / "online")) as store:
            handle = store._handle
            with handle.begin(write=True) as writing:
                for _ in range(300):
                    writing.put(chance.randbytes(6) + EARLY, chance.randbytes(chance.choice([10, 3_000])))
                cursor = writing.cursor()
                cursor.first()
                while chance.random() < 0.998 and cursor.delete():
                    pass
            missing = (handle.info()["last_pgno"] + 1) * handle.stat()["psize"] - path.stat().st_size
            expected = [(key[:-8], value) for key, value in handle.begin().cursor()]
    with closing(LmdbOnline(tmp_path / "online")) as store:
        assert path.stat().st_size == (store._handle.info()["last_pgno"] + 1) * store._handle.stat()["psize"]
        for write in (1, 2):
            assert store.newest([(series, 1) for series, _ in expected]) == [(0, value) for _, value in expected]
            store.write([(chance.randbytes(7), 0, b"y" * 3_000) for _ in range(40)], position=b"%d" % write)


def test_unsynced_writes_of_an_earlier_run_of_the_machine_are_refused(tmp_path):
    folder = tmp_path / "online"
    store = LmdbOnline(folder)
    assert not (folder / MARK).exists()
    store.write([(b"a", 1, b"x")], position=b"1")
    assert (folder / MARK).read_text() == environment.BOOT_ID.read_text().strip()
    store.sync()
    assert not (folder / MARK).exists()
    store.trim(b"", 9)
    assert (folder / MARK).exists()
    store.close()
    write(folder, 2)
    (folder / MARK).write_text("another run")
    for readonly in (False, True):
        refusal = refuse("SW-605", lambda readonly=readonly: LmdbOnline(folder, readonly=readonly))
        assert "went down" in refusal.fact
    shutil.rmtree(folder)
    write(folder, 3)


def test_a_sync_vouches_for_what_a_killed_writer_left(tmp_path):
    folder = tmp_path / "online"
    write(folder)
    assert (folder / MARK).exists()
    with closing(LmdbOnline(folder)) as store:
        store.sync()
        assert not (folder / MARK).exists()
        store.write([], position=b"2")
        assert (folder / MARK).exists()


def test_where_the_machine_does_not_say_its_run_each_write_is_synced(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "BOOT_ID", tmp_path / "missing")
    with closing(LmdbOnline(tmp_path / "online")) as store:
        assert store._handle.flags()["sync"]
        store.write([(b"a", 1, b"x")], position=b"1")
        store.sync()
        assert not (tmp_path / "online" / MARK).exists()
        assert store.position() == b"1"
    monkeypatch.undo()
    with closing(LmdbOnline(tmp_path / "online")) as store:
        assert not store._handle.flags()["sync"]


def test_stores_of_one_process_share_the_files(tmp_path):
    folder = tmp_path / "online"
    reader = LmdbOnline(folder, readonly=True)
    (tmp_path / "alias").symlink_to(folder)
    writer, other = LmdbOnline(tmp_path / "alias"), LmdbOnline(folder)
    writer.write([(b"a", 1, b"x")], position=b"1")
    writer.close()
    writer.close()
    other.write([(b"a", 2, b"x")], position=b"2")
    other.close()
    assert reader.newest([(b"a", 9)]) == [(2, b"x")]
    reader.close()
    with closing(LmdbOnline(folder)) as again:
        assert again.position() == b"2"


def test_a_store_built_anew_is_not_the_old_one_that_is_still_open(tmp_path):
    folder = tmp_path / "online"
    write(folder)
    with closing(LmdbOnline(folder, readonly=True)) as old:
        shutil.rmtree(folder)
        with closing(LmdbOnline(folder)) as new:
            assert new.position() is None
            assert old.position() == b"1"


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "online").write_bytes(b"")
    for folder in (tmp_path / "online", tmp_path / "online" / "below"):
        assert str(folder) in refuse("SW-602", lambda folder=folder: LmdbOnline(folder)).fact


def test_a_map_the_system_does_not_grant_is_refused_with_the_other_adapter(tmp_path):
    refusal = refuse("SW-602", lambda: LmdbOnline(tmp_path / "online", map_bytes=1 << 60))
    assert "online.sqlite" in refusal.hint


def test_a_disk_that_cannot_be_written_can_be_read(small_disk, run):
    folder, prefix = small_disk
    lines = run(ON_READ_ONLY_MOUNT, folder, prefix=prefix)
    assert lines == ["[(1, b'before')] b'1'", "SW-602", "SW-602", "SW-602", "b'1'"]
