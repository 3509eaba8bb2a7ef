"""`python -m shipway.serving`: the server as a process of its own, the way a container starts it."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from shipway.core.error import ShipwayError
from shipway.serving.server import serve


def main(words: Sequence[str] | None = None) -> int:
    """Run the server and return its exit code: 0 stopped, 1 refused.

    Args:
        words: the words after the command; those of the process where None.
    """
    parser = argparse.ArgumentParser(prog="python -m shipway.serving", description="Serve the predictions of a project")
    parser.add_argument("--state", type=Path, default=Path(".shipway"), help="the project's folder of state")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0 for any that is free")
    parser.add_argument("--replay", action="store_true", help="let callers name the instant they ask for")
    parser.add_argument("--watch-stdin", action="store_true", help="stop when standard input ends")
    parser.add_argument("--files", default="", help="where bundles are kept if not there, such as s3://bucket/prefix")
    parser.add_argument(
        "--online", default="", help="where online stores are kept if not there, such as redis://host/0"
    )
    parser.add_argument("--providers", default="", help="what runs ONNX models, in order of preference: cuda,cpu")
    given = parser.parse_args(words)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        serve(
            given.state,
            host=given.host,
            port=given.port,
            replay=given.replay,
            watch_stdin=given.watch_stdin,
            files=given.files,
            online=given.online,
            providers=tuple(name for name in given.providers.split(",") if name),
        )
    except ShipwayError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
