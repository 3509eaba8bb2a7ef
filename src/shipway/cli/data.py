"""`shipway data`."""

from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from shipway.app.branch import (
    RefLine,
    Way,
    commit_files,
    compare_data,
    drop_branch,
    drop_tag,
    list_refs,
    make_branch,
    make_tag,
    read_log,
)
from shipway.app.count import write_plural
from shipway.cli.branch import show_differences, show_log, show_moved, show_refs
from shipway.cli.door import Flag, Given
from shipway.cli.failure import DONE, OUTCOMES, UsageError
from shipway.cli.quarantine import show_quarantine, show_released
from shipway.cli.render import Console, show_table, watch_run
from shipway.core.table import MAIN
from shipway.kit.duration import parse_duration

if TYPE_CHECKING:
    from shipway.app.contract import ContractState
    from shipway.app.merge import MovedData

app = App(
    name="data",
    help_epilogue="""\
A branch, a tag, a commit's id or its first seven digits name a version of the data

Examples:
  shipway data
  shipway data branch fix
  shipway data commit fix orders=orders-2024-07.csv --upsert -m "late orders of July"
  shipway data diff main fix
  shipway data merge fix
  shipway data rollback 3f2c1a9
  shipway data contract orders --accept
  shipway data quarantine orders --rows
  shipway data listen --port 8081
  shipway data publish main --to published
  shipway data gc --history 90d --dry-run""",
)


@app.default
def show(*, door: Given) -> None:
    """Show the branches and tags of the data, and what is in them."""
    timezone = door.project().config.project.timezone
    door.answer(list_refs(door.project()), lambda console, lines: show_refs(console, lines, timezone))


@app.command(name="branch", help="Begin a branch, or drop one")
def branch(name: str, /, *, at: str = MAIN, drop: Flag = False, door: Given) -> None:
    """Begin a branch, or drop one.

    Args:
        name: the branch
        at: where it begins: a branch, a tag or a commit
        drop: forget the branch; its commits stay until they are collected
        door: how to answer
    """
    if drop:
        drop_branch(door.project(), name)
        door.note("branch", f"{name} is dropped")
    else:
        _answer_ref(door, make_branch(door.project(), name, at=at))


@app.command(name="tag", help="Name a commit for good, or drop the name")
def tag(name: str, /, *, at: str = MAIN, drop: Flag = False, door: Given) -> None:
    """Name a commit for good, or drop the name.

    Args:
        name: the tag
        at: what is named: a branch's commit, a tag's, or another one
        drop: forget the tag
        door: how to answer
    """
    if drop:
        drop_tag(door.project(), name)
        door.note("tag", f"{name} is dropped")
    else:
        _answer_ref(door, make_tag(door.project(), name, at=at))


@app.command(name="commit", help="Put rows from files into tables of a branch")
def commit(
    name: str,
    files: list[str],
    /,
    *,
    append: Flag = False,
    upsert: Flag = False,
    key: Annotated[tuple[str, ...], Parameter(consume_multiple=True)] = (),
    message: Annotated[str, Parameter(alias="-m")] = "",
    door: Given,
) -> None:
    """Put rows from files into tables of a branch.

    Args:
        name: the branch
        files: what goes where, such as orders=orders.csv
        append: put the rows behind those there are
        upsert: put the rows in the place of those with their keys
        key: columns that identify a row, where no source of the table's name says so
        message: what is done
        door: how to answer
    """
    if append and upsert:
        raise UsageError("--append and --upsert stand together", "ask for one of them")
    way: Way = "append" if append else "upsert" if upsert else "replace"
    line = commit_files(door.project(), name, _read_pairs(files), way=way, key=key, message=message)
    timezone = door.project().config.project.timezone
    door.answer(line, lambda console, made: show_log(console, [made], timezone))


