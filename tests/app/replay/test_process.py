"""A child ends with its parent, is started again when it dies, and has its last words told when it does not live."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shipway.app.replay import process
from shipway.app.replay.process import Child
from shipway.core.error import ShipwayError

WAIT = "import sys; print('here', flush=True); sys.stdin.read(); print('bye', flush=True)"
DEAF = "import time, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True); time.sleep(600)"


def child(tmp_path: Path, program: str) -> Child:
    return Child("clerk", [sys.executable, "-c", program], tmp_path / "clerk.txt")


def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not true():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.005)


def test_a_child_is_let_go_and_ends_by_itself(tmp_path: Path) -> None:
    clerk = child(tmp_path, WAIT)
    assert not clerk.alive
    clerk.start()
    wait_until(lambda: "here" in clerk.said.read_text())
    assert clerk.alive
    clerk.close()
    assert not clerk.alive
    assert clerk.said.read_text() == "here\nbye\n"
    clerk.close()


def test_a_child_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GRACE_S", 0.05)
    clerk = child(tmp_path, DEAF)
    clerk.start()
    wait_until(lambda: "here" in clerk.said.read_text())
    clerk.close()
    assert not clerk.alive


def test_a_child_that_was_killed_is_another_process_after_a_restart(tmp_path: Path) -> None:
    clerk = child(tmp_path, WAIT)
    clerk.start()
    first = clerk.pid
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not clerk.alive)
    clerk.restart()
    assert clerk.alive
    assert clerk.pid != first
    assert clerk.restarts == 1
    clerk.close()


def test_a_child_that_lives_is_ended_before_it_is_started_again(tmp_path: Path) -> None:
    clerk = child(tmp_path, DEAF)
    clerk.start()
    first = clerk.pid
    clerk.restart()
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    clerk.kill()


def test_a_child_that_never_gets_on_is_given_up_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "MOST_RESTARTS", 2)
    clerk = child(tmp_path, "import sys; print('so it goes'); sys.exit('I have lost my glasses')")
    clerk.start()
    for _ in range(2):
        wait_until(lambda: not clerk.alive)
        clerk.restart()
    wait_until(lambda: not clerk.alive)
    with pytest.raises(ShipwayError, match="lost my glasses") as caught:
        clerk.restart()
    assert caught.value.code == "SW-805"
    assert "ended 3 times" in caught.value.fact
    assert "exit code 1" in caught.value.fact


def test_getting_on_resets_what_counts_as_too_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MOST_RESTARTS", 1)
    clerk = child(tmp_path, DEAF)
    clerk.start()
    for _ in range(3):
        clerk.restart()
        clerk.settle()
    assert clerk.restarts == 3
    clerk.restart()
    with pytest.raises(ShipwayError, match="by SIGKILL, and said nothing"):
        clerk.restart()


def test_a_child_does_not_outlive_a_parent_that_was_killed(tmp_path: Path) -> None:
    parent = (
        "import sys, time; from pathlib import Path; from shipway.app.replay.process import Child\n"
        f"clerk = Child('clerk', [sys.executable, '-c', {WAIT!r}], Path({str(tmp_path / 'clerk.txt')!r}))\n"
        "clerk.start(); print(clerk.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        pid = int(running.stdout.readline())
        wait_until(lambda: "here" in (tmp_path / "clerk.txt").read_text())
        running.kill()
    wait_until(lambda: "bye" in (tmp_path / "clerk.txt").read_text())
    wait_until(lambda: not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes())
