"""The gRPC server with a handler that says what it was handed."""

import asyncio
import json
import socket
from time import perf_counter_ns

import grpc
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from shipway.adapters.grpc.message import make_health
from shipway.adapters.grpc.server import HEALTH, SERVICE, GrpcInference
from shipway.core.error import ShipwayError

CHECKS = make_health()


class Site:
    """A server of one handler, and a client of it."""

    def __init__(self, answer):
        self.calls = []
        self._answer = answer

    def handle(self, call):
        self.calls.append(call)
        self._answer(call)

    def run(self, main, **options):
        """Run a client's coroutine against the server."""

        async def go():
            server = GrpcInference(self.handle, **options)
            port = await server.listen("127.0.0.1", 0)
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                try:
                    return await main(service_pb2_grpc.GRPCInferenceServiceStub(channel), channel)
                finally:
                    await server.close(grace_s=1)

        return asyncio.run(go())


def say(status, **answer):
    return lambda call: call.answer(status, json.dumps(answer).encode(), headers=[("retry-after", "1")])


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "INVALID_ARGUMENT"), (401, "UNAUTHENTICATED"), (403, "PERMISSION_DENIED"), (404, "NOT_FOUND"),
        (409, "FAILED_PRECONDITION"), (413, "RESOURCE_EXHAUSTED"), (422, "INVALID_ARGUMENT"),
        (429, "RESOURCE_EXHAUSTED"), (500, "INTERNAL"), (501, "UNIMPLEMENTED"), (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"), (507, "RESOURCE_EXHAUSTED"),
    ],
)  # fmt: skip
def test_refusal_has_its_code_and_its_words(status, code):
    site = Site(say(status, error="SW-802 because"))

    async def main(stub, channel):
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await stub.ServerMetadata(service_pb2.ServerMetadataRequest())
        assert refusal.value.code().name == code
        assert refusal.value.details() == "SW-802 because"
        assert dict(refusal.value.trailing_metadata())["retry-after"] == "1"

    site.run(main)


@pytest.mark.parametrize(("status", "ready"), [(200, True), (404, False), (503, False)])
def test_readiness_is_no_error(status, ready):
    site = Site(say(status, error="SW-802 because"))

    async def main(stub, channel):
        assert (await stub.ServerReady(service_pb2.ServerReadyRequest())).ready is ready
        assert (await stub.ModelReady(service_pb2.ModelReadyRequest(name="m"))).ready is ready

    site.run(main)


def test_metadata_are_headers_but_for_those_of_a_body():
    site = Site(say(200, name="shipway", version="1", extensions=[]))
    sent = [
        ("authorization", "Bearer k"),
        ("content-encoding", "gzip"),
        ("accept-encoding", "gzip"),
        ("x-bin", b"\xff"),
    ]

    async def main(stub, channel):
        await stub.ServerMetadata(service_pb2.ServerMetadataRequest(), metadata=sent)

    site.run(main)
    (call,) = site.calls
    assert (call.method, call.path, call.trusted) == ("GET", "/v2", False)
    assert call.headers["authorization"] == "Bearer k"
    assert not {"content-encoding", "accept-encoding", "x-bin", "content-type"} & set(call.headers)


def test_deadline_of_the_caller_is_the_calls():
    site = Site(say(200, live=True))

    async def main(stub, channel):
        await stub.ServerLive(service_pb2.ServerLiveRequest(), timeout=30)
        await stub.ServerLive(service_pb2.ServerLiveRequest())

    site.run(main)
    first, second = site.calls
    assert 0 < first.deadline_ns - perf_counter_ns() < 31e9  # gRPC rounds up
    assert second.deadline_ns == 0


def test_answer_may_come_later_and_what_waits_for_it_is_called_once():
    left = []

    def answer(call):
        call.then = lambda: left.append(call)
        asyncio.get_running_loop().call_later(0.01, lambda: say(200, live=True)(call))

    site = Site(answer)

    async def main(stub, channel):
        assert (await stub.ServerLive(service_pb2.ServerLiveRequest())).live

    site.run(main)
    assert left == site.calls


def test_caller_that_went_away_is_no_error():
    held = []
    site = Site(held.append)

    async def main(stub, channel):
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await stub.ServerLive(service_pb2.ServerLiveRequest(), timeout=0.2)
        assert refusal.value.code().name == "DEADLINE_EXCEEDED"
        while not held[0].answered:
            await asyncio.sleep(0.01)
        left = []
        held[0].then = lambda: left.append(True)
        say(200, live=True)(held[0])
        assert left == [True]

    site.run(main)


def test_message_that_is_too_large_is_refused():
    site = Site(say(200, live=True))
    message = service_pb2.ModelInferRequest(model_name="m", raw_input_contents=[b"x" * 3_000])

    async def main(stub, channel):
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await stub.ModelInfer(message)
        assert refusal.value.code().name == "RESOURCE_EXHAUSTED"

    site.run(main, most_bytes=2_000)
    assert site.calls == []


def test_health():
    statuses = [200]
    site = Site(lambda call: say(statuses[0], error="no")(call))

    async def main(stub, channel):
        read = CHECKS["HealthCheckResponse"].FromString
        check = channel.unary_unary(f"/{HEALTH}/Check", CHECKS["HealthCheckRequest"].SerializeToString, read)
        watch = channel.unary_stream(f"/{HEALTH}/Watch", CHECKS["HealthCheckRequest"].SerializeToString, read)
        for service in ("", SERVICE):
            assert (await check(CHECKS["HealthCheckRequest"](service=service))).status == 1
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await check(CHECKS["HealthCheckRequest"](service="other"))
        assert refusal.value.code().name == "NOT_FOUND"
        seen = []
        call = watch(CHECKS["HealthCheckRequest"]())
        async for one in call:
            seen.append(one.status)
            statuses[0] = 503
            if len(seen) == 2:
                call.cancel()
                break
        assert seen == [1, 2]

    site.run(main)


def test_address_that_is_taken_is_refused():
    async def main():
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            await GrpcInference(say(200)).listen("127.0.0.1", taken.getsockname()[1])

    with pytest.raises(ShipwayError, match="SW-801"):
        asyncio.run(main())
