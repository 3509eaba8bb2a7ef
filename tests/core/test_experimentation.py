"""The words for experiments print back as written and refuse what cannot be measured."""

import pytest

import shipway as sw
from shipway import windows as w
from shipway.core.error import ShipwayError
from shipway.core.registry import collecting


class World:
    """The nouns that an experiment is declared on."""

    def __init__(self):
        known = {"opened": ("customer", "device"), "closed": ("length",)}

        @sw.source(key="visit", raw="visits", known_at=known)
        def visits(visits):
            return visits

        @sw.source(key="order", raw="orders", known_at={"placed": ("customer", "price")})
        def orders(orders):
            return orders

        self.visits, self.orders = visits, orders
        self.opened, self.placed = visits.event("opened"), orders.event("placed")
        self.customer = sw.entity("customer")
        spent = {"spent_28d": w.total(self.placed.price, last="28d")}
        self.habit = sw.feature_view("habit", self.customer, spent)
        self.spent = w.total(self.placed.price, last="7d")
        self.count = w.count(self.placed, last="7d")

    def experiment(self, **given):
        words = {
            "unit": self.customer,
            "exposed": self.opened,
            "variants": ["control", "new"],
            "metrics": [sw.effect("spent", self.spent)],
        }
        return sw.experiment("fares", **(words | given))

    def against(self, **given):
        words = {
            "variants": (),
            "holdout": given.pop("holdout", None) or sw.layer("p", unit=self.customer, holdout=0.1),
        }
        return self.experiment(**(words | given))


@pytest.fixture
def world():
    with collecting():
        yield World()


def test_an_experiment_keeps_what_was_declared(world):
    pricing = sw.layer("pricing", unit=world.customer, holdout=0.05)
    noun = world.experiment(
        layer=pricing,
        share=0.5,
        guardrails=[sw.effect("orders", world.count) >= -0.02],
        slices=[world.visits.device],
        where=world.visits.device.equals("app"),
        design=sw.group_sequential(alpha=0.1, spending="pocock", most="14d"),
    )
    assert (noun.control, noun.treatments) == ("control", ("new",))
    assert [rule.text for rule in noun.rules] == [
        'effect("spent", w.total(orders.placed.price, last="7d"))',
        'effect("orders", w.count(orders.placed, last="7d")) >= -0.02',
    ]
    assert (noun.rules[0].op, noun.rules[0].bound) == (">", 0.0)
    assert (noun.layer_name, noun.holdout, noun.slices) == ("pricing", 0.05, ("device",))
    assert (noun.design.spending, noun.design.alpha) == ("pocock", 0.1)
    assert noun.gate.rules == noun.rules
    with pytest.raises(ShipwayError, match="SW-105"):
        world.experiment()


def test_what_changes_the_question_changes_the_definition_and_what_is_said_of_it_does_not(world):
    with collecting():
        first = world.experiment().definition
    with collecting():
        same = world.experiment(doc="another word", history=world.opened).definition
    with collecting():
        other = world.experiment(metrics=[sw.effect("spent", world.spent, detect=0.1)]).definition
    with collecting():
        strata = world.experiment(strata=world.visits.device)
    assert first == same
    assert len({first, other, strata.definition}) == 3
    assert strata.grouped == ("device",)


def test_a_small_holdout_has_the_share_of_the_places_that_are_held_out(world):
    noun = world.against(holdout=sw.layer("p", unit=world.customer, holdout=0.00026))
    assert dict(noun.variants) == {"held_out": 0.0003, "everyone": 1 - 0.0003}


def test_a_holdout_is_compared_with_everyone_else(world):
    noun = world.against()
    assert noun.variants == {"held_out": 0.1, "everyone": 0.9}
    assert (noun.against_holdout, noun.layer_name, noun.control, noun.taken) == (True, "p", "held_out", 1.0)
    with collecting():
        plain = world.experiment(variants=noun.variants, layer=noun.layer)
    assert plain.definition != noun.definition


