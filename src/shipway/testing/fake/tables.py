"""A fake of the port Tables."""

import io
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from shipway.core.error import ShipwayError
from shipway.core.table import Commit, Part, Snapshot
from shipway.kit.canonical import digest_bytes

if TYPE_CHECKING:
    import polars as pl


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
        digest = digest_bytes(data)
        self._frames[digest] = frame.clone()
        columns = {name: str(dtype) for name, dtype in frame.schema.items()}
        return Snapshot(columns=columns, parts=(Part(digest=digest, rows=frame.height, size_bytes=len(data)),))

    def read(self, snapshot: Snapshot, columns: Sequence[str] | None = None) -> "pl.DataFrame":
        """Return a snapshot's rows, all columns or those named in the order named."""
        (part,) = snapshot.parts
        if part.digest not in self._frames:
            raise ShipwayError("SW-605", f"part {part.digest!r} is missing", "write the frame again")
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


def _absent(what: str) -> ShipwayError:
    return ShipwayError("SW-209", f"there is no {what}", "`branches` names what there is")


def _moved(branch: str) -> ShipwayError:
    return ShipwayError("SW-208", f"branch {branch!r} is not where it was expected", "look again and repeat the change")
