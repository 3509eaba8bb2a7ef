"""`kill -9` in the middle of a look: it was taken with all it spent, or it never was; it is never spent twice."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.app.experiment.conftest import START, Lab

from shipway.app.experiment.conduct import start_experiment
from shipway.app.experiment.look import look_at
from shipway.app.ledger import verify_ledger
from shipway.kit.duration import DAY

CHILD = """
import os, signal, sys
from pathlib import Path
from shipway.app.experiment.look import look_at
from shipway.app.project import find_project
from shipway.app.workspace import Workspace

root, at, point = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
remember = Workspace.remember

def die(workspace, *bodies):
    if point == "after":
        remember(workspace, *bodies)
    os.kill(os.getpid(), signal.SIGKILL)

Workspace.remember = die
print(look_at(find_project(root), "fares", at).look)
"""


@pytest.mark.parametrize("point", ["before", "after"])
def test_a_killed_look_is_taken_once_or_not_at_all(lab, tmp_path, point):
    import shutil

    start_experiment(lab.project, "fares")
    lab.live(10)
    twin = Lab(tmp_path / "twin")
    shutil.copytree(lab.root, twin.root)
    at = START + 10 * DAY
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(lab.root), str(at), point],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        cwd=Path(__file__).parents[3],
    )
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, ""), done.stderr
    taken = [] if point == "before" else [look_at(twin.project, "fares", at).look]
    with lab.workspace() as workspace:
        assert workspace.state().experiments["fares"][-1].looks == taken
    again = look_at(lab.project, "fares", at)
    assert again.repeated == (point == "after")
    assert again.look == look_at(twin.project, "fares", at).look
    assert len(again.trial.looks) == 1
    assert verify_ledger(lab.project).damage == []
