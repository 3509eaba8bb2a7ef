"""What is split otherwise than unit by unit: what can be declared, and what is refused with a way out."""

import pytest

import shipway as sw
from shipway import windows as w
from shipway.core.error import ShipwayError
from shipway.core.experiment import Answers, Switchback
from shipway.core.registry import collecting
from shipway.kit.canonical import digest_value
from shipway.kit.duration import MINUTE


@pytest.fixture
def words():
    with collecting():

        @sw.source(key="id", raw="orders", known_at={"placed": ("customer", "city", "price", "seen")})
        def orders(orders):
            return orders

        placed = orders.event("placed")
        yield {
            "orders": orders,
            "placed": placed,
            "customer": sw.entity("customer"),
            "city": sw.entity("city"),
            "spent": w.total(placed.price, last="25m"),
        }


def declare(words, **changed):
    given = {
        "unit": words["customer"],
        "exposed": words["placed"],
        "variants": ["old", "new"],
        "metrics": [sw.effect("spent", words["spent"])],
    } | changed
    return sw.experiment("trial", **given)


def test_answers_of_a_service_have_its_versions_for_variants(words):
    made = declare(words, exposed=sw.answers("desk", differ=0.1), variants=())
    assert made.exposed == Answers("desk", 0.1)
    assert made.variants == {"stable": 1, "candidate": 1}
    assert made.exposed.name == "answers of desk"
    # Experiments that began before a walk could be held are defined as they were.
    assert digest_value(made.exposed.definition) == ("4437ce5b5abe8f1b89992f421988fadc431e6494bc0927bde474976f0562a4d3")
    assert sw.answers("desk", differ=0.1, holds=True).definition != made.exposed.definition


def test_a_switchback_and_clusters_say_what_is_assigned(words):
    halves = sw.switchback(every="30m", burn_in="5m")
    assert halves == Switchback(30 * MINUTE, 5 * MINUTE)
    assert halves.counts_us == 25 * MINUTE
    assert declare(words, switchback=halves).assigned is words["customer"]


def test_clusters_say_what_is_assigned(words):
    made = declare(words, cluster=words["city"], layer=sw.layer("cities", unit=words["city"]))
    assert made.assigned is words["city"]
    assert made.keys == ("customer", "city")


def test_what_was_registered_before_there_was_such_a_thing_is_as_it_was(words):
    plain = declare(words)
    with collecting():
        halves = declare(words, switchback=sw.switchback(every="30m", burn_in="5m"))
    with collecting():
        shorter = declare(words, switchback=sw.switchback(every="30m", burn_in="4m"))
    with collecting():
        cities = declare(words, cluster=words["city"])
    with collecting():
        served = declare(words, exposed=sw.answers("desk"), variants=())
    with collecting():
        apart = declare(words, exposed=sw.answers("desk", differ=0.1), variants=())
    assert len({each.definition for each in (plain, halves, shorter, cities, served, apart)}) == 6


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (lambda o: {"exposed": sw.answers("desk"), "variants": ["old", "new"]}, "stable"),
        (lambda o: {"exposed": sw.answers("desk"), "variants": ["candidate", "stable"]}, "candidate and stable"),
        (lambda o: {"exposed": sw.answers("desk"), "variants": (), "slices": [o["orders"].city]}, "no columns"),
        (lambda o: {"exposed": sw.answers("desk"), "variants": (), "cluster": o["city"]}, "cluster="),
        (lambda o: {"exposed": sw.answers("desk"), "variants": (), "share": 0.5}, "share="),
        (
            lambda o: {"exposed": sw.answers("desk"), "variants": (), "unit": sw.entity("pair", "city", "customer")},
            "2 keys",
        ),
        (lambda o: {"cluster": "city"}, "'city'"),
        (lambda o: {"cluster": o["customer"]}, "the unit itself"),
        (lambda o: {"cluster": sw.entity("town")}, "'town'"),
        (lambda o: {"cluster": o["city"], "switchback": sw.switchback(every="30m")}, "switchback="),
        (lambda o: {"cluster": o["city"], "layer": sw.layer("all", unit=o["customer"])}, "splits by customer"),
        (lambda o: {"cluster": o["city"], "metrics": [sw.effect("p", o["spent"], quantile=0.9)]}, "quantile"),
        (lambda o: {"switchback": "30m"}, "'30m'"),
        (lambda o: {"switchback": sw.switchback(every="30m", burn_in="6m")}, "there are 24m"),
        (lambda o: {"switchback": sw.switchback(every="30m"), "share": 0.5}, "share="),
        (lambda o: {"switchback": sw.switchback(every="30m"), "slices": [o["orders"].city]}, "slices="),
    ],
)
def test_what_does_not_go_together_is_refused(words, changed, said):
    with pytest.raises(ShipwayError) as refused:
        declare(words, **changed(words))
    assert refused.value.code == "SW-106"
    assert said in f"{refused.value.fact} {refused.value.hint}"


@pytest.mark.parametrize(
    "make",
    [
        lambda: sw.answers(3),
        lambda: sw.answers("desk", differ=1.5),
        lambda: sw.answers("desk", differ="much"),
        lambda: sw.switchback(every="soon"),
        lambda: sw.switchback(every="30m", burn_in="30m"),
        lambda: sw.switchback(every=30),
    ],
)
def test_words_that_are_none_are_refused(make):
    with pytest.raises(ShipwayError) as refused:
        make()
    assert refused.value.code == "SW-106"
