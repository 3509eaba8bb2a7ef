"""Names beside the bars of a chart: short enough to stand there, and none of them twice."""

from collections.abc import Iterable
from typing import Final

_LONGEST: Final = 44
"""Characters of a name."""


def shorten(text: str) -> str:
    """Return a text as far as there is room for it."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1].rstrip()}…"


def name_bars(texts: Iterable[str]) -> list[str]:
    """Return a short name for each text, of which none is there twice: a chart tells its bars apart by them."""
    names = [shorten(text) for text in texts]
    return [name if names.index(name) == place else f"{name} ({place + 1})" for place, name in enumerate(names)]
