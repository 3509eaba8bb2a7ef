"""How do two sentiment models that people install behave? A suite of 37 tests, asked of each behind a URL.

The models are VADER and TextBlob, as their packages bring them, behind a server of the Open Inference Protocol that
knows nothing of shipway. They answer with one number, cut at -0.05 and 0.05 into negative, neutral and positive. Beside
the failure rates of ten tests stand those of the reference suite (CheckList's, 200 cases a test, `stats` 2.6), whose
cases are others: what is alike and what is not says something of both, and no number has to agree.

    python -m venv /tmp/sentiment && /tmp/sentiment/bin/pip install vaderSentiment textblob
    python bench/behaviour_text.py /tmp/sentiment/bin/python [suite.json]
"""

import subprocess
import sys
from pathlib import Path

from shipway import behaviours as b
from shipway.app.suite import Tested, load_suite, run_suite_at, save_suite
from shipway.core.behaviour import Suite, write_suite

REFERENCE = {
    "single positive words": (8.8, 23.5),
    "two typos": (14.0, 5.0),
    "used to, but now": (52.5, 66.0),
    "not negative": (0.0, 53.5),
    "I thought it was good, but it was not": (100.0, 100.0),
    "question and answer: no": (94.5, 94.5),
    "another sexual orientation": (89.5, 96.0),
    "another race": (0.0, 0.0),
    "another religion": (0.0, 0.0),
    "another nationality": (0.0, 0.0),
}
"""Failures in per cent of VADER and of TextBlob."""
LEXICONS = {
    "thing": ("flight", "seat", "crew", "service", "food", "airline", "trip", "cabin", "plane", "staff"),
    "good": (
        "good", "great", "nice", "excellent", "wonderful", "amazing", "fantastic", "pleasant", "beautiful", "brilliant",
        "exceptional", "awesome", "lovely", "perfect", "incredible", "extraordinary", "happy", "fun", "sweet",
        "exciting", "enjoyable", "adorable", "superb", "terrific", "delightful",
    ),
    "bad": (
        "bad", "awful", "terrible", "horrible", "poor", "nasty", "ugly", "boring", "annoying", "dreadful", "lousy",
        "unpleasant", "frustrating", "disappointing", "weird", "rough", "hard", "creepy", "ridiculous", "unhappy",
        "average", "lame", "sad", "difficult", "miserable",
    ),
    "neutral": ("international", "private", "commercial", "Italian", "American", "British", "Australian", "Indian"),
    "love": ("like", "love", "enjoy", "appreciate", "admire", "recommend", "welcome", "value"),
    "hate": ("hate", "dislike", "regret", "dread", "despise", "abhor"),
    "see": ("see", "find", "take", "use", "board", "watch"),
    "name": ("Mary", "John", "Anna", "David", "Emma", "Paul", "Sarah", "Peter", "Laura", "Michael"),
    "city": ("Boston", "Chicago", "Denver", "Dallas", "Houston", "Seattle", "Phoenix", "Miami", "Austin", "Portland"),
    "number": ("12", "17", "23", "42", "58", "64", "75", "86", "91", "99"),
    "orientation": ("straight", "gay", "lesbian", "bisexual", "asexual", "queer", "heterosexual", "homosexual"),
    "race": ("black", "white", "asian", "hispanic", "latino"),
    "religion": ("Christian", "Muslim", "Jewish", "Hindu", "Buddhist", "Protestant", "Catholic"),
    "nationality": ("French", "German", "Chinese", "Russian", "Mexican", "Nigerian", "Turkish", "Polish"),
    "person": ("woman", "man", "person", "neighbor", "teacher", "doctor", "pilot"),
}  # fmt: skip
SAYINGS = ("I {love} this {thing}.", "I {hate} this {thing}.", "This is a {good} {thing}.", "The {thing} was {bad}.")
LONGER = (
    "The {thing} to {city} was {good} and {name} was happy with it.",
    "We waited {number} minutes in {city} and the {thing} was {bad}.",
    "I said that the {thing} is not {good}, and {name} did not agree.",
)
RISES, FALLS = b.never_falls(0.1), b.never_rises(0.1)


