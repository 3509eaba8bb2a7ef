"""The audit of skew: nothing is found where nothing is wrong, and every kind of fault is named by its cause."""

import msgspec
import numpy as np
import polars as pl
import pytest
from tests.app.skew.conftest import CODE, DAYS, START, events_of, read

from shipway.app.skew import audit_features
from shipway.kit.duration import DAY, HOUR, MINUTE
from shipway.testing.refusal import expect_refusal


def audit(service, **options):
    (found,) = audit_features(service.project, "desk", last_us=DAY, until=service.end, **options)
    return found


def causes(found):
    """Return the most probable cause of each feature that differs."""
    return {each.column: each.causes[0] for each in found.columns}


def test_what_was_served_right_has_no_skew(service):
    service.serve()
    found = audit(service)
    assert (found.compared, found.differing, found.unmatched, found.columns) == (360, 0, 0, ())
    assert (found.version, found.features, found.served, found.skewed) == ("late@1", 5, 360, False)
    assert (found.share, found.low) == (0.0, 0.0)
    assert 0 < found.high < 0.02


def test_stale_features_are_named_with_how_late_they_are(service):
    service.serve(lambda _, events, at: read(events, at - 12 * MINUTE) | {"shop_since": read(events, at)["shop_since"]})
    named = causes(audit(service))
    assert set(named) == {"shop_sold_1d", "shop_spent_6h", "shop_newest"}
    for cause in named.values():
        assert (cause.kind, cause.share) == ("stale", 1.0)
        assert cause.said.startswith("as it was 12m earlier")


def test_lag_between_the_usual_ones_is_found_to_a_few_per_cent(service):
    service.serve(lambda _, events, at: read(events, at - 39 * MINUTE) | {"shop_since": read(events, at)["shop_since"]})
    cause = causes(audit(service))["shop_spent_6h"]
    assert (cause.kind, cause.share) == ("stale", 1.0)
    assert 36 <= int(cause.said.removeprefix("as it was ").split("m")[0]) <= 40


def test_events_that_were_not_applied_yet_are_told_from_a_stale_value(service):
    def look(_, events, at):
        return read([each for each in events if each.placed <= at - 2 * HOUR], at)

    service.serve(look)
    cause = causes(audit(service))["shop_spent_6h"]
    assert (cause.kind, cause.share) == ("not applied", 1.0)
    assert cause.said == "events of the last 2h were not applied yet"


def pick(service, shop="b"):
    """Return an event of a shop from the middle of the last day."""
    day = [each for each in service.events[shop] if each.placed > START + (DAYS - 1) * DAY + 8 * HOUR]
    return day[0]


def test_event_that_was_lost_is_named(service):
    lost = pick(service)
    service.serve(lambda _, events, at: read([each for each in events if each.id != lost.id], at))
    named = causes(audit(service))
    for column in ("shop_sold_1d", "shop_spent_6h"):
        assert (named[column].kind, named[column].share) == ("event missing", 1.0)
    assert f"event {lost.id} of orders.placed was not applied" in named["shop_spent_6h"].said


def test_event_that_was_applied_twice_is_named(service):
    twice = pick(service)
    service.serve(lambda _, events, at: read([*events, *(each for each in events if each.id == twice.id)], at))
    cause = causes(audit(service))["shop_spent_6h"]
    assert (cause.kind, cause.share) == ("event twice", 1.0)
    assert f"event {twice.id} of orders.placed was applied twice" in cause.said


def test_entity_that_was_not_materialised_is_named(service):
    service.serve(lambda shop, events, at: read([] if shop == "d" else events, at))
    named = causes(audit(service))
    assert {cause.kind for cause in named.values()} == {"not materialised"}
    assert set(named) == {"shop_sold_1d", "shop_spent_6h", "shop_newest", "shop_since"}


def test_single_precision_is_named(service):
    def look(_, events, at):
        vector = read(events, at)
        return vector | {"shop_spent_6h": float(np.float32(vector["shop_spent_6h"]))}

    service.serve(look)
    found = audit(service)
    (each,) = found.columns
    assert (each.column, each.causes[0].kind, each.causes[0].share) == ("shop_spent_6h", "precision", 1.0)
    assert each.largest < 1e-3


def test_row_that_was_corrected_since_is_named_with_the_commit(service, orders):
    service.serve()
    wrong = pick(service).id
    corrected = orders.with_columns(pl.when(pl.col("id") == wrong).then(99.5).otherwise(pl.col("price")).alias("price"))
    service.commit(corrected)
    found = audit(service)
    named = causes(found)
    with service.desk.workspace() as workspace:
        commit = workspace.main_commit().id[:7]
    assert (named["shop_spent_6h"].kind, named["shop_spent_6h"].share) == ("correction", 1.0)
    assert commit in named["shop_spent_6h"].said
    assert named["basket_price"].kind == "correction"


@pytest.mark.parametrize(
    ("factor", "said"), [(60, "60 times as much"), (1 / 1000, "a 1000th of it"), (2.5, "2.5 times")]
)
def test_factor_of_a_unit_is_named(service, factor, said):
    def look(_, events, at):
        vector = read(events, at)
        return vector | {"shop_spent_6h": vector["shop_spent_6h"] * factor}

    service.serve(look)
    cause = causes(audit(service))["shop_spent_6h"]
    assert (cause.kind, cause.share) == ("unit", 1.0)
    assert said in cause.said


