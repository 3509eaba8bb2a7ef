"""What intervals show, and what follows from them, in words."""

import msgspec
import pytest

import shipway as sw
from shipway import windows as w
from shipway.core.conclusion import (
    choose,
    give_verdict,
    hold_walk,
    read_interval,
    say_broken,
    say_crossed,
    say_effect,
    say_look,
    say_walk,
    settle,
)
from shipway.core.look import Events, LookEffect
from shipway.core.registry import collecting
from shipway.core.release import Release
from shipway.core.service import Step, Variant
from shipway.core.trial import ExperimentDecided, ExperimentStopped, PlannedRule, Trial, TrialPlan, VersionSplit

with collecting():

    @sw.source(key="order", raw="orders", known_at={"placed": ("customer", "price")})
    def orders(orders):
        return orders

    COUNT = w.count(orders.event("placed"), last="7d")
    MORE = sw.effect("spent", COUNT, detect=0.03) > 0
    LESS = sw.effect("late", COUNT, detect=0.03) < 0
    CRASH = sw.effect("crashes", COUNT > 9, rare=True, detect=0.5) < 0
    MARGIN = sw.effect("returns", COUNT, relative=False) <= 0.02
RULES = {"spent": MORE, "late": LESS, "returns": MARGIN}


def plan(*variants):
    return TrialPlan(
        experiment="fares",
        number=1,
        definition="d",
        keys=("customer",),
        weights=tuple((name, 1.0) for name in variants or ("control", "new")),
        layer="pricing",
        holdout=0,
        places=((0, 10_000),),
        rules=tuple(
            PlannedRule(name=name, role="metric", text=rule.text, cap=None, detect=0.03, relative=True)
            for name, rule in RULES.items()
        ),
        slices=(),
        spending="obrien_fleming",
        alpha=0.05,
        power=0.8,
        units=1000,
        days=10,
        at=0,
    )


def effect(name="spent", shown="open", variant="new", estimate=0.01, role=None, **given):
    words = {
        "n": (100, 100), "information": 0.46, "alpha": 0.05, "spent": 0.01, "control": 1.0, "error": 0.01,
        "boundary": 2.0, "low": estimate - 0.02, "high": estimate + 0.02, "sharpened": 0.0, "evidence": "e",
    }  # fmt: skip
    role = role or ("guardrail" if name == "returns" else "metric")
    return LookEffect(name=name, role=role, variant=variant, estimate=estimate, shown=shown, **(words | given))


@pytest.mark.parametrize(
    ("rule", "role", "low", "high", "shown"),
    [
        (MORE, "metric", 0.01, 0.05, "better"),
        (MORE, "metric", -0.05, -0.01, "worse"),
        (MORE, "metric", -0.02, 0.02, "ruled out"),
        (MORE, "metric", -0.02, 0.04, "open"),
        (LESS, "metric", -0.05, -0.01, "better"),
        (LESS, "metric", 0.01, 0.05, "worse"),
        (LESS, "metric", -0.02, 0.02, "ruled out"),
        (LESS, "metric", -0.04, 0.02, "open"),
        (MARGIN, "guardrail", -0.01, 0.01, "safe"),
        (MARGIN, "guardrail", 0.03, 0.05, "worse"),
        (MARGIN, "guardrail", 0.01, 0.03, "open"),
        (MORE, "metric", 0.01, None, "better"),
        (MORE, "metric", -1.0, None, "open"),
        (MARGIN, "guardrail", 0.03, None, "worse"),
        (MORE, "metric", None, None, "open"),
    ],
)
def test_an_interval_shows_what_lies_wholly_on_one_side(rule, role, low, high, shown):
    assert read_interval(rule, role, low, high) == shown


@pytest.mark.parametrize(
    ("shown", "outcome"),
    [
        ({"spent": "better", "returns": "safe"}, "pass"),
        ({"spent": "better", "returns": "open"}, "hold"),
        ({"spent": "better", "returns": "worse"}, "fail"),
        ({"spent": "better", "late": "open", "returns": "safe"}, "pass"),
        ({"spent": "better", "late": "worse", "returns": "safe"}, "fail"),
        ({"spent": "open", "returns": "safe"}, "hold"),
        ({"spent": "ruled out", "returns": "safe"}, "fail"),
        ({"spent": "ruled out", "late": "open", "returns": "safe"}, "hold"),
    ],
)
def test_a_variant_passes_by_one_metric_unless_anything_is_harmed_or_unsure(shown, outcome):
    assert settle([effect(name, each) for name, each in shown.items()]) == outcome


