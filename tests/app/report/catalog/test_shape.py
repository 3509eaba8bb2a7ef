"""Small drawings of how values are spread."""

import pytest

from shipway.app.report.catalog.number import write_short
from shipway.app.report.catalog.shape import draw_shape
from shipway.core.statistic import LEVELS, ColumnStatistic


def test_numbers_are_bars_with_a_median():
    quantiles = tuple(float(place) for place in range(len(LEVELS)))
    it = ColumnStatistic(column="x", rows=9, missing=0, distinct=9, quantiles=quantiles, bars=(1, 0, 3, 5))
    drawn = draw_shape(it).text
    assert drawn.count("<rect") == 3
    assert 'class="median"' in drawn
    assert "98 % of the values lie from 0 to 6, half of them up to 3" in drawn


def test_texts_are_bars_by_how_common_they_are():
    drawn = draw_shape(ColumnStatistic(column="c", rows=4, missing=0, distinct=2, common=(("a", 3), ("b", 1)))).text
    assert "a 75%, b 25%" in drawn
    assert drawn.count("<rect") == 2


def test_nothing_is_drawn_of_nothing():
    assert draw_shape(None) is None
    assert draw_shape(ColumnStatistic(column="x", rows=3, missing=3, distinct=0)) is None


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"),
        (0.0, "0"),
        (3.0, "3"),
        (1234.0, "1,234"),
        (0.12345, "0.1235"),
        (12345.67, "12,346"),
        (1.5e12, "1.5e+12"),
    ],
)
def test_numbers_are_short(value, said):
    assert write_short(value) == said
