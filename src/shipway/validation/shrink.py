"""Shrinking a failing row, or a failing text, to the simplest counterexample near it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from shipway.core.probe import Add, Expectation, Keeps, Moves, Noise, Probe, RowChange, Scale, Shuffle
from shipway.validation.answer import Ask, focus
from shipway.validation.counterexample import ROUNDS, Counterexample, Judge, descend, read_answer
from shipway.validation.row import Rows, is_beyond, pick_rows
from shipway.validation.sample import Bools, Floats, Ints
from shipway.validation.wording import Wording

STARTS: Final = 16
"""How many failing cases are shrunk side by side; the simplest result is shown."""


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """A row as it was and changed, float64[f] each."""

    start: int
    old: Floats
    new: Floats

    @property
    def edited(self) -> Ints:
        """Return the places of the columns that the change changes."""
        return np.flatnonzero((self.old != self.new) & ~(np.isnan(self.old) & np.isnan(self.new)))


def shrink_rows(name: str, probe: Probe, rows: Rows, old: Floats, new: Floats, at: Ints, ask: Ask) -> Counterexample:
    """Return the simplest counterexample found near some failing rows.

    Where two answers are compared, changes of single columns are taken back and the rest made smaller and rounder, as
    long as the test still fails; not where the answer has to move by so much at least, which a smaller change need not
    bring about. Then every other column that does not matter takes the value that is typical of the rows, and the
    numbers that do matter are rounded. Whatever is tried stays a case of the test: a row as it asks for, changed within
    what training saw, a shuffled value out of its group. What remains is what a person has to look at.

    Args:
        name: of the test.
        probe: the test.
        rows: all rows.
        old: float64[m, f], failing rows as they were, the worst first.
        new: float64[m, f], the same rows changed.
        at: int64[m], their places among the rows.
        ask: the model.
    """
    judge: Judge[_Pair] = Judge(
        probe,
        ask,
        lambda pairs: (np.stack([pair.old for pair in pairs]), np.stack([pair.new for pair in pairs])),
        lambda pairs: _covers_rows(probe, rows, pairs),
    )
    pairs = [_Pair(int(at[i]), old[i], new[i]) for i in range(min(STARTS, len(old)))]
    if isinstance(probe.expect, Moves | Keeps) and not _demands(probe.expect):
        sized = {rows.place(change.column) for change in probe.change if isinstance(change, Add | Scale | Noise)}
        whole = _whole(rows)
        pairs = descend(pairs, judge, lambda pair: _smaller(pair, sized, whole), lambda pair: _cost(pair, rows))
    best = min(pairs, key=lambda pair: _cost(pair, rows))
    simple, typical, kept = _make_typical(best, rows, judge)
    # What was added stays as large when its column is rounded; what was put or scaled would be another change.
    shifted = {rows.place(change.column) for change in probe.change if isinstance(change, Add | Noise)}
    edited = [int(place) for place in simple.edited if int(place) in shifted]
    numbers = [place for place in (*edited, *kept) if rows.columns[place].kind == "number"]
    (simple,) = descend(
        [simple], judge, lambda pair: _rounder(pair, numbers, rows), lambda pair: (_count_digits(pair, numbers),)
    )
    failing, before, after = judge.fails([simple])
    if not failing[0]:  # the model answers otherwise when it is asked again: show what failed, as it was
        simple, typical, kept = best, False, list[int]()
        _, before, after = judge.fails([simple])
    if before is not None:
        before, after = focus(probe.expect, before, after)
    edited = [int(place) for place in simple.edited]
    return Counterexample(
        test=name,
        case=rows.name(best.start),
        before=None if before is None else read_answer(before),
        after=read_answer(after),
        changed={
            rows.columns[place].name: (rows.write(place, simple.old[place]), rows.write(place, simple.new[place]))
            for place in edited
        },
        typical=typical,
        others={rows.columns[place].name: rows.write(place, simple.new[place]) for place in kept},
        batches=judge.batches,
        asked=judge.asked,
    )


def shrink_text(name: str, probe: Probe, failing: Sequence[Wording], ask: Ask) -> Counterexample:
    """Return the simplest counterexample found near some failing texts.

    Where two answers are compared, edits are taken back and words that no edit touches are left out, as long as the
    test still fails; edits stay where the answer has to move by so much at least. Where a text itself is the test,
    every word of it counts, and the shortest that fails is shown.

    Args:
        name: of the test.
        probe: the test.
        failing: texts that fail, with their edits, the worst first.
        ask: the model.
    """
    judge: Judge[Wording] = Judge(
        probe, ask, lambda texts: ([text.before for text in texts], [text.after for text in texts])
    )
    shortest = sorted(failing, key=_length)[:STARTS]
    if isinstance(probe.expect, Moves | Keeps):
        spare = not _demands(probe.expect)
        shortest = descend(shortest, judge, lambda text: _fewer(text, spare=spare), _length)
    best = min(shortest, key=_length)
    _, before, after = judge.fails([best])
    return Counterexample(
        test=name,
        case=best.before if not probe.change else next(text.before for text in failing if _covers(text, best)),
        before=None if before is None else read_answer(before),
        after=read_answer(after),
        text_before=best.before if probe.change else "",
        text_after=best.after,
        batches=judge.batches,
        asked=judge.asked,
    )


def _demands(expect: Expectation) -> bool:
    """Tell whether an answer has to move by so much at least."""
    return isinstance(expect, Moves) and ((expect.least or 0.0) > 0 or (expect.most or 0.0) < 0)


def _covers_rows(probe: Probe, rows: Rows, pairs: Sequence[_Pair]) -> Bools:
    """Tell of each pair whether it is a case of the test."""
    old, new = np.stack([pair.old for pair in pairs]), np.stack([pair.new for pair in pairs])
    covered = np.zeros(len(pairs), dtype=np.bool_)
    covered[pick_rows(Rows(old, rows.columns), probe.where)] = True
    edited = (old != new) & ~(np.isnan(old) & np.isnan(new))
    for place in np.flatnonzero(edited.any(axis=0)):
        covered &= ~(edited[:, place] & is_beyond(rows.columns[int(place)], new[:, place]))
    seen: set[str] = set()
    for change in probe.change:
        if isinstance(change, Shuffle) and change.within:
            place, group = rows.place(change.column), rows.place(change.within)
            of = new if change.within in seen else old
            there = (rows.x[:, place] == new[:, place, None]) & (rows.x[:, group] == of[:, group, None])
            covered &= ~edited[:, place] | there.any(axis=1)
        if isinstance(change, RowChange):
            seen.add(change.column)
    return covered


def _smaller(pair: _Pair, sized: set[int], whole: Bools) -> list[_Pair]:
    """Return the pair with one edit taken back, or one number changed by a rounder or smaller amount."""
    edited = pair.edited
    pairs: list[_Pair] = []
    for each in edited:
        place = int(each)
        if len(edited) > 1:
            pairs.append(_without(pair, place))
        if place in sized and not np.isnan(pair.old[place]):
            moved = float(pair.new[place] - pair.old[place])
            pairs.extend(
                _with(pair, place, pair.old[place] + each) for each in _amounts(moved, whole=bool(whole[place]))
            )
    return pairs


def _amounts(moved: float, *, whole: bool) -> list[float]:
    """Return round amounts up to one, of its sign: 1, 2 and 5 times powers of ten, over three powers."""
    top = int(np.floor(np.log10(abs(moved))))
    steps = (float(f"{digit}e{power}") for power in range(top, top - 4, -1) for digit in (5, 2, 1))
    return [float(np.copysign(each, moved)) for each in steps if each < abs(moved) and (not whole or each >= 1)]


def _without(pair: _Pair, place: int) -> _Pair:
    """Return the pair with one column's change taken back."""
    new = pair.new.copy()
    new[place] = pair.old[place]
    return _Pair(pair.start, pair.old, new)


