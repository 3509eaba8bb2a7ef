"""`shipway features`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter
from cyclopts.validators import Number

from shipway.app.catalog.question import list_views, search_catalog, show_entries, trace_lineage
from shipway.app.feature import Features, get_features
from shipway.cli import catalog
from shipway.cli.catalog import write_age
from shipway.cli.door import Flag, Given, read_time, read_width
from shipway.cli.failure import DONE, REFUSED, UsageError
from shipway.cli.render import Console, show_facts, show_title, write_instant, write_value
from shipway.cli.skew import show_audits

if TYPE_CHECKING:
    from shipway.app.online import Materialised

app = App(
    name="features",
    help_epilogue="""\
Examples:
  shipway features
  shipway features list --entity customer --tag money
  shipway features show customer.orders_90d
  shipway features search "late share of an airport"
  shipway features lineage orders --down
  shipway features audit desk --last 24h
  shipway features page --out public
  shipway features get customer customer=c0042 --at 2024-12-01""",
)


@app.default
@app.command(name="list", help="Show the feature views, what they are asked by, and their definitions")
def show_views(
    *,
    source: str | None = None,
    entity: str | None = None,
    owner: str | None = None,
    tag: str | None = None,
    model: str | None = None,
    door: Given,
) -> None:
    """Show the feature views, what they are asked by, and their definitions.

    Args:
        source: only views that read this source
        entity: only views of this entity
        owner: only views that this owner answers for
        tag: only views with this tag
        model: only views that this model is fed with
        door: how to answer
    """
    views = list_views(door.project(), source=source, entity=entity, owner=owner, tag=tag, model=model)
    door.answer(views, catalog.show_views)


@app.command(name="show", help="Show everything known of a source, entity, view, feature or label")
def show(name: str, /, *, door: Given) -> None:
    """Show everything known of a source, entity, view, feature or label.

    Args:
        name: such as orders, customer or customer.orders_90d; view:customer is the view alone
        door: how to answer
    """
    project = door.project()
    timezone = project.config.project.timezone
    door.answer(show_entries(project, name), lambda console, found: catalog.show_entries(console, found, timezone))


@app.command(name="search", help="Find sources, entities, views, features and labels by words")
def search(words: list[str], /, *, door: Given) -> None:
    """Find sources, entities, views, features and labels by words.

    Args:
        words: looked for in names, tags, descriptions, owners, columns and definitions
        door: how to answer
    """
    door.answer(search_catalog(door.project(), " ".join(words)), catalog.show_hits)


@app.command(name="lineage", help="Show what a thing is made from, and what is made from it")
def lineage(name: str, /, *, up: Flag = False, down: Flag = False, door: Given) -> None:
    """Show what a thing is made from, and what is made from it.

    Args:
        name: anything from a raw input to a service; source:orders is the source alone
        up: only what it is made from
        down: only what is made from it
        door: how to answer
    """
    both = up == down
    door.answer(trace_lineage(door.project(), name, up=up or both, down=down or both), catalog.show_lineage)


@app.command(
    name="get",
    help="Ask for the features of one thing as known at an instant",
    help_epilogue="""\
Values come from the data that was admitted, and from what of it was known at the instant

Examples:
  shipway features get org origin=EWR --at 2013-07-01T08:00
  shipway features get co carrier=UA origin=EWR --at 2013-07-01
  shipway features get delay fid=1234        the vector model delay would be given for that row
  shipway features get org origin=EWR --online   as the feature server answers now""",
)
def get(name: str, /, *keys: str, at: str | None = None, online: Flag = False, door: Given) -> None:
    """Ask for the features of one thing as known at an instant.

    Args:
        name: a view, or a model for the whole vector of one of its rows
        keys: what is asked about, such as origin=EWR
        at: ISO date or time, in the project's zone if it names none; by default now, for a model when it would ask
        online: read the online store that shipway features materialise fills
        door: how to answer
    """
    project = door.project()
    timezone = project.config.project.timezone
    if online:
        from shipway.app.lookup import look_up

        answer = look_up(project, name, _split(keys), read_time(at, "--at", project))
        door.answer(answer, lambda console, found: _show_online(console, found, timezone))
        return
    features = get_features(project, name, _split(keys), read_time(at, "--at", project))
    door.answer(features, lambda console, found: _show(console, found, timezone))
    if features.at > features.now:
        at, now = (write_instant(instant, timezone) for instant in (features.at, features.now))
        door.note(f"features {name}", f"{at} is later than the project's present, {now}: nothing is known of between")


@app.command(name="page", help="Write the whole catalog as one HTML page that can be searched")
def page(*, out: Path | None = None, door: Given) -> None:
    """Write the whole catalog as one HTML page that can be searched.

    Args:
        out: the folder that gets index.html; by default docs/features in the project
        door: how to answer
    """
    from shipway.app.report.catalog import write_catalog

    project = door.project()
    written = write_catalog(project, project.root / "docs" / "features" if out is None else out)
    door.answer({"page": str(written)}, show_facts)


@app.command(
    name="audit",
    help="Compare what a service read with the same features computed offline, and say why they differ",
    help_epilogue="""\
