"""What the server counts, in the text format of Prometheus, version 0.0.4.

https://prometheus.io/docs/instrumenting/exposition_formats/. Nothing is added up for it while requests are answered but
a few whole numbers for each batch; what is written here is computed when it is asked for.
"""

import os
import resource
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from shipway.kit.version import VERSION
from shipway.serving.exporter import SpanState
from shipway.serving.log import LogState
from shipway.serving.meter import BOUNDS_US, SIZES, Counts, Meters

KIND: Final = "text/plain; version=0.0.4; charset=utf-8"
"""The media type of the format."""
_STARTED_S: Final = time.time()
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})

Sample = tuple[str, Mapping[str, str], float]
"""What a sample is called beyond its family, its labels and its value."""


def write_metrics(
    counts: Counts, meters: Meters, log: LogState, waiting_rows: int, spans: SpanState | None = None
) -> bytes:
    """Return everything that is counted.

    Args:
        counts: requests since the start.
        meters: what each version did.
        log: how the prediction log stands.
        waiting_rows: rows that wait for their shadow.
        spans: how the sending of traces stands; None where nothing is traced.
    """
    parts: list[str] = []

    def write(name: str, kind: str, said: str, samples: Iterable[Sample]) -> None:
        parts.append(f"# HELP shipway_{name} {said}\n# TYPE shipway_{name} {kind}\n")
        for suffix, labels, value in samples:
            parts.append(f"shipway_{name}{suffix}{_write_labels(labels)} {value}\n")

    write("info", "gauge", "The version of shipway.", [("", {"version": VERSION}, 1)])
    events: dict[str, int] = msgspec.to_builtins(counts)
    write("events_total", "counter", "Requests and rows by what became of them.", [
        ("", {"event": name}, value) for name, value in events.items()
    ])  # fmt: skip
    known = [
        ({"service": service, "model": model, "version": str(version)}, meter)
        for (service, model, version), meter in meters.known.items()
    ]
    write("rows_total", "counter", "Rows that a version predicted for callers, by status.", [
        ("", {**labels, "status": status}, value)
        for labels, meter in known for status, value in (("200", meter.answered), ("503", meter.failed))
    ])  # fmt: skip
    write("shadow_rows_total", "counter", "Rows that a version predicted in shadow, by how that ended.", [
        ("", {**labels, "result": result}, value)
        for labels, meter in known
        for result, value in (("ok", meter.shadowed - meter.shadow_failed), ("failed", meter.shadow_failed))
    ])  # fmt: skip
    write("wait_seconds", "histogram", "What callers waited inside the server.", [
        sample for labels, meter in known
        for sample in _list_buckets(labels, [bound / 1e6 for bound in BOUNDS_US], *meter.waits)
    ])  # fmt: skip
    write("batch_rows", "histogram", "Rows that were predicted together.", [
        sample for labels, meter in known
        for sample in _list_buckets(labels, SIZES, meter.sizes, meter.answered + meter.failed)
    ])  # fmt: skip
    write("shadow_waiting_rows", "gauge", "Rows that wait for their shadow.", [("", {}, waiting_rows)])
    write("log_waiting_rows", "gauge", "Rows of the log that are not on the disk yet.", [("", {}, log.waiting_rows)])
    write("log_written_rows_total", "counter", "Rows of the log on the disk.", [("", {}, log.written_rows)])
    write("log_dropped_rows_total", "counter", "Rows of the log that were lost.", [("", {}, log.dropped_rows)])
    write("log_failures_total", "counter", "Attempts to write the log that the disk refused.", [("", {}, log.failures)])
    if spans is not None:
        write("spans_total", "counter", "Spans of traces by what became of them.", [
            ("", {"result": name}, getattr(spans, name)) for name in ("sent", "dropped", "failed")
        ])  # fmt: skip
        write("spans_waiting", "gauge", "Spans that are not sent yet.", [("", {}, spans.waiting)])
    used = resource.getrusage(resource.RUSAGE_SELF)
    parts.append(
        "# HELP process_cpu_seconds_total User and system time.\n# TYPE process_cpu_seconds_total counter\n"
        f"process_cpu_seconds_total {used.ru_utime + used.ru_stime:.6f}\n"
        "# HELP process_resident_memory_bytes Memory in use.\n# TYPE process_resident_memory_bytes gauge\n"
        f"process_resident_memory_bytes {_read_memory(used.ru_maxrss)}\n"
        "# HELP process_start_time_seconds Start of the process.\n# TYPE process_start_time_seconds gauge\n"
        f"process_start_time_seconds {_STARTED_S:.3f}\n"
    )
    return "".join(parts).encode()


def _list_buckets(labels: Mapping[str, str], bounds: Iterable[float], counted: list[int], total: float) -> list[Sample]:
    """Return the samples of a histogram, whose last count is that of all."""
    samples: list[Sample] = [
        ("_bucket", {**labels, "le": str(bound)}, count) for bound, count in zip(bounds, counted, strict=False)
    ]
    whole = counted[-1]
    return [*samples, ("_bucket", {**labels, "le": "+Inf"}, whole), ("_sum", labels, total), ("_count", labels, whole)]


def _write_labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels.items()) + "}"


def _read_memory(most_kib: int) -> int:
    """Return the memory in use; the most there was where the system does not tell the present."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return most_kib * 1_024
