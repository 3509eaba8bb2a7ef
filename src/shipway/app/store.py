"""Whether everything that branches and registered versions stand on is in the blob store, and as it was stored."""

from collections.abc import Iterable
from contextlib import closing

import msgspec

from shipway.app.project import Project
from shipway.app.workspace import Workspace
from shipway.core.bundle import Manifest
from shipway.core.error import ShipwayError
from shipway.infra.branch import Branches
from shipway.ports.blobs import Blobs


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What came of reading the blob store.

    Attributes:
        blobs: how many were read.
        damage: one clause for each branch, tag and registered version that does not stand on whole blobs.
    """

    blobs: int
    damage: list[str]


def verify_store(project: Project) -> Verified:
    """Read every blob that a branch, a tag or a registered version stands on and compare it with its digest.

    Nothing is written.

    Raises:
        ShipwayError: SW-604 or SW-606 if the ledger cannot be read, SW-605 if the branches cannot be.
    """
    read = set[str]()
    damage: list[str] = []
    with closing(Workspace(project)) as workspace:
        versions = [version for versions in workspace.peek().models.values() for version in versions]
        if workspace.has_data:
            branches = Branches(workspace.catalog)
            for kind, refs in {"branch": branches.branches(), "tag": branches.tags()}.items():
                for name, head in refs.items():
                    try:
                        tables = branches.get(head).tables.values()
                        _read(workspace.blobs, (part.digest for table in tables for part in table.parts), read)
                    except ShipwayError as error:
                        damage.append(f"{kind} {name}: {error.fact}")
        for version in versions:
            if version.bundle is not None:
                try:
                    manifest = msgspec.json.decode(workspace.blobs.get(version.bundle), type=Manifest)
                    _read(workspace.blobs, (version.bundle, *manifest.files.values()), read)
                except ShipwayError as error:
                    damage.append(f"bundle of {version.model}@{version.number}: {error.fact}")
    return Verified(blobs=len(read), damage=damage)


def _read(blobs: Blobs, digests: Iterable[str], read: set[str]) -> None:
    for digest in digests:
        if digest not in read:
            blobs.get(digest)
            read.add(digest)
