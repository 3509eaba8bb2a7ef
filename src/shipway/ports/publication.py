"""The port of publication: tables shown to engines that know nothing of shipway."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from shipway.core.table import Snapshot


class Published(NamedTuple):
    """What publishing a table came to.

    Attributes:
        metadata_uri: the address that an engine reads the present version by.
        rows: how many rows that has.
        files_added: files that it has and the version before had not.
        files_removed: files that the version before had and it has not.
        files_rewritten: how many of those added had to be written anew for other engines to read them.
        unchanged: whether it was published already, so that nothing was done.
    """

    metadata_uri: str
    rows: int
    files_added: int
    files_removed: int
    files_rewritten: int
    unchanged: bool


class Publisher(Protocol):
    """Publishes tables in a format that other engines read, without copying what they can read where it lies.

    Contract (the conformance suite `shipway.testing.publication` checks it):
        * Whoever reads the table sees the version before or the one published, whole, whenever a publisher is killed.
        * Of two that publish different snapshots at once, one is refused with SW-208.
        * What is published already is not published again.
        * Stored files are never changed, moved or removed.
    """

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
            ShipwayError: SW-208 if somebody else published the table meanwhile, SW-212 for a column that the format
                has no type for, SW-601 disk full, SW-602 not writable, SW-605 if a stored or published file is missing
                or damaged.
        """
        ...

    def commits(self, name: str, *, location: str) -> tuple[str, ...]:
        """Return the commits of all versions that can be read there now, oldest first; their files must be kept.

        Raises:
            ShipwayError: SW-605 if the published table is damaged.
        """
        ...
