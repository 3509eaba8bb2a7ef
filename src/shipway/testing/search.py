"""The conformance suite of the port Search."""

from collections.abc import Callable, Sequence
from typing import Final

from shipway.ports.search import Choice, Search

Make = Callable[[], Search]
"""Makes a search."""
Case = Callable[[Make], None]
SPACE: Final = (1000, 50, 50)


def _planted(choices: Sequence[Choice]) -> list[float]:
    """Fail where the first number is at least 700, the second at least 20, whatever the third is."""
    return [min(first - 699.0, second - 19.0) for first, second, _ in choices]


def check_what_fails_is_found(make: Make) -> None:
    """A failure is found, in the space."""
    found = make().find(SPACE, _planted, batch=32, batches=200, seed=1)
    assert found is not None
    assert all(0 <= number < size for number, size in zip(found, SPACE, strict=True))
    assert _planted([found])[0] > 0


def check_the_same_seed_finds_the_same(make: Make) -> None:
    """Searching again comes to the same."""
    first, second = (make().find(SPACE, _planted, batch=32, batches=200, seed=7) for _ in range(2))
    assert first == second


def check_nothing_is_found_where_nothing_fails(make: Make) -> None:
    """The search ends, with None, after a number of batches of the order that was allowed."""
    asked: list[int] = []

    def measure(choices: Sequence[Choice]) -> list[float]:
        asked.append(len(choices))
        return [-1.0] * len(choices)

    assert make().find(SPACE, measure, batch=32, batches=20, seed=1) is None
    assert 0 < len(asked) <= 200
    assert max(asked) <= 32


def check_a_space_of_one_choice_is_searched(make: Make) -> None:
    """Where every place has one number there is one choice, which fails or does not."""
    assert make().find((1, 1), lambda choices: [1.0] * len(choices), batch=8, batches=10, seed=0) == (0, 0)
    assert make().find((1, 1), lambda choices: [0.0] * len(choices), batch=8, batches=10, seed=0) is None


CASES: Final[tuple[Case, ...]] = (
    check_what_fails_is_found,
    check_the_same_seed_finds_the_same,
    check_nothing_is_found_where_nothing_fails,
    check_a_space_of_one_choice_is_searched,
)
