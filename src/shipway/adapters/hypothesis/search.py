"""A search by hypothesis: it draws, and climbs towards what nearly fails.

Its own shrinking is left out: it asks about one list after the other, hundreds of times, where shrinking in the terms
of rows and texts (`shipway.validation.shrink`) asks in ten or twenty batches.
"""

from collections.abc import Sequence
from random import Random

from hypothesis import HealthCheck, Phase, Verbosity, find, settings, target
from hypothesis import strategies as st
from hypothesis.errors import FlakyFailure, NoSuchExample

from shipway.ports.search import Choice, Measure


class HypothesisSearch:
    """Draws choices in lists, so that a batch costs one question."""

    def find(self, space: Sequence[int], measure: Measure, *, batch: int, batches: int, seed: int) -> Choice | None:
        """Return a choice that fails, or None where none was found; arguments as `Search`."""
        found: list[Choice] = []

        def fails(choices: list[Choice]) -> bool:
            sizes = measure(choices)
            worst = max(range(len(choices)), key=lambda at: sizes[at])
            if sizes[worst] > float("-inf"):
                target(float(sizes[worst]))
            if sizes[worst] > 0:
                found.append(choices[worst])
            return sizes[worst] > 0

        one = st.tuples(*(st.sampled_from(range(size)) for size in space))
        # Left to itself the library draws lists of a few; a question to a model costs as much for half a batch.
        several = st.lists(one, min_size=max(1, batch // 2), max_size=batch)
        chosen = settings(
            max_examples=batches,
            database=None,
            derandomize=False,
            deadline=None,
            verbosity=Verbosity.quiet,
            phases=(Phase.generate, Phase.target),
            suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example),
        )
        try:
            find(several, fails, settings=chosen, random=Random(seed))
        except NoSuchExample:
            return None
        except FlakyFailure:  # the model answers otherwise when it is asked again
            pass
        return found[-1]
