"""What the server answers, as an OpenAPI 3.1 document, written from the types that the routes read and write.

https://spec.openapis.org/oas/v3.1.0. Paths that clients of the Open Inference Protocol know and this server does not
have are not in it; they answer 501.
"""

from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from inspect import cleandoc
from typing import Any, Final

import msgspec

from shipway.core.inference import (
    IndexWanted,
    Inference,
    Inferred,
    ModelConfig,
    ModelIndex,
    ModelMetadata,
    RepositoryChange,
    ServerMetadata,
    StatisticsAnswer,
)
from shipway.core.service import Routing
from shipway.kit.version import VERSION
from shipway.serving.log import LogState
from shipway.serving.lookup import Answer as Features
from shipway.serving.lookup import Wanted
from shipway.serving.refusal import Refusal
from shipway.serving.request import Question
from shipway.serving.status import Status

PATH: Final = "/openapi.json"
_JSON: Final = "application/json"
_TEXT: Final = "text/plain"
_BYTES: Final = "application/octet-stream"
_PARAMETERS: Final[dict[str, Any]] = {"version": {"type": "integer", "minimum": 0}}
"""What stands in a path where it is no text of any kind."""
_NAMES: Final = {
    "shipway.serving.openapi.Answer": "Prediction",
    "shipway.serving.lookup.Answer": "Features",
    "shipway.serving.lookup.Wanted": "FeaturesWanted",
    "shipway.core.inference.Wanted": "OutputWanted",
}
"""What types are called whose own names are those of others, too."""
_READ: Final = (400, 413, 415, 422)
"""How a body can be refused."""
_ASKED: Final = (401, 403, 408, 429, 431, 500, 503)
"""How anything can be refused: by keys, limits, and what went wrong."""


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """That the process runs."""

    live: bool


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """That it can predict."""

    ready: bool


