import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.core.error import ShipwayError
from shipway.core.table import Field
from shipway.infra.branch import adopt
from shipway.infra.evolution import evolve
from shipway.testing.fake import make_tables


def refusal(call, *words, **options):
    """Return what a call is refused with."""
    with pytest.raises(ShipwayError) as caught:
        call(*words, **options)
    return caught.value


@pytest.fixture(scope="module")
def shared():
    """Return a lake that only keeps files."""
    return make_tables()


@pytest.fixture
def lake():
    """Return a lake with a commit on main."""
    made = make_tables()
    made.commit("main", {"t": made.write(pl.DataFrame({"id": [1]}))}, expect=None, message="first")
    return made


@pytest.mark.parametrize("name", ["", " ", "a b", "/a", "a/", "a//b", ".a", "-a", "a" * 201, "a\n", "ü", "a:b", "../x"])
def test_a_name_that_no_ref_can_have_is_refused(lake, name):
    at = lake.head("main")
    for call in (lake.fork, lake.refs.tag):
        assert refusal(call, name, at=at).code == "SW-106"
    assert refusal(lake.commit, name, {}, expect=None, message="m").code == "SW-106"
    assert refusal(lake.refs.forward, name, to=at, expect=None).code == "SW-106"


def test_a_version_is_found_by_branch_tag_id_or_its_beginning(lake):
    first = lake.head("main")
    lake.refs.tag("v1", at=first)
    assert {lake.refs.find(name) for name in ("main", "v1", first, first[:7], first[:40])} == {first}
    assert refusal(lake.refs.find, "mian").hint == "did you mean 'main'?"
    assert refusal(lake.refs.find, first[:6]).code == "SW-209"
    assert refusal(lake.refs.find, "0" * 64).code == "SW-209"


def test_a_branch_is_meant_before_a_commit_of_that_name(lake):
    first = lake.head("main")
    grown = lake.append(lake.get(first).tables["t"], pl.DataFrame({"id": [2]}))
    second = lake.commit("main", {"t": grown}, expect=first, message="second")
    lake.fork(first[:8], at=second.id)
    assert lake.refs.find(first[:8]) == second.id


def test_a_tag_does_not_move(lake):
    first = lake.head("main")
    lake.refs.tag("v1", at=first)
    lake.refs.tag("v1", at=first)
    second = lake.commit("main", {"u": lake.get(first).tables["t"]}, expect=first, message="second")
    assert refusal(lake.refs.tag, "v1", at=second.id).code == "SW-208"
    assert lake.refs.tags() == {"v1": first}
    lake.refs.untag("v1")
    lake.refs.untag("v1")
    assert lake.refs.tags() == {}


def test_forward_goes_only_to_what_follows(lake):
    first = lake.head("main")
    lake.fork("a", at=first)
    lake.fork("b", at=first)
    table = lake.get(first).tables["t"]
    one = lake.commit("a", {"a": table}, expect=first, message="a")
    two = lake.commit("b", {"b": table}, expect=first, message="b")
    assert lake.refs.forward("main", to=one.id, expect=first) == one
    assert refusal(lake.refs.forward, "main", to=two.id, expect=one.id).code == "SW-208"
    assert refusal(lake.refs.forward, "main", to=first, expect=one.id).code == "SW-208"
    assert lake.head("main") == one.id


def test_rollback_takes_away_tables_that_were_not_there(lake):
    first = lake.head("main")
    table = lake.get(first).tables["t"]
    other = lake.write(pl.DataFrame({"id": [9]}))
    second = lake.commit("main", {"t": other, "u": table}, expect=first, message="second")
    back = lake.refs.rollback("main", to=first, expect=second.id)
    assert (back.tables, back.parents, back.data) == (lake.get(first).tables, (second.id,), lake.get(first).data)


def names_of(fields):
    """Return the number of each column."""
    return {field.name: field.id for field in fields}


