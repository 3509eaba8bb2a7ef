"""Vectors that callers sent, however they wrote them."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipway.serving.call import Call
from shipway.serving.encoding import inflate
from shipway.serving.inference import Question, read_question
from shipway.serving.model import LoadedBundle

MOST_BYTES: Final = 8 << 20
"""What a compressed body may become."""
INLINE_ROWS: Final = 64
"""Rows of one request that are predicted in the event loop; more would keep others waiting, and go to a thread."""
INLINE_BYTES: Final = 256 << 10
"""Bodies read in the event loop; larger ones go to a thread."""
Numbers: TypeAlias = list[float | None] | NDArray[np.float64]


class Sent(msgspec.Struct, eq=False, gc=False):
    """Vectors that a caller sent.

    Attributes:
        form: of the bundle that they were read for.
        rows: how many.
        numbers: row by row in that bundle's order of inputs: a list as it was sent, None for what is missing, or an
            array that is rounded already.
        id: the caller's id.
        parameters: of the request.
        question: what was asked, where the usual answer will not do.
    """

    form: str
    rows: int
    numbers: Numbers
    id: str | None = None
    parameters: Mapping[str, Any] = {}
    question: Question | None = None


def read_sent(call: Call, bundle: LoadedBundle, form: str) -> Sent:
    """Read the vectors of a request, whatever its shape.

    Args:
        call: the request.
        bundle: what is to predict them.
        form: of the bundle.

    Raises:
        RefusedError: as `read_question` does.
    """
    body = inflate(call.body, call.headers.get("content-encoding", ""), MOST_BYTES)
    question = read_question(body, call.headers, bundle)
    return Sent(form, question.rows, question.x, question.id, question.parameters, question)
