import msgspec
import polars as pl
import pytest

import shipway
from shipway.core.candidate import auc
from shipway.core.check import Rule, natural_rule
from shipway.core.data_check import (
    correlation,
    distinct,
    fresh,
    fullest_day,
    gaps,
    has_columns,
    has_rows,
    holds,
    label_rate,
    mean,
    past,
    present,
    quantile,
    readable,
    refers,
    rule,
    share,
    shift,
    thinnest_day,
    timely,
    unique,
    unseen,
    vanished,
)
from shipway.core.data_measure import (
    Custom,
    DataMeasure,
    Holds,
    Mean,
    Reference,
    Shift,
    Timely,
    reads_clock,
    reads_main,
    tables_of,
)
from shipway.core.error import ShipwayError
from shipway.core.feature import Label, Source
from shipway.data.translation import to_polars
from shipway.kit.duration import DAY, HOUR
from shipway.maths.expression import Aggregate, Column

flights = Source(
    "flights",
    ("key", "origin"),
    ("flights",),
    {"always": ("dest", "dep_delay", "distance", "name", "published"), "landed": ("arr_delay",)},
)
weather = Source("weather", ("origin",), ("weather",), {"always": ("temp",), "observed": ()})
airports = Source("airports", ("faa",), ("airports",), {"always": ("name",)})
late = Label("late", flights.event("landed").arr_delay > 15)
NAMES = {name: getattr(shipway, name) for name in shipway.__all__} | {
    "flights": flights, "weather": weather, "airports": airports, "late": late,
}  # fmt: skip

WRITTEN = [
    'has_columns(flights, origin="text", arr_delay="float")',
    'has_columns(flights, **{"tail num": "text"})',
    'has_columns(flights, table="text")',
    "holds((flights.dep_delay > -60) & (flights.dep_delay < 3000))",
    'holds(flights.dest.is_in("ATL", "ORD")) <= 0.01',
    'holds(flights["key"] >= 0)',
    'holds(flights["name"].differs("x\\"y\\\\"))',
    "holds(~flights.dest.is_null())",
    "holds((-flights.dep_delay).is_null())",
    'holds(flights.landed - "1h" < flights.landed)',
    "present(flights.dest)",
    'present(flights["name"]) <= 0.03',
    'unique(flights["key"], flights.origin)',
    'fresh(flights.landed, within="24h")',
    'fresh(flights.landed, within="1d 2h")',
    'holds(flights.dest.matches("[A-Z]{3}"))',
    "holds(flights.dest.length() <= 3)",
    "holds(flights.dest.same_as(flights.origin))",
    'readable(flights["name"])',
    "refers(flights.dest, airports.faa) <= 0.03",
    'refers((flights.origin, flights.dest), (airports.faa, airports["name"]))',
    'rule("short", flights, "dep_delay < 100")',
    'fresh(weather.observed, within="6h", per=weather.origin)',
    'fresh(weather.observed, within="6h", per=(weather.origin, weather.temp), support_rows=20)',
    'fresh(flights.landed, within="6h").on("new")',
    "past(flights.landed)",
    'gaps(weather.observed, every="1h", per=weather.origin) <= 3',
    'gaps(weather.observed, every="1h").on("new")',
    "thinnest_day(flights.landed) >= 0.5",
    'fullest_day(flights.landed - "5h").on("new") <= 1.5',
    'fullest_day(flights.landed - "5h").on("new").against("main") <= 1.5',
    "mean(flights.distance) >= 900",
    "mean(flights.distance, by=flights.landed) >= 900",
    'mean(flights.distance).on("new").against("main") <= 0.2',
    'share(flights.arr_delay > 15, by=flights.landed - "5h").against("main", last="90d") <= 0.1',
    'share(flights.arr_delay.is_null()).on("new") <= 0.05',
    "label_rate(late) > 0",
    "label_rate(late, by=flights.landed) < 1",
    'timely(late, asked=flights.published - "2h")',
    "quantile(flights.arr_delay, 0.99) <= 300",
    'quantile(flights.arr_delay, 0.5, by=flights.landed).against("main", last="30d", ago="52w") <= 0.5',
    "distinct(flights.dest) >= 90",
    "distinct(flights.origin, flights.dest, by=flights.landed) >= 90",
    'correlation(flights.distance, flights.arr_delay).on("new") >= 0.9',
    'has_rows(flights, by=flights.landed).on("new").against("main", last="30d") >= -0.3',
    'has_rows(flights).against("main") >= 0',
    'shift(weather.temp).on("new") <= 1',
    'shift(weather.temp, by=weather.observed).on("new").against("main", last="45d") <= 2.5',
    'unseen(flights.dest).on("new") <= 0.01',
    'vanished(flights.origin).on("new")',
    'vanished(flights.origin, share=0.05, by=flights.landed).on("new").against("main", last="30d")',
]