@app.command(name="log", help="Show the commits of a branch")
def log(name: str = MAIN, /, *, limit: Annotated[int, Parameter(validator=Number(gte=1))] = 20, door: Given) -> None:
    """Show the commits of a branch.

    Args:
        name: a branch, a tag or a commit
        limit: how many of the newest commits are shown
        door: how to answer
    """
    timezone = door.project().config.project.timezone
    lines = read_log(door.project(), name, limit=limit)
    door.answer(lines, lambda console, found: show_log(console, found, timezone))


@app.command(name="diff", help="Show which rows differ between two versions")
def diff(
    before: str,
    after: str = MAIN,
    /,
    *,
    table: str | None = None,
    rows: Annotated[int, Parameter(validator=Number(gte=0))] = 3,
    door: Given,
) -> None:
    """Show which rows differ between two versions.

    Args:
        before: the earlier version: a branch, a tag or a commit
        after: the later one
        table: only this table
        rows: how many rows of each kind are shown
        door: how to answer
    """
    found = compare_data(door.project(), before, after, table=table, examples=rows)
    door.answer(found, lambda console, differences: show_differences(console, differences, before, after))


@app.command(name="merge", help="Bring a branch into another; main takes what its gates let through")
def merge(source: str, into: str = MAIN, /, *, dry_run: Flag = False, door: Given) -> int:
    """Bring a branch into another; main takes what its gates let through.

    Args:
        source: what is merged: a branch, a tag or a commit
        into: the branch that moves
        dry_run: only say what it would do, with every row in conflict
        door: how to answer
    """
    from shipway.app.merge import merge_data

    with watch_run(json=door.json) as watch:
        made = merge_data(door.project(), source, into, dry=dry_run, watch=watch)
    return _answer_moved(door, made)


@app.command(name="rollback", help="Put an earlier version on top of a branch; no history is lost")
def rollback(to: str, /, *, branch: str = MAIN, door: Given) -> int:
    """Put an earlier version on top of a branch; no history is lost.

    Args:
        to: the version: a branch, a tag or a commit
        branch: the branch that goes back
        door: how to answer
    """
    from shipway.app.merge import roll_back_data

    with watch_run(json=door.json) as watch:
        made = roll_back_data(door.project(), to, branch, watch=watch)
    return _answer_moved(door, made)


@app.command(name="publish", help="Show a version to other engines, as Apache Iceberg tables")
def publish(name: str = MAIN, /, *, to: str | None = None, table: str | None = None, door: Given) -> None:
    """Show a version to other engines, as Apache Iceberg tables.

    Args:
        name: a branch, a tag or a commit
        to: the folder or address that tables are published under; the project's folder published where not given
        table: only this table
        door: how to answer
    """
    from shipway.app.publication import PublishedData, publish_data

    def show_published(console: Console, made: PublishedData) -> None:
        rows = (
            (
                each.table,
                f"{each.rows:,} rows",
                "unchanged" if each.unchanged else f"{each.files_added:,} files added, {each.files_removed:,} removed",
                each.metadata,
            )
            for each in made.tables
        )
        show_table(console, (), rows)

    door.answer(publish_data(door.project(), name, to=to, table=table), show_published)


@app.command(name="gc", help="Remove data that no branch, tag, run or bundle needs")
def gc(*, grace: str = "1d", history: str | None = None, dry_run: Flag = False, door: Given) -> None:
    """Remove data that no branch, tag, run or bundle needs.

    Args:
        grace: what was stored within this stays in any case
        history: how much history of branches and runs is kept; all of it where this is not given
        dry_run: remove nothing and say what would go
        door: how to answer
    """
    from shipway.app.garbage import CollectedData, collect_data

    def show_collected(console: Console, found: CollectedData) -> None:
        verb = "would go" if found.dry else "went"
        size = f"{found.freed_bytes / 1e6:,.1f} MB"
        files, commits = write_plural(found.blobs, "file"), write_plural(found.commits, "commit")
        console.print(f"{files} ({size}) and {commits} {verb}; {found.kept:,} files are needed, {found.young:,} young")

    past = None if history is None else _read_span(history, "--history")
    answer = collect_data(door.project(), grace_us=_read_span(grace, "--grace"), history_us=past, dry=dry_run)
    door.answer(answer, show_collected)


