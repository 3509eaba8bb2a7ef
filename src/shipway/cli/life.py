"""What a service came to, as people read it: its releases, its retrains, and what other policies would have got."""

from collections.abc import Iterator

from shipway.app.live.data import Audit, LiveSummary, Score
from shipway.cli.render import Cell, Console, show_table, show_text, show_title, word, write_instant
from shipway.core.label import LOSS


def show_life(console: Console, live: LiveSummary, timezone: str) -> None:
    """Show what a service came to."""
    show_title(console, f"releases of {live.service}", "each by its gates alone")
    show_table(console, ("release", "version", "from", "to", "outcome", "reason"), _releases(live, timezone))
    if live.retrains:
        show_title(console, "retrains", "asked for by a gate on the live window")
        rows = (
            (write_instant(r.asked_at, timezone), f"version {r.number}", word(r.outcome or "running"), r.reason)
            for r in live.retrains
        )
        show_table(console, ("asked", "made", "gates", "because"), rows)
    if live.comparison is not None:
        show_title(console, "what other policies would have got", f"on {live.comparison.rows:,} labelled answers")
        policies = (
            (
                policy.name,
                f"{policy.score.loss:,.4f}",
                _beside(policy.score),
                "" if policy.share is None else f"{policy.share:.0%}",
            )
            for policy in live.comparison.policies
        )
        beside = {"condition": "auc", "number": "root squared error", "class": "accuracy"}[live.predicts]
        show_table(console, ("new versions", LOSS[live.predicts], beside, "of monthly's gain"), policies)
    if live.unlabelled:
        show_title(console, "what other policies would have got")
        show_text(console, live.unlabelled)
    show_title(console, "skew audit", "feature vectors against the offline frame, to the bit")
    show_table(
        console,
        ("read by", "compared", "differ", "without a partner", "features that differ most"),
        (_audit(audit) for audit in (*live.served_audit, *live.shadow_audit)),
    )


def _beside(score: Score) -> str:
    found = (score.auc, score.accuracy, score.root_mean_squared_error)
    shown = next((each for each in found if each is not None), None)
    return "" if shown is None else f"{shown:,.4f}"


def _releases(live: LiveSummary, timezone: str) -> Iterator[tuple[Cell, ...]]:
    for release in live.releases:
        ended = "" if release.ended_at is None else write_instant(release.ended_at, timezone)
        yield (
            release.id,
            str(release.candidate.version),
            write_instant(release.started_at, timezone),
            ended,
            release.outcome,
            release.reason,
        )


def _audit(audit: Audit) -> tuple[Cell, ...]:
    versions = ", ".join(str(version) for version in audit.versions)
    who = f"version {versions} in service" if audit.release is None else f"version {versions} in shadow"
    worst = ", ".join(f"{column.column} ({column.rows:,})" for column in audit.columns[:3])
    return who, f"{audit.compared:,}", f"{audit.differing:,}", f"{audit.unlogged + audit.unmatched:,}", worst
