"""Loads as use cases, with real servers, bundles and ledgers; nothing is timed, so rates are low and limits wide."""

from contextlib import closing

import msgspec
import numpy as np
import pytest

from shipway.app.load import ask_gates, recommend, run_load, search_capacity
from shipway.app.load.aim import Aim
from shipway.app.load.evidence import give_evidence, plan_loads
from shipway.app.project import find_project
from shipway.app.promise import find_missing
from shipway.app.workspace import Workspace
from shipway.core.capacity import Setting, make_objective
from shipway.core.check import Evidence
from shipway.core.gate import judge
from shipway.core.latency import Machine
from shipway.core.load import CLOSED, make_pattern
from shipway.core.measure import LoadFailures, LoadLatency
from shipway.core.promise import load_failures, load_latency_ms
from shipway.kit.canonical import canonical_json
from shipway.testing.refusal import expect_refusal
from shipway.validation.load import Conditions, Recorder

MS = 1_000_000
WIDE = make_objective(20_000.0, failed=0.5)


def test_version_is_put_under_load_and_what_is_measured_is_remembered(shop):
    aim = Aim(what="returned@1", setting=Setting(workers=2, wait="1ms"))
    ran = run_load(shop.project, aim, make_pattern("steady", 40, 1.5), warm_s=0.5, objective=WIDE)
    load = ran.load
    assert (load.failed, load.errors) == (0, {})
    assert load.requests > 20
    assert load.find(0.5).ms > 0
    assert ran.judged is not None
    assert load.target == "returned@1, 2 processes, 1 thread each, wait 1ms"
    with closing(Workspace(shop.project)) as workspace:
        evidence = workspace.state().evidence["bundle:returned@1"]
    assert set(evidence) == {"p95 latency at 40/s for 1s", "failures at 40/s for 1s"}
    facts = evidence["p95 latency at 40/s for 1s"].facts
    assert {"rate", "pattern", "machine", "target", "timing_p99_ms"} <= set(facts)
    assert (facts["workers"], facts["threads"], facts["wait"]) == (2, 1, "1ms")


def test_model_is_put_under_load_in_this_process_and_address_that_is_silent_is_refused(ran_shop):
    ran = run_load(ran_shop.project, Aim(what="returned@1", process=True, rows=3), make_pattern("ramp", 20, 1, peak=60))
    assert ran.load.failed == 0
    assert ran.load.target == "returned@1 in this process, 3 rows a call"
    with expect_refusal("SW-442"):
        run_load(None, Aim(what="http://127.0.0.1:9/"), make_pattern("steady", 1, 1))


def test_warm_up_that_leaves_nothing_is_refused(ran_shop):
    with expect_refusal("SW-441"):
        run_load(ran_shop.project, Aim(what="returned@1", process=True), make_pattern("steady", 1, 1), warm_s=1.0)


def test_search_ends_at_the_largest_rate_and_tells_each(ran_shop):
    told = []
    aim = Aim(what="returned@1", process=True, setting=Setting(workers=4))
    found = search_capacity(
        ran_shop.project, aim, WIDE, start=400, most=800, probe_s=0.5, arrivals="constant", tell=told.append
    )
    assert found.rate == 800
    assert found.limit is None
    assert len(told) == len(found.probes)


def test_recommendation_measures_every_setting(ran_shop, monkeypatch):
    monkeypatch.setattr("shipway.app.load.MOST_RATE", 60.0)
    monkeypatch.setattr("shipway.app.load.ENOUGH", 30)
    settings = [Setting(), Setting(threads=2, wait="1ms")]
    said = []
    found = recommend(ran_shop.project, Aim(what="returned@1"), WIDE, settings, rate=40, price=0.04, probe_s=0.5,
                      tell=said.append)  # fmt: skip
    assert [each.setting for each in found.trials] == settings
    assert [each.copies for each in found.trials] == [1, 1]
    assert all(each.together is not None and each.together >= 1 for each in found.trials)
    assert "for 0.04 an hour" in found.said
    assert len(said) == 2
    with expect_refusal("SW-441"):
        recommend(None, Aim(what="http://127.0.0.1:9/"), WIDE, settings, rate=1)


GATE = """
sw.gate(
    "promise",
    sw.load_latency_ms(rate=100, last="1s") <= {bound},
    sw.load_failures(rate=100, last="1s") <= 0.2,
    before="traffic",
)
"""


