"""How the rows of an admitted source changed since a commit, and the columns of them that features are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError
from shipway.core.table import Commit
from shipway.data.kept import DELETED
from shipway.data.plan import Plan
from shipway.data.slice import stream_columns

MANY: Final = 8
"""Of how many stored rows one may change so that changing them one by one costs less than writing all."""


@dataclass(frozen=True, slots=True)
class TableChanges:
    """How the rows of a source changed since a commit.

    Attributes:
        removed: rows that are gone.
        before: rows that changed, as they were.
        come: rows that are new, or as they are now.
        of: how many rows there are.
    """

    removed: pl.DataFrame
    before: pl.DataFrame
    come: pl.DataFrame
    of: int

    @property
    def many(self) -> bool:
        """Tell whether it takes longer to change a store than to build one."""
        return (self.removed.height + self.come.height) * MANY > self.of

    def list(self) -> pl.DataFrame:
        """Return them in the order in which they count."""
        gone = self.removed.with_columns(pl.lit(value=True).alias(DELETED))
        return pl.concat([gone, self.come.with_columns(pl.lit(value=False).alias(DELETED))])


def read_changes(workspace: Workspace, commit: Commit, source: str, position: bytes | None) -> TableChanges | None:
    """Return the rows of a source that are new, changed or gone since a commit; None where that is not to be had."""
    snapshot = commit.tables[source]
    height = sum(part.rows for part in snapshot.parts)
    if position is None:
        rows = workspace.tables.read(snapshot)
        return TableChanges(rows.clear(), rows.clear(), rows, height)
    try:
        before = workspace.tables.get(position.decode()).tables[source]
    except (ShipwayError, KeyError):
        return None
    noun = workspace.project.registry.sources[source]
    found = workspace.tables.compare(before, snapshot, key=noun.key)
    if found.columns_added or found.columns_removed or found.columns_changed:
        return None
    return TableChanges(found.removed, found.before, pl.concat([found.added, found.after]), height)


def read_columns(workspace: Workspace, commit: Commit, plans: Mapping[str, Plan], source: str) -> pl.DataFrame:
    """Read the columns of a source that features are made of."""
    found = dict[str, None]()
    for plan in plans.values():
        found |= dict.fromkeys(stream_columns(plan).get(source, ()))
    return workspace.tables.read(commit.tables[source], list(found))
