"""How fast one machine runs a model: said beside its bundle, because another machine is another number."""

import os
import platform
from pathlib import Path
from time import perf_counter_ns, process_time_ns
from typing import Any, Final

import msgspec
import numpy as np

from shipway.core.attestation import Attestation
from shipway.core.bundle import Golden
from shipway.core.tensor import Tensors
from shipway.ports.model import Predictor

LATENCY: Final = "latency"
"""The kind of attestation."""
BATCHES: Final = (1, 16, 256)
"""Rows that are asked for at once."""
_WARM: Final = 3
_MOST_CALLS: Final = 200
_BUDGET_NS: Final = 100_000_000
"""Real time that is spent on each size of batch, at most by one call more."""


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """What calls of one size took, without a server around them.

    Attributes:
        rows: rows of a call.
        calls: how many there were.
        p50_us: median of real time.
        p99_us: 99th percentile of real time.
        cpu_us: processor time of a call, on average over all threads.
    """

    rows: int
    calls: int
    p50_us: float
    p99_us: float
    cpu_us: float


def measure_latency(predictor: Predictor, golden: Golden) -> list[Latency]:
    """Measure how long a model takes for its golden rows, repeated until there are enough.

    Args:
        predictor: the model in the form that is served.
        golden: rows to ask about.
    """
    tensors = golden.tensors
    return [_measure(predictor, _repeat(tensors, golden.rows, rows), rows) for rows in BATCHES]


def attest_latency(bundle: str, predictor: Predictor, golden: Golden) -> Attestation:
    """Return how fast this machine runs a bundle's model, and which machine that is."""
    body: dict[str, Any] = {"machine": describe_machine(), "batches": measure_latency(predictor, golden)}
    return Attestation(kind=LATENCY, bundle=bundle, body=msgspec.to_builtins(body))


def describe_machine() -> dict[str, Any]:
    """Return what a latency depends on and no name: processor, cores, system, and the Python that ran."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _measure(predictor: Predictor, tensors: Tensors, rows: int) -> Latency:
    for _ in range(_WARM):
        predictor.infer(tensors)
    took: list[int] = []
    cpu, begun = process_time_ns(), perf_counter_ns()
    while len(took) < _MOST_CALLS and perf_counter_ns() - begun < _BUDGET_NS:
        start = perf_counter_ns()
        predictor.infer(tensors)
        took.append(perf_counter_ns() - start)
    cpu = process_time_ns() - cpu
    p50, p99 = np.percentile(took, [50, 99]) / 1_000
    return Latency(
        rows=rows,
        calls=len(took),
        p50_us=round(float(p50), 1),
        p99_us=round(float(p99), 1),
        cpu_us=round(cpu / len(took) / 1_000, 1),
    )


def _repeat(tensors: Tensors, there: int, rows: int) -> Tensors:
    places = np.arange(rows) % there
    return {name: np.ascontiguousarray(array[places]) for name, array in tensors.items()}


def _processor() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
            names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
            return next(names, "") or platform.processor() or "unknown"
    except OSError:
        return platform.processor() or "unknown"
