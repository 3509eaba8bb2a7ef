"""Bentos: their structure, and what BentoML itself makes of them where it is installed."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
import yaml

from shipway.core.bundle import GOLDEN, Golden
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


def serve_alone(parcel, write, folder, monkeypatch):
    """The service of a Bento, with what it needs of BentoML stood in for: a folder, and two decorators."""
    source = write_bento(parcel)["src/service.py"].decode()
    home = write({path: parcel.contents[path] for path in ("manifest.json", "model.onnx")}, folder)
    stand_in = SimpleNamespace(
        service=lambda **words: lambda kind: kind,
        api=lambda method: method,
        models=SimpleNamespace(BentoModel=lambda tag: SimpleNamespace(path=home)),
    )
    monkeypatch.setitem(sys.modules, "bentoml", stand_in)
    names: dict[str, Any] = {}
    exec(source, names)
    return names["Model"]()


@pytest.mark.parametrize("which", ["parcel", "number_parcel", "class_parcel"])
def test_the_service_answers_as_the_golden_rows_are(which, request, write, tmp_path, monkeypatch):
    parcel = request.getfixturevalue(which)
    golden = msgspec.json.decode(parcel.contents[GOLDEN], type=Golden)
    given = {}
    for column, values in zip(parcel.manifest.inputs, golden.tensors["x"].T, strict=True):
        said = [None if value != value else float(value) for value in values]
        codes = column.categories
        given[column.name] = [None if v is None else codes[int(v)] for v in said] if codes else said
    (due,) = golden.outputs
    answer = serve_alone(parcel, write, tmp_path, monkeypatch).infer(given)
    assert list(answer) == [due.name]
    np.testing.assert_allclose(answer[due.name], due.array, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("model", ["Delay", "_delay", "zu spät"])
def test_name_that_no_bento_has_is_refused(parcel, model):
    manifest = msgspec.structs.replace(parcel.manifest, model=model)
    with expect_refusal("SW-501"):
        write_bento(Parcel(parcel.digest, manifest, parcel.contents))


def test_native_form_is_refused(native_only):
    with expect_refusal("SW-501"):
        write_bento(native_only)


@pytest.mark.skipif(BENTOML is None, reason="needs the command bentoml, which is not installed (pip install bentoml)")
@pytest.mark.parametrize(
    ("which", "name", "most"),
    [("parcel", "probability", 1), ("number_parcel", "prediction", 100), ("class_parcel", "probabilities", 1)],
)
def test_bentoml_loads_and_asks_it(which, name, most, request, write, tmp_path):
    parcel = request.getfixturevalue(which)
    folder = write(write_bento(parcel), tmp_path / "bento")
    code = (
        "import sys, bentoml, numpy; s = bentoml.load(sys.argv[1]); m = s.inner();"
        "r = m.infer({'row_distance': [0.5, None], 'row_carrier': ['A', 'none'], 'origin_mean': [1.0, 2.0]});"
        f"print(len(r[{name!r}]), all(0 < p < {most} for p in numpy.ravel(r[{name!r}])))"
    )
    words = [Path(BENTOML or "").parent / "python", "-c", code, folder]
    environment = {"PATH": "/usr/bin:/bin", "BENTOML_HOME": str(tmp_path / "home"), "BENTOML_DO_NOT_TRACK": "True"}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert done.stdout.splitlines()[-1:] == ["2 True"], done.stderr
