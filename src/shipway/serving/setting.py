"""What a server is started with: where it listens, what it takes and from whom."""

import resource
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CONTROL: Final = "server.sock"
"""Name of the Unix socket among the routings, by which this user's own commands reach a server that asks for keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a server is started with.

    Attributes:
        host: the address to listen on.
        port: the port; 0 for any that is free.
        grpc_port: the port for gRPC, 0 for any that is free; None where it is not to be spoken.
        socket: the Unix socket to listen on as well; None for the usual one, which is there with keys or TLS only.
        keys: the file of keys; without one, whoever reaches the server may ask.
        certificate: the file with the certificate for TLS.
        private_key: the file with its key.
        clients: the file with the certificates that callers' own are signed by.
        queue: requests that may wait at a time.
        wait_ms: for how long one may be expected to wait; 0 for any time.
        per_model: those of one model or service; 0 for no bound of its own.
        timeout_ms: how long a caller waits that does not say so; 0 for ever.
        body_bytes: size of a request's body at most.
        connections: how many may be open.
        patience_s: how long sending one request may take, and reading an answer.
        grace_s: how long the server says that it is not ready before it stops to listen.
        traces: the collector that spans are sent to, `environment` for the one OpenTelemetry's variables name; empty
            for none.
        traces_share: share of the requests that are traced whose caller says nothing of it; None for what
            OpenTelemetry's variables say, which is all of them if they say nothing.
        traces_baggage: entries of callers' baggage that become attributes.
        traces_name: what this server is called in traces.
    """

    host: str = "127.0.0.1"
    port: int = 0
    grpc_port: int | None = None
    socket: Path | None = None
    keys: Path | None = None
    certificate: Path | None = None
    private_key: Path | None = None
    clients: Path | None = None
    queue: int = 4_096
    wait_ms: int = 100
    per_model: int = 0
    timeout_ms: int = 0
    body_bytes: int = 8 << 20
    connections: int = 16_384
    patience_s: float = 30.0
    grace_s: float = 0.0
    traces: str = ""
    traces_share: float | None = None
    traces_baggage: tuple[str, ...] = ()
    traces_name: str = "shipway"

    def find_socket(self, folder: Path) -> Path | None:
        """Return the Unix socket to listen on.

        Args:
            folder: of the server's own files.
        """
        if self.socket is not None:
            return self.socket
        return folder / CONTROL if self.keys is not None or self.certificate is not None else None


def raise_file_limit() -> None:
    """Let the process open as many files as the system allows it: each connection is one."""
    with suppress(OSError, ValueError):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
