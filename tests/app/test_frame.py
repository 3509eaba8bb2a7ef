"""A frame built within an amount of memory is the same artifact."""

import hashlib

import polars as pl

from shipway.app.candidate import make_runner
from shipway.app.feature import export_frame
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


def test_an_engine_with_little_memory_and_an_export_are_the_same_frame(shop):
    whole, rows = build(shop.root)
    toml = shop.root / "shipway.toml"
    text = toml.read_text()
    digests = set()
    for compute in ("", '\n[compute]\nengine = "local"\nworkers = 2\n'):
        toml.write_text(text.replace("[resources]\n", '[resources]\nmemory = "100KB"\n') + compute)
        bounded, same = build(shop.root)
        assert (bounded.digest, bounded.facts) == (whole.digest, whole.facts)
        assert same.equals(rows)
    for number, setting in enumerate((text, toml.read_text())):
        toml.write_text(setting)
        for ending in (".parquet", ".csv"):
            made = export_frame(find_project(shop.root), "returned", path := shop.root / f"{number}{ending}")
            assert made.rows == rows.height
            digests.add((ending, hashlib.sha256(path.read_bytes()).hexdigest()))
    assert len(digests) == 2, "the setting is no part of what is written"
    assert pl.read_parquet(shop.root / "1.parquet").equals(rows)
