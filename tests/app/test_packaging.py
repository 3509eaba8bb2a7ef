"""A bundle is made again when anything in it would be different; one of classes says how probable each is."""

from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.app.conftest import gather_fate

from shipway.app.candidate import make_runner
from shipway.app.packaging import make_bundle
from shipway.app.project import find_project
from shipway.app.run import run_project
from shipway.app.workspace import Workspace
from shipway.core.bundle import DRIFT, Golden, Manifest
from shipway.core.reference import DriftReference
from shipway.delivery.verification import verify_bundle
from shipway.ports.model import open_runtime


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


def bundle_fate(root: Path) -> tuple[Manifest, dict[str, bytes]]:
    """Make the bundle of a version that nobody judged."""
    with closing(Workspace(find_project(root))) as workspace, workspace.hold():
        runner = make_runner(workspace)
        return make_bundle(runner, gather_fate(runner), lambda done, due: None)


LIBRARIES = {
    "lightgbm": "",
    "xgboost": (
        "import xgboost\n    params = {'objective': 'multi:softprob', 'num_class': 3, 'nthread': 1, 'max_depth': 4}\n"
        "    return xgboost.train(params, xgboost.DMatrix(frame.x, frame.y), 20)"
    ),
    "sklearn": (
        "from sklearn.ensemble import HistGradientBoostingClassifier\n"
        "    return HistGradientBoostingClassifier(max_iter=10, random_state=0).fit(frame.x, frame.y)"
    ),
}


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_bundle_of_classes_proves_itself(fate: Path, library: str) -> None:
    path = fate / "project.py"
    if LIBRARIES[library]:
        head, _, _ = path.read_text().partition('    """Boost trees on everything')
        path.write_text(f"{head}    {LIBRARIES[library]}\n")
    manifest, files = bundle_fate(fate)
    classes = ("kept", "returned early", "returned late")
    assert (manifest.format, manifest.runtime, manifest.predicts, manifest.classes) == (
        library, "onnx", "class", classes,
    )  # fmt: skip
    assert manifest.parity is not None
    assert manifest.parity.largest < 1e-6
    assert manifest.parity.identical == (library == "sklearn")
    golden = msgspec.json.decode(files["golden.json"], type=Golden)
    (said,) = golden.outputs
    assert (said.name, said.shape) == ("probabilities", (100, 3))
    assert verify_bundle(files, open_runtime, digest=manifest.digest) == []
    reference = msgspec.json.decode(files[DRIFT], type=DriftReference)
    assert [each.name for each in reference.outputs] == [f"probabilities[{name}]" for name in classes]
    assert len({each.rows for each in reference.outputs}) == 1
    means = [each.mean for each in reference.outputs]
    np.testing.assert_allclose(means, manifest.training["shares"], atol=0.05)
    card = files["CARD.md"].decode()
    for name, share in zip(classes, manifest.training["shares"], strict=True):
        assert f"| `{name}` | {share:.1%} |" in card
    assert "of each class" in card
