"""One row's features as the feature server answers: asked in this process, with keys as they are written."""

from collections.abc import Mapping
from typing import Any

import msgspec

import shipway
from shipway.app.instant import read_instant
from shipway.app.online import read_sets
from shipway.app.project import Project
from shipway.app.workspace import Workspace
from shipway.core.column import Kind
from shipway.core.error import ShipwayError
from shipway.kit.suggestion import did_you_mean


def look_up(project: Project, name: str, keys: Mapping[str, str], at: int | None = None) -> Any:
    """Return the features of one row as the feature server answers, an `Answer` of `shipway.serving.lookup`.

    Args:
        project: whose.
        name: of the set: a view or a model.
        keys: column to value as written.
        at: microseconds since 1970 UTC; the project's present where None.

    Raises:
        ShipwayError: SW-104 for a set or key that is not served, SW-203 for a value of the wrong type; what reading the
            store refuses.
    """
    sets = read_sets(project)
    if sets is None:
        raise ShipwayError("SW-104", "no features are served here", "fill the store: shipway features materialise")
    if name not in sets.sets:
        raise ShipwayError("SW-104", f"there is no set of features {name!r}", did_you_mean(name, sets.sets))
    asked = sets.sets[name].asked
    for key in keys:
        if key not in asked:
            raise ShipwayError("SW-104", f"{name!r} has no key {key!r}", did_you_mean(key, asked))
    zone = project.config.project.timezone
    row = {key: _read_value(key, text, asked[key], zone) for key, text in keys.items()}
    reader = shipway.online(project.root)
    try:
        return reader.read(name, [row], at=Workspace(project).now if at is None else at)
    finally:
        reader.close()


def _read_value(key: str, text: str, kind: Kind, zone: str) -> bool | int | float | str | list[float]:
    try:
        match kind:
            case "int":
                return int(text)
            case "float":
                return float(text)
            case "bool":
                return {"true": True, "false": False}[text.lower()]
            case "instant":
                return read_instant(text, zone)
            case "text":
                return text
            case _:
                return msgspec.json.decode(text, type=list[float])
    except (ValueError, KeyError, msgspec.MsgspecError) as error:
        raise ShipwayError(
            "SW-203", f"{key} is {kind}, and {text!r} is not", f"write {key}=VALUE of that kind"
        ) from error
