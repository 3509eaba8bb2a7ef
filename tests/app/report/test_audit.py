"""The audits of features: counts as they are, values with all their digits."""

import msgspec

from shipway.app.report.audit import show_drift, show_skew


def test_what_was_served_and_what_was_on_trial_are_counted_apart(live, read):
    shown = read(show_skew(live))
    assert (
        "0 of 997 vectors that were served differ from the offline frame. 3 answers could not be compared."
        in shown.said
    )
    assert shown.rows("", "Vectors") == [
        ["versions 1, 2, servedstore abc", "1,000", "997", "0", "2", "1", "12"],
        ["version 3, on trial, release desk/2store abc~6h", "100", "100", "90", "0", "0", "12"],
    ]


def test_features_that_differ_are_shown_with_all_their_digits(live, read):
    shown = read(show_skew(live))
    assert "90 of 100 vectors differ (90.0%), in 3 of 12 features." in shown.said
    assert shown.rows("Feature", "Rows that differ") == [
        ["org_n_1h", "90", "90.0%", "7/8", "12.5", "11"],
        ["org_mean_1h", "3", "3.0%", "7/9", "0.1", "0.10000000000000003"],
        ["org_last", "1", "1.0%", "7/9", "missing", "late"],
    ]


def test_many_features_are_folded(live, read):
    column = live.shadow_audit[0].columns[0]
    columns = tuple(msgspec.structs.replace(column, column=f"f{place}") for place in range(12))
    audit = msgspec.structs.replace(live.shadow_audit[0], columns=columns)
    shown = read(show_skew(msgspec.structs.replace(live, shadow_audit=(audit,))))
    assert [len(table) - 1 for table in shown.tables[1:]] == [10, 12]
    assert "All 12 features that differ" in shown.said


def test_nothing_compared_is_not_called_equal(live, read):
    audit = msgspec.structs.replace(live.served_audit[0], compared=0, unlogged=1_000)
    said = read(show_skew(msgspec.structs.replace(live, served_audit=(audit,), shadow_audit=()))).said
    assert "Nothing that was served could be compared." in said
    assert "0 of 0" not in said
    assert show_skew(msgspec.structs.replace(live, served_audit=(), shadow_audit=())) is None


def test_drift_says_how_much_and_what_it_does_not_say(live, read):
    shown = read(show_drift(live))
    assert "500 vectors of 2024-03-03 to 2024-03-31 against the 9,000 rows that version 2 learned from." in shown.said
    assert "11 of 14 features moved by more than 0.25 beyond chance" in shown.said
    assert "does not say that predictions are worse" in shown.said
    top, everything = shown.tables
    assert top[1] == ["f0", "3.000", "0.0010", "0.50", "10.0%", "0%"]
    assert top[2][3] == ""
    assert (len(top), len(everything)) == (11, 15)
    assert show_drift(msgspec.structs.replace(live, drift=None)) is None


def test_names_of_features_and_values_are_escaped(live, read, hostile):
    column = msgspec.structs.replace(live.shadow_audit[0].columns[2], column=hostile, row=hostile, offline=hostile)
    audit = msgspec.structs.replace(live.shadow_audit[0], columns=(column,), online=hostile)
    shown = read(show_skew(msgspec.structs.replace(live, shadow_audit=(audit,))))
    assert shown.rows("Feature")[0][0] == hostile
    assert not {"script", "img"} & set(shown.tags)
