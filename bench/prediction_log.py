"""What does the prediction log cost as Parquet segments, against JSON lines and CSV of the same rows?

Each segment is 8,192 requests, as one flush of the server writes them: the 13 columns of a prediction and 149 features,
of which a third are counts, a third shares with few values and a third continuous, one value in ten missing (NaN). All
three formats are written from the same arrays and lists, forced to the disk, read back whole and compared value by
value; the rounds take turns, so that whatever else the machine does meets all of them.

    segments     `shipway.adapters.log.parquet.ParquetLog`
    json lines   one object a line by msgspec, read by Polars; NaN is written as null, JSON has no word for it
    csv          written and read by Polars

    python bench/prediction_log.py [rounds]
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.adapters.log.parquet import ParquetLog
from shipway.core.prediction import PREDICTION_COLUMNS

ROWS: Final = 8_192
FEATURES: Final = 149
SEGMENTS: Final = 2
HOUR_US: Final = 3_600_000_000

Columns = dict[str, list[str] | list[None] | NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Format:
    """One way to keep rows: writes segments into a folder, and reads them back."""

    write: Callable[[Path, list[Columns]], None]
    read: Callable[[Path], pl.DataFrame]
    write_s: list[float] = field(default_factory=list[float])
    read_s: list[float] = field(default_factory=list[float])


def make_segment(rng: np.random.Generator, number: int) -> Columns:
    """Return one segment as the server has it: arrays of numbers, lists of text."""
    at = np.sort(rng.integers(number * HOUR_US, (number + 1) * HOUR_US, ROWS))
    names = [f"2013-07-{number + 1:02}/UA/{place}/EWR" for place in range(ROWS)]
    columns: Columns = {
        "request": [f"{number}-{place:08x}" for place in range(ROWS)],
        "row": names,
        "at": at,
        "unit": names,
        "version": np.full(ROWS, 2),
        "role": ["live" if share > 0.1 else "shadow" for share in rng.random(ROWS)],
        "weight": np.full(ROWS, 0.1),
        "token": np.full(ROWS, 41),
        "p": rng.beta(1, 4, ROWS),
        "error": [None] * ROWS,
        "latency_us": rng.gamma(4, 60, ROWS).astype(np.int64),
        "answer_us": rng.gamma(4, 150, ROWS).astype(np.int64),
        "online": ["3f2a5b6c7d8e9f01"] * ROWS,
    }
    if list(columns) != list(PREDICTION_COLUMNS):
        raise SystemExit("the columns are not those of the log")
    for place in range(FEATURES):
        count = rng.poisson(30, ROWS).astype(np.float64)
        values = (count, rng.binomial(24, 0.2, ROWS) / 24, rng.gamma(2, 15, ROWS))[place % 3]
        values[rng.random(ROWS) < 0.1] = np.nan
        columns[f"view__feature_{place}"] = values
    return columns


def write_segments(folder: Path, segments: list[Columns]) -> None:
    log = ParquetLog(folder)
    for columns in segments:
        log.append("s", columns)


def read_segments(folder: Path) -> pl.DataFrame:
    return ParquetLog(folder).read("s")


def write_json(folder: Path, segments: list[Columns]) -> None:
    encoder = msgspec.json.Encoder()
    with (folder / "log.jsonl").open("wb") as file:
        for columns in segments:
            lists = [values if isinstance(values, list) else values.tolist() for values in columns.values()]
            file.write(encoder.encode_lines([dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]))
            file.flush()
            os.fsync(file.fileno())


def read_json(folder: Path) -> pl.DataFrame:
    return pl.read_ndjson(folder / "log.jsonl", schema=SCHEMA).with_columns(pl.col(FLOATS).fill_null(np.nan))


def write_csv(folder: Path, segments: list[Columns]) -> None:
    with (folder / "log.csv").open("wb") as file:
        for number, columns in enumerate(segments):
            pl.DataFrame(columns, schema=SCHEMA).write_csv(file, include_header=number == 0)
            file.flush()
            os.fsync(file.fileno())


def read_csv(folder: Path) -> pl.DataFrame:
    return pl.read_csv(folder / "log.csv", schema=SCHEMA)


KINDS: Final = {"text": pl.String(), "int": pl.Int64(), "float": pl.Float64()}
FLOATS: Final = [f"view__feature_{place}" for place in range(FEATURES)]
SCHEMA: Final = pl.Schema(
    {name: KINDS[kind] for name, kind in PREDICTION_COLUMNS.items()} | dict.fromkeys(FLOATS, pl.Float64())
)


def run_round(kept: Format, segments: list[Columns], expected: pl.DataFrame) -> int:
    """Write and read once, check every value, note the seconds and return the bytes written."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started = time.perf_counter()
        kept.write(folder, segments)
        kept.write_s.append(time.perf_counter() - started)
        started = time.perf_counter()
        found = kept.read(folder)
        kept.read_s.append(time.perf_counter() - started)
        if not found.equals(expected):
            raise SystemExit("what was read is not what was written")
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    started = time.perf_counter()
    rng = np.random.default_rng(8)
    segments = [make_segment(rng, number) for number in range(SEGMENTS)]
    expected = pl.concat([pl.DataFrame(columns, schema=SCHEMA) for columns in segments])
    formats = {
        "segments": Format(write_segments, read_segments),
        "json lines": Format(write_json, read_json),
        "csv": Format(write_csv, read_csv),
    }
    sizes: dict[str, int] = {}
    for turn in range(rounds + 1):
        for name, kept in formats.items():
            sizes[name] = run_round(kept, segments, expected)
            if turn == 0:  # the first round pays for what is loaded once
                kept.write_s.clear()
                kept.read_s.clear()
    rows = ROWS * SEGMENTS
    print(f"{SEGMENTS} segments of {ROWS:,} rows x {len(SCHEMA)} columns, median of {rounds} rounds that take turns")
    print("               write rows/s   read rows/s   bytes/row     as a multiple of segments: write s, read s, bytes")
    first = formats["segments"]
    for name, kept in formats.items():
        write, read = float(np.median(kept.write_s)), float(np.median(kept.read_s))
        ratios = [
            float(np.median(np.divide(kept.write_s, first.write_s))),
            float(np.median(np.divide(kept.read_s, first.read_s))),
            sizes[name] / sizes["segments"],
        ]
        shown = ", ".join(f"{ratio:.1f}x" for ratio in ratios)
        print(f"  {name:10} {rows / write:14,.0f} {rows / read:13,.0f} {sizes[name] / rows:11,.0f}     {shown}")
    print(f"every value read back is the one written; {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
