"""Collecting what is known of one model: its versions, and in depth the newest one."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from shipway.app.candidate import VersionReport
from shipway.app.confusion import Confusion
from shipway.app.detail import collect_details
from shipway.app.pricing import Price, Side
from shipway.app.report.data import (
    BundleData,
    CostData,
    CurveData,
    LeakData,
    LineData,
    ModelData,
    PartData,
    RefusalData,
    SideData,
    ValueData,
    VersionData,
)
from shipway.app.report.gate import Measured
from shipway.app.report.number import write_day, write_instant
from shipway.app.run import RunReport
from shipway.app.workspace import Workspace
from shipway.core.bundle import Manifest
from shipway.core.check import Check, Evidence
from shipway.core.label import MEAN, LabelKind, read_kind
from shipway.core.maturity import MATURITY, read_maturity
from shipway.core.measure import DecisionValue, Improvement
from shipway.core.metric import LEADING
from shipway.maths.expression import render

EARLIER: Final = 2
"""How many versions before the newest are drawn beside it."""
_HIDDEN: Final = ("base rate", "current")
"""Baselines without a line of their own: a constant ranks nothing, and `current` is one of the versions."""

Kind = TypeVar("Kind")
Rows = list[dict[str, Any]]


class Profile(msgspec.Struct, frozen=True):
    """The part of a version's profile that a report shows; the shape is that of `shipway.app.evaluation`."""

    month: tuple[PartData, ...]
    calibration: Rows
    baselines: dict[str, tuple[PartData, ...]]
    classes: Confusion | None = None


def collect_model(workspace: Workspace, run: RunReport, name: str) -> ModelData:
    """Collect what a report shows of one model of a run.

    Raises:
        ShipwayError: SW-605 if a blob that the run cites is missing or damaged.
    """
    registry, config = workspace.project.registry, workspace.project.config
    model, zone = registry.models[name], config.project.timezone
    reports = [version for version in run.versions if version.model == name]
    newest = reports[-1]
    profiles = [_read(workspace, version.profile, Profile) for version in reports]
    prices = [price for price in run.leaks if registry.leaks[price.leak].model.name == name]
    checks = _checks(workspace)
    start, end = (workspace.project.instant(moment) for moment in config.models[name].test)
    return ModelData(
        name=name,
        purpose=(registry.function("model", name).__doc__ or "").strip().partition("\n")[0],
        label=render(model.label.value),
        kind=read_kind(newest.training),
        at=render(model.at),
        period=(write_day(start, zone), write_day(end - 1, zone)),
        versions=tuple(_version(workspace, version, checks) for version in reports),
        lines=tuple(_lines(workspace, reports, profiles, prices)),
        leaks=tuple(_leak(price, newest) for price in prices),
        value=_value(newest, checks, profiles[-1]),
        calibration=tuple(_curves(reports, profiles)),
        confusion=profiles[-1].classes,
        details=collect_details(checks.values(), newest.evidence, workspace.blobs.get),
        maturity=read_maturity(newest.evidence[MATURITY]) if MATURITY in newest.evidence else None,
    )


def _version(workspace: Workspace, version: VersionReport, checks: Mapping[str, Check]) -> VersionData:
    value = next((e for e, _ in _measured(version, checks, DecisionValue)), None)
    outcomes = {verdict.outcome for verdict in version.verdicts}
    kind = read_kind(version.training)
    skill, loss = LEADING[kind]
    return VersionData(
        name=f"version {version.number}",
        cut=write_instant(version.cut, workspace.project.config.project.timezone),
        format=str(version.training["format"]),
        rows=int(version.training["rows"]),
        mean=_mean(version, kind),
        scored=int(version.prediction["rows"]),
        evaluated=int(version.prediction["labelled"]),
        skill=_number(version.evidence.get(skill)),
        loss=_number(version.evidence.get(loss)),
        squared=_number(version.evidence.get("root_mean_squared_error" if kind == "number" else "brier")),
        calibration_gap=_signed_gap(version.evidence.get("calibration_gap")),
        saved=_number(value),
        gains=tuple(
            (measure.metric, str(evidence.facts["baseline"]), Measured(evidence.value, evidence.low, evidence.high))
            for evidence, measure in _measured(version, checks, Improvement)
        ),
        outcome=next((outcome for outcome in ("fail", "hold", "pass") if outcome in outcomes), None),
        bundle=None if version.bundle is None else _bundle(workspace, version.bundle),
    )


def _mean(version: VersionReport, kind: LabelKind) -> float | None:
    """Return the mean of the labels that a version learned from; of classes how often it was right when measured."""
    if kind != "class":
        return float(version.training[MEAN[kind]])
    right = _number(version.evidence.get("accuracy"))
    return None if right is None else right.value


def _bundle(workspace: Workspace, digest: str) -> BundleData:
    manifest = _read(workspace, digest, Manifest)
    return BundleData(
        digest=digest,
        parity=manifest.compared,
    )


