"""The conformance suite of the port Warehouse."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final, Protocol

import polars as pl
from polars.testing import assert_frame_equal

from shipway.ports.warehouse import Warehouse
from shipway.testing.refusal import expect_refusal


class Put(Protocol):
    """Puts a frame into a warehouse, in the place of what was there; without a schema, where names are looked up."""

    def __call__(self, name: str, frame: pl.DataFrame, *, schema: str = "") -> None:
        """Put it there."""
        ...


@dataclass(frozen=True, slots=True)
class Yard:
    """A warehouse that the suite may fill.

    Attributes:
        open: opens the port, for one transaction.
        put: puts a table there.
        shared: whether it can be written to while it is read.
    """

    open: Callable[[], AbstractContextManager[Warehouse]]
    put: Put
    shared: bool


Make = Callable[[], Yard]
"""Makes a yard with nothing in it."""

Case = Callable[[Make], None]


def make_frame() -> pl.DataFrame:
    """Return a frame with every kind of value that rules read, nulls, and texts of several scripts."""
    return pl.DataFrame(
        {
            "id": [1, 2, 3],
            "great": [2**53 + 1, -(2**63), None],
            "price": [0.1, None, 1e300],
            "word": ["it's", 'said "no"\n', None],
            "script": ["Zürich 事", "𝄞", "%s \\"],
            "sure": [True, None, False],
            "at": [datetime(2013, 2, 1, 12, 0, 0, 123456, tzinfo=UTC), None, datetime(1969, 12, 31, 23, tzinfo=UTC)],
            "day": [date(2024, 2, 29), date(1960, 1, 1), None],
        },
        schema_overrides={"at": pl.Datetime("us", "UTC")},
    )


def check_answers_hold_what_is_there(make: Make) -> None:
    """Values come back as they are, and as often as they are asked for."""
    yard = make()
    yard.put("things", make_frame())
    with yard.open() as warehouse:
        for _ in range(2):
            answer = warehouse.ask('select * from "things" as t order by t."id"', about="things")
            assert_frame_equal(answer, make_frame())


def check_columns_are_those_of_a_frame(make: Make) -> None:
    """Columns are told with the types that a frame read from there has, whatever rows there are."""
    yard = make()
    for rows in (3, 0):
        yard.put("things", make_frame().head(rows))
        with yard.open() as warehouse:
            assert warehouse.columns('"things"') == dict(make_frame().schema)


def check_no_rows_are_an_answer(make: Make) -> None:
    """An answer without rows has its columns."""
    yard = make()
    yard.put("things", make_frame())
    with yard.open() as warehouse:
        answer = warehouse.ask('select * from "things" as t where t."id" > 5', about="things")
        assert answer.height == 0
        assert answer.schema == make_frame().schema


def check_schemas_are_told_apart(make: Make) -> None:
    """Tables of one name in two schemas are two, and each schema lists its own."""
    yard = make()
    yard.put("things", make_frame())
    yard.put("things", make_frame().head(1), schema="aside")
    yard.put("others", make_frame(), schema="aside")
    with yard.open() as warehouse:
        assert list(warehouse.tables("")) == ["things"]
        assert list(warehouse.tables("aside")) == ["others", "things"]
        assert list(warehouse.tables("nowhere")) == []
        for table, rows in (('"things"', 3), ('"aside"."things"', 1)):
            assert warehouse.ask(f"select count(*) as n from {table} as t", about="things")["n"].to_list() == [rows]


def check_what_is_not_there_is_refused(make: Make) -> None:
    """A table that is not there has no columns, and a question that cannot be answered is refused by name."""
    yard = make()
    yard.put("things", make_frame())
    with yard.open() as warehouse, expect_refusal("SW-209"):
        warehouse.columns('"nothing"')
    with yard.open() as warehouse, expect_refusal("SW-403") as refusals:
        warehouse.ask('select t."nothing" from "things" as t', about="table 'things'")
    assert "table 'things'" in refusals[0].fact


def check_nothing_can_be_written(make: Make) -> None:
    """Whatever would change something is refused, and changes nothing."""
    yard = make()
    yard.put("things", make_frame())
    for question in ('delete from "things"', "create table more as select 1 as a", 'drop table "things"'):
        with yard.open() as warehouse, expect_refusal("SW-403"):
            warehouse.ask(question, about="things")
    with yard.open() as warehouse:
        assert list(warehouse.tables("")) == ["things"]
        assert warehouse.ask('select count(*) as n from "things" as t', about="things")["n"].to_list() == [3]


def check_all_questions_see_one_state(make: Make) -> None:
    """Rows that come while questions are asked are seen by none of them."""
    yard = make()
    if not yard.shared:
        return
    yard.put("things", make_frame())
    with yard.open() as warehouse:
        first = warehouse.ask('select count(*) as n from "things" as t', about="things")
        yard.put("things", make_frame().head(1))
        assert_frame_equal(warehouse.ask('select count(*) as n from "things" as t', about="things"), first)
    with yard.open() as warehouse:
        assert warehouse.ask('select count(*) as n from "things" as t', about="things")["n"].to_list() == [1]


CASES: Final[tuple[Case, ...]] = (
    check_answers_hold_what_is_there,
    check_columns_are_those_of_a_frame,
    check_no_rows_are_an_answer,
    check_schemas_are_told_apart,
    check_what_is_not_there_is_refused,
    check_nothing_can_be_written,
    check_all_questions_see_one_state,
)
"""The cases every Warehouse passes; that checks come to what they come to in Polars is for other tests."""
