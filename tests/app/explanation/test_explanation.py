"""Explanations of the template's project after a run: of a row, of a request, and of many rows."""

import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import lightgbm
import msgspec
import numpy as np
import polars as pl
import pytest

from shipway.adapters.lightgbm.model import LightgbmFormat
from shipway.app import explanation as explanation_module
from shipway.app.explanation import explain_request, explain_row
from shipway.app.explanation import subject as subject_module
from shipway.app.explanation import summary as summary_module
from shipway.app.explanation.subject import Asked, choose_subject, find_row, open_subject
from shipway.app.explanation.summary import Summary, summarise
from shipway.app.project import find_project
from shipway.app.release import open_service
from shipway.app.workspace import Workspace
from shipway.core.bundle import NUMBER
from shipway.core.prediction import FEATURES, OUTPUTS, PREDICTIONS
from shipway.core.record import plan_outputs
from shipway.testing.refusal import expect_refusal
from shipway.training.frame import encode_frame

SERVICE = '\n[services.desk]\nmodel = "returned"\n'
ROW = "20011"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


@pytest.fixture(scope="module")
def desk(ran_shop, tmp_path_factory):
    """Return the folder of the ran shop with a service that answered one request; read it only."""
    root = Path(shutil.copytree(ran_shop.root, tmp_path_factory.mktemp("explanation") / "shop"))
    toml = root / "shipway.toml"
    toml.write_text(toml.read_text() + SERVICE)
    project = find_project(root)
    with closing(Workspace(project)) as workspace:
        open_service(workspace, "desk", 1, 0)
        subject = open_subject(workspace, choose_subject(workspace.peek(), "desk"))
        asked = find_row(workspace, subject, [ROW], None)
        p = float(subject.predictor.predict(asked.x[None])[0])
        vector = _vector(subject, asked)
        log = workspace.open_log("desk")
        at = np.array([asked.at], dtype=np.int64)
        log.append(f"{FEATURES}store", {"request": ["r1"], "row": [ROW], "at": at, **vector})
        for request, role, version, said, online in (
            ("r1", "live", 1, p, "store"),
            ("off", "live", 1, p + 0.1, "store"),
            ("failed", "live", 1, float("nan"), "store"),
            ("vector", "live", 1, p, ""),
        ):
            line = {
                "request": [request], "row": [ROW], "at": at, "unit": [ROW], "version": np.array([version]),
                "role": [role], "weight": np.zeros(1), "token": np.ones(1, dtype=np.int64), "p": np.array([said]),
                "error": ["SW-206" if np.isnan(said) else None], "latency_us": at, "answer_us": at, "online": [online],
            }  # fmt: skip
            log.append(PREDICTIONS, line)
        log.append(f"{FEATURES}store", {"request": ["off"], "row": [ROW], "at": at, **vector})
    return root


def _vector(subject, asked):
    """Return the features of a row as a service logs them."""
    return {
        column.name: [column.categories[int(value)]] if column.kind == "category" else np.array([value])
        for column, value in zip(subject.manifest.inputs, asked.x, strict=True)
    }


@pytest.fixture(scope="module")
def summary(desk):
    """Return what the version listens to."""
    return summarise(find_project(desk), "returned")


def test_a_row_is_explained_and_adds_up(desk):
    found = explain_row(find_project(desk), "returned", [ROW])
    assert (found.version, found.row, found.unit, found.method) == ("returned@1", ROW, "log-odds", "tree")
    total = found.baseline + sum(each.amount for each in found.contributions)
    assert 1 / (1 + np.exp(-total)) == pytest.approx(found.p, abs=1e-9)
    amounts = [abs(each.amount) for each in found.contributions]
    assert amounts == sorted(amounts, reverse=True)
    assert 0 < len(found.reasons_for) <= 4
    assert all(each.amount > 0 for each in found.reasons_for)
    assert all(each.amount < 0 for each in found.reasons_against)
    assert "path-dependent" in found.baseline_said
    assert found.threshold is None
    assert "no threshold is known" in found.counterfactual_said


