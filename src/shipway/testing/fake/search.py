"""A fake of the port Search."""

from collections.abc import Sequence
from random import Random

from shipway.ports.search import Choice, Measure


class RandomSearch:
    """Draws batch after batch, and returns the first choice that fails."""

    def find(self, space: Sequence[int], measure: Measure, *, batch: int, batches: int, seed: int) -> Choice | None:
        """Return a choice that fails, or None where none was found; arguments as `Search`."""
        random = Random(seed)
        for _ in range(batches):
            choices = [tuple(random.randrange(size) for size in space) for _ in range(batch)]
            failing = [each for each, size in zip(choices, measure(choices), strict=True) if size > 0]
            if failing:
                return failing[0]
        return None
