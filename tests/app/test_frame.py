"""A frame built within an amount of memory is the same artifact."""

import polars as pl

from shipway.app.candidate import make_runner
from shipway.app.frame import frame_of
from shipway.app.project import find_project
from shipway.app.workspace import Workspace


def build(root):
    project = find_project(root)
    workspace = Workspace(project)
    runner = make_runner(workspace, force=True)
    artifact, _ = frame_of(runner, project.registry.models["returned"])
    rows = pl.read_parquet(workspace.blobs.path(artifact.digest))
    workspace.close()
    return artifact, rows


def test_the_amount_of_memory_does_not_change_a_frame(shop):
    whole, rows = build(shop.root)
    toml = shop.root / "shipway.toml"
    text = toml.read_text()
    assert "[resources]\n" in text
    toml.write_text(text.replace("[resources]\n", '[resources]\nmemory = "1MB"\n'))
    bounded, same = build(shop.root)
    assert bounded.digest == whole.digest
    assert bounded.facts == whole.facts
    assert same.equals(rows)
