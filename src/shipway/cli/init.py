"""`shipway init`."""

from pathlib import Path

from cyclopts import App

from shipway.app.scaffold import Created, init_project
from shipway.cli.door import Given
from shipway.cli.render import Console

app = App(
    name="init",
    help_epilogue="""\
Will this order be returned? A made-up shop with 24,000 orders, two files of definitions, gates, and a README

Examples:
  shipway init shop && cd shop && shipway run""",
)


@app.default
def init(name: str, /, *, door: Given) -> None:
    """Make a new project that runs as it is.

    Args:
        name: the project's name, and its folder's below the working folder or the one that --project names
        door: how to answer
    """
    door.answer(init_project(name, door.folder or Path.cwd()), _show)


def _show(console: Console, created: Created) -> None:
    console.print(f"{created.path}: {', '.join(created.files)}")
    console.print(f"\nnow: cd {created.name} && shipway run")
