"""What a service answered, with the labels that are known by now, and the parts of time that answers are counted in."""

import datetime as dt
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from shipway.app.control.clock import replay_clock
from shipway.app.instant import EPOCH
from shipway.app.replay.clock import read_reconciled, replay_folder
from shipway.app.workspace import Workspace
from shipway.core.config import instant_of
from shipway.core.label import LabelKind
from shipway.core.projection import ServiceState
from shipway.monitoring.prediction import read_predictions
from shipway.monitoring.reading import join_labels, served
from shipway.ports.log import Log

_COLUMNS: Final = ("request", "row", "at", "version", "role", "token", "p", "error", "online")


def lived_period(workspace: Workspace, service: ServiceState) -> tuple[int, int, int]:
    """Return from when to when (exclusive) a service was asked, and by when labels are known.

    In a replay these are its period and the tick that was reconciled last; otherwise what is between the opening of the
    service and now.

    Raises:
        ShipwayError: SW-605 if the position of the replay is damaged.
    """
    section, clock = workspace.project.config.replay, replay_clock(workspace)
    if section is None or clock is None or section.service != service.name:
        now = workspace.clock.now()
        return service.opened_at, now, now
    reconciled = read_reconciled(replay_folder(workspace))
    return clock.start, clock.end, clock.start if reconciled is None else reconciled


def read_answers(
    log: Log, labels: pl.DataFrame, known_by: int, predicts: LabelKind, classes: Sequence[str] = ()
) -> pl.DataFrame:
    """Read the answer to each request that was asked before an instant, with its label as known by then.

    Args:
        log: the service's.
        labels: columns row, label (Boolean, a number or text) and known_at.
        known_by: microseconds since 1970 UTC.
        predicts: which kind of label the service predicts.
        classes: of a label of classes those that predictions are to be over.

    Returns:
        Columns of the prediction log, `label` and `known_at`; a label that is not known is null.

    Raises:
        ShipwayError: SW-605 for a damaged segment, and as `reading.served`.
    """
    rows = read_predictions(log, predicts, _COLUMNS, classes=classes, until=known_by)
    return join_labels(served(rows), labels, known_by)


def list_months(start: int, end: int, timezone: str) -> Iterator[int]:
    """Yield the first instant of each month of a zone within a period.

    Args:
        start: microseconds since 1970 UTC.
        end: likewise, excluded.
        timezone: whose months.
    """
    at = (EPOCH + dt.timedelta(microseconds=start)).astimezone(ZoneInfo(timezone))
    month = dt.datetime(at.year, at.month, 1)
    while (first := instant_of(month, timezone)) < end:
        if first >= start:
            yield first
        month = (month + dt.timedelta(days=32)).replace(day=1)


def split_months(start: int, end: int, timezone: str) -> list[tuple[int, int]]:
    """Return a period cut at each first of a month, so that one month at a time need be in memory."""
    cuts = [start, *(month for month in list_months(start, end, timezone) if month > start), end]
    return [(low, high) for low, high in pairwise(cuts) if low < high]
