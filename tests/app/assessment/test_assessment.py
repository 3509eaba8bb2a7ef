"""A version is measured when somebody asks, beside its baselines, and what a run measured stays as it was."""

import pytest

from shipway.app.assessment import Wanted, assess_version
from shipway.app.instant import read_instant
from shipway.app.project import find_project
from shipway.app.run import run_project
from shipway.app.workspace import Workspace
from shipway.kit.duration import DAY
from shipway.testing.refusal import expect_refusal
from shipway.validation.counterexample import write_briefly


def _at(text: str) -> int:
    return read_instant(text, "UTC")


def _evidence(shop):
    workspace = Workspace(shop.project)
    try:
        return dict(workspace.state().version("returned", 1).evidence)
    finally:
        workspace.close()


def test_on_its_test_period_a_version_gets_what_its_run_measured(priced):
    before = _evidence(priced)
    found = assess_version(priced.project, "returned", Wanted(by=("channel",)))
    assert (found.version, found.against, found.notes) == ("returned@1", ("basket_only",), ())
    assert found.period == (_at("2024-09-01"), _at("2024-12-01"))
    assert (found.scored, found.rows) == (6008, 6008)
    lines = {line.check: line for line in found.scores}
    for name in ("auc", "log_loss", "brier", "calibration_gap"):
        run = priced.run.versions[0].evidence[name]
        assert lines[name].figure == (run.value, run.low, run.high)
        assert found.checks[name] == run.id
    gain = priced.run.versions[0].evidence["log_loss against basket_only"]
    (beside,) = lines["log_loss"].beside
    assert beside.better == (gain.value, gain.low, gain.high)
    assert beside.figure[0] == gain.facts["baseline_value"]
    after = _evidence(priced)
    assert {name: after[name] for name in before} == before
    assert {"accuracy", "auc against basket_only", "decision_value against basket_only"} <= set(after)


def test_value_and_gates_are_told_and_verdicts_are_not_remembered(priced):
    before = Workspace(priced.project).state().verdicts
    found = assess_version(priced.project, "returned@1")
    assert Workspace(priced.project).state().verdicts == before
    (verdict,) = found.verdicts
    assert (verdict.gate, verdict.outcome) == ("quality", "pass")
    assert found.costs.threshold == pytest.approx(2 / 11)
    assert found.costs.oracle < found.costs.model < found.costs.nothing < found.costs.always
    value = next(line for line in found.scores if line.unit == "cost")
    assert value.figure[0] == pytest.approx(found.costs.nothing - found.costs.model)
    assert value.beside[0].better[1] > 0
    assert {"precision(at=0.181818)", "recall(at=0.181818)"} <= {line.check for line in found.scores}
    own, other = found.sides
    assert [cut.by for cut in own.cuts] == ["month"]
    assert [part.label for part in own.cuts[0].parts] == ["2024-09", "2024-10", "2024-11"]
    assert max(own.curve, key=lambda point: point.saved).saved > max(other.curve, key=lambda point: point.saved).saved
    assert own.curve[-1].saved == 0


def test_details_that_gates_ask_for_are_there(priced):
    path = priced.root / "project.py"
    more = """\
    sw.found_regressions("channel", "category", support_rows=100),
    sw.never_matters("hours never matter", {basket.hour: 6}, tolerance=0.0001),
    sw.demographic_parity("channel", threshold=0.3) <= 1,
    sw.attribution(basket.hour) <= 1,
    sw.reason_agreement(top=3) >= 0,
    sw.advantage_trend() >= -10,
"""
    path.write_text(path.read_text().replace("    sw.auc >= 0.65,\n", f"    sw.auc >= 0.65,\n{more}"))
    found = assess_version(find_project(priced.root), "returned@1")
    details = found.details
    (declared,) = details.slices
    assert {each.name.partition("=")[0] for each in declared.tested} == {"channel", "category"}
    hours, returns = details.behaviours
    assert (hours.name, returns.name) == ("hours never matter", "more returns before")
    assert {trial.counterexample for trial in returns.trials} == {None}
    example = hours.trials[0].counterexample
    assert list(example.changed) == ["basket_hour"]
    assert abs(example.after.value - example.before.value) > 0.0001
    (failed,) = [each for each in found.verdicts[0].findings if each.rule.startswith("hours never matter")]
    assert failed.outcome == "fail"
    assert f"at its simplest {write_briefly(example)}" in failed.reason
    (search,), (parity,), (trend,) = details.searches, details.fairness, details.trends
    assert {each.slice.partition("=")[0] for each in search.slices} == {"channel", "category"}
    assert search.baseline == "base rate"
    assert len(parity.groups) == 3
    assert set(parity.apart) <= {each.group for each in parity.groups}
    assert len(trend.windows) > 2
    (heard,), (alike,) = details.attributions, details.agreements
    assert [each.feature for each in heard.sizes if each.asked] == ["basket_hour"]
    assert (heard.method, heard.unit) == ("tree", "log-odds")
    assert alike.pairs == ()
    assert "no version has passed yet" in alike.said


