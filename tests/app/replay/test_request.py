"""A request brings what its caller would have known, in the order in which it was asked."""

import datetime as dt

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.app.replay.request import Requests, make_requests
from shipway.core.error import ShipwayError
from shipway.core.feature import Source
from shipway.data.plan import Plan
from shipway.maths.expression import Column

TRIPS = Source("trips", ("line", "number"), (), {"always": ("line", "number", "km"), "told": ("seat", "late", "told")})
COLUMNS = ("line", "km", "seat", "late", "told")


def plan(source: Source = TRIPS) -> Plan:
    return Plan(source, Column("trips", "asked"), (), {}, None)


def instant(us: list[int | None]) -> pl.Series:
    return pl.Series(us, dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))


def table() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "line": ["b", "a", "a", "c", "a"],
            "number": [1, 2, 1, 1, 3],
            "km": [1.5, None, float("nan"), 2.0, -0.0],
            "seat": ["w", "x", None, "y", "z"],
            "late": [True, False, True, None, False],
            "asked": instant([20, 20, 20, 5, 30]),
            "told": instant([20, 21, 10, 1, None]),
        }
    )


def bodies(requests: Requests, since: int, until: int, columns: tuple[str, ...] = COLUMNS) -> list[tuple[int, list]]:
    return [(at, [msgspec.json.decode(b) for b in found]) for at, found in requests.encode(since, until, columns)]


def test_requests_come_by_instant_and_key_and_bring_what_was_known() -> None:
    requests = make_requests(plan(), {"trips": table()}, COLUMNS, (5, 31))
    assert bodies(requests, 5, 30) == [
        (5, [{"request": "c/1", "row": {"line": "c", "km": 2.0, "seat": "y", "late": None, "told": 1}, "at": 5}]),
        (
            20,
            [
                {"request": "a/1", "row": {"line": "a", "km": None, "seat": None, "late": True, "told": 10}, "at": 20},
                {
                    "request": "a/2",
                    "row": {"line": "a", "km": None, "seat": None, "late": None, "told": None},
                    "at": 20,
                },
                {"request": "b/1", "row": {"line": "b", "km": 1.5, "seat": "w", "late": True, "told": 20}, "at": 20},
            ],
        ),
    ]


def test_what_is_never_known_is_null() -> None:
    requests = make_requests(plan(), {"trips": table()}, COLUMNS, (30, 31))
    ((at, (only,)),) = bodies(requests, 0, 99)
    assert at == 30
    assert only["row"] == {"line": "a", "km": 0.0, "seat": None, "late": None, "told": None}


def test_a_period_is_half_open_and_so_is_what_is_asked_for() -> None:
    requests = make_requests(plan(), {"trips": table()}, COLUMNS, (5, 30))
    assert requests.at.tolist() == [5, 20, 20, 20]
    assert [at for at, _ in bodies(requests, 6, 20)] == []
    assert [at for at, _ in bodies(requests, 5, 21)] == [5, 20]


def test_only_the_columns_asked_for_are_brought() -> None:
    requests = make_requests(plan(), {"trips": table()}, COLUMNS, (5, 6))
    ((_, (only,)),) = bodies(requests, 5, 6, ("km",))
    assert only == {"request": "c/1", "row": {"km": 2.0}, "at": 5}


def test_the_key_is_brought_also_where_it_is_said_to_be_known_later() -> None:
    source = Source("trips", ("line", "number"), (), {"told": ("line", "number")})
    requests = make_requests(plan(source), {"trips": table()}, ("line",), (20, 21))
    assert [one["row"] for _, found in bodies(requests, 0, 99, ("line", "number")) for one in found] == [
        {"line": "a", "number": 1},
        {"line": "a", "number": 2},
        {"line": "b", "number": 1},
    ]


def test_a_value_that_json_cannot_say_is_refused() -> None:
    rows = table().with_columns(km=pl.Series([1.0, float("inf"), 1.0, 1.0, 1.0]))
    with pytest.raises(ShipwayError, match=r"trips\.km is infinite") as caught:
        make_requests(plan(), {"trips": rows}, COLUMNS, (5, 31))
    assert caught.value.code == "SW-805"
    make_requests(plan(), {"trips": rows}, COLUMNS, (5, 20))


def test_instants_dates_and_durations_are_whole_microseconds() -> None:
    source = Source("trips", ("number",), (), {"always": ("day", "length", "when")})
    rows = pl.DataFrame(
        {
            "number": [1],
            "day": [dt.date(1970, 1, 2)],
            "length": [dt.timedelta(minutes=1)],
            "when": pl.Series([7_000_000]).cast(pl.Datetime("ns", "UTC")),
            "asked": instant([0]),
        }
    )
    columns = ("day", "length", "when")
    ((_, (only,)),) = bodies(make_requests(plan(source), {"trips": rows}, columns, (0, 1)), 0, 1, columns)
    assert only["row"] == {"day": 86_400_000_000, "length": 60_000_000, "when": 7_000}


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.floats(allow_infinity=False)), max_size=30))
def test_every_row_of_the_period_is_one_request_with_its_own_bits(cells: list[tuple[int, int, float]]) -> None:
    rows = pl.DataFrame(
        {
            "number": pl.Series(range(len(cells)), dtype=pl.Int64),
            "asked": instant([asked for asked, _, _ in cells]),
            "told": instant([told for _, told, _ in cells]),
            "km": pl.Series([km for _, _, km in cells], dtype=pl.Float64),
        }
    )
    source = Source("trips", ("number",), (), {"told": ("km",)})
    requests = make_requests(plan(source), {"trips": rows}, ("km",), (2, 8))
    seen = {one["request"]: (at, one["row"]["km"]) for at, found in bodies(requests, 0, 99, ("km",)) for one in found}
    wanted = {
        str(number): (asked, km if told <= asked and not np.isnan(km) else None)
        for number, (asked, told, km) in enumerate(cells)
        if 2 <= asked < 8
    }
    assert {name: (at, km if km is None else float(km).hex()) for name, (at, km) in seen.items()} == {
        name: (at, km if km is None else float(km).hex()) for name, (at, km) in wanted.items()
    }
