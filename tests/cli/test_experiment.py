"""`shipway experiment` in one process: what it prints, and with which exit code it ends."""

import json

import pytest
from tests.app.experiment.conftest import Lab, past  # noqa: F401

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
