"""A fake of each port: it keeps the whole contract, in memory, for one process, and forgets at its end."""

import hashlib
import io
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shipway.core.error import ShipwayError
from shipway.core.ledger import EMPTY, Damage, Draft, Entry, Head, find_damage, seal
from shipway.core.table import Commit, Part, Snapshot
from shipway.kit.canonical import digest_bytes
from shipway.kit.duration import DAY
from shipway.ports.clock import Clock

if TYPE_CHECKING:
    import polars as pl

START: Final = 18_262 * DAY
"""2020-01-01T00:00:00Z, where a ManualClock stands unless told otherwise."""


class ManualClock:
    """Domain time that moves only when told to, forth or back."""

    def __init__(self, now: int = START) -> None:
        """Set the clock to an instant in microseconds since 1970 UTC."""
        self._now = now

    def now(self) -> int:
        """Return the present instant in microseconds since 1970 UTC."""
        return self._now

    def advance(self, us: int) -> None:
        """Move by some microseconds; a negative number turns the clock back, as a time server may."""
        self._now += us


class ManualStopwatch:
    """Real time that passes only when told to."""

    def __init__(self) -> None:
        """Start at zero."""
        self._seconds = 0.0

    def seconds(self) -> float:
        """Return seconds since the start."""
        return self._seconds

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            ValueError: if it would pass backwards.
        """
        if seconds < 0:
            raise ValueError(f"a stopwatch never goes back, not by {-seconds} s either")
        self._seconds += seconds


class MemoryLedger:
    """A ledger in a list; the anchor is a second name for its head."""

    def __init__(self, clock: Clock) -> None:
        """Start an empty chain that asks a clock for the time of its entries."""
        self._clock = clock
        self._guard = threading.Lock()
        self._entries: list[Entry] = []
        self._anchor = EMPTY

    def append(self, drafts: Sequence[Draft]) -> list[Entry]:
        """Append drafts in order as one step and return them sealed."""
        with self._guard:
            chain = list(self._entries)
            for draft in drafts:
                at = max(self._clock.now(), chain[-1].at if chain else self._clock.now())
                chain.append(seal(draft, seq=len(chain) + 1, at=at, prev=_head(chain).digest))
            new, self._entries, self._anchor = chain[len(self._entries) :], chain, _head(chain)
            return new

    def read(self, after: int = 0) -> Iterator[Entry]:
        """Yield entries with `seq` greater than `after`, oldest first."""
        return iter(self._entries[max(after, 0) :])

    def head(self) -> Head:
        """Return the place and digest of the newest entry."""
        return _head(self._entries)

    def verify(self) -> list[Damage]:
        """Recompute the whole chain, compare it with the anchor and return every damaged place."""
        return find_damage(self._entries, self._anchor)

    def close(self) -> None:
        """Do nothing, as there is nothing to release."""


class MemoryBlobs:
    """A blob store in a dictionary; what `path` is asked for becomes a file, in a folder that goes with the store."""

    def __init__(self) -> None:
        """Start with no blob and no file."""
        self._blobs: dict[str, bytes] = {}
        self._folder = Path(tempfile.mkdtemp(prefix="shipway-blobs-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    def put(self, data: bytes) -> str:
        """Store bytes and return their digest."""
        digest = digest_bytes(data)
        self._blobs[digest] = bytes(data)
        return digest

    def put_file(self, source: Path) -> str:
        """Store a file's content and return its digest; the file stays where it is."""
        return self.put(source.read_bytes())

    def get(self, digest: str) -> bytes:
        """Return the bytes with this digest, verified."""
        data = self._blobs.get(digest)
        if data is None or digest_bytes(data) != digest:
            raise _lost(digest)
        return data

    def path(self, digest: str) -> Path:
        """Return a local, read-only file with these bytes."""
        if digest not in self._blobs:
            raise _lost(digest)
        path = self._folder / digest
        if not path.exists():
            path.write_bytes(self._blobs[digest])
            path.chmod(0o444)
        return path

    def has(self, digest: str) -> bool:
        """Tell whether the store holds this digest."""
        return digest in self._blobs

    def digests(self) -> Iterator[str]:
        """Yield every digest in the store, in no particular order."""
        return iter(tuple(self._blobs))

    def spoil(self, digest: str) -> None:
        """Change the stored bytes behind the digest's back, for tests of what damage does."""
        self._blobs[digest] += b"!"


