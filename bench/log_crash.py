"""What has the prediction log lost after `kill -9` under load?

usage: log_crash.py [--kills N] [--callers N] [--seconds S]     by default 10 kills, 4 callers, at most 6 s until each

A server answers a service by key, a LightGBM model of 200 trees and 20 features, and logs every request. Callers ask
it one question after the other, each with an id of its own, and note when each answer came. At a random instant the
server is killed with SIGKILL. Then the log is read, every segment against its digest, and held against the answers:

    torn       segments or rows that cannot be read, or differ from what was answered
    twice      rows that are there more than once
    late       rows that are missing though they were answered longer before the kill than they may wait
    lost       rows that were answered and are missing, and how long before the kill the oldest of them was answered

A row waits at most for the log's gathering (5 ms), the sealing of what was gathered (every 2 s), and its writing, for
which half a second is allowed here. Exits with 1 if anything is torn, twice or late.
"""

import argparse
import http.client
import json
import random
import signal
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final

import polars as pl

from overload import Target, start_target
from serving import train
from shipway.adapters.log.parquet import ParquetLog
from shipway.serving.server import SEAL_S
from shipway.serving.shadow import GATHER_S

WRITING_S: Final = 0.5
WAIT_S: Final = GATHER_S + SEAL_S + WRITING_S


@dataclass(slots=True)
class Caller:
    """Asks until the server is gone; `said` has the probability and the instant of each answer by the request's id."""

    port: int
    path: str
    name: str
    body: dict[str, Any]
    said: dict[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])

    def ask(self) -> None:
        """Ask one question after the other."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            try:
                while True:
                    request = f"{self.name}/{len(self.said)}"
                    connection.request("POST", self.path, json.dumps({**self.body, "request": request}))
                    answer = json.loads(connection.getresponse().read())
                    self.said[answer["request"]] = float(answer["p"]), time.monotonic()
            except (OSError, HTTPException):
                return  # it was killed


@dataclass(frozen=True, slots=True)
class Loss:
    """What one kill did."""

    answered: int
    found: int
    torn: int
    twice: int
    late: int
    lost: int
    oldest_s: float


def kill_once(target: Target, callers: list[Caller], seconds: float) -> float:
    """Let callers ask, kill the server after that time, and return when that was."""
    threads = [threading.Thread(target=caller.ask) for caller in callers]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    killed = time.monotonic()
    target.process.send_signal(signal.SIGKILL)
    for thread in threads:
        thread.join()
    return killed


def read_kill(log: ParquetLog, stream: str, kill: int) -> pl.DataFrame:
    """Return the rows of a stream that came of what was asked before one kill."""
    rows = log.read(stream)
    if not rows.height:
        return pl.DataFrame(schema={"request": pl.String, "p": pl.Float64})
    return rows.filter(pl.col("request").str.starts_with(f"{kill}/"))


def hold(rows: pl.DataFrame, callers: list[Caller], killed: float) -> Loss:
    """Hold a log against what was answered."""
    said = {request: answer for caller in callers for request, answer in caller.said.items()}
    found = dict(zip(rows["request"], rows["p"], strict=True))
    missing = [killed - when for request, (_, when) in said.items() if request not in found]
    wrong = sum(found[request] != p for request, (p, _) in said.items() if request in found)
    return Loss(
        answered=len(said),
        found=len(found),
        torn=wrong,
        twice=rows.height - len(found),
        late=sum(age > WAIT_S for age in missing),
        lost=len(missing),
        oldest_s=max(missing, default=0.0),
    )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--callers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=6.0)
    given = parser.parse_args()
    chance, failed, losses = random.Random(6), False, list[Loss]()
    with tempfile.TemporaryDirectory() as name:
        model = train(Path(name))
        log = ParquetLog(model.state / "log" / "delay")
        for kill in range(given.kills):
            with ExitStack() as stack:
                target = start_target(stack, Path(name), model, "key")
                body = json.loads(target.bodies.read_bytes().splitlines()[0])
                callers = [
                    Caller(target.port, target.path, f"{kill}/{number}", body) for number in range(given.callers)
                ]
                killed = kill_once(target, callers, chance.uniform(0.3, given.seconds))
            rows, vectors = read_kill(log, "predictions", kill), read_kill(log, "features.main", kill)
            loss = hold(rows, callers, killed)
            bare = rows.join(vectors, on="request", how="anti").height
            failed |= bool(loss.torn or loss.twice or loss.late or bare)
            losses.append(loss)
            print(
                f"kill {kill + 1:2}: {loss.answered:7,} answered, {loss.found:7,} found, torn {loss.torn}, twice"
                f" {loss.twice}, late {loss.late}, without a vector {bare}; lost {loss.lost:6,}, the oldest answered"
                f" {loss.oldest_s * 1e3:5,.0f} ms before"
            )
    worst = max(losses, key=lambda loss: loss.oldest_s)
    print(f"lost at most: what was answered in the last {worst.oldest_s * 1e3:,.0f} ms, bound {WAIT_S * 1e3:,.0f}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