@pytest.mark.parametrize(("bound", "outcome"), [(20_000, "pass"), (0.001, "not pass")])
def test_gates_before_traffic_are_asked_under_load_and_remembered(shop, bound, outcome):
    module = shop.root / "project.py"
    module.write_text(module.read_text() + GATE.format(bound=bound))
    project = find_project(shop.root)
    judged = ask_gates(project, "returned")
    assert judged.version == "returned@1"
    assert len(judged.loads) == 1
    assert (judged.verdicts[0].outcome == "pass") == (outcome == "pass")
    with closing(Workspace(project)) as workspace:
        state = workspace.state()
        missing = find_missing(workspace, state, state.models["returned"][0])
    assert (missing is None) == (outcome == "pass")


def test_project_without_such_a_gate_has_nothing_to_ask(ran_shop):
    with expect_refusal("SW-104") as refused:
        ask_gates(ran_shop.project, "returned@1")
    assert 'before="traffic"' in refused[0].hint


def test_checks_of_one_load_share_it():
    checks = [load_latency_ms(rate=5), load_failures(rate=5), load_latency_ms(rate=5, percentile=99),
              load_failures(rate=5, rows=2)]  # fmt: skip
    plans = plan_loads(checks)
    assert [(plan.rate, plan.rows, plan.seconds, len(plan.measures)) for plan in plans] == [
        (5, 1, 10, 3),
        (5, 2, 10, 1),
    ]


def test_generator_that_was_late_lets_nothing_fail():
    machine = Machine(processor="test", cores=2, system="Linux", python="3.11")
    recorder = Recorder(Conditions("target", make_pattern("steady", 100, 10), machine, True, 8, 30.0, 0.0))
    for place in range(1_000):
        due = place * 10 * MS
        recorder.note(due, due + 30 * MS, due + 30 * MS, due + 40 * MS, 200)
    load = recorder.finish()
    assert load.doubt
    latency = give_evidence(LoadLatency(100, 10_000_000), "bundle:a@1", load, recorder)
    failures = give_evidence(LoadFailures(100, 10_000_000), "bundle:a@1", load, recorder)
    assert (latency.low, failures.low, failures.value) == (0.0, 0.0, 0.0)
    assert latency.high >= latency.value == pytest.approx(40, rel=0.01)
    assert load.doubt in latency.facts["said"]


def record(outcome, *, every=1, seconds=10.0, rate=100):
    """Return a load of which one in so many requests ends so, and what took it down."""
    machine = Machine(processor="test", cores=2, system="Linux", python="3.11")
    recorder = Recorder(Conditions("target", make_pattern("steady", rate, seconds), machine, True, 8, 30.0, 0.0))
    for place in range(int(rate * seconds)):
        due = int(place / rate * 1e9)
        recorder.note(due, due, due, due + MS, outcome if place % every == 0 else 200)
    return recorder.finish(), recorder


@pytest.mark.parametrize(("every", "outcome"), [(1, "fail"), (2, "fail"), (20, "hold"), (1_000, "pass")])
def test_latency_among_requests_that_failed_is_above_every_bound_and_finite(every, outcome):
    load, recorder = record(CLOSED, every=every)
    rule = load_latency_ms(rate=100) <= 60_000
    found = give_evidence(rule.check.measure, "bundle:a@1", load, recorder)
    assert judge(rule, found).outcome == outcome
    assert np.isfinite([found.value, found.low, found.high]).all()
    assert msgspec.json.decode(canonical_json(found), type=Evidence) == found
    assert outcome == "pass" or "failed" in found.facts["said"] or "no end" in found.facts["said"]


def test_load_without_a_request_shows_nothing_and_can_be_read_again():
    load, recorder = record(200, seconds=0.001)
    assert not load.requests
    for rule in (load_latency_ms(rate=100) <= 60_000, load_failures(rate=100) <= 0.5):
        found = give_evidence(rule.check.measure, "bundle:a@1", load, recorder)
        assert judge(rule, found).outcome == "hold"
        assert msgspec.json.decode(canonical_json(found), type=Evidence) == found


def test_gates_are_asked_under_the_longest_wait_of_the_services_of_the_model(shop):
    module, config = shop.root / "project.py", shop.root / "shipway.toml"
    module.write_text(module.read_text() + GATE.format(bound=20_000))
    services = [f'\n[services.{name}]\nmodel = "returned"\nwait = "{wait}"\n' for name, wait in
                (("quick", "900us"), ("slow", "2ms"))]  # fmt: skip
    config.write_text(config.read_text() + "".join(services))
    judged = ask_gates(find_project(shop.root), "returned")
    assert {each.facts["wait"] for each in judged.evidence} == {"2ms"}
    assert all("wait 2ms" in each.target for each in judged.loads)
