"""The Open Inference Protocol, version 2, as data: what is asked and answered, alike over HTTP and gRPC.

https://github.com/kserve/open-inference-protocol. Fields are called as they are sent, in JSON and in messages.
"""

from typing import Any, Final

import msgspec

RPC_CODES: Final = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED", 409: "FAILED_PRECONDITION", 413: "RESOURCE_EXHAUSTED", 415: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 501: "UNIMPLEMENTED", 503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED", 507: "RESOURCE_EXHAUSTED",
}  # fmt: skip
"""What statuses of HTTP are called over gRPC."""
CLASSES: Final = "classes"
"""Parameter of an output: JSON of what the places of its rows stand for, in the version that answered."""
EXTENSIONS: Final = ("binary_tensor_data", "classification", "model_configuration", "model_repository", "statistics")


class Tensor(msgspec.Struct, frozen=True, kw_only=True):
    """One input.

    Attributes:
        name: of a column or tensor that the model reads; any other name for a matrix of all columns.
        shape: its shape; the first place is the rows.
        datatype: such as `FP64`.
        data: the values, flat or nested; None where they follow in binary.
        parameters: `binary_data_size`, where they do.
    """

    name: str
    shape: tuple[int, ...]
    datatype: str
    data: list[Any] | None = None
    parameters: dict[str, Any] = {}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """One output that is asked for.

    Attributes:
        name: of the output.
        parameters: `binary_data` says how it is to be sent.
    """

    name: str
    parameters: dict[str, Any] = {}


class Inference(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked.

    Attributes:
        inputs: the tensors.
        id: the caller's id, which the answer repeats.
        parameters: `binary_data_output` says how outputs are to be sent.
        outputs: those asked for; all of them if None.
    """

    inputs: tuple[Tensor, ...]
    id: str | None = None
    parameters: dict[str, Any] = {}
    outputs: tuple[Wanted, ...] | None = None


class OutputTensor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One output as JSON has it.

    Attributes:
        name: of the output.
        datatype: such as `FP64`.
        shape: its shape.
        data: the values in row-major order, null for what is no number; left out where they follow in binary.
        parameters: `binary_data_size`, where they do; `classes`, JSON of what the places of a row stand for, where
            they stand for classes.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: list[Any] | None = None
    parameters: dict[str, int | str] = {}


class Inferred(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer as JSON has it.

    Attributes:
        model_name: who was asked.
        model_version: the version that answered.
        id: the caller's id, where one was sent.
        outputs: those asked for.
        parameters: `bundle`, the digest of what answered.
    """

    model_name: str
    model_version: str
    id: str | None = None
    outputs: tuple[OutputTensor, ...]
    parameters: dict[str, str]


class ServerMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """What a server is.

    Attributes:
        name: `shipway`.
        version: of shipway.
        extensions: of the protocol that it speaks.
    """

    name: str
    version: str
    extensions: tuple[str, ...] = EXTENSIONS


class TensorMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """What a model reads or gives.

    Attributes:
        name: of the input or output.
        datatype: such as `FP64`.
        shape: -1 for any length.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]


class ModelMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """What a model is.

    Attributes:
        name: its name, or that of a service.
        versions: those that can be asked.
        platform: the form in which it is served.
        inputs: what it reads.
        outputs: what it gives.
    """

    name: str
    versions: tuple[str, ...]
    platform: str
    inputs: tuple[TensorMetadata, ...]
    outputs: tuple[TensorMetadata, ...]


class ConfigTensor(msgspec.Struct, frozen=True, kw_only=True):
    """An input or output as a model's configuration has it.

    Attributes:
        name: of the input or output.
        data_type: such as `TYPE_FP64`.
        dims: its shape, the rows included; -1 for any length.
    """

    name: str
    data_type: str
    dims: tuple[int, ...]


class ModelConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What of a model's configuration there is here: everything that its bundle fixed.

    Attributes:
        name: its name.
        platform: the form in which it is served.
        backend: what runs it.
        max_batch_size: 0, because shapes state the rows themselves.
        input: what it reads.
        output: what it gives.
    """

    name: str
    platform: str
    backend: str
    max_batch_size: int = 0
    input: tuple[ConfigTensor, ...]
    output: tuple[ConfigTensor, ...]


class IndexWanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which models an index is to list.

    Attributes:
        ready: whether those alone that can be asked.
    """

    ready: bool = False


class ModelIndex(msgspec.Struct, frozen=True, kw_only=True):
    """A version that a server could answer with.

    Attributes:
        name: the model's name, or that of a service.
        version: its number; empty for a service, whose version a release decides.
        state: `READY`, or `UNAVAILABLE`.
        reason: why it cannot be asked.
    """

    name: str
    version: str
    state: str
    reason: str = ""


class RepositoryChange(msgspec.Struct, frozen=True, kw_only=True):
    """How a model is to be loaded or unloaded.

    Attributes:
        parameters: `config`, JSON whose `version_policy` says which versions; without it the newest.
    """

    parameters: dict[str, Any] = {}


class Duration(msgspec.Struct, frozen=True, kw_only=True):
    """How often something was done, and how long that took altogether.

    Attributes:
        count: how often.
        ns: nanoseconds.
    """

    count: int = 0
    ns: int = 0


class InferStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What became of requests.

    Attributes:
        success: were answered.
        fail: were not.
        queue: waited for others to be predicted with them.
        compute_input: were read.
        compute_infer: were predicted.
        compute_output: were written.
        cache_hit: always zero: answers are not kept.
        cache_miss: always zero.
    """

    success: Duration = Duration()
    fail: Duration = Duration()
    queue: Duration = Duration()
    compute_input: Duration = Duration()
    compute_infer: Duration = Duration()
    compute_output: Duration = Duration()
    cache_hit: Duration = Duration()
    cache_miss: Duration = Duration()


class BatchStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What predictions of one size took.

    Attributes:
        batch_size: rows; above 64 the next power of two.
        compute_input: reading.
        compute_infer: predicting.
        compute_output: writing.
    """

    batch_size: int
    compute_input: Duration
    compute_infer: Duration
    compute_output: Duration


class ModelStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What a version did since it was loaded.

    Attributes:
        name: the model's name.
        version: its number.
        last_inference: when it was asked last, milliseconds since 1970 UTC; 0 for never.
        inference_count: rows predicted.
        execution_count: predictions, each of one row or several.
        inference_stats: what became of requests.
        batch_stats: what predictions took, by size.
        memory_usage: empty: a process has one memory.
        response_stats: empty: a request has one answer.
    """

    name: str
    version: str
    last_inference: int
    inference_count: int
    execution_count: int
    inference_stats: InferStatistics
    batch_stats: tuple[BatchStatistics, ...]
    memory_usage: tuple[str, ...] = ()
    response_stats: dict[str, str] = {}


class StatisticsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The statistics of some versions.

    Attributes:
        model_stats: one for each.
    """

    model_stats: tuple[ModelStatistics, ...]