The exit code is 1 if more vectors differ than --bound allows

Examples:
  shipway features audit desk --last 24h
  shipway features audit desk --last 7d --sample 2000 --bound 0.001 --json""",
)
def audit(
    service: str,
    /,
    *,
    last: str = "24h",
    until: str | None = None,
    sample: Annotated[int, Parameter(validator=Number(gte=1))] = 10_000,
    seed: Annotated[int, Parameter(validator=Number(gte=0))] = 0,
    bound: Annotated[float, Parameter(validator=Number(gte=0, lte=1))] = 0.0,
    door: Given,
) -> int:
    """Compare what a service read with the same features computed offline, and say why they differ.

    Args:
        service: the service
        last: length of the window
        until: where it ends, an ISO date or time; by default now, or where a replay stands
        sample: how many requests are drawn and computed again
        seed: another one draws others
        bound: which share of them may differ
        door: how to answer
    """
    from shipway.app.skew import audit_features

    width = read_width(last, "--last")
    project = door.project()
    timezone = project.config.project.timezone
    end = read_time(until, "--until", project)
    audits = audit_features(project, service, last_us=width, until=end, sample=sample, seed=seed, bound=bound)
    door.answer(audits, lambda console, found: show_audits(console, found, timezone))
    return REFUSED if any(audit.skewed for audit in audits) else DONE


@app.command(
    name="materialise",
    help="Bring the online store of the declared views up to the data on the main branch",
    help_epilogue="""\
Only what is new or changed since the last time is applied; a server goes on answering meanwhile

Examples:
  shipway features materialise
  shipway features get org origin=EWR --online""",
)
def fill(*, until: str | None = None, door: Given) -> None:
    """Bring the online store of the declared views up to the data on the main branch.

    Args:
        until: everything known by this ISO date or time is on the main branch; by default the project's present
        door: how to answer
    """
    from shipway.app.online import materialise

    project = door.project()
    timezone = project.config.project.timezone
    made = materialise(project, until=read_time(until, "--until", project))
    door.answer(made, lambda console, found: _show_filled(console, found, timezone))
    for name, why in made.left_out.items():
        door.note(f"features {name}", f"not served: {why}")


def _show_filled(console: Console, made: "Materialised", timezone: str) -> None:
    how = "built anew" if made.anew else "brought up to date"
    show_title(console, made.online, f"{how}, whole up to {write_instant(made.until, timezone)} {timezone}")
    show_facts(console, {"rows applied": f"{made.applied:,}", "rows unchanged": f"{made.same:,}"})
    show_facts(console, {"served": ", ".join(made.sets)})
    if made.followed:
        show_facts(console, {"as its stream goes": ", ".join(made.followed)})


def _show_online(console: Console, answer: Any, timezone: str) -> None:
    show_title(console, answer.set, f"as known online at {write_instant(answer.at, timezone)} {timezone}")
    shown = zip(answer.features, answer.values[0], answer.status[0], strict=True)
    show_facts(console, {name: write_value(value) if said == "present" else said for name, value, said in shown})
    console.print()
    marks: dict[str, str] = {}
    for name, at in answer.watermarks.items():
        said = "unknown" if at is None else write_instant(at, timezone)
        said += f", {write_age(answer.at - at)} before" if at is not None and at < answer.at else ""
        marks[f"{name} whole up to"] = said + (", later than it is expected" if name in answer.late else "")
    show_facts(console, marks)


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
