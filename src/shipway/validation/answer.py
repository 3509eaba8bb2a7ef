"""What a model says of cases, read as numbers and classes, and how far that is from what was expected."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.core.probe import Expectation, Keeps, Moves, Reader, Says, Within
from shipway.validation.sample import Bools, Floats, Ints

Cases: TypeAlias = Floats | list[str]
"""Rows, float64[n, f] with NaN for what is missing and codes for categories; or n texts."""


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What a model says of n cases.

    Attributes:
        value: float64[n], the number that is measured; NaN of a model that says none.
        label: object[n] of texts, the class; None of a model without classes.
        lost: bool[n], where a model that answers with numbers gave one that is none (NaN), which fails whatever is
            expected; None of a model that answers with texts.
        whole: float64[n, k], the probability of every class, where all of them are what must not move; else None.
        names: the k classes of `whole`.
    """

    value: Floats
    label: NDArray[Any] | None = None
    lost: Bools | None = None
    whole: Floats | None = None
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Return how many cases were answered."""
        return self.value.size

    def take(self, places: Ints) -> "Answers":
        """Return the answers to some of the cases."""
        label, lost = (None if part is None else part[places] for part in (self.label, self.lost))
        whole = None if self.whole is None else self.whole[places]
        return Answers(self.value[places], label, lost, whole, self.names)


Ask: TypeAlias = Callable[[Cases], Answers]
"""A model: cases to answers, one for each, whatever stands between."""


def read_answers(output: NDArray[Any], reader: Reader, n: int) -> Answers:
    """Read an output: numbers, or texts that are classes.

    One number for each case is the value, and `cuts` say its class; of two classes without cuts the second begins at
    0.5. Of several numbers the greatest decides the class, and the one at `place` is the value.

    Args:
        output: what came, its first axis the cases.
        reader: how it is read.
        n: how many cases were asked.

    Raises:
        ShipwayError: SW-433 for another number of answers, or numbers that do not fit the classes.
    """
    if output.shape[:1] != (n,):
        raise _unread(f"the model answers {n:,} cases with an output of shape {list(output.shape)}")
    flat = output.reshape(n, -1)
    if output.dtype.kind in "OUS":
        if flat.shape[1] != 1:
            raise _unread(f"the model answers each case with {flat.shape[1]} texts")
        return Answers(np.full(n, np.nan), flat[:, 0].astype(object))
    numbers = flat.astype(np.float64)
    lost: Bools = np.asarray(np.isnan(numbers).any(axis=1))
    if numbers.shape[1] == 1:
        return Answers(numbers[:, 0], _cut(numbers[:, 0], reader), lost)
    if not 0 <= reader.place < numbers.shape[1]:
        raise _unread(f"the model answers with {numbers.shape[1]} numbers, and place {reader.place} is read")
    names = reader.classes or tuple(str(place) for place in range(numbers.shape[1]))
    if len(names) != numbers.shape[1]:
        raise _unread(f"the model answers with {numbers.shape[1]} numbers, and there are {len(names)} classes")
    return Answers(numbers[:, reader.place], np.array(names, dtype=object)[numbers.argmax(axis=1)], lost)


def violate(expect: Expectation, before: Answers | None, after: Answers) -> Floats:
    """Return for each case by how much its answer is not as expected, float64[n]; 0 or less where it is.

    A number that is none (NaN) is as far from what was expected as anything can be.

    Args:
        expect: what the answers must be.
        before: the answers to the cases as they were; None where nothing was changed.
        after: the answers to the changed cases.

    Raises:
        ShipwayError: SW-433 where a number or a class is expected and the model says none.
    """
    size = _measure(expect, before, after)
    for answers in (before, after):
        if answers is not None and answers.lost is not None:
            size = np.where(answers.lost, np.inf, size)
    return size


def move_of(before: Answers, after: Answers) -> Floats:
    """Return by how much each answer moved, float64[n]: its number, or of several probabilities their total variation.

    It is NaN where a model says no number.
    """
    if before.whole is not None and after.whole is not None:
        return _total_variation(before.whole, after.whole)
    return after.value - before.value


def focus(expect: Expectation, before: Answers, after: Answers) -> tuple[Answers, Answers]:
    """Return two answers with what there is to be seen of their difference as the value of both.

    Where all probabilities must not move that is the class that moved most; everything else is as it was.
    """
    if before.whole is None or after.whole is None or not isinstance(expect, Moves):
        return before, after
    rows = np.arange(len(before))
    most = np.abs(after.whole - before.whole).argmax(axis=1)
    label = np.array(before.names, dtype=object)[most]
    return (
        replace(before, value=before.whole[rows, most], label=label),
        replace(after, value=after.whole[rows, most], label=label),
    )


def _measure(expect: Expectation, before: Answers | None, after: Answers) -> Floats:
    match expect:
        case Within(low=low, high=high):
            return _outside(_numbers(after), low, high)
        case Says(classes=classes):
            return np.where(np.isin(_labels(after).astype(str), classes), 0.0, 1.0)
        case Moves(least=least, most=most):
            assert before is not None
            if before.whole is not None and after.whole is not None:
                return _vary(before.whole, after.whole, expect)
            return _outside(_numbers(after) - _numbers(before), least, most)
        case Keeps():
            assert before is not None
            moved = np.nan_to_num(np.abs(after.value - before.value))
            return np.where(_labels(after) == _labels(before), 0.0, 1.0 + moved)


def _vary(before: Floats, after: Floats, expect: Moves) -> Floats:
    """Return by how much the total variation of two distributions is more than either end allows."""
    if expect.least is None or expect.most is None:
        raise _unread("a test expects a number to rise or to fall, and the model answers with several")
    return _total_variation(before, after) - min(expect.most, -expect.least)


def _total_variation(before: Floats, after: Floats) -> Floats:
    return np.abs(after - before).sum(axis=1) / 2


def _cut(value: Floats, reader: Reader) -> NDArray[Any] | None:
    """Return the class of each number; None where no classes are named."""
    if not reader.classes:
        return None
    cuts = reader.cuts or ((0.5,) if len(reader.classes) == 2 else ())
    if len(reader.classes) != len(cuts) + 1:
        raise _unread(f"the model answers with one number, and {len(reader.classes)} classes have no cuts")
    return np.array(reader.classes, dtype=object)[np.searchsorted(np.array(cuts), value, side="right")]


def _outside(value: Floats, low: float | None, high: float | None) -> Floats:
    """Return by how much numbers are outside a range; negative inside."""
    below = np.full(value.size, -np.inf) if low is None else low - value
    above = np.full(value.size, -np.inf) if high is None else value - high
    return np.maximum(below, above)


def _numbers(answers: Answers) -> Floats:
    if answers.lost is None and np.isnan(answers.value).any():
        raise _unread("a test expects a number, and the model answers with none")
    return answers.value


def _labels(answers: Answers) -> NDArray[Any]:
    if answers.label is None:
        raise _unread("a test expects a class, and the suite names none for the model's number")
    return answers.label


def _unread(fact: str) -> ShipwayError:
    return ShipwayError("SW-433", fact, "say how answers are read: output=, place=, classes= and cuts= of the suite")
