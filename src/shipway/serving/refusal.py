"""How the server says no: a status code for callers, and the code, the fact and the hint of every error."""

from collections.abc import Sequence
from typing import Final

import msgspec

from shipway.core.error import ShipwayError

_ENCODE: Final = msgspec.json.Encoder().encode
_STATUS: Final = {"SW-104": 404, "SW-601": 507, "SW-803": 409}
"""Status codes of errors; any other is 503, because it is the server that cannot do what was asked of it."""

UNFORESEEN: Final = ShipwayError("SW-801", "the server did not foresee this", "its log says more; please report it")
"""What is answered where the server itself is wrong."""
LATE: Final = ShipwayError("SW-801", "the caller's time is over", "give it more time, or ask again later")
"""What is answered where nobody waits for the answer any more, or will not when it is there."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a refusal.

    Attributes:
        code: what is wrong, as stable as the table of errors.
        fact: one sentence.
        hint: what to do about it.
        error: the first two in one, where the Open Inference Protocol looks for the message.
    """

    code: str
    fact: str
    hint: str
    error: str


class RefusedError(Exception):
    """A request that is not answered with what was asked for.

    Attributes:
        status: the status code.
        error: what is wrong.
        headers: further headers of the answer.
    """

    def __init__(self, status: int, error: ShipwayError, headers: Sequence[tuple[str, str]] = ()) -> None:
        """Keep what to answer."""
        super().__init__(status, error)
        self.status = status
        self.error = error
        self.headers = headers


def refuse(status: int, fact: str, hint: str, *, code: str = "SW-802") -> RefusedError:
    """Return the refusal of a request that is not valid."""
    return RefusedError(status, ShipwayError(code, fact, hint))


def pass_on(error: ShipwayError) -> RefusedError:
    """Return the refusal of a request that was valid and cannot be answered all the same."""
    return RefusedError(_STATUS.get(error.code, 503), error)


def write_refusal(error: ShipwayError) -> bytes:
    """Return the body of a refusal."""
    said = f"{error.code} {error.fact}"
    return _ENCODE(Refusal(code=error.code, fact=error.fact, hint=error.hint, error=said))
