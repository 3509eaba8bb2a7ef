"""Services of regressions, classes and tensors on a real server: assigned, answered, logged, shadowed as any other."""

import dataclasses
import itertools
import json
import shutil
import signal

import msgspec
import numpy as np
import pytest
import tritonclient.grpc as remote
import tritonclient.http as triton
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.adapters.file.blob import FileBlobs
from shipway.adapters.log.parquet import ParquetLog
from shipway.app.load.traffic import read_traffic
from shipway.core.bundle import Manifest
from shipway.core.service import Fallback, Routing, Rule, Terms, Variant
from shipway.serving.ask import Ask, assign
from shipway.serving.loader import Loader
from shipway.serving.log import LogWriter
from shipway.serving.refusal import RefusedError
from shipway.serving.sent import Sent
from shipway.serving.teller import assign_tensors

COLUMNS = ("row_amount", "row_country", "row_express", "row_items", "row_wait", "customer_n", "customer_total")
BROKEN, ODD = 777.0, 666.0
NUMBER = itertools.count(1)


def ask(server, service, rows=1, *, amount=1.5, headers=None, **more):
    x = np.ones((rows, 7))
    x[:, 0] = amount
    tensor = {"name": "x", "shape": [rows, 7], "datatype": "FP64", "data": x.ravel().tolist()}
    return server.ask("POST", f"/v2/models/{service}/infer", {"inputs": [tensor], **more}, headers or {})


def rows_of(server, service, stream="outputs."):
    assert server.flush().status == 200
    log = ParquetLog(server.state / "log" / service)
    (name,) = [each for each in log.streams() if each.startswith(stream)]
    return log.read(name)


@pytest.fixture
def route(fair_server):
    """Route a service of a model of its own name, which no other test has."""

    def start(model, *versions, **changes):
        service = f"{model}{next(NUMBER)}"
        routing = fair_server.fair.between(model, *versions, service=service, **changes)
        answer = fair_server.apply(routing)
        assert answer.status == 200, answer.document
        return routing

    return start


# who answers


@pytest.fixture(scope="module")
def pair(stored_fair, tmp_path_factory):
    """The same routing of a binary model and of a regression, in one process."""
    writer = LogWriter()
    loader = Loader(stored_fair.state, writer)
    yield [loader.load(stored_fair.between(model, 1, 2, service=model), strict=True) for model in ("fraud", "delay")]
    loader.close()
    writer.stop(10)


class Call:
    """A call of which assignment reads the headers."""

    def __init__(self, headers):
        self.headers = headers


routings = st.builds(
    Routing, service=st.just("any"), model=st.just("any"), stable=st.builds(Variant, version=st.just(1),
    bundle=st.just(""), online=st.just("")), candidate=st.builds(Variant, version=st.just(2), bundle=st.just(""),
    online=st.just("")), weight=st.floats(0, 1), salt=st.text(max_size=3), terms=st.builds(
        Terms, unit=st.sampled_from(["", "customer"]), log=st.floats(0, 1), rules=st.lists(st.builds(
            Rule, header=st.just("x-tenant"), value=st.sampled_from("ab"), to=st.sampled_from(["stable", "candidate"])
        ), max_size=2).map(tuple),
    ),
)  # fmt: skip
units = st.none() | st.text(max_size=4)


