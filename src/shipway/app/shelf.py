"""The shelf, a projection for servers: which bundle each registered version is, in a file they can read."""

from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError
from shipway.core.projection import State
from shipway.core.shelf import SHELF, Shelf, Shelved
from shipway.kit.canonical import canonical_json
from shipway.kit.file import write_atomic


def stock_shelf(workspace: Workspace) -> None:
    """Write down what servers of a project may load; nothing is written where it says so already.

    Raises:
        ShipwayError: SW-602 if it cannot be written.
    """
    path, content = workspace.folder / SHELF, canonical_json(list_shelf(workspace.state()))
    try:
        if not path.exists() or path.read_bytes() != content:
            write_atomic(path, content)
    except OSError as fault:
        hint = "check that this user may write there, and free some space"
        raise ShipwayError("SW-602", f"cannot write {path} ({fault.strerror})", hint) from fault


def list_shelf(state: State) -> Shelf:
    """Return the bundles of the versions that are registered and not retired."""
    return Shelf(
        versions=tuple(
            Shelved(model=name, version=version.number, bundle=version.bundle, signature=version.signature)
            for name, versions in state.models.items()
            for version in versions
            if version.bundle is not None and version.standing.retired is None
        )
    )
