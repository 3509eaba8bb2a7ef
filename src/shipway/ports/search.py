"""The port of a search: a choice that fails, in a space too large to be tried whole."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

Choice: TypeAlias = tuple[int, ...]
"""One whole number of 0 or more for each place of a space."""
Measure: TypeAlias = Callable[[Sequence[Choice]], Sequence[float]]
"""Choices to how far each is from what is expected: above 0 it fails, and nearer to 0 it nearly does."""


class Search(Protocol):
    """Looks for a choice that fails.

    Contract (the conformance suite `shipway.testing.search` checks it):
        * What is returned fails, and is made of numbers in the space.
        * Equal spaces, measures and seeds give equal answers.
        * Where nothing fails the answer is None, after about as many batches as were allowed.

    What it finds need not be simple: whoever searches shrinks it, in terms of its own.
    """

    def find(self, space: Sequence[int], measure: Measure, *, batch: int, batches: int, seed: int) -> Choice | None:
        """Return a choice that fails, or None where none was found.

        Args:
            space: for each place how many numbers there are, 1 or more.
            measure: judges several choices at once.
            batch: most choices judged at once.
            batches: how many times choices are judged before the search ends with nothing.
            seed: another one searches in another order.
        """
        ...
