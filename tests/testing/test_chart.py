import pytest

from shipway.adapters.altair.chart import AltairCharts
from shipway.testing.chart import CASES


@pytest.mark.parametrize("case", CASES)
def test_altair_conforms(case):
    case(AltairCharts)


class _Changed:
    """Charts whose pictures are spoilt in one way."""

    def __init__(self, old, new):
        self.change = lambda picture: picture.replace(old, new)

    def lines(self, series, **how):
        return self.change(AltairCharts().lines(series, **how))

    def diagonal(self, series, **how):
        return self.change(AltairCharts().diagonal(series, **how))


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
def test_suite_catches_a_spoilt_picture(old, new):
    with pytest.raises((AssertionError, SyntaxError, KeyError)):
        [case(lambda: _Changed(old, new)) for case in CASES]
