"""Three-way merges against an oracle on dictionaries."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.core.error import ShipwayError
from shipway.infra.evolution import evolve
from shipway.testing.fake import make_tables

KEYS = {"t": ["id"]}
TABLE = st.dictionaries(st.integers(0, 7), st.sampled_from(["a", "b"]), max_size=6)
ROWS = st.dictionaries(st.integers(0, 9), st.sampled_from(["a", "b", "c"]), max_size=3)
EDITS = st.lists(st.tuples(ROWS, st.sets(st.integers(0, 9), max_size=2)), max_size=3)


def to_frame(rows):
    """Return a model's rows."""
    return pl.DataFrame({"id": list(rows), "v": list(rows.values())}, schema={"id": pl.Int64, "v": pl.String})


def read(lake, branch):
    """Return the rows of a branch as a dictionary; it must not hold a key twice."""
    frame = lake.read(lake.get(lake.head(branch)).tables["t"])
    assert frame["id"].is_unique().all()
    return dict(frame.iter_rows())


def edit(lake, branch, model, edits, *, compact):
    """Apply edits to a branch and return the model after them."""
    for rows, gone in edits:
        head = lake.head(branch)
        deleted = pl.DataFrame({"id": list(gone)}, schema={"id": pl.Int64})
        table = lake.upsert(lake.get(head).tables["t"], to_frame(rows), key=["id"], deleted=deleted)
        lake.commit(branch, {"t": lake.compact(table) if compact else table}, expect=head, message=branch)
        model = {key: value for key, value in model.items() if key not in gone - rows.keys()} | rows
    return model


def merge_models(base, ours, theirs):
    """Return the merged rows, and the keys in conflict."""
    merged, conflicts = {}, set()
    for key in {*base, *ours, *theirs}:
        old, mine, other = base.get(key), ours.get(key), theirs.get(key)
        if mine != other and old not in (mine, other):
            conflicts.add(key)
        kept = other if mine == old else mine
        if kept is not None:
            merged[key] = kept
    return merged, conflicts


@settings(max_examples=150)
@given(TABLE, EDITS, EDITS, st.booleans(), st.integers(1, 9))
def test_rows_are_merged_as_dictionaries_are(base, mine, other, compact, files):
    lake = make_tables()
    rows = list(base.items())
    table = lake.write(to_frame(dict(rows[:1])))
    for start in range(1, len(rows), files):
        table = lake.append(table, to_frame(dict(rows[start : start + files])))
    first = lake.commit("main", {"t": table}, expect=None, message="base")
    lake.fork("try", at=first.id)
    ours, theirs = (
        edit(lake, branch, dict(base), edits, compact=compact and branch == "main")
        for branch, edits in (("main", mine), ("try", other))
    )
    merged, conflicts = merge_models(base, ours, theirs)
    lake.fork("back", at=lake.head("try"))
    before = lake.branches()
    for source, into in (("try", "main"), ("main", "back")):
        plan = lake.plan_merge(source, into, keys=KEYS)
        named = set() if not plan.conflicts else set(plan.conflicts[0].keys["id"].to_list())
        assert named == conflicts
        if conflicts:
            with pytest.raises(ShipwayError) as caught:
                lake.merge(source, into, expect=before[into], keys=KEYS)
            assert caught.value.code == "SW-210"
            assert lake.branches() == before
    if not conflicts:
        main = lake.head("main")
        lake.merge("try", "main", expect=main, keys=KEYS)
        assert read(lake, "main") == merged
        lake.merge(main, "back", expect=before["back"], keys=KEYS)
        assert read(lake, "back") == merged


def start(**tables):
    """Return a lake with tables on main and a branch beside it."""
    lake = make_tables()
    made = {name: lake.write(pl.DataFrame({"x": values})) for name, values in tables.items()}
    first = lake.commit("main", made, expect=None, message="base")
    lake.fork("try", at=first.id)
    return lake, first


def change(lake, branch, **tables):
    """Commit tables to a branch."""
    return lake.commit(branch, tables, expect=lake.head(branch), message="change")


