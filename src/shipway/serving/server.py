"""The prediction process: from a folder of state to a server that answers, and back to a clean end."""

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from shipway.core.error import ShipwayError
from shipway.kit.canonical import canonical_json
from shipway.kit.file import hold_lock, lock_holder, make_folder, write_atomic
from shipway.ports.adapter import load_adapter
from shipway.ports.clock import Clock, Stopwatch
from shipway.serving.batch import Batcher
from shipway.serving.loader import Loader
from shipway.serving.log import LogWriter
from shipway.serving.lookup import Lookup
from shipway.serving.meter import Counts, Waits
from shipway.serving.route import Router
from shipway.serving.routing import ADDRESS, RoutingTable

FOLDER: Final = "serving"
"""Folder of the routings and the address, below the project's folder of state."""
SEAL_S: Final = 2.0
"""How long a row waits in memory before it is on its way to the log."""
GRACE_S: Final = 5.0
"""How long a stopping server waits for clients in the middle of something, and then for its log."""

_SWITCH_S: Final = 0.0005

logger: Final = logging.getLogger(__name__)


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a server listens.

    Attributes:
        pid: the process.
        port: the port.
        url: what paths are appended to.
    """

    pid: int
    port: int
    url: str


def serve(
    state: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    replay: bool = False,
    watch_stdin: bool = False,
    files: str = "",
    online: str = "",
    providers: Sequence[str] = (),
) -> None:
    """Serve a project until the process is told to stop by SIGTERM or SIGINT.

    What was accepted is answered and logged before the function returns.

    Args:
        state: the project's folder of state.
        host: the address to listen on.
        port: 0 for any that is free.
        replay: whether callers may name the instant they ask for.
        watch_stdin: whether to stop when standard input ends, so as not to outlive a parent.
        files: where bundles are kept if not in the folder of state, such as `s3://bucket/prefix`.
        online: where online stores are kept if not there, such as `redis://host:6379/0`.
        providers: what runs ONNX models, in order of preference, such as `cuda` and `cpu`.

    Raises:
        ShipwayError: SW-101 without a folder of state, SW-602 if it cannot be written, SW-603 if another server serves
            it, SW-701 if a library is not installed, SW-703 if an execution provider is not there,
            SW-801 if the address is taken.
    """
    folder = state / FOLDER
    if not state.is_dir():
        raise ShipwayError("SW-101", f"there is no folder {state}", "name the .shipway folder of a project that ran")
    web = load_adapter("http.asyncio")
    # The log's thread gives way to a request within this time; the default of 5 ms is what callers would wait.
    sys.setswitchinterval(_SWITCH_S)
    with ExitStack() as stack:
        try:
            make_folder(folder)
            stack.enter_context(hold_lock(folder / "server.lock", wait=False))
        except BlockingIOError as error:
            holder = lock_holder(folder / "server.lock")
            who = f"process {holder}" if holder else "another process"
            raise ShipwayError("SW-603", f"{who} serves {state} already", "stop it first, or use it") from error
        except OSError as fault:
            hint = "check that this user may write there"
            raise ShipwayError("SW-602", f"cannot write {folder} ({fault.strerror})", hint) from fault
        writer = LogWriter()
        loader = Loader(state, writer, files=files, online=online, replay=replay, providers=providers)
        web.run(_serve(web, loader, writer, state, host, port, replay=replay, watch_stdin=watch_stdin))


async def _serve(
    web: Any, loader: Loader, writer: LogWriter, state: Path, host: str, port: int, *, replay: bool, watch_stdin: bool
) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if watch_stdin:
        threading.Thread(target=_watch_stdin, args=(loop, stop), name="stdin", daemon=True).start()
    clock: Clock = load_adapter("clock.system")()
    stopwatch: Stopwatch = load_adapter("stopwatch.system")()
    table = RoutingTable(state / FOLDER, loader)
    counts, waits = Counts(), Waits(stopwatch.seconds)
    batcher = Batcher(table.find, counts, waits)

    lookup = Lookup(state)
    router = Router(table, batcher, loader, writer, lookup, counts=counts, waits=waits, now=clock.now, replay=replay)
    await asyncio.to_thread(table.restore)
    http = web(router.handle)
    bound = await http.listen(host, port)
    sealing = loop.create_task(_seal_always(loader))
    place = state / FOLDER / ADDRESS
    try:
        _announce(place, host, bound)
        await stop.wait()
    finally:
        _withdraw(place)
        await http.close(grace_s=GRACE_S)
        sealing.cancel()
        batcher.settle()
        loader.seal()
        if not await asyncio.to_thread(writer.stop, GRACE_S):
            logger.error("%d rows of the log could not be written", writer.state.dropped_rows)
        loader.close()
        lookup.close()


async def _seal_always(loader: Loader) -> None:
    while True:
        await asyncio.sleep(SEAL_S)
        loader.seal()


def _announce(place: Path, host: str, port: int) -> None:
    """Say where the server listens: in its file, and on standard output."""
    shown = f"[{host}]" if ":" in host else host
    address = Address(pid=os.getpid(), port=port, url=f"http://{shown}:{port}")
    try:
        write_atomic(place, canonical_json(address))
    except OSError as fault:
        raise ShipwayError("SW-602", f"cannot write {place} ({fault.strerror})", "free some space there") from fault
    with suppress(OSError):
        sys.stdout.write(f"listening on {address.url}\n")
        sys.stdout.flush()


def _withdraw(place: Path) -> None:
    with suppress(OSError):
        place.unlink()


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    with suppress(OSError):
        while os.read(0, 4096):
            pass
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(stop.set)
