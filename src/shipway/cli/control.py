"""`shipway control`."""

from cyclopts import App

from shipway.cli.door import Flag, Given
from shipway.cli.render import watch_run

app = App(
    name="control",
    help_epilogue="""\
It may be stopped and started at any time: what is due is read from the ledger, and nothing is done twice

Examples:
  shipway control
  shipway control --once""",
)


@app.default
def control(*, once: Flag = False, door: Given) -> None:
    """Walk releases, ask live gates, and route requests, until it is stopped.

    Args:
        once: do what is due now, then end
        door: how to answer
    """
    from shipway.app.control.process import run_controller

    with watch_run(json=door.json) as watch:
        run_controller(door.project(), once=once, watch=watch)
