"""What the control plane writes down for servers."""

from contextlib import closing

from shipway.app.shelf import list_shelf, stock_shelf
from shipway.app.workspace import Workspace
from shipway.core.shelf import SHELF, Shelved
from shipway.serving.repository import read_shelf


def test_registered_version_is_on_the_shelf(ran_shop):
    with closing(Workspace(ran_shop.project)) as workspace:
        state = workspace.peek()
        found = read_shelf(workspace.folder)
        assert found == list_shelf(state)
        (version,) = found.versions
        bundle = state.version("returned", 1).bundle
        assert version == Shelved(model="returned", version=1, bundle=bundle)
        assert workspace.blobs.has(version.bundle)


def test_what_says_so_already_is_left_alone(ran_shop):
    with closing(Workspace(ran_shop.project)) as workspace:
        before = (workspace.folder / SHELF).stat()
        stock_shelf(workspace)
        assert (workspace.folder / SHELF).stat().st_ino == before.st_ino
