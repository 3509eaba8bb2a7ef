"""The conformance suite of the port Tables."""

import datetime as dt
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any, Final

import polars as pl
from polars.testing import assert_frame_equal

from shipway.core.error import ShipwayError
from shipway.core.table import Commit, Part, Snapshot, start_snapshot
from shipway.ports.tables import Tables
from shipway.testing.refusal import expect_refusal

Make = Callable[[], Tables]
"""Makes a fresh lakehouse without branches."""

Case = Callable[[Make], None]

_ABSENT: Final = "0" * 64


def make_frame(number: int, rows: int = 3) -> pl.DataFrame:
    """Return a small frame that no other number gives."""
    return pl.DataFrame({"id": range(rows), "value": [float(number)] * rows})


def make_wide_frame() -> pl.DataFrame:
    """Return a frame with nulls and the edge values of every column type a project is likely to have."""
    moment, day = dt.datetime(2013, 3, 10, 7, 30, 0, 1), dt.date(1899, 12, 31)
    columns: dict[str, tuple[list[Any], Any]] = {
        "flag": ([True, None, False], pl.Boolean),
        "tiny": ([-128, None, 127], pl.Int8),
        "count": ([0, None, 2**64 - 1], pl.UInt64),
        "big": ([-(2**63), None, 2**63 - 1], pl.Int64),
        "single": ([float("nan"), None, -0.0], pl.Float32),
        "double": ([float("inf"), None, 5e-324], pl.Float64),
        "text": (["", None, "Zürich\x00𝄞"], pl.String),
        "raw": ([b"", None, b"\xff\x00"], pl.Binary),
        "day": ([day, None, dt.date(9999, 12, 31)], pl.Date),
        "at": ([moment, None, dt.datetime(1969, 12, 31)], pl.Datetime("us", "UTC")),
        "local": ([moment, None, moment], pl.Datetime("us", "America/New_York")),
        "naive": ([moment, None, moment], pl.Datetime("ns")),
        "lasting": ([dt.timedelta(days=-1), None, dt.timedelta(microseconds=1)], pl.Duration("us")),
        "clock": ([dt.time(0), None, dt.time(23, 59, 59, 999_999)], pl.Time),
        "price": ([Decimal("-1.25"), None, Decimal("99999.999")], pl.Decimal(20, 3)),
        "kind": (["x", None, "y"], pl.Categorical),
        "grade": (["low", None, "high"], pl.Enum(["low", "high"])),
        "many": ([[1, None], None, []], pl.List(pl.Int64)),
        "pair": ([[1.0, 2.0], None, [3.0, 4.0]], pl.Array(pl.Float64, 2)),
        "record": ([{"a": 1, "b": None}, None, {"a": None, "b": "x"}], pl.Struct({"a": pl.Int32, "b": pl.String})),
        "nothing": ([None, None, None], pl.Null),
    }
    return pl.DataFrame([pl.Series(name, values, dtype=dtype) for name, (values, dtype) in columns.items()])


def make_keyed(rows: Mapping[Any, str | None]) -> pl.DataFrame:
    """Return a frame with a key and a value."""
    schema = {"id": pl.Int64, "value": pl.String}
    return pl.DataFrame({"id": list(rows), "value": list(rows.values())}, schema=schema)


def commit_number(tables: Tables, branch: str, number: int) -> Commit:
    """Commit the frame of a number as the only table that changes, from wherever the branch is."""
    snapshot = tables.write(make_frame(number))
    return tables.commit(branch, {"t": snapshot}, expect=tables.head(branch), message=f"number {number}")


def check_write_shows_nothing(make: Make) -> None:
    """A snapshot is no branch's and no commit's until it is committed."""
    tables = make()
    snapshot = tables.write(make_frame(1))
    assert tables.branches() == {}
    assert tables.head("main") is None
    assert snapshot.rows == 3
    assert snapshot.columns == {"id": "Int64", "value": "Float64"}


