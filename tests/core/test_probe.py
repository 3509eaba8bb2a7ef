import pytest

from shipway import behaviours as b
from shipway.core.probe import describe_change, describe_expectation


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (b.add("price", -5), "price -5"),
        (b.scale("price", 1.5), "price times 1.5"),
        (b.put("price", 120), "price becomes 120"),
        (b.put("kind", "shoes"), "kind becomes shoes"),
        (b.swap("kind"), "another kind"),
        (b.shuffle("day"), "day of another row"),
        (b.shuffle("day", within="kind"), "day of another row with the same kind"),
        (b.lose("price"), "price missing"),
        (b.noise("price", 0.5), "price with noise of 0.5"),
        (b.exchange("name"), "another name"),
        (b.typo(), "typo"),
    ],
)
def test_a_change_is_said_in_a_few_words(change, said):
    assert describe_change(change) == said


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        (b.at_least(0.5), "every prediction is at least 0.5"),
        (b.between(0.1, 0.5), "every prediction is at least 0.1 and at most 0.5"),
        (b.says("a", "b"), "every answer is a or b"),
        (b.keeps_class(), "no answer changes its class"),
        (b.stays(0.1), "no prediction moves by more than 0.1"),
        (b.never_falls(0.01), "no prediction falls by more than 0.01"),
        (b.never_rises(0.01), "no prediction rises by more than 0.01"),
        (b.rises(0.1), "every prediction rises by at least 0.1"),
        (b.falls(0.1), "every prediction falls by at least 0.1"),
    ],
)
def test_an_expectation_is_said_in_a_clause(expect, said):
    assert describe_expectation(expect) == said
