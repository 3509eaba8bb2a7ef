"""Kill server, controller and driver of a replay at random moments and see that it ends as if nothing had happened.

usage: replay_crash.py [KILLS [SEED [END]]]     by default 30 kills of the flights from July 1 to September 14

The flights example is run once without its leaks, and copied. One copy lives through its replay undisturbed; in the
other SIGKILL hits the three processes in turn, at moments uniform over the time that the first one took. Whoever was
killed is started again: server and controller by the driver, the driver by the same command. Then both must hold the
same predictions, feature vectors, releases, retrains and verdicts, and the same decisions in the same order, none of
them twice. Set aside is what real time says: the evidence on slow answers, and digests and places that follow from it.
"""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final, cast

import msgspec
import polars as pl

from shipway.app.demo import prepare_demo
from shipway.app.project import find_project
from shipway.app.run import run_project
from shipway.app.workspace import Workspace
from shipway.core.prediction import FEATURES, PREDICTIONS
from shipway.core.projection import ServiceState
from shipway.monitoring.reading import digest_rows, distinct_predictions

COMMAND: Final = [str(Path(sys.executable).parent / "shipway"), "replay"]
PARTS: Final = {"server": "shipway.serving", "controller": "shipway.app.control", "driver": ""}
DECISIONS: Final = ("service-", "release-", "retrain-", "version-")


def main(kills: str = "30", seed: str = "11", end: str = "2013-09-15") -> int:
    """Run the experiment and return 0 if both replays ended alike."""
    moments = random.Random(int(seed))
    with tempfile.TemporaryDirectory(prefix="shipway-replay-crash-") as scratch:
        calm, stormy = Path(scratch) / "calm", Path(scratch) / "stormy"
        prepare_demo(calm)
        toml = calm / "shipway.toml"
        text = toml.read_text()
        toml.write_text(re.sub(r"(period = \[2013-07-01, )2014-01-01", rf"\g<1>{end}", text))
        run_project(find_project(calm), leaks=False)
        shutil.copytree(calm, stormy)
        begun = time.perf_counter()
        subprocess.run(COMMAND, cwd=calm, check=True, capture_output=True)
        whole_s = time.perf_counter() - begun
        print(f"undisturbed replay: {whole_s:.0f} s", flush=True)
        landed = storm(stormy, int(kills), moments, whole_s)
        print(f"kills that landed: {landed}; driven {time.perf_counter() - begun - whole_s:.0f} s", flush=True)
        one, other = describe(calm), describe(stormy)
        for part, found in one.items():
            same = found == other[part]
            print(f"{part}: {'identical' if same else 'DIFFERENT'} ({size(found)} and {size(other[part])})")
        whole = not one["ledger damage"] and not other["ledger damage"]
        return 0 if one == other and whole and shows_all(one) and sum(landed.values()) == int(kills) else 1


def shows_all(found: dict[str, Any]) -> bool:
    """Tell whether the replay had what is claimed of it: a promotion, a late feed taken back, and a retrain."""
    (service,) = found["services"]
    outcomes = {(release["outcome"], "~" in release["candidate"]["online"]) for release in service["releases"]}
    retrained = any(retrain["outcome"] for retrain in service["retrains"])
    print(f"releases and whether their feed was late: {sorted(outcomes)}; a retrain ended: {retrained}")
    return {("promoted", False), ("rolled back", True)} <= outcomes and retrained


def storm(folder: Path, kills: int, moments: random.Random, whole_s: float) -> dict[str, int]:
    """Drive a replay to its end while killing its processes in turn; return how many kills of each landed."""
    landed = dict.fromkeys(PARTS, 0)
    order = [name for _ in range(kills // 3 + 1) for name in moments.sample(sorted(PARTS), 3)][:kills]
    driver = start(folder)
    while True:
        victim = order[sum(landed.values())] if sum(landed.values()) < kills else None
        try:
            driver.wait(timeout=None if victim is None else moments.uniform(0.2, 2 * whole_s / max(kills, 1)))
        except subprocess.TimeoutExpired:
            assert victim is not None
            pid = driver.pid if victim == "driver" else find_child(driver.pid, PARTS[victim])
            if pid is None:
                continue
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it had ended by itself meanwhile
            landed[victim] += 1
            if victim == "driver":
                driver.wait()
                driver = start(folder)
            continue
        if driver.returncode == 0:
            return landed
        raise SystemExit(f"the replay ended with {driver.returncode}: {(folder / 'driver.txt').read_text()[-2000:]}")


def start(folder: Path) -> "subprocess.Popen[bytes]":
    """Start the driver."""
    with (folder / "driver.txt").open("ab") as said:
        return subprocess.Popen(COMMAND, cwd=folder, stdout=said, stderr=said, stdin=subprocess.DEVNULL)


def find_child(parent: int, module: str) -> int | None:
    """Return the number of a process's child that runs a module, None while there is none."""
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            words = status.read_text().split("PPid:\t")[1].split()
            if int(words[0]) == parent and module.encode() in (status.parent / "cmdline").read_bytes():
                return int(status.parent.name)
        except (OSError, IndexError):
            continue
    return None


def describe(folder: Path) -> dict[str, Any]:
    """Return what a replay ended with, without what real time says."""
    workspace = Workspace(find_project(folder))
    log = workspace.open_log("delay")
    columns = ["request", "row", "at", "unit", "version", "role", "weight", "p", "error", "online"]
    predictions = distinct_predictions(log.read(PREDICTIONS))
    described: dict[str, Any] = {"predictions": (predictions.height, digest_rows(predictions, columns))}
    for stream in log.streams():
        if stream.startswith(FEATURES):
            vectors: pl.DataFrame = log.read(stream).unique()
            assert vectors["request"].is_unique().all(), f"{stream} has two vectors of one request"
            described[f"vectors of {stream}"] = (vectors.height, digest_rows(vectors, vectors.columns))
    described["services"] = [strip(service) for service in workspace.state().services.values()]
    entries = [entry for entry in workspace.ledger.read() if entry.kind.startswith(DECISIONS)]
    described["decisions"] = [(entry.kind, entry.subject) for entry in entries]
    described["ledger damage"] = [f"{found.seq} {found.fact}" for found in workspace.ledger.verify()]
    workspace.close()
    return described


def strip(service: ServiceState) -> dict[str, Any]:
    """Return a service as plain data without the evidence on slow answers and what follows from its digest."""
    plain = cast("dict[str, Any]", msgspec.to_builtins(service))
    del plain["token"]
    for release in plain["releases"]:
        del release["verdict"]
    for judgements in plain["judgements"].values():
        for judgement in judgements:
            for finding in judgement["verdict"]["findings"]:
                if finding["rule"].startswith("slow_answers"):
                    finding["reason"] = finding["evidence"] = None
    return plain


def size(found: Any) -> str:
    """Return how much something is: rows, or parts."""
    return f"{found[0]:,} rows" if isinstance(found, tuple) else f"{len(found):,}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
