"""A model of a number takes the way of a binary one through the server, and only what is said of it differs."""

import asyncio
import itertools
import math

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.grpc.aio
import tritonclient.http
import tritonclient.http.aio

from shipway.client import AsyncClient, Client
from shipway.core.service import Fallback, Terms

BROKEN, ODD = 777.0, 666.0
HOUR_US = 3_600_000_000
BIAS = {1: -0.5, 2: -1.0}
X = np.array([[1.5, 2, 1, 3, 0, 1, 10], [0, 1, 0, 2, 0, 0, 400]], dtype=np.float32)
NUMBER = itertools.count(1)


@pytest.fixture
def serve(fair_server):
    """Put versions of `eta` in force, one after the other, and return the service's name."""

    def start(*versions, candidate=None, **changes):
        service = f"eta{next(NUMBER)}"
        for token, version in enumerate(versions):
            trial = candidate if version == versions[-1] else None
            routing = fair_server.fair.between("eta", version, trial, service=service, token=token, **changes)
            answer = fair_server.apply(routing)
            assert answer.status == 200, answer.document
        return service

    return start


@pytest.fixture
def refuse(fair_server):
    """Return why a routing of `eta` is refused."""

    def attempt(stable, candidate=None, **changes):
        routing = fair_server.fair.between("eta", stable, candidate, service=f"eta{next(NUMBER)}", **changes)
        answer = fair_server.apply(routing)
        assert answer.status == 422
        return answer.document["fact"]

    return attempt


def ask(server, service, x=X, **more):
    data = [None if math.isnan(value) else value for value in np.asarray(x, np.float64).ravel().tolist()]
    tensor = {"name": "x", "shape": list(np.shape(x)), "datatype": "FP64", "data": data}
    return server.ask("POST", f"/v2/models/{service}/infer", {"inputs": [tensor], **more})


def moved(amount, rows=1):
    x = np.repeat(X[:1], rows, axis=0)
    x[-1, 0] = amount
    return x


def read_log(server, service):
    assert server.flush().status == 200
    return server.fair.log(service=service)


def test_vectors_are_answered_with_the_number(fair_server, serve, minutes_by_hand):
    service = serve(1)
    expected = [minutes_by_hand(row.tolist(), BIAS[1]) for row in X]
    for x, more in ((X, {}), (X[:1], {}), (X[1:], {"id": "a"}), (np.repeat(X, 80, axis=0), {})):
        answer = ask(fair_server, service, x, **more).document
        (output,) = answer["outputs"]
        assert (output["name"], output["datatype"], output["shape"]) == ("prediction", "FP64", [len(x)])
        due = [minutes_by_hand(row.tolist(), BIAS[1]) for row in x]
        assert output["data"] == pytest.approx(due, rel=1e-5)
        assert answer.get("id") == more.get("id")
    # What is unusual is answered with the same numbers, to the bit.
    (usual,) = (ask(fair_server, service).document["outputs"][0]["data"] for _ in range(1))
    wanted = [{"name": "prediction", "parameters": {"binary_data": True}}]
    raw = ask(fair_server, service, outputs=wanted)
    length = int(raw.headers["inference-header-content-length"])
    assert np.frombuffer(raw.body[length:]).tolist() == usual == pytest.approx(expected, rel=1e-5)
    assert ask(fair_server, service, outputs=[{"name": "probability"}]).status == 422
    alone = fair_server.ask("POST", "/v2/models/eta/versions/1/infer", {"inputs": [
        {"name": "x", "shape": [2, 7], "datatype": "FP64", "data": X.astype(float).ravel().tolist()}
    ]})  # fmt: skip
    assert alone.document["outputs"][0]["data"] == usual


def test_a_row_is_answered_by_its_key(fair_server, serve, make_row, minutes_by_hand):
    service = serve(1)
    answer = fair_server.predict(make_row(7), service=service, request="mine").document
    assert list(answer) == ["request", "model", "version", "y", "at"]
    assert (answer["request"], answer["model"], answer["version"]) == ("mine", "eta", 1)
    (row,) = read_log(fair_server, service).rows(named=True)
    assert (row["p"], row["role"], row["error"], row["row"]) == (answer["y"], "live", None, "7")
    vector = fair_server.fair.log("features.main", service).row(0, named=True)
    names = ("row_amount", "row_country", "row_express", "row_items", "row_wait", "customer_n", "customer_total")
    values = [{"AT": 0, "DE": 1, "FR": 2}.get(vector[name], vector[name]) for name in names]
    assert answer["y"] == pytest.approx(minutes_by_hand([float(value) for value in values], BIAS[1]), rel=1e-5)


