"""The fake of the port Changes: a list of records that somebody appends to."""

from collections.abc import Sequence

from shipway.core.change import Batch, Position, Record, write_place
from shipway.core.error import ShipwayError

_PART = "memory"


class MemoryChanges:
    """Changes in a list that outlives its readers, as a source outlives them.

    Attributes:
        log: every payload ever sent.
        kept: from which place on they are still kept.
        acknowledged: up to where its reader let it forget.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self.log: list[tuple[bytes, bytes, int | None]] = []
        self.kept = 0
        self.acknowledged: Position = {}

    def send(self, payloads: Sequence[tuple[bytes, bytes, int | None]]) -> None:
        """Append payloads, each with its key and when it happened."""
        self.log += payloads

    def read(self, after: Position, *, most: int, wait_s: float) -> Batch:
        """Return the payloads behind a position; SW-201 if they are kept no longer."""
        del wait_s  # nobody else appends while this thread waits
        start = int(after.get(_PART, "0"))
        if start < self.kept:
            raise ShipwayError("SW-201", f"what comes behind {start} is kept no longer", "begin anew")
        found = self.log[start : start + most]
        records = [
            Record(part=_PART, place=write_place(start + number), payload=payload, event_us=event, key=key)
            for number, (payload, key, event) in enumerate(found, start=1)
        ]
        position = {_PART: records[-1].place} if records else dict(after)
        return Batch(records=records, position=position, drained=start + len(found) == len(self.log))

    def acknowledge(self, position: Position) -> None:
        """Remember how far the reader is."""
        self.acknowledged = position

    def close(self) -> None:
        """Do nothing: the list stays."""
