"""The versions of a project's data as a person works with them: branches, tags, commits, and what differs."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any, Literal, TypeAlias

import msgspec

from shipway.app.project import Project
from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError
from shipway.core.raw import Raw
from shipway.core.table import EMPTY, MAIN, Commit, Snapshot
from shipway.infra.branch import BRANCH, TAG, Branches
from shipway.kit.suggestion import did_you_mean

Way: TypeAlias = Literal["replace", "append", "upsert"]
"""How rows are put into a table: in the place of all there are, behind them, or by key."""


class RefLine(msgspec.Struct, frozen=True, kw_only=True):
    """One branch or tag.

    Attributes:
        kind: `branch` or `tag`.
        name: its name.
        commit: what it points at.
        made_at: when that was stored, microseconds since 1970 UTC.
        message: what was done.
        rows: table name to rows.
    """

    kind: str
    name: str
    commit: str
    made_at: int
    message: str
    rows: dict[str, int]


class CommitLine(msgspec.Struct, frozen=True, kw_only=True):
    """One commit of a log.

    Attributes:
        commit: its id.
        parents: what it follows.
        made_at: when it was stored, microseconds since 1970 UTC.
        message: what was done.
        changed: tables that its first parent has otherwise, with their rows now; None for one that went.
        refs: names of branches and tags that point at it.
    """

    commit: str
    parents: tuple[str, ...]
    made_at: int
    message: str
    changed: dict[str, int | None]
    refs: tuple[str, ...]


class TableDifference(msgspec.Struct, frozen=True, kw_only=True):
    """How one table differs between two versions of the data.

    Attributes:
        table: its name.
        added: rows added; of a new table, all it has.
        removed: rows removed; of a table that went, all it had.
        changed: rows changed, found by the table's key; without one, a changed row is removed and added.
        key: the columns that identify a row.
        columns: what changed about its columns, one clause each.
        examples: rows of each kind, as many as were asked for; those changed hold what they were and what they are.
    """

    table: str
    added: int
    removed: int
    changed: int
    key: tuple[str, ...]
    columns: tuple[str, ...]
    examples: dict[str, list[dict[str, Any]]]


def list_refs(project: Project) -> list[RefLine]:
    """Return every branch and tag of a project's data; nothing is created and no table is read."""
    with closing(Workspace(project)) as workspace:
        if not workspace.has_data:
            return []
        branches = Branches(workspace.catalog)
        refs = {ref: at for ref, at in workspace.catalog.refs().items() if ref.startswith((BRANCH, TAG))}
        made = workspace.catalog.stored_at(refs.values())
        lines = [
            RefLine(
                kind=ref.partition("/")[0],
                name=ref.partition("/")[2],
                commit=at,
                made_at=made.get(at, 0),
                message=(commit := branches.get(at)).message,
                rows={name: snapshot.rows for name, snapshot in commit.tables.items()},
            )
            for ref, at in refs.items()
        ]
    return sorted(lines, key=lambda line: (line.kind, line.name != MAIN, line.name))


def read_log(project: Project, name: str = MAIN, *, limit: int) -> list[CommitLine]:
    """Return the newest commits of a branch, a tag, or from a commit on, first parents only.

    Raises:
        ShipwayError: SW-209 if nothing is called so.
    """
    with closing(Workspace(project)) as workspace:
        branches = _open(workspace, name)
        refs: dict[str, list[str]] = {}
        for line in (branches.branches(), branches.tags()):
            for ref, at in line.items():
                refs.setdefault(at, []).append(ref)
        commits = [commit for commit, _ in zip(branches.log(name), range(limit + 1), strict=False)]
        made = workspace.catalog.stored_at([commit.id for commit in commits])
        before: list[Commit] = [*commits[1:], EMPTY]
        return [
            CommitLine(
                commit=commit.id,
                parents=commit.parents,
                made_at=made.get(commit.id, 0),
                message=commit.message,
                changed=_changed(earlier, commit),
                refs=tuple(refs.get(commit.id, ())),
            )
            for commit, earlier in zip(commits[:limit], before, strict=False)
        ]