def test_what_is_told_of_it_names_the_output(fair_server, serve):
    service = serve(2)
    for path in (service, "eta/versions/2"):
        told = fair_server.ask("GET", f"/v2/models/{path}").document
        assert told["outputs"] == [{"name": "prediction", "datatype": "FP64", "shape": [-1]}]
        config = fair_server.ask("GET", f"/v2/models/{path}/config").document
        assert config["output"] == [{"name": "prediction", "data_type": "TYPE_FP64", "dims": [-1]}]
    before = fair_server.ask("GET", "/v2/models/eta/versions/2/stats").document["model_stats"][0]
    ask(fair_server, service)
    after = fair_server.ask("GET", "/v2/models/eta/versions/2/stats").document["model_stats"][0]
    assert after["inference_count"] == before["inference_count"] + 2
    metrics = fair_server.ask("GET", "/metrics").body.decode()
    assert f'service="{service}"' in metrics
    schemas = fair_server.ask("GET", "/openapi.json").document["components"]["schemas"]
    assert {"p", "y"} <= schemas["Prediction"]["properties"].keys()


def test_what_is_no_finite_number_is_a_failure_of_its_version(fair_server, serve, make_row):
    service = serve(2)
    for amount, said in ((BROKEN, "failed"), (ODD, "predicted nan, which is no finite number")):
        for answer in (
            ask(fair_server, service, moved(amount)),
            ask(fair_server, service, moved(amount), outputs=[{"name": "prediction"}]),
            fair_server.predict(make_row(1, amount=amount), service=service, request=f"{amount}"),
        ):
            assert (answer.status, answer.document["code"]) == (503, "SW-801")
            assert said in answer.document["fact"]
    # One row that fails keeps the others of other callers alone, and a number beyond 0 and 1 is none.
    assert abs(ask(fair_server, service).document["outputs"][0]["data"][0]) > 1
    rows = read_log(fair_server, service)
    assert rows["error"].to_list().count("SW-801") == 6
    assert rows.filter(rows["error"].is_not_null())["p"].is_nan().all()


def test_two_versions_share_the_requests_and_predict_each_others_in_shadow(fair_server, serve, make_row):
    service = serve(1, candidate=2, weight=0.5, salt="s")
    said = {}
    for number in range(30):
        by_key = fair_server.predict(make_row(number), service=service, request=f"k{number}").document
        said[f"k{number}"] = by_key["version"], by_key["y"]
        (by_vector,) = (ask(fair_server, service, X[:1], id=f"v{number}").document,)
        said[f"v{number}"] = int(by_vector["model_version"]), by_vector["outputs"][0]["data"][0]
    assert {version for version, _ in said.values()} == {1, 2}
    rows = read_log(fair_server, service)
    assert rows.height == 120
    live = rows.filter(rows["role"] == "live")
    assert dict(zip(live["row"], zip(live["version"], live["p"], strict=True), strict=True)) == {
        name.removeprefix("k"): pair for name, pair in said.items()
    }
    both = rows.filter(rows["version"] == 1).join(rows.filter(rows["version"] == 2), on=("request", "row"))
    np.testing.assert_allclose(both["p"] - both["p_right"], BIAS[1] - BIAS[2], rtol=1e-4)
    # Another version takes its place at once, and callers see nothing but its number.
    fair_server.apply(fair_server.fair.between("eta", 2, service=service, token=9))
    assert fair_server.predict(make_row(3), service=service).document["version"] == 2


def test_it_falls_back_as_a_binary_one_does(fair_server, serve, make_row):
    terms = Terms(fallback=Fallback(last_us=HOUR_US, previous=True, score=-12.5))
    service = serve(1, 2, terms=terms)
    good = fair_server.predict(make_row(1), service=service, request="good").document
    last = fair_server.predict(make_row(1, amount=BROKEN), service=service, request="last")
    assert last.headers["shipway-fallback"] == "last"
    assert last.document == good | {"request": "last", "fallback": "last"}
    previous = fair_server.predict(make_row(2, amount=BROKEN), service=service).document
    assert (previous["version"], previous["fallback"]) == (1, "previous")
    assert previous["y"] > 100

    kept = ask(fair_server, service, X[:1], id="a").document
    again = ask(fair_server, service, moved(BROKEN), id="a").document
    assert again["outputs"] == kept["outputs"]
    assert again["parameters"]["fallback"] == "last"
    older = ask(fair_server, service, moved(BROKEN), id="b").document
    assert (older["model_version"], older["outputs"][0]["name"]) == ("1", "prediction")

    alone = serve(2, terms=Terms(fallback=Fallback(score=-12.5)))
    by_key = fair_server.predict(make_row(3, amount=BROKEN), service=alone).document
    assert (by_key["y"], by_key["version"], by_key["fallback"]) == (-12.5, 0, "score")
    by_vector = ask(fair_server, alone, moved(BROKEN, 2), id="c").document
    assert by_vector["outputs"] == [{"name": "prediction", "datatype": "FP64", "shape": [2], "data": [-12.5, -12.5]}]
    rows = read_log(fair_server, alone)
    stood = rows.filter(rows["role"] == "fallback score")
    assert stood["p"].to_list() == [-12.5] * 3
    assert stood["version"].to_list() == [0] * 3


