"""What versions that answered predict: all that any of them knew."""

import numpy as np
import polars as pl

from shipway.adapters.log.parquet import ParquetLog
from shipway.app.answered import describe_answers, describe_label
from shipway.app.control.offline import LABELS
from shipway.app.live.served import read_answers
from shipway.app.release import open_service, start_release, stop_release
from shipway.core.bundle import declare_outputs
from shipway.core.prediction import OUTPUTS
from shipway.core.record import plan_outputs
from shipway.kit.duration import DAY

START = 18_262 * DAY
KNOWN, MORE = ("late", "ok"), ("late", "ok", "returned")


def answer(log, version, classes, p, at):
    """Log that a version answered one request, as a server does."""
    columns = {
        "request": [f"r{version}"], "row": [f"r{version}"], "at": np.array([at]), "unit": ["u"],
        "version": np.array([version]), "role": ["live"], "weight": np.zeros(1), "token": np.array([version]),
        "y": np.full(1, np.nan), "class": [classes[int(np.argmax(p))]], "error": [None],
        "latency_us": np.ones(1, dtype=np.int64), "answer_us": np.ones(1, dtype=np.int64), "online": ["s"],
    }  # fmt: skip
    columns |= {f"output probabilities[{name}]": np.array([share]) for name, share in zip(classes, p, strict=True)}
    log.append(OUTPUTS + plan_outputs(declare_outputs("class", classes)).form, columns)


def test_what_a_version_that_was_taken_back_answered_keeps_all_its_classes(desk):
    desk.predicts, desk.classes = "class", {1: KNOWN, 2: MORE}
    with desk.workspace() as workspace:
        for _ in desk.classes:
            desk.register(workspace)
        open_service(workspace, "desk", 1, START)
        start_release(workspace, "desk", 2, START)
        service = stop_release(workspace, "desk", START + DAY, by="ada", reason="no")
        assert (service.history, service.versions) == ([(START, 1)], (1, 2))
        predicts, classes = describe_answers(workspace, service)
        assert (predicts, classes) == ("class", MORE)
        log = ParquetLog(workspace.folder / "log" / "desk")
        answer(log, 1, KNOWN, (0.25, 0.75), START)
        answer(log, 2, MORE, (0.0625, 0.0625, 0.875), START + 1)
        labels = pl.DataFrame({"row": ["r2"], "label": ["returned"], "known_at": [START + 2]}, schema=LABELS["class"])
        rows = read_answers(log, labels, START + DAY, predicts, classes)
    assert dict(rows.select("version", "p").iter_rows()) == {1: [0.25, 0.75, 0.0], 2: [0.0625, 0.0625, 0.875]}
    assert rows.filter(pl.col("version") == 2)["label"].to_list() == ["returned"]


def test_versions_of_another_kind_than_the_first_add_no_classes(desk):
    desk.predicts = "condition"
    with desk.workspace() as workspace:
        desk.register(workspace)
        desk.predicts, desk.classes = "class", {2: KNOWN}
        desk.register(workspace)
        assert describe_label(workspace, "late", (1, 2)) == ("condition", ())
        assert describe_label(workspace, "late", (2, 1)) == ("class", KNOWN)
        assert describe_label(workspace, "late", (7,)) == ("condition", ())
