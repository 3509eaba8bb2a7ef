"""Data is admitted by its verdict, or by an override of exactly that, and by nothing else."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.core.admission import ask_admission, recall_admission, refuse_unadmitted, subject_of
from shipway.core.body import OverrideGiven, OverrideRevoked, VerdictGiven, make_draft
from shipway.core.check import Evidence
from shipway.core.data_check import has_rows, present
from shipway.core.error import ShipwayError
from shipway.core.feature import Source
from shipway.core.gate import Gate, Verdict, decide, make_gate
from shipway.core.ledger import seal
from shipway.core.override import Override
from shipway.core.projection import State, fold
from shipway.core.table import Commit, Part, start_snapshot
from shipway.kit.canonical import digest_value
from shipway.maths.expression import Column

orders = Source("orders", ("id",), ("orders",), {"always": ("price",)})
DATA = [digest_value(name) for name in ("first", "second")]
RULES = {
    "rows": (has_rows(orders) >= 10,),
    "both": (has_rows(orders) >= 10, present(Column("orders", "price")) <= 0.1),
}


def gate_of(rules: str, approvers: tuple[str, ...] = ()) -> Gate:
    """Return the gate on data with one of two sets of rules."""
    return make_gate("data", *RULES[rules], before="training", approvers=approvers)


def verdict_of(rules: str, data: int, fails: int) -> Verdict:
    """Return what the gate says where it has the rules and none, the first, the second or both fail."""
    bad = fails & 1, fails & 2
    numbers = {"orders rows": 5.0 if bad[0] else 20.0, "orders.price present": 0.5 if bad[1] else 0.0}
    subject = subject_of(DATA[data])
    evidence = {
        name: Evidence(check=name, subject=subject, value=value, low=value, high=value, n=20)
        for name, value in numbers.items()
    }
    return decide(gate_of(rules), subject, evidence)


class Book:
    """A ledger in memory."""

    def __init__(self) -> None:
        self.state = State()

    def append(self, subject: str, body: Any) -> None:
        draft = make_draft(body, subject=subject, actor="tester")
        seq = self.state.seq + 1
        fold(self.state, [seal(draft, seq=seq, at=seq * 10, prev=self.state.head)])

    def judge(self, verdict: Verdict) -> None:
        self.append(verdict.subject, VerdictGiven(verdict=verdict, gates=("data",)))

    def override(self, verdict: Verdict, data: int, by: str) -> str:
        override = Override(
            gate="data",
            data=DATA[data],
            failure=verdict.failure,
            verdict=digest_value(verdict),
            against=tuple(finding.rule for finding in verdict.findings if finding.outcome != "pass"),
            by=by,
            reason="known",
        )
        self.append(verdict.subject, OverrideGiven(override=override))
        return override.id


rules, places, fails = st.sampled_from(list(RULES)), st.integers(0, 1), st.integers(0, 3)
people = st.sampled_from(["ana", "ben"])
steps = st.one_of(
    st.tuples(st.just("judge"), rules, places, fails),
    st.tuples(st.just("override"), rules, places, fails, people),
    st.tuples(st.just("revoke"), st.integers(0, 5)),
)


@settings(max_examples=600)
@given(st.lists(steps, max_size=12), rules, places, st.sampled_from([(), ("ana",), ("ana", "ben")]))
def test_only_a_pass_or_an_exact_override_admits(history, now, place, approvers):
    book, said, lifted, order = Book(), {}, {}, []
    for step in history:
        match step:
            case ("judge", by, data, bad):
                book.judge(verdict_of(by, data, bad))
                said[data] = (by, bad if by == "both" else bad & 1)
            case ("override", by, data, bad, who):
                name = book.override(verdict_of(by, data, bad), data, who)
                lifted[name] = (by, data, bad if by == "both" else bad & 1, who)
                order.append(name)
            case (_, at):
                if order:
                    name = order[at % len(order)]
                    book.append("data", OverrideRevoked(override=name, by="ana", reason="wrong"))
                    lifted.pop(name, None)
    by, bad = said.get(place, (None, None))
    right = by == now and (
        bad == 0
        or any(
            (rules_, data, failing) == (by, place, bad) and (not approvers or who in approvers)
            for rules_, data, failing, who in lifted.values()
        )
    )
    found = ask_admission(book.state, [gate_of(now, approvers)], DATA[place])
    assert found.granted == right
    assert (found.outcome == "pass") == right
    if not right:
        with pytest.raises(ShipwayError, match="SW-401"):
            refuse_unadmitted(found)


@pytest.mark.parametrize(
    ("judged", "obstacle", "fact"),
    [
        ([], "no verdict", "has given no verdict on"),
        ([("rows", 1, 0)], "other data", "gave its verdict on other data"),
        ([("both", 0, 0)], "other rules", "is by other rules than it has now"),
        ([("rows", 0, 1)], "fail", "failed on"),
    ],
)
def test_what_is_against_data_is_told_apart(judged, obstacle, fact):
    book = Book()
    for case in judged:
        book.judge(verdict_of(*case))
    (refusal,) = ask_admission(book.state, [gate_of("rows")], DATA[0]).refusals
    assert refusal.obstacle == obstacle
    assert fact in refusal.fact
    assert subject_of(DATA[0]) in refusal.fact


def test_an_override_that_does_not_count_is_named():
    book = Book()
    book.judge(verdict_of("both", 0, 1))
    name = book.override(verdict_of("both", 0, 1), 0, "ana")
    assert ask_admission(book.state, [gate_of("both")], DATA[0]).granted
    book.judge(verdict_of("both", 0, 3))
    found = ask_admission(book.state, [gate_of("both")], DATA[0])
    assert not found.granted
    assert found.refusals[0].lost == f"override {name} by ana is not on this data and this failure, or is void"


def test_one_gate_that_does_not_speak_is_enough():
    book = Book()
    book.judge(verdict_of("rows", 0, 0))
    more = msgspec.structs.replace(gate_of("both"), name="more")
    found = ask_admission(book.state, [gate_of("rows"), more], DATA[0])
    assert (found.granted, found.outcome) == (False, "hold")
    assert [refusal.gate for refusal in found.refusals] == ["more"]


def test_the_ledger_alone_knows_verdicts_and_overrides():
    book = Book()
    assert recall_admission(book.state, DATA[0]).refusals[0].obstacle == "no verdict"
    book.judge(verdict_of("rows", 0, 1))
    assert not recall_admission(book.state, DATA[0]).granted
    name = book.override(verdict_of("rows", 0, 1), 0, "ana")
    found = recall_admission(book.state, DATA[0])
    assert (found.granted, [each.id for each in found.overrides]) == (True, [name])


def test_data_is_named_by_its_rows_and_not_by_its_history():
    table, other = (start_snapshot({"x": "Int64"}, [Part(digest=name, rows=1, size_bytes=1)]) for name in "ab")
    first = Commit(parents=(), tables={"t": table}, message="one")
    again = Commit(parents=("x",), tables={"t": table}, message="two")
    assert first.data == again.data
    assert first.data != Commit(parents=(), tables={"t": other}, message="one").data
