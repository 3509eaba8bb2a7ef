"""What a load asks: bodies from files, requests made of a bundle's golden rows, or what a service was really asked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.app.workspace import Workspace
from shipway.core.bundle import Golden, Manifest
from shipway.core.error import ShipwayError
from shipway.core.load import Pattern
from shipway.maths.arrival import BLOCK, Stretch
from shipway.monitoring.prediction import read_predictions
from shipway.monitoring.reading import read_vectors, served

QUESTIONS: Final = 256
"""Different requests that are made of golden rows at most; they are sent in turn."""
MOST_REPLAYED: Final = 1_000_000
"""Requests that a replay sends at most: their bodies are in memory."""
_ENCODE: Final = msgspec.json.Encoder().encode
_ANSWERED: Final = ("request", "version", "role", "at", "p", "online", "token")


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a service was asked, and when.

    Attributes:
        bodies: as tensors of the Open Inference Protocol, in order of time.
        at_us: the instants asked for, microseconds from the first.
    """

    bodies: list[bytes]
    at_us: NDArray[np.int64]

    def make_pattern(self, rate: float | None) -> Pattern:
        """Return the pattern of it.

        Args:
            rate: requests a second on average, to which its time is stretched; its own time where None.
        """
        seconds = max(float(self.at_us[-1]) / 1e6, 1e-3) if rate is None else len(self.bodies) / rate
        mean = len(self.bodies) / seconds
        return Pattern(name="replay", stretches=(Stretch(seconds, mean, mean),), arrivals="logged")

    def draw(self, pattern: Pattern) -> Iterator[NDArray[np.int64]]:
        """Yield when each is due, nanoseconds from the begin."""
        span = max(int(self.at_us[-1]), 1)
        due = np.rint(self.at_us * (pattern.seconds * 1e9 / span)).astype(np.int64)
        for start in range(0, len(due), BLOCK):
            yield due[start : start + BLOCK]


def read_body(path: Path) -> bytes:
    """Return a file's content; SW-201 where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as fault:
        raise ShipwayError("SW-201", f"{path} cannot be read ({fault.strerror})", "name a file with a body") from fault


def read_bodies(path: Path) -> list[bytes]:
    """Return the lines of a file, each a body, without empty ones; SW-201 where it cannot be read, SW-204 if empty."""
    bodies = [line for line in read_body(path).split(b"\n") if line.strip()]
    if not bodies:
        raise ShipwayError("SW-204", f"{path} has no line with a body", "write one JSON document a line")
    return bodies


def write_questions(manifest: Manifest, golden: Golden, rows: int) -> list[bytes]:
    """Return requests of the Open Inference Protocol with golden rows, each beginning at another one.

    Args:
        manifest: of the bundle; a model that takes a fixed number of rows is always asked about as many.
        golden: rows that travel with it.
        rows: of a request.
    """
    fixed = any(column.shape and column.shape[0] != -1 for column in manifest.inputs)
    there = golden.rows
    starts = [0] if fixed else range(min(there, QUESTIONS))
    taken = np.arange(there if fixed else rows)
    return [_write(golden, (start + taken) % there) for start in starts]


def read_traffic(workspace: Workspace, service: str, manifest: Manifest) -> Traffic:
    """Return what a service was asked, as the vectors that a version of its model reads.

    Args:
        workspace: the project's state.
        service: its name.
        manifest: of the bundle that is to be asked.

    Raises:
        ShipwayError: SW-443 where nothing was logged that the bundle reads, SW-605 for a damaged segment of the log.
    """
    log, names = workspace.open_log(service), [column.name for column in manifest.inputs]
    predicts = manifest.predicts or "condition"
    asked = served(read_predictions(log, predicts, _ANSWERED, classes=manifest.classes))
    frames = [
        read_vectors(log, online, names, None, None)
        for online in asked["online"].drop_nulls().unique(maintain_order=True)
    ]
    found = [each for each in frames if each.height]
    if not found:
        fact = f"the log of {service!r} has no vectors that {manifest.model}@{manifest.version} reads"
        raise ShipwayError("SW-443", fact, "name a service of that model that has answered, or leave --log away")
    rows = pl.concat(found, how="vertical_relaxed").sort("at", maintain_order=True).head(MOST_REPLAYED)
    at = rows["at"].to_numpy().astype(np.int64)
    return Traffic([_write_row(manifest, row) for row in rows.select(names).iter_rows()], at - at[0])


def _write(golden: Golden, places: NDArray[np.int64]) -> bytes:
    inputs: list[dict[str, Any]] = []
    for tensor in golden.inputs:
        width = int(np.prod(tensor.shape[1:], dtype=np.int64))
        data = [value for place in places for value in tensor.data[place * width : (place + 1) * width]]
        shape = [len(places), *tensor.shape[1:]]
        inputs.append({"name": tensor.name, "shape": shape, "datatype": tensor.datatype, "data": data})
    return _ENCODE({"inputs": inputs})


def _write_row(manifest: Manifest, row: Sequence[Any]) -> bytes:
    """Return a request about one vector; JSON has no NaN, and null is a missing value."""
    inputs = [
        {"name": column.name, "shape": [1], "datatype": "BYTES" if isinstance(value, str) else "FP64", "data": [value]}
        for column, value in zip(manifest.inputs, row, strict=True)
    ]
    return _ENCODE({"inputs": inputs})