def check_read_returns_what_was_written(make: Make) -> None:
    """Rows come back in their order with their types, nulls, NaNs and signs of zero."""
    tables = make()
    frame = make_wide_frame()
    found = tables.read(tables.write(frame))
    assert found.schema == frame.schema
    assert_frame_equal(found, frame)
    assert str(found["single"][2]) == "-0.0"


def check_read_returns_no_rows_with_types(make: Make) -> None:
    """A frame without rows keeps its columns."""
    tables = make()
    frame = make_wide_frame().clear()
    snapshot = tables.write(frame)
    assert snapshot.rows == 0
    assert tables.read(snapshot).schema == frame.schema


def check_read_of_named_columns(make: Make) -> None:
    """Columns come in the order named; one that is not there is refused."""
    tables = make()
    frame = make_wide_frame()
    snapshot = tables.write(frame)
    assert_frame_equal(tables.read(snapshot, ["text", "big", "flag"]), frame.select("text", "big", "flag"))
    with expect_refusal("SW-202"):
        tables.read(snapshot, ["text", "txet"])


def check_read_does_not_see_later_changes(make: Make) -> None:
    """What the caller does to a frame after writing or reading it changes no snapshot."""
    tables = make()
    frame = make_frame(1)
    snapshot = tables.write(frame)
    frame.insert_column(0, pl.Series("new", [1, 2, 3]))
    tables.read(snapshot).insert_column(0, pl.Series("new", [1, 2, 3]))
    assert_frame_equal(tables.read(snapshot), make_frame(1))


def check_same_rows_are_one_snapshot(make: Make) -> None:
    """A snapshot is named by its rows, however the frame holds them in memory."""
    tables = make()
    frame = make_frame(1, rows=1_000)
    pieces = pl.concat([frame[:10], frame[10:11], frame[11:]], rechunk=False)
    cut = pl.concat([make_frame(2), frame])[3:]
    snapshots = [tables.write(frame), tables.write(pieces), tables.write(cut), make().write(frame)]
    assert snapshots == [snapshots[0]] * 4
    assert {snapshot.digest for snapshot in snapshots} == {snapshots[0].digest}


def check_other_rows_are_another_snapshot(make: Make) -> None:
    """Other values, another order, another type or another name make another snapshot."""
    tables = make()
    frame = make_frame(1)
    others = [
        make_frame(2),
        frame.reverse(),
        frame.head(2),
        frame.with_columns(pl.col("id").cast(pl.Int32)),
        frame.rename({"id": "key"}),
        frame.select("value", "id"),
    ]
    digests = {tables.write(each).digest for each in [frame, *others]}
    assert len(digests) == 7


def check_read_of_a_lost_file_is_refused(make: Make) -> None:
    """A snapshot whose file is gone cannot be read as if it were shorter."""
    part = Part(digest=_ABSENT, rows=1, size_bytes=1)
    with expect_refusal("SW-605"):
        make().read(start_snapshot({"id": "Int64"}, [part]))


def check_parts_are_the_rows_in_order(make: Make) -> None:
    """Reading piece by piece gives what reading at once gives."""
    tables = make()
    snapshot = tables.append(tables.append(tables.write(make_frame(1)), make_frame(2)), make_frame(3))
    pieces = list(tables.read_parts(snapshot, ["value"]))
    assert pl.concat(pieces)["value"].to_list() == [1.0] * 3 + [2.0] * 3 + [3.0] * 3
    assert_frame_equal(pl.concat(pieces), tables.read(snapshot, ["value"]))
    smaller = list(tables.read_parts(snapshot, rows=2))
    assert all(piece.height <= 2 for piece in smaller)
    assert_frame_equal(pl.concat(smaller), tables.read(snapshot))
    (last,) = tables.read_parts(snapshot, parts=snapshot.parts[2:])
    assert_frame_equal(last, make_frame(3))
    (empty,) = tables.read_parts(tables.write(make_frame(1).clear()), rows=2)
    assert_frame_equal(empty, make_frame(1).clear())


