"""The words for behavioural tests, and suites of them that can be saved, shared and run against any model."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeVar

import msgspec

from shipway.core.argument import take_name, write
from shipway.core.bundle import InputColumn
from shipway.core.check import Check, Rule, finite, natural_rule, write_number
from shipway.core.error import ShipwayError
from shipway.core.feature import flatten
from shipway.core.gate import Gate, checks_of
from shipway.core.measure import class_of
from shipway.core.probe import (
    Add,
    Case,
    Change,
    Contraction,
    Exchange,
    Expectation,
    Keeps,
    Lose,
    Moves,
    Noise,
    Probe,
    Punctuation,
    Put,
    Reader,
    Replace,
    RowChange,
    Says,
    Scale,
    Sentence,
    Shuffle,
    Swap,
    TextChange,
    Typo,
    Within,
)
from shipway.kit.canonical import canonical_json
from shipway.kit.suggestion import did_you_mean
from shipway.maths.expression import Feature

Chosen = TypeVar("Chosen", bound=str)

LAYOUT: Final = 1
"""Version of how a suite is written to a file."""
PLACE: Final = re.compile(r"\{([a-z_]+)(\d*)\}")
"""A place of a template: the name of its lexicon, and digits that tell two places of one lexicon apart."""


class Suite(msgspec.Struct, frozen=True, kw_only=True):
    """Behavioural tests with everything they need to be run: words, rows, and how answers are read.

    Attributes:
        layout: version of this layout.
        name: what it is called.
        about: what it is for, in a sentence or two.
        rules: the tests, each with the share of cases that may fail.
        lexicons: name to the words that fill its place in a template, the plainest first.
        reader: how the model's answers are read.
        input: what texts are sent as, or a matrix of all columns; empty where each column is sent by its name.
        columns: of rows, what training saw of each column: no changed row leaves these ranges and categories.
        rows: column to values, one for each row; None where one is missing.
        names: what each row is called; empty where its place says it.
        clusters: for each row the group it shares its luck with, such as its day; empty where rows stand alone.
        seed: another one draws other cases and other changes.
    """

    layout: int = LAYOUT
    name: str
    about: str = ""
    rules: tuple[Rule, ...]
    lexicons: dict[str, tuple[str, ...]] = {}
    reader: Reader = Reader()
    input: str = ""
    columns: tuple[InputColumn, ...] = ()
    rows: dict[str, tuple[float | str | None, ...]] = {}
    names: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    seed: int = 0

    @property
    def gate(self) -> Gate:
        """Return the gate that the suite is: its verdict is what the tests come to."""
        return Gate(name=self.name, rules=self.rules, before="release")

    @property
    def on_text(self) -> bool:
        """Tell whether its cases are texts; else they are rows."""
        return any(probe.on_text for probe in self.probes.values())

    @property
    def probes(self) -> dict[str, Probe]:
        """Return the tests by name."""
        return {rule.check.name: rule.check.measure for rule in self.rules if isinstance(rule.check.measure, Probe)}


def add(column: Feature | str, by: float) -> Add:
    """Add a number to a column."""
    return Add(_column(column), finite("add", by))


def scale(column: Feature | str, by: float) -> Scale:
    """Multiply a column with a factor."""
    return Scale(_column(column), finite("scale", by))


def put(column: Feature | str, value: float | str) -> Put:
    """Put a number, or a category's text, into a column."""
    return Put(_column(column), value if isinstance(value, str) else finite("put", value))


def swap(column: Feature | str, pairs: Mapping[str, str] | None = None) -> Swap:
    """Put another category into a column: what `pairs` says, or without them any that training saw."""
    return Swap(_column(column), dict(pairs or {}))


def shuffle(column: Feature | str, *, within: Feature | str = "") -> Shuffle:
    """Give each row a column's value of another row, of any row or of one with the same value in `within`."""
    return Shuffle(_column(column), _column(within) if within else "")


def lose(column: Feature | str) -> Lose:
    """Take a column's value away."""
    return Lose(_column(column))


def noise(column: Feature | str, deviation: float) -> Noise:
    """Add normal noise of a standard deviation, in the column's unit."""
    return Noise(_column(column), _positive("noise", deviation))


