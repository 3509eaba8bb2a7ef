"""Traces: which requests are recorded, what a collector gets of them, and what happens where there is none."""

import socket
import time
from itertools import count

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http

NUMBERS = count(1)
NOON = 1_700_000_000_000_000
PARENT = "b7ad6b7169203331"
X = np.array([[1.5, 2, 1, 3, 0, 1, 10], [0, 1, 0, 2, 0, 0, 4]], dtype=np.float32)
ODD, BROKEN = 666.0, 777.0


def new_trace(*, sampled=True):
    """The headers of a trace of its own, and its id."""
    trace = f"{next(NUMBERS):032x}"
    headers = {"traceparent": f"00-{trace}-{PARENT}-0{int(sampled)}", "tracestate": "shop=1"}
    return headers | {"content-type": "application/json"}, bytes.fromhex(trace)


def split(spans):
    """The server's span, and the others by name."""
    (whole,) = [span for span in spans if span.kind == "server"]
    parts = {span.name: span for span in spans if span.kind == "internal"}
    assert len(parts) == len(spans) - 1
    for part in parts.values():
        assert part.parent == whole.id
        assert whole.began_ns <= part.began_ns <= part.ended_ns <= whole.ended_ns
    return whole, parts


def find_shadow(server, whole):
    """The one span that links to another."""

    def find():
        return [span for span in server.collector.spans if any(link.id == whole.id for link in span.links)]

    with server.collector.came:
        assert server.collector.came.wait_for(find, 60)
    (shadow,) = find()
    return shadow


def ask_infer(server, path, rows=X, *, headers):
    body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": list(rows.shape), "data": rows.ravel().tolist()}]}
    return server.ask("POST", path, body, headers)


# what the collector gets


def test_a_request_by_key(traced, make_row):
    headers, trace = new_trace()
    body = {"row": make_row(), "at": NOON, "request": "r-1"}
    before = time.time_ns()
    answer = traced.ask("POST", "/v1/predict/fraud", body, headers | {"baggage": "tenant=shop%20one,secret=x"})
    assert answer.status == 200
    whole, parts = split(traced.collector.wait(4, trace=trace))
    assert before <= whole.began_ns <= whole.ended_ns <= time.time_ns()
    assert (whole.name, whole.parent.hex(), whole.remote, whole.state) == (
        "POST /v1/predict/{service}", PARENT, True, "shop=1",
    )  # fmt: skip
    assert whole.attributes["tenant"] == "shop one"
    assert "secret" not in whole.attributes
    assert whole.attributes["shipway.request"] == "r-1"
    assert (whole.attributes["shipway.rows"], whole.attributes["shipway.logged"]) == (1, True)
    assert whole.attributes["http.response.body.size"] == len(answer.body)
    assert parts.keys() == {"shipway.wait", "shipway.read", "shipway.predict"}
    assert parts["shipway.wait"].ended_ns <= parts["shipway.read"].began_ns
    assert parts["shipway.read"].ended_ns <= parts["shipway.predict"].ended_ns
    assert parts["shipway.read"].attributes == {"shipway.online": "main", "shipway.batch.rows": 1}
    assert parts["shipway.predict"].attributes == {
        "shipway.model": "fraud", "shipway.version": 1, "shipway.bundle": traced.shop.bundles[1],
        "shipway.variant": "stable", "shipway.role": "live", "shipway.batch.rows": 1, "shipway.batch.requests": 1,
    }  # fmt: skip
    resource = traced.collector.batches[0][0]
    assert (resource["service.name"], resource["process.pid"]) == ("till", traced.process.pid)


