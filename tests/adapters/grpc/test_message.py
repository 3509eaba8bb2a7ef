"""The table of messages against the messages of a client, which come of the protocol's own definition."""

import pytest
from tritonclient.grpc import model_config_pb2, service_pb2

from shipway.adapters.grpc.message import METHODS, PACKAGE, make_health, make_messages

THEIRS = {**service_pb2.DESCRIPTOR.message_types_by_name, **model_config_pb2.DESCRIPTOR.message_types_by_name}
MESSAGES = make_messages()


def find_theirs(name):
    outer, _, inner = name.partition(".")
    return THEIRS[outer].nested_types_by_name[inner] if inner else THEIRS[outer]


@pytest.mark.parametrize("name", MESSAGES.names)
def test_every_field_is_that_of_the_protocol(name):
    theirs = find_theirs(name).fields_by_name
    for field in MESSAGES[name].DESCRIPTOR.fields:
        other = theirs[field.name]
        assert (field.number, field.is_repeated) == (other.number, other.is_repeated), field.name
        # An enumeration is a number on the wire.
        assert field.type == (field.TYPE_INT32 if other.type == field.TYPE_ENUM else other.type), field.name
        if field.message_type is not None:
            assert field.message_type.full_name == other.message_type.full_name
            assert field.message_type.GetOptions().map_entry == other.message_type.GetOptions().map_entry


def test_every_method_is_that_of_the_service():
    service = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    assert service.full_name == f"{PACKAGE}.GRPCInferenceService"
    assert set(METHODS) == {method.name for method in service.methods}


def test_health_has_its_own_package():
    assert make_health()["HealthCheckResponse"].DESCRIPTOR.full_name == "grpc.health.v1.HealthCheckResponse"
