"""How much memory processes hold, as the system counts it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_KB_IN_MB: Final = 1024 / 1e6


class MemoryWatch:
    """The most memory that processes held, each by itself and all at once, as far as it was looked at.

    Attributes:
        peak_mb: process to the most it has held since it started, in 10^6 bytes; over all processes of one name.
        together_mb: the most that all held at one look, a page that several share counted once; None where the system
            does not say.
    """

    def __init__(self) -> None:
        """Start with nothing seen."""
        self.peak_mb: dict[str, float] = {}
        self.together_mb: float | None = None

    def look(self, processes: Mapping[str, int]) -> None:
        """Look at processes, by name and number; one that is gone holds nothing."""
        held = 0.0
        for name, pid in processes.items():
            peak = read_field(_PROC / str(pid) / "status", "VmHWM")
            share = read_field(_PROC / str(pid) / "smaps_rollup", "Pss")
            if peak is not None:
                self.peak_mb[name] = max(peak, self.peak_mb.get(name, 0.0))
            held += share or 0.0
        if held:
            self.together_mb = max(held, self.together_mb or 0.0)


def read_field(path: Path, field: str) -> float | None:
    """Return a field of a process's file under /proc in 10^6 bytes, None where there is no such file or field."""
    try:
        lines = path.read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    found = (line.split() for line in lines if line.startswith(f"{field}:"))
    return next((int(words[1]) * _KB_IN_MB for words in found), None)
