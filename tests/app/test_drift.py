"""Rows, and what a service was asked, against what a bundle's model saw in training."""

import shutil
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from shipway.app.drift import compare_log, compare_rows
from shipway.app.feature import export_frame
from shipway.app.model import export_bundle, show_model
from shipway.app.project import find_project
from shipway.app.release import open_service
from shipway.app.workspace import Workspace
from shipway.core.body import VersionOpened, VersionRegistered
from shipway.core.bundle import DRIFT, NUMBER, declare_outputs
from shipway.core.prediction import FEATURES, OUTPUTS, PREDICTIONS
from shipway.core.record import plan_outputs
from shipway.core.reference import DriftReference, refer_number
from shipway.kit.canonical import canonical_json
from shipway.testing.refusal import expect_refusal

SERVICE = '\n[services.desk]\nmodel = "returned"\n'


@pytest.fixture(scope="module")
def desk(ran_shop, tmp_path_factory):
    """Return the folder of the ran shop with a service that answers; read it only."""
    root = Path(shutil.copytree(ran_shop.root, tmp_path_factory.mktemp("drift") / "shop"))
    toml = root / "shipway.toml"
    toml.write_text(toml.read_text() + SERVICE)
    with closing(Workspace(find_project(root))) as workspace:
        open_service(workspace, "desk", 1, 0)
    return root


@pytest.fixture(scope="module")
def frame(desk, tmp_path_factory):
    """Return the rows that the version learned from, of which a third is enough here."""
    path = tmp_path_factory.mktemp("frame") / "frame.parquet"
    export_frame(find_project(desk), "returned", path)
    rows = pl.read_parquet(path)
    cut = show_model(find_project(desk), "returned").version.cut
    return rows.filter(pl.col("_at").to_physical() < cut).sample(fraction=0.3, seed=1)


def test_rows_like_those_of_training_have_not_moved_and_others_have(desk, frame, tmp_path):
    project, path = find_project(desk), tmp_path / "rows.parquet"
    frame.write_parquet(path)
    same = compare_rows(project, "returned@1", str(path), registered=True)
    assert same.rows == frame.height
    assert {each.move for each in same.columns if each.column.startswith("basket")} == {"still"}
    text = next(name for name in frame.columns if name.startswith("basket") and frame[name].dtype == pl.String)
    frame.with_columns(
        pl.col("basket_price") * 3,
        pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.lit("new")).otherwise(text).alias(text),
        probability=pl.lit(0.9),
    ).write_parquet(path)
    found = compare_rows(project, "returned@1", str(path), registered=True)
    moved = {each.column: each for each in found.columns if each.move == "moved"}
    assert moved.keys() == {"basket_price", text, "probability"}
    assert moved[text].unseen == pytest.approx(0.5, abs=1e-3)
    assert moved["basket_price"].shift is not None
    assert moved["basket_price"].shift > 1
    assert (moved["probability"].role, found.columns[0].move) == ("output", "moved")


def test_an_exported_bundle_is_compared_without_a_project(desk, frame, tmp_path):
    export_bundle(find_project(desk), "returned", tmp_path / "bundle")
    frame.write_csv(tmp_path / "rows.csv")
    folder = str(tmp_path / "bundle")
    alone = compare_rows(None, folder, str(tmp_path / "rows.csv"), registered=False)
    there = compare_rows(find_project(desk), "returned", str(tmp_path / "rows.csv"), registered=True)
    assert alone.columns == there.columns
    assert (alone.what, alone.bundle) == (folder, there.bundle)


@pytest.mark.parametrize(
    ("on", "code"), [("orders", "SW-202"), ("order", "SW-104"), ("none.csv", "SW-201"), ("README.md", "SW-201")]
)
def test_what_is_no_rows_of_the_model_is_refused(desk, on, code):
    with expect_refusal(code):
        compare_rows(find_project(desk), "returned", on, registered=True)


def log_rows(project, frame, *, version=1, role="live", online="", start=0, p=None, classes=()):
    """Write what a service would have logged of rows: their vectors, and what the version said."""
    manifest = show_model(project, "returned").bundle
    assert manifest is not None
    names = [f"{start + place}" for place in range(frame.height)]
    at = np.arange(start, start + frame.height, dtype=np.int64)
    columns = {"request": names, "row": names, "at": at}
    for each in manifest.inputs:
        values = frame[each.name]
        text = each.kind == "category"
        columns[each.name] = values.to_list() if text else values.cast(pl.Float64).fill_null(np.nan).to_numpy()
    said = {
        "request": names,
        "row": names,
        "at": at,
        "unit": names,
        "version": np.full(frame.height, version, dtype=np.int64),
        "role": [role] * frame.height,
        "weight": np.zeros(frame.height),
        "token": np.ones(frame.height, dtype=np.int64),
        "p": np.random.default_rng(1).uniform(size=frame.height) if p is None else p,
        "error": [None] * frame.height,
        "latency_us": at,
        "answer_us": at,
        "online": [online] * frame.height,
    }
    with closing(Workspace(project)) as workspace:
        log = workspace.open_log("desk")
        log.append(f"{FEATURES}{online}", columns)
        if not classes:
            log.append(PREDICTIONS, said)
            return
        told = said.pop("p")
        said |= {"y": np.full(len(told), np.nan), "class": [classes[place] for place in told.argmax(axis=1)]}
        said |= {f"output probabilities[{name}]": told[:, place] for place, name in enumerate(classes)}
        log.append(OUTPUTS + plan_outputs(declare_outputs("class", classes)).form, said)