def compare_data(
    project: Project, before: str, after: str, *, table: str | None = None, examples: int = 3
) -> list[TableDifference]:
    """Return how the tables of one branch, tag or commit differ from those of another; equal ones are left out.

    Args:
        project: whose data.
        before: the earlier version.
        after: the later version.
        table: only this one.
        examples: how many rows of each kind are given.

    Raises:
        ShipwayError: SW-209 if there is no such version or table, SW-605 if data is lost or damaged.
    """
    with closing(Workspace(project)) as workspace:
        branches = _open(workspace, before)
        old, new = (branches.get(branches.find(name)).tables for name in (before, after))
        names = sorted({*old, *new})
        if table is not None and table not in names:
            raise ShipwayError("SW-209", f"there is no table {table!r} in either", did_you_mean(table, names))
        keys = keys_of(project)
        found = [
            _compare(workspace, name, old.get(name), new.get(name), keys.get(name, ()), examples)
            for name in (names if table is None else [table])
        ]
    return [difference for difference in found if difference is not None]


def make_branch(project: Project, name: str, *, at: str = MAIN) -> RefLine:
    """Begin a branch at a branch, tag or commit.

    Raises:
        ShipwayError: SW-106 for a name it cannot have, SW-208 if it is elsewhere already, SW-209 if there is no such
            version.
    """
    with closing(Workspace(project)) as workspace:
        branches = _open(workspace, at)
        branches.fork(name, at=branches.find(at))
    return _line(project, "branch", name)


def drop_branch(project: Project, name: str) -> None:
    """Forget a branch; its commits stay until they are collected.

    Raises:
        ShipwayError: SW-209 if there is no such branch, SW-208 for main, which everything is made from.
    """
    if name == MAIN:
        raise ShipwayError("SW-208", f"{MAIN!r} cannot be dropped", "roll it back instead: shipway data rollback")
    with closing(Workspace(project)) as workspace:
        branches = _open(workspace, name)
        _expect_known("branch", name, branches.branches())
        branches.drop(name)


def make_tag(project: Project, name: str, *, at: str = MAIN) -> RefLine:
    """Give a branch's, a tag's or another commit a name that never moves; errors as for `make_branch`."""
    with closing(Workspace(project)) as workspace:
        branches = _open(workspace, at)
        branches.tag(name, at=branches.find(at))
    return _line(project, "tag", name)


def drop_tag(project: Project, name: str) -> None:
    """Forget a tag; SW-209 if there is none of that name."""
    with closing(Workspace(project)) as workspace:
        branches = _open(workspace, name)
        _expect_known("tag", name, branches.tags())
        branches.untag(name)


def commit_files(
    project: Project,
    branch: str,
    files: dict[str, str],
    *,
    way: Way = "replace",
    key: Sequence[str] = (),
    message: str = "",
) -> CommitLine:
    """Put rows from files into tables of a branch, as one commit.

    Args:
        project: whose data.
        branch: which branch; main is moved only by what passes its gates.
        files: table name to the address of a file, as `[raw]` in shipway.toml writes it.
        way: how the rows are put into tables that are there.
        key: columns that identify a row, for `upsert`; those of the source of a table's name where there are none.
        message: what is done.

    Raises:
        ShipwayError: SW-208 for main, or if the branch moved meanwhile; SW-209 if there is no such branch; SW-106 if
            nothing says what identifies a row; what reading the files and changing the tables refuses.
    """
    if branch == MAIN:
        raise ShipwayError(
            "SW-208",
            f"{MAIN!r} takes only what its gates let through",
            "commit to a branch (shipway data branch fix), then: shipway data merge fix",
        )
    with closing(Workspace(project)) as workspace:
        lake = workspace.tables
        expect = lake.head(branch)
        if expect is None:
            _expect_known("branch", branch, lake.branches())
        present = lake.get(expect) if expect else EMPTY
        keys = keys_of(project)
        made: dict[str, Snapshot | None] = {}
        for table, address in files.items():
            frame, before = _read_file(workspace, table, address), present.tables.get(table)
            if before is None or way == "replace":
                made[table] = lake.write(frame)
            elif way == "append":
                made[table] = lake.compact(lake.append(before, frame))
            else:
                made[table] = lake.compact(lake.upsert(before, frame, key=_key_of(table, key or keys.get(table, ()))))
        said = message or f"{way} {', '.join(files)}"
        commit = lake.commit(branch, made, expect=expect, message=said)
    return read_log(project, commit.id, limit=1)[0]


