"""The ledger between processes: appending together, killed, out of space, without the right to write."""

import json
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from shipway.adapters.sqlite.database import lock_path
from shipway.adapters.sqlite.ledger import SqliteLedger
from shipway.core.ledger import EMPTY
from shipway.kit.file import hold_lock
from shipway.testing.fake import ManualClock
from shipway.testing.ledger import make_draft

OPEN = """
import sys
from pathlib import Path
from shipway.adapters.sqlite.ledger import SqliteLedger
from shipway.adapters.system.clock import SystemClock
from shipway.core.error import ShipwayError
from shipway.core.ledger import Draft
folder = Path(sys.argv[1])
def draft(number, size=10):
    return Draft(actor=sys.argv[2], kind="noted", subject=f"thing:{number}", body=b"x" * size)
def open_ledger():
    return SqliteLedger(folder / "ledger.sqlite", clock=SystemClock(), anchor=folder / "anchor.json")
"""

APPEND = """
ledger = open_ledger()
for number in range(25):
    (entry,) = ledger.append([draft(number)])
    print(entry.seq, entry.digest)
"""

APPEND_FOREVER = """
ledger = open_ledger()
while True:
    for entry in ledger.append([draft(number) for number in range(3)]):
        print(entry.seq, entry.digest)
    sys.stdout.flush()
"""

DIE_AT = """
import os, signal
from shipway.kit.file import StagedFile
step = getattr(StagedFile, sys.argv[3])
ledger = open_ledger()
ledger.append([draft(0)])
def die(*args):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(StagedFile, sys.argv[3], die)
ledger.append([draft(1), draft(2)])
"""

FILL = """
import json, resource
limit = int(sys.argv[3])
ballast = folder / "ballast"
ballast.write_bytes(b"x" * 200_000)
ledger = open_ledger()
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
kept, codes = [], []
for size in (20_000, 5_000, 10):
    for number in range(100):
        try:
            kept += [[entry.seq, entry.digest] for entry in ledger.append([draft(number, size), draft(number, size)])]
        except ShipwayError as error:
            codes.append(error.code)
            break
before = [[entry.seq, entry.digest] for entry in ledger.read()]
damage = len(ledger.verify())
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
ballast.unlink()
kept += [[entry.seq, entry.digest] for entry in ledger.append([draft(0)])]
ledger.close()
ledger = open_ledger()
after = [[entry.seq, entry.digest] for entry in ledger.read()]
damage += len(ledger.verify())
left = [path.name for path in folder.glob(".*")]
print(json.dumps({"codes": codes, "kept": kept, "before": before, "after": after, "damage": damage, "left": left}))
"""

OPEN_FULL = """
ledger = open_ledger()
ledger.append([draft(0)])
ledger.close()
with (folder / "ballast").open("wb", buffering=0) as ballast:
    try:
        while ballast.write(b"x" * 4_096):
            pass
    except OSError:
        pass
try:
    open_ledger().append([draft(1)])
except ShipwayError as error:
    print(error.code)
(folder / "ballast").unlink()
ledger = open_ledger()
ledger.append([draft(1)])
print(ledger.verify() or "whole")
"""

READ_ONLY = """
import subprocess
ledger = open_ledger()
ledger.append([draft(0)])
ledger.close()
subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
try:
    open_ledger()
except ShipwayError as error:
    print(error.code)
"""


def open_ledger(folder):
    return SqliteLedger(folder / "ledger.sqlite", clock=ManualClock(), anchor=folder / "anchor.json")


def read_pairs(lines):
    """Return place -> digest of the acknowledgements, less a last line that was cut off."""
    return {int(seq): digest.strip() for seq, digest in (line.split(" ") for line in lines if line.endswith("\n"))}


def test_four_processes_append_one_unforked_chain(tmp_path, spawn):
    children = [spawn(OPEN + APPEND, tmp_path, f"process{number}") for number in range(4)]
    outputs = [read_pairs(child.communicate()[0].splitlines(keepends=True)) for child in children]
    assert [child.returncode for child in children] == [0] * 4
    with closing(open_ledger(tmp_path)) as ledger:
        entries = list(ledger.read())
        assert ledger.verify() == []
    assert [entry.seq for entry in entries] == list(range(1, 101))
    anchor = json.loads((tmp_path / "anchor.json").read_bytes())
    assert anchor == {"seq": 100, "digest": entries[-1].digest}
    for number, pairs in enumerate(outputs):
        own = [entry for entry in entries if entry.actor == f"process{number}"]
        assert {entry.seq: entry.digest for entry in own} == pairs
        assert [entry.subject for entry in own] == [f"thing:{each}" for each in range(25)]