@pytest.mark.parametrize("text", WRITTEN)
def test_a_rule_prints_back_as_it_was_written(text):
    found = eval(text, NAMES)
    asked = found if isinstance(found, Rule) else natural_rule(found)
    assert str(asked) == asked.text == text
    again = eval(str(asked), NAMES)
    assert (again if isinstance(again, Rule) else natural_rule(again)) == asked


@pytest.mark.parametrize("text", WRITTEN)
def test_a_rule_travels_as_json(text):
    found = eval(text, NAMES)
    assert msgspec.json.decode(msgspec.json.encode(found), type=type(found)) == found


def test_rules_that_measure_different_things_have_different_names():
    named = {}
    for one in (eval(text, NAMES) for text in WRITTEN):
        check = one.check if isinstance(one, Rule) else one
        assert named.setdefault(check.name, check.measure) == check.measure or check.name == "flights columns"


@pytest.mark.parametrize(
    ("check", "bounded"),
    [
        (past(flights.landed), True),
        (refers(flights.dest, airports.faa), True),
        (unseen(flights.dest), True),
        (vanished(flights.dest), True),
        (gaps(flights.landed, every="1h"), True),
        (readable(flights.dest), True),
        (rule("x", flights, "dep_delay > 1"), True),
        (timely(late, asked=flights.published), True),
        (has_rows(flights), False),
        (has_rows(flights).against("main"), False),
        (mean(flights.distance), False),
        (share(flights.distance > 3), False),
        (quantile(flights.distance, 0.5), False),
        (distinct(flights.dest), False),
        (correlation(flights.distance, flights.arr_delay), False),
        (shift(flights.distance), False),
        (thinnest_day(flights.landed), False),
        (fullest_day(flights.landed), False),
        (label_rate(late), False),
    ],
)
def test_what_counts_faults_has_the_bound_of_none_and_a_number_has_none(check, bounded):
    if bounded:
        assert (natural_rule(check).op, natural_rule(check).bound) == ("<=", 0.0)
        return
    with pytest.raises(ShipwayError, match="has no bound") as refusal:
        natural_rule(check)
    assert isinstance(eval(refusal.value.hint.removeprefix("compare it, such as "), NAMES), Rule)


def test_a_rule_on_new_rows_is_written_as_if_its_check_had_been():
    assert (present(flights.dest) <= 0.03).on("new") == (present(flights.dest).on("new") <= 0.03)


def test_a_label_is_measured_in_the_table_it_comes_from():
    assert label_rate(late).measure == Mean("flights", Column("flights", "arr_delay") > 15, share=True)
    measure = timely(late, asked=flights.published - "2h").measure
    assert measure == Timely("flights", Column("flights", "arr_delay") > 15, "landed", flights.published - "2h")


def test_a_period_of_the_reference_is_kept_in_microseconds():
    measure = shift(weather.temp, by=weather.observed).against("main", last="45d", ago="1h").measure
    assert isinstance(measure, Shift)
    assert measure.against == Reference(45 * DAY, HOUR)


def test_a_polars_expression_travels_as_text_and_names_its_content():
    one = rule("short", flights, pl.col("dep_delay") < 100)
    assert one.text == f'rule("short", flights, {pl.col("dep_delay") < 100})'
    assert isinstance(one.measure, Custom)
    assert one.measure == rule("short", flights, pl.col("dep_delay") < 100).measure
    assert one.measure != rule("short", flights, pl.col("dep_delay") < 101).measure


def test_what_a_check_reads_is_known_beforehand():
    assert tables_of(refers(flights.dest, airports.faa).measure) == ("flights", "airports")
    assert tables_of(present(flights.dest).measure) == ("flights",)
    assert tables_of(auc.measure) == ()
    assert reads_clock(past(flights.landed).measure)
    assert not reads_clock(present(flights.dest).measure)
    assert reads_main(present(flights.dest).on("new").measure)
    assert reads_main(shift(flights.dest).measure)
    assert not reads_main(has_rows(flights).measure)


def test_texts_in_one_piece_are_told_from_damaged_ones():
    measure = readable(flights.dest).measure
    assert isinstance(measure, Holds)
    whole = ["ATL", "Zürich", "« café»", "naïve", "東京", "🛫", "São Paulo"]
    broken = ["Z\ufffdrich", "Z\u00c3\u00bcrich", "\u00e2\u20ac\u0153a", "a\x00", "\ufeffa", "\u00c3\u0192"]
    frame = pl.DataFrame({"dest": whole + broken})
    found = frame.select(to_polars(measure.condition, frame.schema)).to_series().to_list()
    assert found == [True] * len(whole) + [False] * len(broken)


