"""Features that read features of other views: found by name, refused in a circle, and bounded."""

from collections.abc import Iterator

import pytest

import shipway as sw
from shipway import windows as w
from shipway.core.composite import LARGEST, find_features
from shipway.core.error import ShipwayError
from shipway.core.feature import FeatureView, Source, entities_of, windows_of
from shipway.core.registry import Registry, collecting
from shipway.maths.expression import Column, Feature


@pytest.fixture
def registry() -> Iterator[Registry]:
    with collecting() as collected:
        yield collected


@pytest.fixture
def trips(registry: Registry) -> Source:
    """Declare a source of trips."""
    del registry

    @sw.source(
        key="id", raw="trips", known_at={"published": ("line", "depot", "scheduled", "price"), "arrived": "delay"}
    )
    def trips(trips: object) -> object:
        return trips

    return trips


def by(key: str, trips: Source, **more: object) -> FeatureView:
    """Declare a view of what is late by some key."""
    arrived = trips.event("arrived")
    return sw.feature_view(key, sw.entity(key), {"delay_3h": w.mean(arrived.delay, last="3h"), **more})


def test_a_feature_says_all_that_it_is_made_of(trips: Source) -> None:
    line, depot = by("line", trips), by("depot", trips)
    mixed = sw.feature_view(
        "mixed", trips, {"relative": line.delay_3h / depot.delay_3h, "dear": trips.price * line.delay_3h}
    )
    expr = mixed.features["relative"]
    assert str(expr) == "line.delay_3h / depot.delay_3h"
    assert [(entity.name, str(node)) for entity, node in windows_of(expr, None) if entity is not None] == [
        ("line", 'w.mean(trips.arrived.delay, last="3h")'),
        ("depot", 'w.mean(trips.arrived.delay, last="3h")'),
    ]
    assert [entity.keys for entity in entities_of(expr, None)] == [("line",), ("depot",)]
    assert mixed.source == "trips"
    assert line.source == ""


def test_what_is_named_is_found_wherever_it_is_declared(registry: Registry, trips: Source) -> None:
    first = by("line", trips, relative=sw.feature("depot.delay_3h") * 2)
    second = sw.feature_view("mixed", trips, {"more": first.relative + sw.feature("line.delay_3h")})
    late = sw.label("late", trips.event("arrived").delay > 5)

    @sw.model("delay", on=trips, at=trips.scheduled - "1h", label=late, features=[second], baselines={"own": [second]})
    def train(frame: object) -> object:
        return frame

    sw.leak("worse", model=train, add=first)
    depot = by("depot", trips)
    find_features(registry)
    assert registry.views["line"].features["relative"] == depot.delay_3h * 2
    more = (registry.views["line"].relative) + registry.views["line"].delay_3h
    for view in (
        registry.views["mixed"],
        registry.models["delay"].features[0],
        registry.models["delay"].baselines["own"][0],
        registry.leaks["worse"].model.features[0],
    ):
        assert view.features["more"] == more
    assert registry.leaks["worse"].add == registry.views["line"]


def test_declarations_that_name_nothing_are_left_as_they_are(registry: Registry, trips: Source) -> None:
    line = by("line", trips)
    mixed = sw.feature_view("mixed", trips, {"twice": line.delay_3h * 2})
    find_features(registry)
    assert registry.views["line"] is line
    assert registry.views["mixed"] is mixed


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"line": "line.x"}, "line.x -> line.x"),
        ({"line": "depot.x", "depot": "line.x"}, "line.x -> depot.x -> line.x"),
        (
            {"zone": "line.x", "line": "depot.x", "depot": "stop.x", "stop": "line.x"},
            "line.x -> depot.x -> stop.x -> line.x",
        ),
    ],
)
def test_a_circle_is_refused_with_its_path(registry: Registry, trips: Source, made: dict[str, str], said: str) -> None:
    for view, read in made.items():
        sw.feature_view(view, trips, {"x": sw.feature(read) + 1})
    with pytest.raises(ShipwayError, match="SW-108") as refused:
        find_features(registry)
    assert said in refused.value.fact
    assert "columns and windows" in refused.value.hint


