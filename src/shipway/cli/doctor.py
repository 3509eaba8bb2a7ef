"""`shipway doctor`."""

from pathlib import Path

from cyclopts import App

from shipway.app.doctor import Symptom, diagnose
from shipway.cli.door import Given
from shipway.cli.failure import DONE, REFUSED
from shipway.cli.render import Console, show_table, word

app = App(
    name="doctor",
    help_epilogue="""\
Works anywhere; in a project it also looks at its definitions, its ledger and its disk

The exit code is 1 if something stands in the way""",
)


@app.default
def doctor(*, door: Given) -> int:
    """Look at everything shipway asks of this machine."""
    symptoms = diagnose(door.folder or Path.cwd())
    door.answer(symptoms, _show)
    return REFUSED if any(symptom.health == "bad" for symptom in symptoms) else DONE


def _show(console: Console, symptoms: list[Symptom]) -> None:
    rows = ((word(s.health), s.what, f"{s.said}; {s.hint}" if s.hint else s.said) for s in symptoms)
    show_table(console, (), rows)