REFUSED = {
    "one variant": (lambda s: s.experiment(variants=["control"]), "SW-106", "two or more"),
    "weight": (lambda s: s.experiment(variants={"control": 1, "new": 0}), "SW-106", "above 0"),
    "no variants": (lambda s: s.experiment(variants="new"), "SW-106", "control"),
    "no metrics": (lambda s: s.experiment(metrics=[]), "SW-106", "what it is for"),
    "metric twice": (lambda s: s.experiment(metrics=[sw.effect("a", s.spent)] * 2), "SW-105", "rename"),
    "no effect": (lambda s: s.experiment(metrics=[sw.auc >= 0.5]), "SW-106", "sw.effect"),
    "not a list": (lambda s: s.experiment(metrics=sw.effect("a", s.spent)), "SW-106", "list effects"),
    "share": (lambda s: s.experiment(share=0.0), "SW-106", "share"),
    "unit": (lambda s: s.experiment(unit="customer"), "SW-106", "entity"),
    "system": (lambda s: s.experiment(unit=sw.system()), "SW-106", "split"),
    "key": (lambda s: s.experiment(unit=sw.entity("shop")), "SW-106", "customer"),
    "design": (lambda s: s.experiment(design="pocock"), "SW-106", "group_sequential"),
    "layer": (lambda s: s.experiment(layer="pricing"), "SW-106", "declare it first"),
    "other unit": (
        lambda s: s.experiment(layer=sw.layer("l", unit=sw.entity("visitor", "device"))), "SW-106", "its unit"
    ),
    "late slice": (lambda s: s.experiment(slices=[s.visits.length]), "SW-301", "when it meets"),
    "late trigger": (lambda s: s.experiment(where=s.visits.length > 3), "SW-301", "when it meets"),
    "slice elsewhere": (lambda s: s.experiment(slices=[s.orders.price]), "SW-106", "visits"),
    "late strata": (lambda s: s.experiment(strata=s.visits.length), "SW-301", "when it meets"),
    "strata of answers": (
        lambda s: s.experiment(exposed=sw.answers("desk"), strata=s.visits.device), "SW-106", "drop"
    ),
    "strata of clusters": (
        lambda s: s.experiment(cluster=sw.entity("device"), strata=s.visits.device), "SW-106", "drop strata="
    ),
    "holdout of no layer": (lambda s: s.against(holdout="pricing"), "SW-106", "name a layer"),
    "nobody held out": (lambda s: s.against(holdout=sw.layer("l", unit=s.customer)), "SW-106", "holds nobody out"),
    "holdout and layer": (lambda s: s.against(layer=sw.layer("l", unit=s.customer)), "SW-106", "drop layer="),
    "holdout and variants": (lambda s: s.against(variants=["a", "b"]), "SW-106", "held_out and everyone"),
    "holdout and share": (lambda s: s.against(share=0.5), "SW-106", "drop share="),
    "holdout and covariates": (
        lambda s: s.against(metrics=[sw.effect("a", s.spent, covariates=[s.habit.spent_28d])]), "SW-106", "strata="
    ),
    "trigger elsewhere": (lambda s: s.experiment(where=s.orders.price > 1), "SW-106", "visits"),
    "alpha": (lambda _: sw.group_sequential(alpha=0.9), "SW-106", "alpha"),
    "spending": (lambda _: sw.group_sequential(spending="pocok"), "SW-104", "pocock"),
    "holdout": (lambda s: sw.layer("l", unit=s.customer, holdout=1.0), "SW-106", "below 1"),
    "holdout of all places": (lambda s: sw.layer("l", unit=s.customer, holdout=0.99999), "SW-106", "below 1"),
    "holdout of no place": (lambda s: sw.layer("l", unit=s.customer, holdout=0.00004), "SW-106", "0.0001 or more"),
    "name": (lambda s: sw.layer("L 1", unit=s.customer), "SW-106", "lower-case"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", REFUSED)
def test_what_cannot_be_an_experiment_is_refused_with_a_way_on(world, mistake):
    declare, code, hint = REFUSED[mistake]
    with pytest.raises(ShipwayError) as refused:
        declare(world)
    assert refused.value.code == code
    assert hint in f"{refused.value.fact} {refused.value.hint}"
