"""A question as the bytes that go to a server."""

from typing import Final

from shipway.client.endpoint import Endpoint
from shipway.client.pursuit import Question
from shipway.core.error import ShipwayError
from shipway.kit.version import VERSION

TIMEOUT: Final = "request-timeout"
"""Header that says how many milliseconds the caller still waits."""
_KNOWN: Final = 1_024
"""Beginnings that are remembered; a client that makes up more paths only writes them anew."""


class Writer:
    """Writes questions; what does not change between two of them is written once."""

    def __init__(self, api_key: str | None) -> None:
        """Keep what every question says.

        Args:
            api_key: sent as a bearer token; None for none.

        Raises:
            ShipwayError: SW-802 for a key that no header can carry.
        """
        if api_key is not None and not (api_key.isascii() and api_key.isprintable() and api_key.strip() == api_key):
            raise ShipwayError("SW-802", "the key has letters that no header can carry", "give it as it was made")
        key = f"authorization: Bearer {api_key}\r\n" if api_key else ""
        self._lines = f"user-agent: shipway/{VERSION}\r\n{key}".encode("ascii")
        self._heads: dict[tuple[Endpoint, str, str, str], bytes] = {}

    def write(self, question: Question, endpoint: Endpoint, left_s: float) -> bytes:
        """Return a question as bytes.

        Args:
            question: what is asked.
            endpoint: whom.
            left_s: how long the caller still waits.
        """
        named = (endpoint, question.method, question.path, question.kind)
        head = self._heads.get(named)
        if head is None:
            kind = f"content-type: {question.kind}\r\n" if question.kind else ""
            line = (
                f"{question.method} {endpoint.prefix}{question.path} HTTP/1.1\r\nhost: {endpoint.authority}\r\n{kind}"
            )
            if len(self._heads) >= _KNOWN:
                self._heads.clear()
            head = self._heads[named] = f"{line}host: {endpoint.authority}\r\n{kind}".encode("ascii") + self._lines
        left_ms = max(int(left_s * 1e3), 1)
        rest = f"{TIMEOUT}: {left_ms}\r\ncontent-length: {len(question.body)}\r\n\r\n".encode("ascii")
        return head + question.headers + rest + question.body
