"""How fast one machine runs a model: said beside its bundle, because another machine is another number."""

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter_ns, process_time_ns
from typing import Final

import msgspec
import numpy as np

from shipway.core.attestation import Attestation
from shipway.core.bundle import Golden, Manifest
from shipway.core.latency import LATENCY, UNKNOWN, Latency, LatencyProfile, Machine
from shipway.core.tensor import Tensors
from shipway.ports.model import Predictor

BATCHES: Final = (1, 16, 256)
"""Rows that are asked for at once."""
CPUINFO: Final = Path("/proc/cpuinfo")
"""What Linux says of the processors."""
_WARM: Final = 3
_MOST_CALLS: Final = 200
_BUDGET_NS: Final = 100_000_000
"""Real time that is spent on each size of batch, at most by one call more."""


def measure_latency(predictor: Predictor, golden: Golden, sizes: Sequence[int] = BATCHES) -> list[Latency]:
    """Measure how long a model takes for its golden rows, repeated until there are enough.

    Args:
        predictor: the model in the form that is served.
        golden: rows to ask about.
        sizes: rows of a call.
    """
    tensors = golden.tensors
    return [_measure(predictor, _repeat(tensors, golden.rows, rows), rows) for rows in sizes]


def attest_latency(manifest: Manifest, predictor: Predictor, golden: Golden) -> Attestation:
    """Return how fast this machine runs a bundle's model, and which machine that is.

    Args:
        manifest: the bundle's.
        predictor: the model in the form that is served; one that takes a fixed number of rows is asked about as many.
        golden: rows to ask about.
    """
    fixed = any(column.shape[0] != -1 for column in manifest.inputs)
    batches = measure_latency(predictor, golden, (golden.rows,) if fixed else BATCHES)
    profile = LatencyProfile(machine=describe_machine(), batches=tuple(batches))
    return Attestation(kind=LATENCY, bundle=manifest.digest, body=msgspec.to_builtins(profile))


def describe_machine() -> Machine:
    """Return the machine that this process runs on."""
    return Machine(
        processor=_processor(),
        cores=os.cpu_count(),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
    )


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
    """Return what the processor is called: by its name, or by its maker's number and its own where it has no name."""
    try:
        lines = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    said = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in reversed(lines))}
    if "model name" in said:
        return said["model name"]
    if "CPU part" in said:
        return f"implementer {said.get('CPU implementer', UNKNOWN)} part {said['CPU part']}"
    return platform.processor() or UNKNOWN
