"""What a suite says when something must be refused."""

from collections.abc import Generator
from contextlib import contextmanager

from shipway.core.error import ShipwayError


@contextmanager
def expect_refusal(code: str) -> Generator[list[ShipwayError]]:
    """Fail unless the block raises a ShipwayError with this code, a fact and a hint; afterwards it is in the list."""
    caught: list[ShipwayError] = []
    try:
        yield caught
    except ShipwayError as raised:
        caught.append(raised)
    assert caught, f"nothing was refused where {code} is due"
    (refusal,) = caught
    assert refusal.code == code, f"refused with {refusal.code} in place of {code}: {refusal.fact}"
    assert refusal.fact, "an error states a fact"
    assert refusal.hint, "an error gives a hint"
