"""Letting go of data that nothing needs: which files the rest of a project cites, and a collection that spares them."""

from contextlib import closing

import msgspec

from shipway.app.project import Project
from shipway.app.workspace import Workspace
from shipway.core.citation import find_cited, find_digests
from shipway.infra.collection import collect
from shipway.kit.duration import DAY

GRACE_US = DAY
"""How long what nothing needs is kept: a task that runs now may be about to name what it stored."""

_DOCUMENT_BYTES = 1 << 22
"""Blobs above this are data, not documents that cite others."""


class CollectedData(msgspec.Struct, frozen=True, kw_only=True):
    """What a collection came to.

    Attributes:
        dry: whether nothing was removed.
        commits: commits let go.
        objects: objects of the catalog let go, commits among them.
        blobs: files let go.
        freed_bytes: their size.
        kept: files that something needs.
        young: files that nothing needs and that are within the grace.
    """

    dry: bool
    commits: int
    objects: int
    blobs: int
    freed_bytes: int
    kept: int
    young: int


def collect_data(
    project: Project, *, grace_us: int = GRACE_US, history_us: int | None = None, dry: bool = False
) -> CollectedData:
    """Remove stored data that no branch, tag, run or bundle needs.

    Args:
        project: whose data.
        grace_us: what was stored within this stays, whether or not it is needed.
        history_us: how much history is kept, in microseconds: older commits go unless a branch or tag points at them or
            a run that is kept read them, and with them what older runs made that later ones took the place of. All
            history is kept where None.
        dry: remove nothing and say what would go.

    Raises:
        ShipwayError: SW-603 if another process runs the project; SW-604 or SW-605 if the ledger or what must be kept is
            damaged: nothing is removed then.
    """
    with closing(Workspace(project)) as workspace:
        if not workspace.exists:
            return CollectedData(dry=dry, commits=0, objects=0, blobs=0, freed_bytes=0, kept=0, young=0)
        with workspace.hold():
            now = workspace.clock.now()
            since = None if history_us is None else now - history_us
            cited = find_cited(workspace.ledger.read(), superseded_before=since)
            found = collect(
                workspace.tables.refs,
                workspace.blobs,
                cited=_follow_documents(workspace, cited),
                before=now - grace_us,
                history_before=since,
                dry=dry,
            )
    return CollectedData(
        dry=dry,
        commits=found.commits,
        objects=found.objects,
        blobs=found.blobs,
        freed_bytes=found.freed_bytes,
        kept=found.kept,
        young=found.young,
    )


def _follow_documents(workspace: Workspace, cited: set[str]) -> set[str]:
    """Return what is cited with what the cited documents cite: manifests name files, tables name parts."""
    sizes = {blob.digest: blob.size_bytes for blob in workspace.blobs.listing()}
    found, waiting = set(cited), list(cited)
    while waiting:
        digest = waiting.pop()
        if sizes.get(digest, _DOCUMENT_BYTES) < _DOCUMENT_BYTES:
            content = workspace.blobs.get(digest)
            if content[:1] in (b"{", b"["):
                more = find_digests(content) - found
                found |= more
                waiting.extend(more)
    return found