def test_another_period_has_evidence_of_its_own(priced):
    wanted = Wanted(since=_at("2024-10-01"), until=_at("2024-11-01"), against=("base rate",))
    found = assess_version(priced.project, "returned", wanted)
    assert found.rows == 2008
    assert found.against == ("base rate",)
    kept = _evidence(priced)
    assert kept["auc"].n == 6008
    assert kept["auc, 2024-10-01 to 2024-11-01"].n == 2008
    assert found.verdicts[0].findings[0].rule == "auc >= 0.65"
    assert found.verdicts[0].outcome in ("pass", "hold")


def test_a_period_that_was_learned_from_is_told(priced):
    found = assess_version(priced.project, "returned", Wanted(since=_at("2024-08-01")))
    assert found.notes == ("rows before 2024-09-01 were learned from: on them every number is better than it will be",)


def test_dates_that_are_edited_do_not_move_what_a_version_was_judged_on(priced):
    before = _evidence(priced)
    toml = priced.root / "shipway.toml"
    text = toml.read_text()
    assert text.count("2024-12-01") == 1
    toml.write_text(text.replace("2024-12-01", "2024-11-01"))
    project = find_project(priced.root)
    assert assess_version(project, "returned").period == (_at("2024-09-01"), _at("2024-12-01"))
    assess_version(project, "returned", Wanted(until=_at("2024-11-01")))
    after = _evidence(priced)
    assert {name: after[name] for name in before} == before
    assert after["auc, 2024-09-01 to 2024-11-01"].n < before["auc"].n


def test_other_clusters_ask_no_gate(priced):
    found = assess_version(priced.project, "returned", Wanted(cluster="customer"))
    assert found.verdicts == ()
    line = found.scores[0]
    assert (line.check, found.cluster) == ("auc", "customer")
    # Fewer customers have a row that is true than one that is not, and they are what tells.
    assert 400 < line.clusters < 600
    assert any(each.unit == "cost" for each in found.scores)
    assert "decision_value by customer against basket_only" in found.checks
    assert "auc by customer" in _evidence(priced)


def test_it_is_measured_once(priced):
    first = assess_version(priced.project, "returned")
    length = len(list(Workspace(priced.project).ledger.read()))
    assert assess_version(priced.project, "returned") == first
    assert len(list(Workspace(priced.project).ledger.read())) == length


def test_a_version_without_a_bundle_is_made_again(priced):
    path = priced.root / "project.py"
    fewer = path.read_text().replace("rounds: int = 80", "rounds: int = 3")
    path.write_text(fewer.replace("auc >= 0.65", "auc >= 0.9, sw.reason_agreement(top=3) >= 0"))
    assert run_project(priced.project).outcome == "fail"
    found = assess_version(priced.project, "returned@2")
    assert found.against == ("version 1", "basket_only")
    assert found.scores[0].beside[0].better[2] < 0
    (alike,) = found.details.agreements
    assert alike.baseline == "version 1"
    assert alike.pairs[0].candidate_size < alike.pairs[0].baseline_size  # three rounds are not eighty
    assert found.verdicts[0].outcome == "fail"
    path.write_text(path.read_text().replace("rounds: int = 3", "rounds: int = 4"))
    with expect_refusal("SW-411"):
        assess_version(priced.project, "returned@2")
    assert assess_version(priced.project, "returned@1").version == "returned@1"


