"""What the gates say now."""

from shipway.app.check import check_project
from shipway.app.project import find_project
from shipway.testing.refusal import expect_refusal


def edit(root, old, new, file="project.py"):
    text = (root / file).read_text()
    assert text.count(old) == 1
    (root / file).write_text(text.replace(old, new))


def test_verdicts_are_those_of_the_run_where_nothing_changed(ran_shop):
    checked = check_project(ran_shop.project)
    assert checked.outcome == "pass"
    assert checked.verdicts == [*ran_shop.run.data, *ran_shop.run.versions[0].verdicts]


def test_one_gate_is_asked_by_itself(ran_shop):
    assert check_project(ran_shop.project, "data").verdicts == ran_shop.run.data
    assert check_project(ran_shop.project, "quality").verdicts == ran_shop.run.versions[0].verdicts
    with expect_refusal("SW-104"):
        check_project(ran_shop.project, "dta")


def test_rules_changed_since_are_asked_of_the_evidence_there_is(shop):
    edit(shop.root, "sw.auc >= 0.65", "sw.auc >= 0.99")
    checked = check_project(shop.project, "quality")
    assert checked.outcome == "fail"
    assert [finding.rule for finding in checked.verdicts[0].findings if finding.outcome == "fail"] == ["auc >= 0.99"]


def test_rule_without_evidence_holds(shop):
    edit(shop.root, "sw.auc >= 0.65", "sw.log_loss.better_than('current')")
    checked = check_project(shop.project, "quality")
    assert checked.outcome == "hold"
    assert checked.verdicts[0].findings[0].reason == "nothing was measured"


def test_data_is_measured_anew_at_the_present(shop):
    edit(shop.root, "    sw.present(orders.customer),", '    sw.fresh(orders.placed, within="2d"),')
    assert check_project(shop.project, "data").outcome == "pass"
    edit(shop.root, "at = 2025-01-01", "at = 2025-03-01", "shipway.toml")
    assert check_project(shop.project, "data").outcome == "fail"


def test_nothing_was_admitted_yet(fresh):
    with expect_refusal("SW-401"):
        check_project(find_project(fresh))


def test_release_gate_without_a_version_holds(fresh):
    checked = check_project(find_project(fresh), "quality")
    assert (checked.outcome, checked.verdicts) == ("hold", [])
