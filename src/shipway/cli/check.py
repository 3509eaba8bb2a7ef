"""`shipway check`."""

from cyclopts import App

from shipway.app.check import Checked, check_project
from shipway.cli.door import Given
from shipway.cli.failure import OUTCOMES
from shipway.cli.render import Console, show_table, show_title, word

app = App(
    name="check",
    help_epilogue="""\
The exit code is 3 if a gate fails for the data or for the newest version of a model, 4 if one holds

Examples:
  shipway check
  shipway check quality
  shipway check --json | jq '.outcome'""",
)


@app.default
def check(gate: str | None = None, /, *, door: Given) -> int:
    """Ask the gates: data now, versions on what was measured of them.

    Args:
        gate: only this gate
        door: how to answer
    """
    checked = check_project(door.project(), gate)
    door.answer(checked, _show)
    return OUTCOMES[checked.outcome]


def _show(console: Console, checked: Checked) -> None:
    for verdict in checked.verdicts:
        show_title(console, f"{verdict.gate}", verdict.subject)
        show_table(console, (), ((word(f.outcome), f.rule, f.reason) for f in verdict.findings))
        console.print()
    console.print(word(checked.outcome))
