"""The messages of the services, made at start of a table: no generated file has to fit an installed protobuf.

https://github.com/kserve/open-inference-protocol, specification/protocol/open_inference_grpc.proto, with the extensions
of its clients for statistics, configuration, settings and shared memory; https://grpc.io/docs/guides/health-checking
and https://grpc.io/docs/guides/reflection. A field is written as `number name type`; a type is a scalar, the name of a
message, `[]` of one, or `{}` for a map from text to one. A bar before the number says that the field is of a choice.
"""

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE: Final = "inference"
_Kinds = descriptor_pb2.FieldDescriptorProto
_SCALARS: Final = {
    "double": _Kinds.TYPE_DOUBLE, "float": _Kinds.TYPE_FLOAT, "int64": _Kinds.TYPE_INT64, "uint64": _Kinds.TYPE_UINT64,
    "int32": _Kinds.TYPE_INT32, "uint32": _Kinds.TYPE_UINT32, "bool": _Kinds.TYPE_BOOL, "string": _Kinds.TYPE_STRING,
    "bytes": _Kinds.TYPE_BYTES, "enum": _Kinds.TYPE_INT32,
}  # fmt: skip
"""Scalars by name; an enumeration is the number that stands on the wire."""
_NAME_VERSION: Final = "1 name string, 2 version string"
_REGION: Final = "1 name string"
_MESSAGES: Final[dict[str, str]] = {
    "ServerLiveRequest": "",
    "ServerLiveResponse": "1 live bool",
    "ServerReadyRequest": "",
    "ServerReadyResponse": "1 ready bool",
    "ModelReadyRequest": _NAME_VERSION,
    "ModelReadyResponse": "1 ready bool",
    "ServerMetadataRequest": "",
    "ServerMetadataResponse": "1 name string, 2 version string, 3 extensions []string",
    "ModelMetadataRequest": _NAME_VERSION,
    "ModelMetadataResponse.TensorMetadata": "1 name string, 2 datatype string, 3 shape []int64",
    "ModelMetadataResponse": "1 name string, 2 versions []string, 3 platform string, "
    "4 inputs []ModelMetadataResponse.TensorMetadata, 5 outputs []ModelMetadataResponse.TensorMetadata",
    "InferParameter": "|1 bool_param bool, |2 int64_param int64, |3 string_param string, |4 double_param double, "
    "|5 uint64_param uint64",
    "InferTensorContents": "1 bool_contents []bool, 2 int_contents []int32, 3 int64_contents []int64, "
    "4 uint_contents []uint32, 5 uint64_contents []uint64, 6 fp32_contents []float, 7 fp64_contents []double, "
    "8 bytes_contents []bytes",
    "ModelInferRequest.InferInputTensor": "1 name string, 2 datatype string, 3 shape []int64, "
    "4 parameters {}InferParameter, 5 contents InferTensorContents",
    "ModelInferRequest.InferRequestedOutputTensor": "1 name string, 2 parameters {}InferParameter",
    "ModelInferRequest": "1 model_name string, 2 model_version string, 3 id string, 4 parameters {}InferParameter, "
    "5 inputs []ModelInferRequest.InferInputTensor, 6 outputs []ModelInferRequest.InferRequestedOutputTensor, "
    "7 raw_input_contents []bytes",
    "ModelInferResponse.InferOutputTensor": "1 name string, 2 datatype string, 3 shape []int64, "
    "4 parameters {}InferParameter, 5 contents InferTensorContents",
    "ModelInferResponse": "1 model_name string, 2 model_version string, 3 id string, 4 parameters {}InferParameter, "
    "5 outputs []ModelInferResponse.InferOutputTensor, 6 raw_output_contents []bytes",
    "ModelStreamInferResponse": "1 error_message string, 2 infer_response ModelInferResponse",
    "ModelConfigRequest": _NAME_VERSION,
    "ModelInput": "1 name string, 2 data_type enum, 4 dims []int64",
    "ModelOutput": "1 name string, 2 data_type enum, 3 dims []int64",
    "ModelConfig": "1 name string, 2 platform string, 17 backend string, 4 max_batch_size int32, 5 input []ModelInput, "
    "6 output []ModelOutput",
    "ModelConfigResponse": "1 config ModelConfig",
    "ModelStatisticsRequest": _NAME_VERSION,
    "StatisticDuration": "1 count uint64, 2 ns uint64",
    "InferStatistics": "1 success StatisticDuration, 2 fail StatisticDuration, 3 queue StatisticDuration, "
    "4 compute_input StatisticDuration, 5 compute_infer StatisticDuration, 6 compute_output StatisticDuration, "
    "7 cache_hit StatisticDuration, 8 cache_miss StatisticDuration",
    "InferBatchStatistics": "1 batch_size uint64, 2 compute_input StatisticDuration, "
    "3 compute_infer StatisticDuration, 4 compute_output StatisticDuration",
    "ModelStatistics": "1 name string, 2 version string, 3 last_inference uint64, 4 inference_count uint64, "
    "5 execution_count uint64, 6 inference_stats InferStatistics, 7 batch_stats []InferBatchStatistics",
    "ModelStatisticsResponse": "1 model_stats []ModelStatistics",
    "ModelRepositoryParameter": "|1 bool_param bool, |2 int64_param int64, |3 string_param string, "
    "|4 bytes_param bytes",
    "RepositoryIndexRequest": "1 repository_name string, 2 ready bool",
    "RepositoryIndexResponse.ModelIndex": "1 name string, 2 version string, 3 state string, 4 reason string",
    "RepositoryIndexResponse": "1 models []RepositoryIndexResponse.ModelIndex",
    "RepositoryModelLoadRequest": "1 repository_name string, 2 model_name string, "
    "3 parameters {}ModelRepositoryParameter",
    "RepositoryModelLoadResponse": "",
    "RepositoryModelUnloadRequest": "1 repository_name string, 2 model_name string, "
    "3 parameters {}ModelRepositoryParameter",
    "RepositoryModelUnloadResponse": "",
    "SystemSharedMemoryStatusRequest": _REGION,
    "SystemSharedMemoryStatusResponse": "",
    "SystemSharedMemoryRegisterRequest": _REGION,
    "SystemSharedMemoryRegisterResponse": "",
    "SystemSharedMemoryUnregisterRequest": _REGION,
    "SystemSharedMemoryUnregisterResponse": "",
    "CudaSharedMemoryStatusRequest": _REGION,
    "CudaSharedMemoryStatusResponse": "",
    "CudaSharedMemoryRegisterRequest": _REGION,
    "CudaSharedMemoryRegisterResponse": "",
    "CudaSharedMemoryUnregisterRequest": _REGION,
    "CudaSharedMemoryUnregisterResponse": "",
    "TraceSettingRequest.SettingValue": "1 value []string",
    "TraceSettingRequest": "1 settings {}TraceSettingRequest.SettingValue, 2 model_name string",
    "TraceSettingResponse.SettingValue": "1 value []string",
    "TraceSettingResponse": "1 settings {}TraceSettingResponse.SettingValue",
    "LogSettingsRequest": "",
    "LogSettingsResponse": "",
}
METHODS: Final[tuple[str, ...]] = (
    "ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer", "ModelStreamInfer",
    "ModelConfig", "ModelStatistics", "RepositoryIndex", "RepositoryModelLoad", "RepositoryModelUnload",
    "SystemSharedMemoryStatus", "SystemSharedMemoryRegister", "SystemSharedMemoryUnregister", "CudaSharedMemoryStatus",
    "CudaSharedMemoryRegister", "CudaSharedMemoryUnregister", "TraceSetting", "LogSettings",
)  # fmt: skip
"""The methods of the service; each takes a message called as itself and Request, and answers with one."""
_HEALTH: Final = {"HealthCheckRequest": "1 service string", "HealthCheckResponse": "1 status enum"}
_REFLECTION: Final = {
    "ExtensionRequest": "1 containing_type string, 2 extension_number int32",
    "ServerReflectionRequest": "1 host string, |3 file_by_filename string, |4 file_containing_symbol string, "
    "|5 file_containing_extension ExtensionRequest, |6 all_extension_numbers_of_type string, |7 list_services string",
    "FileDescriptorResponse": "1 file_descriptor_proto []bytes",
    "ExtensionNumberResponse": "1 base_type_name string, 2 extension_number []int32",
    "ServiceResponse": "1 name string",
    "ListServiceResponse": "1 service []ServiceResponse",
    "ErrorResponse": "1 error_code int32, 2 error_message string",
    "ServerReflectionResponse": "1 valid_host string, 2 original_request ServerReflectionRequest, "
    "|4 file_descriptor_response FileDescriptorResponse, "
    "|5 all_extension_numbers_response ExtensionNumberResponse, |6 list_services_response ListServiceResponse, "
    "|7 error_response ErrorResponse",
}
_STREAM: Final = "stream "
"""Stands before a message of which a method takes or gives any number."""
_INFERENCE_METHODS: Final = {
    **{method: (f"{method}Request", f"{method}Response") for method in METHODS},
    "ModelStreamInfer": (f"{_STREAM}ModelInferRequest", f"{_STREAM}ModelStreamInferResponse"),
}
_HEALTH_METHODS: Final = {
    "Check": ("HealthCheckRequest", "HealthCheckResponse"),
    "Watch": ("HealthCheckRequest", f"{_STREAM}HealthCheckResponse"),
}
_REFLECTION_METHODS: Final = {
    "ServerReflectionInfo": (f"{_STREAM}ServerReflectionRequest", f"{_STREAM}ServerReflectionResponse"),
}


