"""A behavioural test as frozen data: which cases, what is changed in them, and what the model must say then.

Minimum functionality, invariance and directional expectation as in Ribeiro, Wu, Guestrin and Singh 2020, "Beyond
Accuracy: Behavioral Testing of NLP Models with CheckList", section 2.2, for rows of a table and for texts. Nothing here
is a function, so that a test can be saved, shared and run against any model. The words that build one are in
`shipway.core.behaviour`.
"""

from typing import Final, Literal, TypeAlias

import msgspec

Style: TypeAlias = Literal["minimum functionality", "invariance", "direction"]

MOST_CASES: Final = 20_000
"""Evaluated rows that a gate asks behavioural tests about, spread evenly over all."""


class Add(msgspec.Struct, frozen=True, tag="add"):
    """Add a number to a column; what is missing stays missing."""

    column: str
    by: float


class Scale(msgspec.Struct, frozen=True, tag="scale"):
    """Multiply a column with a factor; what is missing stays missing."""

    column: str
    by: float


class Put(msgspec.Struct, frozen=True, tag="put"):
    """Put a number, or a category's text, into a column."""

    column: str
    value: float | str


class Swap(msgspec.Struct, frozen=True, tag="swap"):
    """Put another category into a column.

    Attributes:
        column: which.
        pairs: category to the one that takes its place; rows of other categories stay out. Without pairs each row draws
            another category that training saw.
    """

    column: str
    pairs: dict[str, str] = {}


class Shuffle(msgspec.Struct, frozen=True, tag="shuffle"):
    """Give each row a column's value of another row, of any row or of one with the same value in `within`."""

    column: str
    within: str = ""


class Lose(msgspec.Struct, frozen=True, tag="lose"):
    """Take a column's value away."""

    column: str


class Noise(msgspec.Struct, frozen=True, tag="noise"):
    """Add normal noise of a standard deviation, in the column's unit."""

    column: str
    deviation: float


RowChange: TypeAlias = Add | Scale | Put | Swap | Shuffle | Lose | Noise


class Typo(msgspec.Struct, frozen=True, tag="typo"):
    """Swap two neighbouring letters inside each of a number of words of four letters or more."""

    count: int = 1


class Case(msgspec.Struct, frozen=True, tag="case"):
    """Write every word in lower case, in capitals, or with a capital at its start."""

    to: Literal["lower", "upper", "title"]


class Punctuation(msgspec.Struct, frozen=True, tag="punctuation"):
    """Take the punctuation off the ends of words, and end the text with marks of one's own, or none."""

    end: str = ""


class Contraction(msgspec.Struct, frozen=True, tag="contraction"):
    """Write `is not` as `isn't` (short), or the other way round (long)."""

    to: Literal["short", "long"]


class Sentence(msgspec.Struct, frozen=True, tag="sentence"):
    """Put one of some sentences before or behind a text."""

    texts: tuple[str, ...]
    at: Literal["start", "end"] = "end"


class Exchange(msgspec.Struct, frozen=True, tag="exchange"):
    """Put another word of a lexicon in the place of each word of it, such as another name."""

    lexicon: str


class Replace(msgspec.Struct, frozen=True, tag="replace"):
    """Put words in the place of words, such as `great` of `good`."""

    pairs: dict[str, str]


TextChange: TypeAlias = Typo | Case | Punctuation | Contraction | Sentence | Exchange | Replace
Change: TypeAlias = RowChange | TextChange


class Within(msgspec.Struct, frozen=True, tag="within"):
    """The answer lies between two numbers, each part of the range; None for no end."""

    low: float | None = None
    high: float | None = None


class Says(msgspec.Struct, frozen=True, tag="says"):
    """The answer is one of some classes."""

    classes: tuple[str, ...]


class Moves(msgspec.Struct, frozen=True, tag="moves"):
    """The answer to the changed case minus that to the case as it was lies between two numbers; None for no end."""

    least: float | None = None
    most: float | None = None


class Keeps(msgspec.Struct, frozen=True, tag="keeps"):
    """The class of the answer stays what it was."""