def test_the_row_of_the_log_is_found_by_the_request(traced, make_row):
    headers, trace = new_trace()
    body = {"row": make_row(order=77), "at": NOON}
    assert traced.ask("POST", "/v1/predict/fraud", body, headers).status == 200
    whole, _ = split(traced.collector.wait(4, trace=trace))
    assert traced.flush().status == 200
    rows = traced.shop.log()
    found = rows.filter((rows["request"] == whole.attributes["shipway.request"]) & (rows["role"] == "live"))
    assert found["row"].to_list() == ["77"]
    assert found["unit"].to_list() == [whole.attributes["shipway.unit"]]


def test_a_shadow_is_a_trace_of_its_own_that_points_to_the_request(traced, make_row):
    headers, trace = new_trace()
    body = {"row": make_row(), "at": NOON}
    assert traced.ask("POST", "/v1/predict/fraud", body, headers).status == 200
    whole, _ = split(traced.collector.wait(4, trace=trace))
    traced.flush()
    shadow = find_shadow(traced, whole)
    assert (shadow.name, shadow.parent, shadow.error) == ("shipway.shadow", b"", None)
    assert shadow.trace != trace
    assert shadow.links[0].trace == trace
    assert shadow.began_ns >= whole.ended_ns
    assert (shadow.attributes["shipway.version"], shadow.attributes["shipway.variant"]) == (2, "candidate")
    assert shadow.attributes["shipway.role"] == "shadow"


@pytest.mark.parametrize("path", ["/v2/models/fraud/infer", "/v2/models/fraud/versions/2/infer"])
def test_a_request_by_vector(traced, path):
    headers, trace = new_trace()
    assert ask_infer(traced, path, headers=headers).status == 200
    whole, parts = split(traced.collector.wait(3, trace=trace))
    assert parts.keys() == {"shipway.wait", "shipway.predict"}
    assert parts["shipway.wait"].began_ns == whole.began_ns
    assert whole.attributes["shipway.rows"] == parts["shipway.predict"].attributes["shipway.batch.rows"] == 2
    assert parts["shipway.predict"].attributes["shipway.version"] == (2 if "versions" in path else 1)


@pytest.mark.parametrize("rows", [2, 400])
def test_a_service_of_another_kind_of_model(traced, rows):
    headers, trace = new_trace()
    x = np.ones((rows, 7), dtype=np.float32)
    assert ask_infer(traced, "/v2/models/delay/infer", x, headers=headers).status == 200
    whole, parts = split(traced.collector.wait(3, trace=trace))
    assert parts.keys() == {"shipway.wait", "shipway.predict"}
    assert parts["shipway.wait"].ended_ns <= parts["shipway.predict"].ended_ns
    assert (whole.attributes["shipway.service"], whole.attributes["shipway.rows"]) == ("delay", rows)
    assert parts["shipway.predict"].attributes["shipway.model"] == "delay"
    assert parts["shipway.predict"].attributes["shipway.batch.rows"] == rows
    traced.flush()
    shadow = find_shadow(traced, whole)
    assert (shadow.attributes["shipway.version"], shadow.attributes["shipway.role"]) == (2, "shadow")
    assert shadow.began_ns >= whole.began_ns


def test_a_service_of_another_kind_of_model_by_key(traced, make_row):
    headers, trace = new_trace()
    body = {"row": make_row(), "at": NOON, "request": "d-1"}
    assert traced.ask("POST", "/v1/predict/delay", body, headers).status == 200
    whole, parts = split(traced.collector.wait(4, trace=trace))
    assert parts.keys() == {"shipway.wait", "shipway.read", "shipway.predict"}
    assert whole.attributes["shipway.request"] == "d-1"


def test_many_rows_are_predicted_in_a_thread(traced):
    for path in ("/v2/models/fraud/infer", "/v2/models/fraud/versions/2/infer"):
        headers, trace = new_trace()
        assert ask_infer(traced, path, np.ones((400, 7), dtype=np.float32), headers=headers).status == 200
        _, parts = split(traced.collector.wait(3, trace=trace))
        assert parts["shipway.wait"].ended_ns <= parts["shipway.predict"].began_ns
        assert parts["shipway.predict"].attributes["shipway.batch.rows"] == 400


