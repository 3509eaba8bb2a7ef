"""Whether what a delivery holds contradicts what the main branch was said to have known all along."""

from collections.abc import Mapping

from shipway.app.reading import open_rows
from shipway.app.workspace import Workspace
from shipway.core.table import Snapshot
from shipway.data.restatement import columns_held, find_restatement
from shipway.kit.canonical import canonical_json, digest_bytes


def refuse_restatements(workspace: Workspace, before: Mapping[str, Snapshot], after: Mapping[str, Snapshot]) -> None:
    """Refuse tables in which a value that is known always is another one than it was.

    A table that was made anew of the same raw inputs differs because the project's code does, which is no news of the
    world; it is not compared.

    Args:
        workspace: the project's state.
        before: the tables of the main branch.
        after: the tables that would follow.

    Raises:
        ShipwayError: SW-304 with the first column that was restated, how many rows, and one of them.
    """
    for name, source in workspace.project.registry.sources.items():
        was, now = before.get(name), after.get(name)
        if was is None or now is None or was.digest == now.digest or not columns_held(source):
            continue
        made_of = [_made_of(workspace, name, snapshot) for snapshot in (was, now)]
        if made_of[0] is not None and made_of[0] == made_of[1]:
            continue
        theirs, mine = ({snapshot.reading(part) for part in snapshot.parts} for snapshot in (now, was))
        restated = find_restatement(
            source,
            open_rows(workspace, was, [part for part in was.parts if was.reading(part) not in theirs]),
            open_rows(workspace, now, [part for part in now.parts if now.reading(part) not in mine]),
        )
        if restated is not None:
            raise restated.refusal(source)


def _made_of(workspace: Workspace, name: str, snapshot: Snapshot) -> dict[str, str] | None:
    """Return the digests of the raw inputs that a source's table was made of; None where no run says so."""
    digest = digest_bytes(canonical_json(snapshot))
    for run in workspace.state().runs.values():
        table = run.outputs.get("table")
        if run.task == f"ingest {name}" and table is not None and table.digest == digest:
            return run.inputs
    return None
