"""Versions side by side."""

import pytest

from shipway.app.comparison import compare_models
from shipway.app.standing import move_alias
from shipway.core.body import EvidenceRecorded
from shipway.core.check import Evidence
from shipway.kit.duration import DAY
from shipway.testing.refusal import expect_refusal

START = 18_262 * DAY


@pytest.fixture
def three(desk):
    """Return a desk with three versions, the second better than the first, the third without a bundle."""
    with desk.workspace() as workspace:
        for place, value in enumerate((0.6, 0.9, 0.7)):
            desk.register(
                workspace, START - (10 - place) * DAY, bundle=place < 2, outcome="pass" if place < 2 else "hold"
            )
            subject = f"model:late@{place + 1}"
            found = Evidence(check="auc", subject=subject, value=value, low=value - 0.05, high=value + 0.05, n=100)
            workspace.remember((subject, EvidenceRecorded(evidence=found)))
    return desk


def test_versions_stand_side_by_side_and_what_differs_is_said(three):
    move_alias(three.project, "late@champion", "late@1", by="", reason="first")
    found = compare_models(three.project, ["late@champion", "late@2", "late"])
    assert [line.ref for line in found.versions] == ["late@1", "late@2", "late@3"]
    assert [value and value[0] for value in found.metrics["auc"]] == [0.6, 0.9, 0.7]
    assert found.gates == {"quality": ["pass", "pass", "hold"]}
    assert [each and each.rows for each in found.bundles] == [1, 2, None]
    second, third = found.differences
    assert (second.ref, second.against) == ("late@2", "late@1")
    assert second.said[0] == "auc is higher, 0.9 against 0.6: the intervals do not touch"
    assert "its cut is 1 days later" in second.said
    assert third.said[-1] == "late@3 has no bundle to compare"


@pytest.mark.parametrize(
    ("refs", "code"),
    [([], "SW-106"), (["late"], "SW-106"), (["late@1", "late@1"], "SW-106"), (["late@1", "x"], "SW-104")],
)
def test_what_cannot_be_compared_is_refused(three, refs, code):
    with expect_refusal(code):
        compare_models(three.project, refs)