def test_a_request_over_grpc(traced):
    headers, trace = new_trace()
    with tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{traced.grpc_port}") as client:
        tensor = tritonclient.grpc.InferInput("x", X.shape, "FP32")
        tensor.set_data_from_numpy(X)
        client.infer("fraud", [tensor], headers={"traceparent": headers["traceparent"]})
        whole, parts = split(traced.collector.wait(3, trace=trace))
    assert whole.name == "inference.GRPCInferenceService/ModelInfer"
    assert whole.attributes["rpc.response.status_code"] == "OK"
    assert whole.attributes["server.port"] == traced.grpc_port
    assert whole.attributes["user_agent.original"].startswith("grpc-")
    assert parts.keys() == {"shipway.wait", "shipway.predict"}


def test_a_version_that_fails(traced, make_row):
    headers, trace = new_trace()
    body = {"row": make_row(amount=BROKEN), "at": NOON}
    answer = traced.ask("POST", "/v1/predict/moody", body, headers)
    assert answer.status == 503
    whole, parts = split(traced.collector.wait(4, trace=trace))
    assert whole.error == parts["shipway.predict"].error == answer.document["error"]
    assert whole.attributes["error.type"] == parts["shipway.predict"].attributes["error.type"] == "SW-801"
    assert parts["shipway.read"].error is None


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/v1/predict/nobody", {"row": {}}, 404, "SW-104"),
        ("/v1/predict/fraud", b"{", 400, "SW-802"),
        ("/v1/predict/fraud", {"row": {"order": 1}}, 422, "SW-802"),
        ("/v2/models/fraud/infer", {"inputs": []}, 422, "SW-802"),
        ("/v2/models/fraud/versions/9/infer", {"inputs": []}, 404, "SW-104"),
    ],
)
def test_a_callers_mistake(traced, path, body, status, code):
    headers, trace = new_trace()
    assert traced.ask("POST", path, body, headers).status == status
    whole, parts = split(traced.collector.wait(1, trace=trace))
    assert (whole.attributes["http.response.status_code"], whole.attributes["shipway.error.code"]) == (status, code)
    assert whole.error is None
    assert not parts


def test_a_failure_by_version(traced):
    headers, trace = new_trace()
    rows = np.array([[ODD, 0, 0, 0, 0, 0, 0]], dtype=np.float32)
    assert ask_infer(traced, "/v2/models/fraud/versions/3/infer", rows, headers=headers).status == 503
    whole, parts = split(traced.collector.wait(3, trace=trace))
    assert whole.error.startswith("SW-801 fraud@3 predicted nan")
    assert parts["shipway.predict"].error is not None


def test_what_is_not_sampled_leaves_nothing(traced, make_row):
    body = {"row": make_row(), "at": NOON}
    silent, unseen = new_trace(sampled=False)
    assert traced.ask("POST", "/v1/predict/fraud", body, silent).status == 200
    assert traced.ask("POST", "/v1/predict/fraud", body, {"traceparent": "garbage"}).status == 200
    assert traced.ask("POST", "/v1/predict/fraud", body).status == 200
    headers, trace = new_trace()
    assert traced.ask("GET", "/v2/health/ready", headers=headers).status == 200
    traced.collector.wait(1, trace=trace)
    assert not [span for span in traced.collector.spans if span.trace == unseen]
    # All that there is was asked for by a caller, or followed from it.
    for span in traced.collector.spans:
        assert span.links or span.trace.startswith(bytes(12))


def test_the_server_tells_how_the_sending_stands(traced):
    headers, trace = new_trace()
    assert traced.ask("GET", "/v2", headers=headers).status == 200
    traced.collector.wait(1, trace=trace)
    # The collector has it before the server has heard that.
    until = time.monotonic() + 30
    while (state := traced.status()["spans"])["sent"] < 1 and time.monotonic() < until:
        time.sleep(0.02)
    assert state["sent"] >= 1
    assert (state["dropped"], state["failed"], state["error"]) == (0, 0, None)
    said = traced.ask("GET", "/metrics").body.decode()
    assert 'shipway_spans_total{result="dropped"} 0' in said
    assert 'shipway_spans_total{result="sent"} ' in said


