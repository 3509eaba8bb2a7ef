"""What does a row of outputs cost on its way to the log, and how large is it there?

usage: output_log.py [--rows N] [--rounds N]     4,096 rows a round and 5 rounds by default

Rows come one by one, as a server's requests do, and end as a segment on the disk. In one interleaved run: a binary
prediction as the log of predictions keeps it; a regression, ten classes and sixty-four numbers as columns of the log of
outputs; an embedding of 384 numbers by digest and shape, as that log keeps it, and as a column for each number, and as
one JSON text, which it does not do. Prints processor microseconds and bytes a row, medians of the rounds. Exits with 0
if a regression costs at most three times what a binary prediction does, and an embedding no more time than its columns
would and at most a third of their bytes.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shipway.adapters.log.parquet import ParquetLog
from shipway.core.bundle import OutputColumn
from shipway.core.record import OUTPUT, Record, Records, name_places, plan_outputs
from shipway.serving.log import LogWriter, PredictionLog, Predictions
from shipway.serving.record import Held, OutputLog, Saying, hold

NOON = 1_700_000_000_000_000
Numbers = NDArray[Any]
CLASSES = tuple(f"class{number}" for number in range(10))


def log_binary(log: PredictionLog, _: OutputLog, row: int, p: float) -> None:
    """Log one prediction of a binary model."""
    log.add_predictions(
        Predictions(
            version=1, role="live", token=1, online="", request=[f"r{row}"], row=[f"k{row}"], at=[NOON + row],
            unit=[f"u{row}"], weight=[0.5], answer_us=[100], p=[p], error={}, latency_us=[12],
        )
    )  # fmt: skip


def log_outputs(records: Records, held: Callable[[int], Held]) -> Callable[..., None]:
    """Return what logs one row of outputs."""

    def log_one(_: PredictionLog, outputs: OutputLog, row: int, __: float) -> None:
        outputs.add(
            records,
            Saying(
                version=1, role="live", token=1, online="", latency_us=12, request=[f"r{row}"], row=[f"k{row}"],
                at=[NOON + row], unit=[f"u{row}"], weight=[0.5], answer_us=[100], error={}, held=held(row),
            ),
        )  # fmt: skip

    return log_one


def as_kept(output: OutputColumn, values: Numbers) -> Callable[..., None]:
    """Return what logs an output as the log keeps it."""
    records = plan_outputs([output])
    return log_outputs(records, lambda row: hold(records, {output.name: values[row : row + 1]}))


def as_columns(values: Numbers) -> Callable[..., None]:
    """Return what logs an embedding as a column for each number."""
    names = tuple(f"{OUTPUT}long[{place}]" for place in range(values.shape[1]))
    record = Record(name="long", datatype="FP32", kind="float", columns=names)
    records = Records(form="columns", tensors=(record,))
    return log_outputs(records, lambda row: hold(records, {"long": values[row : row + 1]}))


def as_text(values: Numbers) -> Callable[..., None]:
    """Return what logs an embedding as one JSON text."""
    name = f"{OUTPUT}long"
    record = Record(name="long", datatype="BYTES", kind="text", columns=(name,), digest="digest", extent="shape")
    records = Records(form="text", tensors=(record,))
    return log_outputs(records, lambda row: Held({}, {name: [json.dumps(values[row].tolist())]}))


def measure(log_one: Callable[..., None], p: list[float], folder: Path) -> tuple[float, float]:
    """Return microseconds of processor time and bytes on the disk for each row."""
    log = ParquetLog(folder)
    writer = LogWriter()
    predictions = PredictionLog(log, writer)
    outputs = OutputLog(log, writer, predictions)
    start = time.process_time()
    for row, each in enumerate(p):
        log_one(predictions, outputs, row, each)
    outputs.seal()
    if not writer.stop(60):
        raise SystemExit(f"rows were lost: {writer.state}")
    spent = time.process_time() - start
    size = sum(path.stat().st_size for path in folder.rglob("*.parquet"))
    return spent / len(p) * 1e6, size / len(p)


def main() -> int:
    """Print what was found; return 0 if the bounds hold."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=4_096)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    draw: Any = np.random.default_rng(1)
    p: list[float] = draw.random(given.rows).tolist()
    long = draw.normal(size=(given.rows, 384)).astype(np.float32)
    declared = [
        OutputColumn(name="minutes", datatype="FP32"),
        OutputColumn(name="p", datatype="FP32", shape=(-1, 10), classes=CLASSES),
        OutputColumn(name="few", datatype="FP32", shape=(-1, 64)),
        OutputColumn(name="long", datatype="FP32", shape=(-1, 384)),
    ]
    assert not name_places(declared[3], OUTPUT), "an embedding is logged by its digest"
    ways: dict[str, Callable[..., None]] = {
        "binary": log_binary,
        "regression": as_kept(declared[0], long[:, 0]),
        "10 classes": as_kept(declared[1], long[:, :10]),
        "64 numbers": as_kept(declared[2], long[:, :64]),
        "embedding": as_kept(declared[3], long),
        "embedding as columns": as_columns(long),
        "embedding as JSON": as_text(long),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(given.rounds):
        for name, way in ways.items():
            with tempfile.TemporaryDirectory() as folder:
                found[name].append(measure(way, p, Path(folder)))
    middle = {name: [statistics.median(part) for part in zip(*each, strict=True)] for name, each in found.items()}
    for name, (us, size) in middle.items():
        sys.stdout.write(f"{name:<22} {us:8.1f} us {size:9.1f} bytes a row\n")
    ratios = {
        "regression over binary": (middle["regression"][0] / middle["binary"][0], 3.0),
        "embedding over its columns, us": (middle["embedding"][0] / middle["embedding as columns"][0], 1.0),
        "embedding over its columns, bytes": (middle["embedding"][1] / middle["embedding as columns"][1], 1 / 3),
    }
    for name, (ratio, most) in ratios.items():
        sys.stdout.write(f"{name}: {ratio:.2f}, at most {most:.2f}\n")
    return 0 if all(ratio <= most for ratio, most in ratios.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
