"""How rules are put in order, and how near one is to its bound."""

import msgspec
import pytest


def test_rules_of_one_outcome_come_table_by_table_in_the_order_they_are_asked(judged, result):
    asked = [("fail", "b"), ("pass", "a"), ("fail", "a"), ("fail", "b"), ("hold", "b")]
    made = judged(*(result(outcome, table=table, text=f"{at}") for at, (outcome, table) in enumerate(asked)))
    assert [each.rule.text for each in made.select("fail")] == ["0", "3", "2"]
    assert [each.rule.text for each in made.select("hold")] == ["4"]


@pytest.mark.parametrize(
    ("op", "earlier", "value", "bound", "room"),
    [
        ("<=", (0.1, 0.2, 0.1), 0.45, 0.5, 0.125),
        (">=", (9.0, 8.0, 8.5, 8.0), 6.0, 5.0, 1 / 3.25),
        ("<=", (0.1, 0.1, 0.1), 0.0, 0.5, 1.25),
        ("<=", (0.1, 0.1), 0.45, 0.5, None),
        ("<=", (0.5, 0.5, 0.5), 0.5, 0.5, None),
    ],
)
def test_room_is_what_is_left_of_the_usual_distance_to_the_bound(result, op, earlier, value, bound, room):
    made = result("pass", value=value, bound=bound, earlier=earlier)
    made = msgspec.structs.replace(made, rule=msgspec.structs.replace(made.rule, op=op))
    assert made.room == (None if room is None else pytest.approx(room))


@pytest.mark.parametrize("outcome", ["fail", "hold"])
def test_a_rule_that_does_not_pass_has_no_room(result, outcome):
    assert result(outcome, value=0.6, bound=0.5, earlier=(0.1, 0.1, 0.1)).room is None


def test_versions_that_failed_are_no_part_of_what_is_usual(result, points):
    made = result("pass", value=0.4, bound=0.5, earlier=(0.1, 0.2, 0.3))
    failed = tuple(msgspec.structs.replace(point, outcome="fail") for point in points(2.0, 3.0))
    assert msgspec.structs.replace(made, history=(*failed, *made.history)).room == made.room


def test_data_waits_unless_it_is_on_main(judged):
    assert judged().waits
    assert not judged(branch="main").waits
