"""Signing the bundles of a project, and refusing to release what is not signed."""

import shutil
import subprocess
import sys
from contextlib import closing

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shipway.app.model import export_bundle
from shipway.app.project import find_project
from shipway.app.release import variant_of
from shipway.app.signing import (
    require_signature,
    sign_folder,
    sign_version,
    verify_folder,
    verify_version,
)
from shipway.app.workspace import Workspace
from shipway.core.body import ServiceOpened
from shipway.core.signature import SIGNATURE
from shipway.testing.refusal import expect_refusal


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A folder with two pairs: ours.pem, ours.pub, theirs.pem and theirs.pub."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("ours", "theirs"):
        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / f"{name}.pem").write_bytes(private)
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        (folder / f"{name}.pub").write_bytes(public)
    return folder


def demand(shop, keys, *names):
    """Let the shop ask for signatures by some keys, and return it read again."""
    path = shop.root / "shipway.toml"
    named = ", ".join(f'"{name}"' for name in names)
    path.write_text(f"{path.read_text()}\n[security]\nsigners = [{named}]\n")
    for name in names:
        shutil.copy(keys / name, shop.root / name)
    return find_project(shop.root)


def test_signed_version_is_verified_and_exported_with_its_signature(shop, keys, tmp_path):
    signed = sign_version(shop.project, "returned", keys / "ours.pem")
    assert (signed.what, signed.bundle) == ("returned@1", shop.run.versions[0].bundle)
    assert verify_version(shop.project, "returned@1", [keys / "theirs.pub", keys / "ours.pub"]) == signed
    with expect_refusal("SW-513"):
        verify_version(shop.project, "returned@1", [keys / "theirs.pub"])
    folder = tmp_path / "bundle"
    made = export_bundle(shop.project, "returned", folder)
    assert SIGNATURE in made.files
    assert verify_folder(folder, [keys / "ours.pub"]) == msgspec.structs.replace(signed, what=str(folder))
    words = ["verify", "key", folder, "--signature", folder / SIGNATURE, "--public_key", keys / "ours.pub"]
    subprocess.run([sys.executable, "-m", "model_signing", *words], check=True, capture_output=True)
    with closing(Workspace(shop.project)) as workspace:
        entries = [entry for entry in workspace.ledger.read() if entry.kind == "bundle-signed"]
        assert [entry.subject for entry in entries] == ["model:returned@1"]
        assert workspace.state().digest == workspace.rebuild_state().digest


def test_unsigned_version_is_verified_by_nobody(ran_shop, keys):
    with expect_refusal("SW-511"):
        verify_version(ran_shop.project, "returned", [keys / "ours.pub"])


def test_folder_is_signed_in_place_and_names_what_was_tampered_with(ran_shop, keys, tmp_path):
    folder = tmp_path / "bundle"
    export_bundle(ran_shop.project, "returned", folder)
    with expect_refusal("SW-511"):
        verify_folder(folder, [keys / "ours.pub"])
    signed = sign_folder(folder, keys / "ours.pem")
    assert verify_folder(folder, [keys / "ours.pub"]) == signed
    (folder / "CARD.md").write_text("# Better than it is\n")
    with expect_refusal("SW-502") as refusals:
        verify_folder(folder, [keys / "ours.pub"])
    assert "CARD.md" in refusals[0].fact
    with expect_refusal("SW-502"):
        sign_folder(folder, keys / "ours.pem")


def test_bundle_that_took_anothers_signature_is_refused(ran_shop, keys, tmp_path):
    """Someone who changes a file and every checksum with it still has no signature of the whole."""
    folder = tmp_path / "bundle"
    export_bundle(ran_shop.project, "returned", folder)
    sign_folder(folder, keys / "ours.pem")
    manifest = folder / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"version":1', b'"version":9'))
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    digest = subprocess.run(["sha256sum", manifest], capture_output=True, text=True, check=True).stdout.split()[0]
    fixed = [f"{digest}  manifest.json" if line.endswith("manifest.json") else line for line in lines]
    (folder / "SHA256SUMS").write_text("\n".join(fixed) + "\n")
    with expect_refusal("SW-512") as refusals:
        verify_folder(folder, [keys / "ours.pub"])
    assert "SHA256SUMS" in refusals[0].fact


def test_project_that_asks_for_signatures_releases_nothing_else(shop, keys):
    project = demand(shop, keys, "ours.pub")
    with closing(Workspace(project)) as workspace:
        version = workspace.state().models["returned"][0]
        with expect_refusal("SW-511"):
            variant_of(workspace, version)
    sign_version(project, "returned", keys / "theirs.pem")
    with closing(Workspace(project)) as workspace, expect_refusal("SW-513"):
        variant_of(workspace, workspace.state().models["returned"][0])
    sign_version(project, "returned", keys / "ours.pem")
    with closing(Workspace(project)) as workspace:
        version = workspace.state().models["returned"][0]
        assert variant_of(workspace, version).signature == version.signature != ""


def test_signing_reaches_the_service_that_answers_already(shop, keys):
    with closing(Workspace(shop.project)) as workspace:
        version = workspace.state().models["returned"][0]
        require_signature(workspace, version)
        variant = variant_of(workspace, version)
        assert variant.signature == ""
        body = ServiceOpened(service="desk", model="returned", variant=variant, at=0)
        before = workspace.remember(("service:desk", body)).services["desk"].routing
    sign_version(shop.project, "returned", keys / "ours.pem")
    with closing(Workspace(shop.project)) as workspace:
        after = workspace.state().services["desk"].routing
        assert after.stable.signature == workspace.state().models["returned"][0].signature
        assert after.token > before.token


def test_key_that_is_not_there_is_refused_before_anything(shop, keys):
    with expect_refusal("SW-514"):
        sign_version(shop.project, "returned", keys / "none.pem")
    with expect_refusal("SW-514"):
        sign_version(shop.project, "returned", keys / "ours.pub")
    with closing(Workspace(shop.project)) as workspace:
        assert not [entry for entry in workspace.ledger.read() if entry.kind == "bundle-signed"]


def test_commands_sign_and_verify(shop, keys, shipway, tmp_path):
    assert shipway("bundle", "sign", "returned@1", "--key", keys / "ours.pem", cwd=shop.root).code == 0
    answer = shipway("bundle", "verify", "returned@1", "--public-key", keys / "ours.pub", "--json", cwd=shop.root)
    assert msgspec.json.decode(answer.out)["what"] == "returned@1"
    assert shipway("models", "export", "returned", tmp_path / "out", cwd=shop.root).code == 0
    words = ["bundle", "verify", tmp_path / "out", "--public-key"]
    assert shipway(*words, keys / "ours.pub", cwd=tmp_path).code == 0
    refused = shipway(*words, keys / "theirs.pub", cwd=tmp_path)
    assert refused.code == 1
    assert "SW-513" in refused.err
