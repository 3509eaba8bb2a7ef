"""Refused rows come back as if the contract had always allowed them, and never over something newer."""

from dataclasses import dataclass, field

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.core.contract import Contract, Field
from shipway.core.raw import Raw
from shipway.data.deposit import quarantine_of, table_of
from shipway.data.intake import plan_intake, take_in
from shipway.data.kept import live
from shipway.data.release import refuse_release, review_refused, take_back
from shipway.testing.fake import MemoryReader, make_tables
from shipway.testing.refusal import expect_refusal

STRICT = Contract({"id": Field("int"), "v": Field("int")})
LOOSE = Contract({"id": Field("int"), "v": Field("text", nullable=True)})
RAW = Raw(name="orders", uri="orders/", key=("id",), quarantine=1.0, contract="c.toml")


def silent(done, of):
    """Show nothing."""


@dataclass
class Branch:
    """The tables of an input, and what is done to them."""

    raw: Raw = RAW
    lake: object = field(default_factory=make_tables)
    present: dict = field(default_factory=dict)

    def take(self, contract, **pieces):
        """Take in pieces of rows of text."""
        for name, rows in pieces.items():
            raw, reader = msgspec.structs.replace(self.raw, uri=name), MemoryReader()
            columns = dict.fromkeys(contract.columns, pl.String)
            reader.put(name, pl.DataFrame(rows, schema=columns, orient="row"))
            plan = plan_intake(raw, reader, self.lake, self.present, contract)
            taken = take_in(raw, reader, self.lake, self.present, contract=contract, plan=plan, report=silent)
            self.present |= taken.tables
        return self

    def review(self, contract):
        return review_refused(self.raw, self.lake, self.present, contract)

    def release(self, contract):
        """Take back what may be taken back."""
        review = self.review(contract)
        self.present |= take_back(self.raw, self.lake, self.present, contract, review)
        return review

    def rows(self):
        return sorted(live(self.lake.read(self.present[table_of("orders")])).rows())

    def refused(self):
        return self.lake.read(self.present[quarantine_of("orders")]).select("piece", "row", "rule").rows()


def counts(review):
    return review.ready.height, review.newer, review.refused


def test_rows_that_keep_the_contract_now_come_back_and_the_others_stay():
    branch = Branch().take(STRICT, a=[("1", "5"), ("2", "cheap"), ("x", "7"), ("3", None)])
    assert counts(branch.review(STRICT)) == (0, 0, 3)
    assert counts(branch.release(LOOSE)) == (2, 0, 1)
    assert branch.rows() == [(1, "5"), (2, "cheap"), (3, None)]
    assert branch.refused() == [("a", 3, "id: not a whole number")]
    assert counts(branch.release(LOOSE)) == (0, 0, 1)


def test_where_no_row_is_ready_nothing_is_different():
    branch = Branch().take(STRICT, a=[("1", "cheap")])
    assert take_back(RAW, branch.lake, branch.present, STRICT, branch.review(STRICT)) == {}
    empty = Branch()
    assert counts(empty.review(STRICT)) == (0, 0, 0)


def test_a_row_never_comes_back_over_one_that_is_kept():
    branch = Branch().take(STRICT, a=[("1", "cheap"), ("2", "dear")]).take(STRICT, b=[("1", "9")])
    assert counts(branch.release(LOOSE)) == (1, 1, 0)
    assert branch.rows() == [(1, "9"), (2, "dear")]
    assert branch.refused() == [("a", 1, "v: not a whole number")]


def test_a_row_that_repeated_a_key_stays():
    branch = Branch().take(STRICT, a=[("1", "1"), ("1", "2")])
    assert branch.refused() == [("a", 2, "id: key is repeated")]
    assert counts(branch.release(STRICT)) == (0, 1, 0)
    assert branch.rows() == [(1, 1)]


def test_of_two_refused_rows_of_one_key_the_later_counts():
    branch = Branch().take(STRICT, a=[("1", "old")]).take(STRICT, b=[("1", "new")])
    assert counts(branch.release(LOOSE)) == (1, 1, 0)
    assert branch.rows() == [(1, "new")]
    assert branch.refused() == [("a", 1, "v: not a whole number")]


def test_a_watermark_says_which_of_two_rows_is_newer():
    strict = Contract({"id": Field("int"), "v": Field("int"), "at": Field("int")})
    loose = Contract({**strict.columns, "v": Field("text")})
    branch = Branch(msgspec.structs.replace(RAW, watermark="at"))
    branch.take(strict, a=[("1", "cheap", "5"), ("2", "dear", "5")]).take(strict, b=[("1", "9", "6")])
    assert counts(branch.release(loose)) == (2, 0, 0)
    assert branch.rows() == [(1, "9", 6), (2, "dear", 5)]
    assert branch.refused() == []


def test_the_type_of_a_key_may_have_changed():
    branch = Branch().take(STRICT, a=[("1", "5"), ("x", "6")])
    wide = Contract({"id": Field("text"), "v": Field("int")})
    assert counts(branch.release(wide)) == (1, 0, 0)
    assert branch.rows() == [("1", 5), ("x", 6)]


VALUES = st.sampled_from(["1", "2.5", "cheap", None, "-3", ""])


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 30).map(str), VALUES), max_size=25, unique_by=lambda row: row[0]))
def test_a_delivery_comes_out_as_if_the_contract_had_always_been_so(rows):
    branch, other = Branch().take(STRICT, a=rows), Branch().take(LOOSE, a=rows)
    if not rows:
        return
    branch.release(LOOSE)
    # Where nothing comes back, the table keeps its types until the next delivery.
    assert [(key, None if v is None else str(v)) for key, v in branch.rows()] == other.rows()
    assert branch.refused() == other.refused() == []


@pytest.mark.parametrize(
    ("fields", "contract", "said"),
    [
        ({}, None, "has no contract yet"),
        ({"key": ()}, LOOSE, "is read anew"),
        ({"landing": "debezium"}, LOOSE, "is a stream of changes"),
        ({"uri": "delta:lake/orders"}, LOOSE, "is a stream of changes"),
        ({}, Contract({"id": Field("int"), "tags": Field("List(String)")}), "a column 'tags' that text cannot be"),
    ],
)
def test_inputs_whose_rows_cannot_be_put_in_order_are_refused(fields, contract, said):
    with expect_refusal("SW-224") as refused:
        refuse_release(msgspec.structs.replace(RAW, **fields), contract)
    assert said in refused[0].fact
    refuse_release(RAW, LOOSE)
