"""How an audit of served features is shown in a terminal."""

from shipway.app.count import write_plural
from shipway.app.skew.data import FeatureDifference, SkewAudit
from shipway.cli.render import Console, show_facts, show_table, show_title, word, write_instant, write_value


def show_audits(console: Console, audits: list[SkewAudit], timezone: str) -> None:
    """Show what audits came to, one for each store that was read."""
    for place, audit in enumerate(audits):
        if place:
            console.print()
        since, now = (write_instant(at, timezone) for at in (audit.since, audit.now))
        show_title(
            console, f"{audit.service}: {audit.version}", f"from store {audit.online}, {since} to {now} {timezone}"
        )
        console.print(word("bad" if audit.skewed else "good").append(f"  {_say(audit)}", style="default"))
        if audit.unmatched:
            rows = ", ".join(audit.unmatched_rows)
            said = write_plural(audit.unmatched, "vector")
            show_facts(
                console, {"not compared": f"{said} about rows that the main branch does not have, such as {rows}"}
            )
        for each in audit.columns:
            console.print()
            _show_difference(console, each, timezone)


def _say(audit: SkewAudit) -> str:
    drawn = f"{audit.compared:,} of {write_plural(audit.served, 'vector')} drawn and computed again"
    interval = f"{audit.share:.4%} [{audit.low:.4%}, {audit.high:.4%}]"
    return f"{audit.differing:,} differ, {interval}; {drawn}, {write_plural(audit.features, 'feature')} each"


def _show_difference(console: Console, each: FeatureDifference, timezone: str) -> None:
    sizes = "" if each.largest is None else f", at most {each.largest:.6g} off, {each.median:.6g} at the median"
    show_title(console, each.column, f"{write_plural(each.rows, 'row')}{sizes}")
    at = write_instant(each.at, timezone)
    first = f"row {each.row} at {at}: {write_value(each.online)} served, {write_value(each.offline)} computed"
    show_facts(console, {"first": first})
    rows = (
        (f"{cause.share:.0%}", f"{cause.rows} of {cause.tested}", cause.kind, cause.said) for cause in each.causes[:4]
    )
    show_table(console, ("explains", "rows", "cause", ""), rows)
