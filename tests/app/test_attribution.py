"""A gate asks what a candidate listens to, and whether it gives the reasons that the version before it gave."""

import shutil
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from shipway.app.project import find_project
from shipway.app.run import run_project
from shipway.app.workspace import Workspace

RULE = "    sw.auc >= 0.65,\n"
ASKED = """\
    sw.attribution(product) >= 0.05,
    sw.attribution(basket.hour) <= 0.3,
    sw.reason_agreement(top=3) >= 0.3,
"""


@pytest.fixture(scope="module")
def made(new_shop, tmp_path_factory):
    """Return the run of a shop whose gate asks for reasons, with two versions; and its folder."""
    root = Path(shutil.copytree(new_shop, tmp_path_factory.mktemp("attribution") / "shop"))
    code, toml = root / "project.py", root / "shipway.toml"
    code.write_text(code.read_text().replace(RULE, RULE + ASKED))
    text = toml.read_text()
    assert "cuts = [2024-09-01]" in text
    toml.write_text(text.replace("cuts = [2024-09-01]", "cuts = [2024-08-01, 2024-09-01]"))
    return root, run_project(find_project(root))


def test_shares_and_agreement_are_evidence_of_each_version(made):
    root, run = made
    first, second = run.versions
    names = ("attribution of product", "attribution of basket.hour", "reason agreement with current at 3")
    for version in (first, second):
        for name in names:
            evidence = version.evidence[name]
            assert 0 <= evidence.low <= evidence.value <= evidence.high <= 1
            assert evidence.n == 2_000
            assert evidence.clusters > 30
    assert first.evidence[names[2]].facts["fallback"]
    assert (first.evidence[names[2]].value, first.evidence[names[2]].detail) == (1.0, None)
    agreed = second.evidence[names[2]]
    if first.bundle is not None:
        assert agreed.facts["baseline"] == "version 1"
        assert 0.3 < agreed.value < 1
    with closing(Workspace(find_project(root))) as workspace:
        rows = msgspec.json.decode(workspace.blobs.get(second.evidence[names[0]].detail))
    assert {row["feature"] for row in rows if row["asked"]} == {
        "product_sold_7d",
        "product_returned_60d",
        "product_price_mean_30d",
    }
    assert "path-dependent TreeSHAP" in second.evidence[names[0]].facts["said"]


def test_the_same_project_makes_nothing_anew(made):
    root, run = made
    again = run_project(find_project(root))
    assert [each.evidence for each in again.versions] == [each.evidence for each in run.versions]


def test_reasons_of_classes_are_asked_of_one_class(classes):
    shutil.rmtree(classes.root / ".shipway")
    code, toml = classes.root / "project.py", classes.root / "shipway.toml"
    rule = 'sw.auc.of("soon") >= 0.6,\n'
    asked = """\
    sw.attribution(product, of="soon") >= 0.05,
    sw.attribution(product, of="late") >= 0.05,
    sw.reason_agreement(top=3, of="soon") >= 0.3,
"""
    text = code.read_text()
    assert text.count(rule) == 1
    code.write_text(text.replace(rule, rule + asked))
    toml.write_text(toml.read_text().replace("cuts = [2024-09-01]", "cuts = [2024-08-01, 2024-09-01]"))
    first, second = run_project(find_project(classes.root)).versions
    for version in (first, second):
        soon, late = (version.evidence[f"attribution of product for {name}"] for name in ("soon", "late"))
        assert 0 < soon.low < soon.value < soon.high < 1
        assert soon.value != late.value
        assert soon.facts["unit"] == "log-ratio"
        assert "path-dependent TreeSHAP in log-ratio" in soon.facts["said"]
    agreed = second.evidence["reason agreement with current at 3 for soon"]
    assert agreed.facts["baseline"] == "version 1"
    assert 0.3 < agreed.value < 1


def test_reasons_of_a_number_are_asked_in_its_unit(fresh):
    code = (fresh / "project.py").read_text()
    code = code[: code.index('sw.gate(\n    "quality"')]
    code += """
days = sw.label("days", (closings.settled - closings.placed) / "1d")


@sw.model("wait", on=orders, at=orders.placed, label=days, features=[basket, customer, product])
def wait(frame: sw.TrainFrame, *, rounds: int = 15):
    import lightgbm

    params = {"objective": "regression", "num_leaves": 7, "num_threads": 1, "seed": 1, "verbosity": -1}
    data = lightgbm.Dataset(frame.x, frame.y, categorical_feature=frame.category_columns)
    return lightgbm.train(params, data, num_boost_round=rounds)


sw.gate("wait", sw.attribution(customer) <= 0.95, sw.reason_agreement(top=3) >= 0.3, before="release")
"""
    (fresh / "project.py").write_text(code)
    toml = fresh / "shipway.toml"
    toml.write_text(toml.read_text().replace("[models.returned]", "[models.wait]"))
    (version,) = run_project(find_project(fresh)).versions
    share = version.evidence["attribution of customer"]
    assert 0 < share.low < share.high < 1
    assert share.facts["unit"] == "number"
    assert version.evidence["reason agreement with current at 3"].facts["fallback"]
