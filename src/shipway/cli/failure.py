"""How the command line says that something went wrong: a code, a fact, a hint, and an exit code a script can read."""

import tempfile
import traceback
from typing import Final

import msgspec

from shipway.core.error import ShipwayError

DONE: Final = 0
REFUSED: Final = 1
MISUSED: Final = 2
FAILED: Final = 3
HELD: Final = 4
IN_USE: Final = 5
INTERRUPTED: Final = 130
UNREAD: Final = 141
"""The reader of the answer went away before its end: what a shell says of a program that a closed pipe stopped."""
OUTCOMES: Final = {"pass": DONE, "fail": FAILED, "hold": HELD}
"""What a gate decided to the exit code of a command that asked it."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong.

    Attributes:
        code: `SW-NNN`; `usage` for a command that was written wrongly, `internal` for a mistake in shipway.
        fact: what is wrong, without a full stop.
        hint: what to do about it.
    """

    code: str
    fact: str
    hint: str


class UsageError(Exception):
    """A command that was written wrongly, with what to write instead."""

    def __init__(self, fact: str, hint: str) -> None:
        """Keep both parts."""
        super().__init__(fact, hint)
        self.fact = fact
        self.hint = hint


def explain(error: BaseException) -> tuple[Failure, int]:
    """Return what to say about an exception, and the exit code; one that nobody foresaw is written to a file."""
    match error:
        case ShipwayError():
            failure = Failure(code=error.code, fact=error.fact, hint=error.hint)
            return failure, IN_USE if error.code == "SW-603" else REFUSED
        case UsageError():
            return Failure(code="usage", fact=error.fact, hint=error.hint), MISUSED
        case KeyboardInterrupt():
            hint = "the same command continues where it stopped"
            return Failure(code="interrupted", fact="stopped by Ctrl-C", hint=hint), INTERRUPTED
        case _:
            return _explain_internal(error), REFUSED


def _explain_internal(error: BaseException) -> Failure:
    said = (str(error).strip().splitlines() or ["no message"])[0]
    fact = f"shipway did not foresee this: {type(error).__name__}: {said}"
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="shipway-crash-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            traceback.print_exception(error, file=file)
    except OSError as fault:
        hint = f"please report it; the details could not be written ({fault.strerror})"
        return Failure(code="internal", fact=fact, hint=hint)
    hint = f"please report it with the details in {file.name}; what was finished before is kept"
    return Failure(code="internal", fact=fact, hint=hint)
