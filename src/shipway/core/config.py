"""The shape of shipway.toml: names, owners, where data comes from, and what differs between a laptop and a cluster."""

import datetime as dt
from itertools import pairwise
from typing import Annotated, Any, cast, get_type_hints
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from shipway.core.compute import ComputeSection
from shipway.core.error import ShipwayError
from shipway.core.raw import Raw, RawSection, check_raw
from shipway.core.security import SecuritySection
from shipway.core.service import LONGEST_WAIT_US, NAMES_HINT, Step, Terms, is_servable
from shipway.core.serving import ServingSection, check_serving
from shipway.core.storage import OnlineSection, StorageSection, check_online, check_storage
from shipway.core.terms import FallbackSection, RuleSection
from shipway.kit.duration import parse_duration
from shipway.kit.size import parse_size
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
        approvals: how many people have to approve a version before it is released; 0 for none.
        approvers: whose approvals count, by name; anybody's where empty.
    """

    cuts: tuple[dt.datetime, ...]
    test: tuple[dt.datetime, dt.datetime]
    approvals: Annotated[int, msgspec.Meta(ge=0)] = 0
    approvers: tuple[str, ...] = ()


class ResourceSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a run may use.

    Attributes:
        threads: threads a library may use; more than there are quiet cores stalls gradient boosting for minutes.
        seed: where randomness starts.
        memory: about how much memory a frame may be built in, such as `2GB`; empty for as much as it takes at once.
        providers: what runs ONNX models, in order of preference, such as `cuda` and `cpu`; the CPU where it is empty.
    """

    threads: Annotated[int, msgspec.Meta(ge=1)] = 1
    seed: Annotated[int, msgspec.Meta(ge=0)] = 1
    memory: str = ""
    providers: tuple[Annotated[str, msgspec.Meta(pattern="^[a-z0-9]+$")], ...] = ()


class StepSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One step of a service's walk.

    Attributes:
        weight: share of the requests that the version on trial answers: 0 is shadow, 1 the end of the walk.
        hold: how long the step lasts at least, such as `30m` or `2d`, in domain time.
    """

    weight: Annotated[float, msgspec.Meta(ge=0, le=1)]
    hold: str = "0s"


DEFAULT_WALK = (
    StepSection(weight=0.0, hold="30m"),
    StepSection(weight=0.02, hold="30m"),
    StepSection(weight=0.1, hold="1h"),
    StepSection(weight=0.5, hold="2h"),
    StepSection(weight=1.0),
)
"""Shadow, 2 %, 10 %, 50 %, 100 % within four hours, where the evidence comes in as fast."""


class ServiceSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A service that answers with a model.

    Attributes:
        model: whose versions answer.
        walk: the steps by which a new version takes over.
        tick: how often releases and live windows are looked at, in domain time.
        rehearsal: how much of the newest history a retrained version is not trained on but judged on.
        rest: how long after a retrain was asked for, and after a version came into service, none is asked for.
        unit: the column, or the parameter of a request with vectors, whose values keep to one version while one is on
            trial; without it the row's key, or the request's id.
        rules: callers whose version is not left to chance; the first that fits decides.
        wait: how long a request may wait for others to be predicted with it, real time.
        log: share of the units whose requests are logged.
        shadow: share of the units whose requests both versions predict while one is on trial.
        fallback: what a caller gets where there is no answer.
    """

    model: str
    walk: tuple[StepSection, ...] = DEFAULT_WALK
    tick: str = "1m"
    rehearsal: str = "28d"
    rest: str = "28d"
    unit: str = ""
    rules: tuple[RuleSection, ...] = ()
    wait: str = "0s"
    log: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    shadow: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    fallback: FallbackSection | None = None

    @property
    def terms(self) -> Terms:
        """Return how the service answers, as a routing knows it."""
        return Terms(
            unit=self.unit,
            rules=tuple(rule.rule for rule in self.rules),
            wait_us=parse_duration(self.wait),
            log=self.log,
            shadow=self.shadow,
            fallback=None if self.fallback is None else self.fallback.fallback,
        )

    @property
    def tick_us(self) -> int:
        """Return how often releases and live windows are looked at, in microseconds."""
        return parse_duration(self.tick)

    @property
    def rehearsal_us(self) -> int:
        """Return how much of the newest history a retrained version is judged on, in microseconds."""
        return parse_duration(self.rehearsal)

    @property
    def rest_us(self) -> int:
        """Return how long no retrain is asked for after one, in microseconds."""
        return parse_duration(self.rest)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Return the walk as a release knows it."""
        return tuple(Step(weight=step.weight, hold_us=parse_duration(step.hold)) for step in self.walk)


class ReplaySection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A stretch of recorded history that a service is made to live through.

    Attributes:
        service: which service answers.
        period: from and to (exclusive): every row asked about between is sent as a request at its instant.
        stale: how late the features of a version arrive that is released only to see it taken back; empty for none.
    """

    service: str
    period: tuple[dt.datetime, dt.datetime]
    stale: str = ""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file.

    Attributes:
        project: who the project is.
        raw: raw input name to address: a path, or `package:name/path` for a file inside an installed package; or to a
            table that says more.
        models: model name to its cuts and test period.
        services: service name to what answers it and how versions change.
        replay: the history that services are made to live through; None where there is none.
        resources: what a run may use.
        storage: where files and the data's history are kept, if not in the project's folder of state.
        online: where features are read from while they are served, if not there.
        compute: who builds frames.
        serving: what a server takes, from whom, and how it ends.
        security: whom the project trusts.
    """

    project: ProjectSection
    raw: dict[str, str | RawSection] = {}
    models: dict[str, ModelSection] = {}
    services: dict[str, ServiceSection] = {}
    replay: ReplaySection | None = None
    resources: ResourceSection = ResourceSection()
    storage: StorageSection = StorageSection()
    online: OnlineSection = OnlineSection()
    compute: ComputeSection = ComputeSection()
    serving: ServingSection = ServingSection()
    security: SecuritySection = SecuritySection()

    def input(self, name: str) -> Raw:
        """Return a raw input as the rest of the system knows it."""
        section = self.raw[name]
        return Raw(name=name, uri=section) if isinstance(section, str) else section.input(name)


def read_config(data: dict[str, Any]) -> Config:
    """Check the content of shipway.toml and return it typed.

    Raises:
        ShipwayError: SW-102 for a missing, unknown or wrong value, naming its place and the nearest right name.
    """
    _check_quoted(data)
    try:
        config = msgspec.convert(_promote_dates(data), Config)
    except msgspec.ValidationError as error:
        said = _plain(str(error))
        for kind, shape in {"models": ModelSection, "raw": str | RawSection}.items():
            said = said.replace(f"{kind}[...]", f"{kind}.{_wrong_name(data, kind, shape)}")
        raise ShipwayError("SW-102", f"shipway.toml: {said}", _hint(data)) from error
    try:
        ZoneInfo(config.project.timezone)
    except (ZoneInfoNotFoundError, OSError, ValueError) as error:
        raise ShipwayError(
            "SW-102",
            f"shipway.toml: {config.project.timezone!r} is no time zone",
            "use a name such as Europe/Paris or UTC",
        ) from error
    check_storage(config.storage)
    _check_resources(config.resources)
    check_online(config.online)
    check_serving(config.serving)
    for name, section in config.raw.items():
        check_raw(name, RawSection(uri=section) if isinstance(section, str) else section)
    for name, section in config.models.items():
        _check_model(config, name, section)
    for name, service in config.services.items():
        _check_service(config, name, service)
    if config.replay is not None:
        _check_replay(config, config.replay)
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
        places += [(f"models.{model}.{field}", section.get(field)) for field in ("cuts", "test")]
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


def _wrong_name(data: dict[str, Any], kind: str, shape: Any) -> str:
    """Return the name of the first of several sections of a kind that is not valid."""
    sections = _section(data, kind)
    for name, section in sections.items():
        try:
            msgspec.convert(_promote_dates(section), shape)
        except msgspec.ValidationError:
            return name
    return "NAME"


def _check_resources(section: ResourceSection) -> None:
    try:
        if section.memory:
            parse_size(section.memory)
    except ValueError as error:
        raise ShipwayError(
            "SW-102", f"shipway.toml: resources.memory: {error}", "write such as 700MB or 2GB"
        ) from error


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
    people = len(set(section.approvers))
    if section.approvers and people < section.approvals:
        raise ShipwayError(
            "SW-102",
            f"shipway.toml: models.{name} asks for {section.approvals} approvals of {people} people",
            "name as many approvers, or ask for fewer approvals",
        )
    if any(instant_of(cut, zone) > start for cut in section.cuts):
        raise ShipwayError(
            "SW-102",
            f"shipway.toml: models.{name} has a cut later than its test begins",
            "a version must not be judged on what it may have learned: cut no later than the test's first day",
        )


def _check_service(config: Config, name: str, section: ServiceSection) -> None:
    place = f"shipway.toml: services.{name}"
    if not is_servable(name):
        raise ShipwayError("SW-102", f"{place} is a name that no server can answer under", NAMES_HINT)
    if section.model not in config.models:
        raise ShipwayError(
            "SW-102",
            f"{place} answers with {section.model!r}, and there is no [models.{section.model}]",
            did_you_mean(section.model, config.models)
            if config.models
            else f"say there when it is trained and judged: [models.{section.model}] with `cuts` and `test`",
        )
    spans = [("tick", section.tick), ("rehearsal", section.rehearsal), ("rest", section.rest), ("wait", section.wait)]
    if section.fallback is not None:
        spans.append(("fallback.last", section.fallback.last))
    for field, text in [*spans, *((f"walk[{i}].hold", step.hold) for i, step in enumerate(section.walk))]:
        _check_span(f"{place}.{field}", text, positive=field == "tick")
    if section.terms.wait_us > LONGEST_WAIT_US:
        hint = f"write at most {LONGEST_WAIT_US // 1_000}ms: what is waited is added to every answer"
        raise ShipwayError("SW-102", f"{place}.wait is {section.wait}", hint)
    weights = [step.weight for step in section.walk]
    if len(weights) < 2 or weights[-1] != 1 or any(a >= b for a, b in pairwise(weights)):
        raise ShipwayError(
            "SW-102",
            f"{place}.walk goes over {', '.join(f'{weight:g}' for weight in weights) or 'nothing'}",
            "let the weights rise, from 0 (shadow) where you can, and end with 1",
        )


def _check_replay(config: Config, section: ReplaySection) -> None:
    if section.service not in config.services:
        raise ShipwayError(
            "SW-102",
            f"shipway.toml: replay.service is {section.service!r}, which is no service",
            did_you_mean(section.service, config.services),
        )
    start, end = (instant_of(moment, config.project.timezone) for moment in section.period)
    if start >= end:
        raise ShipwayError("SW-102", "shipway.toml: replay.period ends before it begins", "give from and to")
    if section.stale:
        _check_span("shipway.toml: replay.stale", section.stale, positive=True)


def _check_span(place: str, text: str, *, positive: bool) -> None:
    try:
        us = parse_duration(text)
    except ValueError as error:
        raise ShipwayError("SW-102", f"{place}: {error}", "write such as 30m, 6h or 2d") from error
    if us < 0 or (positive and us == 0):
        raise ShipwayError("SW-102", f"{place} is {text}", "write a duration longer than zero")


def _plain(message: str) -> str:
    return message.replace("Object", "the section").replace(" - at `$", " in `").replace("`$", "`")


def _hint(data: dict[str, Any]) -> str:
    """Return the nearest right name for the first unknown one."""
    sections = {
        "project": ProjectSection,
        "replay": ReplaySection,
        "resources": ResourceSection,
        "storage": StorageSection,
        "online": OnlineSection,
        "serving": ServingSection,
        "security": SecuritySection,
    }
    known = list(get_type_hints(Config))
    for name in data:
        if name not in known:
            return did_you_mean(name, known)
    for section, shape in sections.items():
        for name in _section(data, section):
            if name not in get_type_hints(shape):
                return f"in [{section}], {did_you_mean(name, get_type_hints(shape))}"
    for kind, shape in {"raw": RawSection, "models": ModelSection, "services": ServiceSection}.items():
        named = _section(data, kind)
        for each in named:
            for name in _section(named, each):
                if name not in get_type_hints(shape):
                    return f"in [{kind}.{each}], {did_you_mean(name, get_type_hints(shape))}"
    return "docs/reference/project-file.md lists every section and field"


def _section(data: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a section, an empty one if something else stands in its place."""
    found = data.get(name)
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
