"""The conformance suite of the port Traffic."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from shipway.core.service import Routing, Variant
from shipway.ports.traffic import Traffic
from shipway.testing.refusal import expect_refusal


@dataclass(frozen=True, slots=True)
class TrafficSample:
    """Traffic without any routing, and what it can route to.

    Attributes:
        traffic: the adapter under test.
        model: name of a model.
        variants: two versions of it that can be served.
        missing: a version whose bundle is not there.
        damaged: a version whose bundle is damaged.
        ask: asks a service about a unit, and returns the number of the version that answered.
    """

    traffic: Traffic
    model: str
    variants: tuple[Variant, Variant]
    missing: Variant
    damaged: Variant
    ask: Callable[[str, str], int]

    def route(self, **changes: object) -> Routing:
        """Return a routing of the service `first` to the first version, changed."""
        routing = Routing(service="first", model=self.model, stable=self.variants[0], token=5)
        return msgspec.structs.replace(routing, **changes)


Make = Callable[[], TrafficSample]
Case = Callable[[Make], None]

_UNITS: Final = tuple(str(number) for number in range(60))


def check_nothing_before_the_first(make: Make) -> None:
    """A service has no routing before one is applied, also when another service has."""
    sample = make()
    assert sample.traffic.current("first") is None
    sample.traffic.apply(sample.route())
    assert sample.traffic.current("second") is None


def check_applied_is_in_force(make: Make) -> None:
    """Every request after `apply` returned is answered by the version that the routing says, split or not."""
    sample = make()
    one, two = sample.variants
    steps = (
        sample.route(),
        sample.route(candidate=two, weight=0.0, salt="a", token=6),
        sample.route(candidate=two, weight=0.3, salt="a", token=7),
        sample.route(candidate=two, weight=0.3, salt="b", token=8),
        sample.route(candidate=two, weight=1.0, salt="b", token=9),
        sample.route(stable=two, token=10),
        sample.route(stable=one, token=11),
    )
    for routing in steps:
        sample.traffic.apply(routing)
        assert sample.traffic.current("first") == routing
        due = [two.version if routing.choose(unit) else routing.stable.version for unit in _UNITS]
        assert [sample.ask("first", unit) for unit in _UNITS] == due


def check_apply_is_level_triggered(make: Make) -> None:
    """Applying the same routing again changes nothing."""
    sample = make()
    routing = sample.route(candidate=sample.variants[1], weight=0.5, salt="a")
    for _ in range(3):
        sample.traffic.apply(routing)
        assert sample.traffic.current("first") == routing


def check_overtaken_is_refused(make: Make) -> None:
    """A routing with a smaller token is refused, whatever it says, and the one in force stays."""
    sample = make()
    routing = sample.route()
    sample.traffic.apply(routing)
    for late in (sample.route(token=4), sample.route(stable=sample.variants[1], token=0)):
        with expect_refusal("SW-803"):
            sample.traffic.apply(late)
        assert sample.traffic.current("first") == routing
    assert sample.ask("first", "1") == sample.variants[0].version


def check_unservable_is_refused(make: Make) -> None:
    """A version whose bundle is missing or damaged takes no traffic, and the routing in force stays."""
    sample = make()
    for variant, code in ((sample.missing, "SW-605"), (sample.damaged, "SW-502")):
        with expect_refusal(code):
            sample.traffic.apply(sample.route(stable=variant))
        assert sample.traffic.current("first") is None
    routing = sample.route()
    sample.traffic.apply(routing)
    for variant, code in ((sample.missing, "SW-605"), (sample.damaged, "SW-502")):
        for change in ({"stable": variant}, {"candidate": variant, "weight": 0.5}):
            with expect_refusal(code):
                sample.traffic.apply(sample.route(token=6, **change))
            assert sample.traffic.current("first") == routing
            assert sample.ask("first", "1") == sample.variants[0].version


def check_services_are_independent(make: Make) -> None:
    """Each service has a routing and tokens of its own."""
    sample = make()
    sample.traffic.apply(sample.route(token=9))
    other = sample.route(service="second", stable=sample.variants[1], token=1)
    sample.traffic.apply(other)
    assert sample.traffic.current("first") == sample.route(token=9)
    assert sample.traffic.current("second") == other
    assert [sample.ask(service, "1") for service in ("first", "second")] == [v.version for v in sample.variants]


CASES: Final[tuple[Case, ...]] = (
    check_nothing_before_the_first,
    check_applied_is_in_force,
    check_apply_is_level_triggered,
    check_overtaken_is_refused,
    check_unservable_is_refused,
    check_services_are_independent,
)
"""The cases every Traffic passes."""


def check_nobody_answers(make: Callable[[], Traffic]) -> None:
    """Without a server, both questions are refused.

    Args:
        make: makes traffic whose server is not there.
    """
    variant = Variant(version=1, bundle="0" * 64, online="store")
    with expect_refusal("SW-801"):
        make().apply(Routing(service="first", model="model", stable=variant))
    with expect_refusal("SW-801"):
        make().current("first")