def test_what_a_service_was_asked_is_compared_since_an_instant(desk, frame, tmp_path):
    root = Path(shutil.copytree(desk, tmp_path / "shop"))
    project, half = find_project(root), frame.height // 2
    with expect_refusal("SW-402"):
        compare_log(project, "returned@1", "desk", None, None)
    log_rows(project, frame[:half])
    log_rows(project, frame[half:].with_columns(pl.col("basket_price") + 1_000), online="store", start=half)
    log_rows(project, frame[:100].with_columns(pl.col("basket_price") + 1e6), version=2, start=10 * frame.height)
    before = compare_log(project, "returned@1", "desk", None, half)
    assert before.rows == half
    moves = {each.column: each.move for each in before.columns}
    assert (moves["basket_price"], moves["probability"]) == ("still", "moved")
    after = compare_log(project, "returned@1", "desk", half, None)
    assert (after.rows, after.columns[0].column) == (frame.height - half, "basket_price")
    both = compare_log(project, "returned@1", "desk", None, None)
    assert both.rows == frame.height
    with expect_refusal("SW-104"):
        compare_log(project, "returned@1", "desks", None, None)


def register_other(project, outputs, said):
    """Register version 3, which is version 1 but that it says something else: what it said in training was drawn."""
    found = show_model(project, "returned").bundle
    assert found is not None
    drift = DriftReference(inputs=(), outputs=said)
    with closing(Workspace(project)) as workspace:
        told = msgspec.json.decode(workspace.blobs.get(found.files[DRIFT]), type=DriftReference)
        digest = workspace.blobs.put(canonical_json(msgspec.structs.replace(drift, inputs=told.inputs)))
        files = found.files | {DRIFT: digest}
        manifest = msgspec.structs.replace(found, version=3, outputs=outputs, files=files)
        workspace.blobs.put(canonical_json(manifest))
        for number in (2, 3):
            subject = f"model:returned@{number}"
            workspace.remember((subject, VersionOpened(model="returned", number=number, key=f"k{number}", cut=0)))
        body = VersionRegistered(model="returned", number=3, bundle=manifest.digest)
        workspace.remember(("model:returned@3", body))


def draw_minutes(rows, seed=1):
    return np.random.default_rng(seed).gamma(2, 20, rows)


@pytest.mark.parametrize(("moved", "move"), [(0.0, "still"), (30.0, "moved")])
def test_predicted_numbers_are_compared_with_those_of_training(desk, frame, tmp_path, moved, move):
    project = find_project(Path(shutil.copytree(desk, tmp_path / "shop")))
    register_other(project, NUMBER, (refer_number("prediction", draw_minutes(4_000)),))
    log_rows(project, frame, version=3, p=draw_minutes(frame.height, seed=2) + moved)
    found = {each.column: each for each in compare_log(project, "returned@3", "desk", None, None).columns}
    assert "probability" not in found
    assert (found["prediction"].role, found["prediction"].move) == ("output", move)
    if moved:
        assert found["prediction"].shift == pytest.approx(30 / draw_minutes(4_000).std(), rel=0.1)


CLASSES = ("kept", "late", "lost")


@pytest.mark.parametrize(("more", "move"), [(0.0, "still"), (3.0, "moved")])
def test_predicted_classes_are_compared_with_those_of_training_each(desk, frame, tmp_path, more, move):
    project = find_project(Path(shutil.copytree(desk, tmp_path / "shop")))
    p = np.random.default_rng(1).dirichlet([2, 1, 1], 4_000)
    said = [refer_number(f"probabilities[{name}]", p[:, place]) for place, name in enumerate(CLASSES)]
    outputs = declare_outputs("class", CLASSES)
    register_other(project, outputs, tuple(said))
    now = np.random.default_rng(2).dirichlet([2, 1 + more, 1], frame.height)
    log_rows(project, frame, version=3, p=now, classes=CLASSES)
    found = {each.column: each for each in compare_log(project, "returned@3", "desk", None, None).columns}
    columns = [found[f"probabilities[{name}]"] for name in CLASSES]
    assert {(each.role, each.move) for each in columns} == {("output", move)}
    assert (found["probabilities[late]"].shift > 0.5) == (more > 0)


def test_the_command_answers(shipway, desk, frame, tmp_path):
    frame.with_columns(pl.col("basket_price") * 3).write_parquet(tmp_path / "rows.parquet")
    said = shipway("bundle", "drift", "returned@1", "--rows", tmp_path / "rows.parquet", cwd=desk)
    assert said.code == 0, said.err
    assert "moved  basket_price" in said.out
    found = shipway("bundle", "drift", "returned@1", "--rows", tmp_path / "rows.parquet", "--json", cwd=desk).document
    assert (found["columns"][0]["column"], found["columns"][0]["move"]) == ("basket_price", "moved")
    for words in ([], ["--rows", "a.csv", "--log", "desk"], ["--rows", "a.csv", "--since", "2024-01-01"]):
        assert shipway("bundle", "drift", "returned@1", *words, cwd=desk).code == 2