def test_killed_at_random_moments_loses_nothing_acknowledged(tmp_path, spawn):
    delays, acknowledged = random.Random(11), {}
    for round_ in range(18):
        child = spawn(OPEN + APPEND_FOREVER, tmp_path, f"round{round_}")
        # Every third is killed while it starts, opens or recovers; the others while they append.
        first = "" if round_ % 3 == 0 else child.stdout.readline()
        time.sleep(delays.uniform(0.0, 0.02 if first else 0.3))
        child.send_signal(signal.SIGKILL)
        lines = [first, *child.stdout]
        child.wait()
        acknowledged |= read_pairs(lines)
        with closing(open_ledger(tmp_path)) as ledger:
            chain = {entry.seq: entry.digest for entry in ledger.read()}
            assert ledger.verify() == []
        assert acknowledged.items() <= chain.items()
        assert len(chain) % 3 == 0, "a batch was torn"
        assert [path.name for path in tmp_path.glob(".*")] == []
    assert len(acknowledged) >= 3 * 12


@pytest.mark.parametrize(("step", "kept"), [("write", 1), ("sync", 1), ("publish", 3)])
def test_killed_at_each_step_of_an_append(tmp_path, spawn, step, kept):
    child = spawn(OPEN + DIE_AT, tmp_path, "victim", step)
    child.wait()
    assert child.returncode == -signal.SIGKILL
    anchor = json.loads((tmp_path / "anchor.json").read_bytes())
    assert anchor["seq"] == 1
    with closing(open_ledger(tmp_path)) as ledger:
        assert len(list(ledger.read())) == kept
        assert ledger.verify() == []
        (entry,) = ledger.append([make_draft(1)])
        assert entry.seq == kept + 1
        assert ledger.verify() == []
    assert json.loads((tmp_path / "anchor.json").read_bytes()) == {"seq": entry.seq, "digest": entry.digest}
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_append_waits_for_the_lock_so_that_anchors_follow_commits(tmp_path):
    with closing(open_ledger(tmp_path)) as ledger, ThreadPoolExecutor(1) as pool:
        with hold_lock(lock_path(tmp_path / "ledger.sqlite"), wait=True):
            appended = pool.submit(ledger.append, [make_draft(1)])
            with pytest.raises(TimeoutError):
                appended.result(timeout=0.2)
            assert ledger.head() == EMPTY
        assert appended.result() == list(ledger.read())


def test_killed_while_it_is_made(tmp_path):
    """A database without its schema, or without its first anchor, is finished by the next who opens it."""
    (tmp_path / "ledger.sqlite").touch()
    with closing(open_ledger(tmp_path)) as ledger:
        assert ledger.head() == EMPTY
    (tmp_path / "anchor.json").unlink()
    with closing(open_ledger(tmp_path)) as ledger:
        assert ledger.verify() == []
        ledger.append([make_draft(1)])
        assert ledger.verify() == []


def check_filled(outcome):
    assert outcome["codes"]
    assert set(outcome["codes"]) == {"SW-601"}
    assert outcome["damage"] == 0
    assert outcome["after"] == outcome["kept"]
    assert outcome["before"] == outcome["kept"][:-1]
    assert len(outcome["kept"]) > 2
    assert outcome["left"] == []


@pytest.mark.parametrize("limit", [100_000, 400_000])
def test_file_size_limit_tears_nothing(tmp_path, run, limit):
    (line,) = run(OPEN + FILL, tmp_path, "filler", limit)
    check_filled(json.loads(line))


def test_full_disk_tears_nothing(small_disk, run):
    folder, prefix = small_disk
    (line,) = run(OPEN + FILL, folder, "filler", 0, prefix=prefix)
    check_filled(json.loads(line))


def test_opening_on_a_full_disk_is_refused(small_disk, run):
    folder, prefix = small_disk
    assert run(OPEN + OPEN_FULL, folder, "opener", prefix=prefix) == ["SW-601", "whole"]


def test_read_only_mount_is_refused(small_disk, run):
    folder, prefix = small_disk
    assert run(OPEN + READ_ONLY, folder, "reader", prefix=prefix) == ["SW-602"]
