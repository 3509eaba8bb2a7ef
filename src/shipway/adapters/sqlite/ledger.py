"""The ledger in a SQLite database, with its anchor in a file outside it.

The order in which an append writes is what makes it safe to kill at any point:

1. take the lock of all appenders;
2. compare the chain's end with the anchor, inside a write transaction;
3. write and sync the new anchor under a hidden name, so that a full disk shows before anything is decided;
4. commit the entries;
5. rename the anchor into place.

Killed before 4, nothing happened. Killed between 4 and 5, the chain is longer than its anchor, which is whole, and the
next append renews the anchor. The anchor never runs ahead of the chain and never goes back.
"""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from shipway.adapters.file.fault import translate_fault
from shipway.adapters.sqlite.database import lock_path, open_database, transaction
from shipway.core.error import ShipwayError
from shipway.core.ledger import EMPTY, GENESIS, Damage, Draft, Entry, Head, find_damage, seal
from shipway.kit.canonical import canonical_json
from shipway.kit.file import hold_lock, stage_file, sweep_staged, write_atomic
from shipway.ports.clock import Clock

_VERSION: Final = 1
_DAMAGE: Final = "SW-604"
_PAGE_ROWS: Final = 1_000
_COLUMNS: Final = "seq, at, actor, kind, subject, body, prev, digest"
_SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS entry (
        seq INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        actor TEXT NOT NULL,
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        body BLOB NOT NULL,
        prev TEXT NOT NULL,
        digest TEXT NOT NULL
    ) STRICT""",
    # Refuses a gap, a fork, and INSERT OR REPLACE, which fires no trigger for the row it deletes.
    f"""CREATE TRIGGER IF NOT EXISTS entry_follows_the_last BEFORE INSERT ON entry
    WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM entry)
        OR NEW.prev IS NOT coalesce((SELECT digest FROM entry ORDER BY seq DESC LIMIT 1), '{GENESIS}')
    BEGIN SELECT raise(ABORT, 'an entry follows the last one of the ledger'); END""",
    """CREATE TRIGGER IF NOT EXISTS entry_never_changes BEFORE UPDATE ON entry
    BEGIN SELECT raise(ABORT, 'an entry of the ledger never changes'); END""",
    """CREATE TRIGGER IF NOT EXISTS entry_never_goes BEFORE DELETE ON entry
    BEGIN SELECT raise(ABORT, 'an entry of the ledger never goes'); END""",
)
_HINT: Final = "nothing was written; restore the ledger and its anchor together from a backup"


class SqliteLedger:
    """The ledger of a project in a local database; it answers the port `Ledger`.

    Any number of processes may have it open, and the threads of a process may share one instance. An instance must not
    be carried over a fork.
    """

    def __init__(self, path: Path, *, clock: Clock, anchor: Path) -> None:
        """Open the ledger, creating the database and the anchor if they are new.

        Args:
            path: the database; its folder must exist.
            clock: what tells the time of an entry.
            anchor: the file that remembers the head; its folder must exist.

        Raises:
            ShipwayError: SW-601 disk full, SW-602 if a folder is missing or cannot be written, SW-604 if the database
                is damaged, SW-606 if a newer shipway wrote it.
        """
        self._path = path
        self._clock = clock
        self._anchor = anchor
        self._guard = threading.RLock()
        self._connection = open_database(path, schema=_SCHEMA, version=_VERSION, damage=_DAMAGE)
        self._connection.text_factory = _read_text
        try:
            with translate_fault(anchor):
                sweep_staged(anchor.parent)
                if not anchor.exists():
                    self._write_first_anchor()
        except BaseException:
            self.close()
            raise

    def append(self, drafts: Sequence[Draft]) -> list[Entry]:
        """Append drafts in order as one step and return them sealed.

        Raises:
            ShipwayError: SW-601 disk full, SW-602 not writable, SW-604 if the chain's end contradicts the anchor.
        """
        if not drafts:
            return []
        lock, faults = hold_lock(lock_path(self._path), wait=True), translate_fault(self._path, damage=_DAMAGE)
        # The lock between processes comes first, so that a thread waiting for it does not keep the others from reading.
        with faults, lock, self._guard, stage_file(self._anchor.parent) as anchor:
            with transaction(self._connection):
                entries = self._seal(drafts)
                anchor.write(canonical_json(Head(seq=entries[-1].seq, digest=entries[-1].digest)))
                anchor.sync()
                self._connection.executemany(
                    f"INSERT INTO entry ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    [msgspec.structs.astuple(entry) for entry in entries],
                )
            anchor.publish(self._anchor)
        return entries

    def read(self, after: int = 0) -> Iterator[Entry]:
        """Yield entries with `seq` greater than `after`, oldest first, up to the head at the time of the call."""
        return self._walk(after + 1, self.head().seq)

    def head(self) -> Head:
        """Return the place and digest of the newest entry."""
        rows = self._fetch("SELECT seq, digest FROM entry ORDER BY seq DESC LIMIT 1")
        return Head(seq=rows[0][0], digest=rows[0][1]) if rows else EMPTY

    def verify(self) -> list[Damage]:
        """Recompute the whole chain, compare it with the anchor and return every damaged place.

        Raises:
            ShipwayError: SW-604 if the database is too damaged to be read.
        """
        # Read in this order: the chain of a living ledger is never shorter than the anchor was a moment before.
        anchor = self._read_anchor()
        last = self.head().seq
        damage = find_damage(self._walk(-(1 << 63), last), anchor)
        if anchor is None:
            damage.append(Damage(seq=last, fact=f"the anchor {self._anchor} is missing or cannot be read"))
        return damage

    def close(self) -> None:
        """Release files and connections; closing twice does no harm."""
        with self._guard:
            self._connection.close()

    def _write_first_anchor(self) -> None:
        """Write the anchor of the empty chain.

        Every process does so before its first append; hence a chain with entries and no anchor has lost it.
        """
        with hold_lock(lock_path(self._path), wait=True):
            if not self._anchor.exists() and self.head() == EMPTY:
                write_atomic(self._anchor, canonical_json(EMPTY))

    def _read_anchor(self) -> Head | None:
        try:
            return msgspec.json.decode(self._anchor.read_bytes(), type=Head)
        except (OSError, msgspec.DecodeError):
            return None

    def _seal(self, drafts: Sequence[Draft]) -> list[Entry]:
        """Seal drafts onto the chain's end, once that is seen to agree with the anchor."""
        last = self._check_end()
        at = self._clock.now() if last is None else max(self._clock.now(), last.at)
        seq, prev = (0, GENESIS) if last is None else (last.seq, last.digest)
        entries: list[Entry] = []
        for draft in drafts:
            entries.append(seal(draft, seq=seq + 1, at=at, prev=prev))
            seq, prev = seq + 1, entries[-1].digest
        return entries

    def _check_end(self) -> Entry | None:
        """Check the entries from the anchored one on, usually that one alone, and return the last."""
        anchor = self._read_anchor()
        if anchor is None:
            raise _refuse(f"the ledger's anchor {self._anchor} is missing or cannot be read")
        expected, prev, entry = max(anchor.seq, 1), anchor.digest, None
        for entry in self._walk(expected, self.head().seq):
            follows = (entry.digest if entry.seq == anchor.seq else entry.prev) == prev
            if entry.seq != expected or not follows or not _is_sealed(entry):
                raise _refuse(f"entry {expected} of the ledger is not what was written")
            expected, prev = entry.seq + 1, entry.digest
        if entry is None and anchor.seq:
            raise _refuse(f"the ledger ends at entry {self.head().seq}, its anchor remembers entry {anchor.seq}")
        return entry

    def _walk(self, first: int, last: int) -> Iterator[Entry]:
        # Page by page, so that no open cursor keeps SQLite from emptying its log while the caller takes its time.
        query = f"SELECT {_COLUMNS} FROM entry WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT {_PAGE_ROWS}"
        while rows := self._fetch(query, first, last):
            for seq, at, actor, kind, subject, body, prev, digest in rows:
                yield Entry(
                    seq=seq, at=at, actor=actor, kind=kind, subject=subject, body=body, prev=prev, digest=digest
                )
            first = rows[-1][0] + 1

    def _fetch(self, query: str, *values: int) -> list[Any]:
        with translate_fault(self._path, damage=_DAMAGE), self._guard:
            return self._connection.execute(query, values).fetchall()


def _is_sealed(entry: Entry) -> bool:
    draft = Draft(actor=entry.actor, kind=entry.kind, subject=entry.subject, body=entry.body)
    return seal(draft, seq=entry.seq, at=entry.at, prev=entry.prev) == entry


def _refuse(fact: str) -> ShipwayError:
    return ShipwayError(_DAMAGE, fact, _HINT)


def _read_text(stored: bytes) -> str:
    """Decode text; what is no UTF-8 was never written by us and must differ from anything that was."""
    try:
        return stored.decode()
    except UnicodeDecodeError:
        return f"not UTF-8: {stored.hex()}"
