import polars as pl
import pytest

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
