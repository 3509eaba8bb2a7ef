from shipway.app.report.maturity import show_maturity
from shipway.core.maturity import Bias, Maturity
from shipway.kit.duration import HOUR

WHOLE = Maturity(
    asked=1_000,
    labelled=600,
    expected=900.0,
    share=2 / 3,
    low=0.64,
    high=0.69,
    identified=True,
    never=0.1,
    median_us=3 * HOUR,
    p99_us=8 * HOUR,
    rows=20_000,
    judged_at=0,
    bias=(
        Bias(of="label rate", seen=0.2, corrected=0.25, low=0.22, high=0.28, within_us=3 * HOUR, early=0.1,
             difference=-0.15, difference_low=-0.2, difference_high=-0.1),
        Bias(of="log loss", seen=0.4, why="no row was followed for the 8h that labels take"),
    ),
)  # fmt: skip


def replace(**changes):
    return Maturity(**({name: getattr(WHOLE, name) for name in WHOLE.__struct_fields__} | changes))


def test_what_has_come_and_how_it_leans_is_said():
    page = show_maturity(WHOLE).text
    assert "66.7" in page
    assert "600 of 900 expected among 1,000 predictions" in page
    assert "Half of the labels take no longer than 3h, 99 % of them 8h." in page
    assert "early: within 3h" in page
    assert "no row was followed for the 8h that labels take" in page


def test_what_cannot_be_known_is_said():
    assert "followed for long enough" in show_maturity(replace(identified=False)).text
    assert "<table" not in show_maturity(replace(labelled=0, bias=(), median_us=None, p99_us=None)).text


def test_nothing_asked_is_no_section():
    assert show_maturity(None) is None
    assert show_maturity(replace(asked=0)) is None


def test_a_number_leans_in_its_unit():
    bias = (
        Bias(of="label mean", seen=12.34567, corrected=15.5, low=14.25, high=1_234.0),
        Bias(of="absolute error", seen=3.5),
    )
    page = show_maturity(replace(bias=bias)).text
    for said in ("12.35", "15.5", "14.25 to 1,234", "absolute error", "3.5"):
        assert said in page
    assert "12.3457" not in page