def test_a_table_written_anew_keeps_the_numbers_of_its_columns():
    lake = make_tables()
    frame = pl.DataFrame({"a": [1], "b": ["x"], "c": [1.0]}, schema_overrides={"a": pl.Int32})
    before = lake.write(frame)
    renamed = evolve(lake.files, before, drop=["c"], add={"d": pl.Date})
    anew = lake.write(pl.DataFrame({"c": [2.0], "b": ["y"], "a": [5], "e": [1]}))
    adopted = adopt(renamed, anew)
    assert names_of(renamed.fields) == {"a": 1, "b": 2, "d": 4}
    # `a` became wider and stays itself; the new `c` is not the one that was dropped.
    assert names_of(adopted.fields) == {"a": 1, "b": 2, "c": 5, "e": 6}
    assert lake.read(adopted).equals(lake.read(anew))
    assert adopted.digest == anew.digest
    assert adopt(adopted, adopted) is adopted
    same = adopt(before, lake.write(frame.reverse()))
    assert same.schemas == before.schemas


def test_a_column_of_another_type_is_another_column():
    lake = make_tables()
    before = lake.write(pl.DataFrame({"a": [1], "b": [1]}))
    adopted = adopt(before, lake.write(pl.DataFrame({"a": ["1"], "b": [1]})))
    assert adopted.fields == (Field(id=3, name="a", type="String"), Field(id=2, name="b", type="Int64"))


def test_a_rollback_over_renames_and_drops_brings_every_value_back():
    lake = make_tables()
    first = lake.commit("main", {"t": lake.write(pl.DataFrame({"a": [1], "b": [2]}))}, expect=None, message="first")
    table, commits = first.tables["t"], [first]
    for change in ({"rename": {"a": "c"}}, {"drop": ["b"]}, {"add": {"b": pl.Int64}}, {"rename": {"c": "a"}}):
        table = evolve(lake.files, table, **change)
        commits.append(lake.commit("main", {"t": table}, expect=commits[-1].id, message="change"))
    seen = {commit.id: lake.read(commit.tables["t"]) for commit in commits}
    for _ in range(3):
        for commit in commits:
            back = lake.refs.rollback("main", to=commit.id, expect=lake.head("main")).tables["t"]
            assert lake.read(back).equals(seen[commit.id])
            assert back.digest == commit.tables["t"].digest
            assert [field.id for field in back.fields] == [field.id for field in commit.tables["t"].fields]
    # A rollback states one schema, not all there were.
    assert len(back.schemas) <= len(table.schemas) + 3 * len(commits)


ADOPTED = st.lists(
    st.tuples(st.sampled_from(["add", "drop", "rename", "append"]), st.sampled_from("abc"), st.sampled_from("abcd")),
    max_size=6,
)


def change_columns(lake, table, steps):
    """Return a table after changes to its columns and rows."""
    for number, (what, name, other) in enumerate(steps):
        if what == "append":
            table = lake.append(table, pl.DataFrame({each: [number] for each in table.columns}))
        elif what == "add" and name not in table.columns:
            table = evolve(lake.files, table, add={name: pl.Int64})
        elif what == "drop" and name in table.columns and len(table.columns) > 1:
            table = evolve(lake.files, table, drop=[name])
        elif what == "rename" and name in table.columns and other not in table.columns:
            table = evolve(lake.files, table, rename={name: other})
    return table


@settings(max_examples=40)
@given(ADOPTED, ADOPTED, ADOPTED)
def test_whatever_table_takes_the_place_of_another_reads_as_before(shared, one, other, later):
    before = change_columns(shared, shared.write(pl.DataFrame({"a": [1], "b": [2]})), one)
    after = change_columns(shared, shared.write(pl.DataFrame({"b": [7], "c": [8]})), other)
    adopted = adopt(before, after)
    assert shared.read(adopted).equals(shared.read(after))
    assert adopted.schemas[: len(before.schemas)] == before.schemas
    ids = names_of(adopted.fields)
    assert len(set(ids.values())) == len(ids)
    for name, number in names_of(before.fields).items():
        # Whatever has another name than a column of before is none of its columns.
        assert name not in ids or ids[name] == number
        assert number not in ids.values() or ids.get(name) == number
    grown = change_columns(shared, adopted, later)
    assert shared.read(adopt(grown, before)).equals(shared.read(before))
    assert shared.read(grown).equals(shared.read(change_columns(shared, after, later)))
