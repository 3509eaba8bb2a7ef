"""`shipway demo`."""

import shutil
import sys
from pathlib import Path
from typing import Final

from cyclopts import App

from shipway.app.demo import Demonstration, run_demo
from shipway.cli.door import Given
from shipway.cli.failure import OUTCOMES
from shipway.cli.life import show_life
from shipway.cli.render import Console, show_title, watch_run
from shipway.cli.replay import show_replay
from shipway.cli.run import show_run

TIMEZONE: Final = "America/New_York"
"""The zone of the example, in which its days are told."""

app = App(
    name="demo",
    help_epilogue="""\
Will this flight arrive more than 15 minutes late? 336,776 departures from New York in 2013, from raw data to a
service that lives through half a year of them, and a report

Nothing is fetched: the data comes with pip install 'shipway[demo]'

Examples:
  shipway demo
  shipway demo /tmp/flights""",
)


@app.default
def demo(folder: Path = Path("shipway-demo"), /, *, door: Given) -> int:
    """Run the flights example from raw data to a report.

    Args:
        folder: where to; a folder that holds the demonstration already is used again
        door: how to answer
    """
    with watch_run(json=door.json) as watch:
        shown = run_demo(folder, watch=watch)
    door.answer(shown, _show)
    return OUTCOMES[shown.run.outcome]


def _show(console: Console, shown: Demonstration) -> None:
    show_run(console, shown.run, None)
    show_title(console, "the half-year that the service lived through", "replayed request by request")
    show_replay(console, shown.replay, TIMEZONE)
    show_life(console, shown.live, TIMEZONE)
    console.print(f"\nreport  {shown.report}")
    peak = max(shown.run.peak_mb, shown.replay.together_mb or 0.0)
    console.print(f"everything took {shown.seconds:.0f} s and {peak:,.0f} MB at most")
    command = "shipway" if shutil.which("shipway") else Path(sys.argv[0]).absolute()
    console.print(f"\nlook at the report, then around in the project: cd {shown.path} && {command} status")
