"""Merging two branches: what changed on each since their common ancestor is put together, or refused.

Per table: what changed on one side only is taken; rows appended on both sides are both taken; otherwise the changes of
one side are applied to the other row by row, found by key. Columns that one side added, renamed or widened are those of
the merged table, with the rows of both. A row that both changed, differently, is a conflict that is named, and so are
columns that both changed, or one dropped beside changes of the other. Nothing is merged where anything conflicts.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from shipway.core.error import ShipwayError
from shipway.core.table import EMPTY, Commit, Snapshot, follow_snapshot
from shipway.infra.difference import Difference, compare, match_rows
from shipway.infra.table import TableFiles

_NAMED: Final = 3
"""How many rows in conflict the refusal names."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """What cannot be merged in one table.

    Attributes:
        table: the table's name.
        reason: one clause.
        keys: keys of the rows in conflict, if it is about rows.
    """

    table: str
    reason: str
    keys: pl.DataFrame | None = None


@dataclass(frozen=True, slots=True)
class MergePlan:
    """What a merge would do.

    Attributes:
        tables: the tables that change on the branch merged into; None for one that goes.
        how: table name to a word for how its two sides were put together.
        conflicts: what stands against it; nothing may be merged where there are any.
    """

    tables: dict[str, Snapshot | None] = field(default_factory=dict[str, "Snapshot | None"])
    how: dict[str, str] = field(default_factory=dict[str, str])
    conflicts: list[Conflict] = field(default_factory=list[Conflict])


def plan_merge(
    files: TableFiles,
    base: Commit | None,
    ours: Commit,
    theirs: Commit,
    *,
    keys: Mapping[str, Sequence[str]],
    contested: Collection[str] = (),
) -> MergePlan:
    """Work out the merge of one commit into another.

    Args:
        files: where the tables' files are.
        base: their nearest common ancestor; None if they have none.
        ours: the commit merged into.
        theirs: the commit merged.
        keys: table name to the columns that identify a row; without, only rows appended on both sides can be merged.
        contested: tables that several common ancestors contradict one another about; both sides must have them alike.

    Raises:
        ShipwayError: SW-605 if a file is missing or damaged.
    """
    plan = MergePlan()
    before = EMPTY if base is None else base
    for name in sorted({*ours.tables, *theirs.tables}):
        old, mine, other = (commit.tables.get(name) for commit in (before, ours, theirs))
        if _same(mine, other) or (_same(old, other) and name not in contested):
            continue
        if name in contested:
            if mine and other and mine.fields == other.fields and compare(files, mine, other).empty:
                continue
            reason = "merges into one another crossed, and the two sides settled them differently"
            plan.conflicts.append(Conflict(name, reason))
        elif _same(old, mine):
            plan.tables[name] = other
            plan.how[name] = "taken" if other is not None else "removed"
        elif mine is None or other is None:
            plan.conflicts.append(Conflict(name, "one side removed the table, the other changed it"))
        elif old is None:
            plan.conflicts.append(Conflict(name, "both sides made a table of this name"))
        else:
            _merge_table(files, name, (old, mine, other), list(keys.get(name, ())), plan)
    return plan


def refuse_conflicts(plan: MergePlan, source: str, into: str) -> None:
    """Raise SW-210 if a merge would not be clean, with the rows that stand against it."""
    if not plan.conflicts:
        return
    first, more = plan.conflicts[0], len(plan.conflicts) - 1
    fact = f"{source!r} cannot be merged into {into!r}: table {first.table!r}: {first.reason}"
    if first.keys is not None:
        named = (", ".join(f"{k} {v}" for k, v in row.items()) for row in first.keys.head(_NAMED).iter_rows(named=True))
        rest = first.keys.height - _NAMED
        fact += f" ({'; '.join(named)}{f'; and {rest:,} more' if rest > 0 else ''})"
    if more:
        fact += f"; and {more} more"
    hint = f"bring {source!r} to what is right on {into!r}, or drop the change there, then merge again"
    raise ShipwayError("SW-210", fact, hint)


def _same(one: Snapshot | None, other: Snapshot | None) -> bool:
    """Tell whether two versions have the same rows under the same columns, however they lie in files."""
    if one is None or other is None:
        return one is other
    return one.digest == other.digest and one.fields == other.fields


def _merge_table(
    files: TableFiles, name: str, sides: tuple[Snapshot, Snapshot, Snapshot], key: list[str], plan: MergePlan
) -> None:
    aligned = _align(files, *sides)
    if aligned is None:
        plan.conflicts.append(Conflict(name, "its columns were changed on both sides, or dropped beside other changes"))
        return
    old, mine, other = aligned
    ours, theirs = compare(files, old, mine, key=key), compare(files, old, other, key=key)
    against = _conflicting(ours, theirs, key) if key else pl.concat([ours.removed, theirs.removed])
    if against.height:
        noun = "row was" if against.height == 1 else "rows were"
        what = "changed on both sides, differently" if key else "changed, and nothing says what identifies a row"
        plan.conflicts.append(Conflict(name, f"{against.height:,} {noun} {what}", against))
        return
    done = _touched(ours, key)
    added, after, removed = (
        frame.join(done, on=key, how="anti", maintain_order="left") if key else frame
        for frame in (theirs.added, theirs.after, theirs.removed)
    )
    if _same_columns(*sides) and _appended(*sides) and added.height == theirs.added.height:
        parts = other.parts[len(old.parts) :]
        said = [part.digest for part in parts]
        plan.tables[name] = follow_snapshot(mine, "append", [*mine.parts, *parts], said=said)
        plan.how[name] = "rows of both"
        return
    changed = mine
    if after.height or removed.height:
        changed = files.upsert(mine, after, key=key, deleted=removed.select(key))
        if changed.rows != mine.rows - removed.height:
            plan.conflicts.append(Conflict(name, "rows that were changed are not the only ones of their key"))
            return
    plan.tables[name] = files.append(changed, added)
    plan.how[name] = "rows of both" if changed is mine else "rows merged"


def _align(
    files: TableFiles, old: Snapshot, mine: Snapshot, other: Snapshot
) -> tuple[Snapshot, Snapshot, Snapshot] | None:
    """Return three versions with the columns that they are merged under, or None if there is no telling which.

    Those are the columns of the side that changed them, if the other has every one that was there before. Columns are
    the same by number, so what they were renamed to or became does not matter.
    """
    if _same_columns(old, mine, other):
        return old, mine, other
    chosen = other if mine.fields == old.fields else mine
    if mine.fields != other.fields:
        plain = mine if chosen is other else other
        numbers = {field.id for field in chosen.fields}
        before = {field.id for field in old.fields}
        known = {field.id for schema in old.schemas for field in schema}
        # Numbers that were taken on both sides, or before, may stand for other columns there.
        if plain.schemas != old.schemas or not before <= numbers or numbers - before & known:
            return None
    types = files.types_of(chosen)
    old, mine, other = (
        side if side.fields == chosen.fields else files.restate(side, chosen.fields, types)
        for side in (old, mine, other)
    )
    return old, mine, other


def _same_columns(*versions: Snapshot) -> bool:
    return all(version.fields == versions[0].fields for version in versions)


def _appended(old: Snapshot, mine: Snapshot, other: Snapshot) -> bool:
    """Tell whether the other version is the earlier one with further files behind, which mine can read as it does."""
    known = old.schemas
    return mine.schemas[: len(known)] == known and other.schemas == known and other.parts[: len(old.parts)] == old.parts


def _touched(difference: Difference, key: list[str]) -> pl.DataFrame:
    return pl.concat([frame.select(key) for frame in (difference.added, difference.removed, difference.after)])


def _conflicting(ours: Difference, theirs: Difference, key: list[str]) -> pl.DataFrame:
    """Return the keys of rows that both sides touched and did not leave alike."""
    both = _touched(ours, key).join(_touched(theirs, key), on=key, how="semi", maintain_order="left")
    left = [
        pl.concat([side.added, side.after]).join(both, on=key, how="semi", maintain_order="left")
        for side in (ours, theirs)
    ]
    mine_alone, others_alone, was, _ = match_rows(left[0], left[1], key)
    return pl.concat([mine_alone, others_alone, was]).select(key).unique(maintain_order=True)
