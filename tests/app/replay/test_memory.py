"""Memory is what the system says of living processes."""

import os
import resource
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
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


@contextmanager
def holding(megabytes: int) -> Generator[int]:
    """Run a process that holds some memory, and give its number; it ends with the block."""
    code = f"import sys; held = b'x' * {megabytes}_000_000; print(flush=True); sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.stdin.close()


def test_processes_that_live_at_once_are_added_up_and_the_most_is_kept() -> None:
    # Two processes of their own: what this one holds moves by more while other tests' processes come and go.
    watch = MemoryWatch()
    with holding(20) as first:
        watch.look({"first": first})
        alone = watch.together_mb
        with holding(60) as second:
            watch.look({"first": first, "second": second})
        most = watch.together_mb
        watch.look({"first": first})
    assert alone is not None
    assert most is not None
    assert 20 < alone < 60
    assert most > alone + 50
    assert watch.together_mb == most
    assert watch.peak_mb["first"] > 20
    assert watch.peak_mb["second"] > 60


def test_a_field_that_is_not_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "status"
    assert read_field(path, "VmHWM") is None
    path.write_text("Name:\tpython\nVmHWM:\t  1000 kB\n")
    assert read_field(path, "VmHWM") == pytest.approx(1.024)
    assert read_field(path, "Vm") is None
