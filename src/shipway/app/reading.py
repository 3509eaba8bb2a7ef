"""Tables of the lake, opened to be gone through without being in memory as a whole."""

from collections.abc import Sequence
from functools import partial

from shipway.app.workspace import Workspace
from shipway.core.table import Part, Snapshot
from shipway.data.batch import PIECE_ROWS, Parts


def open_rows(workspace: Workspace, snapshot: Snapshot, parts: Sequence[Part] | None = None) -> Parts:
    """Return a table, or what some of its files hold of it, to be gone through piece by piece."""
    tables = workspace.tables
    first = next(iter(tables.read_parts(snapshot, rows=1)))
    return Parts(first.schema, partial(tables.read_parts, snapshot, rows=PIECE_ROWS, parts=parts))