def _lines(
    workspace: Workspace, reports: Sequence[VersionReport], profiles: Sequence[Profile], prices: Sequence[Price]
) -> Iterator[LineData]:
    """Yield the newest version, those before it, what it is compared with, and leaks on both their sides."""
    newest, of_newest = reports[-1], profiles[-1]
    yield LineData(name=f"version {newest.number}", role="newest", parts=of_newest.month)
    earlier = list(zip(reports, profiles, strict=True))[-1 - EARLIER : -1]
    for version, profile in reversed(earlier):
        yield LineData(name=f"version {version.number}", role="earlier", parts=profile.month)
    known = workspace.state().models.get(newest.model, [])
    passed = [version.number for version in known if version.bundle and version.number < newest.number]
    drawn = {version.number for version, _ in earlier}
    if "current" in of_newest.baselines and passed and passed[-1] not in drawn:
        yield LineData(name=f"version {passed[-1]}", role="earlier", parts=of_newest.baselines["current"])
    for name, parts in of_newest.baselines.items():
        if name not in _HIDDEN:
            yield LineData(name=name, role="baseline", parts=parts)
    for price in prices:
        if price.claimed is not None and price.served is not None:
            yield LineData(name=f"{price.leak} as claimed", role="claimed", parts=_parts(price.claimed))
            yield LineData(name=f"{price.leak} as served", role="served", parts=_parts(price.served))


def _leak(price: Price, honest: VersionReport) -> LeakData:
    refusals = sorted(price.refusals, key=lambda refusal: -refusal.rows)
    return LeakData(
        name=price.leak,
        doc=price.doc,
        refusals=tuple(
            RefusalData(column=r.column, features=r.features, rows=r.rows, of=r.of, example=r.example) for r in refusals
        ),
        honest=_honest(honest),
        claimed=None if price.claimed is None else _side(price.claimed),
        served=None if price.served is None else _side(price.served),
    )


def _honest(version: VersionReport) -> SideData | None:
    kind = read_kind(version.training)
    skill, loss = (version.evidence.get(name) for name in LEADING[kind])
    ranked, lost = _number(skill), _number(loss)
    if skill is None or ranked is None or lost is None:
        return None
    mean = skill.facts["right" if kind == "class" else MEAN[kind]]
    return SideData(skill=ranked, loss=lost, mean_p=skill.facts["mean_p"], mean=mean)


def _side(side: Side) -> SideData:
    return SideData(skill=Measured(*side.skill), loss=Measured(*side.loss), mean_p=side.mean_p, mean=side.mean)


def _parts(side: Side) -> tuple[PartData, ...]:
    return msgspec.convert(side.month, tuple[PartData, ...])


def _value(version: VersionReport, checks: Mapping[str, Check], profile: Profile) -> ValueData | None:
    """Return what the newest version is worth; the costs by month follow from the month's rate and what it saved."""
    for evidence, costs in _measured(version, checks, DecisionValue):
        months: list[CostData] = []
        for part in profile.month:
            # How often one class of several came in a month is not told.
            if part.value is not None and not costs.of:
                nothing = part.mean * costs.skip_if_true + (1 - part.mean) * costs.skip_if_false
                oracle = part.mean * costs.act_if_true + (1 - part.mean) * costs.skip_if_false
                months.append(CostData(label=part.label, nothing=nothing, model=nothing - part.value, oracle=oracle))
        return ValueData(
            check=checks[evidence.check].text,
            saved=Measured(evidence.value, evidence.low, evidence.high),
            nothing=evidence.facts["cost_of_nothing"],
            model=evidence.facts["cost"],
            oracle=evidence.facts["cost_of_oracle"],
            threshold=evidence.facts["threshold"],
            share_acted=evidence.facts["share_acted"],
            months=tuple(months),
        )
    return None


def _curves(reports: Sequence[VersionReport], profiles: Sequence[Profile]) -> Iterator[CurveData]:
    both = list(zip(reports, profiles, strict=True))[-1 - EARLIER :]
    for version, profile in reversed(both):
        bins = tuple((row["mean_p"], row["mean"]) for row in profile.calibration)
        if bins:
            yield CurveData(name=f"version {version.number}", newest=version is reports[-1], bins=bins)


def _checks(workspace: Workspace) -> dict[str, Check]:
    """Return the checks of the gates before release by name."""
    gates = workspace.project.registry.gates_before("release")
    return {rule.check.name: rule.check for gate in gates for rule in gate.rules}


def _measured(version: VersionReport, checks: Mapping[str, Check], kind: type[Kind]) -> Iterator[tuple[Evidence, Kind]]:
    """Yield evidence of one kind of measure, with the measure, in the order of the gates."""
    for name, check in checks.items():
        evidence = version.evidence.get(name)
        if evidence is not None and isinstance(check.measure, kind) and evidence.n:
            yield evidence, check.measure


def _number(evidence: Evidence | None) -> Measured | None:
    return Measured(evidence.value, evidence.low, evidence.high) if evidence is not None and evidence.n else None


def _signed_gap(evidence: Evidence | None) -> Measured | None:
    """Return the calibration gap with its sign: a report says which way, a rule must not care."""
    if evidence is None or not evidence.n:
        return None
    return Measured(*(float(evidence.facts[name]) for name in ("gap", "gap_low", "gap_high")))


def _read(workspace: Workspace, digest: str, kind: type[Kind]) -> Kind:
    return msgspec.json.decode(workspace.blobs.get(digest), type=kind)
