"""The questions a client asks, and how their answers are read: the same for the client that blocks and the other."""

import os
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar
from urllib.parse import quote

import msgspec

from shipway.client.answer import Features, IndexEntry, Inference, ModelInfo, Prediction, ServerInfo
from shipway.client.pursuit import Outcome, Question, Shared, Step, pursue
from shipway.client.tensor import HEADER, read_classes, read_tensors, write_tensors
from shipway.client.wire import Reply
from shipway.core.error import CODES, ShipwayError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Said = TypeVar("Said")

JSON: Final = "application/json"
_ENCODE: Final = msgspec.json.Encoder().encode
_PREDICTION: Final = msgspec.json.Decoder(Prediction)
_FEATURES: Final = msgspec.json.Decoder(Features)
_MODEL: Final = msgspec.json.Decoder(ModelInfo)
_SERVER: Final = msgspec.json.Decoder(ServerInfo)
_INDEX: Final = msgspec.json.Decoder(list[IndexEntry])
_HINT: Final = "see what answers at this address: GET /v2 names it"


class _Refusal(msgspec.Struct):
    code: str = ""
    fact: str = ""
    hint: str = ""
    error: str = ""


_REFUSAL: Final = msgspec.json.Decoder(_Refusal)


@dataclass(frozen=True, slots=True, eq=False)
class Call(Generic[Said]):
    """A question, and how its answer is read.

    Attributes:
        question: what is asked.
        read: returns what an answer says.
        silence: what it says that there is no answer; None where that is an error.
    """

    question: Question
    read: Callable[[Reply], Said]
    silence: Said | None = None


def follow(
    call: Call[Said], question: Question, shared: Shared, timeout_s: float | None
) -> Generator[Step, Outcome, Said]:
    """Ask until there is an answer, and return what it says; whoever drives this does the waiting.

    Args:
        call: what is asked.
        question: its question as it is sent.
        shared: of the client.
        timeout_s: how long it may take in all; as long as the policy says where None.

    Raises:
        ShipwayError: as the server refuses, or SW-801 where there is no answer in time.
    """
    given_s = shared.policy.timeout_s if timeout_s is None else timeout_s
    try:
        reply = yield from pursue(question, shared, given_s)
    except ShipwayError:
        if call.silence is None:
            raise
        return call.silence
    return call.read(reply)


class Ids:
    """Ids for requests that have none: a question that is sent twice has one, so that it counts once in the log."""

    def __init__(self) -> None:
        """Begin a sequence that no other client has."""
        self._start = os.urandom(6).hex()
        self._numbers = count(1)

    def give(self) -> str:
        """Return the next id."""
        return f"{self._start}-{next(self._numbers)}"


def ask_prediction(service: str, row: Mapping[str, Any], request: str, at: int | str | None) -> Call[Prediction]:
    """Return the call for a prediction by key."""
    body = {"row": row, "request": request} if at is None else {"row": row, "request": request, "at": at}
    question = Question("POST", f"/v1/predict/{name_path(service)}", _encode(body), JSON)
    return Call(question, lambda reply: _read(reply, _PREDICTION))


def ask_features(
    name: str, rows: Mapping[str, Any] | Sequence[Mapping[str, Any]], at: int | str | None
) -> Call[Features]:
    """Return the call for features by key."""
    body: dict[str, Any] = {"rows": rows} if at is None else {"rows": rows, "at": at}
    question = Question("POST", f"/v1/features/{name_path(name)}", _encode(body), JSON)
    return Call(question, lambda reply: _read(reply, _FEATURES))


def ask_inference(
    model: str,
    inputs: "Mapping[str, ArrayLike]",
    *,
    version: int | str | None,
    outputs: Sequence[str],
    request: str,
    binary: bool | None,
) -> Call[Inference]:
    """Return the call for what a model says of tensors."""
    body, length = write_tensors(inputs, request=request, outputs=outputs, binary=binary)
    headers = b"" if length is None else f"{HEADER}: {length}\r\n".encode("ascii")
    kind = JSON if length is None else "application/octet-stream"
    return Call(Question("POST", f"{model_path(model, version)}/infer", body, kind, headers), _read_inference)


