"""Look for a counterexample beyond the cases of a test: rows with values of other rows, fillings not drawn before."""

from collections.abc import Mapping, Sequence
from typing import Final
from zlib import crc32

import numpy as np

from shipway.core.behaviour import PLACE
from shipway.core.probe import Probe, RowChange, Says, Shuffle, TextChange, Within
from shipway.ports.search import Choice, Search
from shipway.validation.answer import Ask, violate
from shipway.validation.counterexample import Counterexample, is_failure
from shipway.validation.row import Changed, Rows, change_rows, pick_rows
from shipway.validation.sample import Floats, Ints
from shipway.validation.shrink import shrink_rows, shrink_text
from shipway.validation.wording import Wording, change_text, fill_template

GRAFTS: Final = 3
"""How many columns of a row may hold the value of another row."""
BATCH: Final = 64
"""How many cases are judged at once while searching."""
_NEVER: Final = -1e9
"""How far from failing a case is that the test does not ask about."""


def hunt_rows(
    name: str, probe: Probe, rows: Rows, ask: Ask, search: Search, *, batches: int, seed: int
) -> Counterexample | None:
    """Look for a row, with values of other rows in some of its columns, that fails a test; None where none was found.

    A column holds nothing but values that some row had, so a case stays within what training saw, column by column.
    What a change leaves open, a case draws for itself: it is the same case wherever in a batch it is asked about, and
    when it is asked about again. One that does not fail then is none.

    Args:
        name: of the test.
        probe: the test.
        rows: what cases are made of.
        ask: the model.
        search: looks.
        batches: how many batches of cases are asked about.
        seed: another one searches otherwise.
    """
    changes = [change for change in probe.change if isinstance(change, RowChange)]
    picked = pick_rows(rows, probe.where)
    if not picked.size:
        return None
    fields = len(rows.columns) + 1  # the last one is no column: nothing is grafted
    grafts = tuple(size for _ in range(GRAFTS) for size in (fields, len(rows.x)))
    shuffles = sum(isinstance(change, Shuffle) for change in changes)
    space = (picked.size, *grafts, *([len(rows.x)] * shuffles))

    def make(choices: Sequence[Choice]) -> tuple[Floats, Changed]:
        x = rows.x[picked[[choice[0] for choice in choices]]]
        each: list[Changed] = []
        for at, choice in enumerate(choices):
            grafted, donors = choice[1 : 1 + len(grafts)], choice[1 + len(grafts) :]
            for column, donor in zip(grafted[::2], grafted[1::2], strict=True):
                if column < len(rows.columns):
                    x[at, column] = rows.x[donor, column]
            random = np.random.default_rng([seed, crc32(name.encode()), *choice])
            each.append(change_rows(rows, x[at : at + 1], changes, random, donors))
        return x, _join(each)

    def measure(choices: Sequence[Choice]) -> list[float]:
        x, changed = make(choices)
        made = changed.made.all(axis=1) if isinstance(probe.expect, Within | Says) else changed.made.any(axis=1)
        use = np.flatnonzero((made | (not changes)) & ~changed.left & _asked(rows, probe, x))
        sizes = np.full(len(choices), _NEVER)
        if use.size:
            sizes[use] = violate(probe.expect, ask(x[use]) if changes else None, ask(changed.x[use]))
        return np.nan_to_num(sizes, neginf=_NEVER).tolist()

    found = search.find(space, measure, batch=BATCH, batches=batches, seed=seed)
    if found is None:
        return None
    x, changed = make([found])
    at: Ints = picked[[found[0]]]
    shown = shrink_rows(name, probe, rows, x, changed.x, at, ask)
    return shown if is_failure(probe, shown) else None


def hunt_texts(
    name: str,
    probe: Probe,
    lexicons: Mapping[str, Sequence[str]],
    ask: Ask,
    search: Search,
    *,
    batches: int,
    seed: int,
) -> Counterexample | None:
    """Look for a filling of a test's templates that fails it; None where none was found; arguments as for rows."""
    changes = [change for change in probe.change if isinstance(change, TextChange)]
    places = [list(dict.fromkeys(PLACE.findall(template))) for template in probe.templates]
    most = max(len(each) for each in places)
    longest = max((len(lexicons[lexicon]) for each in places for lexicon, _ in each), default=1)
    space = (len(probe.templates), *([longest] * most))

    def make(choice: Choice) -> Wording:
        words = {
            place: lexicons[place[0]][number % len(lexicons[place[0]])]
            for place, number in zip(places[choice[0]], choice[1:], strict=False)
        }
        return change_text(fill_template(probe.templates[choice[0]], words), changes, lexicons, f"{seed} {name}")

    def measure(choices: Sequence[Choice]) -> list[float]:
        texts = [make(choice) for choice in choices]
        use = [at for at, text in enumerate(texts) if not changes or text.before != text.after]
        sizes = np.full(len(choices), _NEVER)
        if use:
            before = ask([texts[at].before for at in use]) if changes else None
            sizes[use] = violate(probe.expect, before, ask([texts[at].after for at in use]))
        return np.nan_to_num(sizes, neginf=_NEVER).tolist()

    found = search.find(space, measure, batch=BATCH, batches=batches, seed=seed)
    if found is None:
        return None
    shown = shrink_text(name, probe, [make(found)], ask)
    return shown if is_failure(probe, shown) else None


def _join(each: Sequence[Changed]) -> Changed:
    """Return cases that were changed one by one as one batch."""
    return Changed(
        np.concatenate([one.x for one in each]),
        np.concatenate([one.made for one in each]),
        np.concatenate([one.left for one in each]),
        {},
    )


def _asked(rows: Rows, probe: Probe, x: Floats) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Tell of each row whether it is one that the test asks about."""
    asked = np.zeros(len(x), dtype=np.bool_)
    asked[pick_rows(Rows(x, rows.columns), probe.where)] = True
    return asked