@given(
    routing=routings, id=units, customer=units | st.integers(), tenant=st.sampled_from(["", "a", "b"]),
    request=st.text(max_size=4),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_who_answers_is_one_function_for_every_kind_of_model(pair, routing, id, customer, tenant, request):  # noqa: A002
    parameters = {} if customer is None else {"customer": customer}

    def assigned(served, function, form):
        served = dataclasses.replace(served, routing=routing)
        one = Ask(Call({"x-tenant": tenant}), "any", request, {}, 0, Sent(form, 1, [], id, parameters))
        try:
            version = function(served, one)
        except RefusedError as refusal:
            return refusal.status, refusal.error.fact
        return version is served.candidate, one.unit, one.key, one.weight, one.kept

    binary, tensors = pair
    assert assigned(tensors, assign_tensors, "") == assigned(binary, assign, binary.stable.form)


def test_units_stay_with_their_version_at_every_door(fair_server, route):
    rule = Rule(header="x-tenant", value="acme", to="stable")
    terms = Terms(unit="customer", rules=(rule,))
    routing = route("delay", 1, 2, weight=0.5, salt="a", token=3, terms=terms)
    service, names = routing.service, [f"u{number}" for number in range(8)]
    chosen = {unit: "2" if routing.choose(unit) else "1" for unit in names}
    assert set(chosen.values()) == {"1", "2"}
    x = triton.InferInput("x", [1, 7], "FP32")
    x.set_data_from_numpy(np.ones((1, 7), np.float32))
    other = remote.InferInput("x", [1, 7], "FP32")
    other.set_data_from_numpy(np.ones((1, 7), np.float32))
    with (
        triton.InferenceServerClient(f"127.0.0.1:{fair_server.port}") as http,
        remote.InferenceServerClient(f"127.0.0.1:{fair_server.grpc_port}") as grpc,
    ):
        for unit, version in chosen.items():
            parameters = {"customer": unit}
            answer = ask(fair_server, service, parameters=parameters, id=unit)
            assert (answer.status, answer.document["model_version"]) == (200, version)
            binary = http.infer(service, [x], parameters=parameters)
            assert binary.get_response()["model_version"] == version
            assert grpc.infer(service, [other], parameters=parameters).get_response().model_version == version
            tenant = ask(fair_server, service, parameters=parameters, headers={"x-tenant": "acme"})
            assert tenant.document["model_version"] == "1"
    lost = ask(fair_server, service)
    assert (lost.status, lost.document["code"]) == (422, "SW-802")
    rows = rows_of(fair_server, service)
    live, shadow = (rows.filter(rows["role"] == role) for role in ("live", "shadow"))
    assert live.height == shadow.height == 4 * len(names)
    joined = live.join(shadow, on="request", suffix="_shadow", validate="1:1")
    assert (joined["version"] != joined["version_shadow"]).all()
    # The two say what half a minute lies between, and the caller was told what its own version says.
    assert np.allclose((joined["y"] - joined["y_shadow"]).abs(), 0.5, atol=1e-5)
    assert set(live["weight"]) == {0.0, 0.5}
    assert set(live["unit"]) == set(names)


# what is answered and logged


def test_a_regression_is_answered_by_key_and_logged_as_y(fair_server, route, make_row):
    service = route("delay", 1, 2, token=1).service
    answer = fair_server.predict(make_row(7), service=service, request="one").document
    assert (answer["request"], answer["version"], answer["outputs"]) == ("one", 1, {"minutes": answer["y"]})
    assert "p" not in answer
    assert "class" not in answer
    rows = rows_of(fair_server, service)
    assert rows.select("request", "row", "version", "role", "online").rows() == [
        ("one", "7", 1, "live", "main"), ("one", "7", 2, "shadow", "main"),
    ]  # fmt: skip
    assert np.allclose(rows["y"].to_numpy(), [answer["y"], answer["y"] + 0.5])
    assert rows["output minutes"].to_list() == rows["y"].to_list()
    vectors = rows_of(fair_server, service, "features.")
    assert vectors["request"].to_list() == ["one"]
    assert set(COLUMNS) <= set(vectors.columns)
    log = ParquetLog(fair_server.state / "log" / service)
    assert "predictions" not in log.streams()


def test_classes_are_answered_by_name_and_logged_each(fair_server, route, make_row):
    service = route("kinds", 1, token=1).service
    answer = fair_server.predict(make_row(7), service=service).document
    p = answer["outputs"]["probability"]
    assert list(p) == ["early", "late", "never"]
    assert answer["class"] == max(p, key=p.get)
    vector = ask(fair_server, service, 3, id="many").document
    assert [(one["name"], one["shape"]) for one in vector["outputs"]] == [("label", [3]), ("probability", [3, 3])]
    rows = rows_of(fair_server, service)
    first = rows.row(0, named=True)
    assert first["class"] == answer["class"]
    assert [first[f"output probability[{name}]"] for name in p] == list(p.values())
    assert rows["row"].to_list() == ["7", "many/0", "many/1", "many/2"]
    assert rows["request"].n_unique() == 4


def test_tensors_are_logged_as_far_as_they_are_small(fair_server, route):
    service = route("vector", 1, 2, token=1).service
    tensors = [
        {"name": "text", "shape": [2], "datatype": "BYTES", "data": ["hi", "y" * 2_000]},
        {"name": "number", "shape": [2, 1], "datatype": "FP32", "data": [1.0, 2.0]},
    ]
    body = {"inputs": tensors, "id": "two", "outputs": [{"name": "short"}, {"name": "said"}]}
    answer = fair_server.ask("POST", f"/v2/models/{service}/infer", body).document
    assert [one["name"] for one in answer["outputs"]] == ["short", "said"]
    rows = rows_of(fair_server, service)
    assert rows["version"].to_list() == [1, 1, 2, 2]
    assert rows["output said"].to_list() == ["hi", None] * 2
    assert rows["output short[3]"].to_list() == [3.0, 6.0, 6.0, 12.0]
    assert rows["output long shape"].to_list() == ["100"] * 4
    # What the one says of two, the other says of one.
    assert rows["output long digest"][1] == rows["output long digest"][2] != rows["output long digest"][0]
    sent = rows_of(fair_server, service, "inputs.")
    assert sent["input number"].to_list() == [1.0, 2.0]
    assert sent["request"].to_list() == rows.filter(rows["role"] == "live")["request"].to_list()
    assert sent["input text shape"].to_list() == [None, "2000"]
    wrong = fair_server.ask("POST", f"/v2/models/{service}/infer", {"inputs": tensors[:1]})
    assert (wrong.status, wrong.document["code"]) == (422, "SW-802")


@pytest.mark.parametrize("model", ["kinds", "vector"])
def test_what_was_asked_is_asked_again_and_answered_alike(fair_server, route, make_row, model):
    """Classes by key and by vector, and tensors: what `shipway load --log` replays is what the log has of them."""
    service = route(model, 1, token=1).service
    first = []
    if model == "kinds":
        assert fair_server.predict(make_row(7), service=service).status == 200
        first = ask(fair_server, service, 2, id="two").document["outputs"][1]["data"]
    else:
        tensors = [
            {"name": "text", "shape": [3], "datatype": "BYTES", "data": ["hi", "y" * 2_000, ""]},
            {"name": "number", "shape": [3, 1], "datatype": "FP32", "data": [1.5, 2.0, 0.25]},
        ]
        answer = fair_server.ask("POST", f"/v2/models/{service}/infer", {"inputs": tensors}).document
        first = [value for row in (0, 2) for value in answer["outputs"][1]["data"][4 * row : 4 * row + 4]]
    assert fair_server.flush().status == 200
    digest = fair_server.fair.digests[model, 1]
    manifest = msgspec.json.decode(FileBlobs(fair_server.state / "blobs").get(digest), type=Manifest)
    traffic = read_traffic(ParquetLog(fair_server.state / "log" / service), service, manifest)
    assert (len(traffic.bodies), traffic.left_out) == ((3, 0) if model == "kinds" else (2, 1))
    again = [fair_server.ask("POST", f"/v2/models/{service}/infer", json.loads(body)) for body in traffic.bodies]
    assert [each.status for each in again] == [200] * len(again)
    said = [value for each in again for value in each.document["outputs"][1]["data"]]
    assert said[-len(first) :] == pytest.approx(first)


def test_many_rows_and_large_bodies_are_answered_from_threads(fair_server, route):
    service = route("delay", 1, 2, token=1).service
    assert len(ask(fair_server, service, 70).document["outputs"][0]["data"]) == 70
    large = ask(fair_server, service, 8_000, id="large")
    assert (large.status, large.document["outputs"][0]["shape"]) == (200, [8_000, 1])
    rows = rows_of(fair_server, service)
    assert rows.group_by("role").len().sort("role").rows() == [("live", 8_070), ("shadow", 8_070)]
    assert rows["y"].is_finite().all()


def test_a_failing_candidate_is_seen_and_stays_paired(fair_server, route, make_row):
    service = route("delay", 1, 2, weight=1.0, salt="s", token=1).service
    assert ask(fair_server, service, amount=ODD).status == 503
    assert ask(fair_server, service, amount=BROKEN).status == 503
    assert fair_server.predict(make_row(1, amount=ODD), service=service).status == 503
    assert ask(fair_server, service).document["model_version"] == "2"
    rows = rows_of(fair_server, service)
    live = rows.filter(rows["role"] == "live")
    assert live["error"].to_list() == ["SW-801"] * 3 + [None]
    assert live["y"].is_nan().to_list() == [True] * 3 + [False]
    shadow = rows.filter(rows["role"] == "shadow")
    assert shadow["error"].to_list() == [None] * 4
    assert shadow["y"].is_finite().all()


def test_one_that_fails_leaves_the_others_of_its_turn_alone(fair_server, route):
    service = route("delay", 2, token=1).service
    one = {"name": "x", "shape": [1, 7], "datatype": "FP64"}
    bodies = [json.dumps({"inputs": [one | {"data": [amount] * 7}]}).encode() for amount in (1.0, BROKEN, 2.0)]
    head = f"POST /v2/models/{service}/infer HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n"
    said = fair_server.speak(b"".join((head % len(body)).encode() + body for body in bodies))
    assert [part[:3] for part in said.split(b"HTTP/1.1 ")[1:]] == [b"200", b"503", b"200"]


def test_a_candidate_may_say_more(fair_server, route):
    service = route("delay", 1, 3, weight=1.0, salt="s", token=1).service
    assert [one["name"] for one in ask(fair_server, service).document["outputs"]] == ["minutes", "square"]
    # What is asked for is read for the stable version first.
    refused = ask(fair_server, service, outputs=[{"name": "square"}])
    assert (refused.status, refused.document["fact"]) == (422, "there is no output 'square'")
    chosen = ask(fair_server, service, outputs=[{"name": "minutes"}])
    assert (len(chosen.document["outputs"]), chosen.document["model_version"]) == (1, "3")
    assert fair_server.flush().status == 200
    log = ParquetLog(fair_server.state / "log" / service)
    streams = [log.read(name) for name in log.streams() if name.startswith("outputs.")]
    assert {(rows["role"][0], "output square" in rows.columns) for rows in streams} == {
        ("live", True), ("shadow", False),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("model", "stable", "candidate", "said"),
    [
        ("delay", 3, 1, "gives no 'square'"),
        ("kinds", 1, 3, "gives 'probability' without class 'early'"),
    ],
)
def test_a_candidate_that_callers_could_not_read_is_refused(fair_server, model, stable, candidate, said):
    answer = fair_server.apply(fair_server.fair.between(model, stable, candidate, service="odd"))
    assert (answer.status, answer.document["code"]) == (422, "SW-802")
    assert said in answer.document["fact"]
    assert fair_server.ask("GET", "/v1/services/odd/routing").status == 404


def test_a_score_is_no_answer_of_a_regression(fair_server):
    terms = Terms(fallback=Fallback(score=0.5))
    answer = fair_server.apply(fair_server.fair.between("delay", 1, service="odd", terms=terms))
    assert (answer.status, answer.document["hint"]) == (422, "fall back on last or previous")


def test_a_share_of_units_is_logged(fair_server, route):
    routing = route("delay", 1, 2, weight=0.5, salt="s", terms=Terms(log=0.5))
    names = [f"u{number}" for number in range(20)]
    kept = {unit for unit in names if routing.keeps(unit)}
    assert 0 < len(kept) < 20
    for unit in names:
        assert ask(fair_server, routing.service, id=unit).status == 200
    rows = rows_of(fair_server, routing.service)
    assert set(rows["row"]) == kept
    assert rows.height == 2 * len(kept)
    assert set(rows_of(fair_server, routing.service, "features.")["row"]) == kept


def test_a_share_of_units_is_shadowed(fair_server, route):
    routing = route("delay", 1, 2, weight=0.5, salt="s", terms=Terms(shadow=0.5))
    names = [f"u{number}" for number in range(20)]
    both = {unit for unit in names if routing.shadows(unit)}
    assert 0 < len(both) < 20
    before = fair_server.status()["counts"]["shadow_spared"]
    for unit in names:
        assert ask(fair_server, routing.service, 2, id=unit).status == 200
    rows = rows_of(fair_server, routing.service)
    assert set(rows.filter(rows["role"] == "shadow")["unit"]) == both
    assert set(rows.filter(rows["role"] == "live")["unit"]) == set(names)
    assert fair_server.status()["counts"]["shadow_spared"] == before + 2 * (20 - len(both))


def test_everything_is_counted(fair_server, route, make_row):
    service = route("kinds", 1, 2, token=1).service
    before, done = fair_server.status()["counts"], fair_server.ask("GET", "/v2/models/kinds/versions/1/stats").document
    assert ask(fair_server, service, 2).status == 200
    assert ask(fair_server, service, amount=ODD).status == 503
    assert fair_server.predict(make_row(), service=service).status == 200
    assert fair_server.predict({"order": 1}, service=service).status == 422
    assert fair_server.flush().status == 200
    counts = fair_server.status()["counts"]
    gained = {name: value - before[name] for name, value in counts.items() if value != before[name]}
    assert gained == {
        "answered": 1, "inferred": 2, "failed": 1, "refused": 1, "shadowed": 4, "shadow_failed": 1,
    }  # fmt: skip
    stats = fair_server.ask("GET", "/v2/models/kinds/versions/1/stats").document["model_stats"][0]
    assert stats["inference_count"] == done["model_stats"][0]["inference_count"] + 2
    assert stats["inference_stats"]["fail"]["count"] == done["model_stats"][0]["inference_stats"]["fail"]["count"] + 1
    said = fair_server.ask("GET", "/metrics").body.decode()
    labels = f'service="{service}",model="kinds",version='
    assert f'shipway_rows_total{{{labels}"1",status="200"}} 3' in said
    assert f'shipway_rows_total{{{labels}"1",status="503"}} 1' in said
    assert f'shipway_shadow_rows_total{{{labels}"2",result="failed"}} 1' in said


def test_what_was_flushed_survives_the_end_of_the_process(stored_fair, serve, tmp_path):
    shutil.copytree(stored_fair.state, tmp_path / ".shipway")
    server = serve(tmp_path / ".shipway")
    assert server.apply(stored_fair.between("delay", 1, 2)).status == 200
    for number in range(5):
        assert ask(server, "delay", id=f"u{number}").status == 200
    assert rows_of(server, "delay").height == 10
    assert ask(server, "delay", id="lost").status == 200
    assert server.stop(signal.SIGKILL) == -signal.SIGKILL
    log = ParquetLog(tmp_path / ".shipway" / "log" / "delay")
    (stream,) = [name for name in log.streams() if name.startswith("outputs.")]
    rows = log.read(stream)
    assert {f"u{number}" for number in range(5)} <= set(rows["row"])