def ask_live() -> Call[bool]:
    """Return the call for whether a server answers at all."""
    return Call(Question("GET", "/v2/health/live", patient=False), _read_health, silence=False)


def ask_ready(model: str | None) -> Call[bool]:
    """Return the call for whether a server is ready, or one of its models."""
    path = "/v2/health/ready" if model is None else f"{model_path(model, None)}/ready"
    return Call(Question("GET", path, patient=False), _read_health, silence=False)


def ask_server() -> Call[ServerInfo]:
    """Return the call for what a server says of itself."""
    return Call(Question("GET", "/v2"), lambda reply: _read(reply, _SERVER))


def ask_model(model: str, version: int | str | None) -> Call[ModelInfo]:
    """Return the call for what a server says of a model."""
    return Call(Question("GET", model_path(model, version)), lambda reply: _read(reply, _MODEL))


def ask_index() -> Call[list[IndexEntry]]:
    """Return the call for the models of a server's repository."""
    question = Question("POST", "/v2/repository/index", b"{}", JSON)
    return Call(question, lambda reply: _read(reply, _INDEX))


def _read_health(reply: Reply) -> bool:
    """Return whether a server, or a model, is well; an error for whoever may not ask, or asks for what is not there."""
    if reply.status < 300:
        return True
    if reply.status < 500:
        raise read_refusal(reply)
    return False


def _read_inference(reply: Reply) -> Inference:
    """Return what a model says of tensors."""
    if reply.status >= 300:
        raise read_refusal(reply)
    length = reply.header(HEADER)
    try:
        answer, outputs = read_tensors(reply.body, None if length is None else int(length))
    except ValueError as error:
        raise ShipwayError("SW-801", str(error), _HINT) from error
    return Inference(
        model=answer.model_name,
        version=answer.model_version,
        id=answer.id,
        outputs=outputs,
        parameters=answer.parameters,
        classes=read_classes(answer),
    )


def read_refusal(reply: Reply) -> ShipwayError:
    """Return the error that a server refuses with: its own code, fact and hint where it is shipway's."""
    status = reply.status
    code = "SW-802" if 400 <= status < 500 else "SW-801"
    try:
        said = _REFUSAL.decode(reply.body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ShipwayError(code, f"the server answered with status {status}", _HINT)
    if said.code in CODES and said.fact:
        return ShipwayError(said.code, said.fact, said.hint or _HINT)
    # Another server of the protocol, or a newer shipway with a code of which this one does not know.
    fact = " ".join(part for part in (said.code, said.fact or said.error.rstrip(".")) if part)
    return ShipwayError(code, fact or f"the server answered with status {status}", said.hint or _HINT)


def name_path(name: str) -> str:
    """Return a name as it stands in a path; SW-802 for none."""
    if not name:
        raise ShipwayError("SW-802", "the name of what is asked is empty", "name a service or a model")
    return quote(name, safe="")


def model_path(model: str, version: int | str | None) -> str:
    """Return the path of a model, or of a version of it."""
    path = f"/v2/models/{name_path(model)}"
    return path if version is None else f"{path}/versions/{name_path(str(version))}"


def _encode(body: Any) -> bytes:
    try:
        return _ENCODE(body)
    except TypeError as error:
        said = str(error)
        fact = f"the question cannot be written: {said[:1].lower()}{said[1:]}"
        hint = "send numbers, texts, truths and None; of a NumPy number its item()"
        raise ShipwayError("SW-802", fact, hint) from error


def _read(reply: Reply, decoder: "msgspec.json.Decoder[Said]") -> Said:
    if reply.status >= 300:
        raise read_refusal(reply)
    try:
        return decoder.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ShipwayError("SW-801", f"the answer does not fit: {error}", _HINT) from error
