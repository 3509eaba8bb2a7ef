"""Counterexamples shrunk until a person sees what is wrong: as little changed as will do, in the roundest numbers.

A counterexample is made simpler in steps. Every step asks the model about all simpler ones at once, in one batch, and
goes on with the simplest that still fails, until none does: delta debugging (Zeller and Hildebrandt 2002, "Simplifying
and Isolating Failure-Inducing Input", section 3) with batches, because a model behind a URL is asked for a thousand
rows in hardly longer than for one.
"""

from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeAlias, TypeVar

import msgspec
import numpy as np

from shipway.core.probe import Probe
from shipway.kit.canonical import digest_value
from shipway.validation.answer import Answers, Ask, Cases, violate
from shipway.validation.sample import Bools

ROUNDS: Final = 60
"""After how many batches shrinking ends with what it has."""
_NAMED: Final = 4
"""Columns beside the changed ones that a clause names."""
Value: TypeAlias = float | str | None
Case = TypeVar("Case")


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a model says of one case: a number, None where it says none, and a class, empty where it names none."""

    value: float | None = None
    label: str = ""


class Counterexample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One case in which a model does not behave as expected, as simple as was found.

    Attributes:
        test: the test that it fails.
        case: which case it was made from: a row, or a text.
        before: what the model says of the case as it was; None where nothing was changed.
        after: what it says of the changed case.
        changed: of a row, column to value before and after the change.
        typical: whether all columns but `changed` and `others` hold what is typical of the rows, and not what the row
            held.
        others: of a row, the columns beside `changed` that it takes to fail, with their values.
        text_before: of a text, the case as it was.
        text_after: of a text, the changed case.
        batches: how many times the model was asked to find it.
        asked: how many cases it was asked about.
    """

    test: str
    case: str
    before: Said | None = None
    after: Said
    changed: dict[str, tuple[Value, Value]] = {}
    typical: bool = False
    others: dict[str, Value] = {}
    text_before: str = ""
    text_after: str = ""
    batches: int = 0
    asked: int = 0

    @property
    def id(self) -> str:
        """Return the counterexample's name, the digest of its content."""
        return digest_value(self)


class Judge(Generic[Case]):
    """Asks a model of cases before and after their change, and counts what it asked."""

    def __init__(
        self,
        probe: Probe,
        ask: Ask,
        write: Callable[[Sequence[Case]], tuple[Cases, Cases]],
        covers: Callable[[Sequence[Case]], Bools] | None = None,
    ) -> None:
        self.batches = 0
        self.asked = 0
        self._probe, self._ask, self._write, self._covers = probe, ask, write, covers

    def fails(self, cases: Sequence[Case]) -> tuple[Bools, Answers | None, Answers]:
        """Return which cases fail, with both answers, asking once; one that is no case of the test does not."""
        failing, old, new = self._measure(cases)
        return failing if self._covers is None else failing & self._covers(cases), old, new

    def _measure(self, cases: Sequence[Case]) -> tuple[Bools, Answers | None, Answers]:
        before, after = self._write(cases)
        n = len(cases)
        self.batches += 1
        if not self._probe.change:
            self.asked += n
            given = self._ask(after)
            return violate(self._probe.expect, None, given) > 0, None, given
        self.asked += 2 * n
        answers = self._ask(_join(before, after))
        old, new = answers.take(np.arange(n)), answers.take(np.arange(n, 2 * n))
        return violate(self._probe.expect, old, new) > 0, old, new


def descend(
    cases: Sequence[Case],
    judge: Judge[Case],
    simpler: Callable[[Case], list[Case]],
    cost: Callable[[Case], tuple[float, ...]],
) -> list[Case]:
    """Make several failing cases simpler side by side, one batch a step, until no simpler one of any fails."""
    held, done = list(cases), [False] * len(cases)
    for _ in range(ROUNDS):
        tries = [(at, each) for at, case in enumerate(held) if not done[at] for each in simpler(case)]
        if not tries:
            break
        failing, _, _ = judge.fails([each for _, each in tries])
        found: dict[int, list[Case]] = {}
        for (at, each), fails in zip(tries, failing, strict=True):
            if fails:
                found.setdefault(at, []).append(each)
        for at in range(len(held)):
            better = [each for each in found.get(at, []) if cost(each) < cost(held[at])]
            if better:
                held[at] = min(better, key=cost)
            else:
                done[at] = True
    return held


def read_answer(answers: Answers, at: int = 0) -> Said:
    """Return what a model says of one of the cases it answered; nothing where its number is none."""
    if answers.lost is not None and answers.lost[at]:
        return Said()
    value = float(answers.value[at])
    return Said(None if np.isnan(value) else value, "" if answers.label is None else str(answers.label[at]))


def write_briefly(found: Counterexample) -> str:
    """Return a counterexample as one clause: what is changed, what else it takes, what the model says of it."""
    if found.text_after:
        what = f"{found.text_before!r} to {found.text_after!r}" if found.text_before else repr(found.text_after)
    else:
        changed = [f"{name} {write_value(old)} to {write_value(new)}" for name, (old, new) in found.changed.items()]
        others = [f"{name} {write_value(value)}" for name, value in found.others.items()]
        more = f" and {len(others) - _NAMED} more columns" if len(others) > _NAMED else ""
        parts = [*changed, *([f"with {', '.join(others[:_NAMED])}{more}"] if others else [])]
        parts.append("all else typical" if found.typical else f"in {found.case}")
        what = ", ".join(parts)
    before = f"{write_answer(found.before)}, then " if found.before is not None else ""
    return f"{what}: {before}{write_answer(found.after)}"


def write_answer(said: Said) -> str:
    """Return what a model says of a case as people read it."""
    number = "" if said.value is None else f"{said.value:.4f}"
    return f"{said.label} ({number})" if said.label and number else said.label or number or "no number"


def write_value(value: Value) -> str:
    """Return what a column holds as people read it."""
    return "missing" if value is None else f"{value:g}" if isinstance(value, int | float) else value


def is_failure(probe: Probe, found: Counterexample) -> bool:
    """Tell whether the answers that a counterexample shows are not as its test expects."""
    before = None if found.before is None else _make_answers(found.before)
    return bool(violate(probe.expect, before, _make_answers(found.after))[0] > 0)


def _make_answers(said: Said) -> Answers:
    value = np.array([np.nan if said.value is None else said.value])
    return Answers(value, np.array([said.label], dtype=object), np.isnan(value) if said == Said() else None)


def _join(before: Cases, after: Cases) -> Cases:
    """Return cases after one another, so that they are asked about at once."""
    if isinstance(before, list):
        return [*before, *(after if isinstance(after, list) else ())]
    return np.concatenate([before, np.asarray(after, dtype=np.float64)])