def test_a_score_is_one_that_the_model_could_give(refuse):
    number = Terms(fallback=Fallback(score=12.5))
    assert refuse(3, terms=number).startswith("fallback's score 12.5 is no probability, and eta@3 says a probability")
    # An infinite number is none that JSON knows, so it is refused before that.
    assert refuse(3, terms=Terms(fallback=Fallback(score=-0.1))).startswith("fallback's score -0.1 is no probability")


def test_a_condition_is_no_number(fair_server, serve, refuse, make_row):
    assert refuse(1, 3) == "eta@3 says a probability alone, and callers know 1"
    assert refuse(3, 1) == "eta@1 says a number alone, and callers know 3"
    # What was kept of a number, and the version before that said one, stand in for no probability.
    terms = Terms(fallback=Fallback(last_us=HOUR_US, previous=True))
    service = serve(2, terms=terms)
    assert fair_server.predict(make_row(1), service=service).status == 200
    assert ask(fair_server, service, X[:1], id="a").status == 200
    fair_server.apply(fair_server.fair.between("eta", 3, service=service, token=5, terms=terms))
    assert 0 <= fair_server.predict(make_row(2), service=service).document["p"] <= 1
    back = fair_server.fair.between("eta", 2, service=service, token=6, terms=terms)
    assert fair_server.apply(back).status == 200
    for answer in (
        fair_server.predict(make_row(2, amount=BROKEN), service=service),
        ask(fair_server, service, moved(BROKEN), id="b"),
    ):
        assert answer.status == 503
    # Of a number it is still there.
    assert fair_server.predict(make_row(1, amount=BROKEN), service=service).document["fallback"] == "last"


MODULES = {
    "http": tritonclient.http,
    "http.aio": tritonclient.http.aio,
    "grpc": tritonclient.grpc,
    "grpc.aio": tritonclient.grpc.aio,
}


@pytest.mark.parametrize("kind", MODULES)
@pytest.mark.parametrize("binary", [True, False])
def test_every_client_of_the_protocol_reads_the_number(fair_server, serve, minutes_by_hand, kind, binary):
    service, module = serve(1), MODULES[kind]
    expected = [minutes_by_hand(row.tolist(), BIAS[1]) for row in X]
    rpc = kind.startswith("grpc")
    words = {} if rpc else {"binary_data": binary}
    tensor = module.InferInput("x", list(X.shape), "FP32")
    tensor.set_data_from_numpy(X, **words)
    wanted = module.InferRequestedOutput("prediction", **words)
    address = f"127.0.0.1:{fair_server.grpc_port if rpc else fair_server.port}"

    async def infer():
        async with module.InferenceServerClient(address) as client:
            return [await client.infer(service, [tensor], outputs=some) for some in ([wanted], None)]

    def infer_at_once():
        with module.InferenceServerClient(address) as client:
            return [client.infer(service, [tensor], outputs=some) for some in ([wanted], None)]

    for result in asyncio.run(infer()) if kind.endswith("aio") else infer_at_once():
        found = result.as_numpy("prediction")
        assert (found.dtype, found.shape) == (np.float64, (2,))
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_our_clients_read_the_number(fair_server, serve, make_row, minutes_by_hand):
    service, url = serve(1), f"http://127.0.0.1:{fair_server.port}"
    expected = [minutes_by_hand(row.tolist(), BIAS[1]) for row in X]
    with Client(url) as client:
        said = client.predict(service, make_row(7))
        np.testing.assert_allclose(client.infer(service, {"x": X})["prediction"], expected, rtol=1e-5)
        assert [output.name for output in client.model(service).outputs] == ["prediction"]

    async def both():
        async with AsyncClient(url) as client:
            return await client.predict(service, make_row(7)), await client.infer(service, {"x": X}, binary=True)

    later, inferred = asyncio.run(both())
    assert said.y == later.y
    assert math.isnan(said.p)
    assert said.outputs == {}
    np.testing.assert_allclose(inferred["prediction"], expected, rtol=1e-5)