def test_the_same_row_gives_the_same_digest_and_other_words_do_not_change_it(desk, tmp_path):
    project = find_project(desk)
    found = explain_row(project, "returned", [ROW])
    assert explain_row(project, "returned@1", [ROW], top=1, threshold=0.2).digest == found.digest
    other = explain_row(project, "returned", ["20012"])
    assert other.digest != found.digest
    root = Path(shutil.copytree(desk, tmp_path / "shop"))
    note = 'tags=["unnamed"])\nproduct = '
    text = (root / "project.py").read_text()
    head, middle, rest = text.partition(")\nproduct = feature_view(")
    assert middle
    docs = ', docs={"sold_7d": "pieces sold in a week"}'
    rest = rest.replace("    },\n)", f"    }}{docs},\n)", 1)
    (root / "project.py").write_text(f"{head}    {note}feature_view({rest}")
    worded = explain_row(find_project(root), "returned", [ROW])
    assert worded.digest == found.digest
    assert worded.unnamed != 0
    named = {each.column for each in (*worded.reasons_for, *worded.reasons_against)}
    assert not {name for name in named if name.startswith("customer_")}
    said = {each.column: each.said for each in worded.contributions}
    assert said["product_sold_7d"].startswith("pieces sold in a week: ")


def test_a_change_that_is_named_crosses_the_threshold(desk):
    project = find_project(desk)
    p = explain_row(project, "returned", [ROW]).p
    found = explain_row(project, "returned", [ROW], threshold=p * 0.9)
    assert found.acted
    assert found.counterfactuals
    with closing(Workspace(project)) as workspace:
        subject = open_subject(workspace, choose_subject(workspace.peek(), "returned"))
        x = find_row(workspace, subject, [ROW], None).x
    columns = [column.name for column in subject.manifest.inputs]
    for each in found.counterfactuals:
        changed = x.copy()
        for change in each.changes:
            column = subject.manifest.inputs[columns.index(change.column)]
            needed = column.categories.index(change.needed) if column.kind == "category" else change.needed
            changed[columns.index(change.column)] = needed
            assert column.kind == "category" or column.low <= change.needed <= column.high
        assert subject.predictor.predict(changed[None])[0] == pytest.approx(each.p)
        assert each.p <= found.threshold < found.p
    distances = [each.distance for each in found.counterfactuals]
    assert distances == sorted(distances)


def test_what_is_written_of_a_change_is_what_changes_the_decision(desk):
    project = find_project(desk)
    with closing(Workspace(project)) as workspace:
        subject = open_subject(workspace, choose_subject(workspace.peek(), "returned"))
        rows = {key: find_row(workspace, subject, [key], None).x for key in ("20011", "20012")}
    inputs = {column.name: (at, column) for at, column in enumerate(subject.manifest.inputs)}
    told = 0
    for key, x in rows.items():
        p = float(subject.predictor.predict(x[None])[0])
        for threshold in (p * share for share in (0.8, 0.97, 1.03, 1.2)):
            for each in explain_row(project, "returned", [key], threshold=threshold).counterfactuals:
                changed = x.copy()
                for change in each.changes:
                    at, column = inputs[change.column]
                    needed, own = change.said.rpartition(": ")[2].split(" instead of ")
                    assert needed != own
                    if column.kind == "number":
                        changed[at] = float(needed.replace(",", ""))
                        assert changed[at] == change.needed
                    else:
                        changed[at] = column.categories.index(needed)
                assert (subject.predictor.predict(changed[None])[0] > threshold) != (p > threshold)
                told += 1
    assert told


def test_features_are_those_of_the_instant(desk):
    project = find_project(desk)
    with closing(Workspace(project)) as workspace:
        subject = open_subject(workspace, choose_subject(workspace.peek(), "returned"))
        asked = find_row(workspace, subject, [ROW], None)
        later = find_row(workspace, subject, [ROW], asked.at + 30 * 86_400_000_000)
    assert asked.at is not None
    assert not np.array_equal(asked.x, later.x, equal_nan=True)


def test_trees_can_be_explained_against_rows_too(desk):
    project = find_project(desk)
    found = explain_row(project, "returned", [ROW], wanted="interventional")
    assert (found.method, found.unit) == ("sampled", "log-odds")
    assert "interventional: the mean over 100 held-out rows of the bundle" in found.baseline_said
    assert found.p == explain_row(project, "returned", [ROW]).p
    assert max(each.error for each in found.contributions) > 0
    assert explain_row(project, "returned", [ROW], wanted="interventional").digest == found.digest


