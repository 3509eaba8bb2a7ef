"""Texts and what is changed in them: templates filled with words, and edits that can be taken back one by one."""

import random as randoms
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from shipway.core.behaviour import PLACE
from shipway.core.probe import (
    Case,
    Contraction,
    Exchange,
    Punctuation,
    Replace,
    Sentence,
    TextChange,
    Typo,
)

Edit: TypeAlias = "dict[int, str]"
"""Place of a word to what stands there; empty where nothing does."""
Lexicons: TypeAlias = Mapping[str, Sequence[str]]

_CORE: Final = re.compile(r"^(\W*)(.*?)(\W*)$", re.DOTALL)
_LONG: Final = {
    "isn't": "is not", "aren't": "are not", "wasn't": "was not", "weren't": "were not", "don't": "do not",
    "doesn't": "does not", "didn't": "did not", "can't": "can not", "couldn't": "could not", "won't": "will not",
    "wouldn't": "would not", "shouldn't": "should not", "haven't": "have not", "hasn't": "has not", "hadn't": "had not",
    "i'm": "i am", "i've": "i have", "i'll": "i will", "it's": "it is", "that's": "that is", "they're": "they are",
    "we're": "we are", "you're": "you are",
}  # fmt: skip
"""Contraction to what it stands for, in lower case."""
_SHORT: Final = {long: short for short, long in _LONG.items()} | {"cannot": "can't"}


@dataclass(frozen=True, slots=True)
class Wording:
    """A text as words with edits.

    Attributes:
        words: the text, split at white space, with an empty word before and behind it where sentences can be put.
        edits: what is changed; the last word at a place counts.
    """

    words: tuple[str, ...]
    edits: tuple[tuple[tuple[int, str], ...], ...] = ()

    @property
    def before(self) -> str:
        """Return the text as it was."""
        return _join(self.words)

    @property
    def after(self) -> str:
        """Return the text with its edits."""
        words = list(self.words)
        for edit in self.edits:
            for place, word in edit:
                words[place] = word
        return _join(words)

    def without_edit(self, at: int) -> "Wording":
        """Return the text with one edit fewer."""
        return Wording(self.words, self.edits[:at] + self.edits[at + 1 :])

    def without_word(self, place: int) -> "Wording":
        """Return the text without one word that no edit touches."""
        words = tuple("" if at == place else word for at, word in enumerate(self.words))
        return Wording(words, self.edits)

    @property
    def free(self) -> list[int]:
        """Return the places of words that no edit touches."""
        touched = {place for edit in self.edits for place, _ in edit}
        return [place for place, word in enumerate(self.words) if word and place not in touched]


