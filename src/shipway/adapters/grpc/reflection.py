"""What a server's services are, for clients that ask it, as grpcurl does: https://grpc.io/docs/guides/reflection.

The messages are those of the server, so what is told is what is read. The library grpcio-reflection is not what tells
it: each of its releases asks for the newest protobuf, which the clients of the Open Inference Protocol do not take.
"""

from collections.abc import Sequence
from typing import Any, Final

import grpc

from shipway.adapters.grpc.message import Messages

_grpc: Final[Any] = grpc
_NOT_FOUND: Final[int] = _grpc.StatusCode.NOT_FOUND.value[0]
_INVALID: Final[int] = _grpc.StatusCode.INVALID_ARGUMENT.value[0]


def describe(request: Any, messages: Messages, packages: Sequence[Messages]) -> Any:
    """Return the answer to one question.

    Args:
        request: a `ServerReflectionRequest`.
        messages: those of the version that it is asked in.
        packages: all that the server answers.
    """
    answer = messages["ServerReflectionResponse"](valid_host=request.host, original_request=request)
    match request.WhichOneof("parameter_choice"):
        case "list_services":
            for name in sorted(package.service for package in packages):
                answer.list_services_response.service.add(name=name)
        case "file_by_filename":
            _answer_file(answer, [package.find_file(name=request.file_by_filename) for package in packages])
        case "file_containing_symbol":
            _answer_file(answer, [package.find_file(symbol=request.file_containing_symbol) for package in packages])
        case "all_extension_numbers_of_type" if any(
            package.find_file(symbol=request.all_extension_numbers_of_type) for package in packages
        ):
            # No message of these packages has extensions.
            answer.all_extension_numbers_response.base_type_name = request.all_extension_numbers_of_type
        case None:
            _refuse(answer, _INVALID, "nothing is asked for")
        case _:
            _refuse(answer, _NOT_FOUND, "there is no such extension")
    return answer


def _answer_file(answer: Any, files: Sequence[bytes | None]) -> None:
    found = [file for file in files if file is not None]
    if found:
        answer.file_descriptor_response.file_descriptor_proto.extend(found)
    else:
        _refuse(answer, _NOT_FOUND, "there is no such file, service or message")


def _refuse(answer: Any, code: int, fact: str) -> None:
    answer.error_response.error_code, answer.error_response.error_message = code, fact