def test_a_request_is_explained_by_what_was_served(desk):
    project = find_project(desk)
    row = explain_row(project, "returned", [ROW])
    for ref in ("desk", "returned", "returned@1"):
        found = explain_request(project, ref, "r1")
        assert (found.request, found.row, found.at, found.p) == ("r1", ROW, row.at, pytest.approx(row.p))
        assert found.digest == row.digest


@pytest.mark.parametrize(
    ("request_id", "code"), [("none", "SW-462"), ("failed", "SW-462"), ("vector", "SW-462"), ("off", "SW-461")]
)
def test_a_request_that_cannot_be_explained_is_refused(desk, request_id, code):
    with expect_refusal(code):
        explain_request(find_project(desk), "desk", request_id)


@pytest.mark.parametrize(
    ("ref", "key", "given", "code"),
    [
        ("returnd", [ROW], {}, "SW-104"),
        ("returned@7", [ROW], {}, "SW-104"),
        ("returned", ["1", "2"], {}, "SW-104"),
        ("returned", ["one"], {}, "SW-203"),
        ("returned", ["999999"], {}, "SW-462"),
        ("returned", [ROW], {"top": 0}, "SW-106"),
        ("returned", [ROW], {"threshold": 1.0}, "SW-106"),
    ],
)
def test_what_cannot_be_explained_is_refused(desk, ref, key, given, code):
    with expect_refusal(code):
        explain_row(find_project(desk), ref, key, **given)


def test_a_summary_adds_up_and_its_numbers_have_intervals(summary):
    found = summary
    assert (found.version, found.method) == ("returned@1", "tree")
    assert sum(each.share for each in found.columns) == pytest.approx(1)
    assert sum(each.share for each in found.views) == pytest.approx(1)
    assert {each.name for each in found.views} == {"basket", "customer", "product"}
    for each in (*found.columns, *found.views):
        assert each.share_low <= each.share <= each.share_high
        assert each.size_low <= each.size <= each.size_high
    assert all(each.rise is not None and each.rise_low < each.rise < each.rise_high for each in found.views)
    assert found.views[0].rise > 0
    assert found.clusters > 50
    assert found.effects
    for effect in found.effects:
        assert len(effect.at) == len(effect.effect) == len(effect.low) == len(effect.rows) + 1
        assert sum(effect.rows) <= found.tried
    rising = next(effect for effect in found.effects if effect.column == "product_returned_60d")
    assert rising.effect[-1] > rising.effect[0]
    assert msgspec.json.encode(found)


def test_rows_are_those_that_the_version_did_not_learn_from(desk, summary):
    found = summary
    with closing(Workspace(find_project(desk))) as workspace:
        version = choose_subject(workspace.peek(), "returned")
    assert found.since >= version.cut
    assert found.of >= found.tried >= found.rows


