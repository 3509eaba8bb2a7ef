"""A gate asks what a candidate listens to, and whether it gives the reasons that the version before it gave."""

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
    import shutil

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
