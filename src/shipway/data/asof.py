"""The newest event that each question knows, of its own entity: as-of joins by number of entity, in order of time."""

from typing import Final

import numpy as np
import polars as pl

from shipway.data.key import Codes
from shipway.maths.instant import Instants, Ints

_CELLS: Final = 4
"""How many numbers a table of the newest events may have for each event and question, before a join costs less."""


def find_newest(known: Instants, there: Codes, asked: Instants, here: Codes) -> Ints:
    """Return the position of the newest of an entity's events known at each instant asked about, -1 where none is.

    Args:
        known: the events' instants, in order with ties.
        there: the events' entities, -1 for one of no entity asked about.
        asked: the instants asked about, in order.
        here: the entities asked about, -1 for none.
    """
    there, here = _arrange(there, known), _arrange(here, asked)
    count = int(there.max(initial=-1)) + 1
    if (count + 1) * (known.size + 1) <= _CELLS * (known.size + asked.size):
        found = _look_up(known, there, asked, here, count)
    else:
        found = _join(known, there, asked, here)
    if known.order is not None:
        found = np.where(found < 0, -1, known.order.take(found)) if known.size else found
    if asked.order is None:
        return found
    position = np.empty(asked.size, dtype=np.int64)
    position[asked.order] = found
    return position


def _look_up(known: Instants, there: Codes, asked: Instants, here: Codes, count: int) -> Ints:
    """Answer from a table that has for each entity, and each number of events, the newest of its own among those."""
    newest = np.full((count + 1, known.size + 1), -1, dtype=np.int32)
    some = np.flatnonzero(there >= 0)
    newest[there.take(some), some + 1] = some
    np.maximum.accumulate(newest, axis=1, out=newest)
    # How many events each question knows: as many as are known by questions up to it.
    first = np.searchsorted(asked.ordered, known.ordered, side="left")
    events = np.cumsum(np.bincount(first, minlength=asked.size + 1)[: asked.size])
    # The last row is of no entity.
    rows = np.where((here < 0) | (here > count), count, here)
    return newest.ravel().take(rows.astype(np.int64) * (known.size + 1) + events).astype(np.int64)


def _join(known: Instants, there: Codes, asked: Instants, here: Codes) -> Ints:
    events = pl.DataFrame(
        {
            "at": known.ordered,
            # A null key on one side is another number than one on the other.
            "code": np.where(there < 0, -2, there).astype(np.int32, copy=False),
            "row": np.arange(known.size, dtype=np.int32),
        }
    )
    questions = pl.DataFrame({"at": asked.ordered, "code": here})
    # Of events of one instant it takes the last, and they lie in the order of ties.
    joined = questions.join_asof(events, on="at", by="code", check_sortedness=False)
    return joined["row"].fill_null(-1).to_numpy().astype(np.int64)


def _arrange(codes: Codes, instants: Instants) -> Codes:
    codes = codes.astype(np.int32, copy=False)
    return codes if instants.order is None else codes.take(instants.order)
