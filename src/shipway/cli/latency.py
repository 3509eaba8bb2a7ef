"""How the speed of a model is shown."""

from shipway.cli.render import Console, show_facts, show_table, show_title
from shipway.core.latency import LatencyProfile, write_time


def show_latency(console: Console, profile: LatencyProfile) -> None:
    """Show how long calls take, and on which machine."""
    show_title(console, "latency without a server")
    show_facts(console, {"measured on": profile.machine.said})
    rows = ((f"{each.rows:,}", *map(write_time, (each.p50_us, each.p99_us, each.cpu_us))) for each in profile.batches)
    show_table(console, ("rows of a call", "median", "p99", "processor"), rows)