class ModelReady(msgspec.Struct, frozen=True, kw_only=True):
    """That a model can predict."""

    name: str
    ready: bool


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is answered by key, whichever kind of model it is.

    Attributes:
        request: the caller's id, or one the server made.
        model: the model's name.
        version: the version that answered.
        p: the probability that the label is true, of a model that says one alone.
        y: the number that the label is said to be.
        chosen: the class that is predicted, of a model with classes.
        probabilities: how probable each class is, of a model that predicts a label of classes.
        outputs: of every other model what it gives, by name.
        at: the instant the features were known at, microseconds since 1970 UTC.
        fallback: what was answered in place of that, where the version that was to answer did not.
    """

    request: str
    model: str
    version: int
    p: float | msgspec.UnsetType = msgspec.UNSET
    y: float | msgspec.UnsetType = msgspec.UNSET
    chosen: str | msgspec.UnsetType = msgspec.field(default=msgspec.UNSET, name="class")
    probabilities: dict[str, float] | msgspec.UnsetType = msgspec.UNSET
    outputs: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    at: int
    fallback: str | msgspec.UnsetType = msgspec.UNSET


class Sets(msgspec.Struct, frozen=True, kw_only=True):
    """The names of the sets of features that are served."""

    sets: list[str]


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """That it is done."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What one method of one path does.

    Attributes:
        method: in small letters, as the document has it.
        path: names in braces are texts that stand there.
        name: of the operation.
        summary: what it does, in one sentence without a full stop.
        answers: what is answered with status 200.
        reads: what the body is; None where there is none.
        optional: whether it may be left away.
        binary: whether tensors may follow the JSON in binary, in what is sent and answered.
        kind: media type of the answer.
        statuses: how it can be refused, beside what anything can be refused for.
    """

    method: str
    path: str
    name: str
    summary: str
    answers: Any
    reads: Any = None
    optional: bool = False
    binary: bool = False
    kind: str = _JSON
    statuses: tuple[int, ...] = ()


def _list_model_operations(below: str, also: str) -> tuple[Operation, ...]:
    path = "/v2/models/{model}" + below
    return (
        Operation("get", path, f"metadata{also}", "Say what a model reads and gives", ModelMetadata, statuses=(404,)),
        Operation("get", f"{path}/ready", f"modelReady{also}", "Say that it can predict", ModelReady, statuses=(404,)),
        Operation("get", f"{path}/config", f"config{also}", "Say what its bundle fixed", ModelConfig, statuses=(404,)),
        Operation("get", f"{path}/stats", f"stats{also}", "Say what it did so far", StatisticsAnswer, statuses=(404,)),
        Operation(
            "post", f"{path}/infer", f"infer{also}", "Predict from tensors", Inferred, Inference, binary=True,
            statuses=(404, *_READ, 504),
        ),
    )  # fmt: skip


OPERATIONS: Final = (
    Operation("get", "/v2", "server", "Say what this server is", ServerMetadata),
    Operation("get", "/v2/health/live", "live", "Say that the process runs", Live),
    Operation("get", "/v2/health/ready", "ready", "Say that everything that should can predict", Ready),
    *_list_model_operations("", ""),
    *_list_model_operations("/versions/{version}", "Version"),
    Operation("get", "/v2/models/stats", "allStats", "Say what every version did so far", StatisticsAnswer),
    Operation(
        "post", "/v2/repository/index", "index", "List what can be asked or loaded", list[ModelIndex], IndexWanted,
        optional=True, statuses=_READ,
    ),
    Operation(
        "post", "/v2/repository/models/{model}/load", "load", "Load versions of a model", Done, RepositoryChange,
        optional=True, statuses=(404, *_READ),
    ),
    Operation(
        "post", "/v2/repository/models/{model}/unload", "unload", "Let go of what was loaded", Done, RepositoryChange,
        optional=True, statuses=(404, 409, *_READ),
    ),
    Operation(
        "post", "/v1/predict/{service}", "predict", "Predict by key", Answer, Question, statuses=(404, *_READ, 504)
    ),
    Operation("get", "/v1/features", "featureSets", "List the sets of features", Sets),
    Operation(
        "post", "/v1/features/{set}", "features", "Read features by key", Features, Wanted, statuses=(404, *_READ, 504)
    ),
    Operation("get", "/v1/services/{service}/routing", "routing", "Say what is in force", Routing, statuses=(404,)),
    Operation(
        "put", "/v1/services/{service}/routing", "route", "Put a routing in force", Routing, Routing,
        statuses=(404, 409, *_READ, 507),
    ),
    Operation("post", "/v1/log/flush", "flush", "Wait until the log is on the disk", LogState, statuses=(507,)),
    Operation("get", "/v1/status", "status", "Say everything that the server knows of itself", Status),
    Operation("get", "/metrics", "metrics", "Tell Prometheus what every version did", str, kind=_TEXT),
    Operation("get", PATH, "document", "Say all of this", dict[str, Any]),
)  # fmt: skip


@cache
def write_openapi() -> bytes:
    """Return the document as JSON."""
    types = [Refusal, *(each for one in OPERATIONS for each in (one.answers, one.reads) if each is not None)]
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    named = iter(schemas)
    refusal = next(named)
    paths: dict[str, dict[str, Any]] = {}
    for one in OPERATIONS:
        answers = next(named)
        reads = None if one.reads is None else next(named)
        paths.setdefault(one.path, {})[one.method] = _describe(one, answers, reads)
    statuses = {status for one in OPERATIONS for status in (*_ASKED, *one.statuses)}
    responses = {
        str(status): {"description": HTTPStatus(status).phrase, "content": {_JSON: {"schema": refusal}}}
        for status in sorted(statuses)
    }
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "shipway", "version": VERSION, "description": "Predictions, by key and by tensors."},
        "paths": paths,
        "components": {
            "schemas": {name: _unindent(schema) for name, schema in components.items()},
            "responses": responses,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        # Who needs a key depends on how the server was started: both are true of one that asks for none.
        "security": [{}, {"key": []}],
    }
    written = msgspec.json.encode(document).decode()
    for long, short in _NAMES.items():
        written = written.replace(long, short)
    return written.encode()


def _unindent(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema whose description is the docstring without the code's margin."""
    return schema | ({"description": cleandoc(schema["description"])} if "description" in schema else {})


def _describe(one: Operation, answers: Any, reads: Any) -> dict[str, Any]:
    content: dict[str, Any] = {one.kind: {"schema": answers}}
    if one.binary:
        content[_BYTES] = {"schema": {"description": "the JSON, and after it the tensors wanted in binary"}}
    said: dict[str, Any] = {
        "operationId": one.name,
        "summary": one.summary,
        "responses": {
            "200": {"description": "OK", "content": content},
            **{str(each): {"$ref": f"#/components/responses/{each}"} for each in sorted({*_ASKED, *one.statuses})},
        },
    }
    names = [part[1:-1] for part in one.path.split("/") if part.startswith("{")]
    if names:
        said["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": _PARAMETERS.get(name, {"type": "string"})}
            for name in names
        ]
    if reads is not None:
        body: dict[str, Any] = {_JSON: {"schema": reads}}
        if one.binary:
            body[_BYTES] = {"schema": {"description": "the JSON, and the tensors that say binary_data_size after it"}}
        said["requestBody"] = {"required": not one.optional, "content": body}
    return said
