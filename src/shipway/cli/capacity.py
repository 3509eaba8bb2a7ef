"""How loads, limits and advice are shown."""

import math
from typing import TYPE_CHECKING

from shipway.cli.render import Cell, Console, show_facts, show_table, show_text, show_title, word

if TYPE_CHECKING:
    from shipway.app.load import Judged, Ran
    from shipway.core.capacity import Advice, Capacity, Probe
    from shipway.core.load import Load


def show_ran(console: Console, ran: "Ran") -> None:
    """Show a load, and what its objective came to."""
    show_load(console, ran.load)
    if ran.judged is not None:
        console.print()
        console.print(word(ran.judged.outcome).append(f"  {ran.judged.reason}", style="default"))


def show_load(console: Console, load: "Load") -> None:
    """Show a load: what was sent, whether it came to what was due, and how long answers took."""
    show_title(console, load.target, load.pattern.said)
    if load.doubt:
        console.print(word("hold").append(f"  not to be trusted: {load.doubt}", style="default"))
    timing = load.timing
    facts: dict[str, Cell] = {
        "requests": f"{load.requests:,} in {load.seconds:.4g} s, after {load.warm_s:.3g} s of warm-up",
        "rate": f"{load.intended:,.5g} a second due, {load.achieved:,.5g} sent, {load.answered:,.5g} answered well",
        "failed": f"{load.failed:,}, {load.failed_share:.3%} (at most {load.failed_high:.3%})" if load.requests else "",
        "timing error": f"p50 {timing.p50_ms:.3g} ms, p99 {timing.p99_ms:.3g} ms, worst {timing.worst_ms:.3g} ms",
        "measured on": load.machine.said,
    }
    if load.waited:
        facts["waited"] = f"{load.waited:,} for one of {load.connections:,} connections"
    show_facts(console, facts)
    console.print()
    rows = (
        (f"p{each.share * 100:g}", f"{each.ms:.4g}", _span(each.low_ms, each.high_ms), f"{each.sent_ms:.4g}")
        for each in load.quantiles
    )
    show_table(console, ("", "ms from due", "interval", "ms from sent"), rows)
    if load.errors:
        console.print()
        show_table(console, ("failed", "requests"), ((kind, f"{count:,}") for kind, count in load.errors.items()))


def show_capacity(console: Console, found: "Capacity") -> None:
    """Show a limit, and the rates that were tried for it."""
    show_title(console, found.target, found.objective.said)
    limit = "not found" if found.limit is None else f"about {found.limit:,.5g} requests/s"
    nowhere = "not shown of any rate" if found.short else "at no rate that was tried"
    facts: dict[str, Cell] = {
        "holds": f"{found.rate:,.5g} requests/s" if found.rate else nowhere,
        "limit": limit,
        "because": found.reason,
        "measured on": found.machine.said,
    }
    show_facts(console, facts)
    console.print()
    rows = (
        (
            word(each.outcome),
            f"{each.rate:,.5g}",
            f"{each.requests:,}",
            "" if math.isnan(each.quantile_ms) else f"{each.quantile_ms:.3g}",
            f"{each.slow:.2%}",
            f"{each.slow_low:.2%} to {each.slow_high:.2%}",
            f"{each.failed:.2%}",
        )
        for each in found.probes
    )
    percentile = f"p{found.objective.share * 100:g}, ms"
    show_table(console, ("", "requests/s", "requests", percentile, "late", "interval", "failed"), rows)


def show_advice(console: Console, advice: "Advice") -> None:
    """Show the settings that were tried, and which one to take."""
    show_title(console, advice.target, f"{advice.rate:,.5g} requests/s, {advice.objective.said}")
    rows = (each.cells for each in advice.trials)
    show_table(console, ("setting", "holds, requests/s", "together", "copies", "cores", "cost an hour"), rows)
    console.print()
    show_text(console, advice.said)


def show_judged(console: Console, judged: "Judged") -> None:
    """Show what the gates before traffic say of a version."""
    for verdict in judged.verdicts:
        show_title(console, f"gate {verdict.gate}", judged.version)
        show_table(console, ("", "rule", ""), ((word(f.outcome), f.rule, f.reason) for f in verdict.findings))


def say_probe(probe: "Probe") -> str:
    """Return what came of a rate, as one line."""
    return f"{probe.outcome} at {probe.rate:,.5g} requests/s: {probe.reason}"


def _span(low: float, high: float | None) -> str:
    return f"{low:.4g} or more" if high is None else f"{low:.4g} to {high:.4g}"
