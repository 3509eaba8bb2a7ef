"""How routes answer: a value as JSON, a refusal with its status, and work that takes longer than a turn of the loop."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final

import msgspec

from shipway.core.error import ShipwayError
from shipway.serving.call import Call
from shipway.serving.lookup import list_numbers
from shipway.serving.refusal import UNFORESEEN, RefusedError, refuse, write_refusal

_ENCODE: Final = msgspec.json.Encoder(enc_hook=list_numbers).encode

Answers = dict[str, Callable[[Call], None]]
"""Method to what answers it."""

logger: Final = logging.getLogger(__name__)


class Tasks:
    """Calls that are answered in a later turn of the loop."""

    def __init__(self) -> None:
        """Start with none."""
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, call: Call, work: Coroutine[Any, Any, None]) -> None:
        """Start what answers a call; a refusal that it raises is the answer.

        Args:
            call: what is answered.
            work: answers it.
        """

        async def run() -> None:
            try:
                await work
            except RefusedError as refusal:
                say_no(call, refusal)
            except Exception:
                logger.exception("%s %s was not foreseen", call.method, call.path)
                say_unforeseen([call])

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def say_unforeseen(calls: Iterable[Call]) -> None:
    """Answer calls that have no answer because the server made a mistake, of which its log is told by the caller."""
    for call in calls:
        if not call.answered:
            call.answer(500, write_refusal(UNFORESEEN))


def say(call: Call, value: Any) -> None:
    """Answer with a value as JSON."""
    call.answer(200, _ENCODE(value))


def say_no(call: Call, refusal: RefusedError) -> None:
    """Answer with a refusal."""
    call.answer(refusal.status, write_refusal(refusal.error), headers=refusal.headers)


def require_json(call: Call, *, binary: bool = False, encoded: bool = False) -> None:
    """Refuse a body that says it is something else; one that says nothing is taken for JSON.

    Args:
        call: the request.
        binary: whether it may be called bytes, because tensors may follow the JSON; some clients call all theirs so.
        encoded: whether it may be compressed.

    Raises:
        RefusedError: 415.
    """
    if not encoded and call.headers.get("content-encoding", "identity").lower() != "identity":
        raise refuse(415, f"the body is encoded as {call.headers['content-encoding'][:50]!r}", "send it as it is")
    said = call.headers.get("content-type", "")
    kind = _read_kind(said)
    if is_json(said) or (binary and kind == "application/octet-stream"):
        return
    raise refuse(415, f"the body is {kind[:50]!r}", "send JSON, with the header content-type: application/json")


def is_json(said: str) -> bool:
    """Tell whether a header content-type names JSON, or nothing."""
    kind = _read_kind(said)
    return kind in ("", "application/json") or kind.endswith("+json")


def _read_kind(said: str) -> str:
    return said.partition(";")[0].strip().lower()


def wrong_method(call: Call, allowed: list[str]) -> RefusedError:
    """Return the refusal of a method that a path does not answer, 405."""
    names = ", ".join([*allowed, "HEAD"] if "GET" in allowed else allowed)
    error = ShipwayError("SW-802", f"{call.path[:200]} does not answer {call.method}", f"use {names}")
    return RefusedError(405, error, [("allow", names)])
