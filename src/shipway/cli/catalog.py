"""How the catalog is shown in a terminal."""

from collections.abc import Iterable, Iterator

from rich.text import Text

from shipway.app.catalog.data import Entry, Freshness
from shipway.app.catalog.lineage import Branch
from shipway.app.catalog.question import Hit, Traced
from shipway.app.count import write_plural
from shipway.cli.render import Cell, Console, show_facts, show_table, show_text, show_title, word, write_instant
from shipway.core.statistic import LEVELS, ColumnStatistic
from shipway.kit.duration import MINUTE, SECOND, format_duration

_SHOWN = 12


def show_views(console: Console, views: list[Entry]) -> None:
    """Show feature views with their features."""
    for view in views:
        owner = f"  {view.owner}" if view.owner else ""
        tags = f"  {' '.join(f'#{tag}' for tag in view.tags)}" if view.tags else ""
        show_title(console, view.name, f"by {', '.join(view.keys) or 'nothing'}, about {view.about}{owner}{tags}")
        if view.doc:
            console.print(Text(_first_line(view.doc), style="dim"), soft_wrap=True)
        show_table(console, (), ((each.column, each.type or "", each.definition, each.doc) for each in view.features))
        console.print()


def show_entries(console: Console, entries: list[Entry], timezone: str) -> None:
    """Show all there is on some things of the catalog."""
    for place, entry in enumerate(entries):
        if place:
            console.print()
        show_title(console, f"{entry.kind} {entry.name}", _first_line(entry.doc))
        more = entry.doc.partition("\n")[2].strip()
        if more:
            show_text(console, more)
        console.print()
        show_text(console, entry.definition)
        console.print()
        show_facts(console, dict(_facts(entry, timezone)))
        if entry.columns:
            console.print()
            rows = ((each.name, each.kind or "", each.known_at) for each in entry.columns)
            show_table(console, ("column", "type", "known at"), rows)
        if entry.features:
            console.print()
            head = ("feature", "type", "missing", "mean", "5 %", "median", "95 %", "what it is")
            show_table(console, head, (_feature_row(each) for each in entry.features))


def show_hits(console: Console, hits: list[Hit]) -> None:
    """Show what was found, best first."""
    if not hits:
        console.print("nothing fits")
    rows = ((hit.entry.kind, hit.entry.name, hit.entry.owner, _said(hit.entry)) for hit in hits)
    show_table(console, (), rows)


def show_lineage(console: Console, traced: list[Traced]) -> None:
    """Show trees of what things are made from and what is made from them."""
    for place, each in enumerate(traced):
        if place:
            console.print()
        for title, branch in (("is made from", each.up), ("goes into", each.down)):
            if branch is not None:
                show_title(console, each.node, title if branch.below else f"{title} nothing")
                for line in _draw(branch.below, ""):
                    console.print(line, soft_wrap=True)


def _draw(branches: tuple[Branch, ...], indent: str) -> Iterator[Text]:
    for place, branch in enumerate(branches):
        last = place == len(branches) - 1
        kind, _, name = branch.node.partition(":")
        above = ("  (see above)", "dim") if branch.again else ""
        yield Text.assemble((f"{indent}{'└─' if last else '├─'} ", "dim"), (f"{kind} ", "dim"), name, above)
        yield from _draw(branch.below, f"{indent}{'   ' if last else '│  '}")


def _facts(entry: Entry, timezone: str) -> Iterator[tuple[str, Cell]]:
    listed = {
        "owner": entry.owner,
        "tags": ", ".join(entry.tags),
        "view": entry.about if entry.kind == "feature" else "",
        "about": entry.about if entry.kind == "view" else "",
        "column": entry.column,
        "type": entry.type or "",
        "keys": ", ".join(entry.keys),
        "known at": ", ".join(entry.known_at),
        "rows": "" if entry.rows is None else f"{entry.rows:,}",
    }
    yield from ((name, said) for name, said in listed.items() if said)
    if entry.freshness is not None:
        yield "freshness", write_freshness(entry.freshness, timezone)
    if entry.statistic is not None:
        yield from write_statistic(entry.statistic).items()
    for title, links in (("made from", entry.links.upstream), ("used by", entry.links.downstream)):
        for kind, names in links.items():
            yield f"{title} {kind}", _some(names)


def write_freshness(freshness: Freshness, timezone: str) -> Text:
    """Return how fresh a source is, in words."""
    expected = "" if freshness.expected_us is None else f", {format_duration(freshness.expected_us)} is expected"
    if freshness.newest_at is None or freshness.age_us is None:
        return Text(f"no instant was admitted yet{expected}")
    newest = write_instant(freshness.newest_at, timezone)
    said = f"newest {newest}, {write_age(freshness.age_us)} old{expected}"
    if freshness.late is None:
        return Text(said)
    state = Text.assemble(("late", "bold red")) if freshness.late else word("good")
    return state.append(f"  {said}", style="default")


def write_age(us: int) -> str:
    """Return an age to the minute, or to the second where it is less."""
    unit = MINUTE if us >= MINUTE else SECOND
    return format_duration(us // unit * unit)


def write_statistic(statistic: ColumnStatistic) -> dict[str, str]:
    """Return what a feature looks like, name to number as text."""
    facts = {
        "over": write_plural(statistic.rows, "row"),
        "missing": _share(statistic),
        "distinct": f"{statistic.distinct:,}",
    }
    if statistic.mean is not None and statistic.deviation is None:
        facts["true"] = f"{statistic.mean:.2%}"
    elif statistic.mean is not None:
        facts |= {"mean": _number(statistic.mean), "deviation": _number(statistic.deviation)}
        facts["range"] = f"{_number(statistic.low)} to {_number(statistic.high)}"
        levels = (f"{level:g}: {_number(value)}" for level, value in zip(LEVELS, statistic.quantiles, strict=True))
        facts["quantiles"] = ", ".join(levels)
    if statistic.common:
        facts["commonest"] = ", ".join(f"{name} {rows:,}" for name, rows in statistic.common)
    return facts


def _feature_row(entry: Entry) -> tuple[str, ...]:
    statistic = entry.statistic
    name = entry.name.partition(".")[2]
    if statistic is None:
        return name, entry.type or "", "", "", "", "", "", entry.doc
    low, middle, high = (
        (_number(statistic.quantiles[LEVELS.index(level)]) for level in (0.05, 0.5, 0.95))
        if statistic.quantiles
        else ("", "", "")
    )
    mean = "" if statistic.mean is None else _number(statistic.mean)
    return name, entry.type or "", _share(statistic), mean, low, middle, high, entry.doc


def _share(statistic: ColumnStatistic) -> str:
    return f"{statistic.missing_share:.1%}" if statistic.missing else "none"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _said(entry: Entry) -> str:
    return _first_line(entry.doc) or entry.definition.partition("\n")[0]


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


def _some(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return f"{', '.join(every[:_SHOWN])}{more}"
