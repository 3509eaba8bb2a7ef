"""A behavioural test without a case says why, and versions are told in words that need no other page."""

from shipway.app.depth import BehaviourData, TrialData
from shipway.app.report.depth import show_behaviours
from shipway.app.report.scale import SCALES


def test_a_change_without_a_case_says_why(read):
    why = "no row is 'locker', and no version learned it"
    trial = TrialData(change="price + 1", n=0, mean_change=None, share_violating=None, said=why)
    shown = read(show_behaviours([BehaviourData(name="dearer", expects="no prediction falls", trials=(trial,))]))
    assert shown.rows("Change", "Rows") == [["price + 1", why, "", ""]]


def test_how_far_off_on_average_is_said_of_each_kind():
    assert {kind: scale.gap for kind, scale in SCALES.items()} == {
        "condition": "Mean prediction less rate",
        "number": "Mean prediction less mean",
        "class": "Mean confidence less how often it was right",
    }
