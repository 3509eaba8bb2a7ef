"""The page of the catalog: an index to be searched, the lineage as a drawing, then each source, view and label."""

from collections.abc import Iterator
from importlib.resources import files

from shipway.app.catalog.data import Catalog, Entry, Freshness
from shipway.app.catalog.lineage import Lineage
from shipway.app.count import write_plural
from shipway.app.instant import write_instant
from shipway.app.report.catalog.graph import draw_lineage
from shipway.app.report.catalog.number import write_short
from shipway.app.report.catalog.shape import draw_shape
from shipway.app.report.element import Child, Markup, code, element, fold, join, table, tile, words
from shipway.app.report.sheet import Section, make_sheet
from shipway.core.statistic import LEVELS, ColumnStatistic
from shipway.kit.duration import MINUTE, SECOND, format_duration


def render_catalog(catalog: Catalog, lineage: Lineage, timezone: str) -> str:
    """Return a catalog as one HTML page that needs nothing else; its own script searches the index.

    Args:
        catalog: with how fresh its sources are.
        lineage: what hangs on what.
        timezone: that instants are written in.
    """
    footer = element(
        "footer",
        words(f"As of {write_instant(catalog.now, timezone)} {timezone}, on the data of commit {_commit(catalog)}."),
        words(
            "Statistics are of all rows of the newest frame; bars hold the middle 98 % of the values, ▲ is the median."
        ),
    )
    script = files("shipway.app.report.catalog").joinpath("search.js").read_text(encoding="utf-8")
    header, sections = _header(catalog), _sections(catalog, lineage, timezone)
    return make_sheet(f"{catalog.project}: features", header, sections, footer, links=False, script=script)


def _commit(catalog: Catalog) -> str:
    return "none" if catalog.commit is None else catalog.commit[:12]


def _header(catalog: Catalog) -> Markup:
    owner = f" · {catalog.owner}" if catalog.owner else ""
    features = sum(len(view.features) for view in catalog.views)
    described = sum(bool(each.doc) for view in catalog.views for each in view.features)
    late = [source.name for source in catalog.sources if source.freshness is not None and source.freshness.late]
    expecting = [s for s in catalog.sources if s.freshness is not None and s.freshness.late is not None]
    said = f"{', '.join(late)}" if late else "none is late" if expecting else "none says how fresh it should be"
    models = {model for view in catalog.views for model in view.links.downstream.get("model", ())}
    return element(
        "header",
        element("p", f"shipway features{owner}", class_="brow"),
        element("h1", catalog.project),
        element(
            "div",
            tile("Features", f"{features:,}", f"{described:,} described"),
            tile(
                "Views", f"{len(catalog.views):,}", f"about {write_plural(len(catalog.entities), 'entity', 'entities')}"
            ),
            tile("Sources", f"{len(catalog.sources):,}", f"late: {said}" if late else said),
            tile("Models fed", f"{len(models):,}", ", ".join(sorted(models)) or "none yet"),
            class_="tiles",
        ),
    )


def _sections(catalog: Catalog, lineage: Lineage, timezone: str) -> Iterator[Section]:
    yield "index", "Index", _show_index(catalog)
    yield "lineage", "Lineage", draw_lineage(lineage)
    for source in catalog.sources:
        yield f"source-{source.name}", f"Source {source.name}", _show_source(source, timezone)
    for view in catalog.views:
        yield f"view-{view.name}", f"View {view.name}", _show_view(view)
    for label in catalog.labels:
        yield f"label-{label.name}", f"Label {label.name}", _show_label(label)
    yield "entities", "Entities", _show_entities(catalog) if catalog.entities else None


def _show_index(catalog: Catalog) -> Markup:
    rows = [_index_row(entry) for entry in catalog.entries if entry.kind != "entity"]
    head = element("tr", *(element("th", name, scope="col") for name in ("", "Name", "Type", "What it is", "Owner")))
    search = element(
        "div",
        element("label", "Search ", element("kbd", "/"), for_="find"),
        element("input", type="search", id="find", autocomplete="off", placeholder="late share, people, crm …"),
        element("output", id="found", for_="find"),
        id="search",
        hidden=True,
        role="search",
    )
    whole = element("table", element("thead", head), element("tbody", *rows), class_="index tight")
    return join((search, element("div", whole, class_="scroll")))


def _index_row(entry: Entry) -> Markup:
    tags = [element("span", f"#{tag}", class_="tag") for tag in entry.tags if entry.kind != "feature"]
    first = entry.doc.partition("\n")[0]
    said: Child = first or (code(entry.definition) if entry.kind == "feature" else "")
    text = (
        f"{entry.kind} {entry.name} {entry.column} {entry.doc} {entry.owner} {' '.join(entry.tags)} {entry.definition}"
    )
    cells = (
        element("span", entry.kind, class_="soft"),
        element("a", entry.name, href=f"#{_anchor(entry)}"),
        entry.type or "",
        join((said, " ", *tags)),
        entry.owner,
    )
    return element(
        "tr", *(element("td", cell) for cell in cells), class_=entry.kind, data_find=" ".join(text.lower().split())
    )


def _anchor(entry: Entry) -> str:
    return f"{entry.kind}-{entry.name}"


def _show_source(source: Entry, timezone: str) -> Markup:
    facts: list[tuple[str, Child]] = [
        ("Freshness", None if source.freshness is None else _freshness(source.freshness, timezone)),
        ("Rows", "" if source.rows is None else f"{source.rows:,}"),
        ("Key", ", ".join(source.keys)),
        ("Raw inputs", ", ".join(source.raw)),
        *_people(source),
        ("Used by", _users(source)),
    ]
    rows = [(code(column.name), column.kind or "", column.known_at) for column in source.columns]
    columns = table(("Column", "Type", "Known at"), rows, class_="tight narrow")
    return join((_doc(source), _facts(facts), fold(f"Columns ({len(rows)})", columns), _definition(source)))


