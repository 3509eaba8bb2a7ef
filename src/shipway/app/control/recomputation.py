"""The data of a project, opened to recompute what was served."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from shipway.app.control.offline import name_rows
from shipway.app.workspace import Workspace
from shipway.core.feature import FeatureView
from shipway.core.model import Model
from shipway.core.table import Commit, Snapshot
from shipway.data.plan import plan_views
from shipway.data.recomputation import Recomputation, recompute, spine_rows


@dataclass(frozen=True, slots=True)
class Opened:
    """Tables, and the features to be recomputed from them.

    Attributes:
        work: what recomputing needs.
        rows: the key of each row of the source that is asked about, as the log writes it.
        snapshots: the tables as they are kept.
    """

    work: Recomputation
    rows: pl.Series
    snapshots: Mapping[str, Snapshot]

    def spine(self, asked: pl.DataFrame) -> pl.DataFrame:
        """Return what was known of each row asked about, each question once; columns row and at are needed."""
        return spine_rows(self.work, asked.select("row", "at").unique(maintain_order=True), self.rows)

    def compute(self, asked: pl.DataFrame) -> pl.DataFrame:
        """Return the columns row, at and the features of each question, without rows that are not in the table."""
        return recompute(self.work, self.spine(asked))


def open_recomputation(
    workspace: Workspace, model: Model, views: tuple[FeatureView, ...], commit: Commit | None = None
) -> Opened:
    """Read the tables that features of a model's rows are computed from.

    Args:
        workspace: the project's state.
        model: whose rows are asked about.
        views: the features, as the version that served them defines them.
        commit: the data; that of the main branch where None.

    Raises:
        ShipwayError: SW-401 if no data was admitted, SW-104 for a source that is declared no longer.
    """
    sources = workspace.project.registry.sources
    plan = plan_views(model.on, model.at, views, sources)
    snapshots = workspace.admitted(plan.tables, commit)
    tables = {name: workspace.tables.read(snapshot) for name, snapshot in snapshots.items()}
    work = Recomputation(views, model.on, sources, tables)
    return Opened(work, name_rows(tables[model.on.name], model.on.key), snapshots)
