"""Bundles on their way to other systems."""

import json
from contextlib import closing

import msgspec
import pytest

from shipway.app.exchange import check_form, export_folder, export_version
from shipway.app.workspace import Workspace
from shipway.testing.refusal import expect_refusal


@pytest.mark.parametrize(
    ("form", "file"), [("oci", "index.json"), ("docker", "Dockerfile"), ("mlflow", "MLmodel"), ("bento", "bento.yaml")]
)
def test_version_and_its_exported_folder_give_the_same(ran_shop, tmp_path, form, file):
    made = export_version(ran_shop.project, "returned@1", tmp_path / "direct", form)
    assert made.bundle == ran_shop.run.versions[0].bundle
    assert file in made.files
    export_version(ran_shop.project, "returned@1", tmp_path / "folder", "folder")
    again = export_folder(tmp_path / "folder", tmp_path / "again", form)
    assert (again.files, again.size_bytes) == (made.files, made.size_bytes)
    for path in made.files:
        assert (tmp_path / "again" / path).read_bytes() == (tmp_path / "direct" / path).read_bytes()


def test_server_gets_the_distributions_that_it_needs_and_no_others(ran_shop, tmp_path):
    export_version(ran_shop.project, "returned", tmp_path / "image", "docker")
    lines = (tmp_path / "image" / "requirements.txt").read_text().splitlines()
    names = {line.partition("==")[0] for line in lines}
    assert {"shipway", "onnxruntime", "uvloop", "httptools", "msgspec", "lmdb"} <= names
    assert not {"lightgbm", "scikit-learn", "onnx"} & names
    assert all(line.count("==") == 1 for line in lines)


def test_damaged_folder_is_not_passed_on(ran_shop, tmp_path):
    export_version(ran_shop.project, "returned", tmp_path / "folder", "folder")
    (tmp_path / "folder" / "golden.json").write_text("{}")
    with expect_refusal("SW-502"):
        export_folder(tmp_path / "folder", tmp_path / "image", "oci")
    (tmp_path / "none").mkdir()
    with expect_refusal("SW-502"):
        export_folder(tmp_path / "none", tmp_path / "image", "oci")
    assert not (tmp_path / "image").exists()


def test_folder_with_something_in_it_is_left_alone(ran_shop, tmp_path):
    (tmp_path / "mine").write_text("mine")
    with expect_refusal("SW-107"):
        export_version(ran_shop.project, "returned", tmp_path, "oci")


def test_format_there_is_not_is_answered_with_the_nearest(shipway, ran_shop, tmp_path):
    with expect_refusal("SW-104") as refusals:
        check_form("mlfow")
    assert "mlflow" in refusals[0].hint
    assert shipway("bundle", "export", "returned", tmp_path / "x", "--as", "zip", cwd=ran_shop.root).code == 1


def test_command_exports(shipway, ran_shop, tmp_path):
    words = ["bundle", "export", "returned@1", tmp_path / "image", "--as", "oci", "--json"]
    told = json.loads(shipway(*words, cwd=ran_shop.root).out)
    with closing(Workspace(ran_shop.project)) as workspace:
        assert told["bundle"] == workspace.peek().models["returned"][0].bundle
    assert msgspec.json.decode((tmp_path / "image" / "oci-layout").read_bytes())["imageLayoutVersion"] == "1.0.0"
