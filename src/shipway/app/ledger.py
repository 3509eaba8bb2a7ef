"""What a project remembers: its entries, whether the chain is whole, and whether the projection follows from it."""

from collections import deque
from contextlib import closing
from pathlib import Path
from typing import Final, get_args

import msgspec

from shipway.app.project import Project
from shipway.app.workspace import Workspace
from shipway.core.body import Body, read_body
from shipway.core.error import ShipwayError
from shipway.core.ledger import EMPTY, Damage, Head
from shipway.core.projection import State, fold
from shipway.kit.suggestion import did_you_mean

KINDS: Final[tuple[str, ...]] = tuple(str(body.__struct_config__.tag) for body in get_args(Body))
"""Every kind of entry this version writes."""


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the ledger with its body read.

    Attributes:
        seq: position in the chain, from 1 without gaps.
        at: when it was appended, microseconds since 1970 UTC.
        actor: who caused it.
        kind: which body it carries.
        subject: what it is about.
        body: what it says.
        digest: SHA-256 of the entry and all before it.
    """

    seq: int
    at: int
    actor: str
    kind: str
    subject: str
    body: Body
    digest: str


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What came of recomputing the chain: its head, and every place that is damaged."""

    head: Head
    damage: list[Damage]


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """What came of rebuilding the projection from the first entry.

    Attributes:
        entries: how many entries were folded.
        before: digest of the state as it was kept.
        after: digest of the state as it follows from the entries.
    """

    entries: int
    before: str
    after: str


def read_entries(project: Project, *, limit: int = 20, kind: str | None = None, subject: str = "") -> list[Remembered]:
    """Return the newest entries of a project's ledger, oldest first.

    Args:
        project: whose.
        limit: how many at most.
        kind: only of this kind.
        subject: only about subjects that begin so, such as `model:delay`.

    Raises:
        ShipwayError: SW-104 for a kind there is not, SW-604 or SW-606 for a ledger that cannot be read.
    """
    if kind is not None and kind not in KINDS:
        raise ShipwayError("SW-104", f"there is no kind of entry {kind!r}", did_you_mean(kind, KINDS))
    with closing(Workspace(project)) as workspace:
        if not workspace.exists:
            return []
        found = deque(
            (e for e in workspace.ledger.read() if kind in (None, e.kind) and e.subject.startswith(subject)),
            maxlen=limit,
        )
    return [
        Remembered(
            seq=e.seq, at=e.at, actor=e.actor, kind=e.kind, subject=e.subject, body=read_body(e), digest=e.digest
        )
        for e in found
    ]


def verify_ledger(project: Project) -> Verified:
    """Recompute a project's whole chain and compare it with its anchor; nothing is written.

    Raises:
        ShipwayError: SW-604 if the database is too damaged to be read.
    """
    with closing(Workspace(project)) as workspace:
        if workspace.exists:
            return Verified(head=workspace.ledger.head(), damage=workspace.ledger.verify())
        lost = find_loss(workspace)
    return Verified(head=EMPTY, damage=[Damage(seq=0, fact=lost)] if lost else [])


def find_loss(workspace: Workspace) -> str:
    """Return what of a ledger is gone, as far as its two ends show, or nothing; no entry is read and none is written.

    Raises:
        ShipwayError: SW-604 if the database is too damaged to be read.
    """
    # Read in this order: the chain of a living ledger is never shorter than the anchor was a moment before.
    path = workspace.folder / "ledger.anchor"
    anchor = _read_anchor(path)
    if not workspace.exists:
        return "the ledger is gone, and its anchor remembers that there was one" if path.exists() else ""
    head = workspace.ledger.head()
    if anchor is None:
        return f"the anchor of the ledger, {path}, is missing or cannot be read" if head.seq else ""
    if head.seq < anchor.seq:
        return f"the ledger ends at entry {head.seq}, and its anchor remembers entry {anchor.seq}"
    return ""


def _read_anchor(path: Path) -> Head | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Head)
    except (OSError, msgspec.DecodeError):
        return None


def rebuild_projection(project: Project) -> Rebuilt:
    """Fold a project's whole ledger anew, compare that with the state as kept, and keep it.

    Entries that a run appends meanwhile count on neither side.

    Raises:
        ShipwayError: SW-601 or SW-602 if the state cannot be kept, SW-604 or SW-606 if the ledger cannot be read.
    """
    with closing(Workspace(project)) as workspace:
        kept = workspace.peek()
        before, entries = kept.digest, kept.seq
        if not entries:
            return Rebuilt(entries=0, before=before, after=before)
        after = fold(State(), (entry for entry in workspace.ledger.read() if entry.seq <= entries)).digest
        if after != before:
            workspace.rebuild_state()
        workspace.store_state()
    return Rebuilt(entries=entries, before=before, after=after)
