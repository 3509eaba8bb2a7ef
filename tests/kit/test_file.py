import fcntl
import os
import signal
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from shipway.kit.file import (
    hold_lock,
    lock_folder,
    lock_holder,
    make_folder,
    stage_file,
    sweep_staged,
    write_atomic,
)

HOLD = """
import sys
from pathlib import Path
from shipway.kit.file import hold_lock
with hold_lock(Path(sys.argv[1]), wait=True):
    print("held", flush=True)
    sys.stdin.read()
"""

SHARE = """
import sys
from pathlib import Path
from shipway.kit.file import lock_folder
with lock_folder(Path(sys.argv[1]), shared=True):
    print("held", flush=True)
    sys.stdin.read()
"""

STAGE = """
import sys
from pathlib import Path
from shipway.kit.file import stage_file
with stage_file(Path(sys.argv[1])) as staged:
    staged.write(b"half")
    staged.sync()
    print("staged", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def child():
    children = []

    def start(source, *args):
        command = [sys.executable, "-c", source, *map(str, args)]
        children.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        children[-1].stdout.readline()
        return children[-1]

    yield start
    for process in children:
        with process:
            process.kill()


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_write_replaces_content(tmp_path):
    path = tmp_path / "file"
    for data in (b"one", b"", b"another" * 100_000):
        write_atomic(path, data)
        assert path.read_bytes() == data
    assert names(tmp_path) == ["file"]


def test_write_reaches_the_disk_before_and_after_the_rename(tmp_path, monkeypatch):
    steps, sync, replace = [], os.fsync, type(tmp_path).replace

    def record_sync(descriptor):
        mode = os.fstat(descriptor).st_mode
        steps.append("sync folder" if stat.S_ISDIR(mode) else f"sync {os.fstat(descriptor).st_size} bytes")
        sync(descriptor)

    def record_rename(path, target):
        steps.append("rename")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", record_sync)
    monkeypatch.setattr(type(tmp_path), "replace", record_rename)
    write_atomic(tmp_path / "file", b"12345")
    assert steps == ["sync 5 bytes", "rename", "sync folder"]


def test_write_obeys_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "file", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_write_to_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / "missing" / "file", b"x")


def test_failed_write_leaves_the_old_content(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(TypeError):
        write_atomic(path, None)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_readers_and_writers_see_whole_files_only(tmp_path):
    path, versions = tmp_path / "file", [bytes([number]) * 50_000 for number in range(20)]
    write_atomic(path, versions[0])
    with ThreadPoolExecutor(4) as pool:
        writes = [pool.submit(write_atomic, path, data) for data in versions]
        while not all(write.done() for write in writes):
            assert path.read_bytes() in versions
        for write in writes:
            write.result()
    assert names(tmp_path) == ["file"]


def test_staged_file_is_seen_when_published(tmp_path):
    target = tmp_path / "target"
    with stage_file(tmp_path, mode=0o444) as staged:
        staged.write(b"a")
        staged.sync()
        staged.write(b"b")
        assert not target.exists()
        staged.publish(target)
        assert target.read_bytes() == b"ab"
    assert names(tmp_path) == ["target"]
    assert target.stat().st_mode & 0o222 == 0


def test_a_name_that_is_taken_stays_with_who_has_it(tmp_path):
    target = tmp_path / "file"
    for data, won in ((b"first", True), (b"second", False)):
        with stage_file(tmp_path) as staged:
            staged.write(data)
            assert staged.publish_new(target) is won
        assert target.read_bytes() == b"first"
        assert names(tmp_path) == ["file"]


def test_unpublished_file_goes_away(tmp_path):
    with stage_file(tmp_path) as staged:
        staged.write(b"a")
        assert len(names(tmp_path)) == 1
    assert names(tmp_path) == []


def test_make_folder_makes_those_above(tmp_path):
    folder = tmp_path / "a" / "b" / "c"
    make_folder(folder)
    (folder / "kept").touch()
    make_folder(folder)
    assert names(folder) == ["kept"]


def test_make_folder_refuses_a_file_in_its_place(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        make_folder(tmp_path / "file")
    with pytest.raises(FileExistsError):
        make_folder(tmp_path / "file" / "folder")


def test_sweep_takes_what_a_killed_writer_left_and_nothing_else(tmp_path, child):
    for name in ("file", ".hidden", "plain.staged"):
        (tmp_path / name).touch()
    writer = child(STAGE, tmp_path)
    with stage_file(tmp_path) as staged:
        staged.write(b"mine")
        assert sweep_staged(tmp_path) == 0
        assert len(names(tmp_path)) == 5
        kill(writer)
        assert len(names(tmp_path)) == 5
        assert sweep_staged(tmp_path) == 1
        staged.publish(tmp_path / "published")
    assert names(tmp_path) == [".hidden", "file", "plain.staged", "published"]


def test_sweep_of_a_missing_folder_does_nothing(tmp_path):
    assert sweep_staged(tmp_path / "missing") == 0


def test_staging_survives_a_sweeper_at_its_heels(tmp_path):
    def write(number):
        write_atomic(tmp_path / f"file{number}", b"%d" % number)

    with ThreadPoolExecutor(3) as pool:
        writes = [pool.submit(write, number) for number in range(300)]
        while not all(done.done() for done in writes):
            sweep_staged(tmp_path)
        for done in writes:
            done.result()
    assert len(names(tmp_path)) == 300


def test_staging_starts_again_when_a_sweeper_was_faster(tmp_path, monkeypatch):
    lock, swept = fcntl.flock, []

    def sweep_first(descriptor, operation):
        if not swept:
            swept.extend(tmp_path.iterdir())
            swept[0].unlink()
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", sweep_first)
    write_atomic(tmp_path / "file", b"x")
    assert len(swept) == 1
    assert names(tmp_path) == ["file"]


def test_lock_excludes_and_names_its_holder(tmp_path, child):
    path = tmp_path / "lock"
    assert lock_holder(path) is None
    holder = child(HOLD, path)
    assert lock_holder(path) == holder.pid
    with pytest.raises(BlockingIOError), hold_lock(path, wait=False):
        pytest.fail("two held one lock")
    assert lock_holder(path) == holder.pid


def test_lock_of_a_killed_holder_is_free(tmp_path, child):
    path = tmp_path / "lock"
    kill(child(HOLD, path))
    assert path.read_text() != ""
    assert lock_holder(path) is None
    with hold_lock(path, wait=False):
        assert lock_holder(path) == os.getpid()
    assert lock_holder(path) is None


def test_lock_is_freed_by_an_error(tmp_path):
    path = tmp_path / "lock"
    with pytest.raises(RuntimeError), hold_lock(path, wait=False):
        raise RuntimeError
    with hold_lock(path, wait=False):
        pass


def test_lock_is_freed_though_a_copy_of_it_lives(tmp_path):
    path = tmp_path / "lock"
    with hold_lock(path, wait=False):
        copies = [os.dup(number) for number in _open_numbers(path)]
    try:
        assert copies
        with hold_lock(path, wait=False):
            pass
    finally:
        for copy in copies:
            os.close(copy)


def test_lock_that_waits_gets_its_turn(tmp_path, child):
    path = tmp_path / "lock"
    holder = child(HOLD, path)
    with ThreadPoolExecutor(1) as pool:

        def take():
            with hold_lock(path, wait=True):
                return lock_holder(path)

        taken = pool.submit(take)
        assert not taken.done()
        holder.stdin.close()
        assert taken.result(timeout=60) == os.getpid()


def test_threads_exclude_each_other(tmp_path):
    path, counter = tmp_path / "lock", tmp_path / "counter"
    counter.write_text("0")

    def count(_):
        with hold_lock(path, wait=True):
            counter.write_text(str(int(counter.read_text()) + 1))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(80)))
    assert counter.read_text() == "80"


@pytest.mark.parametrize("content", ["", "abc", "\xff"])
def test_lock_file_without_a_number_names_nobody(tmp_path, content):
    path = tmp_path / "lock"
    path.write_text(content)
    assert lock_holder(path) is None


def test_process_of_another_user_is_alive(tmp_path):
    path = tmp_path / "lock"
    path.write_text("1")
    assert lock_holder(path) == 1


def _open_numbers(path):
    found = []
    for number in range(3, 256):
        try:
            if os.path.sameopenfile(number, number) and os.path.samestat(os.fstat(number), path.stat()):
                found.append(number)
        except OSError:
            continue
    return found


def test_shared_lock_of_a_folder_keeps_out_who_wants_it_alone(tmp_path, child):
    holders = [child(SHARE, tmp_path) for _ in range(2)]
    with lock_folder(tmp_path, shared=True):
        pass
    with ThreadPoolExecutor(1) as pool:

        def take():
            with lock_folder(tmp_path, shared=False):
                return names(tmp_path)

        taken = pool.submit(take)
        for holder in holders:
            with pytest.raises(TimeoutError):
                taken.result(timeout=0.1)
            kill(holder)
        assert taken.result(timeout=60) == []


def test_touched_file_has_the_present_time(tmp_path):
    before = time.time_ns()
    with stage_file(tmp_path) as staged:
        staged.write(b"x")
        staged.touch()
        staged.publish(tmp_path / "file")
    assert before <= (tmp_path / "file").stat().st_mtime_ns <= time.time_ns()
