"""Publishing tables as Apache Iceberg: metadata over the stored files, which stay where they are.

A table's folder is laid out as by Iceberg's Hadoop catalog, so an engine finds it by its path alone. Versions are
numbered. Whoever makes one writes all that is new under names that nothing points to yet, then creates
`vN.metadata.json` if it does not exist: that one step decides between publishers. `version-hint.text`, where readers
look, follows; if its writer is killed before, the next one moves it.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from shipway.adapters.iceberg.attempt import Attempt
from shipway.adapters.iceberg.metadata import COMMIT, LAYOUT, current_snapshot
from shipway.adapters.iceberg.place import Place, open_place
from shipway.adapters.iceberg.version import (
    Version,
    advance_hint,
    find_version,
    is_followed,
    metadata_name,
    sweep_versions,
)
from shipway.core.error import ShipwayError
from shipway.core.table import Snapshot
from shipway.kit.duration import HOUR
from shipway.ports.clock import Clock
from shipway.ports.publication import Published

KEEP: Final = 20
"""How many published versions stay readable in any case, the present one among them."""

READABLE_US: Final = HOUR
"""How long a version stays readable once another took its place: a query that has begun reads on."""


class IcebergPublisher:
    """Publishes tables as Iceberg in a folder or a bucket; it answers the port `Publisher`."""

    def __init__(self, *, clock: Clock, keep: int = KEEP, readable_us: int = READABLE_US) -> None:
        """Publish by a clock.

        Args:
            clock: what versions are dated by.
            keep: how many versions of a table stay readable in any case, the present one among them.
            readable_us: how long a version stays readable at least once another took its place, in microseconds.
        """
        self._clock = clock
        self._keep = keep
        self._readable_ms = readable_us // 1_000

    def publish(
        self, name: str, snapshot: Snapshot, *, commit: str, files: Callable[[str], str], location: str
    ) -> Published:
        """Make a snapshot the present version of a published table; nothing where it is already.

        Args:
            name: the table.
            snapshot: its rows.
            commit: the commit it is of.
            files: the address of a stored file, by its digest.
            location: the folder or URI that published tables are under.

        Raises:
            ShipwayError: SW-208 if somebody else published the table meanwhile, SW-212 for what Iceberg has no word
                for, SW-605 if a stored or published file is missing or damaged, and as `open_place` says.
        """
        place = open_place(location, name)
        before = find_version(place)
        if before is not None and _layout_of(before) == snapshot.stored[0]:
            advance_hint(place, before.number)
            return _report(place, before, snapshot)
        attempt = Attempt(name, snapshot, place=place, before=before, files=files)
        try:
            now_ms = self._clock.now() // 1_000
            after = attempt.make(commit=commit, at_ms=now_ms, keep=self._keep, readable_ms=self._readable_ms)
        except ShipwayError as refusal:
            present = find_version(place)
            if refusal.code != "SW-605" or before is None or present is None or present.number == before.number:
                raise
            # What this version would have stood on was let go by those who published since.
            raise _overtaken(name, place) from refusal
        if not place.claim(metadata_name(after.number), msgspec.json.encode(after.metadata)):
            place.remove(attempt.written)
            winner = find_version(place)
            if winner is not None and _layout_of(winner) == snapshot.stored[0]:
                return _report(place, winner, snapshot)
            raise _overtaken(name, place)
        if not is_followed(place, after):
            raise _overtaken(name, place)
        advance_hint(place, after.number)
        if after.number % max(1, self._keep // 2) == 0:
            sweep_versions(place, after)
        return _report(place, after, snapshot, by=attempt)

    def commits(self, name: str, *, location: str) -> tuple[str, ...]:
        """Return the commits of all versions that can be read there now, oldest first.

        Raises:
            ShipwayError: SW-605 if the published table is damaged, and as `open_place` says.
        """
        present = find_version(open_place(location, name))
        snapshots = () if present is None else present.metadata["snapshots"]
        return tuple(dict.fromkeys(each["summary"][COMMIT] for each in snapshots))


def _overtaken(name: str, place: Place) -> ShipwayError:
    fact = f"somebody else published table {name!r} to {place.uri} meanwhile"
    return ShipwayError("SW-208", fact, "see what is published there, then run the same command again")


def _layout_of(version: Version) -> str | None:
    present = current_snapshot(version.metadata)
    return None if present is None else present["summary"].get(LAYOUT)


def _report(place: Place, version: Version, snapshot: Snapshot, *, by: Attempt | None = None) -> Published:
    return Published(
        metadata_uri=f"{place.uri}/{metadata_name(version.number)}",
        rows=snapshot.rows,
        files_added=0 if by is None else by.added,
        files_removed=0 if by is None else by.removed,
        files_rewritten=0 if by is None else by.rewritten,
        unchanged=by is None,
    )