def check_append_adds_rows_behind(make: Make) -> None:
    """Appended rows come last, the snapshot before stays, and no rows change nothing."""
    tables = make()
    first = tables.write(make_frame(1))
    second = tables.append(first, make_frame(2).select("value", "id"))
    assert_frame_equal(tables.read(second), pl.concat([make_frame(1), make_frame(2)]))
    assert_frame_equal(tables.read(first), make_frame(1))
    assert second.rows == 6
    assert tables.append(second, make_frame(2).clear()) == second
    assert len({first.digest, second.digest, tables.append(second, make_frame(2)).digest}) == 3
    assert tables.append(tables.write(make_frame(1)), make_frame(2)) == second


def check_append_of_other_columns_is_refused(make: Make) -> None:
    """Rows with a column too few, one too many or one of another type are refused; narrower numbers are taken."""
    tables = make()
    frame = make_frame(1)
    snapshot = tables.write(frame)
    for wrong, code in (
        (frame.drop("id"), "SW-202"),
        (frame.with_columns(new=1), "SW-202"),
        (frame.with_columns(pl.col("id").cast(pl.String)), "SW-203"),
        (frame.with_columns(pl.col("id").cast(pl.UInt64)), "SW-203"),
    ):
        with expect_refusal(code):
            tables.append(snapshot, wrong)
    narrow = tables.append(snapshot, frame.with_columns(pl.col("id").cast(pl.Int8)))
    assert tables.read(narrow).schema == frame.schema


def check_upsert_goes_by_key(make: Make) -> None:
    """Rows of known keys are replaced where they stand, new ones come last, and named keys go."""
    tables = make()
    snapshot = tables.append(tables.write(make_keyed({1: "a", 2: "b"})), make_keyed({3: "c", 4: "d"}))
    rows, gone = make_keyed({4: None, 5: "e", 1: "A"}), pl.DataFrame({"id": [2, 9]})
    changed = tables.upsert(snapshot, rows, key=["id"], deleted=gone)
    assert dict(tables.read(changed).iter_rows()) == {1: "A", 3: "c", 4: None, 5: "e"}
    assert tables.read(changed)["id"].to_list() == [1, 3, 4, 5]
    assert dict(tables.read(snapshot).iter_rows()) == {1: "a", 2: "b", 3: "c", 4: "d"}


def check_upsert_of_what_is_there_changes_nothing(make: Make) -> None:
    """What is delivered twice leaves the snapshot as it is, and an empty table can be filled and emptied."""
    tables = make()
    rows, gone = make_keyed({2: "x", 7: "y"}), pl.DataFrame({"id": [1]})
    once = tables.upsert(tables.write(make_keyed({1: "a", 2: "b"})), rows, key=["id"], deleted=gone)
    assert tables.upsert(once, rows, key=["id"], deleted=gone) == once
    assert tables.upsert(once, rows.clear(), key=["id"]) == once
    empty = tables.upsert(once, rows.clear(), key=["id"], deleted=rows.select("id"))
    assert (empty.rows, tables.read(empty).schema) == (0, rows.schema)
    assert dict(tables.read(tables.upsert(empty, rows, key=["id"])).iter_rows()) == {2: "x", 7: "y"}


def check_upsert_needs_whole_keys(make: Make) -> None:
    """Rows that repeat a key, or lack one, are refused."""
    tables = make()
    snapshot = tables.write(make_keyed({1: "a"}))
    for wrong in (pl.concat([make_keyed({1: "b"}), make_keyed({1: "c"})]), make_keyed({None: "b"})):
        with expect_refusal("SW-205"):
            tables.upsert(snapshot, wrong, key=["id"])


