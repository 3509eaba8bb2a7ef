"""A search of our own: half of each batch is drawn anew, half are the best choices so far with one number redrawn."""

from collections.abc import Sequence
from random import Random
from typing import Final

from shipway.ports.search import Choice, Measure

KEPT: Final = 8
"""How many of the best choices are varied."""


class ClimbSearch:
    """Draws everywhere, and climbs from the choices that come nearest to failing; it needs no library."""

    def find(self, space: Sequence[int], measure: Measure, *, batch: int, batches: int, seed: int) -> Choice | None:
        """Return a choice that fails, or None where none was found; arguments as `Search`."""
        random = Random(seed)
        best: list[tuple[float, Choice]] = []
        seen: set[Choice] = set()
        for _ in range(batches):
            choices = [self._vary(best, space, random) for _ in range(batch // 2)] if best else []
            choices += [tuple(random.randrange(size) for size in space) for _ in range(batch - len(choices))]
            new = [each for each in dict.fromkeys(choices) if each not in seen]
            if not new:
                continue
            seen.update(new)
            sizes = measure(new)
            best = sorted([*best, *zip(map(float, sizes), new, strict=True)], reverse=True)[:KEPT]
            if best[0][0] > 0:
                return best[0][1]
        return None

    def _vary(self, best: list[tuple[float, Choice]], space: Sequence[int], random: Random) -> Choice:
        """Return one of the best choices with one number redrawn."""
        choice = list(best[random.randrange(len(best))][1])
        place = random.randrange(len(space))
        choice[place] = random.randrange(space[place])
        return tuple(choice)
