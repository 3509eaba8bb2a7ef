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


@settings(max_examples=50)
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


def test_columns_added_beside_rows_are_those_of_both():
    lake, first = start(t=[0])
    wider = evolve(lake.files, first.tables["t"], add={"y": pl.String})
    change(lake, "try", t=wider)
    assert lake.plan_merge("try", "main", keys={}).how == {"t": "taken"}
    change(lake, "main", t=lake.append(first.tables["t"], pl.DataFrame({"x": [1]})))
    lake.fork("back", at=lake.head("try"))
    for source, into in (("try", "main"), ("main", "back")):
        merged = lake.merge(source, into, expect=lake.head(into)).tables["t"]
        assert sorted(lake.read(merged).rows()) == [(0, None), (1, None)]
        assert merged.fields == wider.fields
    assert change(lake, "main", t=wider).tables["t"].fields == wider.fields


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        # A column that one side dropped has values on the other.
        ([{"drop": ["y"]}], []),
        ([{"drop": ["y"], "add": {"y": pl.Int64}}], []),
        # Both changed columns, each otherwise.
        ([{"add": {"z": pl.Int64}}], [{"add": {"w": pl.Int64}}]),
        ([{"rename": {"y": "z"}}], [{"rename": {"y": "w"}}]),
        # The number of a column that came and went stands for another one on the other side.
        ([{"add": {"z": pl.Int64}}, {"drop": ["z"]}], [{"add": {"w": pl.Int64}}]),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_columns_of_which_there_is_no_telling_are_a_conflict(ours, theirs, turned):
    lake = make_tables()
    first = lake.commit("main", {"t": lake.write(pl.DataFrame({"x": [0], "y": [1]}))}, expect=None, message="base")
    lake.fork("try", at=first.id)
    for branch, changes in zip(("main", "try"), (theirs, ours) if turned else (ours, theirs), strict=True):
        table = first.tables["t"]
        for each in changes:
            table = evolve(lake.files, table, **each)
            table = lake.append(table, pl.DataFrame({name: [5] for name in table.columns}))
        if not changes:
            table = lake.append(table, pl.DataFrame({"x": [1], "y": [2]}))
        change(lake, branch, t=table)
    (conflict,) = lake.plan_merge("try", "main", keys={"t": ["x"]}).conflicts
    assert conflict.reason == "its columns were changed on both sides, or dropped beside other changes"
    assert conflict.keys is None


def test_columns_that_both_changed_alike_are_no_conflict():
    lake, first = start(t=[0, 7])
    for branch, number in (("main", 1), ("try", 2)):
        table = evolve(lake.files, first.tables["t"], rename={"x": "id"}, add={"y": pl.Int64})
        table = lake.append(table, pl.DataFrame({"id": [number], "y": [10 * number]}))
        gone = pl.DataFrame({"id": [7]})
        change(lake, branch, t=lake.upsert(table, lake.read(table).clear(), key=["id"], deleted=gone))
    merged = lake.merge("try", "main", expect=lake.head("main"), keys={"t": ["id"]})
    assert lake.read(merged.tables["t"]).rows() == [(0, None), (1, 10), (2, 20)]


@pytest.mark.parametrize("compact", [False, True])
def test_rows_without_a_key_are_carried_and_rows_that_share_one_are_not_guessed_at(compact):
    lake = make_tables()
    frame = pl.DataFrame({"id": [None, 1, 1, 2], "v": ["a", "b", "c", "d"]})
    first = lake.commit("main", {"t": lake.write(frame)}, expect=None, message="base")
    for branch, value in (("main", "x"), ("try", "y")):
        if branch == "try":
            lake.fork(branch, at=first.id)
        table = first.tables["t"]
        for number in range(8):
            keys = [None, 10 * ord(value) + number, 5 if branch == "try" else 6]
            table = lake.append(table, pl.DataFrame({"id": keys, "v": [value] * 3}))
            table = lake.compact(table) if compact and branch == "try" else table
        change(lake, branch, t=table)
    merged = lake.merge("try", "main", expect=lake.head("main"), keys=KEYS).tables["t"]
    assert merged.rows == 4 + 2 * 24
    assert lake.read(merged)["id"].null_count() == 17
    table = lake.get(lake.head("try")).tables["t"]
    change(lake, "main", t=lake.append(merged, pl.DataFrame({"id": [70], "v": ["x"]})))
    change(lake, "try", t=lake.write(lake.read(table).filter(pl.col("v") != "b")))
    (conflict,) = lake.plan_merge("try", "main", keys=KEYS).conflicts
    assert conflict.reason == "rows that were changed are not the only ones of their key"


STEP = st.tuples(
    st.sampled_from(["put", "put", "drop", "compact", "add", "rename", "widen"]),
    st.dictionaries(st.integers(0, 5), st.integers(0, 2), max_size=3),
)
ROW_STEP = STEP.filter(lambda step: step[0] in ("put", "drop", "compact"))


