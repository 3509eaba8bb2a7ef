"""What a load asks: bodies from files, and requests made of a bundle's golden rows."""

from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipway.core.bundle import Golden, Manifest
from shipway.core.error import ShipwayError

QUESTIONS: Final = 256
"""Different requests that are made of golden rows at most; they are sent in turn."""
_ENCODE: Final = msgspec.json.Encoder().encode


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


def _write(golden: Golden, places: NDArray[np.int64]) -> bytes:
    inputs: list[dict[str, Any]] = []
    for tensor in golden.inputs:
        width = int(np.prod(tensor.shape[1:], dtype=np.int64))
        data = [value for place in places for value in tensor.data[place * width : (place + 1) * width]]
        shape = [len(places), *tensor.shape[1:]]
        inputs.append({"name": tensor.name, "shape": shape, "datatype": tensor.datatype, "data": data})
    return _ENCODE({"inputs": inputs})