def _read_file(workspace: Workspace, table: str, address: str) -> Any:
    # Here and not above, because what only looks at branches needs no frames.
    from shipway.data.whole import read_whole

    raw = Raw(name=table, uri=address)
    return read_whole(workspace.reader(raw), raw)


def keys_of(project: Project) -> dict[str, tuple[str, ...]]:
    """Return the key of each table that a source declares, and of those that keep raw inputs by key."""
    inputs = [project.config.input(name) for name in project.config.raw]
    kept = {f"raw_{raw.name}": raw.key for raw in inputs if raw.contract and raw.key}
    return {**kept, **{name: source.key for name, source in project.registry.sources.items()}}


def _open(workspace: Workspace, name: str) -> Branches:
    """Return the branches of a project that has some; SW-209 with the name that was asked for where it has none."""
    if not workspace.has_data:
        fact = f"there is no branch, tag or commit {name!r}, for no data was ever committed"
        raise ShipwayError("SW-209", fact, "shipway run ingests, checks and admits it")
    return Branches(workspace.catalog)


def _line(project: Project, kind: str, name: str) -> RefLine:
    return next(line for line in list_refs(project) if (line.kind, line.name) == (kind, name))


def _expect_known(kind: str, name: str, known: dict[str, str]) -> None:
    if name not in known:
        raise ShipwayError("SW-209", f"there is no {kind} {name!r}", did_you_mean(name, known))


def _key_of(table: str, key: Sequence[str]) -> Sequence[str]:
    if not key:
        hint = "name its columns with --key, or declare a source of the table's name"
        raise ShipwayError("SW-106", f"nothing says what identifies a row of {table!r}", hint)
    return key


def _changed(before: Commit, after: Commit) -> dict[str, int | None]:
    names = sorted({*before.tables, *after.tables})
    pairs = ((name, before.tables.get(name), after.tables.get(name)) for name in names)
    return {name: None if new is None else new.rows for name, old, new in pairs if old != new}


def _compare(
    workspace: Workspace,
    name: str,
    old: Snapshot | None,
    new: Snapshot | None,
    key: Sequence[str],
    examples: int,
) -> TableDifference | None:
    whole = new or old
    if whole is None or old == new:
        return None
    if old is None or new is None:
        kind = "added" if old is None else "removed"
        rows = workspace.tables.read(whole).head(examples).to_dicts()
        counts = {"added": 0, "removed": 0} | {kind: whole.rows}
        clause = (f"the table was {kind}",)
        return TableDifference(
            table=name, **counts, changed=0, key=tuple(key), columns=clause, examples={kind: rows} if rows else {}
        )
    key = tuple(key) if all(column in old.columns and column in new.columns for column in key) else ()
    found = workspace.tables.compare(old, new, key=key)
    if found.empty:
        return None
    pairs = zip(found.before.head(examples).to_dicts(), found.after.head(examples).to_dicts(), strict=True)
    shown = {
        "added": found.added.head(examples).to_dicts(),
        "removed": found.removed.head(examples).to_dicts(),
        "changed": [_say_change(was, now, key) for was, now in pairs],
    }
    return TableDifference(
        table=name,
        added=found.added.height,
        removed=found.removed.height,
        changed=found.before.height,
        key=key,
        columns=(
            *(f"{column} added" for column in found.columns_added),
            *(f"{column} removed" for column in found.columns_removed),
            *found.columns_changed,
        ),
        examples={kind: rows for kind, rows in shown.items() if rows},
    )


def _say_change(was: dict[str, Any], now: dict[str, Any], key: Sequence[str]) -> dict[str, Any]:
    """Return a changed row as its key and, for each column that differs, what it was and what it is."""
    differing = {name: {"was": was[name], "now": now[name]} for name in now if repr(was[name]) != repr(now[name])}
    return {**{name: now[name] for name in key}, **differing}
