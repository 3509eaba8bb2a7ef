"""Filling a store that streams write to: every series is added up row by row, so that each row can be taken back."""

from collections.abc import Mapping

from shipway.app.difference import read_changes, read_columns
from shipway.app.handover import Lacking, apply_lacking, hand_over
from shipway.app.known import check_rows
from shipway.app.workspace import Workspace
from shipway.core.feature_set import FeatureSet
from shipway.core.raw import Raw
from shipway.core.table import Commit
from shipway.data.plan import Plan
from shipway.data.upkeep import Upkeep


def update_rows(
    workspace: Workspace,
    commit: Commit,
    upkeep: Upkeep,
    sources: Mapping[str, Raw | None],
    sets: Mapping[str, FeatureSet],
    plans: Mapping[str, Plan],
    until: int,
) -> tuple[int, int] | None:
    """Apply what is new since the last time, and return how many rows changed something and how many nothing.

    Args:
        workspace: of the project.
        commit: the data of the main branch.
        upkeep: writes the store.
        sources: what the store is made of, and the stream that each follows; None for one that has what runs admit.
        sets: what is served.
        plans: how.
        until: up to when everything known is on the main branch.

    Returns:
        None where the store has to be built anew.
    """
    applied = same = 0
    for source, raw in sources.items():
        before = upkeep.standing(source)
        if raw is not None:
            lacking = hand_over(workspace, raw, source, before.position)
        else:
            changes = read_changes(workspace, commit, source, before.position)
            lacking = None if changes is None else Lacking(changes.list(), commit.id.encode(), until)
        if lacking is None or before.late:
            return None
        check_rows(workspace, commit, sets, plans, {source: lacking.present})
        after = apply_lacking(upkeep, source, lacking)
        if after.late:
            return None
        applied, same = applied + after.applied - before.applied, same + after.same - before.same
    upkeep.trim(lasting=False)
    upkeep.sync()
    return applied, same


def fill_rows(
    workspace: Workspace,
    commit: Commit,
    upkeep: Upkeep,
    sources: Mapping[str, Raw | None],
    sets: Mapping[str, FeatureSet],
    plans: Mapping[str, Plan],
    until: int,
) -> tuple[int, int]:
    """Fill an empty store, and return how many rows that were and how many came twice; arguments as `update_rows`."""
    lacking: dict[str, Lacking] = {}
    for source, raw in sources.items():
        found = None if raw is None else hand_over(workspace, raw, source, None)
        if found is None:
            found = Lacking(read_columns(workspace, commit, plans, source), commit.id.encode(), until)
        lacking[source] = found
    check_rows(workspace, commit, sets, plans, {source: each.present for source, each in lacking.items()})
    applied = same = 0
    for source, each in lacking.items():
        standing = apply_lacking(upkeep, source, each)
        applied, same = applied + standing.applied, same + standing.same
    upkeep.trim(lasting=False)
    upkeep.sync()
    return applied, same
