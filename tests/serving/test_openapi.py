"""The OpenAPI document against the server: schemathesis finds nothing, and every path answers what it names."""

import json

import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup

from shipway.serving.openapi import OPERATIONS, write_openapi

KNOWN = {"model": ["fraud", "mirror", "spare", "no"], "service": ["fraud", "till", "no"], "set": ["fraud", "no"]}
"""Names that make requests go deep; the server knows most of them."""
CONFIG = {
    "seed": 1,
    "checks": {
        # What a model reads stands in its metadata and not in the document, so most bodies that fit do not fit a model.
        "positive_data_acceptance": {"expected-statuses": ["2xx", 400, 404, 409, 422]},
    },
}


@pytest.fixture(scope="module")
def document(protocol):
    answer = protocol.ask("GET", "/openapi.json")
    assert answer.status == 200
    found = answer.document
    for methods in found["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] in KNOWN:
                    parameter["schema"] = {"enum": KNOWN[parameter["name"]]}
    return found


@pytest.fixture
def api(document, protocol):
    schema = schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict(CONFIG))
    schema.config.update(base_url=f"http://127.0.0.1:{protocol.port}")
    return schema


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.name.lower())
@pytest.mark.parametrize("one", OPERATIONS, ids=lambda one: one.name)
def test_document_is_true(api, one, mode):
    asked = api[one.path][one.method.upper()]
    if mode is GenerationMode.NEGATIVE and not ("{version}" in one.path or one.reads):
        return  # any text is right where a name stands, so nothing that is sent could be wrong

    @given(case=asked.as_strategy(generation_mode=mode))
    @settings(
        max_examples=8, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )  # fmt: skip
    def check(case):
        case.call_and_validate()

    check()


def test_document_that_is_not_true_is_found_out(document, protocol):
    """What the test above asks of the document is asked: a status and a field that it does not name are found."""
    path = "/v2/models/{model}"
    answers = {"200": {"content": {"application/json": {"schema": {"type": "object", "required": ["nothing"]}}}}}
    for model in ("no", "fraud"):
        wrong = {**document, "paths": {path: {"get": {**document["paths"][path]["get"], "responses": answers}}}}
        wrong["paths"][path]["get"]["parameters"] = [
            {"name": "model", "in": "path", "required": True, "schema": {"enum": [model]}}
        ]
        schema = schemathesis.openapi.from_dict(wrong, config=SchemathesisConfig.from_dict(CONFIG))
        schema.config.update(base_url=f"http://127.0.0.1:{protocol.port}")
        with pytest.raises(FailureGroup, match="Undocumented status" if model == "no" else "schema"):
            schema[path]["GET"].Case(path_parameters={"model": model}).call_and_validate()


def test_document_is_what_the_types_say():
    found = json.loads(write_openapi())
    assert found["openapi"].startswith("3.1")
    assert sum(len(methods) for methods in found["paths"].values()) == len(OPERATIONS)
    assert len({one.name for one in OPERATIONS}) == len(OPERATIONS)
    assert not [name for name in found["components"]["schemas"] if "." in name]
    assert msgspec.json.decode(write_openapi()) == found


@pytest.mark.parametrize("path", sorted({one.path for one in OPERATIONS}))
def test_path_answers_the_methods_that_the_document_names(protocol, path):
    named = {one.method.upper() for one in OPERATIONS if one.path == path}
    named |= {"HEAD"} if "GET" in named else set()
    answer = protocol.ask("DELETE", path.replace("{version}", "1").replace("{", "").replace("}", ""))
    assert answer.status == 405
    assert {name.strip() for name in answer.headers["allow"].split(",")} == named
