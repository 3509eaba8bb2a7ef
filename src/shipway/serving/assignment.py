"""Who meets what, in the process that asks: sticky assignment to variants, and the log of who met them.

`shipway.experiments(folder).assign("fares", "c0042")` reads nothing but one small file, which it follows as experiments
begin and end.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from os import PathLike
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Final, Self, cast

import msgspec

from shipway.core.error import ShipwayError
from shipway.core.split import FILE, VERSION, Assignment, Split, assign, write_unit
from shipway.ports.adapter import load_adapter
from shipway.ports.log import Log

EXPOSURES: Final = "exposures"
"""The folder of a project's state in which exposures are logged, a stream for each experiment."""
_KEPT: Final = 1_000
"""Exposures of an experiment that are written together, and the most that are kept where they cannot be written."""
_MET: Final = 100_000
"""Units that are remembered as logged; a unit that is logged twice still counts once."""


@dataclass(frozen=True, slots=True)
class _Exposure:
    """A unit that met its variant, with its keys as they were then: the experiment may end before this is written."""

    id: str
    at: int
    found: Assignment
    keys: tuple[str, ...]
    values: tuple[Any, ...]


class Experiments:
    """The experiments of a project, for a process that assigns units to variants. Threads may share it."""

    def __init__(self, root: Path) -> None:
        """Take note of a project's folder; nothing is opened yet."""
        self._state = root / ".shipway"
        self._clock = load_adapter("clock.system")()
        self._seen: tuple[int, int] | None = None
        self._split = Split()
        self._lock = Lock()
        self._log: Log | None = None
        self._kept: dict[str, list[_Exposure]] = {}
        self._met: dict[tuple[str, int, str], None] = {}

    @property
    def running(self) -> list[str]:
        """Return the names of the experiments that units are assigned to, those that were decided among them."""
        return [name for name, run in self._read().experiments.items() if not (run.stopped or run.service)]

    def assign(
        self, experiment: str, unit: str | int | Sequence[Any] | Mapping[str, Any], *, at: int | None = None
    ) -> str | None:
        """Return the variant that a unit meets: the same for it in every process, as long as the experiment runs.

        Args:
            experiment: its name.
            unit: the unit's key, or that of its cluster where clusters are assigned; several values in order, or by
                name.
            at: when, microseconds since 1970 UTC, by default now; only a switchback looks at it.

        Returns:
            The variant; None for a unit that is held out or not among those the experiment takes, and for every unit
            once it was stopped: it meets what was there before. Where a run before was decided, that is its variant.

        Raises:
            ShipwayError: SW-104 for an experiment that never began, SW-802 for a unit that is none, SW-457 for an
                experiment whose units a service assigns.
        """
        return self.explain(experiment, unit, at=at).variant

    def explain(
        self, experiment: str, unit: str | int | Sequence[Any] | Mapping[str, Any], *, at: int | None = None
    ) -> Assignment:
        """Return what a unit meets, and why; errors as for `assign`."""
        return assign(self._read(), experiment, unit, self._clock.now() if at is None else at)

    def expose(
        self, experiment: str, unit: str | int | Sequence[Any] | Mapping[str, Any], *, at: int | None = None
    ) -> str | None:
        """Assign a unit and log that it met its variant; call it where the variants begin to differ, not before.

        Exposures are written some at a time, the rest by `flush` or `close`. A unit's first exposure is what counts, so
        one that was logged lately is not logged again.

        Args:
            experiment: its name.
            unit: the unit's key, as for `assign`.
            at: when, microseconds since 1970 UTC; by default now.

        Returns:
            The variant, as `assign`; a unit without one is not logged, and neither is one of a decided experiment.

        Raises:
            ShipwayError: as `assign`; SW-601 or SW-602 if the log cannot be written. What was to be written is kept for
                the next time, and this unit is not taken to be logged.
        """
        split = self._read()
        when = self._clock.now() if at is None else at
        found = assign(split, experiment, unit, when)
        if found.why != "assigned":
            return found.variant
        keys = split.layer_of(experiment).keys
        with self._lock:
            met = experiment, found.number, found.unit
            if met in self._met:
                return found.variant
            kept = self._kept.setdefault(experiment, [])
            if len(kept) >= _KEPT:
                self._write(experiment)
            if len(self._met) >= _MET:
                self._met.clear()
            self._met[met] = None
            kept.append(_Exposure(secrets.token_hex(8), when, found, keys, _values(unit, keys)))
        return found.variant

    def flush(self) -> None:
        """Write the exposures that are not written yet; they are durable when this returns.

        Raises:
            ShipwayError: SW-601 or SW-602 if the log cannot be written; what is not written is kept for the next time.
        """
        with self._lock:
            for experiment in self._kept:
                self._write(experiment)

    def close(self) -> None:
        """Write what is not written yet."""
        self.flush()

    def __enter__(self) -> Self:
        """Return this, to be closed at the end of the block."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close."""
        self.close()

    def _write(self, experiment: str) -> None:
        """Write what is kept of an experiment; a row is kept until the log has it, by the same id however often."""
        kept = self._kept[experiment]
        if not kept:
            return
        log = self._log or cast("Log", load_adapter("log.parquet")(self._state / EXPOSURES))
        self._log = log
        for keys, group in groupby(list(kept), key=lambda each: each.keys):
            rows = list(group)
            columns: dict[str, Any] = {
                "exposure": [each.id for each in rows],
                "at": [each.at for each in rows],
                "unit": [each.found.unit for each in rows],
                "variant": [each.found.variant for each in rows],
                "run": [each.found.number for each in rows],
            }
            columns |= {key: [each.values[place] for each in rows] for place, key in enumerate(keys)}
            log.append(experiment, columns)
            del kept[: len(rows)]

    def _read(self) -> Split:
        """Return what runs, read anew if it was written anew."""
        path = self._state / FILE
        try:
            found = path.stat()
        except OSError:
            return Split()
        seen = found.st_ino, found.st_mtime_ns
        if seen != self._seen:
            self._split = _decode(path)
            self._seen = seen
        return self._split


def experiments(project: str | PathLike[str] = ".") -> Experiments:
    """Return the experiments of a project, to assign units to variants in this process.

    Args:
        project: the project's folder.
    """
    return Experiments(Path(project))


def _values(unit: str | int | Sequence[Any] | Mapping[str, Any], keys: Sequence[str]) -> tuple[Any, ...]:
    """Return the values of a unit's keys, in order."""
    write_unit(unit, keys)
    if isinstance(unit, Mapping):
        return tuple(unit[key] for key in keys)
    return (unit,) if isinstance(unit, str | int) else tuple(unit)


def _decode(path: Path) -> Split:
    try:
        split = msgspec.json.decode(path.read_bytes(), type=Split)
    except (OSError, msgspec.MsgspecError) as error:
        hint = "shipway experiment list writes it anew"
        raise ShipwayError("SW-605", f"{path} is damaged ({error})", hint) from error
    if split.version > VERSION:
        fact = f"{path} has layout {split.version}, and this shipway reads layout {VERSION}"
        raise ShipwayError("SW-606", fact, "install a newer shipway here")
    return split
