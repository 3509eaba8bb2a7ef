"""What a service was really asked, from its log, as requests that can be sent again.

Whatever a model reads is replayed as a request about one row: the features of a row that was asked about by key and the
vectors and tensors that callers sent, each tensor by its name. Models that say one number a row, and those that say
anything else, differ in where the log has their answers, not in what they were asked.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.bundle import Manifest
from shipway.core.error import ShipwayError
from shipway.core.load import Pattern
from shipway.core.prediction import FEATURE_COLUMNS, INPUTS, OUTPUTS, PREDICTIONS
from shipway.core.record import INPUT, Record, name_inputs, plan_tensors
from shipway.maths.arrival import BLOCK, Stretch
from shipway.monitoring.reading import read_vectors, served
from shipway.ports.log import Log

MOST_REPLAYED: Final = 1_000_000
"""Requests that a replay sends at most: their bodies are in memory."""
_SERVED: Final = ("request", "version", "role", "at", "p", "online", "token")
_ENCODE: Final = msgspec.json.Encoder().encode

Write: TypeAlias = Callable[[Sequence[Any]], bytes]
"""Makes a request of the values of a row."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a service was asked, and when.

    Attributes:
        bodies: as tensors of the Open Inference Protocol, in order of time.
        at_us: the instants asked for, microseconds from the first.
        left_out: how many requests more there were, of which the log does not hold every value.
    """

    bodies: list[bytes]
    at_us: NDArray[np.int64]
    left_out: int = 0

    @property
    def lack(self) -> str:
        """Return what is missing of it, as a clause; empty where nothing is."""
        return f", less {self.left_out:,} whose values the log does not hold" if self.left_out else ""

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


def read_traffic(log: Log, service: str, manifest: Manifest) -> Traffic:
    """Return what a service was asked, as a version of its model reads it.

    Args:
        log: of the service.
        service: its name.
        manifest: of the bundle that is to be asked.

    Raises:
        ShipwayError: SW-443 where nothing was logged that the bundle reads, or of a tensor nothing but its digest;
            SW-605 for a damaged segment of the log.
    """
    if manifest.reads == "matrix":
        names = [column.name for column in manifest.inputs]
        rows, left_out = _read_vectors(log, names), 0
        write = _write_vector(manifest)
    else:
        records = plan_tensors(manifest.inputs, INPUT)
        _refuse_digests(service, records)
        names = [column for record in records for column in record.columns]
        rows, left_out = _read_tensors(log, manifest, records)
        write = _write_tensors(manifest, records)
    if not rows.height:
        said = f", but for {left_out:,} whose values it does not hold" if left_out else ""
        fact = f"the log of {service!r} has nothing that {manifest.model}@{manifest.version} reads{said}"
        raise ShipwayError("SW-443", fact, "name a service of that model that has answered, or leave --log away")
    # A row that two versions read from two stores was asked about once.
    asked = rows.unique("request", keep="first", maintain_order=True).sort("at", maintain_order=True)
    asked = asked.head(MOST_REPLAYED)
    at = asked["at"].to_numpy().astype(np.int64)
    return Traffic([write(row) for row in asked.select(names).iter_rows()], at - at[0], left_out)


def _read_vectors(log: Log, names: Sequence[str]) -> pl.DataFrame:
    """Return the vectors that callers sent, and those that were read from stores."""
    frames = [read_vectors(log, online, names, None, None) for online in _list_stores(log)]
    found = [each for each in frames if each.height]
    return pl.concat(found, how="vertical_relaxed") if found else pl.DataFrame()


def _list_stores(log: Log) -> list[str]:
    """Return the stores that answers rest on, in the order of the log; an empty name for what callers sent."""
    there, found = log.streams(), list[str]()
    if PREDICTIONS in there:
        found += served(log.read(PREDICTIONS, columns=_SERVED))["online"].drop_nulls().to_list()
    for stream in there:
        if stream.startswith(OUTPUTS):
            said = log.read(stream, columns=("role", "online"))
            found += said.filter(pl.col("role") == "live")["online"].drop_nulls().to_list()
    return list(dict.fromkeys(found))


def _read_tensors(log: Log, manifest: Manifest, records: Sequence[Record]) -> tuple[pl.DataFrame, int]:
    """Return the tensors that callers sent, and how many requests the log does not hold every value of."""
    stream = f"{INPUTS}{name_inputs(manifest.reads, manifest.inputs)}"
    if stream not in log.streams():
        return pl.DataFrame(), 0
    digests = [record.digest for record in records if record.digest]
    numbers = [column for record in records if record.kind == "float" for column in record.columns]
    columns = [column for record in records for column in record.columns]
    rows = log.read(stream, columns=(*FEATURE_COLUMNS, *columns, *digests))
    # A text that is too long is logged by its digest, and JSON has no infinite number.
    lost = [pl.col(name).is_not_null() for name in digests] + [pl.col(name).is_infinite() for name in numbers]
    whole = rows.filter(~pl.any_horizontal(lost).fill_null(value=False)) if lost else rows
    return whole, rows.height - whole.height


def _refuse_digests(service: str, records: Sequence[Record]) -> None:
    for record in records:
        if not record.columns:
            fact = f"the log of {service!r} has of tensor {record.name!r} nothing but its digest"
            hint = "it has too many places, or as many as a caller likes; send golden rows, or files by --bodies"
            raise ShipwayError("SW-443", fact, hint)


def _write_vector(manifest: Manifest) -> Write:
    """Return what makes a request about one vector; JSON has no NaN, and null is a missing value."""

    def write(row: Sequence[Any]) -> bytes:
        inputs = [
            {"name": column.name, "shape": [1], "datatype": "BYTES" if isinstance(value, str) else "FP64",
             "data": [value]}
            for column, value in zip(manifest.inputs, row, strict=True)
        ]  # fmt: skip
        return _ENCODE({"inputs": inputs})

    return write


def _write_tensors(manifest: Manifest, records: Sequence[Record]) -> Write:
    """Return what makes a request about one row of tensors."""
    # A whole number that no column holds stands in the log as a text.
    texts = [record.kind == "text" and record.datatype != "BYTES" for record in records]

    def write(row: Sequence[Any]) -> bytes:
        inputs: list[dict[str, Any]] = []
        start = 0
        for column, record, written in zip(manifest.inputs, records, texts, strict=True):
            data = row[start : start + len(record.columns)]
            start += len(record.columns)
            values = [int(value) for value in data] if written else list(data)
            shape = [1, *column.shape[1:]]
            inputs.append({"name": column.name, "shape": shape, "datatype": column.datatype, "data": values})
        return _ENCODE({"inputs": inputs})

    return write