def typo(count: int = 1) -> Typo:
    """Swap two neighbouring letters inside each of some words."""
    if count < 1:
        raise ShipwayError("SW-106", f"typo({count}) changes nothing", "write a count of at least 1")
    return Typo(count)


def case(to: Literal["lower", "upper", "title"]) -> Case:
    """Write every word in lower case, in capitals, or with a capital at its start."""
    return Case(_choice("case", to, ("lower", "upper", "title")))


def punctuation(end: str = "") -> Punctuation:
    """Take the punctuation off the ends of words, and end the text with marks of one's own, or none."""
    return Punctuation(end)


def contraction(to: Literal["short", "long"]) -> Contraction:
    """Write `is not` as `isn't` (short), or the other way round (long)."""
    return Contraction(_choice("contraction", to, ("short", "long")))


def sentence(*texts: str, at: Literal["start", "end"] = "end") -> Sentence:
    """Put one of some sentences before or behind a text."""
    if not texts:
        raise ShipwayError("SW-106", "sentence() has no sentence", 'write such as sentence("It was a Monday.")')
    return Sentence(texts, _choice("sentence", at, ("start", "end")))


def exchange(lexicon: str) -> Exchange:
    """Put another word of a lexicon in the place of each word of it, such as another name."""
    return Exchange(take_name(lexicon, "the lexicon of exchange"))


def replace(pairs: Mapping[str, str]) -> Replace:
    """Put words in the place of words."""
    return Replace(dict(pairs))


def at_least(low: float) -> Within:
    """Expect an answer of at least a number."""
    return Within(low=finite("at_least", low))


def at_most(high: float) -> Within:
    """Expect an answer of at most a number."""
    return Within(high=finite("at_most", high))


def between(low: float, high: float) -> Within:
    """Expect an answer between two numbers."""
    return Within(low=finite("between", low), high=finite("between", high))


def says(*classes: str) -> Says:
    """Expect one of some classes."""
    if not classes:
        raise ShipwayError("SW-106", "says() expects nothing", 'name a class, such as says("positive")')
    return Says(tuple(take_name(each, "a class of says") for each in classes))


def never_falls(tolerance: float = 0.005) -> Moves:
    """Expect that the change does not lower the answer by more than a tolerance."""
    return Moves(least=-_not_negative("never_falls", tolerance))


def never_rises(tolerance: float = 0.005) -> Moves:
    """Expect that the change does not raise the answer by more than a tolerance."""
    return Moves(most=_not_negative("never_rises", tolerance))


def rises(by: float) -> Moves:
    """Expect that the change raises the answer by at least so much."""
    return Moves(least=_positive("rises", by))


def falls(by: float) -> Moves:
    """Expect that the change lowers the answer by at least so much."""
    return Moves(most=-_positive("falls", by))


def stays(tolerance: float) -> Moves:
    """Expect that the change moves the answer by no more than a tolerance, either way."""
    limit = _not_negative("stays", tolerance)
    return Moves(-limit, limit)


def keeps_class() -> Keeps:
    """Expect that the change leaves the class as it was."""
    return Keeps()


