from shipway.app.report.override import collect_override, show_overrides
from shipway.core.override import Override
from shipway.core.projection import OverrideState

OVERRIDE = Override(
    gate="data",
    data="ab" * 32,
    failure="f",
    verdict="v",
    against=("has_rows(orders) >= 10",),
    by="ana",
    reason="<b>known</b>",
)
GIVEN = OverrideState(id=OVERRIDE.id, override=OVERRIDE, given_at=1)


def test_an_override_is_shown_with_what_was_trained_by_right_of_it():
    page = show_overrides((collect_override(GIVEN, ("delay@1", "delay@2")),)).text
    assert "Gate data on data:abababababab overridden by ana: &lt;b&gt;known&lt;/b&gt;." in page
    assert "has_rows(orders) &gt;= 10" in page
    assert "It does not count" not in page
    assert "Trained by right of it: delay@1, delay@2." in page


def test_who_revoked_it_is_said():
    revoked = OverrideState(
        id=OVERRIDE.id, override=OVERRIDE, given_at=1, revoked_at=2, revoked_by="ben", revoked_reason="wrong"
    )
    page = show_overrides((collect_override(revoked, ()),)).text
    assert "revoked by ben: wrong." in page
    assert "It does not count" in page
    assert "no version in this report" in page


def test_without_overrides_there_is_no_section():
    assert show_overrides(()) is None