@pytest.mark.parametrize(
    ("ref", "wanted", "code"),
    [
        ("returned@7", Wanted(), "SW-104"),
        ("returned", Wanted(against=("basket",)), "SW-104"),
        ("returned", Wanted(against=("current",)), "SW-104"),
        ("returned", Wanted(by=("chanel",)), "SW-104"),
        ("returned", Wanted(cluster="custmer"), "SW-104"),
        ("returned", Wanted(until=DAY), "SW-106"),
    ],
)
def test_what_cannot_be_asked_is_refused(shop, ref, wanted, code):
    with expect_refusal(code):
        assess_version(shop.project, ref, wanted)


def test_a_model_that_is_declared_no_longer_is_refused(shop):
    path = shop.root / "shipway.toml"
    head, _, rest = path.read_text().partition("[models.returned]")
    path.write_text(head + "[resources]" + rest.partition("[resources]")[2])
    with expect_refusal("SW-411"):
        assess_version(shop.project, "returned@1")


def test_an_empty_period_has_no_number_and_says_so(priced):
    wanted = Wanted(since=_at("2026-01-01"), until=_at("2026-02-01"))
    found = assess_version(priced.project, "returned", wanted)
    assert (found.rows, found.costs) == (0, None)
    assert {line.figure for line in found.scores} == {None}
    assert found.verdicts[0].outcome == "hold"
    assert found.sides[0].calibration == ()


def test_a_model_of_classes_is_measured_class_by_class(classes):
    found = assess_version(classes.project, "outcome", Wanted(by=("channel",)))
    assert found.kind == "class"
    assert "'kept', the most frequent of 3 classes" in found.labelled
    lines = {line.check: line for line in found.scores}
    assert lines["macro_auc"].beside[0].better[1] > 0
    assert lines['auc.of("soon")'].figure[0] == found.sides[0].confusion.classes[2].auc[0]
    assert {"macro_f1", "weighted_f1", "top_accuracy(first=2)", "expected_calibration_error"} <= set(lines)
    own = found.sides[0].confusion
    assert [line.label for line in own.classes] == ["kept", "late", "soon"]
    assert own.rows == found.rows == sum(map(sum, own.confusion))
    assert sum(own.confusion[at][at] for at in range(3)) / own.rows == pytest.approx(found.mean)
    assert found.sides[0].cuts[1].parts[0].mean == pytest.approx(lines["accuracy"].figure[0], abs=0.1)
    assert found.verdicts[0].outcome == "pass"


def test_deciding_on_one_class_has_a_curve_and_a_price(classes):
    path = classes.root / "project.py"
    value = 'sw.decision_value(act_if_true=1, act_if_false=1, skip_if_true=6).of("soon"),'
    rule = 'sw.auc.of("soon") >= 0.6,'
    other = value.replace("soon", "late")
    path.write_text(path.read_text().replace(rule, f"{rule}\n    {value}\n    {other}"))
    found = assess_version(classes.project, "outcome@1")
    assert found.costs.oracle < found.costs.model < found.costs.nothing
    assert {'precision(at=0.166667, of="soon")', 'recall(at=0.166667, of="soon")'} <= {x.check for x in found.scores}
    assert max(point.saved for point in found.sides[0].curve) > 0
    value = next(line for line in found.scores if ".of(" in line.check and line.unit == "cost")
    costs = [x.name for x in found.scores if x.unit == "cost"]
    assert sorted(costs) == ["action_value", 'decision_value.of("late")', 'decision_value.of("soon")']
    saved = sum(part.n * part.value for part in found.sides[0].cuts[0].parts) / found.rows
    assert saved == pytest.approx(value.figure[0])


def test_classes_are_measured_by_the_clusters_that_are_asked_for(classes):
    found = assess_version(classes.project, "outcome", Wanted(cluster="channel"))
    assert next(line for line in found.scores if line.check == "macro_auc").clusters < 10
    by_day = assess_version(classes.project, "outcome").sides[0].confusion.classes
    for ours, theirs in zip(found.sides[0].confusion.classes, by_day, strict=True):
        assert ours.auc[0] == theirs.auc[0]
        assert ours.auc[1:] != theirs.auc[1:]
