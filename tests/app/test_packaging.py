"""A bundle is made again when anything in it would be different."""

from contextlib import closing
from typing import Any

import msgspec

from shipway.app.project import find_project
from shipway.app.run import run_project
from shipway.app.workspace import Workspace
from shipway.core.bundle import Manifest


def test_a_new_owner_is_named_by_the_card_without_training_again(shop: Any) -> None:
    toml = shop.root / "shipway.toml"
    toml.write_text(toml.read_text().replace('owner = ""', 'owner = "the returns desk"'))
    made = run_project(find_project(shop.root))
    assert [task.name for task in made.tasks if not task.unchanged] == ["bundle returned@1"]
    with closing(Workspace(find_project(shop.root))) as workspace:
        manifest = msgspec.json.decode(workspace.blobs.get(made.versions[0].bundle or ""), type=Manifest)
        cards = [
            workspace.blobs.get(digest).decode() for path, digest in manifest.files.items() if path.endswith(".md")
        ]
        assert any("the returns desk" in card for card in cards)
        version = workspace.state().version("returned", 1)
    assert version is not None
    assert version.bundle == made.versions[0].bundle != shop.run.versions[0].bundle
