"""The words of a project file refuse what cannot work, at the line where it stands."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import shipway as sw
from shipway import windows as w
from shipway.core.error import ShipwayError
from shipway.core.feature import Source
from shipway.core.registry import Registry, collecting


@pytest.fixture
def registry() -> Iterator[Registry]:
    with collecting() as collected:
        yield collected


def declare() -> Source:
    """Declare a source of trips."""

    @sw.source(key="id", raw="trips", known_at={"published": ("line", "scheduled"), "arrived": "delay"})
    def trips(trips: object) -> object:
        """Make trips."""
        return trips

    return trips


def test_declarations_are_kept_by_kind_and_name(registry: Registry) -> None:
    trips = declare()
    line = sw.entity("line")
    view = sw.feature_view("recent", line, {"n": w.count(trips.event("arrived"), last="3h")})
    late = sw.label("late", trips.event("arrived").delay > 5)

    @sw.model("delay", on=trips, at=trips.scheduled - "1h", label=late, features=[view], rising=[view.n])
    def train(frame: object, *, rounds: int = 10) -> object:
        return frame

    gate = sw.gate("quality", sw.auc >= 0.7, before="release")
    assert registry.sources == {"trips": trips}
    assert registry.views == {"recent": view}
    assert registry.models == {"delay": train}
    assert registry.gates == {"quality": gate}
    assert train.columns == ("recent_n",)
    assert train.params == {"rounds": 10}
    assert registry.function("model", "delay")("x") == "x"
    assert registry.function("source", "trips")("y") == "y"
    assert registry.note("source", "trips").doc == "Make trips."


def test_columns_say_when_they_are_known(registry: Registry) -> None:
    trips = declare()
    assert trips.instant_of("line") == "published"
    assert trips.instant_of("arrived") == "arrived"
    assert trips.instant_of("id") == "always"
    assert trips.instant_of("colour") is None
    assert str(trips.event("arrived").delay) == "trips.arrived.delay"
    assert str(trips["key"] if "key" in trips.columns else trips.line) == "trips.line"


@pytest.mark.parametrize(
    ("wrong", "code", "hint"),
    [
        (lambda t: t.dela, "SW-104", "did you mean 'delay'?"),
        (lambda t: t.event("arived"), "SW-104", "did you mean 'arrived'?"),
        (lambda t: t.event("arrived").lin, "SW-104", "did you mean 'line'?"),
        (lambda t: sw.feature_view("Recent", sw.entity("line"), {"n": t.line}), "SW-106", "lower-case"),
        (lambda t: sw.feature_view("recent", t, {}), "SW-106", "add one"),
        (lambda t: sw.label("late", t.delay > 5), "SW-106", "from an event"),
        (lambda t: declare(), "SW-105", "another name"),
        (lambda t: sw.gate("g", sw.auc >= 0.5, before="relese"), "SW-104", "did you mean 'release'?"),
        (lambda t: sw.gate("g", before="release"), "SW-106", "add one"),
        (lambda t: sw.gate("g", sw.auc, before="release"), "SW-106", "compare it"),
        (lambda t: sw.gate("g", sw.present(t.line), before="release"), "SW-106", "candidate"),
        (lambda t: w.mean(t.delay, last="1h"), "SW-106", "from an event"),
        (lambda t: w.count(t.event("arrived"), last="soon"), "SW-106", "6h"),
        (
            lambda t: sw.feature_view("r", sw.entity("line"), {"n": w.count(t.event("arrived"), last="1h")}).m,
            "SW-104",
            "n",
        ),
    ],
)
def test_what_cannot_work_is_refused(registry: Registry, wrong: Callable[[Source], Any], code: str, hint: str) -> None:
    with pytest.raises(ShipwayError) as refused:
        wrong(declare())
    assert refused.value.code == code
    assert hint in refused.value.hint


def test_a_column_known_at_two_instants_is_refused(registry: Registry) -> None:
    with pytest.raises(ShipwayError, match="SW-106"):
        sw.source(key="id", raw="t", known_at={"a": "x", "b": "x"})


def test_a_constraint_on_no_feature_is_refused(registry: Registry) -> None:
    trips = declare()
    view = sw.feature_view("v", trips, {"line": trips.line})
    other = sw.feature_view("o", trips, {"line": trips.line})
    late = sw.label("late", trips.event("arrived").delay > 5)
    with pytest.raises(ShipwayError, match="SW-106"):

        @sw.model("m", on=trips, at=trips.scheduled, label=late, features=[view], rising=[other.line])
        def train(frame: object) -> object:
            return frame


def test_a_leak_that_changes_nothing_is_refused(registry: Registry) -> None:
    trips = declare()
    view = sw.feature_view("v", trips, {"line": trips.line})
    late = sw.label("late", trips.event("arrived").delay > 5)

    @sw.model("m", on=trips, at=trips.scheduled, label=late, features=[view])
    def train(frame: object) -> object:
        return frame

    with pytest.raises(ShipwayError, match="SW-106"):
        sw.leak("none", model=train)


def test_a_condition_is_no_truth_value() -> None:
    with collecting():
        trips = declare()
    with pytest.raises(TypeError, match="&"):
        bool(trips.line)


def declare_model(trips: Source, train: Callable[..., Any], **more: Any) -> Any:
    """Declare a model with this training function."""
    view = sw.feature_view("v", trips, {"line": trips.line})
    late = sw.label("late", trips.event("arrived").delay > 5)
    return sw.model("m", on=trips, at=trips.scheduled, label=late, features=[view], **more)(train)


def test_a_baseline_cannot_pass_for_the_version_in_service(registry: Registry) -> None:
    trips = declare()
    with pytest.raises(ShipwayError, match="SW-106") as refused:
        declare_model(trips, lambda frame: frame, baselines={"current": []})
    assert "'current'" in refused.value.fact


@pytest.mark.parametrize("default", [float("inf"), float("nan"), [1, 2], print])
def test_a_parameter_that_no_key_can_carry_is_refused(registry: Registry, default: Any) -> None:
    def train(frame: object, *, rounds: Any = default) -> object:
        return frame

    with pytest.raises(ShipwayError, match="SW-106") as refused:
        declare_model(declare(), train)
    assert "'rounds'" in refused.value.fact


def test_parameters_are_plain_values(registry: Registry) -> None:
    def train(
        frame: object, *, rounds: int = 3, rate: float = 0.5, name: str = "x", depth: int | None = None
    ) -> object:
        return frame

    model = declare_model(declare(), train)
    assert model.params == {"rounds": 3, "rate": 0.5, "name": "x", "depth": None}


def test_a_label_with_a_window_is_refused(registry: Registry) -> None:
    arrivals = declare().event("arrived")
    with pytest.raises(ShipwayError, match="SW-106") as refused:
        sw.label("late", w.mean(arrivals.delay, last="1h") > 5)
    assert "window" in refused.value.fact


def test_a_key_with_a_name_of_ours_is_refused(registry: Registry) -> None:
    with pytest.raises(ShipwayError, match="SW-106"):
        sw.source(key=("id", "_at"), raw="t", known_at={"a": "x"})


def test_two_gates_of_one_moment_cannot_share_a_name_for_two_checks(registry: Registry) -> None:
    trips = declare()
    sw.gate("data", sw.has_columns(trips, line="text"), before="training")
    sw.gate("more", sw.has_columns(trips, line="text"), before="training")
    with pytest.raises(ShipwayError, match="SW-105") as refused:
        sw.gate("other", sw.has_columns(trips, delay="int"), before="training")
    assert "trips columns" in refused.value.fact
    assert list(registry.gates) == ["data", "more"]


@pytest.mark.parametrize(
    ("word", "right"), [("acu", "auc"), ("TrainFrme", "TrainFrame"), ("featureview", "feature_view")]
)
def test_a_wrong_word_is_answered_with_the_nearest(word: str, right: str) -> None:
    with pytest.raises(AttributeError, match=f"did you mean '{right}'"):
        getattr(sw, word)
    assert not hasattr(sw, word)


def test_a_column_that_known_at_leaves_out_is_explained(registry: Registry) -> None:
    trips = declare()
    for read in (lambda: trips.zzzzzz, lambda: trips.dela, lambda: trips.event("arrived").zzzzzz):
        with pytest.raises(ShipwayError, match="SW-104") as refused:
            read()
        assert refused.value.hint.endswith("f the function returns it, say in known_at when it is known")


def test_an_instant_may_have_no_further_columns(registry: Registry) -> None:
    make = sw.source(key="id", raw="trips", known_at={"placed": "line", "closed": ()})
    trips = make(plain_trips)
    assert trips.columns == ("id", "line", "placed", "closed")
    assert str(trips.event("closed").line) == "plain_trips.closed.line"


def plain_trips(rows: object) -> object:
    """Make trips."""
    return rows


def test_a_gate_is_for_models_or_for_names_of_models_that_come_later():
    with collecting():
        gate = sw.gate("quality", sw.auc >= 0.7, before="release", models=["later"])
        assert gate.models == ("later",)
        for wrong in ("later", [3]):
            with pytest.raises(ShipwayError) as caught:
                sw.gate("other", sw.auc >= 0.7, before="release", models=wrong)
            assert caught.value.code == "SW-106"
