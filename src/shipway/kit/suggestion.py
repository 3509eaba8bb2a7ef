"""Did-you-mean: the nearest right name for a wrong one."""

import difflib
from collections.abc import Iterable, Mapping


def nearest(word: str, names: Iterable[str]) -> str | None:
    """Return the known name most like a word, or None if nothing is near.

    Args:
        word: what the user wrote.
        names: what would have been right.

    Returns:
        The nearest name by difflib's ratio, if that is at least 0.6, compared without regard to case.
    """
    known = {name.lower(): name for name in names}
    found = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return known[found[0]] if found else None


def did_you_mean(word: str, names: Iterable[str], *, most: int = 8, synonyms: Mapping[str, str] | None = None) -> str:
    """Return a hint for a wrong name: the nearest right one, or the list of those there are.

    Args:
        word: what the user wrote.
        names: what would have been right.
        most: how many names a list shows before it is cut.
        synonyms: what others call these names, in lower case, to the right name.

    Returns:
        One clause without a full stop, such as `did you mean 'origin'?`.
    """
    ordered = sorted(names)
    match = (synonyms or {}).get(word.lower()) or nearest(word, ordered)
    if match is not None:
        return f"did you mean {match!r}?"
    if not ordered:
        return "there is none yet"
    shown = ", ".join(ordered[:most])
    more = f" and {len(ordered) - most} more" if len(ordered) > most else ""
    return f"there is {shown}{more}"
