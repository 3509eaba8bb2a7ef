"""Every call of tritonclient, over its four clients, against a real server of both doors."""

import asyncio
import functools
import inspect
import re
import threading
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.grpc.aio
import tritonclient.http
import tritonclient.http.aio
from tritonclient._plugin import InferenceServerClientPlugin
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from shipway.kit.version import VERSION

CLIENTS = {
    "http": tritonclient.http,
    "http.aio": tritonclient.http.aio,
    "grpc": tritonclient.grpc,
    "grpc.aio": tritonclient.grpc.aio,
}
X = np.array([[1.5, 2, 1, 3, 0, 1, 10], [0, 1, 0, 2, 0, 0, 4]], dtype=np.float32)
BIAS = {1: -0.5, 2: 0.25, 3: 0.5}
MIRRORED = {
    "BOOL": np.array([[True, False]]), "UINT8": np.array([[0, 255]], np.uint8),
    "UINT16": np.array([[0, 65535]], np.uint16), "UINT32": np.array([[0, 2**32 - 1]], np.uint32),
    "UINT64": np.array([[0, 2**64 - 1]], np.uint64), "INT8": np.array([[-128, 127]], np.int8),
    "INT16": np.array([[-(2**15), 7]], np.int16), "INT32": np.array([[-(2**31), 7]], np.int32),
    "INT64": np.array([[-(2**63), 2**63 - 1]]), "FP16": np.array([[-1.5, 65504]], np.float16),
    "FP32": np.array([[1.5, -3e38]], np.float32), "FP64": np.array([[0.1, 1e300]]),
    "BYTES": np.array([["für", ""]], dtype=object),
}  # fmt: skip


class Door:
    """One of the clients, connected."""

    def __init__(self, kind, server):
        self.kind, self.module = kind, CLIENTS[kind]
        self.rpc = kind.startswith("grpc")
        port = server.grpc_port if self.rpc else server.port
        self.client = self.module.InferenceServerClient(f"127.0.0.1:{port}")

    async def do(self, name, *args, **options):
        """Call a method; what an asynchronous client returns is waited for."""
        found = getattr(self.client, name)(*args, **options)
        return await found if inspect.isawaitable(found) else found

    async def tell(self, name, *args, **options):
        """Call a method and return what is said as JSON, whose large numbers gRPC writes as text."""
        return await self.do(name, *args, **(options | {"as_json": True} if self.rpc else options))

    async def refused(self, name, *args, said, code, **options):
        """Call a method that is refused; a status is one of HTTP over HTTP and one of gRPC over gRPC."""
        with pytest.raises(InferenceServerException, match=said) as refusal:
            await self.do(name, *args, **options)
        status = str(refusal.value.status()).removeprefix("StatusCode.")
        assert status in code, refusal.value

    def input(self, name, values, **options):
        datatype = options.pop("datatype", None) or np_to_triton_dtype(values.dtype)
        tensor = self.module.InferInput(name, list(values.shape), datatype)
        if datatype == "BYTES":
            values = np.array([text.encode() for text in values.ravel()], dtype=object).reshape(values.shape)
        tensor.set_data_from_numpy(values, **({} if self.rpc else options))
        return tensor

    def output(self, name, **options):
        return self.module.InferRequestedOutput(name, **({} if self.rpc else options))

    def mirrored(self, **options):
        return [self.input(f"in_{name}", values, datatype=name, **options) for name, values in MIRRORED.items()]


def check_mirrored(result, names=tuple(MIRRORED)):
    for name in names:
        found = result.as_numpy(f"out_{name}")
        if name == "BYTES":
            found = np.array([text.decode() if isinstance(text, bytes) else text for text in found.ravel()])
        np.testing.assert_array_equal(found.ravel(), MIRRORED[name].ravel())


def expected(by_hand, number=1):
    return [by_hand(row.tolist(), BIAS[number]) for row in X]


# one function for each method, given a door and what predicts by hand


async def check_live(door, by_hand):
    assert await door.do("is_server_live")


async def check_ready(door, by_hand):
    assert await door.do("is_server_ready")