@pytest.fixture(scope="module")
def number(desk):
    """Return the version's subject as it were if its label was a number, learned from its golden rows."""
    with closing(Workspace(find_project(desk))) as workspace:
        subject = open_subject(workspace, choose_subject(workspace.peek(), "returned"))
    x = subject.background
    train = lightgbm.Dataset(x, 100 + 20 * np.nan_to_num(x[:, 0]) + 5 * np.arange(len(x)))
    quiet = {"objective": "regression", "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5}
    library = LightgbmFormat()
    predictor = library.load(library.dump(lightgbm.train(quiet, train, 20), "number"))
    manifest = msgspec.structs.replace(subject.manifest, outputs=NUMBER)
    return replace(subject, manifest=manifest, predictor=predictor, scale=100.0)


def test_a_number_is_explained_in_its_own_unit(desk, number):
    project = find_project(desk)
    asked = Asked("7", 0, number.background[3], p=number.predictor.predict(number.background[3:4])[0])
    found = explanation_module._explain(project, number, asked, 3, None, "auto")
    assert (found.predicts, found.unit, found.method, found.label) == ("number", "returned", "tree", "returned")
    assert found.p == pytest.approx(found.baseline + sum(each.amount for each in found.contributions))
    assert (found.baseline_p, found.threshold, found.acted) == (found.baseline, None, None)
    assert "in returned; where" in found.baseline_said
    assert found.counterfactual_said == "no threshold is known: say one"
    over = explanation_module._explain(project, number, asked, 3, found.p - 1.0, "auto")
    assert over.acted
    assert all(each.p <= found.p - 1.0 for each in over.counterfactuals)
    with expect_refusal("SW-461"):
        explanation_module._check_logged(number, replace(asked, p=np.array(found.p * 1.001)))
    explanation_module._check_logged(number, replace(asked, p=np.array(found.p * (1 + 1e-6))))
    explanation_module._check_threshold(number, -12.0)
    with expect_refusal("SW-106"):
        explanation_module._check_threshold(number, float("inf"))


def test_a_summary_of_a_number_is_in_its_unit(desk, number, monkeypatch):
    hold_out = summary_module._hold_out

    def numbers(workspace, subject):
        rows = hold_out(workspace, subject)
        said = subject.predictor.predict(encode_frame(rows, subject.manifest.inputs))
        return rows.with_columns(pl.Series("_label", said + 1.0))

    monkeypatch.setattr(summary_module, "_hold_out", numbers)
    monkeypatch.setattr(summary_module, "open_subject", lambda workspace, version: number)
    found = summarise(find_project(desk), "returned")
    assert (found.predicts, found.unit, found.scale, found.loss) == (
        "number", "returned", "returned", "mean absolute error",
    )  # fmt: skip
    assert found.baseline > 100
    assert found.columns[0].rise > 1
    assert max(found.effects[0].effect) > 1
    assert msgspec.json.decode(msgspec.json.encode(found), type=Summary) == found


def test_rows_of_one_day_have_no_interval(desk, monkeypatch):
    """A test period of one day: nothing says how much another day would differ, and no number pretends to know."""
    hold_out = summary_module._hold_out

    def one_day(workspace, subject):
        rows = hold_out(workspace, subject)
        return rows.filter(rows["_at"].dt.date() == rows["_at"].dt.date().min())

    monkeypatch.setattr(summary_module, "_hold_out", one_day)
    found = summarise(find_project(desk), "returned")
    assert found.clusters == 1
    for each in (*found.columns, *found.views):
        assert (each.size_low, each.size_high, each.share_low, each.share_high) == (None,) * 4
        assert each.rise is None or (each.rise_low, each.rise_high) == (None, None)
    assert found.effects
    assert {(each.low, each.high) for each in found.effects} == {(None, None)}
    assert msgspec.json.decode(msgspec.json.encode(found), type=Summary) == found


def test_of_classes_the_most_probable_one_is_explained_or_the_one_that_is_asked_for(ran_classes):
    found = explain_row(ran_classes.project, "outcome", ["22000"])
    assert (found.of, found.predicts, found.unit, found.label) == (
        "kept",
        "condition",
        "log-ratio",
        "outcome 'kept'",
    )
    total = found.baseline + sum(each.amount for each in found.contributions)
    asked = {name: explain_row(ran_classes.project, "outcome", ["22000"], of=name) for name in ("kept", "late", "soon")}
    assert asked["kept"].digest == found.digest
    assert len({each.digest for each in asked.values()}) == 3
    p = {name: each.p for name, each in asked.items()}
    assert sum(p.values()) == pytest.approx(1)
    assert sum(each.baseline_p for each in asked.values()) == pytest.approx(1)
    logs = np.log(list(p.values()))
    assert total == pytest.approx(np.log(p["kept"]) - logs.mean(), abs=1e-5)
    threshold = asked["soon"].p * 0.8
    acted = explain_row(ran_classes.project, "outcome", ["22000"], of="soon", threshold=threshold)
    assert acted.acted
    assert all(each.p <= threshold for each in acted.counterfactuals)


@pytest.fixture(scope="module")
def sorting(ran_classes, tmp_path_factory):
    """Return the folder of a ran project of classes with a service that answered; read it only."""
    root = Path(shutil.copytree(ran_classes.root, tmp_path_factory.mktemp("sorting") / "shop"))
    toml = root / "shipway.toml"
    toml.write_text(toml.read_text() + SERVICE.replace("returned", "outcome"))
    with closing(Workspace(find_project(root))) as workspace:
        open_service(workspace, "desk", 1, 0)
        subject = open_subject(workspace, choose_subject(workspace.peek(), "desk"))
        asked = find_row(workspace, subject, ["22000"], None)
        p = subject.predictor.predict(asked.x[None])[0]
        log, at = workspace.open_log("desk"), np.array([asked.at], dtype=np.int64)
        for request, said in (("r1", p), ("off", p[::-1]), ("failed", np.full(3, np.nan))):
            log.append(
                f"{FEATURES}store", {"request": [request], "row": ["22000"], "at": at, **_vector(subject, asked)}
            )
            failed = bool(np.isnan(said).any())
            line = {
                "request": [request], "row": ["22000"], "at": at, "unit": ["22000"], "version": np.array([1]),
                "role": ["live"], "weight": np.zeros(1), "token": np.ones(1, dtype=np.int64),
                "y": np.full(1, np.nan), "class": [None if failed else subject.manifest.classes[said.argmax()]],
                "error": ["SW-206" if failed else None], "latency_us": at, "answer_us": at, "online": ["store"],
            }  # fmt: skip
            told = zip(subject.manifest.classes, said, strict=True)
            line |= {f"output probabilities[{name}]": np.array([each]) for name, each in told}
            log.append(f"{OUTPUTS}{plan_outputs(subject.manifest.outputs).form}", line)
    return root


def test_a_request_for_classes_is_explained_by_the_class_that_was_answered(sorting):
    project = find_project(sorting)
    row = explain_row(project, "outcome", ["22000"])
    for ref in ("desk", "outcome", "outcome@1"):
        found = explain_request(project, ref, "r1")
        assert (found.request, found.of, found.p) == ("r1", "kept", pytest.approx(row.p))
        assert found.digest == row.digest
    other = explain_request(project, "desk", "r1", of="late")
    assert (other.of, other.digest) == ("late", explain_row(project, "outcome", ["22000"], of="late").digest)
    with expect_refusal("SW-104"):
        explain_request(project, "desk", "r1", of="latee")


def test_a_request_for_classes_that_cannot_be_explained_is_refused(sorting):
    with expect_refusal("SW-462") as caught:
        explain_request(find_project(sorting), "desk", "failed")
    assert "failed on request 'failed': SW-206" in caught[0].fact
    with expect_refusal("SW-461") as caught:
        explain_request(find_project(sorting), "desk", "off")
    assert "answered" in caught[0].fact
    assert " of 'kept'" in caught[0].fact
    with expect_refusal("SW-461"):
        explain_request(find_project(sorting), "desk", "off", of="late")


def test_a_request_is_explained_by_the_classes_of_the_version_that_answered(sorting, monkeypatch):
    """The log is laid out over the classes of all versions, of which the first knew them in another order."""
    monkeypatch.setattr(subject_module, "describe_answers", lambda *_: ("class", ("soon", "lost", "late", "kept")))
    found = explain_request(find_project(sorting), "desk", "r1")
    assert (found.of, found.digest) == ("kept", explain_row(find_project(sorting), "outcome", ["22000"]).digest)


def test_a_class_there_is_not_is_answered_with_the_nearest(ran_classes, ran_shop):
    with expect_refusal("SW-104") as caught:
        explain_row(ran_classes.project, "outcome", ["22000"], of="sooon")
    assert "'soon'" in caught[0].hint
    with expect_refusal("SW-106"):
        explain_row(ran_shop.project, "returned", ["22000"], of="soon")


def test_what_a_version_listens_to_is_told_of_one_class(ran_classes):
    with expect_refusal("SW-106") as caught:
        summarise(ran_classes.project, "outcome")
    assert "3 classes" in caught[0].fact
    found = summarise(ran_classes.project, "outcome", of="soon")
    assert (found.one_class, found.unit, found.loss) == ("soon", "log-ratio", "log loss")
    assert sum(each.share for each in found.views) == pytest.approx(1)
    assert found.columns[0].rise > 0
