"""The work of scoring: by partitions, which a killed process leaves done, within a memory, here or elsewhere."""

import os
import pickle
import signal
import subprocess
import sys
from collections import Counter
from contextlib import closing

import polars as pl
import pytest

from shipway.app.project import find_project
from shipway.app.score import score
from shipway.app.score.partition import cut_rows, score_span
from shipway.app.score.question import ask_features
from shipway.app.score.rows import find_rows
from shipway.app.score.scorer import open_scorer
from shipway.app.score.work import make_job, size_spans
from shipway.app.workspace import Workspace
from shipway.core.body import RunFinished, RunStarted, TableScored, read_body
from shipway.testing.fake.engine import HereEngine

COMMAND = "import sys; from shipway.cli.main import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture(scope="module")
def whole(world, tmp_path_factory):
    """Return the result of one partition."""
    path = tmp_path_factory.mktemp("whole") / "whole.parquet"
    assert score(world, "returned", "orders", to=path).partitions == 1
    return pl.read_parquet(path)


def configure(root, memory, compute=""):
    """Return the project with little memory, and with an engine."""
    toml = root / "shipway.toml"
    toml.write_text(toml.read_text().replace("threads = 1", f'threads = 1\nmemory = "{memory}"') + compute)
    return find_project(root)


@pytest.mark.parametrize(("memory", "held"), [("8MB", False), ("16MB", True)])
def test_partitions_make_the_same_table_within_a_memory(shop, whole, tmp_path, memory, held):
    project = configure(shop.root, memory)
    with closing(Workspace(project)) as workspace:
        scorer, commit = open_scorer(workspace, "returned"), workspace.main_commit()
        rows = find_rows(workspace, "orders", commit, ())
        question = ask_features(project, scorer.manifest, rows)
        job = make_job(workspace, scorer, rows, question, commit)
    assert (job.streams is not None) is held
    made = score(project, "returned", "orders", to=tmp_path / "parts.parquet")
    assert made.partitions == len(list(cut_rows(24_000, size_spans(job)))) > 2
    assert pl.read_parquet(tmp_path / "parts.parquet").equals(whole)
    # What partitions share travels to other processes, and a partition is a function of it alone.
    span = list(cut_rows(24_000, size_spans(job)))[1]
    there = score_span(pickle.loads(pickle.dumps(job)), span)
    assert there.content == score_span(job, span).content


def test_a_killed_command_is_continued_and_no_partition_is_scored_twice(shop, whole, tmp_path):
    project = configure(shop.root, "8MB")
    command = [sys.executable, "-c", COMMAND, "--project", str(shop.root), "score", "returned", "--on", "orders"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        done = 0
        for line in process.stderr:
            done += line.startswith("done") and "score returned@1 on orders" in line
            if done == 2:
                os.kill(process.pid, signal.SIGKILL)
                break
        assert process.wait(timeout=30) == -signal.SIGKILL
    with closing(Workspace(project)) as workspace:
        assert "returned_scores" not in workspace.main_commit().tables
        finished = [body.key for body in read_scores(workspace) if isinstance(body, RunFinished)]
    made = score(project, "returned", "orders")
    assert made.moved
    assert made.unchanged >= len(finished) >= 2
    with closing(Workspace(project)) as workspace:
        bodies = read_scores(workspace)
        started = Counter(body.key for body in bodies if isinstance(body, RunStarted))
        assert all(started[key] == 1 for key in finished)
        assert len(started) == made.partitions
        ended = Counter(body.key for body in bodies if isinstance(body, RunFinished))
        assert set(ended.values()) == {1}
        found = workspace.tables.read(workspace.main_commit().tables["returned_scores"])
    assert found.equals(whole)


def read_scores(workspace):
    """Return what the ledger says of partitions of scores."""
    bodies = [read_body(entry) for entry in workspace.ledger.read()]
    return [
        body
        for body in bodies
        if isinstance(body, RunStarted | RunFinished) and body.task.startswith("score returned@1 on")
    ]


def test_what_scored_what_into_where_is_remembered_once(shop):
    for _ in range(2):
        score(shop.project, "returned", "orders")
    with closing(Workspace(shop.project)) as workspace:
        bodies = [read_body(entry) for entry in workspace.ledger.read()]
    told = [body.score for body in bodies if isinstance(body, TableScored)]
    assert [(one.model, one.number, one.rows_of, one.into, one.branch) for one in told] == [
        ("returned", 1, "orders", "returned_scores", "main")
    ]


def test_those_who_cannot_read_this_machine_are_sent_what_they_need(shop, whole, tmp_path, monkeypatch):
    project = configure(shop.root, "8MB", '\n[compute]\nengine = "local"\nworkers = 2\naddress = "there"\n')
    sent = []

    class Apart(HereEngine):
        def run(self, work, shared, tasks):
            sent.append((set(shared.streams), [task.rows.height for task in tasks]))
            return super().run(work, pickle.loads(pickle.dumps(shared)), tasks)

    monkeypatch.setattr("shipway.app.score.work.load_engine", lambda compute: Apart())
    score(project, "returned", "orders", to=tmp_path / "apart.parquet")
    assert sum(rows for _, some in sent for rows in some) == 24_000
    assert all(len(some) <= 2 and streams == {"orders"} for streams, some in sent)
    assert pl.read_parquet(tmp_path / "apart.parquet").equals(whole)


@pytest.mark.slow
def test_processes_of_this_machine_score_the_same(shop, whole, tmp_path):
    project = configure(shop.root, "24MB", '\n[compute]\nengine = "local"\nworkers = 2\n')
    made = score(project, "returned", "orders", to=tmp_path / "local.parquet")
    assert made.partitions > 1
    assert pl.read_parquet(tmp_path / "local.parquet").equals(whole)
