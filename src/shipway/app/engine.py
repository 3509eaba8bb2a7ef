"""The engine that a project says its frames are built by."""

from collections.abc import Mapping
from contextlib import closing

import polars as pl

from shipway.core.compute import ComputeSection
from shipway.data.partition import build_frame_in_parts
from shipway.data.plan import Plan
from shipway.ports.adapter import load_adapter
from shipway.ports.engine import Engine


def build_apart(compute: ComputeSection, plan: Plan, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Build a frame by the engine of a project; it is that of `build_frame`, whichever it is.

    Raises:
        ShipwayError: SW-701 if the library of the engine is not installed, SW-201 if its cluster cannot be reached,
            SW-806 if its processes die, and what building a frame refuses.
    """
    engine: Engine = load_adapter(f"engine.{compute.engine}")(compute.workers, compute.address)
    entities = len({column.entity for column in plan.columns}) or 1
    with closing(engine):
        # Every piece sorts the streams again, so there are no more than keep all workers busy.
        return build_frame_in_parts(plan, tables, engine, pieces=-(-compute.workers // entities))
