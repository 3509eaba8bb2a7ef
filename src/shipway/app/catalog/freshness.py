"""How fresh the admitted data of a source is, beside how fresh it should be."""

from shipway.app.catalog.data import Freshness
from shipway.app.workspace import Workspace
from shipway.core.feature import ALWAYS, Source
from shipway.core.table import Snapshot


def read_freshness(workspace: Workspace, source: Source, snapshot: Snapshot, expected_us: int | None) -> Freshness:
    """Return how old the newest known-at of a source is; only its columns of instants are read.

    An instant after the project's present is a plan, such as a schedule, and says nothing about the feed.

    Args:
        workspace: the project's state.
        source: the declaration.
        snapshot: the source's admitted rows.
        expected_us: how old it may be; None where nothing is expected.

    Raises:
        ShipwayError: SW-203 for an instant that is none, SW-605 for rows that are lost.
    """
    from shipway.data.known import instants_of

    instants = [name for name in source.known_at if name != ALWAYS and name in snapshot.columns]
    if not instants:
        return Freshness(expected_us=expected_us)
    now = workspace.now
    rows = workspace.tables.read(snapshot, instants)
    known = [instants_of(source, name, rows) for name in instants]
    past = [int(values[values <= now].max()) for values in known if (values <= now).any()]
    if not past:
        return Freshness(expected_us=expected_us)
    age = now - max(past)
    late = None if expected_us is None else age > expected_us
    return Freshness(expected_us=expected_us, newest_at=max(past), age_us=age, late=late)
