"""A model of a label of classes at every door: split, shadowed, logged and fallen back on as any other."""

import asyncio
import itertools
import json

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.grpc.aio
import tritonclient.http
import tritonclient.http.aio

from shipway.adapters.log.parquet import ParquetLog
from shipway.client import AsyncClient, Client
from shipway.core.service import Fallback, Terms

BROKEN, ODD = 777.0, 666.0
HOUR_US = 3_600_000_000
BIAS = {1: 0.5, 2: 1.0, 3: 1.5}
CLASSES = ["early", "late", "never"]
MORE = ["early", "late", "lost", "never"]
X = np.array([[1.5, 2, 1, 3, 0, 1, 10], [0, 1, 0, 2, 0, 0, 400]], dtype=np.float32)
NUMBER = itertools.count(1)


@pytest.fixture
def serve(fair_server):
    """Put versions of `sort` in force, one after the other, and return the service's name."""

    def start(*versions, candidate=None, **changes):
        service = f"sort{next(NUMBER)}"
        for token, version in enumerate(versions):
            trial = candidate if version == versions[-1] else None
            routing = fair_server.fair.between("sort", version, trial, service=service, token=token, **changes)
            answer = fair_server.apply(routing)
            assert answer.status == 200, answer.document
        return service

    return start


@pytest.fixture
def refuse(fair_server):
    """Return why a routing is refused, as fact and hint."""

    def attempt(stable, candidate=None, model="sort", **changes):
        routing = fair_server.fair.between(model, stable, candidate, service=f"sort{next(NUMBER)}", **changes)
        answer = fair_server.apply(routing)
        assert answer.status == 422
        return answer.document["fact"], answer.document["hint"]

    return attempt


def ask(server, service, x=X, **more):
    tensor = {"name": "x", "shape": list(np.shape(x)), "datatype": "FP64", "data": np.float64(x).ravel().tolist()}
    return server.ask("POST", f"/v2/models/{service}/infer", {"inputs": [tensor], **more})


def read_answer(answer):
    """What an answer by vector says: the probabilities of each row by class."""
    (output,) = answer.document["outputs"]
    assert (output["name"], output["datatype"]) == ("probabilities", "FP64")
    names = json.loads(output["parameters"]["classes"])
    return [dict(zip(names, row, strict=True)) for row in np.reshape(output["data"], output["shape"]).tolist()]


def moved(amount, rows=1):
    x = np.repeat(X[:1], rows, axis=0)
    x[-1, 0] = amount
    return x


def read_log(server, service):
    assert server.flush().status == 200
    log = ParquetLog(server.state / "log" / service)
    return {name: log.read(name) for name in log.streams() if name.startswith("outputs.")}


def test_a_row_is_answered_by_its_key(fair_server, serve, make_row, classes_by_hand):
    service = serve(1)
    answer = fair_server.predict(make_row(7), service=service, request="mine").document
    assert list(answer) == ["request", "model", "version", "class", "probabilities", "at"]
    assert (answer["request"], answer["model"], answer["version"]) == ("mine", "sort", 1)
    said = answer["probabilities"]
    assert answer["class"] == max(said, key=said.get)
    (rows,) = read_log(fair_server, service).values()
    (row,) = rows.rows(named=True)
    assert (row["class"], row["role"], row["error"], row["row"]) == (answer["class"], "live", None, "7")
    assert {name: row[f"output probabilities[{name}]"] for name in CLASSES} == said
    vector = fair_server.fair.log("features.main", service).row(0, named=True)
    names = ("row_amount", "row_country", "row_express", "row_items", "row_wait", "customer_n", "customer_total")
    values = [float({"AT": 0, "DE": 1, "FR": 2}.get(vector[name], vector[name])) for name in names]
    assert said == pytest.approx(classes_by_hand(values, BIAS[1]), rel=1e-5)


def test_vectors_are_answered_with_the_classes_that_they_are_about(fair_server, serve, classes_by_hand):
    service = serve(1)
    for x, more in ((X, {}), (X[:1], {}), (X[1:], {"id": "a"}), (np.repeat(X, 80, axis=0), {})):
        answer = ask(fair_server, service, x, **more)
        for found, row in zip(read_answer(answer), x.tolist(), strict=True):
            assert found == pytest.approx(classes_by_hand(row, BIAS[1]), rel=1e-5)
        assert answer.document.get("id") == more.get("id")
    wanted = [{"name": "probabilities", "parameters": {"binary_data": True}}]
    raw = ask(fair_server, service, outputs=wanted)
    length = int(raw.headers["inference-header-content-length"])
    (output,) = json.loads(raw.body[:length])["outputs"]
    assert json.loads(output["parameters"]["classes"]) == CLASSES
    listed = [list(row.values()) for row in read_answer(ask(fair_server, service))]
    assert np.frombuffer(raw.body[length:]).reshape(2, 3).tolist() == listed
    assert ask(fair_server, service, outputs=[{"name": "probability"}]).status == 422
    # By the model's own name the answer is the same.
    assert read_answer(ask(fair_server, "sort/versions/1")) == read_answer(ask(fair_server, service))


