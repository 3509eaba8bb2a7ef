"""A word that is given the wrong kind of thing says so where it stands, and says what to write."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import shipway as sw
from shipway import windows as w
from shipway.core.argument import take_expression, take_names, take_width, write
from shipway.core.error import ShipwayError
from shipway.core.feature import Entity, FeatureView, Label, Source
from shipway.core.registry import collecting

TICKETS = Source(
    "tickets",
    ("id",),
    ("tickets",),
    {"opened": ("priority", "size"), "resolved": ("escalated",), "always": ("region",)},
)
OPENED, RESOLVED = TICKETS.event("opened"), TICKETS.event("resolved")
VIEW = FeatureView("basic", None, {"size": TICKETS.size})
LABEL = Label("escalated", RESOLVED.escalated.equals("yes"))
EQUALS = "write column.equals(x), not column == x"


@pytest.fixture(autouse=True)
def registry() -> Iterator[None]:
    with collecting():
        yield


def model(**changes: Any) -> Any:
    """Declare a model of tickets with one argument changed."""
    given = {"on": TICKETS, "at": TICKETS.opened, "label": LABEL, "features": [VIEW]}
    return sw.model("escalation", **given | changes)


def refusal(declare: Callable[[], Any]) -> ShipwayError:
    """Return how a declaration is refused."""
    with pytest.raises(ShipwayError, match="SW-106") as refused:
        declare()
    return refused.value


@pytest.mark.parametrize(
    "declare",
    [
        lambda no: sw.feature_view("v", TICKETS, {"urgent": no}),
        lambda no: sw.label("late", no),
        lambda no: sw.holds(no),
        lambda no: sw.present(no),
        lambda no: sw.unique(TICKETS.id, no),
        lambda no: sw.fresh(no, within="1h"),
        lambda no: model(at=no),
        lambda no: model(label=no),
        lambda no: model(rising=[no]),
        lambda no: w.total(no, last="1d"),
        lambda no: w.mean(no, last="1d"),
        lambda no: w.share(no, last="1d"),
        lambda no: w.least(no, last="1d"),
        lambda no: w.greatest(no, last="1d"),
        lambda no: w.newest(no),
        lambda no: w.newest(no, within="1d"),
        lambda no: w.around(OPENED, no, before="1h", after="1h"),
    ],
)
@pytest.mark.parametrize("no", [TICKETS.priority == "high", TICKETS.priority != "high"])
def test_a_comparison_of_trees_is_no_expression(declare: Callable[[Any], Any], no: bool) -> None:
    refused = refusal(lambda: declare(no))
    assert str(no) in refused.fact
    assert refused.hint.startswith(EQUALS)


@pytest.mark.filterwarnings("ignore:Bitwise inversion:DeprecationWarning")
@pytest.mark.parametrize("no", [TICKETS.priority == "high", TICKETS.priority != "high"])
def test_a_negated_comparison_of_trees_is_no_expression(no: bool) -> None:
    assert refusal(lambda: sw.holds(~no)).hint.startswith(EQUALS)


def test_trees_are_still_compared_by_their_structure() -> None:
    assert (TICKETS.size > 3) == (TICKETS.size > 3)
    assert TICKETS.size != TICKETS.priority


@pytest.mark.parametrize(
    ("declare", "fact", "hint"),
    [
        (lambda: model(label=LABEL.value), "`label` of model", 'sw.label("escalation", tickets.resolved.escalated.eq'),
        (lambda: model(label=None), "is None, which is no label", "landings.delay > 15"),
        (lambda: model(on=OPENED), "event 'tickets.opened', which is no source", "whose rows are predicted"),
        (lambda: model(at="opened"), "'opened', which is no expression", 'such as orders["opened"]'),
        (lambda: model(at=OPENED), "event 'tickets.opened'", "take a column of it: id, priority"),
        (lambda: model(at=TICKETS), "source 'tickets'", "take a column of it: id, priority"),
        (lambda: model(features=VIEW), "are feature view 'basic', not a list", "in a list"),
        (lambda: model(features=[TICKETS.size]), "one of `features`", "sw.feature_view"),
        (lambda: model(rising=VIEW.size), "`rising` of model", "in a list"),
        (lambda: model(falling=["basic_size"]), "one of `falling`", "customer.orders_90d"),
        (lambda: model(baselines=[VIEW]), "not a mapping", "basket_only"),
        (lambda: model(baselines={"less": VIEW}), "baseline 'less'", "in a list"),
        (lambda: sw.feature_view("v", OPENED, {"s": TICKETS.size}), "neither an entity nor a source", "name tickets"),
        (lambda: sw.feature_view("v", "customer", {"s": TICKETS.size}), "neither", 'sw.entity("customer")'),
        (lambda: sw.feature_view("v", TICKETS, [TICKETS.size]), "a value of type list", "orders.price"),
        (lambda: sw.feature_view("v", TICKETS, {TICKETS.size: TICKETS.size}), "no text", '"size"'),
        (lambda: sw.entity("region", TICKETS.region), "a key of entity 'region'", '"region"'),
        (lambda: sw.entity("pair", ("id", "region")), "a key of entity 'pair'", "one by one"),
        (lambda: sw.entity(TICKETS.region), "is tickets.region, which is no text", '"region"'),
        (lambda: sw.source(key=TICKETS.id, raw="t", known_at={}), "the columns of the key", "as text"),
        (lambda: sw.source(key="id", raw="t", known_at=["opened"]), "not a mapping", "known_at={"),
        (lambda: sw.source(key="id", raw="t", known_at={"opened": {"size"}}), "type set", "list or tuple"),
        (lambda: sw.has_rows(OPENED), "no source", "name a source"),
        (lambda: sw.has_columns("tickets", size="int"), "'tickets'", "name a source"),
        (lambda: sw.slice_regression(TICKETS.region), "what cuts the slices", '"region"'),
        (lambda: sw.auc.better_than(VIEW), "feature view 'basic'", '"basic"'),
        (lambda: sw.never_lowers("n", {"size": 1}), "one of the features of test 'n'", "name a feature of a view"),
        (lambda: sw.never_matters("n", [VIEW.size]), "not a mapping", "{customer.orders_90d: 1}"),
        (lambda: sw.leak("l", model="escalation", add=VIEW), "no model", "@sw.model"),
        (lambda: sw.leak("l", model=model()(lambda frame: frame), add=TICKETS), "no feature view", "sw.feature_view"),
        (lambda: sw.leak("l", model=model()(lambda frame: frame), swap={OPENED: TICKETS}), "swap", "tickets.event("),
        (lambda: sw.gate(TICKETS, sw.auc > 0.5, before="release"), "a gate's name", '"tickets"'),
    ],
)
def test_the_wrong_kind_of_thing_is_told_which_is_right(declare: Callable[[], Any], fact: str, hint: str) -> None:
    refused = refusal(declare)
    assert fact in refused.fact
    assert hint in refused.hint


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        (TICKETS, 'tickets.event("opened") or tickets.event("resolved")'),
        (RESOLVED.size > 1, 'tickets.event("resolved")'),
        (TICKETS.size, 'tickets.event("...")'),
        (None, 'orders.event("placed")'),
        (Source("plain", ("id",), (), {"always": ("x",)}), 'orders.event("placed")'),
    ],
)
@pytest.mark.parametrize(
    "window",
    [
        lambda given: w.count(given, last="30d"),
        lambda given: w.age(given),
        lambda given: w.around(given, TICKETS.opened, before="1h", after="1h"),
    ],
)
def test_what_is_no_event_is_told_which_there_are(window: Callable[[Any], Any], given: Any, hint: str) -> None:
    refused = refusal(lambda: window(given))
    assert write(given) in refused.fact
    assert hint in refused.hint


@pytest.mark.parametrize("width", [90, 1.5, None, "0s", "-1h", "soon", "90"])
def test_a_width_is_text_with_a_unit(width: Any) -> None:
    refused = refusal(lambda: w.count(OPENED, last=width))
    assert refused.hint.startswith("write a window")
    assert take_width("90m", "a window") == 5_400_000_000


def test_what_is_right_is_handed_on() -> None:
    assert take_expression(TICKETS.size > 3, "it") == (TICKETS.size > 3)
    assert take_names(["a", "b"], "they") == ("a", "b")
    assert take_names("a", "they") == ("a",)
    assert take_names((), "they") == ()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (TICKETS.size + 1, "tickets.size + 1"),
        (OPENED, "event 'tickets.opened'"),
        (Entity("line", ("line",)), "entity 'line'"),
        (LABEL, "label 'escalated'"),
        ("x", "'x'"),
        (None, "None"),
        ([1], "a value of type list"),
    ],
)
def test_a_value_is_written_as_its_reader_knows_it(value: Any, said: str) -> None:
    assert write(value) == said