def probe(
    name: str,
    *templates: str,
    expect: Expectation,
    change: Change | Sequence[Change] = (),
    where: Mapping[Any, Sequence[float | str]] | None = None,
    cases: int = 500,
    needs: int = 1,
    sample: bool = False,
    of: str = "",
) -> Check:
    """Test how a model behaves; the check measures the share of cases in which it does not as expected.

    By itself it means that no case may fail; compare it with a share for another bound.

    Args:
        name: what the test is called.
        templates: texts that are the cases, with places such as `{feel}` to be filled; without them, rows are.
        expect: what the answer must be.
        change: what is changed in each case, several all at once.
        where: column to least and greatest number, or to categories, that a row must have to be a case.
        cases: how many cases are drawn where there are more.
        needs: fewest cases before it may pass; with fewer a gate holds.
        sample: whether the cases stand for more than themselves: a gate then asks for the whole interval of the rate,
            and holds where that is too wide. Else the cases are all that is asked about.
        of: of a model of classes, the one whose probability is the answer, in a gate; a suite says it by `place=`.

    Raises:
        ShipwayError: SW-106 for a test that cannot mean anything.
    """
    name = take_name(name, "a test's name")
    changes = (change,) if isinstance(change, RowChange | TextChange) else tuple(change)
    wanted = TextChange if templates else RowChange
    wrong = next((each for each in changes if not isinstance(each, wanted)), None)
    if wrong is not None:
        words, kind = type(wrong).__name__.lower(), "texts" if templates else "rows"
        hint = "name templates for changes of text" if not templates else "rows are changed where no template is given"
        raise ShipwayError("SW-106", f"test {name!r} is on {kind}, and {words} is no change of {kind}", hint)
    if isinstance(expect, Moves | Keeps) and not changes:
        raise ShipwayError("SW-106", f"test {name!r} compares two answers and changes nothing", "say what is changed")
    if cases < 1 or needs < 1:
        raise ShipwayError("SW-106", f"test {name!r} asks for no cases", "write numbers of at least 1")
    measure = Probe(
        expect=expect,
        change=changes,
        templates=templates,
        where={_column(column): tuple(only) for column, only in (where or {}).items()},
        cases=cases,
        needs=needs,
        sample=sample,
        of=take_name(of, f"the class of test {name!r}"),
    )
    return Check(name, measure, "candidate", name)


def suite(
    name: str,
    *tests: Check | Rule,
    about: str = "",
    lexicons: Mapping[str, Sequence[str]] | None = None,
    output: str = "",
    place: int = 0,
    classes: Sequence[str] = (),
    cuts: Sequence[float] = (),
    input: str = "",  # noqa: A002  (what the protocol calls it)
    seed: int = 0,
) -> Suite:
    """Put behavioural tests together with the words they need and how answers are read.

    Args:
        name: what the suite is called.
        tests: its tests; one that is compared with a share may fail in that share of its cases.
        about: what it is for.
        lexicons: name to the words that fill its place in a template, the plainest first.
        output: the model's output that is read; the first one where empty.
        place: of an output with several numbers for each case, the one that is measured.
        classes: names of the classes the answer stands for.
        cuts: of an answer that is one number, where the next class begins.
        input: the input that texts are sent as, or a matrix of all columns.
        seed: another one draws other cases and changes.

    Raises:
        ShipwayError: SW-104 for a place without a lexicon, or a class there is not; SW-105 for two tests of one name;
            SW-106 for what is no test, or tests on rows and on texts in one suite.
    """
    rules = tuple(_rule(name, each) for each in tests)
    made = Suite(
        name=take_name(name, "a suite's name"),
        about=about,
        rules=rules,
        lexicons={key: tuple(words) for key, words in (lexicons or {}).items()},
        reader=Reader(output=output, place=place, classes=tuple(classes), cuts=tuple(cuts)),
        input=input,
        seed=seed,
    )
    refuse_suite(made)
    return made


def refuse_suite(suite: Suite) -> None:
    """Refuse a suite that could not be run, as `suite` does."""
    if not suite.rules:
        raise ShipwayError("SW-106", f"suite {suite.name!r} has no tests", "a suite without tests would pass anything")
    one = next((rule.check for rule in suite.rules if class_of(rule.check.measure)), None)
    if one is not None:
        fact = f"test {one.name!r} of suite {suite.name!r} is of class {class_of(one.measure)!r}"
        raise ShipwayError("SW-106", fact, "say which number of an answer is measured once for the suite: place=")
    names = [rule.check.name for rule in suite.rules]
    twice = next((each for each in names if names.count(each) > 1), None)
    if twice is not None:
        raise ShipwayError("SW-105", f"suite {suite.name!r} has two tests {twice!r}", "give each a name of its own")
    checks_of([suite.gate])
    if len({probe.on_text for probe in suite.probes.values()}) > 1:
        raise ShipwayError("SW-106", f"suite {suite.name!r} tests rows and texts", "a model reads one: make two suites")
    reader = suite.reader
    if reader.cuts and (len(reader.classes) != len(reader.cuts) + 1 or list(reader.cuts) != sorted(set(reader.cuts))):
        fact = (
            f"suite {suite.name!r} cuts one number into {len(reader.cuts) + 1} classes, and names {len(reader.classes)}"
        )
        raise ShipwayError("SW-106", fact, "cuts rise, and there is one class more than cuts")
    for name, probe in suite.probes.items():
        _refuse_probe(name, probe, suite)


