"""A gate asks for the share of vectors that differ, and decides on the whole of its interval."""

import json

import pytest
from tests.app.skew.conftest import read

from shipway.app.control.measurement import LogInstruments
from shipway.core.canary import feature_skew, skew
from shipway.core.gate import decide, make_gate
from shipway.kit.duration import DAY


def measure(service, *checks):
    with service.desk.workspace() as workspace:
        state = workspace.state().services["desk"]
        return list(LogInstruments(workspace).measure_live(state, checks, service.end).values()), workspace


def judge(rule, evidence):
    return decide(make_gate("live", rule, every="1h"), evidence.subject, {evidence.check: evidence}).outcome


def test_right_vectors_pass_as_far_as_there_are_enough(service):
    service.serve()
    check = feature_skew(last="24h")
    ((evidence,), _) = measure(service, check)
    assert (evidence.value, evidence.low, evidence.n) == (0.0, 0.0, 360)
    assert judge(check <= 0.02, evidence) == "pass"
    assert judge(check <= 0.001, evidence) == "hold"


def test_skew_fails_and_its_parts_are_kept(service):
    service.serve(lambda shop, events, at: read([] if shop == "d" else events, at))
    check = feature_skew(last="24h", sample=200, seed=3)
    ((evidence, whole), workspace) = measure(service, check, skew(last="24h"))
    assert judge(check <= 0.001, evidence) == "fail"
    assert (evidence.n, evidence.facts["served"]) == (200, 360)
    assert evidence.low < whole.value / 360 < evidence.high
    parts = json.loads(workspace.blobs.get(evidence.detail))
    assert {part["column"] for part in parts} == {"shop_sold_1d", "shop_spent_6h", "shop_newest", "shop_since"}
    assert "differ from the offline ones" in evidence.facts["said"]


@pytest.mark.parametrize("hours", [1, 6])
def test_each_check_reads_its_own_window(service, hours):
    service.serve()
    ((short, long), _) = measure(service, feature_skew(last=f"{hours}h"), feature_skew(last="24h"))
    low = service.end - hours * DAY // 24
    assert short.n == sum(at > low for at in service.orders["placed"].to_physical())
    assert long.n == 360


def test_nothing_served_holds(service):
    check = feature_skew(last="24h")
    ((evidence,), _) = measure(service, check)
    assert evidence.n == 0
    assert judge(check <= 0.5, evidence) == "hold"
