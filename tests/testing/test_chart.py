import pytest

from shipway.adapters.altair.chart import AltairCharts
from shipway.testing.chart import CASES
from shipway.testing.fake import PlainCharts

both = pytest.mark.parametrize("make", [PlainCharts, AltairCharts])


@both
@pytest.mark.parametrize("case", CASES)
def test_charts_conform(case, make):
    case(make)


class _Changed:
    """Charts whose pictures are spoilt in one way."""

    def __init__(self, charts, old, new):
        self.charts = charts
        self.change = lambda picture: picture.replace(old, new)

    def lines(self, series, **how):
        return self.change(self.charts.lines(series, **how))

    def diagonal(self, series, **how):
        return self.change(self.charts.diagonal(series, **how))

    def bars(self, bars, **how):
        return self.change(self.charts.bars(bars, **how))


@both
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("</svg>", ""),
        ("</svg>", "<script/></svg>"),
        ("</svg>", '<image href="x.png"/></svg>'),
        ("<svg ", '<svg id="chart" '),
        ("<svg ", '<svg onload="go()" '),
        ("currentColor", "black"),
        ("viewBox", "view"),
        ("&lt;", "<"),
        ("</text>", "</text><!-- https://example.org -->"),
        (">AUC<", "><"),
    ],
)
def test_suite_catches_a_spoilt_picture(old, new, make):
    with pytest.raises((AssertionError, SyntaxError, KeyError)):
        [case(lambda: _Changed(make(), old, new)) for case in CASES]
