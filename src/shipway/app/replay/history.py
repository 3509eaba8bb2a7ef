"""The recorded history that a replay lives through: what was asked, and what became known."""

from collections.abc import Sequence

import msgspec
import numpy as np
import polars as pl

from shipway.app.replay.request import Requests, make_requests
from shipway.app.workspace import Workspace
from shipway.core.bundle import Manifest
from shipway.core.error import ShipwayError
from shipway.core.model import Model
from shipway.core.online import Layout
from shipway.core.service import Variant
from shipway.data.feed import Feed, make_feed
from shipway.data.frame import instants_asked
from shipway.data.known import instants_of
from shipway.data.plan import Plan, plan_frame, plan_views
from shipway.maths.expression import render

_NEVER = np.iinfo(np.int64).max


class History:
    """The tables of a project as requests and as events.

    Attributes:
        period: from and to (exclusive) of the requests, microseconds since 1970 UTC.
    """

    def __init__(self, workspace: Workspace, model: Model, period: tuple[int, int]) -> None:
        """Take the tables of the main branch as they are now.

        Args:
            workspace: the project's state.
            model: whose rows are asked about.
            period: from and to (exclusive), microseconds since 1970 UTC.

        Raises:
            ShipwayError: SW-401 if no verdict has let data onto the main branch yet.
        """
        self.period = period
        self._workspace = workspace
        self._model = model
        self._sources = workspace.project.registry.sources
        self._commit = workspace.main_commit()
        self._tables: dict[str, pl.DataFrame] = {}
        self._layouts: dict[str, Layout] = {}

    def layout_of(self, variant: Variant) -> Layout:
        """Return what a version's features read.

        Raises:
            ShipwayError: SW-605 if its bundle is lost, SW-805 if it asks about other rows, or at another instant, than
                the model does by now.
        """
        if variant.bundle not in self._layouts:
            manifest = msgspec.json.decode(self._workspace.blobs.get(variant.bundle), type=Manifest)
            features, model = manifest.keyed, self._model
            asks = features.spine, features.at
            if asks != (model.on.name, render(model.at)):
                raise ShipwayError(
                    "SW-805",
                    f"{manifest.model}@{manifest.version} asks about {asks[0]} at {asks[1]}, "
                    f"and the model asks about {model.on.name} at {render(model.at)} by now",
                    "put the model back, or begin with a copy of the project without .shipway",
                )
            layout = features.make_layout()
            self._layouts[variant.bundle] = layout
        return self._layouts[variant.bundle]

    def make_feed(self, layout: Layout) -> Feed:
        """Return everything that ever happens to a store of a layout; what a feed and reading tables refuse."""
        plan = plan_views(self._model.on, self._model.at, layout.views, self._sources)
        return make_feed(layout, plan, self._read(plan))

    def make_requests(self, columns: Sequence[str]) -> Requests:
        """Return the requests of the period, each with these columns; errors as `request.make_requests`."""
        plan = self._plan
        return make_requests(plan, self._read(plan), columns, self.period)

    def find_last_label(self) -> int:
        """Return when the last label of the period's rows is known, microseconds since 1970 UTC; else its end."""
        plan, label = self._plan, self._model.label
        rows = self._read(plan)[plan.spine.name]
        at = instants_asked(plan, rows)
        event = plan.events[label.stream]
        known = instants_of(event.source, event.known_at, rows)
        counts = (at >= self.period[0]) & (at < self.period[1]) & (known != _NEVER)
        return int(known[counts].max(initial=self.period[1]))

    def forget_tables(self) -> None:
        """Let go of the tables; they are read again where they are needed."""
        self._tables.clear()

    @property
    def _plan(self) -> Plan:
        return plan_frame(self._model, self._sources)

    def _read(self, plan: Plan) -> dict[str, pl.DataFrame]:
        for table in plan.tables:
            if table not in self._tables:
                self._tables[table] = self._workspace.tables.read(self._commit.tables[table])
        return self._tables
