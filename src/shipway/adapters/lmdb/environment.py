"""How shipway opens an LMDB environment: once in a process, not synced at each write, and never after a power cut.

Writes go to the page cache and are forced to the disk by `Environment.sync` alone. A process that is killed loses
nothing so. A power cut may leave any mix of old and new pages, which LMDB cannot tell from a whole store: it has no
checksums. Therefore a file `unsynced` stands in the folder, durably, from before the first write until the next sync,
and says during which run of the machine that was. Who finds it after another start of the machine refuses the store.
"""

import errno
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn

import lmdb

from shipway.adapters.file.fault import translate_fault
from shipway.core.error import ShipwayError
from shipway.kit.file import make_folder, sync_folder, write_atomic

MAP_BYTES: Final = 1 << 34
"""How large a store may grow by default; only addresses are reserved, no memory and no disk."""
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
"""Where Linux says which run of the machine this is; the same in every container on it."""

_DATA: Final = "data.mdb"
_MARK: Final = "unsynced"
_DAMAGED: Final = (
    lmdb.CorruptedError,
    lmdb.PageNotFoundError,
    lmdb.InvalidError,
    lmdb.VersionMismatchError,
    lmdb.PanicError,
)
_UNMAPPED: Final = frozenset({errno.ENOMEM, errno.ENODEV})
_Key = tuple[int, int, int]


@dataclass(slots=True)
class Environment:
    """An open LMDB environment and all who use it in this process.

    Attributes:
        folder: where its files are.
        handle: LMDB's own object.
        key: the process, and the device and number of the data file.
        boot: this run of the machine; None where the system does not say, and each write is synced by LMDB itself.
        marked: whether this process has put the mark of unsynced writes since the last sync.
        users: how many stores share the environment.
        guard: held while writing or syncing.
    """

    folder: Path
    handle: lmdb.Environment
    key: _Key
    boot: str | None
    marked: bool = False
    users: int = 0
    guard: threading.Lock = field(default_factory=threading.Lock)

    def mark(self) -> None:
        """Say, durably and before the first write after a sync, that the disk is about to lag behind."""
        if self.boot is not None and not self.marked:
            with translate_fault(self.folder):
                write_atomic(self.folder / _MARK, self.boot.encode())
            self.marked = True

    def sync(self) -> None:
        """Force what was written to the disk, then take the mark away."""
        self.handle.sync(True)
        # Also the mark of a writer that was killed: the sync is of the file, whoever wrote to it.
        if (self.folder / _MARK).exists():
            (self.folder / _MARK).unlink()
            sync_folder(self.folder)
        self.marked = False


_shared: dict[_Key, Environment] = {}
_opening: Final = threading.Lock()


def open_environment(folder: Path, *, readonly: bool, map_bytes: int) -> Environment:
    """Open the environment of a folder, making both if they are new, or share the one this process has open.

    LMDB locks files by process, so one process must not open the same files twice.

    Args:
        folder: where the files are.
        readonly: whether a folder that cannot be written will do, if there is a store in it.
        map_bytes: how large the store may grow.

    Raises:
        ShipwayError: SW-601 disk full, SW-602 not writable, SW-605 for a damaged store.
    """
    with _opening, translate_lmdb(folder):
        key = _identify(folder)
        environment = None if key is None else _shared.get(key)
        if environment is None:
            environment = _open(folder, readonly, map_bytes)
            _shared[environment.key] = environment
        environment.users += 1
    return environment


def close_environment(environment: Environment) -> None:
    """Take one user away from an environment and close it after the last."""
    with _opening:
        environment.users -= 1
        if not environment.users:
            del _shared[environment.key]
            environment.handle.close()


@contextmanager
def translate_lmdb(folder: Path) -> Generator[None]:
    """Turn what LMDB and the system say about a store into the error a user can act on.

    Raises:
        ShipwayError: as `refuse` does.
    """
    try:
        with translate_fault(folder):
            yield
    except lmdb.Error as fault:
        refuse(folder, fault)


