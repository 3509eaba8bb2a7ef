"""`python -m shipway.serving`: the server as a process of its own, the way a container starts it."""

import argparse
import logging
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from shipway.core.error import ShipwayError
from shipway.kit.duration import parse_duration
from shipway.kit.size import parse_size
from shipway.serving.server import serve
from shipway.serving.setting import Settings


def main(words: Sequence[str] | None = None) -> int:
    """Run the server and return its exit code: 0 stopped, 1 refused.

    Args:
        words: the words after the command; those of the process where None.
    """
    parser = argparse.ArgumentParser(prog="python -m shipway.serving", description="Serve the predictions of a project")
    parser.add_argument("--state", type=Path, help="the project's folder of state; .shipway if bundles are not given")
    parser.add_argument("--bundles", type=Path, help="a folder of exported bundles, which need no project")
    parser.add_argument("--replay", action="store_true", help="let callers name the instant they ask for")
    parser.add_argument("--watch-stdin", action="store_true", help="stop when standard input ends")
    parser.add_argument("--files", default="", help="where bundles are kept if not there, such as s3://bucket/prefix")
    parser.add_argument(
        "--online", default="", help="where online stores are kept if not there, such as redis://host/0"
    )
    parser.add_argument("--unpickle", action="store_true", help="load models that are source and a pickle, and run it")
    said = "a public key, PEM, by one of which every bundle must be signed; may be given more than once"
    parser.add_argument("--signer", type=Path, action="append", default=[], help=said)
    parser.add_argument("--providers", default="", help="what runs ONNX models, in order of preference: cuda,cpu")
    parser.add_argument("--threads", type=_count, default=1, help="how many threads one prediction may use")
    _add_settings(parser)
    given = parser.parse_args(words)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    settings = Settings(
        host=given.host,
        port=given.port,
        grpc_port=given.grpc_port,
        socket=given.socket,
        keys=given.keys,
        certificate=given.certificate,
        private_key=given.private_key,
        clients=given.clients,
        queue=given.queue,
        wait_ms=given.wait // 1_000,
        per_model=given.per_model,
        timeout_ms=given.timeout // 1_000,
        body_bytes=given.body,
        connections=given.connections,
        patience_s=given.patience / 1e6,
        grace_s=given.grace / 1e6,
        traces=given.traces,
        traces_share=given.traces_share,
        traces_baggage=tuple(name for name in given.traces_baggage.split(",") if name),
        traces_name=given.traces_name,
    )
    try:
        with ExitStack() as stack:
            state = given.state or Path(".shipway")
            if given.state is None and given.bundles is not None:
                # Without a project nothing outlives the process, so neither does what it writes.
                state = Path(stack.enter_context(TemporaryDirectory(prefix="shipway-")))
            serve(
                state,
                settings,
                replay=given.replay,
                watch_stdin=given.watch_stdin,
                files=given.files,
                online=given.online,
                bundles=given.bundles,
                signers=given.signer,
                unpickle=given.unpickle,
                providers=tuple(name for name in given.providers.split(",") if name),
                threads=max(given.threads, 1),
            )
    except ShipwayError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _add_settings(parser: argparse.ArgumentParser) -> None:
    """Add what `Settings` says."""
    usual = Settings()
    add = parser.add_argument
    add("--host", default=usual.host, help="the address to listen on")
    add("--port", type=int, default=usual.port, help="0 for any that is free")
    add("--grpc-port", type=int, help="for gRPC, 0 for any that is free; without it there is none")
    add("--socket", type=Path, help="a Unix socket to listen on as well; it needs no key")
    add("--keys", type=Path, help="the file of keys; without it, whoever reaches the server may ask")
    add("--certificate", type=Path, help="the file with the certificate for TLS")
    add("--private-key", type=Path, help="the file with its key")
    add("--clients", type=Path, help="the file with the certificates that callers' own are signed by")
    add("--queue", type=_count, default=usual.queue, help="requests that may wait at a time")
    add("--wait", type=_span, default=usual.wait_ms * 1_000, help="for how long one may be expected to wait")
    add("--per-model", type=_count, default=usual.per_model, help="those of one model or service; 0 for no own bound")
    add("--timeout", type=_span, default=0, help="how long a caller waits that does not say so, such as 500ms")
    add("--body", type=_size, default=usual.body_bytes, help="size of a request's body at most, such as 8MB")
    add("--connections", type=_count, default=usual.connections, help="how many may be open")
    add("--patience", type=_span, default=30_000_000, help="how long sending a request may take, or reading an answer")
    add("--grace", type=_span, default=0, help="how long it says that it is not ready before it stops, such as 5s")

    said = "the collector of OpenTelemetry that traces are sent to; environment for the one its variables name"
    add("--traces", default="", help=said)
    add("--traces-share", type=_share, help="share of the requests that are traced whose callers do not decide it")
    add("--traces-baggage", default="", help="entries of callers' baggage that become attributes: tenant,region")
    add("--traces-name", default=usual.traces_name, help="what this server is called in traces")


def _share(text: str) -> float:
    share = float(text)
    if not 0.0 <= share <= 1.0:
        raise argparse.ArgumentTypeError(f"{text} is no share from 0 to 1")
    return share


def _count(text: str) -> int:
    count = int(text)
    if count < 0:
        raise argparse.ArgumentTypeError(f"{text} is no count")
    return count


def _span(text: str) -> int:
    try:
        us = parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if us < 0:
        raise argparse.ArgumentTypeError(f"{text} is before now")
    return us


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