def write_suite(suite: Suite) -> bytes:
    """Return a suite as canonical JSON, the same bytes for the same suite."""
    return canonical_json(suite) + b"\n"


def read_suite(content: bytes) -> Suite:
    """Return the suite that a file holds.

    Raises:
        ShipwayError: SW-432 for what is no suite, or is one of a newer layout.
    """
    hint = "a suite is the file that `shipway test --save FILE` or write_suite made"
    try:
        layout = msgspec.json.decode(content, type=_Head).layout
        if layout != LAYOUT:
            fact = f"the suite has layout {layout}, and this shipway reads layout {LAYOUT}"
            raise ShipwayError("SW-432", fact, "install the shipway that wrote it")
        made = msgspec.json.decode(content, type=Suite)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        said = str(error)
        raise ShipwayError("SW-432", f"the suite cannot be read: {said[:1].lower()}{said[1:]}", hint) from error
    beside = (len(column) for column in (made.names, made.clusters) if column)
    lengths = {len(values) for values in made.rows.values()} | set(beside)
    if len(lengths) > 1 or (made.rows and set(made.rows) != {column.name for column in made.columns}):
        raise ShipwayError("SW-432", "the suite's rows do not have one value for each of its columns", hint)
    if any(not isinstance(rule.check.measure, Probe) for rule in made.rules):
        raise ShipwayError("SW-432", "the suite holds a check that is no behavioural test", hint)
    refuse_suite(made)
    return made


class _Head(msgspec.Struct):
    layout: int


def _refuse_probe(name: str, probe: Probe, suite: Suite) -> None:
    used = [place for template in probe.templates for place, _ in PLACE.findall(template)]
    used += [each.lexicon for each in probe.change if isinstance(each, Exchange)]
    for lexicon in used:
        if not suite.lexicons.get(lexicon):
            fact = f"test {name!r} uses lexicon {lexicon!r}, which the suite has no words for"
            raise ShipwayError("SW-104", fact, did_you_mean(lexicon, suite.lexicons))
    classes = suite.reader.classes
    if isinstance(probe.expect, Says) and classes:
        for each in probe.expect.classes:
            if each not in classes:
                raise ShipwayError("SW-104", f"test {name!r} expects class {each!r}", did_you_mean(each, classes))


def _rule(suite: str, given: Check | Rule) -> Rule:
    rule = natural_rule(given) if isinstance(given, Check) else given
    if not isinstance(rule, Rule) or not isinstance(rule.check.measure, Probe):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ShipwayError(
            "SW-106", f"suite {suite!r} holds {write(given)}", "a suite holds what b.probe(...) returned"
        )
    if rule.op not in ("<=", "<"):
        fact = f"{rule.text} in suite {suite!r} asks for failures"
        raise ShipwayError("SW-106", fact, "a test measures the share of cases that fail: write <= and the share")
    return rule


def _column(column: object) -> str:
    if isinstance(column, Feature):
        return flatten(column.view, column.name)
    return take_name(column, "the column of a change")


def _choice(word: str, given: Chosen, among: Sequence[str]) -> Chosen:
    if given not in among:
        raise ShipwayError("SW-104", f"{word}({given!r}) is no choice", did_you_mean(str(given), among))
    return given


def _not_negative(word: str, number: object) -> float:
    value = finite(word, number)
    if value < 0:
        raise ShipwayError("SW-106", f"{word} of {write_number(value)} is below 0", "write 0 or more")
    return value


def _positive(word: str, number: object) -> float:
    value = _not_negative(word, number)
    if value == 0:
        raise ShipwayError("SW-106", f"{word} of 0 asks for nothing", "write a number above 0")
    return value