def refuse(folder: Path, fault: lmdb.Error) -> NoReturn:
    """Raise the error that says what LMDB's means; what is none of a user's business as it is.

    Raises:
        ShipwayError: SW-601 if the disk or the map is full, SW-602 not writable or a series too long for a key, SW-605
            for a damaged store.
    """
    if isinstance(fault, lmdb.MapFullError):
        hint = "trim what no feature reads any more, or keep fewer and narrower windows"
        raise ShipwayError("SW-601", f"the online store {folder} has reached the size it may grow to", hint) from fault
    if isinstance(fault, lmdb.BadValsizeError):
        fact = f"a series is too long for the online store {folder}: with its instant it may have 511 bytes"
        raise ShipwayError("SW-602", fact, "name long keys by their digest, as encode_series does") from fault
    if isinstance(fault, _DAMAGED):
        raise _damaged(folder, str(fault)) from fault
    if fault.code == errno.EIO:
        # What LMDB reports where the system wrote only a part, as it does at the edge of a full disk or of a limit.
        hint = (
            "free some space or raise the limit, then run the same command again; with space left, the disk is failing"
        )
        raise ShipwayError("SW-601", f"there is no room to write {folder} (a write was cut short)", hint) from fault
    if fault.code in _UNMAPPED:
        fact = f"the online store {folder} cannot be mapped into memory ({os.strerror(fault.code)})"
        raise ShipwayError("SW-602", fact, "use the adapter online.sqlite there, or another folder") from fault
    if fault.code > 0:
        with translate_fault(folder):
            raise OSError(fault.code, os.strerror(fault.code)) from fault
    raise fault


def _open(folder: Path, readonly: bool, map_bytes: int) -> Environment:
    boot = _read_boot()
    mark = _read_mark(folder)
    if mark is not None and mark != boot:
        raise _damaged(folder, "the machine went down before what was written had reached the disk")
    new = not (folder / _DATA).exists()
    if new:
        make_folder(folder)
    handle = _open_handle(folder, readonly, map_bytes, sync=boot is None)
    try:
        if new:
            handle.sync(True)
            sync_folder(folder)
        # Killed readers leave their places in the table of readers, and with them pages that are never used again.
        handle.reader_check()
        if not handle.flags()["readonly"]:
            _pad(folder, handle)
        with handle.begin() as reading:
            reading.cursor().first()
            reading.cursor().last()
        key = _identify(folder)
        assert key is not None, "LMDB has opened the file"
    except BaseException:
        handle.close()
        raise
    return Environment(folder, handle, key, boot)


def _open_handle(folder: Path, readonly: bool, map_bytes: int, *, sync: bool) -> lmdb.Environment:
    def attempt(readonly: bool) -> lmdb.Environment:
        return lmdb.open(str(folder), map_size=map_bytes, readonly=readonly, sync=sync, max_spare_txns=1, create=False)

    try:
        # Also for a reader: it can then share the environment with a writer of its process.
        return attempt(False)
    except lmdb.Error:
        if not readonly or os.access(folder / _DATA, os.W_OK):
            raise
        return attempt(True)


def _pad(folder: Path, handle: lmdb.Environment) -> None:
    """Make the file as long as the pages it counts.

    LMDB leaves out pages at the end that were used and freed in one write. So a short file may be whole, or cut off;
    with zeros there a read of a lost page is an error, and not the end of the process by SIGBUS. Appending, unlike
    setting a length, never touches what a writer puts there at the same time.
    """
    path = folder / _DATA
    missing = (handle.info()["last_pgno"] + 1) * handle.stat()["psize"] - path.stat().st_size
    if missing > 0:
        with path.open("ab") as file:
            file.write(bytes(missing))


def _identify(folder: Path) -> _Key | None:
    try:
        found = (folder / _DATA).stat()
    except FileNotFoundError:
        return None
    return os.getpid(), found.st_dev, found.st_ino


def _read_boot() -> str | None:
    try:
        return BOOT_ID.read_text("ascii").strip()
    except OSError:
        return None


def _read_mark(folder: Path) -> str | None:
    try:
        return (folder / _MARK).read_text("ascii", errors="replace")
    except FileNotFoundError:
        return None


def _damaged(folder: Path, said: str) -> ShipwayError:
    hint = f"remove the folder {folder} and run the same command again: it is built anew from the lake"
    return ShipwayError("SW-605", f"the online store {folder} is damaged ({said})", hint)
