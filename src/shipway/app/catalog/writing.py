"""Declarations as they would be written in the project's file."""

from collections.abc import Iterable, Mapping

from shipway.core.feature import Entity, FeatureView, Label, Source
from shipway.core.note import Note
from shipway.kit.duration import format_duration
from shipway.maths.expression import quote, render

_WIDTH = 100


def write_source(source: Source, note: Note) -> str:
    """Return a source's declaration; what its function does stands in the project's file."""
    groups = [f"{quote(instant)}: {_tuple(columns)}" for instant, columns in source.known_at.items()]
    words = [f"key={_names(source.key)}", f"raw={_names(source.raw)}", f"known_at={_mapping(groups, 1)}"]
    words += [f"restated={_names(source.restated)}"] if source.restated else []
    words += [] if note.fresh_us is None else [f"fresh={quote(format_duration(note.fresh_us))}"]
    words += _said(note, doc=False)
    return f"@sw.source({_arguments(words)})\ndef {source.name}({', '.join(source.raw)}): ..."


def write_entity(entity: Entity, note: Note) -> str:
    """Return an entity's declaration."""
    words = [quote(entity.name), *(quote(key) for key in entity.keys if entity.keys != (entity.name,))]
    if not entity.keys:
        words = [] if entity.name == "system" else words
        return f"sw.system({_arguments([*words, *_said(note)])})"
    return f"sw.entity({_arguments([*words, *_said(note)])})"


def write_view(view: FeatureView, about: str, note: Note) -> str:
    """Return a view's declaration; `about` is the source of its rows where it has no entity."""
    features = [f"{quote(name)}: {render(expr)}" for name, expr in view.features.items()]
    words = [quote(view.name), about if view.entity is None else view.entity.name, _mapping(features, 1)]
    words += _said(note)
    if note.docs:
        words.append(f"docs={_mapping([f'{quote(name)}: {quote(said)}' for name, said in note.docs.items()], 1)}")
    return f"sw.feature_view({_arguments(words)})"


def write_label(label: Label, note: Note) -> str:
    """Return a label's declaration."""
    return f"sw.label({_arguments([quote(label.name), render(label.value), *_said(note)])})"


def _said(note: Note, *, doc: bool = True) -> list[str]:
    texts: Mapping[str, str] = {"owner": note.owner, "doc": note.doc if doc else ""}
    words = [f"{name}={quote(text)}" for name, text in texts.items() if text]
    return [*words, f"tags={_names(note.tags)}"] if note.tags else words


def _names(names: tuple[str, ...]) -> str:
    return quote(names[0]) if len(names) == 1 else _tuple(names)


def _tuple(names: Iterable[str]) -> str:
    quoted = [quote(name) for name in names]
    return f"({quoted[0]},)" if len(quoted) == 1 else f"({', '.join(quoted)})"


def _mapping(items: list[str], depth: int) -> str:
    """Return a mapping on one line where it is short, else an item a line."""
    one = f"{{{', '.join(items)}}}"
    if len(one) <= _WIDTH // 2 or len(items) < 2:
        return one
    inner = "    " * (depth + 1)
    return "{\n" + "".join(f"{inner}{item},\n" for item in items) + "    " * depth + "}"


def _arguments(words: list[str]) -> str:
    one = ", ".join(words)
    if len(one) <= _WIDTH - 20 and "\n" not in one:
        return one
    return "\n" + "".join(f"    {word},\n" for word in words)
