import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from shipway.adapters.file.blob import FileBlobs
from shipway.core.error import ShipwayError
from shipway.kit.canonical import digest_bytes

WRITE_FOREVER = """
import sys
from pathlib import Path
from shipway.adapters.file.blob import FileBlobs
root, start = Path(sys.argv[1]), int(sys.argv[2])
blobs, source = FileBlobs(root), root.parent / f"source{start}"
for number in range(start, start + 1_000_000):
    data = number.to_bytes(8, "little") * 40_000
    if number % 2:
        print(blobs.put(data), flush=True)
    else:
        source.write_bytes(data)
        print(blobs.put_file(source), flush=True)
"""

FILL = """
import json, os, resource, sys
from pathlib import Path
from shipway.adapters.file.blob import FileBlobs
from shipway.core.error import ShipwayError
root, limit = Path(sys.argv[1], "blobs"), int(sys.argv[2])
ballast = root.parent / "ballast"
ballast.write_bytes(b"x" * 100_000)
source = root.parent / "source"
source.write_bytes(os.urandom(300_000))
blobs = FileBlobs(root)
kept, codes = [], []
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
for attempt in (lambda: blobs.put_file(source), lambda: blobs.put(os.urandom(150_000)), lambda: blobs.put(b"small")):
    for _ in range(9):
        try:
            kept.append(attempt())
        except ShipwayError as error:
            codes.append(error.code)
            break
ballast.unlink()
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
kept.append(blobs.put(os.urandom(60_000)))
for digest in blobs.digests():
    blobs.get(digest)
left = os.listdir(root / "incoming")
print(json.dumps({"codes": codes, "kept": sorted(set(kept)), "found": sorted(blobs.digests()), "left": left}))
"""

READ_ONLY = """
import subprocess, sys
from pathlib import Path
from shipway.adapters.file.blob import FileBlobs
from shipway.core.error import ShipwayError
folder = Path(sys.argv[1])
digest = FileBlobs(folder / "blobs").put(b"before")
(folder / "blobs" / "incoming" / ".dead.staged").touch()
subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
blobs = FileBlobs(folder / "blobs")
print(blobs.get(digest).decode())
for attempt in (lambda: blobs.put(b"after"), lambda: blobs.put_file(Path("/dev/null"))):
    try:
        attempt()
    except ShipwayError as error:
        print(error.code)
"""


def test_opening_creates_nothing(tmp_path):
    blobs = FileBlobs(tmp_path / "blobs")
    assert list(blobs.digests()) == []
    assert not blobs.has("0" * 64)
    assert list(tmp_path.iterdir()) == []


def test_blob_is_a_file_named_by_its_digest(tmp_path):
    root = tmp_path / "a" / "blobs"
    digest = FileBlobs(root).put(b"x")
    assert FileBlobs(root).path(digest) == root / digest[:2] / digest
    assert sorted(path.name for path in root.iterdir()) == sorted([digest[:2], "incoming"])
    assert list((root / "incoming").iterdir()) == []


def test_strange_files_are_no_blobs(tmp_path):
    root = tmp_path / "blobs"
    digest = FileBlobs(root).put(b"x")
    other = "f" if digest[0] == "0" else "0"
    for name in ("README", digest[:63], other + digest[1:]):
        (root / digest[:2] / name).touch()
    (root / "zz").mkdir()
    (root / "zz" / digest).touch()
    assert list(FileBlobs(root).digests()) == [digest]


def test_two_stores_in_different_folders_give_the_same_digests(tmp_path):
    for data in (b"", b"a" * 100_000):
        assert FileBlobs(tmp_path / "one").put(data) == FileBlobs(tmp_path / "two").put(data)


def test_source_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(ShipwayError) as caught:
        FileBlobs(tmp_path / "blobs").put_file(tmp_path / "missing")
    assert caught.value.code == "SW-201"
    assert str(tmp_path / "missing") in caught.value.fact
    assert not (tmp_path / "blobs").exists()


def test_blob_that_cannot_be_read_is_refused(tmp_path):
    blobs = FileBlobs(tmp_path)
    path = blobs.path(blobs.put(b"x"))
    path.unlink()
    path.mkdir()
    with pytest.raises(ShipwayError) as caught:
        blobs.get(path.name)
    assert caught.value.code == "SW-605"


def test_file_in_place_of_the_folder_is_refused(tmp_path):
    root = tmp_path / "blobs"
    root.write_bytes(b"")
    blobs = FileBlobs(root)
    source = tmp_path / "source"
    source.write_bytes(b"x")
    for attempt in (lambda: blobs.put(b"x"), lambda: blobs.put_file(source)):
        with pytest.raises(ShipwayError) as caught:
            attempt()
        assert caught.value.code == "SW-602"
        assert str(root) in caught.value.fact


def test_folder_without_permission_is_refused(tmp_path):
    root = tmp_path / "blobs"
    digest = FileBlobs(root).put(b"before")
    folders = [root, root / "incoming", root / digest[:2]]
    for folder in folders:
        folder.chmod(0o555)
    try:
        if os.access(root, os.W_OK):
            pytest.skip("permissions do not bind this user; the read-only mount covers the case")
        blobs = FileBlobs(root)
        assert blobs.get(digest) == b"before"
        with pytest.raises(ShipwayError) as caught:
            blobs.put(b"after")
        assert caught.value.code == "SW-602"
    finally:
        for folder in folders:
            folder.chmod(0o755)


