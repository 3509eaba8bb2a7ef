"""The prediction process: from a folder of state to a server that answers, and back to a clean end."""

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from shipway.core.error import ShipwayError
from shipway.kit.canonical import canonical_json
from shipway.kit.file import hold_lock, lock_holder, make_folder, write_atomic
from shipway.ports.adapter import load_adapter
from shipway.ports.clock import Clock, Stopwatch
from shipway.serving.admission import Admission
from shipway.serving.batch import Batcher
from shipway.serving.desk import Desk
from shipway.serving.exporter import Exporter
from shipway.serving.guard import Guard
from shipway.serving.loader import Loader
from shipway.serving.log import LogWriter
from shipway.serving.lookup import Lookup
from shipway.serving.meter import Counts, Waits
from shipway.serving.repository import Repository
from shipway.serving.route import Router
from shipway.serving.routing import ADDRESS, RoutingTable
from shipway.serving.sampling import Sampling, find_collector, read_sampling
from shipway.serving.setting import Settings, raise_file_limit
from shipway.serving.span import Door
from shipway.serving.statistic import Statistics
from shipway.serving.teller import Teller
from shipway.serving.tracer import Tracer

FOLDER: Final = "serving"
"""Folder of the routings and the address, below the project's folder of state."""
SEAL_S: Final = 2.0
"""How long a row waits in memory before it is on its way to the log."""
GRACE_S: Final = 5.0
"""How long a stopping server waits for clients in the middle of something, and for a collector of traces."""
LOG_GRACE_S: Final = 25.0
"""How long it waits for its log, where the disk is slow: who stops it waits about as long. One that refuses rows is not
waited for."""

_SWITCH_S: Final = 0.0001

logger: Final = logging.getLogger(__name__)


