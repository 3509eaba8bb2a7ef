"""How fast one machine runs a model, and when two such figures may stand beside each other."""

from collections.abc import Sequence
from typing import Final

import msgspec

from shipway.core.attestation import Attestation

LATENCY: Final = "latency"
"""The kind of attestation."""
UNKNOWN: Final = "unknown"
"""What a processor is called that does not say what it is."""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What a latency depends on, and no name.

    Attributes:
        processor: what it is called; `UNKNOWN` where it does not say.
        cores: how many of them are seen.
        system: the operating system and the architecture.
        python: the version of Python that ran.
    """

    processor: str
    cores: int | None
    system: str
    python: str

    @property
    def said(self) -> str:
        """Return the machine as one clause."""
        cores = "cores unknown" if self.cores is None else f"{self.cores} {'core' if self.cores == 1 else 'cores'}"
        return f"{self.processor}, {cores}, {self.system}, Python {self.python}"


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

    @property
    def said(self) -> str:
        """Return the two percentiles as one clause."""
        return f"p50 {write_time(self.p50_us)}, p99 {write_time(self.p99_us)}"


class LatencyProfile(msgspec.Struct, frozen=True, kw_only=True):
    """How fast one machine runs a bundle's model.

    Attributes:
        machine: which machine.
        batches: what calls of each size took.
    """

    machine: Machine
    batches: tuple[Latency, ...]

    def find(self, rows: int) -> Latency | None:
        """Return what calls of a size took; None where they were not measured."""
        return next((each for each in self.batches if each.rows == rows), None)


def read_profile(attestation: Attestation) -> LatencyProfile | None:
    """Return the latency that a statement is about; None for one of another kind, or one that says something else."""
    if attestation.kind != LATENCY:
        return None
    try:
        return msgspec.convert(attestation.body, LatencyProfile)
    except msgspec.ValidationError:
        return None


def are_alike(before: LatencyProfile | None, after: LatencyProfile | None) -> bool:
    """Tell whether two latencies may stand beside each other: of machines alike in everything that is said of them."""
    if before is None or after is None:
        return False
    return before.machine == after.machine and after.machine.processor != UNKNOWN


def compare_machines(before: LatencyProfile | None, after: LatencyProfile | None, *, ref: str, against: str) -> str:
    """Return why two latencies may not stand beside each other, as a clause; empty where they may.

    Args:
        before: of the version that is compared with.
        after: of the later one.
        ref: what the later one is called.
        against: what the other one is called.
    """
    if are_alike(before, after):
        return ""
    if before is None or after is None:
        missing = [name for name, found in ((against, before), (ref, after)) if found is None]
        return f"latency is not compared: that of {' and '.join(missing)} was not measured"
    if before.machine == after.machine:
        return f"latency is not compared: nothing says that {ref} and {against} ran on one kind of processor"
    said = f"{ref} was measured on {after.machine.said}; {against} on {before.machine.said}"
    return f"latency is not compared, as the machines differ: {said}"


def list_sizes(profiles: Sequence[LatencyProfile | None]) -> list[int]:
    """Return the sizes of calls that any of several profiles knows, ascending."""
    return sorted({each.rows for profile in profiles if profile is not None for each in profile.batches})


def write_time(us: float) -> str:
    """Return a time of microseconds as it is read: with a tenth of them, or as milliseconds from one on."""
    return f"{us / 1_000:,.2f} ms" if us >= 1_000 else f"{us:.1f} us"
