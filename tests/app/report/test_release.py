"""The section on releases: every walk, and nothing that did not happen."""

import msgspec

from shipway.app.report.release import show_releases


def test_walks_are_told_with_their_steps_and_ends(live, read):
    shown = read(show_releases(live))
    assert "Version 2 against version 1 ✓ promoted" in shown.said
    assert "Release desk/1, 2024-02-01 to 2024-02-05. Promoted: all 5 rules pass at the last step." in shown.said
    assert "shadow 2d 2024-02-01 to 2024-02-03 ✓ pass held once before" in shown.said
    assert "100 %, promoted since 2024-02-05" in shown.said
    assert "Version 3 against version 2 ✕ taken back" in shown.said
    assert "Taken back because feature_lag <= 0.05: older in 485 of 500 requests." in shown.said
    assert "abc~6h" in shown.said
    assert shown.said.count("not come to") == 2
    assert shown.tags.count("li") == 6


def test_evidence_is_there_on_demand(live, read):
    shown = read(show_releases(live))
    assert [row[2] for table in shown.tables for row in table[1:]] == ["97.0%96.0% to 98.0%"] * 2
    assert shown.tags.count("svg") == 2
    assert shown.said.count("The evidence at each step") == 2


def test_a_release_on_its_walk_has_not_ended(live, read):
    steps = (msgspec.structs.replace(live.releases[0].steps[0], until="", lasted="", outcome="hold", held=3),)
    walking = msgspec.structs.replace(
        live.releases[0], outcome="walking", ended="", reason="", steps=(*steps, *live.releases[1].steps[1:])
    )
    said = read(show_releases(msgspec.structs.replace(live, releases=(walking,)))).said
    assert "‖ on its walk" in said
    assert "since 2024-02-01. It has not ended." in said
    assert "shadow now since 2024-02-01 ‖ hold held 3 times before" in said
    assert "promoted" not in said


def test_a_service_without_a_release_says_so(live, read):
    shown = read(show_releases(msgspec.structs.replace(live, releases=())))
    assert shown.said == "No other version was tried: version 1 answers since the service was opened."


def test_what_a_release_says_is_escaped(live, read, hostile):
    release = msgspec.structs.replace(live.releases[1], reason=hostile, id=hostile, online=hostile)
    shown = read(show_releases(msgspec.structs.replace(live, releases=(release,))))
    assert hostile in "".join(shown._words)
    assert not {"script", "img"} & set(shown.tags)
