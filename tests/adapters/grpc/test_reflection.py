"""What a server tells of its services is what it answers, and enough to ask it."""

import asyncio
import json

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tritonclient.grpc import service_pb2

from shipway.adapters.grpc.message import make_health, make_messages, make_reflections
from shipway.adapters.grpc.reflection import describe
from shipway.adapters.grpc.server import HEALTH, SERVICE, GrpcInference

REFLECTIONS = make_reflections()
PACKAGES = (make_messages(), make_health(), *REFLECTIONS)
SERVICES = [HEALTH, "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection", SERVICE]


def tell(messages=REFLECTIONS[0], **asked):
    """Ask, without a server."""
    request = messages["ServerReflectionRequest"](host="here", **asked)
    answer = describe(request, messages, PACKAGES)
    assert (answer.valid_host, answer.original_request) == ("here", request)
    return answer


def read_pool(answer):
    """Make of an answer what a client makes of it."""
    pool = descriptor_pool.DescriptorPool()
    for file in answer.file_descriptor_response.file_descriptor_proto:
        pool.Add(descriptor_pb2.FileDescriptorProto.FromString(file))
    return pool


@pytest.mark.parametrize("messages", REFLECTIONS, ids=["v1", "v1alpha"])
def test_services_are_listed(messages):
    answer = tell(messages, list_services="*")
    assert [service.name for service in answer.list_services_response.service] == SERVICES


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_described(name):
    found = read_pool(tell(file_containing_symbol=name)).FindServiceByName(name)
    assert found.methods
    assert list(tell(file_by_filename=found.file.name).file_descriptor_response.file_descriptor_proto) == list(
        tell(file_containing_symbol=name).file_descriptor_response.file_descriptor_proto
    )


def test_methods_are_those_of_the_protocol():
    def list_ends(service):
        return {
            method.name: (
                method.input_type.full_name, method.client_streaming, method.output_type.full_name,
                method.server_streaming,
            )
            for method in service.methods
        }  # fmt: skip

    ours = list_ends(read_pool(tell(file_containing_symbol=SERVICE)).FindServiceByName(SERVICE))
    theirs = list_ends(service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"])
    assert ours == {name: theirs[name] for name in ours}
    assert set(theirs) - set(ours) <= {"ModelStatisticsStream"}


@pytest.mark.parametrize(
    "symbol",
    ["inference.ModelInferRequest", "inference.ModelInferRequest.InferInputTensor", f"{SERVICE}.ModelInfer",
     "inference.ModelInferRequest.model_name", "grpc.health.v1.HealthCheckRequest"],
)  # fmt: skip
def test_whatever_has_a_name_is_found(symbol):
    assert tell(file_containing_symbol=symbol).file_descriptor_response.file_descriptor_proto


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, "INVALID_ARGUMENT"), ({"file_containing_symbol": "inference.No"}, "NOT_FOUND"),
        ({"file_by_filename": "no.proto"}, "NOT_FOUND"),
        ({"all_extension_numbers_of_type": "inference.No"}, "NOT_FOUND"),
        ({"file_containing_extension": {"containing_type": "inference.ModelInferRequest", "extension_number": 1}},
         "NOT_FOUND"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_told_of(asked, code):
    assert tell(**asked).error_response.error_code == getattr(grpc.StatusCode, code).value[0]


def test_messages_have_no_extensions():
    answer = tell(all_extension_numbers_of_type="inference.ModelInferRequest")
    assert answer.WhichOneof("parameter_choice") == "all_extension_numbers_response"
    assert list(answer.all_extension_numbers_response.extension_number) == []


@pytest.mark.parametrize("messages", REFLECTIONS, ids=["v1", "v1alpha"])
def test_a_client_that_knows_nothing_asks_by_what_it_is_told(messages):
    asked = []

    def handle(call):
        asked.append((call.path, call.headers.get("authorization")))
        said = {"name": "shipway", "version": "1", "extensions": ["a", "b"]}
        call.answer(200 if call.headers.get("authorization") == "Bearer key" else 401, json.dumps(said).encode())

    async def go():
        server = GrpcInference(handle)
        port = await server.listen("127.0.0.1", 0)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            try:
                return await ask(channel)
            finally:
                await server.close(grace_s=1)

    async def ask(channel):
        reflect = channel.stream_stream(
            f"/{messages.service}/ServerReflectionInfo",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=messages["ServerReflectionResponse"].FromString,
        )
        metadata = (("authorization", "Bearer key"),)
        requests = [
            messages["ServerReflectionRequest"](list_services=""),
            messages["ServerReflectionRequest"](file_containing_symbol=SERVICE),
        ]
        answers = [answer async for answer in reflect(iter(requests), metadata=metadata)]
        method = read_pool(answers[1]).FindServiceByName(SERVICE).methods_by_name["ServerMetadata"]
        takes, gives = (message_factory.GetMessageClass(end) for end in (method.input_type, method.output_type))
        call = channel.unary_unary(
            f"/{SERVICE}/ServerMetadata",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=gives.FromString,
        )
        said = await call(takes(), metadata=metadata)
        return [service.name for service in answers[0].list_services_response.service], said

    names, said = asyncio.run(go())
    assert names == SERVICES
    assert (said.name, said.version, list(said.extensions)) == ("shipway", "1", ["a", "b"])
    assert asked == [("/openapi.json", "Bearer key"), ("/v2", "Bearer key")]


def test_who_may_not_read_the_routes_is_told_nothing_of_the_services():
    async def go():
        server = GrpcInference(lambda call: call.answer(401, b'{"error":"SW-803 a key is needed"}'))
        port = await server.listen("127.0.0.1", 0)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            reflect = channel.stream_stream(f"/{REFLECTIONS[0].service}/ServerReflectionInfo")
            try:
                with pytest.raises(grpc.aio.AioRpcError) as refusal:
                    async for _ in reflect(iter([b""])):
                        pass
            finally:
                await server.close(grace_s=1)
        return refusal.value

    refusal = asyncio.run(go())
    assert (refusal.code(), refusal.details()) == (grpc.StatusCode.UNAUTHENTICATED, "SW-803 a key is needed")
