"""Slots of a switchback: a stretch of a unit's time is assigned, and counts once, whatever happened in it."""

from typing import Final

import numpy as np
import polars as pl

from shipway.app.experiment.unit import MET, SAID, UNIT, Units, day_of, give_variants, sort_out, write_keys
from shipway.core.experiment import Experiment, Switchback
from shipway.core.split import SplitExperiment, SplitLayer, write_slot
from shipway.validation.experiment import DAY

_SLOT: Final = "_slot"


def find_slots(
    exposures: pl.DataFrame, experiment: Experiment, switchback: Switchback, since: int, until: int, timezone: str
) -> pl.DataFrame:
    """Return every slot of every unit that was seen before the slot began, in order of time.

    A slot in which nothing was seen counts like any other: which slots are quiet may be the variants' doing. The clock
    of its metrics begins when the burn-in is over, a microsecond early, because windows leave their first instant out.

    Args:
        exposures: keys and `_met` of what was seen until the end, also before the period.
        experiment: whose.
        switchback: how time is split.
        since: begin of the period, microseconds since 1970 UTC; slots begin then or later.
        until: its end, at which a slot has to be past its burn-in.
        timezone: whose days are meant.

    Returns:
        The unit's keys, `_unit` (its key and the slot), `_met`, `_day` and `_slot`.
    """
    keys, every = list(experiment.unit.keys), switchback.every_us
    seen = exposures.group_by(keys, maintain_order=True).agg(pl.col(MET).min())
    last = (until + 1 - switchback.burn_in_us) // every
    first = np.maximum(-(-since // every), -(-seen[MET].to_numpy() // every)).astype(np.int64)
    counts = np.maximum(last - first + 1, 0)
    place = np.repeat(np.arange(seen.height), counts)
    slot = first[place] + np.arange(place.size) - np.repeat(np.cumsum(counts) - counts, counts)
    rows = seen.select(keys)[place].with_columns(pl.Series(_SLOT, slot, dtype=pl.Int64))
    names = [write_slot(unit, at) for unit, at in zip(write_keys(rows, keys).to_list(), slot.tolist(), strict=True)]
    begins = pl.col(_SLOT) * every
    found = rows.with_columns(
        pl.Series(UNIT, names, dtype=pl.String),
        (begins + (switchback.burn_in_us - 1)).alias(MET),
        begins.alias("_begins"),
    )
    return found.with_columns(day_of("_begins", timezone).alias(DAY)).drop("_begins").sort(MET, maintain_order=True)


def assign_slots(
    exposures: pl.DataFrame,
    experiment: Experiment,
    switchback: Switchback,
    run: SplitExperiment,
    layer: SplitLayer,
    since: int,
    until: int,
    timezone: str,
) -> Units:
    """Return the slots of a period with their variants; those in which another variant was met are left out.

    Args:
        exposures: as for `find_slots`, with the column that says which variant was met, if there is one.
        experiment: whose.
        switchback: how time is split.
        run: the run that assigns.
        layer: its layer.
        since: begin of the period.
        until: its end.
        timezone: whose days are meant.
    """
    slots = find_slots(exposures, experiment, switchback, since, until, timezone)
    assigned = give_variants(slots, UNIT, run, layer)
    said = None
    keys = [*experiment.unit.keys, _SLOT]
    if experiment.variant:
        begun = pl.col(MET) % switchback.every_us >= switchback.burn_in_us
        said = exposures.filter(begun).with_columns((pl.col(MET) // switchback.every_us).alias(_SLOT))
        said = said.rename({experiment.variant: SAID})
    return sort_out(assigned, said, keys)
