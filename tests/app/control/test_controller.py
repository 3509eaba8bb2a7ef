"""The reconciler: one step at a time, done twice done once, and wherever it is killed it comes to the same end."""

import os
import shutil
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from shipway.app.control import beginning as beginning_module
from shipway.app.control.controller import reconcile
from shipway.app.control.instrument import Controller
from shipway.app.promise import name_subject, traffic_gates
from shipway.app.release import open_service, start_release, stop_release
from shipway.app.workspace import Workspace
from shipway.core.body import RetrainEnded, VerdictGiven
from shipway.core.caller import ODD_HINT
from shipway.core.check import Evidence
from shipway.core.error import ShipwayError
from shipway.core.gate import Finding, Verdict, checks_of
from shipway.core.service import Fallback, Terms
from shipway.core.trial import ExperimentDecided, ExperimentStarted, ExperimentStopped, TrialPlan, VersionSplit
from shipway.kit.duration import DAY

START = 18_262 * DAY
GATES = """

sw.gate("canary", sw.prediction_shift <= 0.25, sw.feature_lag(over="30m") <= 0.05, before="step")
sw.gate("weekly", sw.auc.over("28d") >= 0.7, every="7d", on_fail="retrain")
"""
GOOD, BAD, WIDE = (0.0, 0.0, 0.01), (0.9, 0.8, 1.0), (0.2, 0.0, 1.0)
"""Value, low and high: what passes, what fails, and what is not enough to tell."""


@dataclass
class Scripted:
    """Instruments that read what they measure from a table: (subject part, check, day) to numbers; good where none."""

    numbers: dict = field(default_factory=dict)
    looks: int = 0

    def measure_step(self, service, release, checks, now):
        self.looks += 1
        keys = [release.subject, f"version {release.candidate.version}", release.candidate.online[-3:]]
        return {check.name: self.make(check, release.subject, keys, now, GOOD) for check in checks}

    def measure_live(self, service, checks, now):
        self.looks += 1
        return {check.name: self.make(check, service.subject, ["live"], now, (0.8, 0.75, 0.85)) for check in checks}

    def make(self, check, subject, keys, now, usual):
        day = (now - START) // DAY
        found = [self.numbers[key, check.name] for key in keys if (key, check.name) in self.numbers]
        value, low, high = next((numbers(day) for numbers in found), usual)
        return Evidence(check=check.name, subject=subject, value=value, low=low, high=high, n=100, facts={"day": day})


@dataclass
class Trainer:
    """A retrain path that registers a version, or is killed before it has."""

    desk: object
    asked: list = field(default_factory=list)
    kills: int = 0

    def __call__(self, workspace, service, asked, watch):
        self.asked.append(asked.asked_at)
        if self.kills:
            self.kills -= 1
            raise Killed
        made = [v.number for v in workspace.state().models["late"] if v.cut == asked.asked_at]
        number = made[0] if made else self.desk.register(workspace, asked.asked_at)
        body = RetrainEnded(
            service=service.name,
            model=service.model,
            asked_at=asked.asked_at,
            number=number,
            outcome="pass",
            reason="it is better",
        )
        workspace.remember((f"service:{service.name}", body))


class Killed(BaseException):
    """What `kill -9` is to a process."""


@pytest.fixture
def gated(desk):
    """Return a desk in a replay with gates, and two versions."""
    desk.add('\n[replay]\nservice = "desk"\nperiod = [2020-01-01, 2020-03-01]\nstale = "6h"\n')
    desk.add(GATES, "project.py")
    with desk.workspace() as workspace:
        for cut in (START - 30 * DAY, START - DAY):
            desk.register(workspace, cut)
    return desk


def live(desk, days, *, instruments=None, trainer=None, repeat=1, traffic=None):
    """Let a desk live through days, a fresh controller each day, and return its ledger."""
    with desk.workspace() as workspace:
        for day in days:
            controller = Controller(
                workspace=workspace,
                traffic=traffic or desk.traffic,
                instruments=instruments or Scripted(),
                retrain=trainer or Trainer(desk),
                replaying=True,
            )
            for _ in range(repeat):
                reconcile(controller, START + day * DAY)


