"""The rule of refs: one moves only from where it was seen."""

from collections.abc import Mapping

from shipway.core.error import ShipwayError


def check_place(ref: str, *, expect: str | None, found: str | None) -> None:
    """Refuse to move a ref that is not where it was seen.

    Args:
        ref: its name.
        expect: where the caller saw it; None if there was none.
        found: where it is; None if there is none.

    Raises:
        ShipwayError: SW-208 if the two differ.
    """
    if found != expect:
        seen, there = (f"at {name[:12]}" if name else "absent" for name in (expect, found))
        fact = f"{ref!r} was expected {seen} and is {there}"
        raise ShipwayError("SW-208", fact, "look at it again and repeat the change on top of it")


def check_refs(found: Mapping[str, str], seen: Mapping[str, str]) -> None:
    """Refuse to remove what was found to be needed by no ref, if the refs are not as they were seen then.

    Raises:
        ShipwayError: SW-208 if any ref moved, came or went.
    """
    moved = sorted(name for name in {*found, *seen} if found.get(name) != seen.get(name))
    if moved:
        fact = f"{moved[0]!r} moved while it was decided what may go, so nothing was removed"
        raise ShipwayError("SW-208", fact, "run the same command again")
