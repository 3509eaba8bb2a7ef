"""Kill `shipway run` at random moments and see that it ends as if nothing had happened.

usage: crash.py [KILLS [SEED [PROJECT]]]     by default 20 kills of the flights example

A run that is never disturbed is the reference. A second copy of the project is killed with SIGKILL at random moments,
each a uniform share of the reference's time after the start, and started again by the same command until it ends by
itself. Then both must hold the same artifacts by task, the same branches, versions and verdicts, and a whole ledger.
"""

import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from shipway.app.project import find_project
from shipway.app.workspace import Workspace

FLIGHTS = Path(__file__).parents[1] / "examples" / "flights"
COMMAND = [str(Path(sys.executable).parent / "shipway"), "run"]


def main(kills: str = "20", seed: str = "7", project: str = str(FLIGHTS)) -> int:
    """Run the experiment and return 0 if the two projects ended alike."""
    moments = random.Random(int(seed))
    with tempfile.TemporaryDirectory(prefix="shipway-crash-") as scratch:
        calm, stormy = Path(scratch) / "calm", Path(scratch) / "stormy"
        for folder in (calm, stormy):
            shutil.copytree(project, folder, ignore=shutil.ignore_patterns(".shipway", "__pycache__"))
        begun = time.perf_counter()
        subprocess.run(COMMAND, cwd=calm, check=True, capture_output=True)
        whole_s = time.perf_counter() - begun
        print(f"undisturbed run: {whole_s:.1f} s")
        killed = 0
        while killed < int(kills):
            if kill_once(stormy, moments.uniform(0, whole_s / 2)):
                killed += 1
            else:
                # it reached the end: begin again, so that every moment of the path is hit
                shutil.rmtree(stormy / ".shipway")
            print(f"kill {killed}: {sum(1 for run in runs(stormy) if run == 'finished')} tasks finished so far")
        subprocess.run(COMMAND, cwd=stormy, check=True, capture_output=True)
        one, other = describe(calm), describe(stormy)
        same = {part: one[part] == other[part] for part in one}
        print(f"{killed} kills, then one run to the end; ledger damage: {[*one['damage'], *other['damage']] or 'none'}")
        for part, equal in same.items():
            print(f"{part}: {'identical' if equal else 'DIFFERENT'} ({len(one[part])} and {len(other[part])})")
        return 0 if all(same.values()) and not one["damage"] and not other["damage"] else 1


def kill_once(folder: Path, after_s: float) -> bool:
    """Start a run and kill it after a while; return whether it was still running then."""
    process = subprocess.Popen(COMMAND, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(timeout=after_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    return False


def runs(folder: Path) -> list[str]:
    """Return the states of a project's runs."""
    workspace = Workspace(find_project(folder))
    found = [run.state for run in workspace.state().runs.values()] if workspace.exists else []
    workspace.close()
    return found


def describe(folder: Path) -> dict[str, Any]:
    """Return what a project ended with: everything but the times and the places in the chain."""
    workspace = Workspace(find_project(folder))
    state = workspace.state()
    damage = [f"{found.seq} {found.fact}" for found in workspace.ledger.verify()]
    finished = [run for run in state.runs.values() if run.state == "finished"]
    described = {
        "artifacts": {run.key: {name: made.digest for name, made in run.outputs.items()} for run in finished},
        "branches": workspace.tables.branches(),
        "versions": [(v.subject, v.key, v.cut, v.outcome, v.bundle) for vs in state.models.values() for v in vs],
        "verdicts": state.verdicts,
        "leaks": state.leaks,
        "damage": damage,
    }
    workspace.close()
    return described


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
