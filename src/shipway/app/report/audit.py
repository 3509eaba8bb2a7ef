"""Sections on the features that were read online: whether they are those of the offline frame, and how they moved."""

from collections.abc import Sequence
from typing import Final

from shipway.app.count import write_plural
from shipway.app.live.data import Audit, DriftedColumn, SkewedColumn
from shipway.app.report.element import Child, Markup, code, element, fold, join, table, words
from shipway.app.report.live import LiveData
from shipway.app.report.number import write_number, write_share

SHOWN: Final = 10
"""How many features are shown before the reader asks for all."""
_NOTABLE: Final = 0.25
"""From which population stability index on a feature is commonly said to have moved much."""


def show_skew(live: LiveData) -> Markup | None:
    """Return how many feature vectors differ from the offline frame, of what was served and of what was on trial."""
    if not live.served_audit and not live.shadow_audit:
        return None
    why = (
        "Each feature vector that a prediction was made from stands in the log. It is compared with the row of the"
        " offline frame at the same instant, feature by feature, to the last bit."
    )
    rows = [_row(audit, "served") for audit in live.served_audit]
    rows += [_row(audit, f"on trial, release {audit.release}") for audit in live.shadow_audit]
    head = ("", "Vectors", "Compared", "That differ", "Not in the log", "Not offline", "Features")
    found = [_differing(audit) for audit in (*live.served_audit, *live.shadow_audit) if audit.columns]
    return join(
        (
            element("p", why, class_="why"),
            words(*_say(live.served_audit)),
            table(head, rows, numbers=range(1, 7)),
            *found,
        )
    )


def show_drift(live: LiveData) -> Markup | None:
    """Return the features of the newest window that moved most from what the version in service learned from."""
    drift = live.drift
    if drift is None:
        return None
    much = sum(each.stability - each.chance > _NOTABLE for each in drift.columns)
    said = (
        f"{drift.rows:,} vectors of {live.drift_window[0]} to {live.drift_window[1]} against the"
        f" {drift.rows_reference:,} rows that version {drift.version} learned from."
        f" By the population stability index (PSI), {much:,} of {write_plural(len(drift.columns), 'feature')} moved by"
        f" more than {_NOTABLE:g} beyond chance; W1 is how far values moved on average."
    )
    caveat = (
        "That a feature moved does not say that predictions are worse: a season moves many. Whether they are is in the"
        " sections above."
    )
    top = drift.columns[:SHOWN]
    rest = None
    if len(drift.columns) > len(top):
        rest = fold(f"All {len(drift.columns):,} features", _drift_table(drift.columns))
    return join((words(said), element("p", caveat, class_="why"), _drift_table(top), rest))


def _say(audits: Sequence[Audit]) -> tuple[Child, ...]:
    compared, differing = sum(audit.compared for audit in audits), sum(audit.differing for audit in audits)
    without = sum(audit.unlogged + audit.unmatched for audit in audits)
    if not compared:
        return ("Nothing that was served could be compared.",)
    missing = f" {write_plural(without, 'answer')} could not be compared." if without else ""
    count = element("b", f"{differing:,} of {compared:,}")
    return (count, f" vectors that were served differ from the offline frame.{missing}")


def _row(audit: Audit, what: str) -> tuple[Child, ...]:
    numbers = ", ".join(f"{number}" for number in audit.versions)
    title = f"version{'' if len(audit.versions) == 1 else 's'} {numbers}, {what}"
    return (
        join((element("b", title), element("div", "store ", code(audit.online), class_="soft"))),
        f"{audit.requests:,}",
        f"{audit.compared:,}",
        element("b", f"{audit.differing:,}"),
        f"{audit.unlogged:,}",
        f"{audit.unmatched:,}",
        f"{audit.features:,}",
    )


def _differing(audit: Audit) -> Markup:
    numbers = ", ".join(f"{number}" for number in audit.versions)
    top = audit.columns[:SHOWN]
    said = words(
        f"{audit.differing:,} of {write_plural(audit.compared, 'vector')} differ"
        f" ({write_share(audit.differing / audit.compared)}), in {len(audit.columns):,} of {audit.features:,} features."
        " The first of each feature stands beside it."
    )
    rest = None
    if len(audit.columns) > len(top):
        rest = fold(f"All {len(audit.columns):,} features that differ", _skew_table(audit, audit.columns))
    title = element("h3", f"What version {numbers} read otherwise")
    return join((title, said, _skew_table(audit, top), rest))


def _skew_table(audit: Audit, columns: Sequence[SkewedColumn]) -> Markup:
    rows = [
        (
            code(each.column),
            f"{each.rows:,}",
            write_share(each.rows / audit.compared),
            code(each.row),
            _value(each.online),
            _value(each.offline),
        )
        for each in columns
    ]
    head = ("Feature", "Rows that differ", "Share", "Such as row", "Read online", "Offline")
    return table(head, rows, numbers=(1, 2, 4, 5), class_="tight")


def _value(value: float | str | None) -> str:
    """Return a value with all its digits, so that two that differ in a bit are not written alike."""
    if value is None:
        return "missing"
    return value if isinstance(value, str) else repr(value).removesuffix(".0")


def _drift_table(columns: Sequence[DriftedColumn]) -> Markup:
    rows = [
        (
            code(each.column),
            element("b", write_number(each.stability, "auc")),
            write_number(each.chance, "loss"),
            None if each.distance is None else write_number(each.distance, "cost"),
            write_share(each.missing),
            write_share(each.missing_reference),
        )
        for each in columns
    ]
    head = ("Feature", "PSI", "By chance", "W1 in standard deviations", "Missing now", "Missing in training")
    return table(head, rows, numbers=range(1, 6), class_="tight narrow")
