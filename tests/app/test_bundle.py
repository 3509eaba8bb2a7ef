"""Bundles built again, verified where they are, and looked into."""

import json
import shutil

import pytest

from shipway.app.bundle import build_version, check_bundle, inspect_bundle
from shipway.app.model import export_bundle
from shipway.app.project import find_project
from shipway.app.run import run_project
from shipway.app.workspace import Workspace
from shipway.core.attestation import Attestation
from shipway.testing.refusal import expect_refusal


@pytest.fixture(scope="module")
def exported(ran_shop, tmp_path_factory):
    """The registered bundle in a folder; read it only."""
    folder = tmp_path_factory.mktemp("exported") / "returned-1"
    export_bundle(ran_shop.project, "returned", folder)
    return folder


def test_the_same_inputs_give_the_same_bundle_in_another_checkout(ran_shop, fresh):
    """Two checkouts of one project, each run from nothing, agree on every byte."""
    made = run_project(find_project(fresh), leaks=False)
    assert made.versions[0].bundle == ran_shop.run.versions[0].bundle is not None


def test_a_version_is_built_again_to_the_last_byte(shop, exported, tmp_path):
    entries = len(list(Workspace(shop.project).ledger.read()))
    built = build_version(shop.project, "returned@1", tmp_path / "again")
    assert (built.version, built.bundle, built.differs) == ("returned@1", shop.run.versions[0].bundle, ())
    assert built.registered == built.bundle
    for path in exported.rglob("*.*"):
        assert (tmp_path / "again" / path.relative_to(exported)).read_bytes() == path.read_bytes()
    assert len(list(Workspace(shop.project).ledger.read())) == entries


def test_a_version_of_another_project_is_not_built(shop):
    path = shop.root / "project.py"
    path.write_text(path.read_text().replace("rounds: int = 80", "rounds: int = 9"))
    with expect_refusal("SW-501"):
        build_version(shop.project, "returned@1")


def test_a_bundle_is_verified_as_a_version_and_as_a_folder(ran_shop, exported):
    registered, folder = check_bundle(ran_shop.project, "returned@1"), check_bundle(None, str(exported))
    assert registered.damage == folder.damage == []
    assert registered.bundle == folder.bundle == ran_shop.run.versions[0].bundle
    assert registered.files == folder.files == len([path for path in exported.iterdir() if path.is_file()])
    assert registered.beside == folder.beside == ["attestations/latency.json"]


@pytest.mark.parametrize("path", ["native.txt", "drift.json", "sbom.cdx.json", "SHA256SUMS", "manifest.json"])
def test_a_flipped_byte_in_a_folder_is_found(exported, tmp_path, path):
    folder = shutil.copytree(exported, tmp_path / "copy")
    content = bytearray((folder / path).read_bytes())
    content[len(content) // 3] ^= 4
    (folder / path).write_bytes(content)
    assert any(path in sentence for sentence in check_bundle(None, str(folder)).damage)


def test_everything_a_bundle_says_is_shown(ran_shop, exported):
    found = inspect_bundle(None, str(exported))
    assert found.bundle == ran_shop.run.versions[0].bundle
    assert found.manifest == inspect_bundle(ran_shop.project, "returned").manifest
    assert found.golden_rows == 100
    assert found.packages["numpy"]
    assert {"CARD.md", "sbom.cdx.json", "drift.json", "attestations/latency.json"} <= found.sizes.keys()
    assert isinstance(found.attestations["latency"], Attestation)
    assert [batch["rows"] for batch in found.attestations["latency"].body["batches"]] == [1, 16, 256]
    assert found.drift is not None
    assert [column.name for column in found.drift.inputs] == [column.name for column in found.manifest.inputs]
    rows = found.manifest.training["rows"]
    assert all(sum(column.counts) + column.missing == rows for column in found.drift.inputs)
    assert [column.name for column in found.drift.outputs] == ["probability"]
    assert len(found.manifest.training["fingerprint"]) == 64
    bill = json.loads((exported / "sbom.cdx.json").read_text())
    assert {part["name"] for part in bill["components"]} == found.packages.keys()


def test_what_is_no_bundle_is_refused(ran_shop, tmp_path):
    for call in (check_bundle, inspect_bundle):
        with expect_refusal("SW-502"):
            call(None, str(tmp_path))
        with expect_refusal("SW-104"):
            call(ran_shop.project, "delay@9")


def test_the_commands_answer(shipway, ran_shop, exported, tmp_path):
    said = shipway("bundle", "inspect", exported, cwd=tmp_path)
    assert said.code == 0
    assert "model.onnx by onnx" in said.out
    assert "probability" in said.out
    assert shipway("bundle", "verify", exported, "--json", cwd=tmp_path).document["damage"] == []
    assert "latency without a server" in said.out
    gone = shipway("bundle", "verify", tmp_path / "gone", cwd=ran_shop.root)
    assert (gone.code, "gone" in gone.err, "version" in gone.err) == (1, True, False), gone.err
    folder = shutil.copytree(exported, tmp_path / "copy")
    (folder / "CARD.md").write_text("trust me")
    said = shipway("bundle", "verify", folder, cwd=tmp_path)
    assert said.code == 1
    assert "damage: CARD.md is not what manifest.json says it is" in said.out
    assert "SW-502" in said.err
