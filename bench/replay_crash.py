"""Kill the server, the controller and the driver of a replay at random moments: the service must live the same life.

usage: replay_crash.py [--kills N] [--days N] [--seed N] [--quick]

One project is made and copied. In the first copy `shipway replay` is never disturbed; in the second, processes are
killed with SIGKILL in an order and at moments drawn from the seed: one in each of N equal parts of the undisturbed
replay's real time, as so long after a tick was reached. A driver that is killed is started again by the same command,
the other two are the driver's business. The replay has the real controller, a walk of releases, a drill on a stale
feed, and a retrain.

Then both must have the same releases, retrains and judgements at the same domain times, the same predictions and served
vectors, bit by bit, the same versions of models, and the same decisions, each once and in the same order, in a whole
ledger. Real time is no part of it: what the rule on slow answers measured is set aside, and so is what cites its
digest, and a decision's place in the ledger becomes its place among decisions, because a task that was killed is
remembered as begun twice.

By default it is the flights example, 62 days and 30 kills; --quick is the shop of the template, 30 days and 9 kills.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import polars as pl

from shipway.app.demo import prepare_demo
from shipway.app.project import find_project
from shipway.app.replay.clock import ReplayClock, read_clock
from shipway.app.scaffold import init_project
from shipway.app.workspace import Workspace
from shipway.core.body import Body, EvidenceRecorded, RunFailed, RunFinished, RunStarted, VerdictGiven, read_body
from shipway.core.ledger import Entry
from shipway.core.measure import SlowAnswers
from shipway.core.prediction import FEATURES, PREDICTIONS
from shipway.kit.canonical import canonical_json, digest_value
from shipway.ports.adapter import load_adapter

SHIPWAY: Final = str(Path(sys.executable).parent / "shipway")
CHILDREN: Final = {b"shipway.serving": "server", b"shipway.app.control": "controller"}
VICTIMS: Final = ("server", "controller", "driver")
LAST: Final = 0.97
"""Up to which share of the replay's time processes are killed: whoever is killed must be met before the end."""
LATE_S: Final = 0.4
"""How long is waited at most before a kill whose tick has gone by already."""
PATIENCE_S: Final = 120.0
"""How long a process that is to be killed may take to appear."""
POLL_S: Final = 0.002
SLOW: Final = "slow answers"
ASIDE: Final = "set aside"
SHOP_SECTIONS: Final = """
[services.returns]
model = "returned"
tick = "1d"
walk = [{ weight = 0.0, hold = "1d" }, { weight = 0.5, hold = "1d" }, { weight = 1.0 }]
rehearsal = "14d"
rest = "7d"

[replay]
service = "returns"
period = [2024-09-01, 2024-10-01]
stale = "36h"
"""
SHOP_GATES: Final = """

sw.gate(
    "walk",
    sw.failed_answers(detect=20),
    sw.slow_answers(over_ms=100, detect=20),
    sw.prediction_shift <= 0.25,
    sw.feature_lag(over="30m") <= 0.05,
    before="step",
)
sw.gate("drift", sw.drift(basket.price, last="7d") <= 0.0, every="7d", on_fail="retrain")
"""


@dataclass(frozen=True, slots=True)
class Moment:
    """When to kill: so long after the replay has reached a tick, or has begun where `tick` is 0."""

    tick: int
    after_s: float


@dataclass(slots=True)
class Storm:
    """What was done to a replay: how often each process was killed, and at which domain times."""

    killed: Counter[str] = field(default_factory=Counter[str])
    ticks: list[int] = field(default_factory=list[int])
    missed: int = 0


@dataclass(frozen=True, slots=True)
class Life:
    """What a replay came to: each part is a list of comparable texts, or a frame of distinct rows.

    Attributes:
        parts: name to rows whose order counts.
        frames: name to distinct rows.
        written: rows of predictions in the log, those that were written twice counted twice.
        clock: where the replay stands at its end.
        faults: what is wrong with it by itself.
    """

    parts: dict[str, list[str]]
    frames: dict[str, pl.DataFrame]
    written: int
    clock: ReplayClock
    faults: list[str]


