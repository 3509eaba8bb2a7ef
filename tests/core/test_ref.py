import pytest

from shipway.core.error import ShipwayError
from shipway.core.ref import check_place, check_refs


@pytest.mark.parametrize("place", [None, "a" * 64])
def test_ref_where_it_was_seen_may_move(place):
    check_place("main", expect=place, found=place)


@pytest.mark.parametrize(
    ("expect", "found", "fact"),
    [
        ("f" * 64, "a" * 64, "'main' was expected at ffffffffffff and is at aaaaaaaaaaaa"),
        (None, "a" * 64, "'main' was expected absent and is at aaaaaaaaaaaa"),
        ("f" * 64, None, "'main' was expected at ffffffffffff and is absent"),
    ],
)
def test_refusal_says_where_the_ref_is(expect, found, fact):
    with pytest.raises(ShipwayError) as caught:
        check_place("main", expect=expect, found=found)
    assert caught.value.code == "SW-208"
    assert caught.value.fact == fact


def test_refs_as_they_were_seen_let_objects_go():
    check_refs({}, {})
    check_refs({"b": "2", "a": "1"}, {"a": "1", "b": "2"})


@pytest.mark.parametrize("found", [{}, {"a": "2"}, {"a": "1", "b": "1"}, {"b": "1"}])
def test_ref_that_moved_came_or_went_is_named(found):
    with pytest.raises(ShipwayError) as caught:
        check_refs(found, {"a": "1"})
    assert caught.value.code == "SW-208"
    assert caught.value.fact.startswith("'b'" if found == {"a": "1", "b": "1"} else "'a'")
