"""Branches, commits and what differs between them, shown in a terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shipway.cli.render import Console, show_table, show_title, write_instant, write_value
from shipway.kit.text import reveal

if TYPE_CHECKING:
    from shipway.app.branch import CommitLine, RefLine, TableDifference
    from shipway.app.merge import MovedData


def show_moved(console: Console, made: "MovedData") -> None:
    """Show what became of a merge or a rollback: how tables were merged, what is in its way, where the branch is."""
    show_table(console, (), (("", table, how) for table, how in made.tables.items()))
    for conflict in made.conflicts:
        show_title(console, conflict.table, conflict.reason)
        for keys in conflict.keys:
            console.print(f"  {_say_row(keys)}", soft_wrap=True)
    for reason in made.reasons:
        console.print(reveal(reason), soft_wrap=True)
    if made.moved:
        console.print(f"{made.into} is at {(made.commit or '')[:12]}")
    elif made.commit is not None:
        console.print(f"{made.into} stays where it is; what was tried is on branch audit")
    elif not made.conflicts:
        console.print("it can be merged" if made.tables else "there is nothing to merge")


def show_refs(console: Console, lines: "Sequence[RefLine]", timezone: str) -> None:
    """Show branches and tags with the commits they are at, in a project's time zone."""
    if not lines:
        console.print("no data yet: shipway run ingests, checks and admits it")
    show_table(
        console,
        ("", "name", "commit", "at", "rows", ""),
        (
            (
                line.kind,
                line.name,
                line.commit[:12],
                write_instant(line.made_at, timezone),
                ", ".join(f"{table} {count:,}" for table, count in line.rows.items()),
                line.message,
            )
            for line in lines
        ),
    )


def show_log(console: Console, lines: "Sequence[CommitLine]", timezone: str) -> None:
    """Show commits with the tables they changed, in a project's time zone."""
    show_table(
        console,
        ("commit", "at", "changed", "", ""),
        (
            (
                line.commit[:12],
                write_instant(line.made_at, timezone),
                ", ".join(
                    f"{table} gone" if count is None else f"{table} {count:,}" for table, count in line.changed.items()
                ),
                line.message,
                ", ".join(line.refs),
            )
            for line in lines
        ),
    )


def show_differences(console: Console, found: "Sequence[TableDifference]", before: str, after: str) -> None:
    """Show which rows differ between two versions, named as they were asked for, with some of the rows."""
    if not found:
        console.print(f"{before} and {after} have the same rows")
    for place, each in enumerate(found):
        if place:
            console.print()
        counts = {"added": each.added, "removed": each.removed, "changed": each.changed}
        said = ", ".join([*(f"{count:,} {kind}" for kind, count in counts.items() if count), *each.columns])
        show_title(console, each.table, said)
        for kind, rows in each.examples.items():
            for row in rows:
                console.print(f"  {kind:<8} {_say_row(row)}", soft_wrap=True)


def _say_row(row: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {write_value(value['was'])} -> {write_value(value['now'])}"
        if isinstance(value, dict) and value.keys() == {"was", "now"}
        else f"{name} {write_value(value)}"
        for name, value in row.items()
    )