def test_of_several_variants_that_pass_the_best_is_launched_and_all_must_fail_to_fail():
    several = [effect(shown="better", variant="a", estimate=0.05), effect(shown="better", variant="b", estimate=0.08)]
    assert choose(several, RULES) == ("pass", "b")
    several = [effect("late", "better", "a", -0.05), effect("late", "better", "b", -0.02)]
    assert choose(several, RULES) == ("pass", "a")
    assert choose([effect(shown="worse", variant="a"), effect(variant="b")], RULES) == ("hold", "")
    assert choose([effect(shown="worse", variant="a"), effect(shown="ruled out", variant="b")], RULES) == ("fail", "")


def test_a_look_is_told_in_a_sentence_with_its_reason():
    good, safe = effect(shown="better", estimate=0.05), effect("returns", "safe", estimate=0.004)
    assert say_look(plan(), [good, safe], RULES, "pass", "new", final=False) == (
        "launch new: spent is 5.0% higher (+3.0% to +7.0%) and returns is 0.004 higher (−0.016 to +0.024), "
        "inside its margin of +0.02"
    )
    assert say_look(plan(), [effect(), safe], RULES, "hold", "", final=False) == (
        "not decided yet, with 46% of the planned units in: spent is 1.0% higher (−1.0% to +3.0%)"
    )
    assert "a person decides" in say_look(plan(), [effect(), safe], RULES, "hold", "", final=True)
    against = say_look(plan(), [effect(shown="ruled out"), safe], RULES, "fail", "", final=False)
    assert against.startswith("keep control: spent is 1.0% higher")
    assert "rules out the 3.0% that the experiment was for" in against
    broken = effect("returns", "worse", estimate=0.06)
    assert "beyond its margin of +0.02" in say_effect(broken, MARGIN, plan())
    assert "with a" in say_effect(effect(variant="a"), MORE, plan("control", "a", "b"))
    assert say_broken(plan(), {"control": 1200, "new": 900}, 1e-9) == (
        "the split is broken: 1,200 met control and 900 met new, and 1:1 was declared (p 1e-09); "
        "no effect was looked at"
    )


def test_a_verdict_has_a_finding_for_each_rule():
    verdict = give_verdict(plan(), "asked", [effect(), effect("returns", "safe")], RULES, "hold")
    assert (verdict.gate, verdict.subject, verdict.outcome, verdict.asked) == (
        "fares",
        "experiment:fares@1",
        "hold",
        "asked",
    )
    assert [(each.rule, each.outcome) for each in verdict.findings] == [(MORE.text, "hold"), (MARGIN.text, "pass")]
    several = give_verdict(plan("control", "a", "b"), "asked", [effect(variant="a")], RULES, "hold")
    assert several.findings[0].rule == f"{MORE.text} of a"


@pytest.mark.parametrize(("crossed", "said"), [(2, "(a, b)"), (40, "(a, b, c and others)")])
def test_units_of_several_variants_are_named(crossed, said):
    text = say_crossed(crossed, 1_000, ["a", "b", "c", "d"][: min(crossed, 4)])
    assert text.startswith(f"{crossed} of {1_000 + crossed:,} units met several variants {said}")


@pytest.mark.parametrize(
    ("rule", "given", "said"),
    [
        (
            CRASH,
            {"shown": "better", "estimate": -0.6, "low": -0.9, "high": -0.1},
            "crashes is 0.40 times as frequent (4 against 10, 0.10 to 0.90 times)",
        ),
        (
            CRASH,
            {"shown": "ruled out", "estimate": 0.1, "low": -0.3, "high": None},
            (
                "crashes is 1.10 times as frequent (4 against 10, at least 0.70 times), which rules out the 0.50 times"
                " that the experiment was for"
            ),
        ),
        (
            sw.effect("crashes", COUNT > 9, rare=True) <= 1,
            {"shown": "safe", "role": "guardrail", "estimate": 0.1, "low": -0.3, "high": 0.8},
            "crashes is 1.10 times as frequent (4 against 10, 0.70 to 1.80 times), inside its margin of 2.00 times",
        ),
        (
            sw.effect("crashes", COUNT > 9, rare=True) <= 1,
            {"shown": "worse", "role": "guardrail", "estimate": 3.0, "low": 1.2, "high": 9.0},
            "crashes is 4.00 times as frequent (4 against 10, 2.20 to 10 times), beyond its margin of 2.00 times",
        ),
    ],
)
def test_a_rare_event_is_told_by_its_counts_and_how_many_times_as_often(rule, given, said):
    each = effect("crashes", events=Events(control=10, variant=4, planned=30, few=3, many=12), **given)
    assert say_effect(each, rule, plan()) == said
    never = effect("crashes", events=Events(control=0, variant=0, planned=30, few=-1, many=1), information=0.0)
    assert say_effect(never, CRASH, plan()) == "crashes never happened yet"
    told = say_look(plan(), [never], {"crashes": CRASH}, "hold", "", final=False)
    assert told == "not decided yet, with 0% of the planned events in: crashes never happened yet"


