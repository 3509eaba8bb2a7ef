"""Bentos: their structure, and what BentoML itself makes of them where it is installed."""

import ast
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest
import yaml

from shipway.delivery.export.bento import write_bento
from shipway.delivery.export.parcel import Parcel
from shipway.delivery.verification import read_folder, verify_bundle
from shipway.ports.model import open_runtime
from shipway.testing.refusal import expect_refusal

BENTOML = shutil.which("bentoml")


def test_layout_is_that_of_a_bento(parcel, write, tmp_path):
    folder = write(write_bento(parcel), tmp_path)
    bento = yaml.safe_load((folder / "bento.yaml").read_text())
    module, _, name = bento["service"].partition(":")
    tree = ast.parse((folder / "src" / f"{module}.py").read_text())
    assert name in [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    assert (bento["name"], bento["version"], bento["models"][0]["tag"]) == ("delay", "3", "delay:3")
    assert "onnxruntime==1.32.0" in bento["image"]["python_requirements"]
    home = folder / "models" / "delay" / "3"
    model = yaml.safe_load((home / "model.yaml").read_text())
    assert (model["name"], model["version"], model["metadata"]["shipway_bundle"]) == ("delay", "3", parcel.digest)
    (home / "model.yaml").unlink()
    assert verify_bundle(read_folder(home), open_runtime, digest=parcel.digest) == []


@pytest.mark.parametrize("model", ["Delay", "_delay", "zu spät"])
def test_name_that_no_bento_has_is_refused(parcel, model):
    manifest = msgspec.structs.replace(parcel.manifest, model=model)
    with expect_refusal("SW-501"):
        write_bento(Parcel(parcel.digest, manifest, parcel.contents))


def test_native_form_is_refused(native_only):
    with expect_refusal("SW-501"):
        write_bento(native_only)


@pytest.mark.skipif(BENTOML is None, reason="needs the command bentoml, which is not installed (pip install bentoml)")
def test_bentoml_loads_and_asks_it(parcel, write, tmp_path):
    folder = write(write_bento(parcel), tmp_path / "bento")
    code = (
        "import sys, bentoml; s = bentoml.load(sys.argv[1]); m = s.inner();"
        "r = m.infer({'row_distance': [0.5, None], 'row_carrier': ['A', 'none'], 'origin_mean': [1.0, 2.0]});"
        "print(len(r['probability']), all(0 < p < 1 for p in r['probability']))"
    )
    words = [Path(BENTOML or "").parent / "python", "-c", code, folder]
    environment = {"PATH": "/usr/bin:/bin", "BENTOML_HOME": str(tmp_path / "home"), "BENTOML_DO_NOT_TRACK": "True"}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert done.stdout.splitlines()[-1:] == ["2 True"], done.stderr
