import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from shipway.core.error import ShipwayError
from shipway.infra.evolution import evolve
from shipway.infra.table import TableFiles
from shipway.testing.fake import MemoryBlobs

NAMES = st.sampled_from(["a", "b", "c", "d"])


@pytest.fixture(scope="module")
def files():
    return TableFiles(MemoryBlobs())


def test_nothing_is_written_again(files):
    snapshot = files.write(pl.DataFrame({"a": [1], "b": ["x"]}))
    changed = evolve(files, snapshot, add={"c": pl.Date}, rename={"a": "id"}, drop=["b"])
    assert changed.parts[:1] == snapshot.parts
    assert [part.rows for part in changed.parts] == [1, 0]
    assert_frame_equal(files.read(changed), pl.DataFrame({"id": [1], "c": [None]}, schema_overrides={"c": pl.Date}))
    assert_frame_equal(files.read(snapshot), pl.DataFrame({"a": [1], "b": ["x"]}))
    assert evolve(files, changed) == changed
    assert files.read(changed, ["c"]).height == 1
    assert evolve(files, snapshot, drop=["b", "b"]).columns == {"a": "Int64"}


def test_values_of_a_dropped_column_do_not_come_back_under_its_name(files):
    snapshot = files.write(pl.DataFrame({"a": [1, 2], "b": [3, 4]}))
    again = evolve(files, evolve(files, snapshot, drop=["b"]), add={"b": pl.Int64})
    assert files.read(again)["b"].to_list() == [None, None]
    swapped = evolve(files, snapshot, rename={"a": "b", "b": "a"})
    assert files.read(swapped)["a"].to_list() == [3, 4]
    at_once = evolve(files, snapshot, drop=["b"], add={"b": pl.String})
    assert files.read(at_once)["b"].to_list() == [None, None]


def test_wider_types_keep_values_and_take_wider_ones(files):
    snapshot = files.write(
        pl.DataFrame({"n": [1], "x": [1.5], "e": [None]}, schema_overrides={"n": pl.Int8, "x": pl.Float32})
    )
    wide = evolve(files, snapshot, promote={"n": pl.Int64, "x": pl.Float64, "e": pl.String})
    longer = files.append(wide, pl.DataFrame({"n": [2**40], "x": [1e300], "e": ["y"]}))
    assert files.read(longer).rows() == [(1, 1.5, None), (2**40, 1e300, "y")]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"drop": ["c"]}, "SW-202"),
        ({"rename": {"c": "d"}}, "SW-202"),
        ({"promote": {"c": pl.Int64}}, "SW-202"),
        ({"drop": ["b"], "rename": {"b": "d"}}, "SW-202"),
        ({"drop": ["a"], "promote": {"a": pl.Int128}}, "SW-202"),
        ({"add": {"c": pl.Object}}, "SW-203"),
        ({"promote": {"a": pl.Int32}}, "SW-211"),
        ({"promote": {"a": pl.String}}, "SW-211"),
        ({"add": {"a": pl.Int64}}, "SW-211"),
        ({"rename": {"a": "b"}}, "SW-211"),
        ({"drop": ["a", "b"]}, "SW-211"),
    ],
)
def test_what_would_lose_values_or_names_is_refused(files, change, code):
    snapshot = files.write(pl.DataFrame({"a": [1], "b": ["x"]}))
    with pytest.raises(ShipwayError) as caught:
        evolve(files, snapshot, **change)
    assert caught.value.code == code


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(["add", "drop", "rename", "append"]), NAMES, NAMES), max_size=10))
def test_columns_are_those_of_a_model_by_number(files, steps):
    """The model keeps every row as a mapping from a column's number to its value."""
    snapshot = files.write(pl.DataFrame({"a": [0]}))
    names, rows, taken = {"a": 1}, [{1: 0}], 1
    for step, (what, name, other) in enumerate(steps, start=1):
        if what == "add" and name not in names:
            snapshot = evolve(files, snapshot, add={name: pl.Int64})
            taken += 1
            names[name] = taken
        elif what == "drop" and name in names and len(names) > 1:
            snapshot = evolve(files, snapshot, drop=[name])
            del names[name]
        elif what == "rename" and name in names and other not in names:
            snapshot = evolve(files, snapshot, rename={name: other})
            names = {other if each == name else each: number for each, number in names.items()}
        elif what == "append":
            snapshot = files.append(snapshot, pl.DataFrame({each: [step] for each in names}))
            rows.append(dict.fromkeys(names.values(), step))
        assert {field.name: field.id for field in snapshot.fields} == names
        expected = [{name: row.get(number) for name, number in names.items()} for row in rows]
        assert files.read(snapshot).to_dicts() == expected


WIDER = {pl.Int8: pl.Int16, pl.Int16: pl.Int32, pl.Int32: pl.Int64, pl.Float32: pl.Float64, pl.Null: pl.String}
EDGES = {
    pl.Int8: [-(2**7), 2**7 - 1],
    pl.Int16: [-(2**15), 2**15 - 1],
    pl.Int32: [-(2**31), 2**31 - 1],
    pl.Int64: [-(2**63), 2**63 - 1],
    pl.Float32: [-0.5, 2.0**120],
    pl.Float64: [5e-324, 1e308],
    pl.Null: [None, None],
    pl.String: ["", "x"],
}
FIRST = st.sampled_from([pl.Int8, pl.Float32, pl.Null])


@settings(max_examples=40)
@given(
    st.tuples(FIRST, FIRST),
    st.lists(
        st.tuples(st.sampled_from(["promote", "append", "upsert", "rename", "renew"]), st.integers(0, 1)), max_size=8
    ),
)
def test_values_stay_what_they_are_whatever_their_columns_become(files, first, steps):
    """Promotions between appends, renames, new columns of old names, and changes by key that write files again."""
    kinds, names = list(first), ["x", "y"]
    rows = [{"id": 0, "x": EDGES[kinds[0]][0], "y": EDGES[kinds[1]][0]}]

    def to_frame(rows):
        return pl.DataFrame(rows, schema={"id": pl.Int64, **dict(zip(names, kinds, strict=True))})

    snapshot = files.write(to_frame(rows))
    for number, (what, place) in enumerate(steps, start=1):
        if what == "promote" and kinds[place] in WIDER:
            kinds[place] = WIDER[kinds[place]]
            snapshot = evolve(files, snapshot, promote={names[place]: kinds[place]})
        elif what in ("append", "upsert"):
            row = {"id": number if what == "append" else number - 1}
            row |= {name: EDGES[kind][place] for name, kind in zip(names, kinds, strict=True)}
            change = to_frame([row])
            snapshot = (
                files.append(snapshot, change) if what == "append" else files.upsert(snapshot, change, key=["id"])
            )
            rows = [row if each["id"] == row["id"] else each for each in rows]
            rows += [] if any(each["id"] == row["id"] for each in rows) else [row]
        elif what == "rename":
            snapshot = evolve(files, snapshot, rename=dict(zip(names, reversed(names), strict=True)))
            names.reverse()
            rows = [{"id": row["id"], "x": row["y"], "y": row["x"]} for row in rows]
        elif what == "renew":
            kinds[place] = first[place]
            snapshot = evolve(files, snapshot, drop=[names[place]], add={names[place]: kinds[place]})
            rows = [{**row, names[place]: None} for row in rows]
        found = files.read(snapshot)
        assert found.to_dicts() == [{name: row[name] for name in found.columns} for row in rows]
        assert {name: found.schema[name] for name in names} == dict(zip(names, kinds, strict=True))
