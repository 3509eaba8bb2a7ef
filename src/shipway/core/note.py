"""Notes: what people should know of a declaration, beside it and never in it.

A noun is what is computed, and its digest names frames, stores and bundles. Who owns it, what it means and how fresh it
should be change nothing that is computed, so they stand in a note of their own, and a better word rebuilds nothing.
"""

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Final, Literal, TypeAlias, cast

import msgspec

from shipway.core.argument import take_mapping, take_name, take_names, take_width
from shipway.core.error import ShipwayError
from shipway.kit.suggestion import did_you_mean

Described: TypeAlias = Literal["source", "entity", "view", "label"]
"""The kinds of declarations that a note can be beside."""
_TAG: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")
_PATTERN: Final = frozenset("*?[")


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of a declaration for people.

    Attributes:
        owner: who answers for it; empty where that is the owner of the project.
        doc: what it is, in a sentence or more.
        tags: words that it is found by.
        docs: feature name to what the feature is, for a view.
        fresh_us: how old the newest known-at of a source may be, in microseconds; None where nothing is expected.
    """

    owner: str = ""
    doc: str = ""
    tags: tuple[str, ...] = ()
    docs: dict[str, str] = {}
    fresh_us: int | None = None


def make_note(
    where: str,
    *,
    owner: object = "",
    doc: object = "",
    tags: object = (),
    docs: object = None,
    features: Iterable[str] = (),
    fresh: object = None,
) -> Note:
    """Return the note of a declaration, everything in it checked.

    Args:
        where: how a refusal names the declaration, such as `view 'customer'`.
        owner: who answers for it.
        doc: what it is.
        tags: one tag or several.
        docs: feature, or a pattern such as `late_*` for several, to what it is.
        features: the names of the view's features.
        fresh: how old a source's newest known-at may be, such as `2h`.

    Raises:
        ShipwayError: SW-106 for anything of another kind, SW-104 for a feature that the view does not have.
    """
    return Note(
        owner=_take_text(owner, f"`owner` of {where}"),
        doc=_take_text(doc, f"`doc` of {where}"),
        tags=_take_tags(tags, where),
        docs={} if docs is None else _take_docs(docs, where, tuple(features)),
        fresh_us=None if fresh is None else take_width(fresh, f"`fresh` of {where}"),
    )


def _take_text(value: object, where: str) -> str:
    text = take_name(value, where).strip()
    if value != "" and not text:
        raise ShipwayError("SW-106", f"{where} is blank", "write a text, or leave it away")
    return text


def _take_tags(value: object, where: str) -> tuple[str, ...]:
    names = take_names(value, f"the tags of {where}")
    for name in names:
        if not _TAG.fullmatch(name):
            hint = "use lower-case letters, digits, _ and -, such as money or needs-review"
            raise ShipwayError("SW-106", f"{name!r} cannot be a tag of {where}", hint)
    return tuple(dict.fromkeys(names))


def _take_docs(value: object, where: str, features: tuple[str, ...]) -> dict[str, str]:
    """Return what is said of each feature; what names one feature counts before a pattern that fits it too."""
    given = cast("Mapping[object, object]", take_mapping(value, f"the `docs` of {where}", 'write {"price": "in EUR"}'))
    exact, fitted = dict[str, str](), dict[str, str]()
    for key, said in given.items():
        name = take_name(key, f"a feature in `docs` of {where}")
        text = _take_text(said, f"what `docs` of {where} says of {name!r}")
        if name in features:
            exact[name] = text
            continue
        fitting = [each for each in features if fnmatchcase(each, name)] if _PATTERN & set(name) else []
        if not fitting:
            fact = f"`docs` of {where} describes {name!r}, and no feature is called so"
            raise ShipwayError("SW-104", fact, did_you_mean(name, features))
        fitted = dict.fromkeys(fitting, text) | fitted
    return {name: (fitted | exact)[name] for name in features if name in exact or name in fitted}