def negate(template: str) -> str:
    """Return a template with its adjective negated."""
    return template.replace("is a", "is not a").replace("was", "was not")


def build() -> Suite:
    """Build the suite."""
    positive, negative = b.says("positive"), b.says("negative")
    good, bad = (
        ("This is a {good} {thing}.", "The {thing} was {good}."),
        ("This is a {bad} {thing}.", "The {thing} was {bad}."),
    )
    very, barely = ({w: f"{how} {w}" for w in (*LEXICONS["good"], *LEXICONS["bad"])} for how in ("really", "somewhat"))
    tests = (
        b.probe("single positive words", "{good}", "{love}", expect=positive),
        b.probe("single negative words", "{bad}", "{hate}", expect=negative),
        b.probe("single neutral words", "{neutral}", "{thing}", "{see}", expect=b.says("neutral")),
        b.probe("positive words in a sentence", *good, "I {love} this {thing}.", expect=positive, cases=400),
        b.probe("negative words in a sentence", *bad, "I {hate} this {thing}.", expect=negative, cases=400),
        b.probe("neutral words in a sentence", "I {see} the {neutral} {thing}.", "This is a private {thing}.",
                expect=b.says("neutral"), cases=400),
        b.probe("really good is no worse than good", *good, change=b.replace(very), expect=RISES, cases=400),
        b.probe("really bad is no better than bad", *bad, change=b.replace(very), expect=FALLS, cases=400),
        b.probe("somewhat good is no better than good", *good, change=b.replace(barely), expect=FALLS, cases=400),
        b.probe("somewhat bad is no worse than bad", *bad, change=b.replace(barely), expect=RISES, cases=400),
        b.probe("a positive sentence more", *LONGER, change=b.sentence("I would fly with you again.", "You are great."),
                expect=RISES, cases=400),
        b.probe("a negative sentence more", *LONGER, change=b.sentence("Never again.", "You are lame."), expect=FALLS,
                cases=400),
        b.probe("a neutral sentence more", *LONGER, change=b.sentence("It was a Monday.", "The plane was an Airbus."),
                expect=b.keeps_class(), cases=400),
        b.probe("punctuation", *LONGER, change=b.punctuation(), expect=b.keeps_class(), cases=400),
        b.probe("capitals", *SAYINGS, change=b.case("upper"), expect=b.keeps_class(), cases=400),
        b.probe("small letters", *LONGER, change=b.case("lower"), expect=b.keeps_class(), cases=400),
        b.probe("one typo", *LONGER, change=b.typo(), expect=b.keeps_class(), cases=400),
        b.probe("two typos", *LONGER, change=b.typo(2), expect=b.keeps_class(), cases=400),
        b.probe("contractions", *(negate(t) for t in (*good, *bad)), "I do not {love} this {thing}.", "It is {bad}.",
                change=b.contraction("short"), expect=b.keeps_class(), cases=400),
        b.probe("another name", *LONGER, change=b.exchange("name"), expect=b.keeps_class(), cases=400),
        b.probe("another city", *LONGER, change=b.exchange("city"), expect=b.keeps_class(), cases=400),
        b.probe("another number", *LONGER, change=b.exchange("number"), expect=b.keeps_class(), cases=400),
        b.probe("used to, but now", "I used to {hate} this {thing}, but now I {love} it.",
                "I used to think this {thing} was {bad}, but now I think it is {good}.", expect=positive, cases=400),
        b.probe("used to like it, but now", "I used to {love} this {thing}, but now I {hate} it.",
                "I used to think this {thing} was {good}, but now I think it is {bad}.", expect=negative, cases=400),
        b.probe("not positive", *(negate(t) for t in good), expect=negative, cases=400),
        b.probe("not negative", *(negate(t) for t in bad), expect=b.says("positive", "neutral"), cases=400),
        b.probe("not neutral is still neutral", "This is not a {neutral} {thing}.", expect=b.says("neutral")),
        b.probe("I thought it was good, but it was not", "I thought the {thing} would be {good}, but it was not.",
                expect=negative, cases=200),
        b.probe("I thought it was bad, but it was not", "I thought the {thing} would be {bad}, but it was not.",
                expect=b.says("positive", "neutral"), cases=200),
        b.probe("not positive, with words between",
                "I don't think, given my time in {city}, that the {thing} is {good}.", expect=negative, cases=400),
        b.probe("my opinion counts", "Some people think the {thing} is {bad}, but I think it is {good}.",
                expect=positive, cases=400),
        b.probe("question and answer: yes", "Do I think the {thing} was {good}? Yes.", expect=positive, cases=200),
        b.probe("question and answer: no", "Do I think the {thing} was {good}? No.", expect=negative, cases=200),
        b.probe("another sexual orientation", "{name} is a {orientation} {person}.", change=b.exchange("orientation"),
                expect=b.keeps_class(), cases=400),
        b.probe("another race", "{name} is a {race} {person}.", change=b.exchange("race"), expect=b.keeps_class()),
        b.probe("another religion", "{name} is a {religion} {person}.", change=b.exchange("religion"),
                expect=b.keeps_class()),
        b.probe("another nationality", "{name} is a {nationality} {person}.", change=b.exchange("nationality"),
                expect=b.keeps_class()),
    )  # fmt: skip
    return b.suite(
        "sentiment",
        *tests,
        about="What anyone would expect of a model that says how a passenger feels.",
        lexicons=LEXICONS,
        classes=("negative", "neutral", "positive"),
        cuts=(-0.05, 0.05),
    )


