"""Ranking texts by how well they answer a few words, tolerant of misspelt and of unfinished ones.

Words are weighed by BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009, section 3.2) over
fields of different weight. A word that no text has counts for the words that are spelt nearly so: those that it begins,
and those of which it shares enough pairs of letters (Dice's coefficient).
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

_WORD: Final = re.compile(r"[^\W_]+")
_SATURATION: Final = 1.2
_LENGTH: Final = 0.5
_NEAR: Final = 0.4
"""The least share of pairs of letters that a misspelt word has with the one that was meant."""
_PREFIX: Final = 0.8

Field = tuple[float, str]
"""A weight, and a text."""


def rank(query: str, texts: Mapping[str, Sequence[Field]]) -> list[tuple[str, float]]:
    """Return the names of the texts that answer a query with their scores, best first, and equals by name.

    A text has to answer every word of the query that any text answers.

    Args:
        query: some words.
        texts: name to its fields.
    """
    counts = {name: _weigh(fields) for name, fields in texts.items()}
    known = Counter(word for weights in counts.values() for word in weights)
    lengths = {name: sum(weights.values()) for name, weights in counts.items()}
    mean = (sum(lengths.values()) / len(lengths) or 1.0) if lengths else 1.0
    scores = dict.fromkeys(counts, 0.0)
    alive = set(counts)
    for word in split_words(query):
        near = _find_near(word, known)
        if not near:
            continue
        for name in list(alive):
            got = 0.0
            for other, likeness in near.items():
                often = counts[name].get(other, 0.0)
                rarity = math.log(1 + (len(counts) - known[other] + 0.5) / (known[other] + 0.5))
                damped = _SATURATION * (1 - _LENGTH + _LENGTH * lengths[name] / mean)
                got = max(got, likeness * rarity * often * (_SATURATION + 1) / (often + damped))
            scores[name] += got
            if not got:
                alive.discard(name)
    found = [(name, score) for name, score in scores.items() if name in alive and score > 0]
    return sorted(found, key=lambda each: (-each[1], each[0]))


def split_words(text: str) -> list[str]:
    """Return the words of a text in lower case; names are split where their words meet."""
    return [word.lower() for word in _WORD.findall(text)]


def _weigh(fields: Sequence[Field]) -> dict[str, float]:
    weights: dict[str, float] = {}
    for weight, text in fields:
        for word in split_words(text):
            weights[word] = weights.get(word, 0.0) + weight
    return weights


def _find_near(word: str, known: Mapping[str, int]) -> dict[str, float]:
    """Return the known words that a word may mean, with how like they are to it."""
    found = {other: _PREFIX for other in known if len(word) > 1 and other.startswith(word)}
    if word in known:
        return found | {word: 1.0}
    if found:
        return found
    mine = _pairs(word)
    for other in known:
        theirs = _pairs(other)
        likeness = 2 * len(mine & theirs) / (len(mine) + len(theirs))
        if likeness >= _NEAR and abs(len(other) - len(word)) <= 2:
            found[other] = likeness
    best = max(found.values(), default=0.0)
    return {other: likeness for other, likeness in found.items() if likeness >= 0.75 * best}


def _pairs(word: str) -> set[str]:
    padded = f" {word} "
    return {padded[place : place + 2] for place in range(len(padded) - 1)}
