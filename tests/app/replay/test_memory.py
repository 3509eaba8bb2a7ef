"""Memory is what the system says of living processes."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from shipway.app.replay.memory import MemoryWatch, read_field

pytestmark = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="no /proc of Linux here")


def test_a_peak_is_the_one_that_the_system_tells_by_another_way() -> None:
    watch = MemoryWatch()
    watch.look({"me": os.getpid()})
    assert watch.peak_mb["me"] == pytest.approx(
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, rel=0.1
    )
    assert watch.together_mb is not None
    assert 0 < watch.together_mb <= watch.peak_mb["me"]


def test_a_process_that_is_gone_holds_nothing() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    watch = MemoryWatch()
    watch.look({"gone": gone.pid})
    assert watch.peak_mb == {}
    assert watch.together_mb is None


def test_processes_that_live_at_once_are_added_up_and_the_most_is_kept() -> None:
    hold = "import sys; held = bytes(60_000_000); print(flush=True); sys.stdin.read()"
    watch = MemoryWatch()
    watch.look({"me": os.getpid()})
    alone = watch.together_mb
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        watch.look({"me": os.getpid(), "child": child.pid})
        assert child.stdin is not None
        child.stdin.close()
    most = watch.together_mb
    watch.look({"me": os.getpid()})
    assert alone is not None
    assert most is not None
    assert most > alone
    assert watch.together_mb == most
    assert watch.peak_mb["child"] > 5


def test_a_field_that_is_not_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "status"
    assert read_field(path, "VmHWM") is None
    path.write_text("Name:\tpython\nVmHWM:\t  1000 kB\n")
    assert read_field(path, "VmHWM") == pytest.approx(1.024)
    assert read_field(path, "Vm") is None
