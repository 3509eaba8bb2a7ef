"""The trace that the caller is in, told to the server, where the caller's process uses OpenTelemetry."""

import sys
from dataclasses import replace
from importlib import import_module
from typing import Final

from shipway.client.pursuit import Question

_USED: Final = "opentelemetry.trace"
"""What a process that is traced has loaded; the client brings nothing of it."""
_WRITER: Final = "opentelemetry.propagate"


def add_context(question: Question) -> Question:
    """Return a question with the headers of the present trace, as the process's own propagators write them."""
    if _USED not in sys.modules:
        return question
    carrier: dict[str, str] = {}
    import_module(_WRITER).inject(carrier)
    lines = [f"{name}: {value}\r\n" for name, value in carrier.items() if value.isascii() and value.isprintable()]
    return replace(question, headers=question.headers + "".join(lines).encode("ascii")) if lines else question
