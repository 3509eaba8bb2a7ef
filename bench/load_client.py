"""An open model of load: requests are sent when they are due, whether those before them were answered or not.

When each request is due is drawn before the first is sent, at a constant pace or as a Poisson process, and its latency
counts from then: a server that stalls is charged with every request that waited for it (no coordinated omission). Over
several connections in turn, request after request without waiting (pipelining). One process of its own; times are those
of CLOCK_MONOTONIC, so that whoever starts it can tell what it was doing meanwhile.

Why not shipway's own generator: a server here answers up to 30,000 requests a second on one core and is asked for three
times as many (`overload.py`), or for half of it while it loads versions (`hot_swap.py`). The generator tells what
became of each request when it was due to the microsecond, and takes most of a core for 16,000 a second; here requests
of half a millisecond are sent together and answers are read together (`load_generator.py` compares them).

usage: load_client.py PORT PATH BODIES RESULT --rate R --seconds S [--connections N] [--arrivals poisson] [--seed N]

BODIES holds a body in each line. RESULT is a NumPy file with arrays `due` and `done` (seconds; NaN where no answer
came) and `status` (0 where none came), and the processor time the client took, `client_s`.
"""

import argparse
import os
import re
import select
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

STATUS: Final = re.compile(rb"HTTP/1\.1 (\d{3}) ")
LENGTH: Final = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
CHUNK_BYTES: Final = 1 << 18
LEAD_S: Final = 0.1
"""From the start to the first request that is due."""
PATIENCE_S: Final = 10.0
"""How long answers are waited for after the last request was due."""
NAP_S: Final = 0.0005
"""Requests that are due within this time of each other are sent together; latencies count from when each is due."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a load came to.

    Attributes:
        due: when each request was due, seconds of CLOCK_MONOTONIC.
        latency_s: from then until it was answered; infinite where it was not.
        status: of the answer; 0 where there is none.
        client_s: processor time of the client.
    """

    due: NDArray[np.float64]
    latency_s: NDArray[np.float64]
    status: NDArray[np.int64]
    client_s: float

    def rate_within(self, limit_s: float) -> float:
        """Return how many requests a second were answered with 200 in time, while requests came.

        What was answered after the last of them is left out: a short load would otherwise be credited with what its
        server works off afterwards, and seem to be answered faster than a long one.
        """
        good = (self.status == 200) & (self.latency_s <= limit_s) & (self.due + self.latency_s <= self.due[-1])
        return float(good.sum() / (self.due[-1] - self.due[0]))

    def quantile_ms(self, share: float, status: int = 200) -> float:
        """Return a quantile of the latencies of answers of a status, in milliseconds."""
        found = self.latency_s[self.status == status]
        return float(np.quantile(found, share) * 1e3) if len(found) else float("nan")


def put_load(
    port: int,
    path: str,
    bodies: Path,
    *,
    rate: float,
    seconds: float,
    connections: int = 64,
    seed: int = 1,
    core: int = -1,
) -> "Pending":
    """Start a client in a process of its own.

    Args:
        port: of the server.
        path: what is asked.
        bodies: a file with a body in each line.
        rate: requests a second, as a Poisson process.
        seconds: for how long.
        connections: over how many.
        seed: of the arrivals.
        core: the processor it runs on; -1 for any.
    """
    result = bodies.with_name(f"load_{time.monotonic_ns()}.npz")
    words = [sys.executable, str(Path(__file__)), str(port), path, str(bodies), str(result), "--rate", str(rate)]
    words += ["--seconds", str(seconds), "--connections", str(connections), "--seed", str(seed), "--core", str(core)]
    return Pending(subprocess.Popen(words), result)


@dataclass(frozen=True, slots=True)
class Pending:
    """A client at work."""

    process: subprocess.Popen[bytes]
    result: Path

    def wait(self) -> Load:
        """Wait for its end and return what it saw."""
        if self.process.wait() != 0:
            raise SystemExit("the client failed")
        with np.load(self.result) as found:
            done, due = found["done"], found["due"]
            latency = np.where(np.isnan(done), np.inf, done - due)
            load = Load(due, latency, found["status"], float(found["client_s"]))
        self.result.unlink()
        return load