class Address(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a server listens.

    Attributes:
        pid: the process.
        port: the port.
        url: what paths are appended to.
        grpc: the port for gRPC; None where it is not spoken.
        unix: the Unix socket that needs no key; None where there is none.
    """

    pid: int
    port: int
    url: str
    grpc: int | None = None
    unix: str | None = None


def serve(
    state: Path,
    settings: Settings,
    *,
    replay: bool = False,
    watch_stdin: bool = False,
    files: str = "",
    online: str = "",
    unpickle: bool = False,
    bundles: Path | None = None,
    signers: Sequence[Path] = (),
    providers: Sequence[str] = (),
    threads: int = 1,
) -> None:
    """Serve a project until the process is told to stop by SIGTERM or SIGINT.

    What was accepted is answered and logged before the function returns; told to stop a second time, the process ends
    at once. At SIGHUP the keys and the certificate are read again.

    Args:
        state: the project's folder of state.
        settings: where to listen, what to take, and from whom.
        replay: whether callers may name the instant they ask for.
        watch_stdin: whether to stop when standard input ends, so as not to outlive a parent.
        files: where bundles are kept if not in the folder of state, such as `s3://bucket/prefix`.
        online: where online stores are kept if not there, such as `redis://host:6379/0`.
        unpickle: whether models that are source and a pickle may be loaded, which runs code that is in them.
        bundles: a folder of exported bundles to serve as well.
        signers: files with public keys, by one of which every bundle must be signed; none where no signature is asked
            for.
        providers: what runs ONNX models, in order of preference, such as `cuda` and `cpu`.
        threads: how many threads one prediction may use.

    Raises:
        ShipwayError: SW-101 without a folder of state, SW-102 for keys or a certificate that cannot be used, SW-105,
            SW-201 or SW-502 for a folder of bundles that cannot be read, SW-514 for a public key that cannot be used,
            SW-602 if the folder of state cannot be written, SW-603 if another server serves it, SW-701 if a library is
            not installed, SW-703 if an execution provider is not there, SW-801 if an address is taken.
    """
    folder = state / FOLDER
    if not state.is_dir():
        raise ShipwayError("SW-101", f"there is no folder {state}", "name the .shipway folder of a project that ran")
    guard = Guard(settings)
    sampling = read_sampling(settings)
    spans = None if sampling is None else load_adapter("spans.otlp")(find_collector(settings))
    web = load_adapter("http.asyncio")
    rpc = None if settings.grpc_port is None else load_adapter("rpc.grpc")
    # Whatever else runs gives way to a request within this time; the default of 5 ms is what callers would wait.
    sys.setswitchinterval(_SWITCH_S)
    raise_file_limit()
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
        loader = Loader(
            state,
            writer,
            files=files,
            online=online,
            replay=replay,
            bundles=bundles,
            signers=signers,
            unpickle=unpickle,
            providers=providers,
            threads=threads,
        )
        door = Door("http" if guard.tls is None else "https", settings.host)
        exporter = None if sampling is None or spans is None else Exporter(spans, sampling, door)
        web.run(
            _serve(
                web,
                rpc,
                loader,
                writer,
                state,
                settings,
                guard,
                sampling,
                exporter,
                door,
                replay=replay,
                watch_stdin=watch_stdin,
            )
        )


async def _serve(
    web: Any,
    rpc: Any,
    loader: Loader,
    writer: LogWriter,
    state: Path,
    settings: Settings,
    guard: Guard,
    sampling: Sampling | None,
    exporter: Exporter | None,
    door: Door,
    *,
    replay: bool,
    watch_stdin: bool,
) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, stop, number)
    loop.add_signal_handler(signal.SIGHUP, guard.reload)
    if watch_stdin:
        threading.Thread(target=_watch_stdin, args=(loop, stop), name="stdin", daemon=True).start()
    works = _assemble(loader, writer, state, settings, guard, sampling, exporter, replay=replay)
    await asyncio.to_thread(works.table.restore)
    await asyncio.to_thread(works.repository.load_exported)
    # What is there by now stays: no collection need go through it again, which took callers' time.
    gc.collect()
    gc.freeze()
    http = web(
        works.handle,
        most_bytes=settings.body_bytes,
        most_connections=settings.connections,
        patience_s=settings.patience_s,
        door=works.admission,
    )
    bound = await http.listen(settings.host, settings.port, tls=guard.tls)
    unix = settings.find_socket(state / FOLDER)
    if unix is not None:
        await http.listen_unix(unix)
    grpc = None if rpc is None else rpc(works.handle_rpc, most_bytes=settings.body_bytes, **guard.read_files())
    if grpc is not None:
        guard.follow(grpc.renew)
    spoken = None if grpc is None else await grpc.listen(settings.host, settings.grpc_port)
    door.grpc = spoken or 0
    sealing = loop.create_task(_seal_always(loader))
    place = state / FOLDER / ADDRESS
    try:
        _announce(place, settings.host, bound, tls=guard.tls is not None, unix=unix, grpc=spoken)
        await stop.wait()
        if settings.grace_s:
            # Whoever sends requests here has to learn of the end before it comes.
            works.admission.stopping = True
            await asyncio.sleep(settings.grace_s)
    finally:
        _withdraw(place, unix)
        await asyncio.gather(*(server.close(grace_s=GRACE_S) for server in (http, grpc) if server is not None))
        sealing.cancel()
        await _end(works, loader, writer, exporter)


@dataclass(frozen=True, slots=True, eq=False)
class _Works:
    """What stands behind the doors, from what requests reach first to what answers them."""

    handle: Callable[[Any], None]
    handle_rpc: Callable[[Any], None]
    admission: Admission
    table: RoutingTable
    repository: Repository
    batcher: Batcher
    teller: Teller
    lookup: Lookup


def _assemble(
    loader: Loader,
    writer: LogWriter,
    state: Path,
    settings: Settings,
    guard: Guard,
    sampling: Sampling | None,
    exporter: Exporter | None,
    *,
    replay: bool,
) -> _Works:
    """Put together what stands behind the doors; nothing is loaded yet."""
    clock: Clock = load_adapter("clock.system")()
    stopwatch: Stopwatch = load_adapter("stopwatch.system")()
    table = RoutingTable(state / FOLDER, loader)
    counts, waits = Counts(), Waits(stopwatch.seconds)
    statistics = Statistics(clock.now)
    batcher = Batcher(table.find, counts, waits, statistics)
    teller = Teller(table.find, counts, waits, batcher.meters, statistics, batcher.substitutes)

    repository = Repository(state, loader)
    desk = Desk(table, repository, statistics)
    lookup = Lookup(state)
    router = Router(
        table,
        batcher,
        teller,
        loader,
        writer,
        lookup,
        desk,
        counts=counts,
        waits=waits,
        now=clock.now,
        replay=replay,
        exporter=exporter,
    )
    admission = Admission(
        router.handle,
        counts,
        queue=settings.queue,
        wait_ms=settings.wait_ms,
        per_model=settings.per_model,
        timeout_ms=settings.timeout_ms,
        keys=guard.keys,
    )
    handle, handle_rpc = admission.handle, admission.handle
    if sampling is not None and exporter is not None:
        tracer = Tracer(admission.handle, sampling, exporter.put)
        router.trace(tracer)
        handle, handle_rpc = tracer.handle, tracer.handle_rpc
    return _Works(handle, handle_rpc, admission, table, repository, batcher, teller, lookup)


async def _end(works: _Works, loader: Loader, writer: LogWriter, exporter: Exporter | None) -> None:
    """Finish what was accepted, and write what was gathered."""
    works.batcher.settle()
    works.teller.settle()
    works.teller.close()
    loader.seal()
    if not await asyncio.to_thread(writer.stop, LOG_GRACE_S):
        logger.error("%d rows of the log could not be written", writer.state.dropped_rows)
    if exporter is not None and not await asyncio.to_thread(exporter.stop, GRACE_S):
        logger.error("%d spans could not be sent", exporter.state.failed + exporter.state.waiting)
    loader.close()
    works.lookup.close()


def _stop(stop: asyncio.Event, number: int) -> None:
    """Begin to stop; told so a second time, end at once, as whoever says it twice wants."""
    if stop.is_set():
        os._exit(128 + number)
    stop.set()


async def _seal_always(loader: Loader) -> None:
    while True:
        await asyncio.sleep(SEAL_S)
        loader.seal()


def _announce(place: Path, host: str, port: int, *, tls: bool, unix: Path | None, grpc: int | None) -> None:
    """Say where the server listens: in its file, and on standard output."""
    shown = f"[{host}]" if ":" in host else host
    url = f"{'https' if tls else 'http'}://{shown}:{port}"
    socket = None if unix is None else str(unix.absolute())
    address = Address(pid=os.getpid(), port=port, url=url, grpc=grpc, unix=socket)
    try:
        write_atomic(place, canonical_json(address))
    except OSError as fault:
        raise ShipwayError("SW-602", f"cannot write {place} ({fault.strerror})", "free some space there") from fault
    with suppress(OSError):
        sys.stdout.write(f"listening on {address.url}\n")
        if grpc is not None:
            sys.stdout.write(f"listening on {'grpcs' if tls else 'grpc'}://{shown}:{grpc}\n")
        sys.stdout.flush()


def _withdraw(place: Path, unix: Path | None) -> None:
    for path in (place, unix):
        if path is not None:
            with suppress(OSError):
                path.unlink()


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    with suppress(OSError):
        while os.read(0, 4096):
            pass
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(stop.set)
