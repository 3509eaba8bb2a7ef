"""MLflow's folders: what they name is read inside of them only, and nothing is unpickled."""

import pickle
import zipfile

import pytest

from shipway.adapters.mlflow.model import load_skops, read_mlflow
from shipway.testing.refusal import expect_refusal


def write(folder, text):
    folder.mkdir(exist_ok=True)
    (folder / "MLmodel").write_text(text)
    return folder


def test_flavors_and_columns_are_read(tmp_path):
    signature = '  inputs: \'[{"type": "double", "name": "a"}, {"type": "double", "name": "b"}]\'\n'
    folder = write(tmp_path, f"flavors:\n  onnx:\n    data: model.onnx\nsignature:\n{signature}")
    model = read_mlflow(folder)
    assert model.columns == ("a", "b")
    assert list(model.flavors) == ["onnx"]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "flavors: 1", "flavors: {onnx: 1}", "\t", "flavors: !!python/object/apply:os.system ['true']",
     "flavors: {}\nsignature: {inputs: '{'}", "flavors: {}\nsignature: {inputs: 3}"],
)  # fmt: skip
def test_strange_descriptions_are_refused(tmp_path, text):
    with expect_refusal("SW-502"):
        read_mlflow(write(tmp_path, text))


def test_folder_without_a_description_is_refused(tmp_path):
    with expect_refusal("SW-502"):
        read_mlflow(tmp_path)


@pytest.mark.parametrize("named", ["../secret", "/etc/passwd", "none", "link"])
def test_file_outside_the_folder_is_not_read(tmp_path, named):
    (tmp_path / "secret").write_text("secret")
    folder = write(tmp_path / "model", f"flavors: {{lightgbm: {{data: {named}}}}}")
    (folder / "link").symlink_to(tmp_path / "secret")
    with expect_refusal("SW-502") as refusals:
        read_mlflow(folder).load("lightgbm")
    assert "secret" not in refusals[0].fact.replace("../secret", "")


@pytest.mark.parametrize("said", ["serialization_format: cloudpickle", "serialization_format: pickle", "other: 1"])
def test_pickle_is_refused_and_not_run(tmp_path, said):
    class Trap:
        def __reduce__(self):
            return tmp_path.joinpath("trap").mkdir, ()

    folder = write(tmp_path / "model", f"flavors: {{sklearn: {{pickled_model: model.pkl, {said}}}}}")
    (folder / "model.pkl").write_bytes(pickle.dumps(Trap()))
    with expect_refusal("SW-515"):
        read_mlflow(folder).load("sklearn")
    assert not (tmp_path / "trap").exists()


class Odd:
    """A type that nobody knows."""

    def __init__(self):
        self.held = 1


def test_skops_with_a_type_that_nobody_knows_is_refused(tmp_path):
    import skops.io

    path = tmp_path / "model.skops"
    skops.io.dump(Odd(), path)
    with expect_refusal("SW-515") as refusals:
        load_skops(path)
    assert "Odd" in refusals[0].fact
    path.write_bytes(b"no zip")
    with expect_refusal("SW-502"):
        load_skops(path)


def test_skops_that_would_fill_the_memory_is_refused_unread(tmp_path):
    path = tmp_path / "model.skops"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in range(40):
            archive.writestr(f"{member}.npy", bytes(8 << 20))
    with expect_refusal("SW-502") as refusals:
        load_skops(path)
    assert "would come to 335,544,320" in refusals[0].fact


@pytest.mark.parametrize(("flavor", "name"), [("lightgbm", "model.lgb"), ("onnx", "model.onnx"), ("xgboost", "m.ubj")])
def test_strange_models_are_refused(tmp_path, flavor, name):
    folder = write(tmp_path, f"flavors: {{{flavor}: {{data: {name}}}}}")
    (folder / name).write_bytes(b"no model of any kind")
    with expect_refusal("SW-502"):
        read_mlflow(folder).load(flavor)
