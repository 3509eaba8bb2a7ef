"""What a replay came to."""

from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from shipway.app.replay.clock import Tally
from shipway.core.error import ShipwayError
from shipway.kit.file import write_atomic

REPORT: Final = "report.json"


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """How long answers took, as the client saw it: from before a request was written until its answer was read.

    Attributes:
        requests: how many were measured.
        p50_ms: half of them took no longer.
        p99_ms: 99 % took no longer.
        p999_ms: 99.9 % took no longer.
        max_ms: none took longer.
    """

    requests: int
    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float


class ReplayReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay came to, whatever was killed in between.

    What real time says (`seconds` to `together_mb`) is of the last process that drove it, from `since` on: of all of it
    where nobody stopped it.

    Attributes:
        service: which service answered.
        started_at: first instant of the period, microseconds since 1970 UTC.
        ended_at: its last, exclusive.
        tally: requests, answers, events, ticks and restarts, of the whole replay.
        since: domain time from which the last process drove it.
        seconds: real time it took.
        serving_s: of that, applying events and waiting for answers.
        deciding_s: of that, waiting for the controller at ticks.
        requests_per_second: requests answered in a second of `serving_s`.
        latency: how long answers took; None where none was asked for.
        peak_mb: process to the most memory it held, in 10^6 bytes; that of the driver from before the replay on, too.
        together_mb: the most that all of them held at once when it was looked at, which was at ticks; None where the
            system does not say.
    """

    service: str
    started_at: int
    ended_at: int
    tally: Tally
    since: int
    seconds: float
    serving_s: float
    deciding_s: float
    requests_per_second: float
    latency: Latency | None
    peak_mb: dict[str, float]
    together_mb: float | None

    @property
    def resumed(self) -> bool:
        """Tell whether real times are of a part of the replay only."""
        return self.since != self.started_at


def measure_latency(latencies_ns: "array[int] | Sequence[int]") -> Latency | None:
    """Return the quantiles of latencies, nanoseconds each; None of none.

    A quantile is a latency that was measured: the least that at least that share of requests did not exceed.
    """
    if not len(latencies_ns):
        return None
    ordered = np.sort(np.asarray(latencies_ns, dtype=np.int64)) / 1e6
    p50, p99, p999 = (float(np.quantile(ordered, share, method="inverted_cdf")) for share in (0.5, 0.99, 0.999))
    return Latency(
        requests=len(ordered),
        p50_ms=round(p50, 3),
        p99_ms=round(p99, 3),
        p999_ms=round(p999, 3),
        max_ms=round(float(ordered[-1]), 3),
    )


def read_report(folder: Path) -> ReplayReport | None:
    """Return the report of a replay that is done, None where there is none.

    Args:
        folder: the replay's folder.

    Raises:
        ShipwayError: SW-605 if the file is damaged.
    """
    path = folder / REPORT
    try:
        return msgspec.json.decode(path.read_bytes(), type=ReplayReport)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise ShipwayError("SW-605", f"{path} is damaged ({error})", "restore it from a backup") from error


def write_report(folder: Path, report: ReplayReport) -> None:
    """Keep the report of a replay."""
    write_atomic(folder / REPORT, msgspec.json.encode(report))
