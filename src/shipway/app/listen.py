"""The door through which rows are pushed: a body is accepted once it is on the disk, whole, under its own name."""

import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from shipway.app.project import STATE_FOLDER, Project
from shipway.core.error import ShipwayError
from shipway.kit.file import hold_lock, lock_holder, make_folder
from shipway.kit.suggestion import did_you_mean
from shipway.ports.adapter import load_adapter
from shipway.ports.clock import Clock
from shipway.ports.inbox import Inbox

PATH: Final = "/v1/raw/"
KINDS: Final = {
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/json": ".json",
    "application/jsonl": ".jsonl",
    "application/x-ndjson": ".jsonl",
    "application/vnd.apache.parquet": ".parquet",
}
"""Media type of a body to the ending of the file it becomes."""
PACKINGS: Final = {"": "", "identity": "", "gzip": ".gz", "zstd": ".zst"}
"""Content coding of a body to the further ending of its file; it is kept as it was sent."""
GRACE_S: Final = 5.0

_STATUS: Final = {"SW-201": 400, "SW-204": 400, "SW-601": 507, "SW-602": 507}

logger: Final = logging.getLogger(__name__)


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a body that is on the disk.

    Attributes:
        name: the raw input.
        digest: the body's SHA-256.
        rows: how many rows it has.
        new: whether it was not there before.
    """

    name: str
    digest: str
    rows: int
    new: bool


class Desk:
    """Answers requests that push rows; files are written one after the other, in a thread of their own."""

    def __init__(self, inboxes: Mapping[str, Inbox], now: Callable[[], int]) -> None:
        """Take the inboxes there are.

        Args:
            inboxes: raw input to its inbox.
            now: tells the instant.
        """
        self._inboxes = inboxes
        self._now = now
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="inbox")
        self._tasks: set[asyncio.Future[None]] = set()

    def handle(self, call: Any) -> None:
        """Answer a request, sooner or later."""
        name = call.path.removeprefix(PATH)
        if name == call.path or "/" in name:
            return _refuse(call, 404, ShipwayError("SW-802", f"there is no {call.path}", f"rows go to {PATH}NAME"))
        if name not in self._inboxes:
            fact = f"there is no raw input {name!r} that rows are pushed to"
            return _refuse(call, 404, ShipwayError("SW-104", fact, did_you_mean(name, self._inboxes)))
        if call.method != "POST":
            return _refuse(call, 405, ShipwayError("SW-802", f"{call.method} is not for rows", "send them by POST"))
        kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
        packing = call.headers.get("content-encoding", "").strip().lower()
        ending = KINDS.get(kind, "") and PACKINGS.get(packing) is not None and KINDS[kind] + PACKINGS[packing]
        if not ending or (kind.endswith("parquet") and PACKINGS[packing]):
            fact = f"a body of type {kind or 'unknown'!r}{f' in {packing}' if packing else ''} is not read here"
            hint = f"send one of {', '.join(KINDS)}, all but Parquet also with content-encoding gzip or zstd"
            return _refuse(call, 415, ShipwayError("SW-802", fact, hint))
        task = asyncio.ensure_future(self._keep(call, name, ending))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return None

    async def settle(self) -> None:
        """Wait for what is being written."""
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._writer.shutdown()

    async def _keep(self, call: Any, name: str, ending: str) -> None:
        put, at = self._inboxes[name].put, self._now()
        try:
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self._writer, lambda: put(call.body, ending, at=at))
        except ShipwayError as error:
            return _refuse(call, _STATUS.get(error.code, 503), error)
        except Exception:
            # Nobody waits for this exception, and the client must not wait for ever.
            logger.exception("a body for %s could not be kept", name)
            return _refuse(call, 500, ShipwayError("SW-801", "the server did not foresee this", "its log says more"))
        return call.answer(
            200, msgspec.json.encode(Accepted(name=name, digest=found.digest, rows=found.rows, new=found.new))
        )


def listen(project: Project, *, host: str, port: int, most_bytes: int) -> None:
    """Take rows for a project's raw inputs until the process is told to stop by SIGTERM or SIGINT.

    Args:
        project: whose.
        host: the address to listen on.
        port: 0 for any that is free.
        most_bytes: the largest body that is taken.

    Raises:
        ShipwayError: SW-104 if nothing is pushed to the project, SW-602 if its folder cannot be written, SW-603 if
            another process listens for it, SW-701 if a library is not installed, SW-801 if the address is taken.
    """
    names = [name for name in project.config.raw if project.config.input(name).scheme == "inbox"]
    if not names:
        raise ShipwayError(
            "SW-104",
            "no raw input of this project is pushed to",
            'give one uri = "inbox:" in [raw.NAME]',
        )
    web: Any = load_adapter("http.asyncio")
    folder = project.root / STATE_FOLDER / "inbox"
    lock = folder / "listen.lock"
    try:
        make_folder(folder)
        holding = hold_lock(lock, wait=False)
        holding.__enter__()
    except BlockingIOError as error:
        who = f"process {holder}" if (holder := lock_holder(lock)) else "another process"
        raise ShipwayError("SW-603", f"{who} takes rows for {folder} already", "stop it first, or use it") from error
    except OSError as fault:
        raise ShipwayError("SW-602", f"cannot write {folder} ({fault.strerror})", "let this user write") from fault
    try:
        inbox: Callable[[Path], Inbox] = load_adapter("inbox.file")
        web.run(_listen(web, {name: inbox(folder / name) for name in names}, host, port, most_bytes))
    finally:
        holding.__exit__(None, None, None)


async def _listen(web: Any, inboxes: Mapping[str, Inbox], host: str, port: int, most_bytes: int) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    clock: Clock = load_adapter("clock.system")()
    desk = Desk(inboxes, clock.now)
    http = web(desk.handle, most_bytes=most_bytes)
    bound = await http.listen(host, port)
    with suppress(OSError):
        sys.stdout.write(f"listening on http://{f'[{host}]' if ':' in host else host}:{bound}\n")
        sys.stdout.flush()
    try:
        await stop.wait()
    finally:
        await desk.settle()
        await http.close(grace_s=GRACE_S)


def _refuse(call: Any, status: int, error: ShipwayError) -> None:
    call.answer(status, msgspec.json.encode({"code": error.code, "fact": error.fact, "hint": error.hint}))
