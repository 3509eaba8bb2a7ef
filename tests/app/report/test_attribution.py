"""What a reader sees of what a candidate listens to."""

from shipway.app.detail import AgreementData, AttributionData, Details, FeatureSize, ReasonPair
from shipway.app.report.attribution import show_reasons
from shipway.testing.fake.chart import PlainCharts


def heard(check: str, *asked: str, method: str = "tree") -> AttributionData:
    sizes = [
        FeatureSize(feature=f"view_f{at:02}", size=1 / (at + 1), low=0.0, high=1.0, asked=f"view_f{at:02}" in asked)
        for at in range(20)
    ]
    return AttributionData(
        check=check, said="12 % of it", method=method, unit="log-odds", baseline=-1.25, sizes=tuple(sizes)
    )


def test_sizes_are_drawn_once_with_the_baseline_they_start_from():
    details = Details(attributions=(heard("attribution(a)", "view_f01"), heard("attribution(b)", "view_f17")))
    shown = show_reasons(details, PlainCharts())
    assert shown is not None
    assert shown.text.count("<svg") == 1
    assert shown.text.index("attribution(a)") < shown.text.index("attribution(b)") < shown.text.index("<svg")
    assert "start from −1.2500: the mean over the rows of training as they lie in the leaves" in shown.text
    drawn, _, numbers = shown.text.partition("<details>")
    # The greatest, and what a gate asks about however small it is.
    assert "view_f11" in drawn
    assert "view_f16" not in drawn
    assert "view_f17" in drawn
    assert numbers.count("asked about") == 2
    assert "The 20 greatest in numbers" in numbers


def test_a_baseline_of_held_out_rows_is_called_one():
    shown = show_reasons(Details(attributions=(heard("c", method="sampled"),)), PlainCharts())
    assert shown is not None
    assert "the mean over held-out rows (interventional; orders of features are drawn)" in shown.text


def test_agreement_has_both_versions_feature_by_feature():
    pairs = (ReasonPair(feature="a_b", candidate_size=0.31, baseline_size=0.41),)
    made = AgreementData(check="reason_agreement()", said="80 %", baseline="version 1", unit="log-odds", pairs=pairs)
    shown = show_reasons(Details(agreements=(made,)), PlainCharts())
    assert shown is not None
    assert "version 1" in shown.text
    assert "−0.1000" in shown.text


def test_what_was_not_asked_or_could_not_be_measured_draws_nothing():
    assert show_reasons(Details(), PlainCharts()) is None
    none = AttributionData(
        check="c", said="no row has a label yet", method="exact", unit="probability", baseline=0.0, sizes=()
    )
    alone = AgreementData(check="r", said="nothing to disagree with", baseline="", unit="log-odds", pairs=())
    shown = show_reasons(Details(attributions=(none,), agreements=(alone,)), PlainCharts())
    assert shown is not None
    assert "No row has a label yet." in shown.text
    assert "<svg" not in shown.text
    assert "<table" not in shown.text