@pytest.mark.parametrize("compact", [False, True])
def test_rows_that_both_appended_need_no_key(compact):
    lake, first = start(t=[0])
    for branch, values in (("main", range(1, 12)), ("try", range(20, 31))):
        table = first.tables["t"]
        for value in values:
            table = lake.append(table, pl.DataFrame({"x": [value]}))
            table = lake.compact(table) if compact and branch == "main" else table
        change(lake, branch, t=table)
    merged = lake.merge("try", "main", expect=lake.head("main"))
    assert sorted(lake.read(merged.tables["t"])["x"]) == [0, *range(1, 12), *range(20, 31)]


def test_what_is_changed_on_both_sides_needs_a_key():
    lake, first = start(t=[0, 1])
    change(lake, "main", t=lake.write(pl.DataFrame({"x": [0, 2]})))
    change(lake, "try", t=lake.append(first.tables["t"], pl.DataFrame({"x": [3]})))
    with pytest.raises(ShipwayError) as caught:
        lake.merge("try", "main", expect=lake.head("main"))
    assert "nothing says what identifies a row (x 1)" in caught.value.fact


def test_tables_come_and_go():
    lake, _ = start(a=[0], b=[1], c=[2])
    other = lake.write(pl.DataFrame({"x": [9]}))
    change(lake, "try", a=None, d=other)
    change(lake, "main", b=None, e=other)
    merged = lake.merge("try", "main", expect=lake.head("main"))
    assert sorted(merged.tables) == ["c", "d", "e"]
    change(lake, "try", c=other)
    change(lake, "main", c=None, d=lake.write(pl.DataFrame({"x": [8]})))
    plan = lake.plan_merge("try", "main", keys={})
    assert [(conflict.table, conflict.reason) for conflict in plan.conflicts] == [
        ("c", "one side removed the table, the other changed it")
    ]


def test_tables_of_one_name_made_on_both_sides_are_a_conflict_unless_they_are_alike():
    lake, _ = start(a=[0])
    for branch in ("main", "try"):
        change(
            lake, branch, same=lake.write(pl.DataFrame({"x": [1]})), t=lake.write(pl.DataFrame({"x": [len(branch)]}))
        )
    assert [conflict.table for conflict in lake.plan_merge("try", "main", keys={}).conflicts] == ["t"]


def test_columns_changed_beside_rows_are_a_conflict_and_alone_are_taken():
    lake, first = start(t=[0])
    wider = evolve(lake.files, first.tables["t"], add={"y": pl.String})
    change(lake, "try", t=wider)
    assert lake.plan_merge("try", "main", keys={}).how == {"t": "taken"}
    change(lake, "main", t=lake.append(first.tables["t"], pl.DataFrame({"x": [1]})))
    (conflict,) = lake.plan_merge("try", "main", keys={}).conflicts
    assert conflict.reason == "the two sides have different columns by now"
    assert change(lake, "main", t=wider).tables["t"].fields == wider.fields


def test_a_merge_is_seen_by_the_next_one():
    """What was merged once is not merged again, and only what came since is looked at."""
    lake, _ = start(t=[0])
    for number in range(1, 6):
        for branch, value in (("main", number), ("try", 100 + number)):
            table = lake.get(lake.head(branch)).tables["t"]
            change(lake, branch, t=lake.append(table, pl.DataFrame({"x": [value]})))
        lake.merge("try", "main", expect=lake.head("main"), keys={"t": ["x"]})
        lake.merge("main", "try", expect=lake.head("try"), keys={"t": ["x"]})
        assert lake.head("main") == lake.head("try")
    found = lake.read(lake.get(lake.head("main")).tables["t"])["x"].sort().to_list()
    assert found == [0, *range(1, 6), *range(101, 106)]


def test_branches_without_a_common_commit_are_merged_if_their_tables_are_others():
    lake, _ = start(a=[0])
    lake.commit("lone", {"b": lake.write(pl.DataFrame({"x": [1]}))}, expect=None, message="lone")
    merged = lake.merge("lone", "main", expect=lake.head("main"))
    assert sorted(merged.tables) == ["a", "b"]
