"""Incidents: from the first verdict in which a rule fails to the next one in which it does not."""

from hypothesis import given
from hypothesis import strategies as st

from shipway.app.live.timeline import count_verdicts, find_incidents
from shipway.core.gate import Finding, Verdict
from shipway.core.projection import Judgement

OUTCOMES = st.sampled_from(["pass", "hold", "fail"])


def judgement(at, gate, outcomes):
    findings = tuple(
        Finding(rule=f"rule {place}", outcome=outcome, reason=f"at {at}", evidence=None)
        for place, outcome in enumerate(outcomes)
    )
    return Judgement(at=at, verdict=Verdict(gate=gate, subject="service:desk@live", outcome="fail", findings=findings))


def test_rules_of_a_gate_fail_each_by_itself():
    found = find_incidents(
        [
            judgement(1, "a", ["fail", "pass"]),
            judgement(2, "b", ["pass"]),
            judgement(3, "a", ["fail", "fail"]),
            judgement(4, "a", ["hold", "fail"]),
        ]
    )
    assert [(i.gate, i.rule, i.opened_at, i.closed_at, i.closed_by, i.failed, i.reason) for i in found] == [
        ("a", "rule 0", 1, 4, "hold", 2, "at 1"),
        ("a", "rule 1", 3, None, None, 2, "at 3"),
    ]


@given(st.lists(OUTCOMES, max_size=20))
def test_incidents_are_the_runs_of_failures(outcomes):
    judgements = [judgement(at, "a", [outcome]) for at, outcome in enumerate(outcomes)]
    found = find_incidents(judgements)
    assert sum(incident.failed for incident in found) == outcomes.count("fail")
    for incident in found:
        end = len(outcomes) if incident.closed_at is None else incident.closed_at
        assert set(outcomes[incident.opened_at : end]) == {"fail"}
        assert end - incident.opened_at == incident.failed
        assert incident.opened_at == 0 or outcomes[incident.opened_at - 1] != "fail"
        assert incident.closed_at is None or outcomes[end] == incident.closed_by != "fail"
    assert count_verdicts(judgements) == ({"a": len(outcomes)} if outcomes else {})