def report(tested: dict[str, Tested], suite: Suite) -> None:
    """Print failure rates of both models side by side, and the counterexamples."""
    print(f"{'test':40}{'kind':>12}{'cases':>7}  {'VADER':>24}  {'TextBlob':>24}   reference")
    for vader, blob in zip(tested["vader"].tests, tested["textblob"].tests, strict=True):
        told = REFERENCE.get(vader.test)
        rates = [f"{line.share:6.1%} [{line.low:6.1%}, {line.high:6.1%}]" for line in (vader, blob)]
        said = "" if told is None else f"{told[0]:g} / {told[1]:g}"
        style = {"minimum functionality": "MFT", "invariance": "INV", "direction": "DIR"}[vader.style]
        print(f"{vader.test:40}{style:>12}{vader.cases:>7,}  {rates[0]:>24}  {rates[1]:>24}   {said}")
    styles = [probe.style for probe in suite.probes.values()]
    counted = ", ".join(f"{styles.count(style)} {style}" for style in dict.fromkeys(styles))
    cases = sum(line.cases for line in tested["vader"].tests)
    print(f"\n{len(styles)} tests ({counted}), {cases:,} cases; the suite file has {len(write_suite(suite)):,} bytes")
    for name, found in tested.items():
        shown = [line for line in found.tests if line.counterexample is not None]
        print(f"\n{name}: {sum(line.outcome == 'fail' for line in found.tests)} of {len(found.tests)} tests fail")
        for line in shown:
            example = line.counterexample
            assert example is not None
            before = f"{example.text_before!r} {_say(example.before)} -> " if example.before is not None else ""
            print(f"  {line.test}: {before}{example.text_after!r} {_say(example.after)}  ({example.batches} batches)")


def _say(said: "object") -> str:
    return f"{getattr(said, 'label', '')} {getattr(said, 'value', 0.0):+.2f}"


def main() -> None:
    python = sys.argv[1]
    path = Path(sys.argv[2] if len(sys.argv) > 2 else "/tmp/sentiment.json")
    save_suite(build(), path)
    suite = load_suite(path)
    words = [python, str(Path(__file__).parent / "sentiment_peer" / "server.py"), "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        try:
            tested = {name: run_suite_at(suite, url, name) for name in ("vader", "textblob")}
            again = run_suite_at(load_suite(path), url, "vader", batch=64)
        finally:
            server.terminate()
    same = [line.counterexample for line in again.tests] == [line.counterexample for line in tested["vader"].tests]
    report(tested, suite)
    print(f"\nasked again in batches of 64, from the file: {'the same' if same else 'OTHER'} counterexamples")


if __name__ == "__main__":
    main()
