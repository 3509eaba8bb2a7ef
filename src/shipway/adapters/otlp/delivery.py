"""Spans on their way to a collector, by HTTP as OTLP asks for it.

https://opentelemetry.io/docs/specs/otlp/#otlphttp. What OpenTelemetry's environment variables say counts as far as the
project says nothing else: https://opentelemetry.io/docs/specs/otel/protocol/exporter/.
"""

import gzip
import os
import ssl
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from time import time
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from shipway.adapters.otlp.message import read_answer, write_spans
from shipway.core.error import ShipwayError
from shipway.core.span import Attribute, Span
from shipway.kit.version import VERSION
from shipway.ports.span import Delivery

_PREFIXES: Final = ("OTEL_EXPORTER_OTLP_TRACES_", "OTEL_EXPORTER_OTLP_")
_USUAL: Final = "http://localhost:4318"
_PATH: Final = "v1/traces"
_FILES: Final = ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")
_AGAIN: Final = (429, 502, 503, 504)
_MOST_SAID: Final = 1 << 16
"""Bytes of an answer that are read."""


class OtlpSpans:
    """Sends spans to a collector; it answers the port `Spans`."""

    def __init__(self, url: str = "", environment: Mapping[str, str] | None = None) -> None:
        """Find out where to send, and how.

        Args:
            url: of the collector, such as `http://collector:4318`; empty for what the environment says.
            environment: OpenTelemetry's variables; those of the process where None.

        Raises:
            ShipwayError: SW-102 for an address, a header, a compression, a protocol or a certificate that is not valid.
        """
        variables = os.environ if environment is None else environment
        self._url = _find_url(url, variables)
        protocol = _look(variables, "PROTOCOL", "http/protobuf")
        if protocol != "http/protobuf":
            raise _deny("PROTOCOL", f"is {protocol!r}, which is not spoken here", "set http/protobuf")
        compression = _look(variables, "COMPRESSION", "none")
        if compression not in ("none", "gzip"):
            raise _deny("COMPRESSION", f"is {compression!r}", "set gzip or none")
        self._packs = compression == "gzip"
        self._headers = {
            **_read_headers(_look(variables, "HEADERS", "")),
            "content-type": "application/x-protobuf",
            "user-agent": f"shipway/{VERSION}",
        }
        if self._packs:
            self._headers["content-encoding"] = "gzip"
        self._opener = _make_opener(variables, secure=self._url.startswith("https:"))

    @property
    def url(self) -> str:
        """Return where spans are sent."""
        return self._url

    def send(self, spans: Sequence[Span], resource: Mapping[str, Attribute], timeout_s: float) -> Delivery:
        """Send spans, and return what became of them."""
        body = write_spans(spans, resource, "shipway", VERSION)
        if self._packs:
            body = gzip.compress(body, 1)
        request = Request(self._url, body, self._headers, method="POST")
        try:
            with self._opener.open(request, timeout=timeout_s) as answer:
                rejected, said = read_answer(answer.read(_MOST_SAID))
            return Delivery(lost=min(rejected, len(spans)), error=said)
        except HTTPError as fault:
            with fault:
                again = _read_pause(fault.headers.get("retry-after")) if fault.code in _AGAIN else None
                return Delivery(lost=len(spans), error=f"{self._url} answered {fault.code}", again_s=again)
        except (OSError, HTTPException, ValueError) as fault:
            reason = fault.reason if isinstance(fault, URLError) else fault
            said = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
            return Delivery(lost=len(spans), error=f"{self._url} cannot be reached ({said})", again_s=0.0)

    def close(self) -> None:
        """Let go of what is held."""
        self._opener.close()


def _look(variables: Mapping[str, str], name: str, usual: str) -> str:
    """Return what a variable says: that of traces, or else that of everything."""
    return next((said for prefix in _PREFIXES if (said := variables.get(prefix + name, "").strip())), usual)


def _find_url(given: str, variables: Mapping[str, str]) -> str:
    whole = variables.get(f"{_PREFIXES[0]}ENDPOINT", "").strip()
    base = variables.get(f"{_PREFIXES[1]}ENDPOINT", "").strip() or _USUAL
    url = given or whole or base
    parts = urlsplit(url)
    try:
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        hint = "name a collector by its address for OTLP over HTTP, such as http://collector:4318"
        raise ShipwayError("SW-102", f"spans cannot be sent to {url!r}", hint)
    if (url == whole and not given) or parts.path.rstrip("/").endswith(_PATH):
        return url
    return f"{url.rstrip('/')}/{_PATH}"


def _read_headers(said: str) -> dict[str, str]:
    """Return headers, written as `name=value` with commas between them and values in percent-encoding."""
    headers: dict[str, str] = {}
    for part in said.split(","):
        name, is_pair, value = part.partition("=")
        name, value = name.strip().lower(), unquote(value.strip())
        if not part.strip():
            continue
        if not is_pair or not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
            raise _deny("HEADERS", f"holds {part[:30]!r}", "write name=value, and commas between several")
        if not value.isascii() or not value.isprintable():
            raise _deny("HEADERS", f"has a value for {name!r} that no header can carry", "send text in ASCII")
        headers[name] = value
    return headers


def _make_opener(variables: Mapping[str, str], *, secure: bool) -> OpenerDirector:
    """Return what sends requests; it follows no redirection, which would make of what is sent a question."""
    opener = OpenerDirector()
    handlers = ProxyHandler(), HTTPHandler(), HTTPErrorProcessor(), HTTPDefaultErrorHandler()
    for handler in (*handlers, HTTPSHandler(context=_trust(variables))) if secure else handlers:
        opener.add_handler(handler)
    return opener


def _trust(variables: Mapping[str, str]) -> ssl.SSLContext:
    """Return whom to trust, and what the collector is shown."""
    context = ssl.create_default_context()
    root, certificate, key = (_look(variables, name, "") for name in _FILES)
    try:
        if root:
            context.load_verify_locations(root)
        if certificate:
            context.load_cert_chain(certificate, key or None)
    except OSError as fault:
        said = getattr(fault, "strerror", None) or str(fault)
        raise _deny("CERTIFICATE", f"or that of the client cannot be used ({said})", "name files in PEM") from fault
    return context


def _read_pause(said: str | None) -> float:
    """Return for how many seconds a collector wants to be left alone."""
    if not said:
        return 0.0
    if said.isascii() and said.isdecimal():
        return float(said[:6])
    try:
        return max(parsedate_to_datetime(said).timestamp() - time(), 0.0)
    except (TypeError, ValueError):
        return 0.0


def _deny(name: str, fact: str, hint: str) -> ShipwayError:
    return ShipwayError("SW-102", f"{_PREFIXES[1]}{name} {fact}", hint)
