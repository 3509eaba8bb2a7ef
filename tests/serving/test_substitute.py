"""What callers by vector get where a version does not answer, and callers by key of models that say no probability."""

import itertools
import json

import numpy as np
import pytest

from shipway.adapters.log.parquet import ParquetLog
from shipway.core.service import Fallback, Terms
from shipway.monitoring.reading import distinct_predictions

BROKEN = 777.0
HOUR_US = 3_600_000_000
NUMBER = itertools.count(1)


def ask(server, service, rows=1, *, amount=1.5, **more):
    x = np.ones((rows, 7))
    x[:, 0] = amount
    tensor = {"name": "x", "shape": [rows, 7], "datatype": "FP64", "data": x.ravel().tolist()}
    return server.ask("POST", f"/v2/models/{service}/infer", {"inputs": [tensor], **more})


@pytest.fixture
def serve_moody(fair_server):
    """Serve a version that breaks on an amount, after one that does not where there is one."""

    def start(model, version, before=None, **fallback):
        service = f"moody{next(NUMBER)}"
        terms = Terms(fallback=Fallback(**fallback))
        for token, number in enumerate(one for one in (before, version) if one is not None):
            routing = fair_server.fair.between(model, number, service=service, token=token, terms=terms)
            assert fair_server.apply(routing).status == 200
        return service

    return start


def roles(server, service):
    assert server.flush().status == 200
    log = ParquetLog(server.state / "log" / service)
    frames = [log.read(name) for name in log.streams() if name.startswith(("outputs.", "predictions"))]
    return [row for rows in frames for row in rows.select("row", "role", "version", "error").rows()], frames


def test_a_binary_model_falls_back_by_vector(fair_server, serve_moody):
    service = serve_moody("fraud", 3, 1, last_us=HOUR_US, previous=True, score=0.25)
    counted = fair_server.status()["counts"]["fell_back"]
    good = ask(fair_server, service, id="a")
    assert "shipway-fallback" not in good.headers
    assert "fallback" not in good.document["parameters"]

    last = ask(fair_server, service, id="a", amount=BROKEN)
    assert (last.status, last.headers["shipway-fallback"]) == (200, "last")
    assert last.document["outputs"] == good.document["outputs"]
    assert last.document["parameters"] == good.document["parameters"] | {"fallback": "last"}
    assert (last.document["model_version"], last.document["id"]) == ("3", "a")

    # Two rows are no answer for the one that was kept, and a caller without an id has none.
    for rows, more in ((2, {"id": "a"}), (1, {})):
        previous = ask(fair_server, service, rows, amount=BROKEN, **more)
        assert (previous.headers["shipway-fallback"], previous.document["model_version"]) == ("previous", "1")
        assert len(previous.document["outputs"][0]["data"]) == rows
    many = ask(fair_server, service, 70, amount=BROKEN)
    assert (many.headers["shipway-fallback"], many.document["outputs"][0]["shape"]) == ("previous", [70])

    alone = serve_moody("fraud", 3, score=0.25)
    score = ask(fair_server, alone, 2, amount=BROKEN, id="b")
    assert (score.headers["shipway-fallback"], score.document["model_version"]) == ("score", "0")
    assert score.document["outputs"][0]["data"] == [0.25, 0.25]
    assert score.document["parameters"] == {"fallback": "score"}
    assert fair_server.status()["fallbacks"][service] == {"last": 1, "previous": 3}
    assert fair_server.status()["counts"]["fell_back"] == counted + 5
    rows, (frame,) = roles(fair_server, alone)
    assert sorted(rows) == [
        ("b/0", "fallback score", 0, None), ("b/0", "live", 3, "SW-801"),
        ("b/1", "fallback score", 0, None), ("b/1", "live", 3, "SW-801"),
    ]  # fmt: skip
    # Whoever judges versions sees the failures alone.
    assert set(distinct_predictions(frame)["role"]) == {"live"}


def test_what_stands_in_is_sent_as_it_was_asked_for(fair_server, serve_moody):
    service = serve_moody("fraud", 3, 1, previous=True)
    (p,) = ask(fair_server, service, amount=BROKEN).document["outputs"][0]["data"]
    raw = ask(
        fair_server, service, amount=BROKEN, outputs=[{"name": "probability", "parameters": {"binary_data": True}}]
    )
    length = int(raw.headers["inference-header-content-length"])
    assert np.frombuffer(raw.body[length:]).tolist() == [p]
    assert raw.headers["shipway-fallback"] == "previous"


def test_a_regression_falls_back_by_vector_and_by_key(fair_server, serve_moody, make_row):
    service = serve_moody("delay", 2, 1, last_us=HOUR_US)
    good = ask(fair_server, service, id="a").document
    last = ask(fair_server, service, id="a", amount=BROKEN)
    assert (last.status, last.headers["shipway-fallback"]) == (200, "last")
    assert last.document["outputs"] == good["outputs"]
    assert ask(fair_server, service, id="b", amount=BROKEN).status == 503

    row = fair_server.predict(make_row(5), service=service).document
    kept = fair_server.predict(make_row(5, amount=BROKEN), service=service, request="kept")
    assert (kept.status, kept.headers["shipway-fallback"]) == (200, "last")
    assert kept.document == row | {"request": "kept", "fallback": "last"}
    assert fair_server.predict(make_row(6, amount=BROKEN), service=service).status == 503

    rows, _ = roles(fair_server, service)
    assert ("a", "fallback last", 2, None) in rows
    assert ("5", "fallback last", 2, None) in rows
    assert [row for row in rows if row[0] == "a" and row[1] == "live"] == [
        ("a", "live", 2, None), ("a", "live", 2, "SW-801"),
    ]  # fmt: skip


def test_the_version_before_answers_by_vector_and_by_key(fair_server, serve_moody, make_row):
    service = serve_moody("delay", 2, 1, previous=True)
    by_vector = ask(fair_server, service, 2, amount=BROKEN, id="a")
    assert (by_vector.status, by_vector.headers["shipway-fallback"]) == (200, "previous")
    assert (by_vector.document["model_version"], by_vector.document["outputs"][0]["shape"]) == ("1", [2, 1])
    by_key = fair_server.predict(make_row(5, amount=BROKEN), service=service).document
    assert (by_key["version"], by_key["fallback"]) == (1, "previous")
    rows, (frame,) = roles(fair_server, service)
    assert sorted(rows)[:2] == [("5", "fallback previous", 1, None), ("5", "live", 2, "SW-801")]
    stood = frame.filter(frame["role"] == "fallback previous")
    assert stood["row"].to_list() == ["a/0", "a/1", "5"]
    assert stood["y"].to_list() == [*by_vector.document["outputs"][0]["data"], by_key["y"]]


def test_a_version_before_that_says_less_stands_in_for_none(fair_server, serve_moody):
    service = serve_moody("delay", 3, 1, previous=True)
    assert ask(fair_server, service, amount=BROKEN).status == 503


def test_what_stands_in_names_the_classes_that_it_is_about(fair_server, serve_moody):
    service = serve_moody("share", 2, 3, previous=True)
    named = [{"name": "shares", "parameters": {"classification": 9}}]
    for wanted in ([], named):
        answer = ask(fair_server, service, amount=BROKEN, outputs=wanted)
        assert (answer.status, answer.headers["shipway-fallback"]) == (200, "previous")
        (output,) = answer.document["outputs"]
        assert json.loads(output["parameters"]["classes"]) == ["early", "late", "lost", "never"]
        assert output["shape"] == [1, 4]
    assert sorted(text.split(":")[2] for text in output["data"]) == ["early", "late", "lost", "never"]