@pytest.mark.parametrize(
    ("build", "code", "fact"),
    [
        (lambda: has_columns(flights), "SW-106", "names no columns"),
        (lambda: has_columns(flights, origin="txt"), "SW-104", "cannot be 'txt'"),
        (lambda: holds(flights.dep_delay + 1), "SW-106", "is no condition"),
        (lambda: holds(flights.dep_delay > weather.temp), "SW-106", "exactly one table"),
        (lambda: holds(Aggregate("count", "flights.landed", width_us=1) > 3), "SW-106", "has a window"),
        (lambda: holds(flights.event("landed").arr_delay > 3), "SW-106", "reads the event stream 'flights.landed'"),
        (lambda: present(flights.event("landed").arr_delay), "SW-106", "reads the event stream"),
        (lambda: unique(), "SW-106", "exactly one table"),
        (lambda: unique(flights.dest, weather.temp), "SW-106", "exactly one table"),
        (lambda: fresh(flights.landed, within="soon"), "SW-106", "not a duration"),
        (lambda: fresh(flights.landed, within="-1h"), "SW-106", "is empty"),
        (lambda: present(flights.dset), "SW-104", "no column 'dset'"),
        (lambda: has_rows(flights, by=weather.observed), "SW-106", "no instant of flights"),
        (lambda: holds(flights.dest.length()), "SW-106", "is no condition"),
        (lambda: readable("dest"), "SW-106", "which is no column"),
        (lambda: refers((flights.dest, flights.origin), airports.faa), "SW-106", "compares 2 columns with 1"),
        (lambda: rule("x", flights, 3), "SW-106", "neither a Polars expression nor SQL"),
        (lambda: rule("x", flights, flights.dest.equals("A")), "SW-106", "neither a Polars expression nor SQL"),
        (lambda: fresh(flights.landed, within="1h", per=weather.origin), "SW-106", "exactly one table"),
        (lambda: fresh(flights.landed, within="1h", support_rows=0), "SW-106", "is no count"),
        (lambda: gaps(flights.landed, every="0h"), "SW-106", "is empty"),
        (lambda: thinnest_day("landed"), "SW-106", "no expression"),
        (lambda: mean(Aggregate("count", "flights.landed", width_us=1)), "SW-106", "has a window"),
        (lambda: mean(flights.distance, by="landed"), "SW-106", "no expression"),
        (lambda: share(flights.distance * 2), "SW-106", "is no condition"),
        (lambda: quantile(flights.distance, 1.5), "SW-106", "at=1.5"),
        (lambda: correlation(flights.distance, weather.temp), "SW-106", "exactly one table"),
        (lambda: vanished(flights.dest, share=0), "SW-106", "share=0"),
        (lambda: label_rate(flights.arr_delay > 3), "SW-106", "which is no label"),
        (lambda: timely(Label("l", flights.event("always").arr_delay > 3), asked=flights.landed), "SW-106", "always"),
        (lambda: auc.on("new"), "SW-106", "not measured on rows"),
        (lambda: present(flights.dest).on("old"), "SW-106", "is no choice"),
        (lambda: auc.against("main"), "SW-106", "not compared with earlier rows"),
        (lambda: present(flights.dest).against("main"), "SW-106", "not compared with earlier rows"),
        (lambda: shift(flights.dest).against("dev"), "SW-106", "another branch"),
        (lambda: shift(flights.dest).against("main", last="3d"), "SW-106", "no instant"),
        (lambda: shift(flights.dest, by=flights.landed).against("main", ago="3d"), "SW-106", "when a period ends"),
        (lambda: (mean(flights.distance) >= 3).on("old"), "SW-106", "is no choice"),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_is_written(build, code, fact):
    with pytest.raises(ShipwayError) as refusal:
        build()
    assert refusal.value.code == code
    assert fact in refusal.value.fact


def test_a_wrong_type_is_answered_with_the_right_one():
    with pytest.raises(ShipwayError) as refusal:
        has_columns(flights, origin="txt")
    assert refusal.value.hint == "did you mean 'text'?"


def test_every_measure_on_data_keeps_its_kind_in_json():
    for found in (eval(text, NAMES) for text in WRITTEN):
        measure = (found.check if isinstance(found, Rule) else found).measure
        assert msgspec.json.decode(msgspec.json.encode(measure), type=DataMeasure) == measure
