"""Showing a version of the data to engines that know nothing of shipway, and keeping what they are shown."""

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from shipway.app.project import Project
from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError
from shipway.core.table import MAIN
from shipway.infra.branch import PUBLICATION, Branches
from shipway.kit.canonical import digest_value
from shipway.kit.suggestion import did_you_mean
from shipway.ports.adapter import load_adapter
from shipway.ports.publication import Publisher

FOLDER = "published"
"""Where in a project's folder tables are published to, unless another place is named."""


class PublishedTable(msgspec.Struct, frozen=True, kw_only=True):
    """One table as others read it now.

    Attributes:
        table: its name.
        metadata: the address by which an engine reads the present version.
        rows: how many rows that has.
        files_added: files that it has and the version before had not.
        files_removed: files that the version before had and it has not.
        files_rewritten: how many of those added had to be written anew for other engines to read them.
        unchanged: whether it was published already.
    """

    table: str
    metadata: str
    rows: int
    files_added: int
    files_removed: int
    files_rewritten: int
    unchanged: bool


class PublishedData(msgspec.Struct, frozen=True, kw_only=True):
    """A version of the data as others read it now: which commit, where, and its tables."""

    commit: str
    location: str
    tables: list[PublishedTable]


def publish_data(
    project: Project, name: str = MAIN, *, to: str | None = None, table: str | None = None
) -> PublishedData:
    """Publish the tables of a branch, a tag or a commit as Apache Iceberg, over the files where they lie.

    What any version that is still readable there needs is kept from collection from before it is shown.

    Args:
        project: whose data.
        name: which version.
        to: the folder or URI that published tables are under; a folder of the project where None.
        table: only this table.

    Raises:
        ShipwayError: SW-209 if there is no such version or table, SW-208 if somebody else published meanwhile, SW-212
            for a column that Iceberg has no type for, SW-701 if what publishes is not installed.
    """
    location = _locate(project, to)
    with closing(Workspace(project)) as workspace:
        if not workspace.has_data:
            raise ShipwayError(
                "SW-209", f"there is no {name!r} to publish", "shipway run ingests, checks and admits data"
            )
        publisher: Publisher = load_adapter("publisher.iceberg")(clock=workspace.clock)
        refs = workspace.tables.refs
        commit = refs.get(refs.find(name))
        if table is not None and table not in commit.tables:
            raise ShipwayError("SW-209", f"there is no table {table!r}", did_you_mean(table, commit.tables))
        shown = {each: commit.tables[each] for each in ([table] if table else commit.tables)}
        place = digest_value(location)[:12]
        made: list[PublishedTable] = []
        for each, snapshot in shown.items():
            refs.show(_name(place, each, commit.id), at=commit.id)
            found = publisher.publish(each, snapshot, commit=commit.id, files=workspace.blobs.uri, location=location)
            made.append(
                PublishedTable(
                    table=each,
                    metadata=found.metadata_uri,
                    rows=found.rows,
                    files_added=found.files_added,
                    files_removed=found.files_removed,
                    files_rewritten=found.files_rewritten,
                    unchanged=found.unchanged,
                )
            )
            _let_go(refs, f"{place}/{each}/", lambda each=each: publisher.commits(each, location=location))
    return PublishedData(commit=commit.id, location=location, tables=made)


def _locate(project: Project, to: str | None) -> str:
    """Return where tables are published to: a URI as it is, a path from where the command was given."""
    if to is None:
        return str(project.root / FOLDER)
    return to if "://" in to else str(Path(to).resolve())


def _name(place: str, table: str, commit: str) -> str:
    return f"{place}/{table}/{commit[:12]}"


def _let_go(refs: Branches, prefix: str, shown: Callable[[], Sequence[str]]) -> None:
    """Keep no longer the commits that nobody can read any more in a published table.

    Another publisher may have kept a commit that it shows only after this looked, so what was let go is looked for
    among what is shown once more.
    """
    kept = {name: at for name, at in refs.named(PUBLICATION).items() if name.startswith(prefix)}
    there = set(shown())
    gone = {name: at for name, at in kept.items() if at not in there}
    for name in gone:
        refs.hide(name)
    there = set(shown()) if gone else there
    for name, at in gone.items():
        if at in there:
            refs.show(name, at=at)