async def check_model_ready(door, by_hand):
    assert await door.do("is_model_ready", "fraud")
    assert await door.do("is_model_ready", "fraud", "2")
    assert await door.do("is_model_ready", "till")
    assert not await door.do("is_model_ready", "fraud", "3")
    assert not await door.do("is_model_ready", "spare")
    assert not await door.do("is_model_ready", "nothing")


async def check_server_metadata(door, by_hand):
    found = await door.tell("get_server_metadata")
    assert (found["name"], found["version"]) == ("shipway", VERSION)
    assert set(found["extensions"]) >= {"binary_tensor_data", "model_repository", "statistics", "model_configuration"}


async def check_model_metadata(door, by_hand):
    found = await door.tell("get_model_metadata", "fraud", "2")
    assert (found["name"], found["versions"], found["platform"]) == ("fraud", ["1", "2"], "onnx")
    assert [tensor["name"] for tensor in found["outputs"]] == ["probability"]
    assert found["inputs"][1] == {"name": "row_country", "datatype": "BYTES", "shape": found["inputs"][0]["shape"]}
    assert [int(length) for length in found["inputs"][0]["shape"]] == [-1]
    mirror = await door.tell("get_model_metadata", "mirror")
    assert [tensor["datatype"] for tensor in mirror["inputs"]] == list(MIRRORED)
    assert [len(tensor["shape"]) for tensor in mirror["outputs"]] == [2] * len(MIRRORED) + [1]
    await door.refused("get_model_metadata", "froud", said="no model 'froud'", code=("404", "NOT_FOUND"))
    await door.refused("get_model_metadata", "fraud", "7", said="fraud@7", code=("404", "NOT_FOUND"))
    await door.refused("get_model_metadata", "fraud", "x", said="fraud@x", code=("404", "NOT_FOUND"))


async def check_model_config(door, by_hand):
    found = await door.tell("get_model_config", "mirror")
    found = found["config"] if door.rpc else found
    assert (found["name"], found["backend"]) == ("mirror", "onnx")
    kinds = {tensor["name"]: tensor["data_type"] for tensor in found["input"]}
    assert kinds["in_BYTES"] == "TYPE_STRING"
    assert kinds["in_FP16"] == "TYPE_FP16"
    assert [int(length) for length in found["output"][0]["dims"]] == [-1, -1]
    await door.refused("get_model_config", "froud", said="no model", code=("404", "NOT_FOUND"))


async def list_states(door):
    found = await door.tell("get_model_repository_index")
    return {
        (model["name"], model.get("version", "")): (model["state"], model.get("reason", ""))
        for model in (found["models"] if door.rpc else found)
    }


async def check_index(door, by_hand):
    states = await list_states(door)
    assert states["fraud", "1"] == states["fraud", "2"] == states["mirror", "1"] == states["till", ""] == ("READY", "")
    assert states["fraud", "3"] == ("UNAVAILABLE", "not loaded")


async def check_load(door, by_hand):
    await door.do("load_model", "spare")
    try:
        states = await list_states(door)
        assert [states["spare", number][0] for number in "123"] == ["UNAVAILABLE", "UNAVAILABLE", "READY"]
        result = await door.do("infer", "spare", [door.input("x", X)])
        score = [by_hand(row.tolist(), 0.75) for row in X]
        assert result.as_numpy("probability") == pytest.approx(score, abs=1e-6)
        await door.do("load_model", "spare", config='{"version_policy": {"specific": {"versions": [1, 2]}}}')
        states = await list_states(door)
        assert [states["spare", number][0] for number in "123"] == ["READY", "READY", "UNAVAILABLE"]
        await door.do("load_model", "spare", config='{"version_policy": {"all": {}}}')
        assert [state for (name, _), (state, _) in (await list_states(door)).items() if name == "spare"] == [
            "READY"
        ] * 3
        invalid = ("422", "INVALID_ARGUMENT")
        await door.refused("load_model", "spare", config='{"max_batch_size": 8}', said="max_batch_size", code=invalid)
        files = {"file:1/model.onnx": b"x"}
        await door.refused("load_model", "spare", config="{}", files=files, said="would replace a file", code=invalid)
        await door.refused("load_model", "spear", said="no model 'spear'", code=("404", "NOT_FOUND"))
    finally:
        await door.do("unload_model", "spare")