def check_commit_creates_a_branch(make: Make) -> None:
    """The first commit has no parent, and the branch points at it."""
    tables = make()
    snapshot = tables.write(make_frame(1))
    commit = tables.commit("main", {"t": snapshot}, expect=None, message="first")
    assert commit == Commit(parents=(), tables={"t": snapshot}, message="first")
    assert tables.head("main") == commit.id
    assert tables.branches() == {"main": commit.id}
    assert tables.get(commit.id) == commit
    assert_frame_equal(tables.read(tables.get(commit.id).tables["t"]), make_frame(1))


def check_commit_keeps_the_other_tables(make: Make) -> None:
    """A commit puts its tables over those there are, all at once, and names the commit before."""
    tables = make()
    a, b, c = (tables.write(make_frame(number)) for number in range(3))
    first = tables.commit("main", {"a": a, "b": b}, expect=None, message="first")
    second = tables.commit("main", {"b": c, "c": c}, expect=first.id, message="second")
    assert second.parents == (first.id,)
    assert second.tables == {"a": a, "b": c, "c": c}
    assert tables.get(first.id).tables == {"a": a, "b": b}


def check_commit_of_nothing_new_is_the_present_one(make: Make) -> None:
    """Committing what the branch holds already moves nothing, whatever the message."""
    tables = make()
    first = commit_number(tables, "main", 1)
    again = tables.write(make_frame(1))
    assert tables.commit("main", {"t": again}, expect=first.id, message="again") == first
    assert tables.commit("main", {}, expect=first.id, message="nothing") == first
    assert tables.head("main") == first.id


def check_commit_from_elsewhere_is_refused(make: Make) -> None:
    """A branch moves only from where the caller saw it."""
    tables = make()
    first = commit_number(tables, "main", 1)
    second = commit_number(tables, "main", 2)
    new = {"t": tables.write(make_frame(3))}
    for branch, expect in (("main", first.id), ("main", None), ("main", _ABSENT), ("other", second.id)):
        with expect_refusal("SW-208"):
            tables.commit(branch, new, expect=expect, message="stale")
    assert tables.branches() == {"main": second.id}


def check_unknown_commit_is_refused(make: Make) -> None:
    """What is no commit is not taken for one, be it a stored file's digest."""
    tables = make()
    snapshot = tables.write(make_frame(1))
    for name in (_ABSENT, "main", "", snapshot.parts[0].digest):
        with expect_refusal("SW-209"):
            tables.get(name)


def check_fork_starts_at_a_commit(make: Make) -> None:
    """A fork moves alone; repeating it does nothing; forking it elsewhere or from nowhere is refused."""
    tables = make()
    first = commit_number(tables, "main", 1)
    tables.fork("try", at=first.id)
    tables.fork("try", at=first.id)
    second = commit_number(tables, "try", 2)
    assert tables.branches() == {"main": first.id, "try": second.id}
    with expect_refusal("SW-208"):
        tables.fork("try", at=first.id)
    with expect_refusal("SW-209"):
        tables.fork("new", at=_ABSENT)
    assert tables.branches() == {"main": first.id, "try": second.id}


def check_merge_fast_forwards(make: Make) -> None:
    """A merge moves the branch to the source's commit; a second time it finds it there."""
    tables = make()
    first = commit_number(tables, "main", 1)
    tables.fork("try", at=first.id)
    commit_number(tables, "try", 2)
    third = commit_number(tables, "try", 3)
    assert tables.merge("try", "main", expect=first.id) == third
    assert tables.head("main") == third.id
    assert tables.merge("try", "main", expect=third.id) == third
    assert tables.merge("main", "fresh", expect=None) == third
    assert tables.branches() == {"fresh": third.id, "main": third.id, "try": third.id}


def check_merge_elsewhere_is_refused(make: Make) -> None:
    """A merge never overtakes a branch that moved, never loses a change, and needs a source."""
    tables = make()
    first = commit_number(tables, "main", 1)
    tables.fork("try", at=first.id)
    tried = commit_number(tables, "try", 2)
    second = commit_number(tables, "main", 3)
    for source, expect, code in (
        ("try", second.id, "SW-210"),
        ("try", first.id, "SW-208"),
        ("try", None, "SW-208"),
        ("trie", second.id, "SW-209"),
    ):
        with expect_refusal(code):
            tables.merge(source, "main", expect=expect)
    with expect_refusal("SW-208"):
        tables.merge("try", "absent", expect=first.id)
    assert tables.branches() == {"main": second.id, "try": tried.id}


