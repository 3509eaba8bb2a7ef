import msgspec
import pytest

from shipway.core.data_measure import Holds, Present, Unique
from shipway.core.measure import DecisionValue, Measure
from shipway.maths.expression import Column


def test_acting_pays_above_the_threshold():
    """At the threshold, acting and skipping cost the same on average."""
    value = DecisionValue(60, 25, 100, 5)
    p = value.threshold
    assert p * 60 + (1 - p) * 25 == pytest.approx(p * 100 + (1 - p) * 5)


@pytest.mark.parametrize(
    "measure",
    [
        DecisionValue(60.0, 25.0, 100.0),
        Holds("flights", Column("flights", "delay") > 3),
        Present("flights", "delay"),
        Unique("flights", ("month", "day")),
    ],
)
def test_a_measure_keeps_its_kind_in_json(measure):
    assert msgspec.json.decode(msgspec.json.encode(measure), type=Measure) == measure
