"""Rules that do not pass are shown in full, those that pass in a line, and those near their bounds by how near."""

import msgspec

from shipway.app.report.check.rule import show_near_rules, show_open_rules, show_passed_rules


def test_a_rule_that_fails_is_shown_with_its_rows_its_meaning_and_its_past(judged, read):
    shown = read(show_open_rules(judged(), "fail", anchor="x"))
    assert shown.tags.count("article") == 2
    assert "holds(orders.price > 0)" in shown.said
    assert "2 of 8 rows break it (25 %)." in shown.said
    assert "Measured 25.0% counted in full" in shown.said
    assert "bound <= 0%" in shown.said
    assert "Against it 2 8 rows looked at" in shown.said
    assert "Rows contradict what is taken for granted. " in shown.said
    assert "Look at the rows. " in shown.said
    assert shown.rows("order_id", "customer", "price")[:2] == [["17", "missing", "-1"], ["18", "␣␣a b", "-2.5"]]
    earlier = shown.rows("Judged", "Data")
    assert [row[0] for row in earlier] == ["now", "2024-01-02", "2024-01-01"]
    assert [row[2] for row in earlier] == ["✕ fail", "✓ pass", "✓ pass"]
    assert "now at the right" in shown.said


def test_rules_stand_under_their_tables(judged):
    text = show_open_rules(judged(), "fail", anchor="x").text
    places = [text.index(words) for words in (">orders</h3>", "holds(orders", ">shops</h3>", "unique(shops.name)")]
    assert places == sorted(places)
    assert show_open_rules(judged(), "pass", anchor="x") is not None


def test_what_was_not_measured_has_no_number(judged, read):
    shown = read(show_open_rules(judged(), "hold", anchor="x"))
    assert "There was nothing to measure. " in shown.said
    assert "Measured" not in shown.said
    assert shown.tables == []


def test_gates_are_named_where_there_are_several(judged):
    assert "gate data" not in show_open_rules(judged(), "fail", anchor="x").text
    assert (
        "gate data" in show_open_rules(judged(outcomes=(("data", "fail"), ("more", "pass"))), "fail", anchor="x").text
    )


def test_rules_that_pass_are_folded_by_table_a_line_each(judged, read):
    shown = read(show_passed_rules(judged(), anchor="pass"))
    assert shown.tags.count("details") == 2
    assert ("open", None) not in shown.attributes
    assert "shops : 1 rule ✓ pass" in shown.said
    assert [value for name, value in shown.attributes if name == "id"] == ["pass-shops", "pass-orders"]


def test_rules_near_their_bounds_come_nearest_first(judged, result, read):
    far = result("pass", text="far", value=0.2, bound=0.5, earlier=(0.1, 0.2, 0.1))
    near = result("pass", text="near", value=0.45, bound=0.5, earlier=(0.1, 0.2, 0.1))
    nearest = result("pass", text="nearest", value=0.49, bound=0.5, earlier=(0.1, 0.2, 0.1))
    rows = read(show_near_rules(judged(near, far, nearest))).rows("", "Rule and what was seen")
    assert [(row[1].removesuffix("2 of 8 rows break it (25 %)"), row[-1]) for row in rows] == [
        ("nearest", "2.5%"),
        ("near", "12.5%"),
    ]


def test_where_no_rule_came_out_so_there_is_nothing(judged, result):
    passing = judged(result("pass", value=0.0))
    assert show_open_rules(passing, "fail", anchor="x") is None
    assert show_near_rules(passing) is None
    assert show_passed_rules(judged(result("fail")), anchor="pass") is None


def test_a_rule_that_is_declared_no_more_is_shown_without_a_bound(judged, result, read):
    old = result("fail", table="")
    old = msgspec.structs.replace(old, rule=msgspec.structs.replace(old.rule, op=None), history=())
    shown = read(show_open_rules(judged(old), "fail", anchor="x"))
    assert "Rules that are not declared any more" in shown.said
    assert "bound" not in shown.said