def check_merge_of_what_is_there_changes_nothing(make: Make) -> None:
    """A branch that contains the other one already stays where it is."""
    tables = make()
    first = commit_number(tables, "main", 1)
    tables.fork("old", at=first.id)
    second = commit_number(tables, "main", 2)
    assert tables.merge("old", "main", expect=second.id) == second
    assert tables.branches() == {"main": second.id, "old": first.id}


def check_merge_puts_tables_together(make: Make) -> None:
    """Tables that only one side changed are taken, and rows that both appended are both there."""
    tables = make()
    a, b, c = (tables.write(make_frame(number)) for number in range(3))
    first = tables.commit("main", {"a": a, "b": b, "c": c}, expect=None, message="first")
    tables.fork("try", at=first.id)
    theirs = {"b": tables.write(make_frame(7)), "c": tables.append(c, make_frame(8)), "d": a}
    tried = tables.commit("try", theirs, expect=first.id, message="theirs")
    ours = {"a": tables.write(make_frame(5)), "c": tables.append(c, make_frame(6))}
    second = tables.commit("main", ours, expect=first.id, message="ours")
    merged = tables.merge("try", "main", expect=second.id)
    assert merged.parents == (second.id, tried.id)
    values = {name: tables.read(table)["value"].unique(maintain_order=True) for name, table in merged.tables.items()}
    found = {name: value.to_list() for name, value in values.items()}
    assert found == {"a": [5.0], "b": [7.0], "c": [2.0, 6.0, 8.0], "d": [0.0]}
    assert tables.head("main") == merged.id
    assert tables.head("try") == tried.id


def check_merge_puts_rows_together(make: Make) -> None:
    """With a key, rows that only one side changed are taken from it; the same change on both sides is none twice."""
    tables = make()
    before = tables.write(make_keyed({1: "a", 2: "b", 3: "c", 4: "d", 5: "e"}))
    first = tables.commit("main", {"t": before}, expect=None, message="first")
    tables.fork("try", at=first.id)
    theirs = tables.upsert(before, make_keyed({1: "A", 5: "E", 6: "f"}), key=["id"], deleted=pl.DataFrame({"id": [2]}))
    tables.commit("try", {"t": theirs}, expect=first.id, message="theirs")
    ours = tables.upsert(before, make_keyed({3: "C", 5: "E", 7: "g"}), key=["id"], deleted=pl.DataFrame({"id": [4]}))
    second = tables.commit("main", {"t": ours}, expect=first.id, message="ours")
    merged = tables.merge("try", "main", expect=second.id, keys={"t": ["id"]})
    assert dict(tables.read(merged.tables["t"]).iter_rows()) == {1: "A", 3: "C", 5: "E", 6: "f", 7: "g"}


def check_merge_names_rows_in_conflict(make: Make) -> None:
    """A row that both sides changed, differently, is named, and nothing moves."""
    for theirs, ours in (({2: "x"}, {2: "y"}), ({2: "x"}, {}), ({}, {2: "y"}), ({9: "x"}, {9: "y"})):
        tables = make()
        before = tables.write(make_keyed({1: "a", 2: "b"}))
        first = tables.commit("main", {"t": before}, expect=None, message="first")
        tables.fork("try", at=first.id)
        gone = pl.DataFrame({"id": [2]})
        sides = [
            tables.upsert(before, make_keyed(side), key=["id"], deleted=None if side else gone)
            for side in (theirs, ours)
        ]
        tables.commit("try", {"t": sides[0]}, expect=first.id, message="theirs")
        second = tables.commit("main", {"t": sides[1]}, expect=first.id, message="ours")
        with expect_refusal("SW-210") as caught:
            tables.merge("try", "main", expect=second.id, keys={"t": ["id"]})
        assert f"id {max([*theirs, *ours])}" in caught[0].fact
        assert tables.head("main") == second.id


