"""The shape of shipway.toml: names, owners, where data comes from, and what differs between a laptop and a cluster."""

import datetime as dt
from typing import Annotated, Any, cast, get_type_hints
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from shipway.core.error import ShipwayError
from shipway.kit.suggestion import did_you_mean


class ProjectSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who the project is.

    Attributes:
        name: the project's name.
        owner: the team or person answering for it.
        module: the Python file with its definitions.
        timezone: zone of every date and time in this file that names none.
        at: the domain time of a run; None for now.
    """

    name: str
    owner: str = ""
    module: str = "project.py"
    timezone: str = "UTC"
    at: dt.datetime | None = None


class ModelSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which versions of a model a run makes and on which predictions it judges them.

    Attributes:
        cuts: one version is trained for each, on what was known then.
        test: from and to (exclusive): the predictions that versions are evaluated on.
    """

    cuts: tuple[dt.datetime, ...]
    test: tuple[dt.datetime, dt.datetime]


class ResourceSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a run may use.

    Attributes:
        threads: threads a library may use; more than there are quiet cores stalls gradient boosting for minutes.
        seed: where randomness starts.
    """

    threads: Annotated[int, msgspec.Meta(ge=1)] = 1
    seed: Annotated[int, msgspec.Meta(ge=0)] = 1


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file.

    Attributes:
        project: who the project is.
        raw: raw input name to address: a path, or `package:name/path` for a file inside an installed package.
        models: model name to its cuts and test period.
        resources: what a run may use.
    """

    project: ProjectSection
    raw: dict[str, str] = {}
    models: dict[str, ModelSection] = {}
    resources: ResourceSection = ResourceSection()


def read_config(data: dict[str, Any]) -> Config:
    """Check the content of shipway.toml and return it typed.

    Raises:
        ShipwayError: SW-102 for a missing, unknown or wrong value, naming its place and the nearest right name.
    """
    _check_quoted(data)
    try:
        config = msgspec.convert(_promote_dates(data), Config)
    except msgspec.ValidationError as error:
        said = _plain(str(error)).replace("models[...]", f"models.{_wrong_model(data)}")
        raise ShipwayError("SW-102", f"shipway.toml: {said}", _hint(data)) from error
    try:
        ZoneInfo(config.project.timezone)
    except (ZoneInfoNotFoundError, OSError, ValueError) as error:
        raise ShipwayError(
            "SW-102",
            f"shipway.toml: {config.project.timezone!r} is no time zone",
            "use a name such as Europe/Paris or UTC",
        ) from error
    for name, section in config.models.items():
        _check_model(config, name, section)
    return config


def instant_of(moment: dt.datetime, timezone: str) -> int:
    """Return a time of shipway.toml as microseconds since 1970 UTC, in a zone where it names none."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(timezone))
    since = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return since // dt.timedelta(microseconds=1)


def _promote_dates(value: Any) -> Any:
    """Return TOML data with each date as its first instant, so that a date may stand wherever a time may."""
    if isinstance(value, dict):
        return {name: _promote_dates(inner) for name, inner in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_promote_dates(inner) for inner in cast("list[Any]", value)]
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return dt.datetime.combine(value, dt.time())
    return value


def _check_quoted(data: dict[str, Any]) -> None:
    """Refuse a text where a date stands: TOML has dates of its own, and they have no quotes."""
    models = _section(data, "models")
    places = [("project.at", _section(data, "project").get("at"))]
    for model in models:
        section = _section(models, model)
        places += [(f"models.{model}.{field}", section.get(field)) for field in get_type_hints(ModelSection)]
    for place, value in places:
        for moment in cast("list[object]", value) if isinstance(value, list) else [value]:
            if isinstance(moment, str):
                field = place.rpartition(".")[2]
                example = f"{field} = 2024-09-01" if field == "at" else f"{field} = [2024-09-01, 2024-10-01]"
                raise ShipwayError(
                    "SW-102",
                    f"shipway.toml: {place} has the text {moment!r} in place of a date",
                    f"write dates without quotes, such as {example}",
                )


def _wrong_model(data: dict[str, Any]) -> str:
    """Return the name of the first model whose section is not valid."""
    models = _section(data, "models")
    for model in models:
        try:
            msgspec.convert(_promote_dates(models[model]), ModelSection)
        except msgspec.ValidationError:
            return model
    return "NAME"


def _check_model(config: Config, name: str, section: ModelSection) -> None:
    zone = config.project.timezone
    start, end = (instant_of(moment, zone) for moment in section.test)
    if not section.cuts:
        raise ShipwayError("SW-102", f"shipway.toml: models.{name}.cuts is empty", "give at least one date to train at")
    if start >= end:
        raise ShipwayError("SW-102", f"shipway.toml: models.{name}.test ends before it begins", "give from and to")
    at = config.project.at
    if at is not None and any(instant_of(cut, zone) > instant_of(at, zone) for cut in section.cuts):
        raise ShipwayError(
            "SW-102",
            f"shipway.toml: models.{name} has a cut later than project.at",
            "nothing can be learned that is not known at the run's domain time: cut no later, or move project.at",
        )
    if any(instant_of(cut, zone) > start for cut in section.cuts):
        raise ShipwayError(
            "SW-102",
            f"shipway.toml: models.{name} has a cut later than its test begins",
            "a version must not be judged on what it may have learned: cut no later than the test's first day",
        )


def _plain(message: str) -> str:
    return message.replace("Object", "the section").replace(" - at `$", " in `").replace("`$", "`")


def _hint(data: dict[str, Any]) -> str:
    """Return the nearest right name for the first unknown one."""
    sections = {"project": ProjectSection, "resources": ResourceSection}
    known = list(get_type_hints(Config))
    for name in data:
        if name not in known:
            return did_you_mean(name, known)
    for section, shape in sections.items():
        for name in _section(data, section):
            if name not in get_type_hints(shape):
                return f"in [{section}], {did_you_mean(name, get_type_hints(shape))}"
    models = _section(data, "models")
    for model in models:
        for name in _section(models, model):
            if name not in get_type_hints(ModelSection):
                return f"in [models.{model}], {did_you_mean(name, get_type_hints(ModelSection))}"
    return "docs/reference/project-file.md lists every section and field"


def _section(data: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a section, an empty one if something else stands in its place."""
    found = data.get(name)
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