def fill_templates(templates: Sequence[str], lexicons: Lexicons, most: int, seed: int) -> list[str]:
    """Return the texts that templates make of lexicons, equally many of each template where there are more than asked.

    The same lexicons and seed give the same texts. Places of one template that name the same lexicon with the same
    digits, or none, hold the same word.

    Args:
        templates: texts with places.
        lexicons: name to words.
        most: how many texts at most.
        seed: another one draws others.
    """
    texts: dict[str, None] = {}
    quota = -(-most // max(len(templates), 1))
    for at, template in enumerate(templates):
        places = list(dict.fromkeys(PLACE.findall(template)))
        sizes = [len(lexicons[lexicon]) for lexicon, _ in places]
        total = 1
        for size in sizes:
            total *= size
        chosen = range(total) if total <= quota else _draw(randoms.Random(f"{seed} {at}"), total, quota)
        for number in chosen:
            texts[_fill(template, places, sizes, lexicons, number)] = None
    return list(texts)[:most]


def fill_template(template: str, words: Mapping[tuple[str, str], str]) -> str:
    """Return a template with a word in each place, places named by lexicon and digits."""
    return PLACE.sub(lambda found: words[(found[1], found[2])], template)


def change_text(text: str, changes: Sequence[TextChange], lexicons: Lexicons, seed: str) -> Wording:
    """Return a text with changes as edits; one that changes nothing has none.

    Args:
        text: as it is.
        changes: made one after the other.
        lexicons: name to words.
        seed: decides what a change leaves open.
    """
    words = ("", *text.split(), "")
    current, edits = list(words), list[tuple[tuple[int, str], ...]]()
    for at, change in enumerate(changes):
        random = randoms.Random(f"{seed} {at} {text}")
        for edit in _edit(current, change, lexicons, random):
            edits.append(tuple(sorted(edit.items())))
        for edit in edits:
            for place, word in edit:
                current[place] = word
    return Wording(words, tuple(edits))


def _draw(random: randoms.Random, total: int, count: int) -> list[int]:
    """Return so many different numbers below a total, in order; the total may be larger than a machine's numbers."""
    if total <= sys.maxsize:
        return sorted(random.sample(range(total), count))
    drawn: set[int] = set()
    while len(drawn) < count:
        drawn.add(random.randrange(total))
    return sorted(drawn)


def _fill(template: str, places: list[tuple[str, str]], sizes: list[int], lexicons: Lexicons, number: int) -> str:
    words: dict[tuple[str, str], str] = {}
    for place, size in zip(reversed(places), reversed(sizes), strict=True):
        number, choice = divmod(number, size)
        words[place] = lexicons[place[0]][choice]
    return fill_template(template, words)


def _edit(words: list[str], change: TextChange, lexicons: Lexicons, random: randoms.Random) -> list[Edit]:
    match change:
        case Typo(count=count):
            return _mistype(words, count, random)
        case Case(to=to):
            return _rewrite(words, {"lower": str.lower, "upper": str.upper, "title": _capitalise}[to])
        case Punctuation(end=end):
            return _punctuate(words, end)
        case Contraction(to="long"):
            return _rewrite(words, lambda word: _replace_core(word, _LONG))
        case Contraction():
            return _contract(words)
        case Sentence(texts=texts, at=at):
            chosen = random.choice(texts)
            return [{0: _join([chosen, words[0]])}] if at == "start" else [{len(words) - 1: _join([words[-1], chosen])}]
        case Exchange(lexicon=lexicon):
            return _exchange(words, lexicons[lexicon], random)
        case Replace(pairs=pairs):
            lower = {old.lower(): new for old, new in pairs.items()}
            return _rewrite(words, lambda word: _replace_core(word, lower))


def _rewrite(words: list[str], how: Callable[[str], str]) -> list[Edit]:
    written = ((place, word, how(word)) for place, word in enumerate(words) if word)
    return [{place: new} for place, old, new in written if new != old]


def _mistype(words: list[str], count: int, random: randoms.Random) -> list[Edit]:
    """Swap two neighbouring letters, not the first nor the last, that differ."""
    choices: dict[int, list[int]] = {}
    for place, word in enumerate(words):
        start, core, _ = _split(word)
        if core.isalpha() and len(core) >= 4:
            at = [i + len(start) for i in range(1, len(core) - 2) if core[i] != core[i + 1]]
            if at:
                choices[place] = at
    edits: list[Edit] = []
    for place in sorted(random.sample(sorted(choices), min(count, len(choices)))):
        i, word = random.choice(choices[place]), words[place]
        edits.append({place: f"{word[:i]}{word[i + 1]}{word[i]}{word[i + 2 :]}"})
    return edits


def _punctuate(words: list[str], end: str) -> list[Edit]:
    edits = _rewrite(words, lambda word: _split(word)[1] or word)
    last = max((place for place, word in enumerate(words) if word), default=None)
    if end and last is not None:
        edits = [edit for edit in edits if last not in edit]
        ended = f"{_split(words[last])[1]}{end}"
        edits += [{last: ended}] if ended != words[last] else []
    return edits


def _contract(words: list[str]) -> list[Edit]:
    edits: list[Edit] = []
    place = 0
    while place < len(words):
        one = _replace_core(words[place], {"cannot": "can't"})
        short = _contract_pair(words, place)
        following = _contract_pair(words, place + 1)
        if one != words[place]:
            edits.append({place: one})
        elif short is not None and not (following or "").rstrip(".,;:!?").endswith("n't"):  # `isn't` before `it's not`
            edits.append({place: short, place + 1: ""})
            place += 1
        place += 1
    return edits


def _contract_pair(words: list[str], place: int) -> str | None:
    """Return what a word and the next one are contracted to; None where they are not."""
    if place + 1 >= len(words) or not words[place] or not words[place + 1]:
        return None
    start, core, end = _split(words[place + 1])
    short = None if start else _SHORT.get(f"{words[place]} {core}".lower())
    return None if short is None else _like(words[place], short) + end


def _exchange(words: list[str], lexicon: Sequence[str], random: randoms.Random) -> list[Edit]:
    """Put one other word of a lexicon wherever a word of it stands, the same for the same word."""
    chosen: dict[str, str] = {}
    edits: list[Edit] = []
    for place, word in enumerate(words):
        start, core, end = _split(word)
        if core in lexicon:
            others = [each for each in lexicon if each != core]
            if others:
                chosen.setdefault(core, random.choice(others))
                edits.append({place: f"{start}{chosen[core]}{end}"})
    return edits


def _capitalise(word: str) -> str:
    """Return a word with its first letter as a capital and no other: don't becomes Don't."""
    start, core, end = _split(word)
    return f"{start}{core[:1].upper()}{core[1:].lower()}{end}"


def _replace_core(word: str, pairs: Mapping[str, str]) -> str:
    start, core, end = _split(word)
    new = pairs.get(core.lower())
    return word if new is None else f"{start}{_like(core, new)}{end}"


def _like(old: str, new: str) -> str:
    """Return a new word with a capital at its start if the old one had one."""
    return new[:1].upper() + new[1:] if old[:1].isupper() else new


def _split(word: str) -> tuple[str, str, str]:
    found = _CORE.match(word)
    return ("", word, "") if found is None else (found[1], found[2], found[3])


def _join(words: Sequence[str]) -> str:
    return " ".join(word for word in words if word)
