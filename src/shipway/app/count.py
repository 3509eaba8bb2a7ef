"""Counts as people read them."""


def write_plural(count: int, noun: str, plural: str = "") -> str:
    """Return a count with its noun, such as `1 column` or `2 columns`.

    Args:
        count: how many.
        noun: what, of one.
        plural: what, of any other number; the noun with an `s` where none is given.
    """
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"