def test_read_only_mount_reads_and_refuses_to_write(small_disk, run):
    folder, prefix = small_disk
    assert run(READ_ONLY, folder, prefix=prefix) == ["before", "SW-602", "SW-602"]


def check_filled(outcome):
    assert outcome["codes"]
    assert set(outcome["codes"]) == {"SW-601"}
    assert outcome["found"] == outcome["kept"]
    assert outcome["left"] == []


def test_file_size_limit_leaves_no_partial_blob(tmp_path, run):
    (line,) = run(FILL, tmp_path, 120_000)
    outcome = json.loads(line)
    check_filled(outcome)
    assert digest_bytes(b"small") in outcome["kept"]


def test_full_disk_leaves_no_partial_blob(small_disk, run):
    folder, prefix = small_disk
    (line,) = run(FILL, folder, 0, prefix=prefix)
    check_filled(json.loads(line))


def test_killed_writers_lose_nothing_acknowledged_and_show_nothing_partial(tmp_path, spawn):
    root, delays, acknowledged = tmp_path / "blobs", random.Random(7), set()
    for round_ in range(6):
        child = spawn(WRITE_FOREVER, root, round_ * 1_000_000)
        first = child.stdout.readline()
        time.sleep(delays.uniform(0.0, 0.03))
        child.send_signal(signal.SIGKILL)
        acknowledged |= {line.strip() for line in [first, *child.stdout] if line.endswith("\n")}
        child.wait()
        blobs = FileBlobs(root)
        found = set(blobs.digests())
        assert acknowledged <= found
        for digest in found:
            assert digest_bytes(blobs.get(digest)) == digest
        assert list((root / "incoming").iterdir()) == []
    assert len(acknowledged) >= 6


def test_opening_leaves_a_living_writers_file(tmp_path, spawn):
    root = tmp_path / "blobs"
    FileBlobs(root).put(b"x")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    source = "import sys; from pathlib import Path; from shipway.adapters.file.blob import FileBlobs\n"
    source += "print(FileBlobs(Path(sys.argv[1])).put_file(Path(sys.argv[2])))"
    child = spawn(source, root, pipe)
    with pipe.open("wb") as slow:
        slow.write(b"first half, ")
        slow.flush()
        while not list((root / "incoming").iterdir()):
            time.sleep(0.001)
        blobs = FileBlobs(root)
        assert len(list((root / "incoming").iterdir())) == 1
        slow.write(b"second half")
    assert child.stdout.read().strip() == digest_bytes(b"first half, second half")
    assert blobs.get(digest_bytes(b"first half, second half")) == b"first half, second half"


def test_store_loads_without_heavy_libraries():
    source = "import sys, shipway.adapters.file.blob; print({'polars', 'numpy', 'scipy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", source], text=True).strip() == "set()"


def test_file_of_another_user_is_replaced_by_a_young_one(tmp_path, monkeypatch):
    blobs = FileBlobs(tmp_path)
    digest = blobs.put(b"x")
    inode = blobs.path(digest).stat().st_ino
    touch = os.utime

    def refuse_old(path, **times):
        if os.stat(path).st_ino == inode:  # noqa: PTH116 a path or a descriptor
            raise PermissionError(1, "not the owner")
        touch(path, **times)

    os.utime(blobs.path(digest), (1, 1))
    monkeypatch.setattr(os, "utime", refuse_old)
    assert blobs.put(b"x") == digest
    assert blobs.remove([digest], before=2_000_000) == []
    assert blobs.path(digest).stat().st_ino != inode


PUT_AGAIN = """
import os, sys
from pathlib import Path
from shipway.adapters.file.blob import FileBlobs
root = Path(sys.argv[1])
blobs, source = FileBlobs(root), root / "source"
source.write_bytes(b"wanted")
print("ready", flush=True)
sys.stdin.readline()
lost = 0
for number in range(3_000):
    digest = blobs.put(b"wanted") if number % 2 else blobs.put_file(source)
    lost += not blobs.has(digest)
    os.utime(root / digest[:2] / digest, (1, 1))
print(lost)
"""

REMOVE_OLD = """
import sys
from pathlib import Path
from shipway.adapters.file.blob import FileBlobs
blobs, digest = FileBlobs(Path(sys.argv[1])), sys.argv[2]
print("ready", flush=True)
for line in sys.stdin:
    gone = 0
    while not Path(sys.argv[1], "done").exists():
        gone += len(blobs.remove([digest], before=2_000_000))
    print(gone)
    break
"""


def test_collector_never_takes_what_is_put_again(tmp_path, spawn):
    root, digest = tmp_path / "blobs", digest_bytes(b"wanted")
    FileBlobs(root).put(b"wanted")
    writer, collector = spawn(PUT_AGAIN, root), spawn(REMOVE_OLD, root, digest)
    for child in (writer, collector):
        assert child.stdout.readline() == "ready\n"
    for child in (collector, writer):
        child.stdin.write("go\n")
        child.stdin.flush()
    assert writer.stdout.readline() == "0\n"
    (root / "done").touch()
    assert int(collector.stdout.readline()) > 10