def test_what_is_told_of_it_names_the_output(fair_server, serve, make_row):
    service = serve(2)
    for path in (service, "sort/versions/2"):
        told = fair_server.ask("GET", f"/v2/models/{path}").document
        assert told["outputs"] == [{"name": "probabilities", "datatype": "FP64", "shape": [-1, 3]}]
    schemas = fair_server.ask("GET", "/openapi.json").document["components"]["schemas"]
    assert (
        fair_server.predict(make_row(1), service=service).document.keys() <= schemas["Prediction"]["properties"].keys()
    )


@pytest.mark.parametrize(
    ("version", "amount", "said"),
    [
        (2, BROKEN, "out of data bounds"),
        (2, ODD, "predicted nan, which is no probability"),
        (5, 1.0, "predicted probabilities that make 0.5 together, and not 1"),
    ],
)
def test_what_is_no_prediction_is_a_failure_of_its_version(fair_server, serve, make_row, version, amount, said):
    service = serve(version)
    for answer in (
        ask(fair_server, service, moved(amount)),
        ask(fair_server, service, moved(amount), outputs=[{"name": "probabilities"}]),
        *([] if amount == BROKEN else [ask(fair_server, f"sort/versions/{version}", moved(amount))]),
        fair_server.predict(make_row(1, amount=amount), service=service, request=f"{amount}"),
    ):
        assert (answer.status, answer.document["code"]) == (503, "SW-801")
        assert said in answer.document["fact"]
    (rows,) = read_log(fair_server, service).values()
    assert rows["error"].to_list() == ["SW-801"] * 3
    assert rows["class"].to_list() == [None] * 3


def test_two_versions_share_the_requests_and_predict_each_others_in_shadow(fair_server, serve, make_row):
    service = serve(1, candidate=2, weight=0.5, salt="s")
    said = {}
    for number in range(20):
        by_key = fair_server.predict(make_row(number), service=service, request=f"k{number}").document
        said[f"{number}"] = by_key["version"], by_key["class"], by_key["probabilities"]
        by_vector = ask(fair_server, service, X[:1], id=f"v{number}")
        (probabilities,) = read_answer(by_vector)
        most = max(probabilities, key=probabilities.get)
        said[f"v{number}"] = int(by_vector.document["model_version"]), most, probabilities
    assert {version for version, _, _ in said.values()} == {1, 2}
    (rows,) = read_log(fair_server, service).values()
    assert rows.height == 80
    live = {
        row["row"]: (row["version"], row["class"], {name: row[f"output probabilities[{name}]"] for name in CLASSES})
        for row in rows.rows(named=True) if row["role"] == "live"
    }  # fmt: skip
    assert live == said
    both = rows.filter(rows["role"] == "live").join(rows.filter(rows["role"] == "shadow"), on=("request", "row"))
    assert (both["version"] != both["version_right"]).all()
    # Another version takes its place at once, and callers see nothing but its number.
    fair_server.apply(fair_server.fair.between("sort", 2, service=service, token=9))
    assert fair_server.predict(make_row(3), service=service).document["version"] == 2


def test_a_candidate_may_know_more_classes_and_says_which(fair_server, serve, make_row, classes_by_hand):
    service = serve(1, candidate=3, weight=0.5, salt="s")
    known = {"1": CLASSES, "3": MORE}
    for number in range(12):
        answer = fair_server.predict(make_row(number), service=service).document
        assert list(answer["probabilities"]) == known[str(answer["version"])]
        by_vector = ask(fair_server, service, X[:1], id=f"v{number}")
        version = by_vector.document["model_version"]
        (said,) = read_answer(by_vector)
        assert said == pytest.approx(classes_by_hand(X[0].tolist(), BIAS[int(version)], known[version]), rel=1e-5)
    streams = read_log(fair_server, service)
    assert len(streams) == 2
    by_version = {rows["version"][0]: rows for rows in streams.values()}
    assert by_version[1].height == by_version[3].height == 24
    assert "output probabilities[lost]" in by_version[3].columns
    assert set(by_version[1]["request"]) == set(by_version[3]["request"])