class Client:
    """Connections that requests are sent over in turn; the answers of each come in the order of its requests."""

    def __init__(self, port: int, requests: list[bytes], due: NDArray[np.float64], connections: int) -> None:
        self.due = due
        self.done = np.full(len(due), np.nan)
        self.status = np.zeros(len(due), dtype=np.int64)
        self.requests = requests
        self.count = connections
        self.streams = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
        self.poll = select.epoll()
        self.places = {stream.fileno(): place for place, stream in enumerate(self.streams)}
        for stream in self.streams:
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stream.setblocking(False)
            self.poll.register(stream, select.EPOLLIN)
        self.unsent = [b""] * connections
        self.rest = [b""] * connections
        self.answered = [0] * connections
        self.left = len(due)

    def run(self) -> None:
        """Send everything when it is due, and read the answers."""
        due, sent, total = self.due, 0, len(self.due)
        until = due[-1] + PATIENCE_S
        while self.left and (now := time.perf_counter()) < until:
            upto = int(np.searchsorted(due, now, side="right"))
            if upto > sent:
                self.send(sent, upto)
                sent = upto
            wait = (due[sent] - time.perf_counter()) if sent < total else 0.05
            for descriptor, event in self.poll.poll(max(wait, NAP_S)):
                place = self.places[descriptor]
                if event & select.EPOLLOUT:
                    self.flush(place, b"")
                if event & ~select.EPOLLOUT:
                    self.receive(place)

    def send(self, first: int, last: int) -> None:
        """Send requests, what is due on one connection at once."""
        requests, count = self.requests, self.count
        for start in range(first, min(last, first + count)):
            data = b"".join([requests[number % len(requests)] for number in range(start, last, count)])
            self.flush(start % count, data)

    def flush(self, place: int, data: bytes) -> None:
        """Write as much as the connection takes, and keep the rest."""
        data = self.unsent[place] + data
        waited = bool(self.unsent[place])
        try:
            written = self.streams[place].send(data)
        except BlockingIOError:
            written = 0
        except OSError:
            return
        self.unsent[place] = data[written:]
        if bool(self.unsent[place]) != waited:
            events = select.EPOLLIN | (select.EPOLLOUT if self.unsent[place] else 0)
            self.poll.modify(self.streams[place], events)

    def receive(self, place: int) -> None:
        """Read answers and note when they were whole."""
        try:
            data = self.streams[place].recv(CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        now = time.perf_counter()
        if not data:
            # The server ended the connection; what was asked over it stays without an answer.
            self.poll.unregister(self.streams[place])
            self.left -= len(range(place, len(self.due), self.count)) - self.answered[place]
            return
        data = self.rest[place] + data
        found = list(STATUS.finditer(data))
        statuses = [int(each[1]) for each in found]
        end = find_end(data, found[-1].start()) if found else 0
        if end < 0:
            statuses.pop()
            end = found[-1].start()
        self.rest[place] = data[end:]
        first = self.answered[place]
        ids = slice(place + first * self.count, place + (first + len(statuses)) * self.count, self.count)
        self.done[ids] = now
        self.status[ids] = statuses
        self.answered[place] += len(statuses)
        self.left -= len(statuses)


def find_end(data: bytes, start: int) -> int:
    """Return where the answer ends that starts there; -1 if it is not all there."""
    end = data.find(b"\r\n\r\n", start)
    length = LENGTH.search(data, start, end + 2) if end >= 0 else None
    last = end + 4 + int(length[1]) if length else -1
    return last if last <= len(data) else -1


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    parser.add_argument("bodies", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--arrivals", choices=("poisson", "constant"), default="poisson")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--core", type=int, default=-1)
    given = parser.parse_args()
    if given.core >= 0:
        pin(0, given.core)
    chance = np.random.default_rng(given.seed)
    count = max(int(given.rate * given.seconds), 2)
    gaps = chance.exponential(1.0, count) if given.arrivals == "poisson" else np.ones(count)
    head = f"POST {given.path} HTTP/1.1\r\nhost: 127.0.0.1:{given.port}\r\ncontent-type: application/json\r\n"
    requests = [
        f"{head}content-length: {len(body)}\r\n\r\n".encode() + body for body in given.bodies.read_bytes().splitlines()
    ]
    client = Client(given.port, requests, np.empty(count), given.connections)
    client.due = np.cumsum(gaps) / given.rate + time.perf_counter() + LEAD_S
    client.run()
    np.savez(given.result, due=client.due, done=client.done, status=client.status, client_s=time.process_time())


def pin(pid: int, core: int) -> None:
    """Let a process run on one processor only, where there are several."""
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(pid, {core})


if __name__ == "__main__":
    main()
