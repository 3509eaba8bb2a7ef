"""What it means that a rule on data does not pass, and what a person does about it, for each kind of measure."""

from shipway.core.check import Rule
from shipway.core.data_measure import (
    Correlation,
    Custom,
    DataMeasure,
    DayRows,
    Distinct,
    Fresh,
    Gaps,
    HasColumns,
    HasRows,
    Holds,
    Mean,
    Past,
    Present,
    Quantile,
    Refers,
    Shift,
    Timely,
    Unique,
    Unseen,
    Vanished,
)
from shipway.core.gate import Outcome

NOTHING = (
    "There was nothing to measure, and what was not looked at never passes.",
    "See whether the table, or what it is compared with, has rows yet; then run again.",
)
"""What is said where no row was measured."""
NO_NEW = (
    "The rule is on new rows, and no row here has a key that main does not have: what came are corrections at most.",
    "See what changed, and let it through by an override if that is right; or ask the rule of all rows.",
)
"""What is said of a rule on new rows where there are none."""
STRADDLES = (
    "The interval of the estimate reaches over the bound: the rows do not tell on which side the truth lies.",
    "More rows make the interval narrower; or say with the bound how much is still good enough.",
)
"""What is said of a number that is too uncertain."""
UNDECLARED = ("The project declares this rule no longer.", "shipway run asks the rules that it has now.")
"""What is said where the words are gone."""


def explain_rule(rule: Rule | None, outcome: Outcome, *, measured: bool) -> tuple[str, str]:
    """Return what it means that a rule came out so, and what to do; two empty texts for one that passes.

    Args:
        rule: the rule; None where it is not declared any more.
        outcome: what it came to.
        measured: whether anything was measured.
    """
    if outcome == "pass":
        return "", ""
    if rule is None or not isinstance(rule.check.measure, DataMeasure):
        return UNDECLARED
    if not measured:
        return NO_NEW if rule.check.measure.rows == "new" else NOTHING
    return STRADDLES if outcome == "hold" else explain_measure(rule.check.measure)


def explain_measure(measure: DataMeasure) -> tuple[str, str]:
    """Return what it means that a measure is beyond its bound, and what to do about it."""
    match measure:
        case HasColumns():
            return (
                "Columns are missing, or hold another type than the project was written for.",
                "Have the delivery mended; if the change is meant, change what reads the column and then the rule.",
            )
        case Holds() | Custom():
            return (
                "Rows contradict what the project takes for granted about them.",
                "If most rows break it, look for a unit, a sign or swapped columns; if a few do, for damaged records.",
            )
        case Present():
            return (
                "Values are missing that were expected.",
                "See whether the source has stopped sending them; if they may be missing, say how many by the bound.",
            )
        case Unique():
            return (
                "Rows stand in the table more than once, and are counted and learned from as often.",
                "Look for a delivery that came twice; if both rows are right, the key lacks a column.",
            )
        case Refers():
            return (
                "Rows name something that the other table does not have, so whatever is joined from it is missing.",
                "See whether the other table is older than this one, or one of them writes its codes otherwise.",
            )
        case Timely():
            return (
                "Labels are known before they are asked for: a model would learn from what it is to predict.",
                "See which instant is wrong, the label's or the one it is asked at.",
            )
        case Fresh() | Past() | Gaps() | DayRows() | HasRows():
            return _explain_coming(measure)
        case Mean() | Quantile() | Correlation() | Distinct() | Shift() | Unseen() | Vanished():
            return _explain_values(measure)


def _explain_coming(measure: Fresh | Past | Gaps | DayRows | HasRows) -> tuple[str, str]:
    """Return the words for when rows come, and how many."""
    match measure:
        case Fresh():
            return (
                "The newest value is older than it may be: a feed is late or stands still.",
                "See whether the feed runs; once it has caught up, run again.",
            )
        case Past():
            return (
                "Instants lie in the future.",
                "Look for a clock that is wrong, a zone taken for another, or day and month in the wrong order.",
            )
        case Gaps():
            return (
                "Steps of a regular feed have no row.",
                "See what the feed lost in these steps, and have it delivered again.",
            )
        case DayRows(extreme="least"):
            return (
                "A day has far fewer rows than a usual one.",
                "Look for a file that is missing or cut off, or a part that stopped delivering on that day.",
            )
        case DayRows():
            return ("A day has far more rows than a usual one.", "Look for a delivery of that day that came twice.")
        case HasRows(against=None):
            return (
                "The table has not the number of rows that it should have.",
                "Look for a delivery that is missing, cut off, or came twice.",
            )
        case HasRows():
            return (
                "There are by far more or fewer rows than in the time before.",
                "Look for a delivery that is missing, cut off, or came twice; if the world has moved, move the bound.",
            )


def _explain_values(
    measure: Mean | Quantile | Correlation | Distinct | Shift | Unseen | Vanished,
) -> tuple[str, str]:
    """Return the words for what values are like."""
    match measure:
        case Unseen():
            return (
                "Values came that were never seen before; a model knows nothing about them.",
                "See whether they are new in the world, or old ones written otherwise: case, blanks, a renamed code.",
            )
        case Vanished():
            return (
                "Values that used to be common do not come any more.",
                "See whether a part of the feed has stopped, or whether they are written otherwise now.",
            )
        case Distinct():
            return (
                "The column does not have the number of different values that it should have.",
                "Look for a value that stands still, rounding, or codes that were merged or split.",
            )
        case Correlation():
            return (
                "Two columns no longer go together as they did.",
                "Look for columns taken for each other, rows joined to the wrong ones, or a sign that turned.",
            )
        case Shift() | Mean(against=object()) | Quantile(against=object()) if measure.against is not None:
            return (
                "The values are not distributed as those before them.",
                "See whether the world has moved, such as with a season, or the unit, sign or scale of the column.",
            )
        case _:
            return (
                "A number of the whole table lies outside of what it may be.",
                "See whether the world has moved, or the unit, sign or scale of the column.",
            )