def test_a_candidate_that_knows_less_is_refused(refuse):
    assert refuse(1, 4)[0] == "sort@4 gives 'probabilities' without class 'never', and callers know 1"
    assert refuse(3, 1)[0] == "sort@1 gives 'probabilities' without class 'lost', and callers know 3"


def test_it_falls_back_as_others_do(fair_server, serve, make_row):
    shares = {"early": 0.25, "late": 0.75}
    terms = Terms(fallback=Fallback(last_us=HOUR_US, previous=True, score=shares))
    service = serve(1, 2, terms=terms)
    good = fair_server.predict(make_row(1), service=service, request="good").document
    last = fair_server.predict(make_row(1, amount=BROKEN), service=service, request="last")
    assert last.headers["shipway-fallback"] == "last"
    assert last.document == good | {"request": "last", "fallback": "last"}
    previous = fair_server.predict(make_row(2, amount=BROKEN), service=service).document
    assert (previous["version"], previous["fallback"]) == (1, "previous")

    kept = ask(fair_server, service, X[:1], id="a").document
    again = ask(fair_server, service, moved(BROKEN), id="a").document
    assert again["outputs"] == kept["outputs"]
    assert again["parameters"]["fallback"] == "last"
    older = ask(fair_server, service, moved(BROKEN), id="b").document
    assert (older["model_version"], older["parameters"]["fallback"]) == ("1", "previous")


@pytest.mark.parametrize(
    ("score", "said"), [("late", [0.0, 1.0, 0.0]), ({"early": 0.25, "never": 0.75}, [0.25, 0.0, 0.75])]
)
def test_a_fixed_answer_is_a_class_or_a_share_of_each(fair_server, serve, make_row, score, said):
    service = serve(2, terms=Terms(fallback=Fallback(score=score)))
    by_key = fair_server.predict(make_row(3, amount=BROKEN), service=service).document
    assert (by_key["version"], by_key["fallback"]) == (0, "score")
    assert by_key["probabilities"] == dict(zip(CLASSES, said, strict=True))
    assert by_key["class"] == CLASSES[int(np.argmax(said))]
    by_vector = ask(fair_server, service, moved(BROKEN, 2), id="c")
    assert [list(row.values()) for row in read_answer(by_vector)] == [said, said]
    (rows,) = read_log(fair_server, service).values()
    stood = rows.filter(rows["role"] == "fallback score")
    assert stood["version"].to_list() == [0] * 3
    assert stood.select(f"output probabilities[{name}]" for name in CLASSES).rows() == [tuple(said)] * 3


def test_a_fixed_answer_is_one_that_the_model_could_give(refuse):
    for score, said in (
        ("lost", "fallback's score names class 'lost', and there is 'early', 'late', 'never'"),
        ({"early": 0.5}, "fallback's score has no probabilities from 0 to 1 that make 1 together"),
        ({"early": 1.5, "late": -0.5}, "fallback's score has no probabilities from 0 to 1 that make 1 together"),
        (0.5, "fallback's score is one number, and sort@1 says a probability of each class"),
    ):
        fact, hint = refuse(1, terms=Terms(fallback=Fallback(score=score)))
        assert fact.startswith(said)
        assert hint.startswith("name a class, such as 'early'")
    fact, _ = refuse(1, model="eta", terms=Terms(fallback=Fallback(score="late")))
    assert fact == "fallback's score names classes, and eta@1 says a number"


def test_a_new_class_is_no_reason_for_no_answer(fair_server, serve, make_row):
    """What the version before said of the classes that it knew stands in for one that knows more."""
    service = serve(1, 3, terms=Terms(fallback=Fallback(previous=True)))
    by_key = fair_server.predict(make_row(1, amount=BROKEN), service=service).document
    assert (by_key["version"], list(by_key["probabilities"]), by_key["fallback"]) == (1, CLASSES, "previous")
    (said,) = read_answer(ask(fair_server, service, moved(BROKEN), id="b"))
    assert list(said) == CLASSES


def test_a_class_is_no_other_label(fair_server, serve, refuse):
    assert refuse(3, 1, model="eta")[0] == "eta@1 says a number alone, and callers know 3"
    service = serve(1)
    late = fair_server.predict({"order": 1}, service=service)
    assert (late.status, late.document["code"]) == (422, "SW-802")


MODULES = {
    "http": tritonclient.http,
    "http.aio": tritonclient.http.aio,
    "grpc": tritonclient.grpc,
    "grpc.aio": tritonclient.grpc.aio,
}