def _show_view(view: Entry) -> Markup:
    facts: list[tuple[str, Child]] = [
        ("About", f"{view.about}, by {', '.join(view.keys) or 'nothing'}"),
        *_people(view),
        ("Reads", ", ".join(view.links.upstream.get("stream", view.links.upstream.get("source", [])))),
        ("Used by", _users(view)),
    ]
    head = ("Feature", "Type", "How it is spread", "Missing", "Mean", "Median", "Range")
    rows = [_feature_cells(each) for each in view.features]
    body = [
        element(
            "tr",
            *(element("td", cell, class_="num" if at > 2 else None) for at, cell in enumerate(cells)),
            id=_anchor(each),
        )
        for each, cells in zip(view.features, rows, strict=True)
    ]
    titles = [element("th", name, scope="col", class_="num" if at > 2 else None) for at, name in enumerate(head)]
    whole = element("table", element("thead", element("tr", *titles)), element("tbody", *body), class_="features")
    return join((_doc(view), _facts(facts), element("div", whole, class_="scroll"), _definition(view)))


def _feature_cells(each: Entry) -> tuple[Child, ...]:
    name = join(
        (
            element("b", each.name.partition(".")[2]),
            element("div", each.doc) if each.doc else None,
            element("div", code(each.definition), class_="soft"),
        )
    )
    statistic = each.statistic
    if statistic is None:
        return name, each.type or "", element("span", "no frame yet", class_="soft"), "", "", "", ""
    shape = join((draw_shape(statistic), _say_common(statistic)))
    return (name, each.type or "", shape, _missing(statistic), *_numbers(statistic))


def _say_common(statistic: ColumnStatistic) -> Markup | None:
    """Return the commonest texts in words, under their bars."""
    if not statistic.common or statistic.mean is not None:
        return None
    shown = [f"{name} {count / statistic.rows:.0%}" for name, count in statistic.common[:3]]
    more = " …" if len(statistic.common) > len(shown) else ""
    return element("div", f"{', '.join(shown)}{more}", class_="soft")


def _missing(statistic: ColumnStatistic) -> str:
    share = statistic.missing_share
    return "none" if not share else "< 0.1 %" if share < 0.001 else f"{share * 100:.1f} %"


def _numbers(statistic: ColumnStatistic) -> tuple[Child, Child, Child]:
    """Return mean, median and range of a number; the share that is true; or how many texts there are."""
    if statistic.quantiles:
        spread = element("div", f"± {write_short(statistic.deviation)}", class_="soft")
        middle = statistic.quantiles[LEVELS.index(0.5)]
        ends = f"{write_short(statistic.low)} to {write_short(statistic.high)}"
        return join((write_short(statistic.mean), spread)), write_short(middle), ends
    if statistic.mean is not None:
        return f"{statistic.mean * 100:.1f} % true", "", ""
    return "", "", f"{statistic.distinct:,} values" if statistic.distinct else ""


def _show_label(label: Entry) -> Markup:
    facts: list[tuple[str, Child]] = [
        ("Known at", ", ".join(label.known_at)),
        *_people(label),
        ("Used by", _users(label)),
    ]
    return join((_doc(label), _facts(facts), element("pre", code(label.definition))))


def _show_entities(catalog: Catalog) -> Markup:
    rows = [
        (
            element("b", entity.name),
            ", ".join(entity.keys) or "the whole",
            entity.doc.partition("\n")[0],
            ", ".join(entity.links.downstream.get("view", ())),
        )
        for entity in catalog.entities
    ]
    return table(("Entity", "Keys", "What it is", "Views"), rows)


def _doc(entry: Entry) -> Markup | None:
    parts = [" ".join(part.split()) for part in entry.doc.split("\n\n") if part.strip()]
    return join(words(part) for part in parts) if parts else None


def _people(entry: Entry) -> list[tuple[str, Child]]:
    tags = [element("span", f"#{tag}", class_="tag") for tag in entry.tags]
    return [("Owner", entry.owner), ("Tags", join(tags) if tags else "")]


def _users(entry: Entry) -> str:
    kinds = ("view", "label", "model", "version", "service", "gate")
    found = {kind: entry.links.downstream.get(kind, []) for kind in kinds}
    return " · ".join(f"{kind} {', '.join(names)}" for kind, names in found.items() if names)


def _facts(facts: list[tuple[str, Child]]) -> Markup:
    pairs = [join((element("dt", name), element("dd", fact))) for name, fact in facts if fact]
    return element("dl", *pairs, class_="facts")


def _definition(entry: Entry) -> Markup:
    return fold("Definition", element("pre", code(entry.definition)))


def _freshness(freshness: Freshness, timezone: str) -> Child:
    expected = "" if freshness.expected_us is None else f"; {format_duration(freshness.expected_us)} is expected"
    if freshness.newest_at is None or freshness.age_us is None:
        return f"expected{expected.removeprefix(';')}" if expected else None
    unit = MINUTE if freshness.age_us >= MINUTE else SECOND
    age = format_duration(freshness.age_us // unit * unit)
    said = f"newest known-at {write_instant(freshness.newest_at, timezone)}, {age} old{expected}"
    if freshness.late is None:
        return said
    sign = element(
        "span", "✕ late" if freshness.late else "✓ fresh", class_=f"badge {'fail' if freshness.late else 'pass'}"
    )
    return join((sign, " ", said))
