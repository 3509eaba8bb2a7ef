"""How good a model is at each class and which it takes for which: what pages, documents and the terminal show of it."""

import msgspec

Figure = tuple[float, float, float]
"""A value with both ends of its 95 % interval."""


class ClassLine(msgspec.Struct, frozen=True, kw_only=True):
    """How good a model is at one class; the shape is that of `shipway.validation.confusion`.

    Attributes:
        label: the class.
        n: rows of it.
        chosen: rows in which it was the most probable class.
        mean_p: its mean probability.
        precision: the share of the rows in which it was chosen that are of it; this and each of the following is None
            where it has no value.
        recall: the share of its rows in which it was chosen.
        f1: the harmonic mean of the two.
        auc: area under the ROC curve of its probability, against all other classes.
        gap: its mean probability less its share of the rows.
    """

    label: str
    n: int
    chosen: int
    mean_p: float
    precision: Figure | None
    recall: Figure | None
    f1: Figure | None
    auc: Figure | None
    gap: Figure | None


class Taken(msgspec.Struct, frozen=True):
    """Rows of one class that were taken for another: how many, and which share of that class's rows they are."""

    label: str
    chosen: str
    rows: int
    share: float


class Confusion(msgspec.Struct, frozen=True, kw_only=True):
    """All classes of a model.

    Attributes:
        classes: one line for each, in order.
        confusion: how many rows of each class (first place) had which class as the most probable one (second place).
    """

    classes: tuple[ClassLine, ...]
    confusion: tuple[tuple[int, ...], ...]

    @property
    def rows(self) -> int:
        """Return how many rows there are."""
        return sum(line.n for line in self.classes)

    def list_taken(self, most: int) -> list[Taken]:
        """Return the most frequent mistakes, the greatest first; of equal ones in the order of the classes."""
        names = [line.label for line in self.classes]
        found = [
            Taken(names[at], names[place], rows, rows / self.classes[at].n)
            for at, line in enumerate(self.confusion)
            for place, rows in enumerate(line)
            if place != at and rows
        ]
        return sorted(found, key=lambda each: -each.rows)[:most]

    def say_often(self) -> str:
        """Return which class is the most frequent and how frequent it is, as one clause; empty for no rows."""
        if not self.rows:
            return ""
        often = max(self.classes, key=lambda line: line.n)
        return f"{often.n / self.rows:.1%} of them {often.label!r}, the most frequent of {len(self.classes)} classes"