class Messages:
    """The classes of a package's messages, by name, and what the package is to those who ask.

    Attributes:
        service: the name of its service.
    """

    def __init__(
        self, package: str, table: Mapping[str, str], service: str, methods: Mapping[str, tuple[str, str]]
    ) -> None:
        """Make them of a table, in a pool of their own.

        Args:
            package: whose messages they are.
            table: fields by name of the message; a dot says in which one it lies, and the inner one comes first.
            service: the name of its service.
            methods: the message that each takes and the one that it gives, by its name.
        """
        self.service = f"{package}.{service}"
        file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
        outer: dict[str, Any] = {}
        for name in table:
            if "." not in name:
                outer[name] = file.message_type.add(name=name)
        for name, fields in table.items():
            where, _, inner = name.rpartition(".")
            message = outer[where].nested_type.add(name=inner) if where else outer[name]
            for field in filter(None, fields.split(", ")):
                _add_field(message, f".{package}.{name}", f".{package}.", field)
        described = file.service.add(name=service)
        for method, ends in methods.items():
            takes, gives = (f".{package}.{end.removeprefix(_STREAM)}" for end in ends)
            several = [end.startswith(_STREAM) for end in ends]
            method_ends = described.method.add(name=method, input_type=takes, output_type=gives)
            method_ends.client_streaming, method_ends.server_streaming = several
        self._file = file.SerializeToString()
        self._name = file.name
        # A pool of protobuf's finds neither methods nor fields.
        inner = [*(f"{service}.{method}" for method in methods), *table]
        inner += [
            f"{name}.{field.split()[1]}" for name, fields in table.items() for field in fields.split(", ") if field
        ]
        self._symbols = {f"{package}.{name}" for name in (service, *inner)}
        pool = descriptor_pool.DescriptorPool()
        pool.AddSerializedFile(self._file)
        self._classes: dict[str, Any] = {
            name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in table
        }

    @property
    def names(self) -> tuple[str, ...]:
        """Return what the messages are called."""
        return tuple(self._classes)

    def find_file(self, *, name: str = "", symbol: str = "") -> bytes | None:
        """Return the file that describes the package, serialized, if it is the one that is looked for.

        Args:
            name: of the file.
            symbol: whole name of a message, a field, the service or a method of it.
        """
        if name:
            return self._file if name == self._name else None
        return self._file if symbol in self._symbols else None

    def __getitem__(self, name: str) -> Any:
        """Return a message's class."""
        return self._classes[name]