def test_constant_shift_is_named(service):
    def look(_, events, at):
        vector = read(events, at)
        return vector | {"shop_since": None if vector["shop_since"] is None else vector["shop_since"] + 300}

    service.serve(look)
    cause = causes(audit(service))["shop_since"]
    assert (cause.kind, cause.share, cause.said) == ("shift", 1.0, "300 more in every row")


def test_other_window_is_named(service):
    service.serve(lambda _, events, at: read(events, at, sold_us=2 * DAY))
    (each,) = audit(service).columns
    assert (each.column, each.causes[0].kind, each.causes[0].share) == ("shop_sold_1d", "window", 1.0)
    assert each.causes[0].said == "a window of 2d"


def test_definition_of_another_version_is_named(service):
    (service.desk.root / "project.py").write_text(CODE.replace("placed.price, last", "placed.price * 2, last"))
    with service.desk.workspace() as workspace:
        service.desk.register(workspace)

    def look(_, events, at):
        vector = read(events, at)
        return vector | {"shop_spent_6h": vector["shop_spent_6h"] * 2}

    service.serve(look)
    (each,) = audit(service).columns
    assert each.causes[0].kind == "definition"
    assert "the project's file" in each.causes[0].said


def test_value_that_was_not_served_is_named(service):
    service.serve(lambda _, events, at: read(events, at) | {"shop_spent_6h": None})
    (each,) = audit(service).columns
    assert (each.causes[0].kind, each.causes[0].share, each.largest) == ("absent", 1.0, None)
    assert (each.online, each.rows) == (None, 360)


def test_two_faults_are_both_told_with_their_shares(service):
    def look(shop, events, at):
        return read([] if shop == "d" else events, at - (30 * MINUTE if shop == "a" else 0))

    service.serve(look)
    each = next(each for each in audit(service).columns if each.column == "shop_spent_6h")
    shares = {cause.kind: cause.share for cause in each.causes}
    assert 0.2 < shares["stale"] < 0.8
    assert 0.2 < shares["not materialised"] < 0.8


def test_difference_that_nothing_explains_is_unknown(service):
    random = np.random.default_rng(1)
    service.serve(lambda _, events, at: read(events, at) | {"shop_spent_6h": random.normal()})
    (each,) = audit(service).columns
    assert (each.causes[0].kind, each.causes[0].rows, each.causes[0].tested) == ("unknown", 0, 360)


def test_first_example_and_sizes_are_those_of_the_rows(service):
    service.serve(lambda _, events, at: read(events, at) | {"shop_sold_1d": read(events, at)["shop_sold_1d"] + at % 7})
    (each,) = audit(service).columns
    wrong = [
        (row, at % 7)
        for row, at in service.orders.select("id", pl.col("placed").to_physical()).tail(360).iter_rows()
        if at % 7
    ]
    assert (each.rows, each.row) == (len(wrong), str(wrong[0][0]))
    assert (each.largest, each.median) == (max(size for _, size in wrong), np.median([size for _, size in wrong]))
    assert each.online - each.offline == wrong[0][1]


def test_sample_is_drawn_by_its_seed(service):
    service.serve(lambda _, events, at: read(events, at) | {"shop_newest": float(at % 1_000)})
    first, again, other = (audit(service, sample=40, seed=seed) for seed in (1, 1, 2))
    assert msgspec.json.encode(first) == msgspec.json.encode(again)
    assert first.compared == other.compared == 40
    assert first.columns[0].row != other.columns[0].row


def test_rows_that_main_does_not_have_are_told_and_not_counted(service, orders):
    service.serve()
    service.commit(orders.filter(pl.col("id") != orders["id"][-1]))
    found = audit(service)
    assert (found.compared, found.unmatched, found.differing) == (359, 1, 0)
    assert found.unmatched_rows == (str(orders["id"][-1]),)


def test_window_without_an_answer_is_refused(service):
    service.serve()
    with expect_refusal("SW-401"):
        audit_features(service.project, "desk", last_us=HOUR, until=START + DAY)
    with expect_refusal("SW-104"):
        audit_features(service.project, "dsk", last_us=HOUR)


def test_events_of_each_shop_are_the_orders(service, orders):
    assert sum(len(events) for events in events_of(orders).values()) == orders.height


def test_command_fails_beyond_the_bound_and_names_the_cause(service, shipway):
    service.serve(lambda shop, events, at: read([] if shop == "d" else events, at))
    words = ("features", "audit", "desk", "--last", "24h", "--until", "2020-01-05T00:00:00")
    answer = shipway(*words, cwd=service.desk.root)
    assert answer.code == 1
    assert "the entity has no events in the online store" in answer.out
    assert shipway(*words, "--bound", "1", cwd=service.desk.root).code == 0
    document = shipway(*words, "--sample", "50", "--json", cwd=service.desk.root).document
    assert document[0]["now"] == "2020-01-05T00:00:00Z"
    assert document[0]["compared"] == 50
    assert shipway("features", "audit", "desk", "--last", "soon", cwd=service.desk.root).code == 2