def main() -> int:
    """Run the experiment and return 0 if nothing came out otherwise."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, help="how many in all")
    parser.add_argument("--days", type=int, help="of the period that is lived through")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="the shop of the template")
    words = parser.parse_args()
    kills, days = words.kills or (9 if words.quick else 30), words.days or (30 if words.quick else 62)
    with tempfile.TemporaryDirectory(prefix="shipway-replay-crash-", ignore_cleanup_errors=True) as scratch:
        calm, stormy = Path(scratch) / "calm", Path(scratch) / "stormy"
        begun = time.perf_counter()
        made = make_shop(Path(scratch), days) if words.quick else make_flights(Path(scratch), days)
        for folder in (calm, stormy):
            shutil.copytree(made, folder)
        print(f"{made.name}, {days} days; made in {time.perf_counter() - begun:.0f} s", flush=True)
        reached, whole_s = live_calmly(calm)
        print(f"undisturbed replay: {whole_s:.0f} s, {len(reached)} ticks", flush=True)
        moments = random.Random(words.seed)
        begun = time.perf_counter()
        storm = live_stormily(stormy, moments, draw_moments(moments, kills, reached, whole_s))
        print(f"disturbed replay: {time.perf_counter() - begun:.0f} s", flush=True)
        return report(kills, storm, describe(calm), describe(stormy))


def make_flights(scratch: Path, days: int) -> Path:
    """Make the flights example with a shorter period, run it, and return its folder."""
    folder = scratch / "flights"
    prepare_demo(folder)
    return run(shorten(folder, days))


def make_shop(scratch: Path, days: int) -> Path:
    """Make the template's shop with two versions, a service and a gate that asks for retrains, and run it."""
    folder = scratch / "shop"
    init_project("shop", scratch)
    toml, module = folder / "shipway.toml", folder / "project.py"
    text = toml.read_text("utf-8").replace("cuts = [2024-09-01]", "cuts = [2024-08-01, 2024-09-01]")
    toml.write_text(text + SHOP_SECTIONS, "utf-8")
    module.write_text(module.read_text("utf-8") + SHOP_GATES, "utf-8")
    return run(shorten(folder, days))


def shorten(folder: Path, days: int) -> Path:
    """Let a project's replay last so many days from its first on, and return its folder."""
    toml = folder / "shipway.toml"
    text = toml.read_text("utf-8")
    found = re.search(r"^period = \[(\S+), \S+\]$", text, re.MULTILINE)
    assert found is not None, "the example has a period"
    period = f"period = [{found[1]}, {date.fromisoformat(found[1]) + timedelta(days=days)}]"
    toml.write_text(text.replace(found[0], period), "utf-8")
    return folder


def run(folder: Path) -> Path:
    """Make the versions of a project, its declared leaks left alone, and return its folder."""
    subprocess.run([SHIPWAY, "run", "--no-leaks"], cwd=folder, check=True, capture_output=True)
    return folder


def start(folder: Path) -> "subprocess.Popen[bytes]":
    """Start the driver of a replay; what it says is kept beside the project."""
    with Path(f"{folder}.txt").open("ab") as said:
        return subprocess.Popen([SHIPWAY, "replay"], cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said)