def test_what_is_traced_is_set_over_both_doors(traced):
    usual = {
        "trace_level": ["TIMESTAMPS"], "trace_rate": "0", "trace_count": "-1", "trace_file": "", "log_frequency": "0",
        "trace_mode": "opentelemetry",
    }  # fmt: skip
    as_lists = {name: value if isinstance(value, list) else [value] for name, value in usual.items()}
    with tritonclient.http.InferenceServerClient(f"127.0.0.1:{traced.port}") as client:
        assert "trace" in client.get_server_metadata()["extensions"]
        assert client.get_trace_settings() == client.get_trace_settings("fraud") == usual
        told = client.update_trace_settings("moody", {"trace_level": ["TIMESTAMPS"], "trace_rate": "3"})
        assert told == usual | {"trace_rate": "3"}
        assert client.update_trace_settings(settings={"trace_level": ["OFF"]})["trace_level"] == ["OFF"]
        with pytest.raises(Exception, match="SW-802 trace_rate"):
            client.update_trace_settings("moody", {"trace_rate": "-1"})
        with pytest.raises(Exception, match="SW-104"):
            client.get_trace_settings("nobody")
    with tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{traced.grpc_port}") as client:

        def read(said):
            return {name: list(value.value) for name, value in said.settings.items()}

        assert read(client.get_trace_settings())["trace_level"] == ["OFF"]
        assert read(client.get_trace_settings("moody"))["trace_rate"] == ["3"]
        given_up = {"trace_level": None, "trace_rate": None}
        assert read(client.update_trace_settings("moody", given_up))["trace_level"] == ["OFF"]
        assert read(client.update_trace_settings(settings=given_up)) == as_lists
        with pytest.raises(Exception, match="SW-802 trace_level"):
            client.update_trace_settings(settings={"trace_level": ["TENSORS"]})


# where there is no collector, and at the end


def test_a_collector_that_is_away_keeps_nobody_waiting(shop, serve, make_row, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        # It takes the connection, and never answers.
        monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "8")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
        monkeypatch.setenv("OTEL_BSP_EXPORT_TIMEOUT", "60000")
        server = serve(shop.state, "--replay", "--traces", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        server.apply(shop.route(1))
        for _ in range(20):
            assert server.predict().status == 200
        state = server.status()["spans"]
        assert state["dropped"] > 0
        assert 0 < state["waiting"] <= 8
        said = server.ask("GET", "/metrics").body.decode()
        dropped = int(said.partition('shipway_spans_total{result="dropped"} ')[2].split()[0])
        assert dropped >= state["dropped"]
    assert server.stop() == 0


def test_what_waits_at_the_end_is_sent(shop, serve, collector, monkeypatch):
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "600000")
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    server = serve(shop.state, "--replay")
    server.apply(shop.route(1))
    assert server.predict().status == 200
    assert not collector.requests
    assert server.stop() == 0
    names = [span.name for span in collector.spans]
    assert sorted(names) == [
        "POST /v1/predict/{service}", "PUT /v1/services/{service}/routing", "shipway.predict", "shipway.read",
        "shipway.wait",
    ]  # fmt: skip


def test_what_cannot_be_is_refused_before_it_listens(shop, start_alone):
    said = start_alone.run("--state", str(shop.state), "--traces", "collector:4318", cwd=shop.state)
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr.startswith("SW-102 spans cannot be sent to 'collector:4318'")


def test_without_traces_nothing_is_told_of_them(shared):
    assert shared.status()["spans"] is None
    assert "shipway_spans" not in shared.ask("GET", "/metrics").body.decode()