async def check_unload(door, by_hand):
    await door.do("load_model", "spare")
    await door.do("unload_model", "spare", unload_dependents=True)
    assert not await door.do("is_model_ready", "spare")
    await door.refused("unload_model", "spare", said="not loaded", code=("404", "NOT_FOUND"))
    await door.refused(
        "unload_model", "fraud", said="service 'fraud' routes to fraud@1", code=("409", "FAILED_PRECONDITION")
    )


async def check_statistics(door, by_hand):
    def numbers(value):
        return {key: numbers(inner) if isinstance(inner, dict) else int(inner) for key, inner in value.items()}

    async def read():
        (found,) = (await door.tell("get_inference_statistics", "fraud", "2"))["model_stats"]
        return found

    before = await read()
    await door.do("infer", "fraud", [door.input("x", X)], "2")
    with pytest.raises(InferenceServerException):
        await door.do("infer", "fraud", [door.input("y", X[:, :3])], "2")
    after = await read()
    assert (after["name"], after["version"]) == ("fraud", "2")
    assert int(after["inference_count"]) - int(before.get("inference_count", 0)) == 2
    assert int(after["execution_count"]) - int(before.get("execution_count", 0)) == 1
    assert int(after["last_inference"]) > 1_600_000_000_000
    done = numbers(after["inference_stats"])
    assert {"success", "fail", "queue", "compute_input", "compute_infer", "compute_output"} <= set(done)
    assert done["success"]["count"] >= 1
    assert done["success"]["ns"] > 0
    assert done["fail"]["count"] >= 1
    sizes = {int(batch["batch_size"]): numbers(batch["compute_infer"]) for batch in after["batch_stats"]}
    assert sizes[2]["count"] >= 1
    everything = (await door.tell("get_inference_statistics"))["model_stats"]
    assert {("fraud", "1"), ("fraud", "2"), ("mirror", "1")} <= {(one["name"], one["version"]) for one in everything}
    await door.refused("get_inference_statistics", "froud", said="no model", code=("404", "NOT_FOUND"))


async def check_infer(door, by_hand):
    result = await door.do("infer", "fraud", [door.input("x", X)], request_id="mine", parameters={"mine": 1})
    assert result.as_numpy("probability") == pytest.approx(expected(by_hand), abs=1e-6)
    said = result.get_response(as_json=True) if door.rpc else result.get_response()
    assert (said["model_name"], said["model_version"], said["id"]) == ("fraud", "1", "mine")
    result = await door.do("infer", "till", [door.input("x", X.astype(np.float64))], priority=3, timeout=10_000_000)
    assert result.as_numpy("probability") == pytest.approx(expected(by_hand, 2), abs=1e-6)
    check_mirrored(await door.do("infer", "mirror", door.mirrored()))
    result = await door.do(
        "infer", "mirror", door.mirrored(), outputs=[door.output("out_BYTES"), door.output("total", binary_data=False)]
    )
    check_mirrored(result, ["BYTES"])
    assert result.as_numpy("total").tolist() == [0.1 + 1e300]
    assert result.as_numpy("out_FP32") is None


async def check_infer_refusals(door):
    invalid = ("422", "INVALID_ARGUMENT")
    x = [door.input("x", X)]
    await door.refused("infer", "froud", x, said="no model 'froud'", code=("404", "NOT_FOUND"))
    await door.refused("infer", "fraud", x, "9", said="fraud@9", code=("404", "NOT_FOUND"))
    await door.refused("infer", "fraud", [door.input("x", X[:, :3])], said="reads 7 columns", code=invalid)
    await door.refused("infer", "fraud", [door.input("z", X[0])], said="no column 'z'", code=invalid)
    await door.refused("infer", "fraud", x, outputs=[door.output("p")], said="no output 'p'", code=invalid)
    ranked = door.module.InferRequestedOutput("probability", class_count=2)
    await door.refused("infer", "fraud", x, outputs=[ranked], said="as classes, and has none", code=invalid)
    await door.refused("infer", "fraud", x, sequence_id=7, sequence_start=True, said="sequence", code=invalid)
    shared = door.module.InferInput("x", [2, 7], "FP32")
    shared.set_shared_memory("region", 56)
    await door.refused("infer", "fraud", [shared], said="shared memory", code=invalid)
    given = door.module.InferRequestedOutput("probability")
    given.set_shared_memory("region", 56)
    await door.refused("infer", "fraud", x, outputs=[given], said="shared memory", code=invalid)
    wrong = [tensor for tensor in door.mirrored() if tensor.name() != "in_INT8"]
    await door.refused("infer", "mirror", wrong, said="'in_INT8' is missing", code=invalid)
    wrong.append(door.input("in_INT8", X))
    await door.refused("infer", "mirror", wrong, said="'in_INT8' is FP32", code=invalid)


