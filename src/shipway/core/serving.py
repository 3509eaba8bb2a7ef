"""How a project is served: the section of shipway.toml, and what is refused in it."""

from pathlib import Path
from typing import Annotated, Final

import msgspec

from shipway.core.error import ShipwayError
from shipway.kit.duration import parse_duration
from shipway.kit.size import parse_size

_COUNTS: Final = ("queue", "connections", "threads")
_TIMES: Final = ("wait", "timeout", "patience", "grace")
Count = Annotated[int, msgspec.Meta(ge=1)]


class ServingSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a server takes, from whom, and how it ends.

    Attributes:
        keys: the file of keys; without one, whoever reaches the server may ask.
        certificate: the file with the certificate, and those that lead to its root; without one, no TLS is spoken.
        private_key: the file with the certificate's key.
        clients: the file with the certificates that callers' own are signed by; without one, callers need none.
        socket: the Unix socket to listen on as well.
        queue: requests that may wait at a time.
        wait: for how long one may be expected to wait, such as `100ms`; `0s` for any time.
        per_model: those of one model or service; 0 for no bound of its own.
        timeout: how long a caller waits that does not say so, such as `500ms`; empty for ever.
        body: size of a request's body at most, such as `8MB`.
        connections: how many may be open.
        threads: how many threads one prediction may use; large batches of large models gain from more than one.
        patience: how long sending one request may take, and reading an answer, such as `30s`.
        grace: how long the server says that it is not ready before it stops to listen, such as `5s`.
        traces: the collector that spans are sent to, such as `http://127.0.0.1:4318`; `environment` for the one that
            OpenTelemetry's variables name; empty for none.
        traces_share: share of the requests that are traced whose caller says nothing of it.
        traces_baggage: entries of callers' baggage that become attributes.
    """

    keys: str = ""
    certificate: str = ""
    private_key: str = ""
    clients: str = ""
    socket: str = ""
    queue: Count = 4_096
    wait: str = "100ms"
    per_model: Annotated[int, msgspec.Meta(ge=0)] = 0
    timeout: str = ""
    body: str = "8MB"
    connections: Count = 16_384
    threads: Count = 1
    patience: str = "30s"
    grace: str = "0s"
    traces: str = ""
    traces_share: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    traces_baggage: tuple[str, ...] = ()


def check_serving(section: ServingSection) -> None:
    """Refuse what no server can keep to.

    Raises:
        ShipwayError: SW-102, naming the field.
    """
    for name in _TIMES:
        text = getattr(section, name)
        try:
            us = parse_duration(text or "0s")
        except ValueError as error:
            raise ShipwayError(
                "SW-102", f"shipway.toml: serving.{name}: {error}", "write such as 500ms or 5s"
            ) from error
        if us < 0 or us % 1_000:
            raise ShipwayError("SW-102", f"shipway.toml: serving.{name} is {text}", "write whole milliseconds")
    try:
        parse_size(section.body)
    except ValueError as error:
        raise ShipwayError("SW-102", f"shipway.toml: serving.body: {error}", "write such as 8MB") from error
    if bool(section.certificate) != bool(section.private_key):
        raise ShipwayError(
            "SW-102", "shipway.toml: serving has half of what TLS needs", "name certificate and private_key"
        )
    if section.traces not in ("", "environment") and not section.traces.startswith(("http://", "https://")):
        raise ShipwayError(
            "SW-102", f"shipway.toml: serving.traces is {section.traces!r}", "write such as http://collector:4318"
        )
    if any(not name or "," in name for name in section.traces_baggage):
        raise ShipwayError("SW-102", "shipway.toml: serving.traces_baggage has a name that is none", "name an entry")
    if section.clients and not section.certificate:
        raise ShipwayError(
            "SW-102", "shipway.toml: serving.clients without TLS", "name certificate and private_key too"
        )


def list_words(section: ServingSection, root: Path) -> list[str]:
    """Return the words that tell `python -m shipway.serving` what a section says; what is usual is left away.

    Args:
        section: as it was checked.
        root: the project's folder, which files are named from.
    """
    words: list[str] = []
    for name in ("keys", "certificate", "private_key", "clients", "socket"):
        if path := getattr(section, name):
            words += [f"--{name.replace('_', '-')}", str(root / path)]
    for name in (*_COUNTS, "per_model", *_TIMES, "body", "traces", "traces_share"):
        value = getattr(section, name)
        if value != getattr(ServingSection(), name):
            words += [f"--{name.replace('_', '-')}", str(value)]
    if section.traces_baggage:
        words += ["--traces-baggage", ",".join(section.traces_baggage)]
    return words
