"""What a service got, what others would have, and what is owed to which of them."""

import re

import msgspec
import pytest

from shipway.app.live.data import Score
from shipway.app.report.service import show_policies, show_server, show_weeks, write_share_kept

OVERCLAIMS = re.compile(r"prove|guarantee|significant|best|optimal|perfect|always|no risk|clearly|great", re.IGNORECASE)


def change(live, **fields):
    return msgspec.structs.replace(live, comparison=msgspec.structs.replace(live.comparison, **fields))


def test_weeks_are_drawn_and_listed(live, read, charts):
    shown = read(show_weeks(live, charts))
    assert shown.tags.count("figure") == 2
    assert "Of 1,500 answers 1,000 have a label known by 2024-04-02" in shown.said
    rows = shown.rows("Week from", "Answered by")
    assert rows[0][:6] == ["2024-02-01", "versions 1 (100), 2 (200)", "300", "250", "25.0%", "26.0%"]
    assert rows[0][6:] == ["0.700", "0.5000", "0.720", "0.4800", "0.730", "0.4700", "0.740", "0.4600"]
    assert rows[4] == ["2024-03-05", "version 2", "300", "0", *[""] * 10]


def test_weeks_without_a_label_are_left_out(live, charts):
    weeks = tuple(msgspec.structs.replace(week, scores={}, n=0) for week in live.weeks)
    assert show_weeks(msgspec.structs.replace(live, weeks=weeks), charts) is None


def test_one_week_is_a_table(live, read, charts):
    shown = read(show_weeks(msgspec.structs.replace(live, weeks=live.weeks[:1]), charts))
    assert "figure" not in shown.tags
    assert len(shown.rows("Week from")) == 1


def test_answers_that_no_policy_could_be_measured_on_are_counted(live, read, charts):
    said = read(show_policies(msgspec.structs.replace(live, labelled=1_002), charts)).said
    assert "2 labelled answers could not be predicted offline: the frame has no such row." in said
    assert "could not be predicted" not in read(show_policies(live, charts)).said


def test_the_first_release_gets_what_it_is_owed(live, read, charts):
    said = read(show_policies(live, charts)).said
    assert "All are measured on the same 1,000 labelled answers of 60 days." in said
    assert "gains 0.0141 over never (95 % interval +0.0069 to +0.0212)." in said
    assert "with 1 triggered retrain, keeps 78% of the monthly gain." in said
    assert (
        "Most of that is not owed to the trigger: the first release alone, with nothing retrained, keeps 73%." in said
    )
    assert "Of what that leaves to gain, retraining keeps 16%." in said
    assert "0.0032 more log loss than monthly (95 % interval +0.0005 to +0.0064)." in said
    assert "0.0006 less log loss than it (95 % interval −0.0024 to +0.0012: too little to tell the two apart)" in said
    assert not OVERCLAIMS.search(said)


def test_policies_stand_side_by_side(live, read, charts):
    rows = read(show_policies(live, charts)).rows("Takes a new version")
    assert [row[:5] for row in rows] == [
        ["never", "0", "0.4535", "0.750", "0%"],
        ["first release only", "1", "0.4432", "0.750", "73%"],
        ["as served", "2", "0.4426", "0.750", "78%"],
        ["monthly", "2", "0.4394", "0.750", "100%"],
    ]
    assert rows[0][5:7] == ["−0.0109", "−0.0178 to −0.0040"]
    assert rows[2][5:7] == ["", ""]


def test_retrains_are_listed_or_said_not_to_be(live, read, charts):
    shown = read(show_policies(live, charts))
    assert shown.rows("Asked for") == [
        ["2024-03-12", "gate calibration: too much", "version 4 failed its gates: auc >= 0.9"]
    ]
    said = read(show_policies(msgspec.structs.replace(live, retrains=()), charts)).said
    assert "No retrain was asked for." in said
    assert "with nothing retrained, keeps 78%" in said
    assert "retraining keeps" not in said
    assert "What retraining brought" not in said


def test_a_gain_that_may_be_nothing_is_called_so(live, read, charts):
    gain = msgspec.structs.replace(live.comparison.gain, low=-0.001)
    assert (
        "it may be nothing, so that shares of it say little"
        in read(show_policies(change(live, gain=gain), charts)).said
    )


