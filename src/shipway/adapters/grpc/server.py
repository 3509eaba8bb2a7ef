"""A gRPC server on the loop of the web server: what it is asked goes the way of every other request.

It answers `inference.GRPCInferenceService` and `grpc.health.v1.Health`, and tells clients what these are. A handler is
given a call as the web server's is, with the path that asks the same over HTTP.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import Any, Final

import grpc
import msgspec

from shipway.adapters.grpc.call import Call
from shipway.adapters.grpc.message import METHODS, PACKAGE, Messages, make_health, make_messages, make_reflections
from shipway.adapters.grpc.reflection import describe
from shipway.adapters.grpc.translation import Asked, Said, read_inferred, read_reply, write_inference, write_request
from shipway.core.error import ShipwayError
from shipway.core.inference import RPC_CODES

SERVICE: Final = f"{PACKAGE}.GRPCInferenceService"
HEALTH: Final = "grpc.health.v1.Health"
MOST_BYTES: Final = 8 << 20
"""Size of a message that is read."""
_WATCH_S: Final = 1.0
_SERVING, _NOT_SERVING = 1, 2
_ROUND: Final = ("ModelInfer", "ModelStreamInfer")
_grpc: Final[Any] = grpc
_Code: Final[Any] = _grpc.StatusCode
_CODES: Final = {status: getattr(_Code, name) for status, name in RPC_CODES.items()}
"""What statuses of HTTP are called here."""


class GrpcInference:
    """Answers inference over gRPC on the running event loop."""

    def __init__(
        self,
        handle: Callable[[Any], None],
        *,
        most_bytes: int = MOST_BYTES,
        certificate: bytes = b"",
        private_key: bytes = b"",
        clients: bytes = b"",
    ) -> None:
        """Keep what answers; nothing listens yet.

        Args:
            handle: is given each request, as the web server's is.
            most_bytes: size of a message that is read.
            certificate: the server's, PEM, for TLS; without one there is none.
            private_key: its key.
            clients: callers need a certificate that one of these signed; empty for none.
        """
        self._handle = handle
        self._messages = make_messages()
        self._checks = make_health()
        self._reflections = make_reflections()
        self._most_bytes = most_bytes
        self._credentials: Any = None
        self._renewed: Any = None
        if certificate:
            self._credentials = _grpc.dynamic_ssl_server_credentials(
                _make_certificates(certificate, private_key, clients),
                self._take_renewed,
                require_client_authentication=bool(clients),
            )
        self._server: Any = None

    def renew(self, *, certificate: bytes, private_key: bytes, clients: bytes = b"") -> None:
        """Let new connections see other certificates; those that are open stay as they are.

        Args:
            certificate: the server's, PEM.
            private_key: its key.
            clients: callers need a certificate that one of these signed, if they needed one before.
        """
        self._renewed = _make_certificates(certificate, private_key, clients)

    async def listen(self, host: str, port: int) -> int:
        """Start to listen and return the port.

        Args:
            host: the address to listen on.
            port: 0 for any that is free.

        Raises:
            ShipwayError: SW-801 if the address is taken, or not one of this machine.
        """
        limits = [
            ("grpc.max_receive_message_length", self._most_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),
        ]
        server = self._server = _grpc.aio.server(options=limits)
        reflections = [self._list_reflections(messages) for messages in self._reflections]
        server.add_generic_rpc_handlers((self._list_handlers(), self._list_checks(), *reflections))
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            if self._credentials is None:
                bound = server.add_insecure_port(place)
            else:
                bound = server.add_secure_port(place, self._credentials)
        except RuntimeError as fault:
            hint = "choose another port, or 0 for any that is free"
            raise ShipwayError("SW-801", f"cannot listen on {place} for gRPC", hint) from fault
        await server.start()
        return int(bound)

    async def close(self, *, grace_s: float) -> None:
        """Stop listening, answer what was asked, and close every connection.

        Args:
            grace_s: how long calls in the middle of something may take.
        """
        if self._server is not None:
            await self._server.stop(grace_s)

    def _list_handlers(self) -> Any:
        handlers: dict[str, Any] = {}
        for method in METHODS:
            if method not in _ROUND:
                read = self._messages[f"{method}Request"].FromString
                handlers[method] = _answer_one(self._make_answer(method), read)
        read = self._messages["ModelInferRequest"].FromString
        handlers["ModelInfer"] = _answer_one(self._infer, read)
        handlers["ModelStreamInfer"] = _grpc.stream_stream_rpc_method_handler(
            self._infer_stream, request_deserializer=read, response_serializer=_serialize
        )
        return _grpc.method_handlers_generic_handler(SERVICE, handlers)

    def _list_checks(self) -> Any:
        read = self._checks["HealthCheckRequest"].FromString
        watch = _grpc.unary_stream_rpc_method_handler(
            self._watch, request_deserializer=read, response_serializer=_serialize
        )
        return _grpc.method_handlers_generic_handler(HEALTH, {"Check": _answer_one(self._check, read), "Watch": watch})

    def _list_reflections(self, messages: Messages) -> Any:
        packages = (self._messages, self._checks, *self._reflections)

        async def tell(requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
            # Whoever may read the document of the routes may know of these.
            asked = Asked("GET", "/openapi.json")
            said = await self._ask(asked, context, "ServerReflectionInfo", service=messages.service)
            if said.status != HTTPStatus.OK:
                await _abort(said, context)
            async for request in requests:
                yield describe(request, messages, packages)

        handler = _grpc.stream_stream_rpc_method_handler(
            tell,
            request_deserializer=messages["ServerReflectionRequest"].FromString,
            response_serializer=_serialize,
        )
        return _grpc.method_handlers_generic_handler(messages.service, {"ServerReflectionInfo": handler})

    def _take_renewed(self) -> Any:
        """Return certificates that came since the last connection, None where there are none; any thread may ask."""
        renewed, self._renewed = self._renewed, None
        return renewed

    def _make_answer(self, method: str) -> Callable[[Any, Any], Any]:
        async def answer(message: Any, context: Any) -> Any:
            said = await self._ask(write_request(method, message), context, method)
            if method in ("ServerReady", "ModelReady") and said.status in (200, 404, 503):
                return self._messages[f"{method}Response"](ready=said.status == HTTPStatus.OK)
            if said.status != HTTPStatus.OK:
                await _abort(said, context)
            return read_reply(method, said, self._messages)

        return answer

    async def _infer(self, message: Any, context: Any) -> Any:
        said = await self._ask_inference(message, context, "ModelInfer")
        if said.status != HTTPStatus.OK:
            await _abort(said, context)
        return read_inferred(said, self._messages, typed=not message.raw_input_contents)

    async def _infer_stream(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        """Answer each request of a stream in its turn; one that is refused is told why, and the next is taken."""
        async for message in requests:
            said = await self._ask_inference(message, context, "ModelStreamInfer")
            answer = self._messages["ModelStreamInferResponse"]()
            if said.status == HTTPStatus.OK:
                raw = bool(message.raw_input_contents)
                answer.infer_response.CopyFrom(read_inferred(said, self._messages, typed=not raw))
            else:
                answer.error_message = _explain(said)
                answer.infer_response.id = message.id
                answer.infer_response.model_name = message.model_name
            # Clients that let a request have several answers look for the last one.
            answer.infer_response.parameters["triton_final_response"].bool_param = True
            yield answer

    async def _ask_inference(self, message: Any, context: Any, method: str) -> Said:
        try:
            asked = write_inference(message)
        except ValueError as error:
            refusal = {"error": f"SW-802 {error}"}
            return Said(HTTPStatus.UNPROCESSABLE_ENTITY, msgspec.json.encode(refusal), {})
        return await self._ask(asked, context, method)

    async def _check(self, message: Any, context: Any) -> Any:
        if message.service not in ("", SERVICE, HEALTH):
            await context.abort(_Code.NOT_FOUND, f"there is no service {message.service!r}, but {SERVICE}")
        return self._checks["HealthCheckResponse"](status=await self._look(context))

    async def _watch(self, message: Any, context: Any) -> AsyncIterator[Any]:
        before = None
        while True:
            now = (await self._check(message, context)).status
            if now != before:
                before = now
                yield self._checks["HealthCheckResponse"](status=now)
            await asyncio.sleep(_WATCH_S)

    async def _look(self, context: Any) -> int:
        said = await self._ask(Asked("GET", "/v2/health/ready"), context, "Check", service=HEALTH, endless=True)
        return _SERVING if said.status == HTTPStatus.OK else _NOT_SERVING

    async def _ask(
        self, asked: Asked, context: Any, method: str, *, service: str = SERVICE, endless: bool = False
    ) -> Said:
        metadata = {name: value for name, value in context.invocation_metadata() or () if isinstance(value, str)}
        remaining_s = None if endless else context.time_remaining()
        call = Call(asked, metadata, remaining_s, rpc=f"{service}/{method}")
        self._handle(call)
        return await call.wait()


def _make_certificates(certificate: bytes, private_key: bytes, clients: bytes) -> Any:
    return _grpc.ssl_server_certificate_configuration([(private_key, certificate)], clients or None)


def _answer_one(answer: Callable[[Any, Any], Any], read: Callable[[bytes], Any]) -> Any:
    return _grpc.unary_unary_rpc_method_handler(answer, request_deserializer=read, response_serializer=_serialize)


def _serialize(message: Any) -> bytes:
    return message.SerializeToString()


def _explain(said: Said) -> str:
    return str(msgspec.json.decode(said.body)["error"])


async def _abort(said: Said, context: Any) -> None:
    more = tuple((name, said.headers[name]) for name in ("retry-after",) if name in said.headers)
    await context.abort(_CODES.get(said.status, _Code.UNKNOWN), _explain(said), more)