async def check_async_infer(door, by_hand):
    if door.rpc:
        there, found = threading.Event(), []

        def take(result, error):
            found.extend([result, error])
            there.set()

        door.client.async_infer("fraud", [door.input("x", X)], take)
        assert there.wait(30)
        result, error = found
        assert error is None
    else:
        result = door.client.async_infer("fraud", [door.input("x", X)]).get_result()
    assert result.as_numpy("probability") == pytest.approx(expected(by_hand), abs=1e-6)


async def check_stream(door, by_hand):
    """Two requests and a refusal in between over one stream, and then its end."""
    found, there = [], threading.Semaphore(0)

    def take(result, error):
        found.append((result, error))
        there.release()

    door.client.start_stream(take)
    with pytest.raises(InferenceServerException, match="cannot start another stream"):
        door.client.start_stream(take)
    door.client.async_stream_infer("fraud", [door.input("x", X)], request_id="1", enable_empty_final_response=True)
    door.client.async_stream_infer("froud", [door.input("x", X)], request_id="2")
    door.client.async_stream_infer("fraud", [door.input("x", X)], "2", request_id="3")
    for _ in range(3):
        assert there.acquire(timeout=30)
    door.client.stop_stream()
    (first, _), (none, error), (third, _) = found
    assert none is None
    assert "no model 'froud'" in str(error)
    assert first.as_numpy("probability") == pytest.approx(expected(by_hand), abs=1e-6)
    assert third.as_numpy("probability") == pytest.approx(expected(by_hand, 2), abs=1e-6)
    assert first.get_response().parameters["triton_final_response"].bool_param


async def check_stream_infer(door, by_hand):
    async def ask():
        for model in ("fraud", "froud", "till"):
            yield {"model_name": model, "inputs": [door.input("x", X)]}

    found = [pair async for pair in door.client.stream_infer(ask())]
    assert [error is None for _, error in found] == [True, False, True]
    assert found[2][0].as_numpy("probability") == pytest.approx(expected(by_hand, 2), abs=1e-6)


async def check_lacking(door, by_hand, *, method, args=()):
    await door.refused(method, *args, said="is not there", code=("501", "UNIMPLEMENTED"))


async def check_plugin(door, by_hand):
    """A plug-in of the client adds headers, and the server answers all the same."""
    calls = []

    class Plugin(InferenceServerClientPlugin):
        def __call__(self, request):
            calls.append(request)
            request.headers["x-mine"] = "1"

    plugin = Plugin()
    door.client.register_plugin(plugin)
    assert door.client.plugin() is plugin
    assert await door.do("is_server_live")
    assert len(calls) == 1
    door.client.unregister_plugin()
    assert door.client.plugin() is None


async def check_bodies(door, by_hand):
    """A body that the client only writes is answered, and it reads what was answered to others."""
    client = door.module.InferenceServerClient
    body, size = client.generate_request_body([door.input("x", X)], outputs=[door.output("probability")])
    url = f"http://{door.address}/v2/models/fraud/infer"
    headers = {"inference-header-content-length": str(size), "content-type": "application/octet-stream"}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as said:
        answer = said.read()
        length = int(said.headers["Inference-Header-Content-Length"])
    result = client.parse_response_body(answer, header_length=length)
    assert result.as_numpy("probability") == pytest.approx(expected(by_hand), abs=1e-6)


async def check_close(door, by_hand):
    await door.do("close")


def lacking(method, *args):
    return functools.partial(check_lacking, method=method, args=args)


