"""Answers as JSON: the values of the use cases, their instants as text that says what it is."""

from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec

from shipway.app.instant import write_utc

INSTANTS: Final = frozenset(
    {
        "at",
        "now",
        "cut",
        "since",
        "registered_at",
        "opened_at",
        "started_at",
        "ended_at",
        "asked_at",
        "given_at",
        "judged_at",
        "revoked_at",
        "taken_at",
        "newest_at",
    }
)
"""Fields of the answers that are microseconds since 1970 UTC where they are whole numbers."""
FACTS: Final = frozenset({"facts", "training", "params"})
"""Fields that hold facts by name, some of which are instants too."""
INSTANT_FACTS: Final = frozenset({"cut", "period", "known_by", "now", "judged_at"})
"""Those of them; a `now` of 0 says that the present played no part, and stays."""


def make_document(value: Any) -> Any:
    """Return a value as plain data, every instant in it as ISO 8601 text in UTC.

    Which numbers are instants is told by the fields of the answers' types, never by names that users gave: a feature or
    a table may be called `cut`.
    """
    if isinstance(value, msgspec.Struct):
        config = value.__struct_config__
        tag = {} if config.tag is None else {str(config.tag_field): config.tag}
        fields = [name for name in value.__struct_fields__ if not (config.omit_defaults and _is_default(value, name))]
        return tag | {name: _make_field(name, getattr(value, name)) for name in fields}
    if isinstance(value, Mapping):
        return {name: make_document(item) for name, item in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [make_document(item) for item in cast("list[Any]", value)]
    # An embedding is an array, and nothing is imported to ask for that.
    numbers = getattr(value, "tolist", None)
    return value if numbers is None else numbers()


def _is_default(value: msgspec.Struct, name: str) -> bool:
    """Tell whether a field of a type that leaves such out has the value that it has where nobody says one."""
    names, defaults = value.__struct_fields__, value.__struct_defaults__
    place = names.index(name) - len(names) + len(defaults)
    return place >= 0 and getattr(value, name) == defaults[place]


def _make_field(name: str, value: Any) -> Any:
    if name in INSTANTS:
        return _write_instants(value)
    if name in FACTS and isinstance(value, Mapping):
        facts = cast("Mapping[str, Any]", value)
        return {
            fact: _write_instants(item) if fact in INSTANT_FACTS and (fact, item) != ("now", 0) else make_document(item)
            for fact, item in facts.items()
        }
    return make_document(value)


def _write_instants(value: Any) -> Any:
    if isinstance(value, int):
        return write_utc(value)
    if isinstance(value, list | tuple):
        return [_write_instants(item) for item in cast("list[Any]", value)]
    return make_document(value)