@app.command(name="contract", help="Compare what is delivered with the contract of a raw input, and accept it")
def contract(name: str, /, *, accept: Flag = False, door: Given) -> None:
    """Compare what is delivered with the contract of a raw input, and accept it.

    Args:
        name: the raw input
        accept: write the contract that allows what was found
        door: how to answer
    """
    from shipway.app.contract import propose_contract

    door.answer(propose_contract(door.project(), name, accept=accept), _show_contract)


@app.command(name="quarantine", help="Show the rows that were set aside of raw inputs, or take them back in")
def quarantine(name: str | None = None, /, *, rows: Flag = False, release: Flag = False, door: Given) -> int:
    """Show the rows that were set aside of raw inputs, or take them back in.

    Args:
        name: only this raw input
        rows: show every row, as it came
        release: take those rows back in that keep the contract as it is now
        door: how to answer
    """
    from shipway.app.quarantine import read_quarantine, release_rows

    if not release:
        found = read_quarantine(door.project(), name, rows=rows or door.json)
        timezone = door.project().config.project.timezone
        door.answer(found, lambda console, lines: show_quarantine(console, lines, timezone))
        return DONE
    if name is None:
        raise UsageError("--release names no raw input", "write such as shipway data quarantine orders --release")
    with watch_run(json=door.json) as watch:
        made = release_rows(door.project(), name, watch=watch)
    door.answer(made, show_released)
    return DONE if made.outcome is None else OUTCOMES["pass" if made.moved else made.outcome]


@app.command(name="listen", help="Take rows that are pushed to raw inputs, until it is stopped")
def take_rows(
    *,
    host: str = "127.0.0.1",
    port: int = 8081,
    most_mb: Annotated[int, Parameter(validator=Number(gte=1))] = 64,
    door: Given,
) -> None:
    """Take rows that are pushed to raw inputs, until it is stopped.

    Args:
        host: the address to listen on
        port: the port to listen on; 0 takes any that is free
        most_mb: the largest body that is taken, in 10^6 bytes
        door: which project
    """
    from shipway.app.listen import listen

    listen(door.project(), host=host, port=port, most_bytes=most_mb * 1_000_000)


def _answer_ref(door: Given, line: RefLine) -> None:
    timezone = door.project().config.project.timezone
    door.answer(line, lambda console, made: show_refs(console, [made], timezone))


def _show_contract(console: Console, found: "ContractState") -> None:
    for change in found.changes:
        said = "fits what came before" if change.safe else "does not fit what came before"
        console.print(f"{change.said}: {said}", soft_wrap=True)
    if found.accepted:
        console.print(f"{found.path} is written")
    elif found.changes or not found.exists:
        console.print(found.text, end="", soft_wrap=True, markup=False)
        console.print(f"accept it as {found.path} with --accept")
    else:
        console.print(f"{write_plural(found.pieces, 'piece')} fit {found.path}")


def _answer_moved(door: Given, made: "MovedData") -> int:
    door.answer(made, show_moved)
    return DONE if made.outcome is None else OUTCOMES["pass" if made.moved else made.outcome]


def _read_pairs(words: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for word in words:
        table, equals, address = word.partition("=")
        if not (table and equals and address):
            raise UsageError(f"{word!r} names no table and file", "write such as orders=orders.csv")
        pairs[table] = address
    return pairs


def _read_span(text: str, option: str) -> int:
    try:
        us = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}", "write such as 12h or 30d") from error
    if us < 0:
        raise UsageError(f"{option} is {text}", "write a duration of zero or more")
    return us