def test_a_circle_through_a_view_that_hands_its_feature_out_is_refused(registry: Registry, trips: Source) -> None:
    line = sw.feature_view("line", trips, {"x": sw.feature("depot.x") + 1})
    sw.feature_view("depot", trips, {"x": line.x * 2})
    with pytest.raises(ShipwayError, match="SW-108") as refused:
        find_features(registry)
    assert "line.x -> depot.x -> line.x" in refused.value.fact


def test_views_may_read_each_other_where_their_features_do_not(registry: Registry, trips: Source) -> None:
    by("line", trips, relative=sw.feature("depot.delay_3h"))
    by("depot", trips, relative=sw.feature("line.delay_3h"), twice=sw.feature("depot.delay_3h") * 2)
    find_features(registry)
    assert registry.views["line"].features["relative"] == registry.views["depot"].delay_3h


@pytest.mark.parametrize(
    ("named", "fact", "hint"),
    [
        ("lien.delay_3h", "feature mixed.x reads lien.delay_3h, and there is no view 'lien'", "did you mean 'line'?"),
        ("line.delay_4h", "and view 'line' has no feature 'delay_4h'", "did you mean 'delay_3h'?"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest(
    registry: Registry, trips: Source, named: str, fact: str, hint: str
) -> None:
    by("line", trips)
    sw.feature_view("mixed", trips, {"x": sw.feature(named) / 2})
    with pytest.raises(ShipwayError, match="SW-104") as refused:
        find_features(registry)
    assert fact in refused.value.fact
    assert refused.value.hint == hint


@pytest.mark.parametrize("name", ["line", "line.", ".x", "line.x.y", "Line.x"])
def test_what_names_no_feature_is_refused(name: str) -> None:
    with pytest.raises(ShipwayError, match="SW-106"):
        sw.feature(name)


def test_a_view_that_is_handed_out_by_hand_is_not_taken_for_the_declared_one(registry: Registry, trips: Source) -> None:
    """A leak adds a view that is no other's, also where its name is."""
    by("line", trips)
    other = FeatureView("line", None, {"delay_3h": Column("trips", "price")})
    mixed = sw.feature_view(
        "mixed",
        trips,
        {"a": other.delay_3h * 1, "b": registry.views["line"].delay_3h, "c": sw.feature("line.delay_3h")},
    )
    find_features(registry)
    found = registry.views["mixed"].features
    assert found["a"] == mixed.features["a"]
    assert found["b"] == found["c"] == registry.views["line"].delay_3h


def test_a_feature_that_doubles_with_each_view_is_refused_in_time(trips: Source) -> None:
    feature = FeatureView("v0", None, {"x": trips.price * 1}).x
    for place in range(60):
        feature = FeatureView(f"v{place}", None, {"x": feature * feature}).x
    with pytest.raises(ShipwayError, match="SW-106") as refused:
        sw.feature_view("last", trips, {"x": feature})
    assert f"{LARGEST:,} is most" in refused.value.fact


@pytest.mark.parametrize(
    "make",
    [
        lambda line, trips: sw.label("late", trips.event("arrived").delay > line.delay_3h),
        lambda line, trips: w.mean(trips.event("arrived").delay - line.delay_3h, last="1h"),
        lambda line, trips: w.count(trips.event("arrived"), last="1h", where=line.delay_3h > 2),
        lambda line, trips: w.around(trips.event("published"), line.delay_3h, before="1h", after="1h"),
        lambda line, trips: sw.holds(line.delay_3h > 2),
        lambda line, trips: sw.mean(line.delay_3h),
    ],
)
def test_a_feature_is_read_by_features_alone(trips: Source, make: object) -> None:
    line = by("line", trips)
    with pytest.raises(ShipwayError, match="SW-106") as refused:
        make(line, trips)  # type: ignore[operator]
    assert "line.delay_3h" in refused.value.fact


def test_a_label_is_no_part_of_a_feature(trips: Source) -> None:
    late = sw.label("late", trips.event("arrived").delay > 5)
    with pytest.raises(ShipwayError, match="SW-106") as refused:
        sw.feature_view("mixed", trips, {"x": late})  # type: ignore[dict-item]
    assert "label 'late'" in refused.value.fact
    assert "comes true after" in refused.value.hint


def test_a_feature_that_is_only_named_is_refused_where_nothing_declares_it() -> None:
    with pytest.raises(ShipwayError, match="SW-104"):
        list(windows_of(Feature("line", "delay_3h") * 2, None))