SHARED = {
    "get_server_metadata": check_server_metadata,
    "get_model_metadata": check_model_metadata,
    "get_model_config": check_model_config,
    "get_model_repository_index": check_index,
    "get_inference_statistics": check_statistics,
    "is_server_live": check_live,
    "is_server_ready": check_ready,
    "is_model_ready": check_model_ready,
    "load_model": check_load,
    "unload_model": check_unload,
    "infer": check_infer,
    "get_trace_settings": lacking("get_trace_settings", "fraud"),
    "update_trace_settings": lacking("update_trace_settings", "fraud", {"trace_rate": "1"}),
    "get_log_settings": lacking("get_log_settings"),
    "update_log_settings": lacking("update_log_settings", {"log_info": True}),
    "get_system_shared_memory_status": lacking("get_system_shared_memory_status"),
    "register_system_shared_memory": lacking("register_system_shared_memory", "region", "/key", 64),
    "unregister_system_shared_memory": lacking("unregister_system_shared_memory", "region"),
    "get_cuda_shared_memory_status": lacking("get_cuda_shared_memory_status"),
    "register_cuda_shared_memory": lacking("register_cuda_shared_memory", "region", b"aGFuZGxl", 0, 64),
    "unregister_cuda_shared_memory": lacking("unregister_cuda_shared_memory"),
    "plugin": check_plugin,
    "register_plugin": check_plugin,
    "unregister_plugin": check_plugin,
    "close": check_close,
}
BODIES = {"generate_request_body": check_bodies, "parse_response_body": check_bodies}
STREAM = {"start_stream": check_stream, "async_stream_infer": check_stream, "stop_stream": check_stream}
CALLS = {
    "http": {**SHARED, **BODIES, "async_infer": check_async_infer},
    "http.aio": {**SHARED, **BODIES},
    "grpc": {**SHARED, **STREAM, "async_infer": check_async_infer},
    "grpc.aio": {**SHARED, "stream_infer": check_stream_infer},
}


@pytest.fixture
def connect(protocol):
    """What runs a check with one of the clients."""

    def run(kind, check):
        async def main():
            door = Door(kind, protocol)
            door.address = f"127.0.0.1:{protocol.port}"
            try:
                await check(door)
            finally:
                await door.do("close")

        asyncio.run(main())

    return run


@pytest.mark.parametrize("kind", CLIENTS)
def test_no_method_is_forgotten(kind):
    client = CLIENTS[kind].InferenceServerClient
    methods = {name for name, _ in inspect.getmembers(client, callable) if not name.startswith("_")}
    assert methods == set(CALLS[kind])


def test_reference_names_every_call():
    page = (Path(__file__).parents[2] / "docs" / "reference" / "server.md").read_text()
    table = page.split("## The calls of tritonclient")[1].split("\n## ")[0]
    assert set(re.findall(r"`(\w+_\w+|infer|plugin|close)`", table)) == {
        name for calls in CALLS.values() for name in calls
    }


@pytest.mark.parametrize(("kind", "method"), [(kind, method) for kind, calls in CALLS.items() for method in calls])
def test_call(connect, by_hand, kind, method):
    connect(kind, lambda door: CALLS[kind][method](door, by_hand))


@pytest.mark.parametrize("kind", CLIENTS)
def test_refusals(connect, kind):
    connect(kind, check_infer_refusals)


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("form", ["gzip", "deflate"])
def test_compressed(connect, by_hand, kind, form):
    many = np.tile(X, (400, 1))

    async def check(door):
        if door.rpc:
            options = {"compression_algorithm": form}
        else:
            options = {"request_compression_algorithm": form, "response_compression_algorithm": form}
        result = await door.do("infer", "fraud", [door.input("x", many)], **options)
        assert result.as_numpy("probability") == pytest.approx(expected(by_hand) * 400, abs=1e-6)

    connect(kind, check)


@pytest.mark.parametrize("kind", ["http", "http.aio"])
def test_json_tensors(connect, kind):
    async def check(door):
        outputs = [door.output(f"out_{name}", binary_data=False) for name in MIRRORED if name != "FP16"]
        # The client writes no half precision as JSON, and reads none.
        inputs = [
            door.input(f"in_{name}", values, datatype=name, binary_data=name == "FP16")
            for name, values in MIRRORED.items()
        ]
        result = await door.do("infer", "mirror", inputs, outputs=outputs)
        check_mirrored(result, [name for name in MIRRORED if name != "FP16"])

    connect(kind, check)