def _with(pair: _Pair, place: int, value: float) -> _Pair:
    new = pair.new.copy()
    # As single precision holds it, like every number a model reads.
    new[place] = np.float64(np.float32(value))
    return _Pair(pair.start, pair.old, new)


def _cost(pair: _Pair, rows: Rows) -> tuple[float, ...]:
    """Return how hard a change is to take in: columns, then digits, then how far it goes, in spreads of the column."""
    edited = pair.edited
    digits, far = 0, 0.0
    for place in edited:
        moved = pair.new[place] - pair.old[place]
        column = rows.columns[int(place)]
        if column.kind == "number" and not np.isnan(moved):
            digits += len(f"{abs(moved):.6g}".replace("0.", "."))
            low, high = column.low, column.high
            span = (high - low) if low is not None and high is not None and high > low else 1.0
            far += abs(float(moved)) / span
    return (float(edited.size), float(digits), far)


def _make_typical(pair: _Pair, rows: Rows, judge: Judge[_Pair]) -> tuple[_Pair, bool, list[int]]:
    """Let all columns that do not matter hold what is typical; return the pair and the columns that do matter."""
    typical = _typical_row(rows)
    edited = set(pair.edited.tolist())

    def holding(kept: Sequence[int]) -> _Pair:
        old, new = typical.copy(), typical.copy()
        for place in (*kept, *edited):
            old[place], new[place] = pair.old[place], pair.new[place]
        return _Pair(pair.start, old, new)

    same = {int(i) for i in np.flatnonzero((pair.old == typical) | (np.isnan(pair.old) & np.isnan(typical)))}
    kept: list[int] = [place for place in range(typical.size) if place not in edited and place not in same]
    size = len(kept)
    for _ in range(ROUNDS):
        if not kept or size < 1:
            break
        chunks = [kept[i : i + size] for i in range(0, len(kept), size)]
        tries = [[place for place in kept if place not in chunk] for chunk in chunks]
        failing, _, _ = judge.fails([holding(each) for each in tries])
        good = [chunk for chunk, fails in zip(chunks, failing, strict=True) if fails]
        if len(good) > 1:
            # What can go alone can often go together: the longest run of chunks that can, in one more batch.
            runs = [{place for chunk in good[: count + 1] for place in chunk} for count in range(len(good))]
            together, _, _ = judge.fails([holding([p for p in kept if p not in run]) for run in runs])
            gone = runs[int(np.flatnonzero(together).max(initial=0))]
            kept = [place for place in kept if place not in gone]
        elif good:
            kept = [place for place in kept if place not in good[0]]
        else:
            size = 0 if size == 1 else -(-size // 2)
            continue
        size = min(size, len(kept))
    return holding(kept), True, kept


def _rounder(pair: _Pair, places: Sequence[int], rows: Rows) -> list[_Pair]:
    """Return the pair with the value of one column rounded to fewer digits, its change as large as it was."""
    pairs: list[_Pair] = []
    for place in places:
        # The difference of two numbers of single precision has six digits that mean something.
        value, moved = float(pair.old[place]), float(f"{pair.new[place] - pair.old[place]:.6g}")
        if np.isnan(value) or np.isnan(moved):
            continue
        column = rows.columns[place]
        for round_value in sorted({float(f"{value:.{digits}g}") for digits in (1, 2, 3, 4)} - {value}):
            old, new = pair.old.copy(), pair.new.copy()
            old[place], new[place] = np.float64(np.float32(round_value)), np.float64(np.float32(round_value + moved))
            if not is_beyond(column, np.array([old[place], new[place]])).any():
                pairs.append(_Pair(pair.start, old, new))
    return pairs


def _count_digits(pair: _Pair, places: Sequence[int]) -> float:
    """Return how many characters it takes to write the columns' values before and after."""
    return float(sum(len(f"{row[place]:.7g}") for place in places for row in (pair.old, pair.new)))


def _typical_row(rows: Rows) -> Floats:
    """Return the typical value of each column: a median that occurs, or the most common category."""
    typical = np.full(len(rows.columns), np.nan)
    for place, column in enumerate(rows.columns):
        values = rows.x[:, place]
        values = np.sort(values[~np.isnan(values)])
        if values.size and column.kind == "category":
            codes, counts = np.unique(values, return_counts=True)
            typical[place] = codes[counts.argmax()]
        elif values.size:
            typical[place] = values[(values.size - 1) // 2]
    return typical


def _whole(rows: Rows) -> Bools:
    """Tell of each column whether it holds whole numbers only."""
    whole: Bools = (np.isnan(rows.x) | (rows.x == np.round(rows.x))).all(axis=0)
    return whole


def _fewer(text: Wording, *, spare: bool) -> list[Wording]:
    """Return the text with one edit taken back, with half of its free words, or with one of them left out.

    Args:
        text: what is made shorter.
        spare: whether edits may be taken back.
    """
    edits = [text.without_edit(at) for at in range(len(text.edits)) if spare and len(text.edits) > 1]
    free = text.free
    halves = [free[: len(free) // 2], free[len(free) // 2 :]] if len(free) > 3 else []
    shorter: list[Wording] = []
    for half in halves:
        left = text
        for place in half:
            left = left.without_word(place)
        shorter.append(left)
    return [*edits, *shorter, *(text.without_word(place) for place in free)]


def _length(text: Wording) -> tuple[float, ...]:
    return (float(len(text.edits)), float(len(text.before.split())), float(len(text.after)))


def _covers(text: Wording, part: Wording) -> bool:
    """Tell whether a text is one that a part was made of by leaving words out."""
    return len(text.words) == len(part.words) and all(
        word in ("", whole) for word, whole in zip(part.words, text.words, strict=True)
    )
