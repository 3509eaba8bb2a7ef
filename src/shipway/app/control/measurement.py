"""Measuring services: what a window of the log, the labels that have landed and the training rows say of them."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Final

import msgspec
import numpy as np
import polars as pl

from shipway.app.answered import describe_label
from shipway.app.candidate import make_runner
from shipway.app.control.offline import LABELS, keep_labels, read_labels, read_offline, read_reference
from shipway.app.control.recomputation import open_recomputation
from shipway.app.release import manifest_of
from shipway.app.runner import Runner
from shipway.app.workspace import Workspace
from shipway.core.bundle import DRIFT, Manifest
from shipway.core.check import Check, Evidence
from shipway.core.label import LabelKind
from shipway.core.measure import (
    Drift,
    FeatureLag,
    FeatureSkew,
    LabelMaturity,
    NewestSeen,
    PairedLoss,
    PredictionShift,
    Skew,
    Windowed,
)
from shipway.core.online import Layout
from shipway.core.prediction import NEWEST
from shipway.core.projection import ServiceState, VersionState
from shipway.core.reference import DriftReference
from shipway.core.release import Release
from shipway.core.service import CANDIDATE, STABLE, Variant
from shipway.kit.canonical import canonical_json
from shipway.monitoring.canary import measure_canary
from shipway.monitoring.live import measure_live
from shipway.monitoring.prediction import read_predictions
from shipway.monitoring.reading import distinct_predictions, pair_versions, read_vectors, served
from shipway.monitoring.skew import take_sample
from shipway.monitoring.window import CanaryWindow, LiveWindow
from shipway.ports.log import Log

_ANSWERS: Final = ("request", "row", "at", "version", "role", "token", "p")
_PAIRED: Final = (*_ANSWERS, "weight", "error", "latency_us", "answer_us")
_SHARES: Final = np.linspace(0, 1, 101)


class LogInstruments:
    """What measures services from the prediction log that their servers write.

    Only the columns and the period that the checks need are read, and what a check does not need is left empty.
    """

    def __init__(self, workspace: Workspace) -> None:
        """Read nothing yet.

        Args:
            workspace: the project's state.
        """
        self.workspace = workspace
        self._labels: dict[str, tuple[str, tuple[pl.DataFrame, pl.DataFrame]]] = {}
        self._logs: dict[str, Log] = {}

    def measure_step(
        self, service: ServiceState, release: Release, checks: Sequence[Check], now: int
    ) -> dict[str, Evidence]:
        """Measure checks on the present step of a release, on everything asked before now.

        Args:
            service: the service.
            release: its release, walking.
            checks: what is measured.
            now: domain time, microseconds since 1970 UTC.

        Raises:
            ShipwayError: as `monitoring.canary.measure_canary`; SW-605 for a damaged segment of the log.
        """
        log = self._open_log(service)
        variants = {STABLE: release.stable, CANDIDATE: release.candidate}
        lagging, losing, shifting = (
            any(isinstance(c.measure, kinds) for c in checks)
            for kinds in (FeatureLag, PairedLoss | LabelMaturity, PredictionShift)
        )
        numbers = (variant.version for variant in variants.values())
        predicts, classes = describe_label(self.workspace, service.model, numbers)
        scale = self._read_scale(service, release) if shifting and predicts == "number" else ()
        rows = read_predictions(log, predicts, _PAIRED, classes=classes, since=release.started_at, until=now)
        labels, asked = self._take_labels(service.model, predicts) if losing else (_no_labels(predicts), pl.DataFrame())
        window = CanaryWindow(
            pairs=pair_versions(rows, release.stable.version, release.candidate.version),
            labels=labels,
            asked=asked,
            newest=self._read_newest(log, service, variants, release.since, now) if lagging else {},
            online={name: variant.online for name, variant in variants.items()},
            versions={name: variant.version for name, variant in variants.items()},
            since=release.since,
            weight=release.weight,
            steps=len(release.walk) - 1,
            now=now,
            zone=self._zone,
            predicts=predicts,
            scale=scale,
            classes=classes,
        )
        return {check.name: measure_canary(check, window, subject=release.subject) for check in checks}

    def measure_live(self, service: ServiceState, checks: Sequence[Check], now: int) -> dict[str, Evidence]:
        """Measure checks on what a service answered lately; tables of their parts are stored as blobs.

        Args:
            service: the service.
            checks: what is measured, each on a window of its own that ends now.
            now: domain time, microseconds since 1970 UTC.

        Raises:
            ShipwayError: as `monitoring.live.measure_live`; SW-605 for a damaged segment of the log; what building a
                frame refuses, for the audit of skew.
        """
        window = self._look(service, checks, now)
        evidence: dict[str, Evidence] = {}
        for check in checks:
            found = measure_live(check, window, subject=service.subject)
            detail = None if found.detail is None else self.workspace.blobs.put(canonical_json(found.detail))
            evidence[check.name] = msgspec.structs.replace(found.evidence, detail=detail)
        return evidence

    def _look(self, service: ServiceState, checks: Sequence[Check], now: int) -> LiveWindow:
        version, manifest, layout = self._describe(service, service.stable)
        since = now - max(_length_us(check) for check in checks)
        log, features, nothing = self._open_log(service), layout.columns, pl.DataFrame()
        scored, drifting, audited, aged = (
            any(isinstance(check.measure, kind) for check in checks)
            for kind in (Windowed | LabelMaturity, Drift, Skew, NewestSeen)
        )
        drawn = [check.measure for check in checks if isinstance(check.measure, FeatureSkew)]
        read = features if drifting or audited or drawn else ()
        newest = _newest_columns(layout) if aged else []
        answers, predicts, classes = nothing, manifest.predicts or "condition", manifest.classes
        if scored:
            # What another version answered says nothing about whether this one has to be trained again.
            answers = served(read_predictions(log, predicts, _ANSWERS, classes=classes, since=since, until=now))
            answers = answers.filter(pl.col("version") == service.stable.version)
        vectors = read_vectors(log, service.stable.online, [*read, *newest], since, now) if read or aged else nothing
        offline = nothing
        if audited:
            model = self.workspace.project.registry.models[service.model]
            offline = read_offline(self._runner, model, version, features, (since, now))
        labels, asked = self._take_labels(service.model, predicts) if scored else (_no_labels(predicts), nothing)
        return LiveWindow(
            answers=answers,
            labels=labels,
            asked=asked,
            vectors=vectors,
            reference=read_reference(self._runner, manifest, features) if drifting else nothing,
            offline=offline,
            recomputed=self._recompute(service, manifest, vectors, drawn, now) if drawn else nothing,
            features=features,
            now=now,
            zone=self._zone,
            predicts=predicts,
            classes=classes,
        )

    def _recompute(
        self,
        service: ServiceState,
        manifest: Manifest,
        vectors: pl.DataFrame,
        measures: Sequence[FeatureSkew],
        now: int,
    ) -> pl.DataFrame:
        """Return the features of the vectors that audits draw, each recomputed once."""
        drawn = [
            take_sample(vectors.filter(pl.col("at") > now - each.last_us), each.sample, each.seed) for each in measures
        ]
        asked = pl.concat(each.select("row", "at") for each in drawn)
        model = self.workspace.project.registry.models[service.model]
        return open_recomputation(self.workspace, model, manifest.keyed.views).compute(asked)

    def _read_scale(self, service: ServiceState, release: Release) -> tuple[float, ...]:
        """Return how numbers that the stable version of a release says are spread.

        That is what its bundle says of rows that it did not learn from, or else what it answered before the release:
        either is as it was before the first look.
        """
        manifest = self._manifest(service, release.stable)[1]
        if DRIFT in manifest.files:
            told = msgspec.json.decode(self.workspace.blobs.get(manifest.files[DRIFT]), type=DriftReference)
            if told.outputs and told.outputs[0].quantiles:
                return told.outputs[0].quantiles
        rows = read_predictions(self._open_log(service), "number", _ANSWERS, until=release.started_at)
        said = distinct_predictions(rows).filter(pl.col("version") == release.stable.version)["p"]
        finite = said.filter(said.is_finite()).to_numpy()
        return tuple(np.quantile(finite, _SHARES).tolist()) if len(finite) else ()

    def _take_labels(self, model: str, predicts: LabelKind) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return what `_read_labels` does; labels of another kind than versions predict are none of what they said."""
        labels, asked = self._read_labels(model)
        return keep_labels(labels, predicts), asked

    def _read_labels(self, model: str) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return what came true of a model's rows, and when each was asked, read once for each commit of data."""
        commit = self.workspace.main_commit().id
        known = self._labels.get(model)
        if known is None or known[0] != commit:
            known = commit, read_labels(self.workspace, self.workspace.project.registry.models[model])
            self._labels[model] = known
        return known[1]

    def _read_newest(
        self, log: Log, service: ServiceState, variants: Mapping[str, Variant], since: int, until: int
    ) -> dict[str, pl.DataFrame]:
        """Return how new the events were that each variant read, where the two read different stores."""
        if len({variant.online for variant in variants.values()}) == 1:
            return {}
        columns = {name: _newest_columns(self._describe(service, variant)[2]) for name, variant in variants.items()}
        return {
            name: read_vectors(log, variant.online, columns[name], since, until) for name, variant in variants.items()
        }

    def _describe(self, service: ServiceState, variant: Variant) -> tuple[VersionState, Manifest, Layout]:
        version, manifest = self._manifest(service, variant)
        return version, manifest, manifest.keyed.make_layout()

    def _manifest(self, service: ServiceState, variant: Variant) -> tuple[VersionState, Manifest]:
        version = self.workspace.peek().version(service.model, variant.version)
        assert version is not None
        return version, manifest_of(self.workspace, version)

    def _open_log(self, service: ServiceState) -> Log:
        if service.name not in self._logs:
            self._logs[service.name] = self.workspace.open_log(service.name)
        return self._logs[service.name]

    @cached_property
    def _runner(self) -> Runner:
        return make_runner(self.workspace)

    @property
    def _zone(self) -> str:
        return self.workspace.project.config.project.timezone


def _no_labels(predicts: LabelKind) -> pl.DataFrame:
    return LABELS[predicts].to_frame()


def _newest_columns(layout: Layout) -> list[str]:
    """Return the columns of a vector that say how new the events of each stream were."""
    return list(dict.fromkeys(f"{NEWEST}{series.stream}" for series in layout.series))


def _length_us(check: Check) -> int:
    measure = check.measure
    return (
        measure.last_us
        if isinstance(measure, Windowed | Drift | NewestSeen | Skew | FeatureSkew | LabelMaturity)
        else 0
    )