Expectation: TypeAlias = Within | Says | Moves | Keeps


class Probe(msgspec.Struct, frozen=True, kw_only=True, tag="probe", omit_defaults=True):
    """Measure the share of cases in which a model does not behave as is expected of it.

    Attributes:
        expect: what the answer must be.
        change: what is changed in a case, all of it at once; nothing where the case itself is the test.
        templates: texts, in which `{feel}` is filled with each word of the suite's lexicon `feel`; digits behind its
            name (`{name2}`) make it another place. Without templates the cases are rows.
        where: column to the numbers (least and greatest) or texts that a row must have to be a case.
        cases: how many cases are drawn where there are more.
        needs: fewest cases that the test asks for before it may pass.
        sample: whether the cases stand for more than themselves, so that the evidence is a rate with its interval; else
            they are all that is asked about, and are counted.
        of: of a model of classes, the one whose probability is the answer; without it all of them are.
    """

    expect: Expectation
    change: tuple[Change, ...] = ()
    templates: tuple[str, ...] = ()
    where: dict[str, tuple[float | str, ...]] = {}
    cases: int = 500
    needs: int = 1
    sample: bool = False
    of: str = ""

    @property
    def style(self) -> Style:
        """Return what kind of test it is."""
        match self.expect:
            case Within() | Says():
                return "minimum functionality"
            case Keeps():
                return "invariance"
            case Moves(least=least, most=most):
                return "direction" if least is None or most is None else "invariance"

    @property
    def on_text(self) -> bool:
        """Tell whether its cases are texts; else they are rows."""
        return bool(self.templates)


class Behaviour(msgspec.Struct, frozen=True, tag="behaviour"):
    """Measure several behavioural tests as one: the greatest share of cases that fail in any of them.

    Attributes:
        probes: the tests, which expect the same of different changes.
    """

    probes: tuple[Probe, ...]


class Reader(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a model's answer is read.

    Attributes:
        output: the output's name; the first one where empty.
        place: of an output with several numbers for each case, the one that is measured.
        classes: names of the classes: for several numbers of which the greatest decides, one for each; for one number,
            one more than `cuts`.
        cuts: numbers at which the next class begins, rising.
    """

    output: str = ""
    place: int = 0
    classes: tuple[str, ...] = ()
    cuts: tuple[float, ...] = ()


def describe_change(change: Change) -> str:
    """Return a change in a few words, such as `price +5`."""
    match change:
        case Add(column=column, by=by):
            return f"{column} {by:+g}"
        case Scale(column=column, by=by):
            return f"{column} times {by:g}"
        case Put(column=column, value=value):
            return f"{column} becomes {value if isinstance(value, str) else format(value, 'g')}"
        case Swap(column=column):
            return f"another {column}"
        case Shuffle(column=column, within=within):
            return f"{column} of another row{f' with the same {within}' if within else ''}"
        case Lose(column=column):
            return f"{column} missing"
        case Noise(column=column, deviation=deviation):
            return f"{column} with noise of {deviation:g}"
        case Exchange(lexicon=lexicon):
            return f"another {lexicon}"
        case _:
            return type(change).__name__.lower()


def describe_expectation(expect: Expectation) -> str:
    """Return what is expected in a clause, such as `no prediction falls by more than 0.005`."""
    match expect:
        case Within(low=low, high=high):
            ends = [f"at least {low:g}"] if low is not None else []
            ends += [f"at most {high:g}"] if high is not None else []
            return f"every prediction is {' and '.join(ends)}"
        case Says(classes=classes):
            return f"every answer is {' or '.join(classes)}"
        case Keeps():
            return "no answer changes its class"
        case Moves(least=least, most=most) if least is not None and most is not None:
            return f"no prediction moves by more than {max(-least, most):g}"
        case Moves(least=least, most=most):
            limit = -(most or 0.0) if least is None else least
            verb, other = ("falls", "rises") if least is not None else ("rises", "falls")
            if limit > 0:
                return f"every prediction {other} by at least {limit:g}"
            return f"no prediction {verb} by more than {-limit:g}"
