"""The word for what is measured prints back as written, and refuses what no unit has a value of."""

import pytest

import shipway as sw
from shipway import windows as w
from shipway.core.error import ShipwayError
from shipway.core.experiment import effect_of
from shipway.core.registry import collecting


class World:
    """A shop's orders, a habit of its customers, and an experiment on them."""

    def __init__(self):
        @sw.source(key="order", raw="orders", known_at={"placed": ("customer", "price")})
        def orders(orders):
            return orders

        self.orders, self.placed = orders, orders.event("placed")
        self.customer = sw.entity("customer")
        spent = {"spent_28d": w.total(self.placed.price, last="28d")}
        self.habit = sw.feature_view("habit", self.customer, spent)
        self.spent = w.total(self.placed.price, last="7d")
        self.count = w.count(self.placed, last="7d")

    def ask(self, metric=None, guardrails=()):
        metric = sw.effect("spent", self.spent) if metric is None else metric
        return sw.experiment(
            "fares",
            unit=self.customer,
            exposed=self.placed,
            variants=["control", "new"],
            metrics=[metric],
            guardrails=guardrails,
        )

    def rare(self, **given):
        return sw.effect("returns", self.count > 0, rare=True, **given)


@pytest.fixture
def world():
    with collecting():
        yield World()


def test_an_effect_prints_back_as_it_was_written(world):
    given = sw.effect(
        "basket", world.spent, over=world.count, covariates=[world.habit.spent_28d], cap=500, relative=False, detect=0.5
    )
    assert given.text == (
        'effect("basket", w.total(orders.placed.price, last="7d"), over=w.count(orders.placed, last="7d"), '
        "covariates=[habit.spent_28d], cap=500, relative=False, detect=0.5)"
    )
    assert world.rare(detect=0.5).text == (
        'effect("returns", w.count(orders.placed, last="7d") > 0, rare=True, detect=0.5)'
    )
    kinds = [sw.effect("a", world.spent), given, sw.effect("q", world.spent, quantile=0.9), world.rare()]
    assert [each.measure.kind for each in kinds] == ["mean", "ratio", "quantile", "rare"]
    rate = sw.effect("bought", world.count > 0) > 0.01
    assert effect_of(rate).width_us == 7 * 86_400_000_000


def test_a_rare_event_is_a_goal_with_an_effect_or_a_guardrail_with_a_margin(world):
    noun = world.ask(world.rare(detect=0.5) < 0, [sw.effect("big", world.spent > 900, rare=True) <= 1])
    assert [effect_of(rule).kind for rule in noun.rules] == ["rare", "rare"]


REFUSED = {
    "mean": (lambda s: sw.effect("a", w.mean(s.placed.price, last="7d")), "SW-106", "totals"),
    "outside": (lambda s: sw.effect("a", s.orders.price), "SW-106", "w.total"),
    "no window": (lambda s: sw.effect("a", s.habit.spent_28d), "SW-106", "window"),
    "two widths": (lambda s: sw.effect("a", s.count + w.count(s.placed, last="8d")), "SW-106", "one width"),
    "two sides": (lambda s: sw.effect("a", s.count, over=w.count(s.placed, last="8d")), "SW-106", "both one"),
    "ratio and quantile": (lambda s: sw.effect("a", s.count, over=s.count, quantile=0.5), "SW-106", "drop"),
    "two caps": (lambda s: sw.effect("a", s.count, cap=1, winsorise=0.9), "SW-106", "drop"),
    "covariates of a quantile": (
        lambda s: sw.effect("a", s.count, quantile=0.5, covariates=[s.habit.spent_28d]), "SW-106", "drop"
    ),
    "quantile": (lambda s: sw.effect("a", s.count, quantile=1.0), "SW-106", "between 0 and 1"),
    "detect": (lambda s: sw.effect("a", s.count, detect=-1), "SW-106", "without a sign"),
    "rare count": (lambda s: sw.effect("a", s.count, rare=True), "SW-106", "> 0: the units"),
    "rare ratio": (lambda s: sw.effect("a", s.count > 0, over=s.count, rare=True), "SW-106", "drop over="),
    "rare cap": (lambda s: s.rare(cap=1), "SW-106", "drop cap="),
    "rare and sharpened": (lambda s: s.rare(covariates=[s.habit.spent_28d]), "SW-106", "drop covariates="),
    "rare difference": (lambda s: s.rare(relative=False), "SW-106", "how many times as often"),
    "rare goal without a size": (lambda s: s.ask(s.rare() < 0), "SW-106", "detect=0.5"),
    "rare goal below never": (lambda s: s.ask(s.rare(detect=1.5) < 0), "SW-106", "half as often"),
    "rare goal below a bound": (lambda s: s.ask(s.rare(detect=0.6) < -0.5), "SW-106", "detect=0.25 for half as"),
    "rare goal far below a rise": (lambda s: s.ask(s.rare(detect=1.5) < 0.2), "SW-106", "detect=0.6 for half as"),
    "rare bound below never": (lambda s: s.ask(s.rare(detect=0.5) > -1.5), "SW-106", "-0.5 half as often"),
    "rare guardrail without a margin": (lambda s: s.ask(guardrails=[s.rare() <= 0]), "SW-106", "twice as often"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", REFUSED)
def test_what_cannot_be_measured_is_refused_with_a_way_on(world, mistake):
    declare, code, hint = REFUSED[mistake]
    with pytest.raises(ShipwayError) as refused:
        declare(world)
    assert refused.value.code == code
    assert hint in f"{refused.value.fact} {refused.value.hint}"