def end(driver: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Wait for a replay to end by itself; what it said is raised where it failed."""
    if driver.wait():
        raise SystemExit(f"the replay ended with {driver.returncode}:\n{Path(f'{folder}.txt').read_text('utf-8')}")


def replay_folder(folder: Path) -> Path:
    return folder / ".shipway" / "replay"


def live_calmly(folder: Path) -> tuple[list[tuple[float, int]], float]:
    """Replay undisturbed and return when each tick was reached, in seconds since the start, and how long it all took."""
    begun, reached = time.perf_counter(), list[tuple[float, int]]()
    driver = start(folder)
    try:
        while driver.poll() is None:
            clock = read_clock(replay_folder(folder))
            if clock is not None and (not reached or reached[-1][1] != clock.position):
                reached.append((time.perf_counter() - begun, clock.position))
            time.sleep(POLL_S)
        whole_s = time.perf_counter() - begun
        end(driver, folder)
    finally:
        driver.kill()
        driver.wait()
    return reached, whole_s


def draw_moments(
    moments: random.Random, kills: int, reached: Sequence[tuple[float, int]], whole_s: float
) -> list[Moment]:
    """Draw one moment from each of equal parts of a replay's time, and say it by the tick that was reached last."""
    drawn: list[Moment] = []
    for part in range(kills):
        at_s = (part + moments.random()) * whole_s * LAST / kills
        before = [(seconds, tick) for seconds, tick in reached if seconds <= at_s]
        seconds, tick = before[-1] if before else (0.0, 0)
        drawn.append(Moment(tick, at_s - seconds))
    return drawn


def live_stormily(folder: Path, moments: random.Random, drawn: Sequence[Moment]) -> Storm:
    """Replay while processes are killed, and start the driver again whenever it was the one."""
    storm = Storm()
    victims = [VICTIMS[place % len(VICTIMS)] for place in range(len(drawn))]
    moments.shuffle(victims)
    driver = start(folder)
    try:
        for place, (victim, moment) in enumerate(zip(victims, drawn, strict=True)):
            await_moment(folder, driver, moment, moments)
            if not kill(driver, victim):
                storm.missed = len(drawn) - place
                break
            clock = read_clock(replay_folder(folder))
            storm.killed[victim] += 1
            storm.ticks.append(0 if clock is None else clock.position)
            if victim == "driver":
                driver = start(folder)
        end(driver, folder)
    finally:
        driver.kill()
        driver.wait()
    return storm


def await_moment(folder: Path, driver: "subprocess.Popen[bytes]", moment: Moment, moments: random.Random) -> None:
    """Wait until a replay is as far as it was at a moment of the undisturbed one, or is over."""
    path, late_s = replay_folder(folder) / "clock.json", moments.uniform(0, LATE_S)
    begun = time.time()
    while driver.poll() is None:
        clock = read_clock(path.parent)
        position = 0 if clock is None else clock.position
        if position > moment.tick > 0:
            time.sleep(late_s)
            return
        if position >= moment.tick:
            since = path.stat().st_mtime if moment.tick else begun
            time.sleep(max(0.0, since + moment.after_s - time.time()))
            return
        time.sleep(POLL_S)


def kill(driver: "subprocess.Popen[bytes]", victim: str) -> bool:
    """Kill a process of a replay as soon as there is one, and see that it died; False if the replay ended before."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if driver.poll() is not None:
            return False
        pid = driver.pid if victim == "driver" else find_children(driver.pid).get(victim)
        if pid is not None and runs(pid):
            os.kill(pid, signal.SIGKILL)
            if victim == "driver":
                return driver.wait() == -signal.SIGKILL
            while runs(pid):
                time.sleep(POLL_S)
            return True
        time.sleep(POLL_S)
    raise SystemExit(f"no {victim} appeared in {PATIENCE_S:g} s")


def find_children(pid: int) -> dict[str, int]:
    """Return the server and the controller of a driver, those there are, by name."""
    found: dict[str, int] = {}
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in listed.read_text("ascii").split():
                line = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
                found |= {name: int(child) for module, name in CHILDREN.items() if module in line}
    return found


def runs(pid: int) -> bool:
    """Tell whether a process is there and not dead already, waiting to be noticed."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def describe(folder: Path) -> Life:
    """Return what a replay came to."""
    with closing(Workspace(find_project(folder))) as workspace:
        state, clock = workspace.rebuild_state(), read_clock(replay_folder(folder))
        entries = list(workspace.ledger.read(after=0))
        faults = [f"ledger entry {found.seq}: {found.fact}" for found in workspace.ledger.verify()]
        slow = {check.name for check in checks_of(workspace) if isinstance(check.measure, SlowAnswers)}
        replay = workspace.project.config.replay
    assert clock is not None, "the replay has begun"
    assert replay is not None, "the project has one"
    service, decisions = state.services[replay.service], [entry for entry in entries if decides(read_body(entry))]
    neutral = Neutral(decisions)
    told = [neutral.write([entry.kind, entry.subject, read_body(entry)]) for entry in decisions]
    walks = [release for release in service.releases]
    log = load_adapter("log.parquet")(folder / ".shipway" / "log" / replay.service)
    written = log.read(PREDICTIONS)
    predictions = distinct(written.select("request", "version", "role", "p"))
    vectors = {stream: distinct(log.read(stream)) for stream in log.streams() if stream.startswith(FEATURES)}
    if not clock.done:
        faults.append("the replay is not over")
    twice = predictions.height - predictions.unique(["request", "version"]).height
    if twice:
        faults.append(f"{twice:,} requests were predicted twice by a version, and otherwise")
    faults += [f"done twice: {line[:100]}" for line, count in Counter(told).items() if count > 1]
    faults += [f"nothing shows it: {lack}" for lack in find_lacks(service)]
    return Life(
        parts={},
        frames={},
        written=written.height,
        clock=clock,
        faults=faults,
    )
