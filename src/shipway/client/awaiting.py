"""The client for an event loop: the same questions and answers, awaited."""

import asyncio
from collections.abc import Mapping, Sequence
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any

from shipway.client.answer import Features, IndexEntry, Inference, ModelInfo, Prediction, ServerInfo
from shipway.client.asking import (
    Call,
    Ids,
    Said,
    ask_features,
    ask_index,
    ask_inference,
    ask_live,
    ask_model,
    ask_prediction,
    ask_ready,
    ask_server,
    follow,
)
from shipway.client.context import add_context
from shipway.client.opening import open_shared, open_tls
from shipway.client.policy import Policy
from shipway.client.pursuit import Outcome, Pause
from shipway.client.stream import Streams
from shipway.client.writing import Writer

if TYPE_CHECKING:
    import ssl

    from numpy.typing import ArrayLike


class AsyncClient:
    """Asks servers of models from an event loop; one client belongs to one loop, and any number of tasks."""

    def __init__(
        self,
        *urls: str,
        policy: Policy | None = None,
        api_key: str | None = None,
        tls: "ssl.SSLContext | None" = None,
        connections: int = 64,
    ) -> None:
        """Keep where to ask; nothing is connected before the first question.

        Args:
            urls: the server, or several that give the same answers.
            policy: how patient it is.
            api_key: sent with every question; None for none.
            tls: how TLS is spoken to `https` addresses; as the system trusts where None.
            connections: how many to keep open for each server; more are opened where more is asked at once.

        Raises:
            ShipwayError: SW-802 for what is no URL of a server, or a key that no header can carry.
        """
        self._shared = open_shared(urls, policy or Policy(), monotonic)
        self._streams = Streams(Writer(api_key), open_tls(self._shared, tls), connections)
        self._ids = Ids()

    async def __aenter__(self) -> "AsyncClient":
        """Return the client, which is closed when the block ends."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the client."""
        self.close()
        await asyncio.sleep(0)  # lets the loop forget the connections before it may be closed itself

    async def predict(
        self,
        service: str,
        row: Mapping[str, Any],
        *,
        request: str | None = None,
        at: int | str | None = None,
        timeout_s: float | None = None,
    ) -> Prediction:
        """Return a prediction by key.

        Args:
            service: who is asked.
            row: the row's key, and what its features read of the row itself.
            request: your id for it; the client makes one where None.
            at: the instant asked for; only where the server was started with `--replay`.
            timeout_s: how long it may take in all, in place of the policy's.

        Raises:
            ShipwayError: as the server refuses, or SW-801 where there is no answer in time.
        """
        return await self._ask(ask_prediction(service, row, request or self._ids.give(), at), timeout_s)

    async def features(
        self,
        name: str,
        rows: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        at: int | str | None = None,
        timeout_s: float | None = None,
    ) -> Features:
        """Return the features of one row or several.

        Args:
            name: a feature view, or a model for all of its features.
            rows: the keys, and what features read of the row itself.
            at: as for a prediction.
            timeout_s: as for a prediction.

        Raises:
            ShipwayError: as for a prediction.
        """
        return await self._ask(ask_features(name, rows, at), timeout_s)

    async def infer(
        self,
        model: str,
        inputs: "Mapping[str, ArrayLike]",
        *,
        version: int | str | None = None,
        outputs: Sequence[str] = (),
        request: str | None = None,
        binary: bool | None = None,
        timeout_s: float | None = None,
    ) -> Inference:
        """Return what a model says of tensors, by the Open Inference Protocol.

        Args:
            model: who is asked: a model, or a service.
            inputs: name to values; None and NaN are missing values.
            version: of the model; the server chooses where None.
            outputs: those asked for; all of them where empty.
            request: your id for it; the client makes one where None.
            binary: whether tensors follow the JSON in binary; those with many numbers do where None.
            timeout_s: as for a prediction.

        Raises:
            ShipwayError: as for a prediction; SW-802 for values that are no tensor.
        """
        request = request or self._ids.give()
        call = ask_inference(model, inputs, version=version, outputs=outputs, request=request, binary=binary)
        return await self._ask(call, timeout_s)

    async def live(self, *, timeout_s: float | None = None) -> bool:
        """Return whether a server answers at all."""
        return await self._ask(ask_live(), timeout_s)

    async def ready(self, model: str | None = None, *, timeout_s: float | None = None) -> bool:
        """Return whether a server can predict with everything it routes to, or one of its models can."""
        return await self._ask(ask_ready(model), timeout_s)

    async def server(self, *, timeout_s: float | None = None) -> ServerInfo:
        """Return what the server says of itself."""
        return await self._ask(ask_server(), timeout_s)

    async def model(self, name: str, *, version: int | str | None = None, timeout_s: float | None = None) -> ModelInfo:
        """Return a model's inputs, outputs and versions."""
        return await self._ask(ask_model(name, version), timeout_s)

    async def index(self, *, timeout_s: float | None = None) -> list[IndexEntry]:
        """Return the models of the server's repository."""
        return await self._ask(ask_index(), timeout_s)

    def close(self) -> None:
        """Close the connections that are kept; closing twice does no harm."""
        self._streams.close()

    async def _ask(self, call: Call[Said], timeout_s: float | None) -> Said:
        """Do what following a call asks for, which is to wait and to send."""
        question = add_context(call.question)
        steps = follow(call, question, self._shared, timeout_s)
        outcome: Outcome = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as end:
                return end.value
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
                outcome = None
            else:
                outcome = await self._streams.run(question, step)