def test_no_gain_leaves_nothing_to_keep(live, read, charts):
    none = {
        name: msgspec.structs.replace(getattr(live.comparison, name), share=None) for name in ("triggered", "first")
    }
    said = read(show_policies(change(live, left=None, **none), charts)).said
    assert "gains nothing over never changing, so there is no gain to keep." in said
    assert "keeps" not in said.replace("Keeps of the monthly gain", "")


def test_without_a_first_release_nothing_is_said_of_it(live, read, charts):
    said = read(show_policies(change(live, first=None, left=None), charts)).said
    assert "the first release" not in said
    assert "keeps 78%" in said


def test_a_smaller_part_of_the_first_release_is_told_otherwise(live, read, charts):
    first = msgspec.structs.replace(live.comparison.first, share=0.2)
    said = read(show_policies(change(live, first=first), charts)).said
    assert "Of the same gain the first release alone, with nothing retrained, keeps 20%." in said


def test_without_labels_there_is_nothing_to_compare(live, charts):
    assert show_policies(msgspec.structs.replace(live, comparison=None), charts) is None


@pytest.mark.parametrize(
    ("share", "written"), [(0.7749, "77%"), (1.0, "100%"), (-0.154, "−15%"), (0.0, "0%"), (1.2, "120%")]
)
def test_shares_of_a_gain_may_be_anything(share, written):
    assert write_share_kept(share) == written


def test_server_says_how_fast_it_was_and_what_it_held(live, read):
    said = read(show_server(live.server)).said
    assert "Requests a second 1,518 over 1 min 52 s" in said
    assert "Half took at most 0.54 ms" in said
    assert "99% took at most 1.93 ms" in said
    assert "1.48 GB" in said
    assert "1,500 answered, 3 of them not with a prediction" in said
    assert "99.9% took at most 7.20 ms, the slowest 41 ms" in said
    assert "Started again server 1 time" in said
    assert "controller" not in said
    assert "driver 612 MB, server 388 MB" in said
    assert "the replay was stopped" not in said


def test_a_replay_that_was_stopped_says_what_was_timed(live, read):
    server = msgspec.structs.replace(
        live.server,
        since="2024-03-01",
        restarts={},
        refused=0,
        p50_ms=None,
        p99_ms=None,
        p999_ms=None,
        together_mb=None,
    )
    said = read(show_server(server)).said
    assert "real times are of what was lived from 2024-03-01 on" in said
    assert "Started again nothing was" in said
    assert "1,500 answered, each with a prediction" in said
    assert "took at most" not in said


def test_no_replay_is_no_section():
    assert show_server(None) is None


def count(score):
    return Score(loss=40 * score.loss, root_mean_squared_error=60 * score.loss)


def test_a_number_is_told_by_its_error_in_its_unit(live, read, charts):
    weeks = tuple(
        msgspec.structs.replace(
            week,
            mean=None if week.mean is None else 12.3456,
            mean_p=None if week.mean is None else 13.0,
            scores={name: count(score) for name, score in week.scores.items()},
        )
        for week in live.weeks
    )
    policies = {
        name: msgspec.structs.replace(policy, score=count(policy.score))
        for name, policy in (("never", live.comparison.never), ("first", live.comparison.first),
                             ("triggered", live.comparison.triggered), ("monthly", live.comparison.monthly))
    }  # fmt: skip
    counted = change(msgspec.structs.replace(live, predicts="number", weeks=weeks), **policies)
    shown = read(show_weeks(counted, charts))
    (row, *_) = shown.rows("Week from", "Answered by")
    assert row[4:8] == ["12.35", "13", "30", "20"]
    assert shown.tags.count("figure") == 2
    page = str(show_weeks(counted, charts).text)
    assert "Root squared error by week (lower is better)" in page
    assert "Absolute error by week, in units of the label (lower is better)" in page
    assert "AUC" not in page
    assert "nats" not in page
    said = read(show_policies(counted, charts))
    assert f"Absolute error is {40 * live.comparison.triggered.score.loss:.4g} as served" in said.said
    assert "more absolute error than monthly" in said.said
    assert "og loss" not in str(show_policies(counted, charts).text)
