"""The domain time of a replay: a position that survives whatever process, and the ticks at which it is made durable.

`clock.json` is written by the driver: everything up to the position was answered, logged and applied. `control.json` is
written by the controller: it has reconciled what was known at that tick. Time goes on when both name the same instant.
"""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from shipway.app.workspace import Workspace
from shipway.core.config import instant_of
from shipway.core.error import ShipwayError
from shipway.kit.duration import DAY
from shipway.kit.file import write_atomic

Said = TypeVar("Said")

CLOCK: Final = "clock.json"
CONTROL: Final = "control.json"
AFTER_DAYS: Final = 2
"""How many days events run on at least after the last request, so that what came true is known."""

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay came to up to its position, whatever was killed in between.

    Attributes:
        requests: requests answered.
        statuses: HTTP status to how many answers had it; 503 is a version that failed.
        events: events applied to online stores; one that two stores need counts twice.
        updates: entries of series written for them.
        ticks: ticks reached after the first.
        restarts: process to how often it was started again.
    """

    requests: int = 0
    statuses: dict[str, int] = {}
    events: int = 0
    updates: int = 0
    ticks: int = 0
    restarts: dict[str, int] = {}


class ReplayClock(msgspec.Struct, frozen=True, kw_only=True):
    """Where a replay stands, in microseconds since 1970 UTC.

    Attributes:
        position: the last tick; what was asked before it is answered and logged, what was known by it is applied.
        start: first instant of the period.
        end: its last, exclusive.
        done: whether the last tick was reconciled.
        tally: what it came to so far.
    """

    position: int
    start: int
    end: int
    done: bool = False
    tally: Tally = Tally()


class Reconciled(msgspec.Struct, frozen=True, kw_only=True):
    """What the controller says: the newest tick that it has reconciled, microseconds since 1970 UTC."""

    reconciled: int


def replay_folder(workspace: Workspace) -> Path:
    """Return the folder of a project's state that a replay keeps its position in."""
    return workspace.folder / "replay"


def read_clock(folder: Path) -> ReplayClock | None:
    """Return where a replay stands, None where none has begun.

    Args:
        folder: the replay's folder.

    Raises:
        ShipwayError: SW-605 if the file is damaged.
    """
    return _read(folder / CLOCK, ReplayClock)


def write_clock(folder: Path, clock: ReplayClock) -> None:
    """Make a position durable."""
    write_atomic(folder / CLOCK, msgspec.json.encode(clock))


def read_reconciled(folder: Path) -> int | None:
    """Return the newest tick that the controller has reconciled, None before the first; errors as `read_clock`."""
    said = _read(folder / CONTROL, Reconciled)
    return None if said is None else said.reconciled


def write_reconciled(folder: Path, tick: int) -> None:
    """Say, durably, that everything was decided that follows from what was known at a tick."""
    write_atomic(folder / CONTROL, msgspec.json.encode(Reconciled(reconciled=tick)))


def list_ticks(start: int, end: int, tick_us: int, timezone: str) -> list[int]:
    """Return the ticks of a period: its first instant, every tick between, and its end.

    Ticks of whole days lie on midnights of the zone, which are 23 or 25 hours apart where clocks change.

    Args:
        start: microseconds since 1970 UTC.
        end: likewise, later than `start`.
        tick_us: how often.
        timezone: whose midnights.
    """
    between = range(start + tick_us, end, tick_us) if tick_us % DAY else _midnights(start, tick_us // DAY, timezone)
    ticks = [start]
    for tick in between:
        if tick >= end:
            break
        ticks.append(tick)
    return [*ticks, end]


def last_tick(end: int, known: int, timezone: str) -> int:
    """Return the tick at which a replay is over: two days after its period, or later where labels land later.

    Args:
        end: the period's end, microseconds since 1970 UTC.
        known: when the last label is known.
        timezone: whose days.
    """
    day = _date_of(end, timezone) + dt.timedelta(days=AFTER_DAYS)
    landed = next(tick for tick in _midnights(known - DAY, 1, timezone) if tick >= known)
    return max(_midnight(day, timezone), landed)


def _midnights(after: int, days: int, timezone: str) -> Iterator[int]:
    """Yield the midnights of a zone after an instant, so many days apart."""
    day = _date_of(after, timezone)
    while True:
        day += dt.timedelta(days=days)
        yield _midnight(day, timezone)


def _midnight(day: dt.date, timezone: str) -> int:
    return instant_of(dt.datetime.combine(day, dt.time()), timezone)


def _date_of(us: int, timezone: str) -> dt.date:
    return (_EPOCH + dt.timedelta(microseconds=us)).astimezone(ZoneInfo(timezone)).date()


def _read(path: Path, kind: type[Said]) -> Said | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        hint = "restore it from a backup, or copy the project without .shipway and begin again there"
        raise ShipwayError("SW-605", f"{path} is damaged ({error})", hint) from error