def make_messages() -> Messages:
    """Return the messages of `inference.GRPCInferenceService`."""
    return Messages(PACKAGE, _MESSAGES, "GRPCInferenceService", _INFERENCE_METHODS)


def make_health() -> Messages:
    """Return the messages of `grpc.health.v1.Health`."""
    return Messages("grpc.health.v1", _HEALTH, "Health", _HEALTH_METHODS)


def make_reflections() -> tuple[Messages, ...]:
    """Return the messages of `ServerReflection`: of the version in force, and of the one that older clients speak."""
    return tuple(
        Messages(f"grpc.reflection.{version}", _REFLECTION, "ServerReflection", _REFLECTION_METHODS)
        for version in ("v1", "v1alpha")
    )


def _add_field(message: Any, path: str, prefix: str, written: str) -> None:
    number, name, kind = written.split()
    field = message.field.add(name=name, number=int(number.lstrip("|")), label=_Kinds.LABEL_OPTIONAL)
    if number.startswith("|"):
        if not message.oneof_decl:
            message.oneof_decl.add(name="parameter_choice")
        field.oneof_index = 0
    if kind[:2] in ("[]", "{}"):
        field.label = _Kinds.LABEL_REPEATED
    if kind.startswith("{}"):
        # A map is repeated entries of a key and a value, which the message declares itself.
        entry = message.nested_type.add(name=f"{''.join(part.capitalize() for part in name.split('_'))}Entry")
        entry.options.map_entry = True
        _add_field(entry, "", prefix, "1 key string")
        _add_field(entry, "", prefix, f"2 value {kind[2:]}")
        field.type, field.type_name = _Kinds.TYPE_MESSAGE, f"{path}.{entry.name}"
        return
    scalar = _SCALARS.get(kind.removeprefix("[]"))
    if scalar is None:
        field.type, field.type_name = _Kinds.TYPE_MESSAGE, prefix + kind.removeprefix("[]")
    else:
        field.type = scalar
