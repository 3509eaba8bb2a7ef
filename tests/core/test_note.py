"""Notes are checked where they stand, and stand beside the nouns, so that no digest of a noun depends on them."""

from collections.abc import Iterator
from typing import Any

import pytest

import shipway as sw
from shipway import windows as w
from shipway.core.feature import FeatureView
from shipway.core.note import Note
from shipway.core.registry import Registry, collecting
from shipway.kit.canonical import canonical_json
from shipway.kit.duration import HOUR
from shipway.testing.refusal import expect_refusal


@pytest.fixture
def registry() -> Iterator[Registry]:
    with collecting() as collected:
        yield collected


def declare(**said: Any) -> Any:
    @sw.source(key="id", raw="trips", known_at={"arrived": ("line", "delay")}, **said)
    def trips(trips: object) -> object:
        """Make trips."""
        return trips

    return trips


def view(**said: Any) -> FeatureView:
    arrived = declare().event("arrived")
    features = {f"n_{last}": w.count(arrived, last=last) for last in ("1h", "3h")} | {
        "late": w.share(arrived.delay > 5, last="1h")
    }
    return sw.feature_view("recent", sw.entity("line"), features, **said)


def test_what_is_said_of_a_source_is_kept_beside_it(registry: Registry) -> None:
    declare(owner="trains", tags=["core", "rail", "core"], fresh="2h")
    expected = Note(owner="trains", doc="Make trips.", tags=("core", "rail"), fresh_us=2 * HOUR)
    assert registry.note("source", "trips") == expected


def test_doc_takes_the_place_of_a_docstring(registry: Registry) -> None:
    declare(doc="All trips that arrived")
    assert registry.note("source", "trips").doc == "All trips that arrived"


def test_nothing_said_is_an_empty_note(registry: Registry) -> None:
    view()
    assert registry.note("view", "recent") == registry.note("label", "none of this name") == Note()


def test_a_pattern_describes_every_feature_that_fits_and_a_name_counts_before_it(registry: Registry) -> None:
    view(docs={"n_3h": "trips of three hours", "n_*": "trips that arrived", "late": "share over five minutes"})
    assert registry.note("view", "recent").docs == {
        "n_1h": "trips that arrived",
        "n_3h": "trips of three hours",
        "late": "share over five minutes",
    }


def test_the_first_of_two_patterns_counts(registry: Registry) -> None:
    view(docs={"n_*": "first", "*": "second"})
    assert registry.note("view", "recent").docs == {"n_1h": "first", "n_3h": "first", "late": "second"}


@pytest.mark.parametrize(
    ("said", "code", "hint"),
    [
        ({"docs": {"n_1": "x"}}, "SW-104", "did you mean 'n_1h'?"),
        ({"docs": {"k_*": "x"}}, "SW-104", "there is"),
        ({"docs": {"n_1h": 3}}, "SW-106", "text"),
        ({"docs": ["n_1h"]}, "SW-106", "price"),
        ({"tags": "Two Words"}, "SW-106", "lower-case"),
        ({"tags": {"a", "b"}}, "SW-106", "list or tuple"),
        ({"owner": 7}, "SW-106", "text"),
        ({"doc": "  "}, "SW-106", "leave it away"),
    ],
)
def test_what_cannot_be_said_is_refused(registry: Registry, said: dict[str, Any], code: str, hint: str) -> None:
    with expect_refusal(code) as caught:
        view(**said)
    assert hint in caught[0].hint
    assert "recent" in caught[0].fact
    assert not registry.views


@pytest.mark.parametrize("fresh", ["soon", "0s", 7, ""])
def test_an_expectation_that_is_no_duration_is_refused(registry: Registry, fresh: object) -> None:
    with expect_refusal("SW-106"):
        declare(fresh=fresh)
    assert not registry.sources


def test_what_is_always_known_has_no_freshness(registry: Registry) -> None:
    with expect_refusal("SW-106") as caught:
        sw.source(key="id", raw="a", known_at={"always": ("x",)}, fresh="2h")(lambda_source)
    assert "known always" in caught[0].hint


def lambda_source(a: object) -> object:
    return a


def test_a_note_changes_no_noun() -> None:
    with collecting():
        bare = view(), sw.label("late", declare_again().delay > 5)
    said: dict[str, Any] = {"owner": "trains", "doc": "What came", "tags": ("rail",)}
    with collecting():
        noted = view(**said, docs={"*": "a feature"}), sw.label("late", declare_again().delay > 5, **said)
    assert canonical_json(bare) == canonical_json(noted)


def declare_again() -> Any:
    """Return the stream of a source of another name, so that both views can be declared."""

    @sw.source(key="id", raw="rides", known_at={"arrived": "delay"}, owner="a", fresh="1h")
    def rides(rides: object) -> object:
        return rides

    return rides.event("arrived")