class MemoryTables:
    """A lakehouse in dictionaries: a snapshot has one part, named by the frame's Arrow bytes."""

    def __init__(self) -> None:
        """Start with no branch and no commit."""
        self._guard = threading.RLock()
        self._frames: dict[str, pl.DataFrame] = {}
        self._commits: dict[str, Commit] = {}
        self._branches: dict[str, str] = {}

    def write(self, frame: "pl.DataFrame") -> Snapshot:
        """Store a frame's rows as a new snapshot that no branch shows yet."""
        buffer = io.BytesIO()
        frame.rechunk().write_ipc(buffer)
        data = buffer.getvalue()
        digest = hashlib.sha256(data).hexdigest()
        self._frames[digest] = frame.clone()
        columns = {name: str(dtype) for name, dtype in frame.schema.items()}
        return Snapshot(columns=columns, parts=(Part(digest=digest, rows=frame.height, size_bytes=len(data)),))

    def read(self, snapshot: Snapshot, columns: Sequence[str] | None = None) -> "pl.DataFrame":
        """Return a snapshot's rows, all columns or those named in the order named."""
        (part,) = snapshot.parts
        if part.digest not in self._frames:
            raise _lost(part.digest)
        frame = self._frames[part.digest]
        for name in columns or ():
            if name not in frame.columns:
                raise ShipwayError("SW-202", f"there is no column {name!r}", f"there is {', '.join(frame.columns)}")
        return frame.clone() if columns is None else frame.select(list(columns))

    def head(self, branch: str) -> str | None:
        """Return the id of the commit a branch points at, or None if there is no such branch."""
        return self._branches.get(branch)

    def get(self, commit: str) -> Commit:
        """Return a commit by id; SW-209 if there is none."""
        if commit not in self._commits:
            raise _absent(f"commit {commit!r}")
        return self._commits[commit]

    def commit(self, branch: str, tables: Mapping[str, Snapshot], *, expect: str | None, message: str) -> Commit:
        """Put new snapshots over the branch's present tables and move the branch there, or raise SW-208."""
        with self._guard:
            self._expect(branch, expect)
            before = {} if expect is None else self._commits[expect].tables
            if expect is not None and before == before | dict(tables):
                return self._commits[expect]
            parents = () if expect is None else (expect,)
            new = Commit(parents=parents, tables=before | dict(tables), message=message)
            self._commits[new.id] = new
            self._branches[branch] = new.id
            return new

    def fork(self, branch: str, *, at: str) -> None:
        """Create a branch at a commit; SW-208 if the branch exists at another commit, nothing if at this one."""
        with self._guard:
            self.get(at)
            if self._branches.setdefault(branch, at) != at:
                raise _moved(branch)

    def merge(self, source: str, into: str, *, expect: str | None) -> Commit:
        """Fast-forward one branch to another's commit, or raise SW-208 or SW-209."""
        with self._guard:
            line = {commit.id for commit in self.log(source)}
            self._expect(into, expect)
            if expect is not None and expect not in line:
                raise _moved(into)
            self._branches[into] = self._branches[source]
            return self._commits[self._branches[source]]

    def branches(self) -> dict[str, str]:
        """Return every branch with the commit it points at."""
        return dict(self._branches)

    def log(self, branch: str) -> Iterator[Commit]:
        """Yield a branch's commits, newest first, first parents only; SW-209 if there is no such branch."""
        if branch not in self._branches:
            raise _absent(f"branch {branch!r}")
        line = [self._commits[self._branches[branch]]]
        while line[-1].parents:
            line.append(self._commits[line[-1].parents[0]])
        return iter(line)

    def drop(self, branch: str) -> None:
        """Forget a branch; its commits stay."""
        self._branches.pop(branch, None)

    def _expect(self, branch: str, expect: str | None) -> None:
        if self._branches.get(branch) != expect:
            raise _moved(branch)


def _head(chain: Sequence[Entry]) -> Head:
    return Head(seq=chain[-1].seq, digest=chain[-1].digest) if chain else EMPTY


def _lost(digest: str) -> ShipwayError:
    return ShipwayError("SW-605", f"blob {digest!r} is missing or damaged", "put it again")


def _absent(what: str) -> ShipwayError:
    return ShipwayError("SW-209", f"there is no {what}", "`branches` names what there is")


def _moved(branch: str) -> ShipwayError:
    return ShipwayError("SW-208", f"branch {branch!r} is not where it was expected", "look again and repeat the change")