@pytest.mark.parametrize("kind", MODULES)
@pytest.mark.parametrize("binary", [True, False])
def test_every_client_of_the_protocol_reads_the_classes(fair_server, serve, classes_by_hand, kind, binary):
    service, module = serve(1), MODULES[kind]
    expected = [list(classes_by_hand(row.tolist(), BIAS[1]).values()) for row in X]
    rpc = kind.startswith("grpc")
    words = {} if rpc else {"binary_data": binary}
    tensor = module.InferInput("x", list(X.shape), "FP32")
    tensor.set_data_from_numpy(X, **words)
    wanted = module.InferRequestedOutput("probabilities", **words)
    address = f"127.0.0.1:{fair_server.grpc_port if rpc else fair_server.port}"

    async def infer():
        async with module.InferenceServerClient(address) as client:
            return [await client.infer(service, [tensor], outputs=some) for some in ([wanted], None)]

    def infer_at_once():
        with module.InferenceServerClient(address) as client:
            return [client.infer(service, [tensor], outputs=some) for some in ([wanted], None)]

    for result in asyncio.run(infer()) if kind.endswith("aio") else infer_at_once():
        np.testing.assert_allclose(result.as_numpy("probabilities"), expected, rtol=1e-5)
        told = result.get_output("probabilities")
        names = told.parameters["classes"].string_param if rpc else told["parameters"]["classes"]
        assert json.loads(names) == CLASSES


@pytest.mark.parametrize("kind", MODULES)
@pytest.mark.parametrize("binary", [True, False])
def test_the_most_probable_classes_are_ranked_as_clients_ask(fair_server, serve, classes_by_hand, kind, binary):
    service, module = serve(1), MODULES[kind]
    rpc = kind.startswith("grpc")
    words = {} if rpc else {"binary_data": binary}
    tensor = module.InferInput("x", list(X.shape), "FP32")
    tensor.set_data_from_numpy(X, **words)
    wanted = [module.InferRequestedOutput("probabilities", class_count=count, **words) for count in (2, 9)]
    address = f"127.0.0.1:{fair_server.grpc_port if rpc else fair_server.port}"

    async def infer():
        async with module.InferenceServerClient(address) as client:
            return [await client.infer(service, [tensor], outputs=[each]) for each in wanted]

    def infer_at_once():
        with module.InferenceServerClient(address) as client:
            return [client.infer(service, [tensor], outputs=[each]) for each in wanted]

    two, all_ = (
        each.as_numpy("probabilities") for each in (asyncio.run(infer()) if kind.endswith("aio") else infer_at_once())
    )
    assert (two.shape, all_.shape) == ((2, 2), (2, 3))
    for row, values in enumerate(X.tolist()):
        said = classes_by_hand(values, BIAS[1])
        texts = [each.decode() if isinstance(each, bytes) else each for each in all_[row]]
        parts = [text.split(":") for text in texts]
        assert [name for _, _, name in parts] == sorted(said, key=said.get, reverse=True)
        assert [CLASSES[int(place)] for _, place, _ in parts] == [name for _, _, name in parts]
        assert [float(value) for value, _, _ in parts] == pytest.approx([said[name] for _, _, name in parts], abs=1e-5)
        assert list(two[row]) == list(all_[row][:2])


def test_what_cannot_be_ranked_is_refused(fair_server, serve):
    service = serve(1)
    for count in (-1, 1.5, True, "2"):
        answer = ask(fair_server, service, outputs=[{"name": "probabilities", "parameters": {"classification": count}}])
        assert (answer.status, answer.document["code"]) == (422, "SW-802")
    routing = fair_server.fair.between("eta", 1, service=f"sort{next(NUMBER)}")
    assert fair_server.apply(routing).status == 200
    wanted = [{"name": "prediction", "parameters": {"classification": 1}}]
    refused = ask(fair_server, routing.service, outputs=wanted)
    assert refused.document["fact"] == "output 'prediction' is wanted as classes, and has none"


def test_our_clients_read_the_classes(fair_server, serve, make_row, classes_by_hand):
    service, url = serve(1), f"http://127.0.0.1:{fair_server.port}"
    expected = [list(classes_by_hand(row.tolist(), BIAS[1]).values()) for row in X]
    with Client(url) as client:
        said = client.predict(service, make_row(7))
        found = client.infer(service, {"x": X})
        np.testing.assert_allclose(found["probabilities"], expected, rtol=1e-5)
        assert found.classes == {"probabilities": CLASSES}

    async def both():
        async with AsyncClient(url) as client:
            return await client.predict(service, make_row(7)), await client.infer(service, {"x": X}, binary=True)

    later, inferred = asyncio.run(both())
    assert said.probabilities == later.probabilities
    assert said.chosen == max(said.probabilities, key=said.probabilities.get)
    assert said.outputs == {}
    assert inferred.classes == {"probabilities": CLASSES}
    np.testing.assert_allclose(inferred["probabilities"], expected, rtol=1e-5)
