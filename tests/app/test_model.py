"""The registry and its bundles."""

import hashlib
import subprocess

import pytest

from shipway.app.model import export_bundle, list_models, show_model
from shipway.app.workspace import Workspace
from shipway.testing.refusal import expect_refusal


def test_versions_are_listed_and_shown(ran_shop):
    (line,) = list_models(ran_shop.project)
    made = ran_shop.run.versions[0]
    assert (line.ref, line.bundle, line.outcome, line.cut) == ("returned@1", made.bundle, "pass", made.cut)
    detail = show_model(ran_shop.project, "returned@1")
    assert detail == show_model(ran_shop.project, "returned")
    assert detail.version == line
    assert {evidence.check: evidence for evidence in detail.evidence} == made.evidence
    assert detail.verdicts == made.verdicts
    assert detail.bundle is not None
    assert detail.bundle.digest == made.bundle


@pytest.mark.parametrize("ref", ["return", "returned@2", "returned@", "returned@-1", "returned@one", "@1", ""])
def test_version_there_is_not_is_refused(ran_shop, ref):
    if ref == "returned@":
        assert show_model(ran_shop.project, ref).version.number == 1
        return
    with expect_refusal("SW-104"):
        show_model(ran_shop.project, ref)


def test_exported_bundle_is_the_registered_one(ran_shop, tmp_path):
    made = export_bundle(ran_shop.project, "returned", tmp_path / "below" / "bundle")
    folder = tmp_path / "below" / "bundle"
    assert made.bundle == ran_shop.run.versions[0].bundle
    written = [path for path in folder.rglob("*") if path.is_file()]
    assert made.files == tuple(sorted(path.relative_to(folder).as_posix() for path in written))
    assert hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest() == made.bundle
    assert made.size_bytes == sum(path.stat().st_size for path in written)
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, check=True, capture_output=True)


def test_folder_with_something_in_it_is_left_alone(ran_shop, tmp_path):
    (tmp_path / "mine").write_text("mine")
    with expect_refusal("SW-107"):
        export_bundle(ran_shop.project, "returned", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_version_without_a_bundle_is_not_exported(shipway, shop, tmp_path):
    path = shop.root / "project.py"
    path.write_text(
        path.read_text().replace("sw.auc >= 0.65", "sw.auc >= 0.99").replace("rounds: int = 80", "rounds: int = 9")
    )
    assert shipway("run", cwd=shop.root).code == 3
    with expect_refusal("SW-404"):
        export_bundle(shop.project, "returned@2", tmp_path / "bundle")
    assert show_model(shop.project, "returned@2").bundle is None
    assert list(tmp_path.glob("*bundle*")) == []


def test_damaged_blob_is_not_exported(shop, tmp_path):
    manifest = show_model(shop.project, "returned").bundle
    assert manifest is not None
    workspace = Workspace(shop.project)
    path = workspace.blobs.path(manifest.files["model.onnx"])
    workspace.close()
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])
    with expect_refusal("SW-605"):
        export_bundle(shop.project, "returned", tmp_path / "bundle")
    assert list(tmp_path.glob("*bundle*")) == []
