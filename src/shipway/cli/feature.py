"""`shipway features`."""

from cyclopts import App

from shipway.app.feature import Features, ViewLine, get_features, list_views
from shipway.cli.door import Given, read_time
from shipway.cli.failure import UsageError
from shipway.cli.render import Console, show_facts, show_table, show_title, write_instant, write_value

app = App(name="features")


@app.default
@app.command(name="list", help="Show the feature views, what they are asked by, and their definitions")
def show_views(*, door: Given) -> None:
    """Show the feature views, what they are asked by, and their definitions."""
    door.answer(list_views(door.project()), _show_views)


@app.command(
    name="get",
    help="Ask for the features of one thing as known at an instant",
    help_epilogue="""\
Values come from the data that was admitted, and from what of it was known at the instant

Examples:
  shipway features get org origin=EWR --at 2013-07-01T08:00
  shipway features get co carrier=UA origin=EWR --at 2013-07-01
  shipway features get delay fid=1234        the vector model delay would be given for that row""",
)
def get(name: str, /, *keys: str, at: str | None = None, door: Given) -> None:
    """Ask for the features of one thing as known at an instant.

    Args:
        name: a view, or a model for the whole vector of one of its rows
        keys: what is asked about, such as origin=EWR
        at: ISO date or time, in the project's zone if it names none; by default now, for a model when it would ask
        door: how to answer
    """
    project = door.project()
    timezone = project.config.project.timezone
    features = get_features(project, name, _split(keys), read_time(at, "--at", project))
    door.answer(features, lambda console, found: _show(console, found, timezone))
    if features.at > features.now:
        at, now = (write_instant(instant, timezone) for instant in (features.at, features.now))
        door.note(f"features {name}", f"{at} is later than the project's present, {now}: nothing is known of between")


def _split(words: tuple[str, ...]) -> dict[str, str]:
    keys: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals):
            raise UsageError(f"{word!r} is no key with a value", "write it as KEY=VALUE, such as origin=EWR")
        if name in keys:
            raise UsageError(f"key {name!r} is given twice", "give it once")
        keys[name] = value
    return keys


def _show(console: Console, features: Features, timezone: str) -> None:
    about = " ".join(f"{key}={value}" for key, value in features.keys.items())
    show_title(console, features.name, f"{about}  as known at {write_instant(features.at, timezone)} {timezone}")
    show_facts(console, {name: write_value(value) for name, value in features.values.items()})
    if features.needs:
        console.print()
        show_title(console, "not computed", "these also read the row that is asked about: give its columns as keys")
        show_facts(console, {name: ", ".join(f"{key}=" for key in keys) for name, keys in features.needs.items()})


def _show_views(console: Console, views: list[ViewLine]) -> None:
    for view in views:
        show_title(console, view.name, f"by {', '.join(view.keys) or 'nothing'}, about {view.about}")
        show_table(console, (), (("", name, definition) for name, definition in view.features.items()))
        console.print()