def run_script(lake, branch, model, script):
    """Apply changes of rows and columns to a branch; a model has a row's values by its columns' first names.

    Returns:
        The rows, and what each column is called now.
    """
    names, number = {"id": "id", "n": "n"}, 0
    for what, cells in script:
        head = lake.head(branch)
        table = lake.get(head).tables["t"]
        if what == "put":
            rows = {
                key: {"id": key} | {column: value for column in names if column != "id"} for key, value in cells.items()
            }
            model = model | rows
            frame = pl.DataFrame(
                {name: [row[column] for row in rows.values()] for column, name in names.items()},
                schema=lake.files.types_of(table),
            )
            table = lake.upsert(table, frame, key=["id"])
        elif what == "drop":
            gone = pl.DataFrame({"id": list(cells)}, schema={"id": pl.Int64})
            table = lake.upsert(table, lake.read(table).clear(), key=["id"], deleted=gone)
            model = {key: row for key, row in model.items() if key not in cells}
        elif what == "add":
            number += 1
            names[f"c{number}"] = f"c{number}"
            table = evolve(lake.files, table, add={f"c{number}": pl.Int8})
        elif what == "rename":
            number += 1
            table = evolve(lake.files, table, rename={names["n"]: f"n{number}"})
            names["n"] = f"n{number}"
        elif what == "widen":
            kind = {"Int8": pl.Int16, "Int16": pl.Int32}.get(table.columns[names["n"]], pl.Int64)
            table = evolve(lake.files, table, promote={names["n"]: kind})
        else:
            table = lake.compact(table)
        lake.commit(branch, {"t": table}, expect=head, message=branch)
    return model, names


@settings(max_examples=40)
@given(TABLE, st.lists(ROW_STEP, max_size=4), st.lists(STEP, max_size=5))
def test_rows_are_merged_under_the_columns_of_the_side_that_changed_them(base, plain, script):
    lake = make_tables()
    base = {key: {"id": key, "n": ord(value)} for key, value in base.items()}
    frame = pl.DataFrame(list(base.values()), schema={"id": pl.Int64, "n": pl.Int8})
    first = lake.commit("main", {"t": lake.append(lake.write(frame[:2]), frame[2:])}, expect=None, message="base")
    lake.fork("try", at=first.id)
    ours, _ = run_script(lake, "main", base, plain)
    theirs, names = run_script(lake, "try", base, script)
    base, ours, theirs = (
        {key: tuple(row.get(column) for column in names) for key, row in rows.items()} for rows in (base, ours, theirs)
    )
    merged, conflicts = merge_models(base, ours, theirs)
    lake.fork("back", at=lake.head("try"))
    before, fields = lake.branches(), lake.get(lake.head("try")).tables["t"].fields
    for source, into in ((before["try"], "main"), (before["main"], "back")):
        plan = lake.plan_merge(source, into, keys=KEYS)
        named = set() if not plan.conflicts else set(plan.conflicts[0].keys["id"].to_list())
        assert named == conflicts
        if not conflicts:
            table = lake.merge(source, into, expect=before[into], keys=KEYS).tables["t"]
            assert {row[0]: row for row in lake.read(table).iter_rows()} == merged
            assert [field.name for field in table.fields] == list(names.values())
            assert table.fields == fields
            assert table.rows == len(merged)
    assert not conflicts or lake.branches() == before


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


def cross(mine, other):
    """Return a lake where two branches changed rows and each took in what the other had then."""
    lake = make_tables()
    table = lake.write(to_frame({1: "a", 2: "a", 3: "a"}))
    first = lake.commit("main", {"t": table}, expect=None, message="base")
    lake.fork("try", at=first.id)
    for branch, rows in (("main", mine), ("try", other)):
        put(lake, branch, rows)
        lake.fork(f"{branch} was".replace(" ", "-"), at=lake.head(branch))
    for source, into in (("try-was", "main"), ("main-was", "try")):
        if not lake.plan_merge(source, into, keys=KEYS).conflicts:
            lake.merge(source, into, expect=lake.head(into), keys=KEYS)
    return lake


def put(lake, branch, rows):
    """Commit rows by key to a branch."""
    table = lake.upsert(lake.get(lake.head(branch)).tables["t"], to_frame(rows), key=["id"])
    change(lake, branch, t=table)


@pytest.mark.parametrize("into", ["main", "try"])
def test_what_was_undone_after_merges_crossed_stays_undone(into):
    """Of two common ancestors each alone would bring back what one of the sides undid."""
    lake = cross({1: "b"}, {2: "b"})
    assert read(lake, "main") == read(lake, "try") == {1: "b", 2: "b", 3: "a"}
    put(lake, "main", {1: "a"})
    put(lake, "try", {2: "a", 3: "c"})
    source = {"main": "try", "try": "main"}[into]
    lake.merge(source, into, expect=lake.head(into), keys=KEYS)
    assert read(lake, into) == {1: "a", 2: "a", 3: "c"}


def test_merges_that_crossed_and_were_settled_differently_are_a_conflict():
    lake = cross({1: "b"}, {1: "c"})
    for branch, other in (("main", "try-was"), ("try", "main-was")):
        # A person settles the conflict by hand, each branch for itself.
        head, theirs = lake.head(branch), lake.head(other)
        table = lake.get(head).tables["t"]
        lake.refs.commit(branch, {"t": table}, expect=head, message="settled", also=[theirs])
    (conflict,) = lake.plan_merge("try", "main", keys=KEYS).conflicts
    assert conflict.reason == "merges into one another crossed, and the two sides settled them differently"
    put(lake, "try", {1: "b"})
    lake.merge("try", "main", expect=lake.head("main"), keys=KEYS)
    assert read(lake, "main") == {1: "b", 2: "a", 3: "a"}
