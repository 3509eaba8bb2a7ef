"""The head of the page: what became of a service, with nothing credited to what did not do it."""

import msgspec

from shipway.app.report.life import show_life


def test_life_is_told_in_its_order(live, read):
    said = read(show_life(live)).said
    assert (
        "Service desk answered 1,500 requests from 2024-02-01 to 2024-03-31; it opened with version 1."
        " Version 2 was promoted on 2024-02-05."
        " Version 3 was taken back on 2024-02-06 because feature_lag <= 0.05: older in 485 of 500 requests."
        " Gates asked for 1 retrain (2024-03-12), and no version of them was promoted."
        " What was served keeps 78% of what a new version every month would have gained, and the first release alone"
        " keeps 73%."
    ) in said


def test_retrained_versions_are_told_with_their_retrain(live, read):
    retrain = msgspec.structs.replace(live.retrains[0], number=2, released="promoted")
    said = read(show_life(msgspec.structs.replace(live, retrains=(retrain,)))).said
    assert "Gates asked for 1 retrain (2024-03-12); of what they made, version 2 came into service." in said
    assert "Version 2 was promoted" not in said


def test_a_walk_that_goes_on_is_told_as_such(live, read):
    release = msgspec.structs.replace(live.releases[0], outcome="walking", ended="")
    said = read(show_life(msgspec.structs.replace(live, releases=(release,), retrains=()))).said
    assert "Version 2 has been on its walk since 2024-02-01." in said
    assert "retrain" not in said


def test_a_label_of_another_kind_is_said_with_its_code(live, read):
    said = read(show_life(msgspec.structs.replace(live, comparison=None, unlabelled="SW-403 the label is a class now")))
    assert "because feature_lag" in said.said
    assert said.said.count("SW-403 the label is a class now.") == 1
    assert "SW-403" not in read(show_life(live)).said


def test_tiles_hold_what_is_known(live, read):
    said = read(show_life(live)).said
    assert "Answers 1,500 1,000 have a label, 3 failed" in said
    assert "Vectors that differ from offline 0 of 997 served, to the bit" in said
    assert "Incidents 1 in 16 verdicts of live gates" in said
    assert "99% answered within 1.9 ms 1,518 requests a second" in said


def test_what_is_not_known_has_no_tile(live, read):
    timeline = msgspec.structs.replace(live.timeline, asked={}, spans=())
    bare = msgspec.structs.replace(live, server=None, served_audit=(), comparison=None, timeline=timeline)
    shown = read(show_life(bare))
    assert [value for name, value in shown.attributes if value == "tile"] == ["tile"]
    assert "keeps" not in shown.said