def held(walks, *, variant=None, stopped=False, **split):
    """Return what a run between the versions of a release says of its step."""
    words = {
        "service": "desk",
        "release": "desk/1",
        "stable": 1,
        "candidate": 2,
        "weight": 0.5,
        "since": 7,
        "holds": True,
    }
    versions = VersionSplit(**(words | split))
    trial = Trial(plan=msgspec.structs.replace(plan(), versions=versions), by="ana", registered_at=0, seq=1)
    end = {"experiment": "fares", "number": 1, "by": "ana", "reason": "seen enough", "at": 9}
    if variant is not None:
        trial.decided = ExperimentDecided(variant=variant, outcome="hold", against=True, **end)
    if stopped:
        trial.stopped = ExperimentStopped(**end)
    return hold_walk([trial], walks)


def test_all_planned_events_are_in_where_they_ended_it():
    def told(total, *others):
        each = effect("crashes", events=Events(control=total, variant=0, planned=30, few=-1, many=31), information=1.0)
        return say_look(plan(), [each, *others], RULES | {"crashes": CRASH}, "hold", "", final=True)

    assert told(30).startswith("all planned events are in and not everything is shown: crashes is ")
    assert told(29).startswith("all planned units are in and ")
    assert told(30, effect(information=1.0)).startswith("all planned units are in and ")


def test_a_decision_tells_what_becomes_of_the_walk():
    old, new = (Variant(version=number, bundle="b", online="s") for number in (1, 2))
    walk = (Step(weight=0.5), Step(weight=1.0))
    release = Release(
        id="desk/1", service="desk", model="m", walk=walk, candidate=new, stable=old, started_at=0, since=7
    )
    split = VersionSplit(service="desk", release="desk/1", stable=1, candidate=2, weight=0.5, since=7, holds=True)
    assert say_walk(split, "candidate", release) == "the walk of desk/1 goes on"
    assert say_walk(split, "stable", release) == "the walk of desk/1 goes back"
    free = msgspec.structs.replace(split, holds=False)
    assert say_walk(free, "stable", release) == "service desk answers as its walk goes"
    assert say_walk(msgspec.structs.replace(split, since=3), "stable", release) == "the walk of desk/1 is at 50 %"
    for outcome in ("promoted", "rolled back"):
        ended = msgspec.structs.replace(release, outcome=outcome, ended_at=9)
        assert say_walk(split, "candidate", ended) == f"the walk of desk/1 has ended: version 2 was {outcome}"


def test_a_step_waits_for_the_experiment_that_holds_it_and_for_no_other():
    old, new = (Variant(version=number, bundle="b", online="s") for number in (1, 2))
    walk = (Step(weight=0.5), Step(weight=1.0))
    release = Release(
        id="desk/1", service="desk", model="m", walk=walk, candidate=new, stable=old, started_at=0, since=7
    )
    [running] = held(release)
    assert (running.gate, running.subject, running.outcome) == ("experiment fares@1", "release:desk/1@0", "hold")
    assert running.reason == "fares@1 is decided: nobody looked at it yet"
    for variant, outcome in (("candidate", "pass"), ("stable", "fail")):
        [decided] = held(release, variant=variant)
        assert (decided.outcome, decided.findings[0].reason) == (outcome, f"decided for {variant} by ana: seen enough")
    for other in ({"holds": False}, {"release": "desk/2"}, {"since": 3}, {"stopped": True}):
        assert held(release, **other) == []
