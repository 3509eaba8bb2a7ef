"""`shipway serve`."""

import os
import sys

from cyclopts import App

from shipway.app.project import STATE_FOLDER
from shipway.cli.door import Flag, Given
from shipway.core.serving import list_words

app = App(
    name="serve",
    help_epilogue="""\
Answers predictions over HTTP until it is stopped, by Ctrl-C or SIGTERM; what was accepted is answered and logged first

Which version answers is decided by releases; without one there is nothing to answer yet

Examples:
  shipway serve
  shipway serve --port 0 --replay""",
)


@app.default
def serve(
    *, host: str = "127.0.0.1", port: int = 8080, grpc_port: int | None = None, replay: Flag = False, door: Given
) -> None:
    """Answer predictions over HTTP, and over gRPC where a port is given for it.

    Args:
        host: the address to listen on
        port: the port to listen on; 0 takes any that is free
        grpc_port: the port for gRPC; 0 takes any that is free
        replay: let callers name the instant they ask for
        door: which project
    """
    project = door.project()
    state = project.root / STATE_FOLDER
    words = [sys.executable, "-P", "-m", "shipway.serving", "--state", str(state), "--host", host, "--port", str(port)]
    if files := project.config.storage.files:
        words += ["--files", files]
    if online := project.config.online.uri:
        words += ["--online", online]
    if project.config.security.unpickle:
        words.append("--unpickle")
    words += list_words(project.config.serving, project.root)
    words += ["--traces-name", project.config.project.name]
    if grpc_port is not None:
        words += ["--grpc-port", str(grpc_port)]
    if providers := project.config.resources.providers:
        words += ["--providers", ",".join(providers)]
    for key in project.signers:
        words += ["--signer", str(key)]
    if replay:
        words.append("--replay")
    sys.stdout.flush()
    # The prediction process holds nothing of the control plane, so it takes this one's place instead of its memory.
    os.execv(sys.executable, words)