def story(workspace):
    """Return the releases of the desk in short."""
    return [
        (release.candidate.version, release.outcome, (release.started_at - START) // DAY)
        for release in workspace.state().services["desk"].releases
    ]


def weights(traffic):
    """Return the versions and shares that were ever routed, in order."""
    return [(r.stable.version, r.candidate and r.candidate.version, r.weight) for r in traffic.applied]


@pytest.fixture
def late_check(gated):
    """Return numbers by which the late feed shows."""
    checks = checks_of([gated.project.registry.gates["canary"]])
    return {("~6h", checks[1].name): lambda day: BAD}


def test_a_service_is_opened_walked_and_drilled(gated, late_check):
    live(gated, range(8), instruments=Scripted(late_check))
    with gated.workspace() as workspace:
        service = workspace.state().services["desk"]
        assert service.history == [(START, 1), (START + 3 * DAY, 2)]
        assert story(workspace) == [(2, "promoted", 0), (3, "rolled back", 3)]
        assert service.releases[1].candidate.online == f"{service.stable.online}~6h"
        assert "feature_lag" in service.releases[1].reason
        assert service.routing.candidate is None
    assert weights(gated.traffic) == [
        (1, 2, 0.0),
        (1, 2, 0.1),
        (2, 3, 0.0),
        (2, None, 0.0),
    ]


def test_version_that_waits_for_a_gate_before_traffic_is_told_once_and_an_older_one_goes(gated):
    gated.add('\nsw.gate("promise", sw.load_latency_ms(rate=200) <= 20, before="traffic")\n', "project.py")
    said = []
    with gated.workspace() as workspace:
        gated.register(workspace, START - DAY)

        def let_pass(number):
            (gate,) = traffic_gates(workspace.project.registry, "late")
            subject = name_subject(workspace.state().models["late"][number - 1])
            finding = Finding(rule=gate.rules[0].text, outcome="pass", reason="3 ms", evidence=None)
            verdict = Verdict(gate=gate.name, subject=subject, outcome="pass", findings=(finding,), asked=gate.asked)
            workspace.remember((subject, VerdictGiven(verdict=verdict, gates=(gate.name,))))

        controller = Controller(workspace, gated.traffic, Scripted(), Trainer(gated), replaying=False,
                                watch=lambda event: said.append(event.said))  # fmt: skip
        for day in (0, 1):
            reconcile(controller, START + day * DAY)
        assert "desk" not in workspace.state().services
        let_pass(1)
        reconcile(controller, START + 2 * DAY)
        let_pass(2)
        reconcile(controller, START + 3 * DAY)
        assert story(workspace) == [(2, "walking", 3)]
    waits = [each for each in said if "waits for gate 'promise'" in each]
    assert len(waits) == 1
    assert waits[0].startswith("version 3 ")
    assert "shipway load gate late@3" in waits[0]


def test_without_a_replay_a_service_begins_with_the_newest_version(gated):
    with gated.workspace() as workspace:
        gated.register(workspace, START + 50 * DAY)
        controller = Controller(workspace, gated.traffic, Scripted(), Trainer(gated), replaying=False)
        for day in range(6):
            reconcile(controller, START + day * DAY)
        assert workspace.state().services["desk"].history == [(START, 2)]
        assert story(workspace) == []


def test_before_there_is_a_version_nothing_is_done(desk):
    live(desk, range(3))
    with desk.workspace() as workspace:
        assert not workspace.exists
    assert desk.traffic.applied == []


def test_evidence_that_is_not_enough_holds_and_says_so_once(gated):
    instruments = Scripted({("version 2", "prediction shift"): lambda day: WIDE if day < 20 else GOOD})
    live(gated, range(24), instruments=instruments)
    with gated.workspace() as workspace:
        service = workspace.state().services["desk"]
        given = service.judgements["release:desk/1@0"]
        assert [(j.verdict.outcome, (j.at - START) // DAY) for j in given] == [("hold", 1), ("pass", 20)]
        assert "prediction_shift <= 0.25" in given[0].verdict.reason
        assert service.history[-1] == (START + 21 * DAY, 2)


@pytest.mark.parametrize(("step", "day"), [(0, 1), (1, 3)])
def test_a_failed_rule_takes_a_version_back_at_any_step(gated, step, day):
    instruments = Scripted({(f"release:desk/1@{step}", "prediction shift"): lambda day: BAD})
    live(gated, range(day + 1), instruments=instruments)
    with gated.workspace() as workspace:
        assert story(workspace) == [(2, "rolled back", 0)]
        release = workspace.state().services["desk"].releases[0]
        assert (release.step, release.ended_at) == (step, START + day * DAY)
        assert "prediction_shift <= 0.25: 0.9" in release.reason
        found = workspace.state().evidence[f"release:desk/1@{step}"]["prediction shift"]
        assert (found.value, found.facts["day"]) == (0.9, day)


def test_doing_it_again_at_each_tick_adds_nothing(gated, late_check, history, tmp_path):
    other = copy_desk(gated, tmp_path / "other")
    late = {("live", "auc over 28d"): lambda day: (0.6, 0.5, 0.65) if day == 14 else (0.8, 0.75, 0.85)}
    live(gated, range(24), instruments=Scripted(late_check | late))
    live(other, range(24), instruments=Scripted(late_check | late), repeat=5)
    with gated.workspace() as one, other.workspace() as two:
        assert history(one) == history(two)
        assert one.state().services == two.state().services
        assert len(story(one)) == 3
    assert weights(gated.traffic) == weights(other.traffic)


def test_what_was_judged_as_of_an_instant_is_not_judged_again(gated):
    instruments = Scripted({("version 2", "prediction shift"): lambda day: WIDE if instruments.looks % 2 else GOOD})
    live(gated, range(2), instruments=instruments, repeat=4)
    with gated.workspace() as workspace:
        (judgement,) = workspace.state().services["desk"].judgements["release:desk/1@0"]
        assert (judgement.verdict.outcome, judgement.at) == ("hold", START + DAY)
    assert instruments.looks == 1


@dataclass
class Storm:
    """Kills a controller at the nth of all appends and routings, before it or after it."""

    at: int
    after: bool
    count: int = 0

    def wrap(self, act):
        def call(*args):
            self.count += 1
            if self.count == self.at and not self.after:
                raise Killed
            done = act(*args)
            if self.count == self.at:
                raise Killed
            return done

        return call


def test_wherever_it_is_killed_it_comes_to_the_same_end(gated, late_check, history, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # a kill is no power cut
    numbers = late_check | {("live", "auc over 28d"): lambda day: (0.6, 0.5, 0.65)}
    path = gated.root / "shipway.toml"
    path.write_text(path.read_text().replace('hold = "2d"', 'hold = "1d"'))
    days = [0, 1, 2, 3, 7, 8]
    calm = copy_desk(gated, tmp_path / "calm")
    live(calm, days, instruments=Scripted(numbers))
    with calm.workspace() as workspace:
        expected, services = history(workspace), workspace.state().services
        assert story(workspace) == [(2, "promoted", 0), (3, "rolled back", 2), (4, "walking", 7)]
    at, killed = 0, True
    while killed:
        at += 1
        for after in (False, True):
            stormy = copy_desk(gated, tmp_path / f"{at}-{after}")
            killed = brave(stormy, days, numbers, Storm(at, after))
            with stormy.workspace() as workspace:
                assert history(workspace) == expected, (at, after)
                assert workspace.state().services == services, (at, after)
            assert stormy.traffic.routings == calm.traffic.routings, (at, after)
    assert at > 15


def copy_desk(desk, root):
    """Return a desk of its own with the same past."""
    return type(desk)(Path(shutil.copytree(desk.root, root)))


def brave(desk, days, numbers, storm):
    """Live through days under a storm, with a fresh controller after a kill, and tell whether there was one."""
    killed, days = False, list(days)
    desk.traffic.apply = storm.wrap(desk.traffic.apply)
    while days:
        with closing(Workspace(desk.project)) as workspace:
            workspace.ledger.append = storm.wrap(workspace.ledger.append)
            controller = Controller(workspace, desk.traffic, Scripted(numbers), Trainer(desk), replaying=True)
            try:
                while days:
                    reconcile(controller, START + days[0] * DAY)
                    days.pop(0)
            except Killed:
                killed = True
    return killed


def test_versions_are_tried_newest_first_and_each_once(gated):
    with gated.workspace() as workspace:
        gated.register(workspace, START - DAY)
        gated.register(workspace, START + 2 * DAY)
        gated.register(workspace, START - DAY, bundle=False)
    instruments = Scripted({(f"version {n}", "prediction shift"): lambda day: BAD for n in (2, 3, 4)})
    live(gated, range(12), instruments=instruments)
    with gated.workspace() as workspace:
        assert story(workspace) == [(3, "rolled back", 0), (2, "rolled back", 1), (4, "rolled back", 2)]


def test_a_drill_takes_place_once_and_only_where_asked_for(gated, late_check):
    path = gated.root / "shipway.toml"
    path.write_text(path.read_text().replace('stale = "6h"', ""))
    live(gated, range(8))
    with gated.workspace() as workspace:
        assert story(workspace) == [(2, "promoted", 0)]
    path.write_text(path.read_text() + 'stale = "6h"\n')
    live(gated, range(8, 20), instruments=Scripted(late_check))
    with gated.workspace() as workspace:
        assert story(workspace) == [(2, "promoted", 0), (3, "rolled back", 8)]


def test_a_drill_waits_while_the_project_runs(gated):
    live(gated, range(3))
    with gated.workspace() as other, other.hold():
        live(gated, [3])
    with gated.workspace() as workspace:
        assert story(workspace) == [(2, "promoted", 0)]
    live(gated, [4])
    with gated.workspace() as workspace:
        assert story(workspace)[1:] == [(3, "walking", 4)]


BELOW = {("live", "auc over 28d"): lambda day: (0.6, 0.5, 0.65)}


def test_a_live_gate_is_asked_once_a_period_and_a_retrain_rests(gated, late_check):
    trainer, path = Trainer(gated), gated.root / "shipway.toml"
    path.write_text(path.read_text().replace('rest = "4d"', 'rest = "10d"'))
    live(gated, range(60), instruments=Scripted(late_check | BELOW), trainer=trainer)
    with gated.workspace() as workspace:
        service = workspace.state().services["desk"]
        days = [(j.at - START) // DAY for j in service.judgements[service.subject]]
        assert days == [7, 14, 21, 28, 35, 42, 49, 56]
        # Ten days after the version before came into service, which was three days after it was asked for.
        assert [(r.asked_at - START) // DAY for r in service.retrains] == [14, 28, 42, 56]
        assert [r.number for r in service.retrains] == [4, 5, 6, 7]
        assert story(workspace) == [
            (2, "promoted", 0),
            (3, "rolled back", 3),
            (4, "promoted", 14),
            (5, "promoted", 28),
            (6, "promoted", 42),
            (7, "promoted", 56),
        ]
    assert trainer.asked == [START + day * DAY for day in (14, 28, 42, 56)]


def test_no_retrain_is_asked_for_that_could_learn_nothing_new(gated, late_check):
    path = gated.root / "shipway.toml"
    path.write_text(path.read_text().replace('rehearsal = "0s"', 'rehearsal = "28d"'))
    live(gated, range(36), instruments=Scripted(late_check | BELOW))
    with gated.workspace() as workspace:
        service = workspace.state().services["desk"]
        # Version 2 learned from all that was known a day before the service opened.
        assert [(r.asked_at - START) // DAY for r in service.retrains] == [28]


def test_whoever_was_away_for_several_periods_asks_once(gated, late_check):
    live(gated, [0, 30, 31, 35], instruments=Scripted(late_check))
    with gated.workspace() as workspace:
        service = workspace.state().services["desk"]
        assert [(j.at - START) // DAY for j in service.judgements[service.subject]] == [30, 35]


def test_no_retrain_is_asked_for_while_a_version_walks(gated):
    numbers = BELOW | {("version 2", "prediction shift"): lambda day: WIDE}
    trainer = Trainer(gated)
    live(gated, range(20), instruments=Scripted(numbers), trainer=trainer)
    with gated.workspace() as workspace:
        service = workspace.state().services["desk"]
        assert [j.verdict.outcome for j in service.judgements[service.subject]] == ["fail", "fail"]
        assert service.retrains == trainer.asked == []


def test_a_retrain_that_was_killed_goes_on(gated, late_check):
    trainer = Trainer(gated, kills=2)
    instruments = Scripted(late_check | BELOW)
    live(gated, range(7), instruments=instruments, trainer=trainer)
    for _ in range(2):
        with pytest.raises(Killed):
            live(gated, [7], instruments=instruments, trainer=trainer)
    live(gated, [7], instruments=instruments, trainer=trainer)
    assert trainer.asked == [START + 7 * DAY] * 3
    with gated.workspace() as workspace:
        (retrain,) = workspace.state().services["desk"].retrains
        assert retrain.number == 4


def test_a_person_and_a_controller_decide_one_after_the_other(gated):
    live(gated, range(2))
    with gated.workspace() as workspace:
        stop_release(workspace, "desk", START + DAY, by="ada", reason="nonsense")
    live(gated, [1, 2])
    with gated.workspace() as workspace:
        assert story(workspace) == [(2, "rolled back", 0)]
    assert weights(gated.traffic)[-1] == (1, None, 0.0)


def test_a_person_who_releases_another_version_in_the_same_instant_goes_first(gated, monkeypatch):
    with gated.workspace() as workspace:
        gated.register(workspace)
        newest = len(workspace.state().models["late"])

    def wait(workspace, name, number, at):
        assert number == newest
        with gated.workspace() as other:
            start_release(other, name, 2, at)
        return start_release(workspace, name, number, at)

    monkeypatch.setattr(beginning_module, "start_release", wait)
    with gated.workspace() as workspace:
        open_service(workspace, "desk", 1, START)
    live(gated, [0])
    with gated.workspace() as workspace:
        assert story(workspace) == [(2, "walking", 0)]


def test_what_is_refused_though_nobody_decided_anything_is_an_error(gated, monkeypatch):
    def refuse(*_):
        raise ShipwayError("SW-804", "it cannot walk", "look")

    monkeypatch.setattr(beginning_module, "start_release", refuse)
    with gated.workspace() as workspace:
        open_service(workspace, "desk", 1, START)
    with pytest.raises(ShipwayError, match="it cannot walk"):
        live(gated, [0])


def test_what_was_measured_before_somebody_decided_is_not_appended(gated):
    live(gated, [0])

    class Interrupted(Scripted):
        def measure_step(self, service, release, checks, now):
            with gated.workspace() as other:
                stop_release(other, "desk", now, by="ada", reason="nonsense")
            return super().measure_step(service, release, checks, now)

    live(gated, [2], instruments=Interrupted())
    with gated.workspace() as workspace:
        release = workspace.state().services["desk"].releases[0]
        assert (release.outcome, release.step, release.reason) == ("rolled back", 0, "ada: nonsense")


def test_a_controller_that_was_overtaken_is_refused(gated):
    live(gated, range(4))
    newer = gated.traffic.routings["desk"]
    with gated.workspace() as workspace:
        controller = Controller(workspace, gated.traffic, Scripted(), Trainer(gated), replaying=True)
        gated.traffic.routings["desk"] = type(newer)(
            service="desk", model="late", stable=newer.stable, token=newer.token + 100
        )
        before = workspace.ledger.head()
        with pytest.raises(ShipwayError, match="SW-803"):
            reconcile(controller, START + 4 * DAY)
        assert workspace.ledger.head() == before


def test_a_server_that_lost_its_routing_is_routed_again(gated):
    live(gated, range(2))
    routing = gated.traffic.routings.pop("desk")
    live(gated, [1])
    assert gated.traffic.routings["desk"] == routing


def test_what_a_project_says_of_how_it_answers_goes_with_every_routing(gated):
    path = gated.root / "shipway.toml"
    path.write_text(path.read_text().replace('rest = "4d"', 'rest = "4d"\nlog = 0.5\nfallback = { score = 0.2 }'))
    live(gated, range(4))
    told = [routing.terms for routing in gated.traffic.applied]
    assert len(told) > 1
    assert all(terms == Terms(log=0.5, fallback=Fallback(score=0.2)) for terms in told)
    # Another word in the file is another routing, with no decision in between.
    path.write_text(path.read_text().replace("log = 0.5", "log = 0.1"))
    token = gated.traffic.routings["desk"].token
    live(gated, [3])
    assert gated.traffic.routings["desk"].terms.log == 0.1
    assert gated.traffic.routings["desk"].token == token


def test_a_version_that_cannot_be_loaded_is_taken_back(gated):
    with gated.workspace() as workspace:
        gated.traffic.broken.add(workspace.state().version("late", 2).bundle)
    live(gated, range(3))
    with gated.workspace() as workspace:
        assert story(workspace) == [(2, "rolled back", 0)]
        release = workspace.state().services["desk"].releases[0]
        assert release.reason.startswith("server: SW-605 bundle")
    # Once to see that it is not the stable version that fails, and once by what was decided then.
    assert weights(gated.traffic) == [(1, None, 0.0)] * 2


def test_a_version_that_a_server_refuses_beside_the_stable_one_is_taken_back(gated):
    with gated.workspace() as workspace:
        gated.traffic.odd.add(workspace.state().version("late", 2).bundle)
    live(gated, range(3))
    with gated.workspace() as workspace:
        assert story(workspace) == [(2, "rolled back", 0)]
        assert workspace.state().services["desk"].releases[0].reason.startswith("server: SW-802 it lacks a class")
    assert weights(gated.traffic) == [(1, None, 0.0)] * 2


@pytest.fixture
def classed(desk):
    """Return a desk of a label of classes: what versions 1 to 3 know, where the second lacks one of the first."""
    desk.predicts = "class"
    desk.classes = {1: ("late", "lost", "ok"), 2: ("late", "ok"), 3: ("early", "late", "lost", "ok")}
    desk.add(GATES.replace("sw.auc.over", "sw.log_loss.over"), "project.py")
    with desk.workspace() as workspace:
        desk.register(workspace, START - 30 * DAY)
    return desk


def test_a_version_that_lacks_a_class_is_passed_over_and_told_once(classed):
    told = []
    with classed.workspace() as workspace:
        controller = Controller(workspace, classed.traffic, Scripted(), Trainer(classed), replaying=False,
                                watch=lambda event: told.append(event.said))  # fmt: skip
        reconcile(controller, START)
        classed.register(workspace, START - DAY)
        for day in range(1, 4):
            reconcile(controller, START + day * DAY)
        assert story(workspace) == []
        odd = "gives 'probabilities' without class 'lost', and callers of 'desk' know late@1"
        assert [each for each in told if odd in each] == [f"version 2 is passed over: it {odd}; {ODD_HINT}"]
        classed.register(workspace, START - DAY)
        reconcile(controller, START + 4 * DAY)
        assert story(workspace) == [(3, "walking", 4)]


def test_an_older_version_goes_where_the_newest_lacks_a_class(classed):
    classed.classes = {1: ("late", "lost", "ok"), 2: ("late", "lost", "ok"), 3: ("late", "ok")}
    with classed.workspace() as workspace:
        open_service(workspace, "desk", 1, START)
        for _ in (2, 3):
            classed.register(workspace, START - DAY)
    live(classed, range(2))
    with classed.workspace() as workspace:
        assert story(workspace) == [(2, "walking", 0)]


@pytest.mark.parametrize(
    ("predicts", "written", "odd"),
    [
        ("condition", '"0.5"', "names classes, and late@1 says a probability"),
        ("number", '"0.5"', "names classes, and late@1 says a number"),
        ("condition", "1.5", "1.5 is no probability, and late@1 says a probability"),
        ("class", '"lots"', "names class 'lots', and there is 'late', 'lost', 'ok'"),
        ("class", "0.5", "is one number, and late@1 says a probability of each class"),
    ],
)
def test_a_fixed_answer_that_the_model_could_not_give_is_told_once_and_left_out(desk, predicts, written, odd):
    desk.predicts, desk.classes = predicts, {1: ("late", "lost", "ok")} if predicts == "class" else {}
    desk.add(f'\n[services.desk.fallback]\nlast = "1h"\nscore = {written}\n')
    told = []
    with desk.workspace() as workspace:
        desk.register(workspace)
        controller = Controller(workspace, desk.traffic, Scripted(), Trainer(desk), replaying=False,
                                watch=lambda event: told.append(event.said))  # fmt: skip
        for day in range(3):
            reconcile(controller, START + day * DAY)
    (routing,) = desk.traffic.applied
    assert routing.terms == Terms(fallback=Fallback(last_us=3_600_000_000))
    (said,) = [each for each in told if "fallback.score" in each]
    assert said.startswith(f"services.desk.fallback.score {odd}")
    assert "is left out" in said


def test_a_fixed_answer_of_a_class_that_comes_later_is_taken_with_it(classed):
    classed.classes[2] = ("early", "late", "lost", "ok")
    classed.add('\n[services.desk.fallback]\nscore = "early"\n')
    live(classed, range(2))
    with classed.workspace() as workspace:
        classed.register(workspace, START - DAY)
    live(classed, range(2, 8))
    assert [(r.stable.version, r.terms.fallback) for r in classed.traffic.applied if r.candidate is None] == [
        (1, None),
        (2, Fallback(score="early")),
    ]


def test_a_stable_version_that_cannot_be_loaded_is_told(gated):
    with gated.workspace() as workspace:
        gated.traffic.broken.add(workspace.state().version("late", 1).bundle)
        open_service(workspace, "desk", 1, START)
        start_release(workspace, "desk", 2, START)
    with pytest.raises(ShipwayError, match="SW-605"):
        live(gated, [0])
    with gated.workspace() as workspace:
        assert story(workspace) == [(2, "walking", 0)]


def test_nothing_is_decided_while_nobody_answers(gated):
    live(gated, range(2))
    gated.traffic.silent = True
    with gated.workspace() as workspace:
        before = workspace.ledger.head()
    with pytest.raises(ShipwayError, match="SW-801"):
        live(gated, [2])
    with gated.workspace() as workspace:
        assert workspace.ledger.head() == before


def begin_experiment(workspace, **given):
    """Begin an experiment that holds the step which the desk's release is at."""
    release = workspace.state().services["desk"].walking
    words = {
        "service": "desk", "release": release.id, "stable": 1, "candidate": 2, "weight": release.weight,
        "since": release.since, "holds": True,
    }  # fmt: skip
    plan = TrialPlan(
        experiment="ranker", number=1, definition="d", keys=("fid",), weights=(("stable", 1.0), ("candidate", 1.0)),
        layer="ranker alone", holdout=0, places=((0, 10_000),), rules=(), slices=(), spending="pocock", alpha=0.05,
        power=0.8, units=100, days=9, at=release.since, versions=VersionSplit(**(words | given)),
    )  # fmt: skip
    workspace.remember((plan.subject, ExperimentStarted(plan=plan, by="ada")))


def end_experiment(workspace, variant):
    words = {"experiment": "ranker", "number": 1, "by": "ada", "reason": "seen enough", "at": START}
    body = (
        ExperimentStopped(**words)
        if variant is None
        else ExperimentDecided(variant=variant, outcome="hold", against=True, **words)
    )
    workspace.remember(("experiment:ranker@1", body))


@pytest.mark.parametrize(
    ("variant", "outcome", "step"), [("candidate", "promoted", 2), ("stable", "rolled back", 0), (None, "promoted", 2)]
)
def test_a_step_waits_for_the_decision_of_the_experiment_that_holds_it(gated, variant, outcome, step):
    live(gated, [0])
    with gated.workspace() as workspace:
        begin_experiment(workspace)
    live(gated, range(1, 9))
    with gated.workspace() as workspace:
        service = workspace.state().services["desk"]
        assert (service.walking.step, service.walking.since) == (0, START)
        held = [j.verdict for j in service.judgements["release:desk/1@0"] if j.verdict.gate == "experiment ranker@1"]
        assert [(each.outcome, each.reason) for each in held] == [
            ("hold", "ranker@1 is decided: nobody looked at it yet")
        ]
        end_experiment(workspace, variant)
    live(gated, range(9, 20))
    with gated.workspace() as workspace:
        release = workspace.state().services["desk"].releases[0]
        assert (release.outcome, release.step) == (outcome, step)


def test_a_gate_that_fails_takes_back_what_an_experiment_holds_and_one_that_holds_nothing_lets_it_go(gated):
    live(gated, [0])
    with gated.workspace() as workspace:
        begin_experiment(workspace, holds=False)
    live(gated, range(1, 3))
    with gated.workspace() as workspace:
        release = workspace.state().services["desk"].walking
        assert release.step == 1
        begin_experiment(workspace, release="desk/1")
    instruments = Scripted({("release:desk/1@1", "prediction shift"): lambda day: BAD})
    live(gated, range(3, 5), instruments=instruments)
    with gated.workspace() as workspace:
        release = workspace.state().services["desk"].releases[0]
        assert (release.outcome, release.step) == ("rolled back", 1)


def test_what_was_measured_before_an_experiment_began_moves_nothing(gated):
    live(gated, [0])

    class Interrupted(Scripted):
        def measure_step(self, service, release, checks, now):
            with gated.workspace() as other:
                if not other.state().experiments:
                    begin_experiment(other)
            return super().measure_step(service, release, checks, now)

    live(gated, [2], instruments=Interrupted())
    with gated.workspace() as workspace:
        assert workspace.state().services["desk"].walking.step == 0