def check_table_can_go(make: Make) -> None:
    """A table that becomes None is in no later commit, and in every earlier one."""
    tables = make()
    a = tables.write(make_frame(1))
    first = tables.commit("main", {"a": a, "b": a}, expect=None, message="first")
    second = tables.commit("main", {"b": None, "c": None}, expect=first.id, message="second")
    assert list(second.tables) == ["a"]
    assert list(tables.get(first.id).tables) == ["a", "b"]


def check_log_is_newest_first(make: Make) -> None:
    """The log goes from the branch's commit to the first one; there is none of a branch that is not there."""
    tables = make()
    commits = [commit_number(tables, "main", number) for number in range(4)]
    assert list(tables.log("main")) == commits[::-1]
    with expect_refusal("SW-209"):
        list(tables.log("mian"))


def check_drop_forgets_the_branch_only(make: Make) -> None:
    """A dropped branch is gone, its commits are not; dropping it again does no harm."""
    tables = make()
    first = commit_number(tables, "main", 1)
    tables.fork("try", at=first.id)
    second = commit_number(tables, "try", 2)
    tables.drop("try")
    tables.drop("try")
    assert tables.branches() == {"main": first.id}
    assert_frame_equal(tables.read(tables.get(second.id).tables["t"]), make_frame(2))
    tables.fork("try", at=second.id)
    assert tables.head("try") == second.id


def check_one_of_several_threads_moves_the_branch(make: Make) -> None:
    """Of several that commit onto the same commit, exactly one succeeds, each round."""
    tables = make()
    with ThreadPoolExecutor(4) as pool:
        for round_ in range(10):
            expect = tables.head("main")
            snapshots = [tables.write(make_frame(4 * round_ + number)) for number in range(4)]

            def attempt(snapshot: Snapshot, expect: str | None = expect) -> Commit | str:
                try:
                    return tables.commit("main", {"t": snapshot}, expect=expect, message="race")
                except ShipwayError as refusal:
                    return refusal.code

            outcomes = list(pool.map(attempt, snapshots))
            assert outcomes.count("SW-208") == 3, f"round {round_}: {outcomes}"
            (winner,) = (outcome for outcome in outcomes if isinstance(outcome, Commit))
            assert tables.head("main") == winner.id


CASES: Final[tuple[Case, ...]] = (
    check_write_shows_nothing,
    check_read_returns_what_was_written,
    check_read_returns_no_rows_with_types,
    check_read_of_named_columns,
    check_read_does_not_see_later_changes,
    check_same_rows_are_one_snapshot,
    check_other_rows_are_another_snapshot,
    check_read_of_a_lost_file_is_refused,
    check_parts_are_the_rows_in_order,
    check_append_adds_rows_behind,
    check_append_of_other_columns_is_refused,
    check_upsert_goes_by_key,
    check_upsert_of_what_is_there_changes_nothing,
    check_upsert_needs_whole_keys,
    check_commit_creates_a_branch,
    check_commit_keeps_the_other_tables,
    check_commit_of_nothing_new_is_the_present_one,
    check_commit_from_elsewhere_is_refused,
    check_unknown_commit_is_refused,
    check_fork_starts_at_a_commit,
    check_merge_fast_forwards,
    check_merge_elsewhere_is_refused,
    check_merge_of_what_is_there_changes_nothing,
    check_merge_puts_tables_together,
    check_merge_puts_rows_together,
    check_merge_names_rows_in_conflict,
    check_table_can_go,
    check_log_is_newest_first,
    check_drop_forgets_the_branch_only,
    check_one_of_several_threads_moves_the_branch,
)
"""The cases every Tables passes. What only a second process or a crash can show is for the adapter's own tests."""
