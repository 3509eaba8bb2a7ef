"""What a caller gets where the version that was to answer does not: declared by the service, counted and told of.

A failure stays a failure of its version: its row of the log has the code of it and no probability, and a version on
trial is judged by that. What the caller got instead is a row of its own, whose role says what it is.
"""

import logging
from collections import OrderedDict
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Final, Literal, TypeAlias

from shipway.core.error import ShipwayError
from shipway.core.label import LabelKind
from shipway.serving.ask import Ask
from shipway.serving.refusal import RefusedError
from shipway.serving.request import check_row
from shipway.serving.version import Served, Version, predict, read_places

FALLBACK: Final = "shipway-fallback"
"""Header of an answer that is none of the version that was to answer."""
KEPT_ANSWERS: Final = 65_536
"""Newest good answers of one service that are kept, one for each row."""
NO_VERSION: Final = 0
"""In place of the number of a version, where none said what was answered."""

Way = Literal["last", "previous", "score"]

_Kept: TypeAlias = tuple[int, float, int, LabelKind | None]
"""When an answer was given, what it said, which version did, and of which kind of label."""

logger: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Substitute:
    """What is answered in place of a prediction.

    Attributes:
        way: where it comes from.
        p: the probability, or the number.
        version: the version that said it; 0 where none did.
        predicts: which of the two it is.
    """

    way: Way
    p: float
    version: int
    predicts: LabelKind


@dataclass(slots=True)
class Fallbacks:
    """The newest good answers of services, and how often each fell back on what.

    Attributes:
        counts: by service and way.
    """

    counts: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    _answers: dict[str, OrderedDict[str, _Kept]] = field(default_factory=dict[str, OrderedDict[str, _Kept]])

    def keep(self, served: Served, version: Version, key: str | None, p: float) -> None:
        """Keep a good answer, if the service falls back on such.

        Args:
            served: the service.
            version: what said it.
            key: of the row.
            p: the probability, or the number.
        """
        fallback = served.routing.terms.fallback
        if fallback is None or not fallback.last_us or key is None:
            return
        answers = self._answers.setdefault(served.routing.service, OrderedDict())
        answers[key] = perf_counter_ns(), p, version.variant.version, version.predicts
        answers.move_to_end(key)
        if len(answers) > KEPT_ANSWERS:
            answers.popitem(last=False)

    def find(self, served: Served, version: Version | None, ask: Ask) -> Substitute | None:
        """Return what a caller gets in place of an answer, and count it; None where nothing is declared or there.

        Args:
            served: the service.
            version: what failed; None where it was too late to ask it, and so to ask any.
            ask: the request, by key.
        """
        fallback = served.routing.terms.fallback
        if fallback is None:
            return None
        found = self._find_last(served, fallback.last_us, ask)
        if found is None and fallback.previous and version is not None:
            found = _ask_previous(served, version, ask)
        if found is None and isinstance(fallback.score, int | float):
            found = Substitute("score", fallback.score, NO_VERSION, served.predicts or "condition")
        if found is not None:
            ways = self.counts.setdefault(served.routing.service, {})
            ways[found.way] = ways.get(found.way, 0) + 1
        return found

    def _find_last(self, served: Served, last_us: int, ask: Ask) -> Substitute | None:
        answers = self._answers.get(served.routing.service)
        kept = None if answers is None else answers.get(ask.key or "")
        if not last_us or kept is None or perf_counter_ns() - kept[0] > last_us * 1_000:
            return None
        _, p, number, predicts = kept
        # What a version said of another kind of label is no answer any more.
        return Substitute("last", p, number, predicts) if predicts is not None and predicts == served.predicts else None


def _ask_previous(served: Served, version: Version, ask: Ask) -> Substitute | None:
    """Ask the version that was stable before; None where it cannot answer either."""
    previous = served.previous
    if previous is None or previous is version or previous.feed is None:
        return None
    if previous.predicts is None or previous.predicts != served.predicts:
        return None
    place = ask.place
    if previous.feed is not ask.feed or isinstance(place, ShipwayError):
        try:
            checked = check_row(ask.row, previous.feed.layout)
        except RefusedError:
            return None
        (place,) = read_places(previous.feed, [checked], [ask.at])
    outcomes = predict(previous, [place])
    if outcomes.errors:
        return None
    return Substitute("previous", outcomes.p[0], previous.variant.version, previous.predicts)
