"""Versions side by side."""

import msgspec
import pytest

from shipway.app.attestation import keep_attestation
from shipway.app.comparison import compare_models
from shipway.app.model import find_version
from shipway.app.standing import move_alias
from shipway.core.attestation import Attestation
from shipway.core.body import EvidenceRecorded
from shipway.core.check import Evidence
from shipway.core.latency import Latency, LatencyProfile, Machine
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


def test_latency_is_compared_where_the_machines_are_alike_and_only_there(three):
    def measure(ref, **fields):
        machine = Machine(**{"processor": "Xeon", "cores": 2, "system": "Linux", "python": "3.11"} | fields)
        batch = Latency(rows=1, calls=9, p50_us=30.0, p99_us=50.0, cpu_us=29.0)
        with three.workspace() as workspace:
            bundle = find_version(workspace.state(), ref).bundle
            body = msgspec.to_builtins(LatencyProfile(machine=machine, batches=(batch,)))
            keep_attestation(workspace, Attestation(kind="latency", bundle=bundle, body=body))

    def compare():
        found = compare_models(three.project, ["late@1", "late@2"])
        said = [each for each in found.differences[0].said if "latency" in each]
        return [None if each is None else each.machine.cores for each in found.latencies], said

    assert compare() == ([None, None], ["latency is not compared: that of late@1 and late@2 was not measured"])
    measure("late@1")
    assert compare() == ([2, None], ["latency is not compared: that of late@2 was not measured"])
    measure("late@2")
    assert compare() == ([2, 2], [])
    measure("late@2", cores=64)
    cores, (said,) = compare()
    assert cores == [2, 64]
    assert "late@2 was measured on Xeon, 64 cores" in said


@pytest.mark.parametrize(
    ("refs", "code"),
    [([], "SW-106"), (["late"], "SW-106"), (["late@1", "late@1"], "SW-106"), (["late@1", "x"], "SW-104")],
)
def test_what_cannot_be_compared_is_refused(three, refs, code):
    with expect_refusal(code):
        compare_models(three.project, refs)
