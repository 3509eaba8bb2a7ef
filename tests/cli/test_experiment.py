"""`shipway experiment` in one process: what it prints, and with which exit code it ends."""

import json

import pytest
from tests.app.experiment.conftest import CODE, Lab, make_shop, past  # noqa: F401
from tests.app.experiment.market import CITIES, HALVES, settle, trade
from tests.app.experiment.shop import answer, sell, serve

from shipway.cli.main import main


@pytest.fixture
def lab(past, tmp_path):  # noqa: F811
    import shutil

    shutil.copytree(past, tmp_path / "lab")
    return Lab(tmp_path / "lab")


def ask(lab, capsys, *words):
    code = main(["experiment", *words, "--project", str(lab.root)])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_a_plan_in_which_a_rare_event_never_happened_says_so_without_a_number(lab, capsys):
    rare = 'sw.effect("big", w.count(placed, last="2d", where=placed.price > 9_000) > 0, rare=True) <= 1.5'
    lab.edit('sw.effect("basket", spent, over=w.count(placed, last="2d")) >= -0.2', rare)
    _, out, _ = ask(lab, capsys, "plan", "fares")
    [row] = [line for line in out.splitlines() if line.startswith("big (guardrail)")]
    assert row.split()[-2:] == ["events", "none"]
    assert "inf" not in out
    assert "big happened to none of" in out


def test_an_experiment_from_its_plan_to_its_end(lab, capsys):
    code, out, _ = ask(lab, capsys)
    assert (code, "fares" in out, "declared" in out, "pricing" in out) == (0, True, True, True)
    code, out, _ = ask(lab, capsys, "plan", "fares")
    assert (code, "it would find what it is for" in out) == (0, True)
    code, out, _ = ask(lab, capsys, "start", "fares")
    assert (code, out.startswith("fares@1  began 2024-03-18")) == (0, True)
    assert "usual 50%, new 50%" in out
    code, out, _ = ask(lab, capsys, "look", "fares", "--at", "2024-03-18")
    assert (code, "too early" in out) == (4, True)
    lab.live(16, lift=0.6)
    code, out, _ = ask(lab, capsys, "look", "fares", "--at", "2024-04-03")
    assert code == 0
    assert "pass  launch new: spent is " in out
    assert "interval at all looks" in out
    code, out, _ = ask(lab, capsys, "look", "fares", "--at", "2024-04-03", "--json")
    told = json.loads(out)
    assert (told["repeated"], told["look"]["outcome"], told["look"]["number"]) == (True, "pass", 1)
    code, _, err = ask(lab, capsys, "decide", "fares", "usual")
    assert (code, "SW-455" in err) == (1, True)
    code, out, _ = ask(lab, capsys, "decide", "fares", "usual", "--by", "ana", "--reason", "calls")
    assert "everyone meets usual from now on, by ana, against the design" in out
    assert "the design said pass: launch new" in out
    code, out, _ = ask(lab, capsys, "show", "fares@1")
    assert (code, "look 1" in out, "by ana" in out) == (0, True, True)
    code, out, _ = ask(lab, capsys, "assign", "fares", "c7")
    assert "decided" in out or "held out" in out


def test_a_plan_that_is_not_enough_and_a_stop(lab, capsys):
    lab.edit("detect=0.32", "detect=0.02")
    code, out, _ = ask(lab, capsys, "plan", "fares")
    assert (code, "it would not find its effect" in out) == (4, True)
    code, _, err = ask(lab, capsys, "start", "fares")
    assert (code, "SW-453" in err) == (1, True)
    assert ask(lab, capsys, "start", "fares", "--units", "900")[0] == 0
    code, out, _ = ask(lab, capsys, "stop", "fares", "--because", "a bug", "--by", "bo")
    assert (code, "stopped by bo: a bug" in out) == (0, True)


def test_units_that_met_another_variant_are_counted_where_no_unit_is_left(lab, capsys):
    lab.edit("    share=0.9,\n", "    share=0.9,\n    variant=visits.said,\n")
    assert ask(lab, capsys, "start", "fares")[0] == 0
    lab.live(10, say=lambda unit: "another")
    code, out, _ = ask(lab, capsys, "look", "fares", "--at", "2024-03-28")
    assert (code, "too early" in out) == (4, True)
    assert "left out: units of which 1,0" in " ".join(out.split())
    assert "met another variant than theirs" in " ".join(out.split())


def test_versions_of_a_service_are_told_with_who_was_left_out(lab, capsys):
    serve(lab)
    answer(lab, 0)
    assert ask(lab, capsys, "plan", "ranker")[0] == 0
    code, out, _ = ask(lab, capsys, "start", "ranker")
    assert (code, "service desk, desk/1: version 2 for 0.5 of customer, else 1" in " ".join(out.split())) == (0, True)
    sell(lab, 8)
    both = {f"c{number}" for number in range(8)}
    answer(lab, 3, since=0, version=lambda unit: 1 if unit in both else 2, weight=lambda unit: 0.5)
    code, out, _ = ask(lab, capsys, "look", "ranker", "--at", "2024-03-26")
    assert "met another variant than theirs" in " ".join(out.split())
    out = ask(lab, capsys, "decide", "ranker", "stable", "--by", "ana", "--reason", "cheaper")[1]
    assert "decided for stable, by ana" in out
    assert "service desk answers as its walk goes" in out
    code, _, err = ask(lab, capsys, "assign", "ranker", "c1")
    assert (code, "SW-457" in err) == (1, True)


def test_a_switchback_is_asked_at_an_instant(lab, capsys):
    (lab.root / "project.py").write_text(CODE + HALVES)
    trade(lab, 0)
    code, out, _ = ask(lab, capsys, "start", "surge")
    assert (code, "time, 12h of each customer" in out) == (0, True)
    met = {ask(lab, capsys, "assign", "surge", "r1", "--at", f"2024-03-{day}T14:00")[1] for day in range(18, 30)}
    assert len(met) == 12
    assert {("new" in each, "usual" in each) for each in met} == {(True, False), (False, True)}


def test_clusters_are_told_with_what_they_cost(lab, capsys):
    (lab.root / "project.py").write_text(CODE + CITIES)
    settle(lab, 0, make_shop)
    out = ask(lab, capsys, "plan", "cities")[1]
    assert ("in 60 clusters" in out, "alike in a cluster" in out) == (True, True)
    assert ask(lab, capsys, "start", "cities", "--units", "1300")[0] == 0
    settle(lab, 12, make_shop)
    _code, out, _ = ask(lab, capsys, "look", "cities", "--at", "2024-03-30")
    assert "clusters, each device as a whole" in ask(lab, capsys, "show", "cities")[1]
    assert " clusters" in out


def test_a_rare_event_is_planned_and_told_by_its_events(lab, capsys):
    rare = 'sw.effect("big", w.count(placed, last="2d", where=placed.price > 35) > 0, rare=True)'
    lab.edit('sw.effect("basket", spent, over=w.count(placed, last="2d")) >= -0.2', f"{rare} <= 1.5")
    code, out, _ = ask(lab, capsys, "plan", "fares")
    assert (code, " events" in out) == (0, True)
    code, out, _ = ask(lab, capsys, "start", "fares")
    assert "of big at most, of both variants" in out
    lab.live(16, lift=0.6)
    _, out, _ = ask(lab, capsys, "look", "fares", "--at", "2024-04-03")
    assert "times as frequent (" in out
    assert " times   " in out
    code, out, _ = ask(lab, capsys, "look", "fares", "--at", "2024-04-03", "--json")
    assert json.loads(out)["look"]["effects"][1]["events"]["planned"] > 20
