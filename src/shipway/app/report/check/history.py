"""What the ledger remembers of the same rules on earlier versions of the data."""

from typing import Final, TypeAlias

from shipway.app.workspace import Workspace
from shipway.core.check import Evidence

KEPT: Final = 24
"""How many earlier versions are looked at."""
_KIND: Final = "evidence-recorded"

Moment: TypeAlias = tuple[int, str, dict[str, Evidence]]
"""When a version of the data was judged (microseconds since 1970 UTC), its subject, and check name to its evidence."""


def read_history(workspace: Workspace, subject: str) -> list[Moment]:
    """Return what was measured on the versions of the data that were judged before one of them, oldest first.

    Each version counts once, at the last time it was judged.

    Args:
        workspace: the project's state.
        subject: the version they are earlier than; all there are where it was never judged.
    """
    evidence = workspace.peek().evidence
    judged: dict[str, int] = {}
    for entry in workspace.ledger.read():
        if entry.kind == _KIND and entry.subject.startswith("data:"):
            judged.pop(entry.subject, None)
            judged[entry.subject] = entry.at
    names = list(judged)
    before = names[: names.index(subject)] if subject in judged else names
    return [(judged[name], name, evidence[name]) for name in before[-KEPT:]]
