"""From a version that passed its gate to a bundle, and from a bundle to a registered version."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipway.app.attestation import attest_speed
from shipway.app.evaluation import Evaluated
from shipway.app.frame import admitted, read_rows
from shipway.app.progress import Event
from shipway.app.runner import Made, Runner
from shipway.app.shelf import stock_shelf
from shipway.app.training import Trained, format_of, read_inputs, threads_of
from shipway.core.artifact import Artifact
from shipway.core.body import VersionRegistered
from shipway.core.bundle import (
    BILL,
    DRIFT,
    InputColumn,
    KeyedFeatures,
    Manifest,
    OutputColumn,
    SliceMetric,
    declare_outputs,
)
from shipway.core.column import read_kinds
from shipway.core.error import ShipwayError
from shipway.core.gate import worst_of
from shipway.core.label import read_classes
from shipway.core.model import Model
from shipway.core.online import Layout, make_layout
from shipway.core.override import Override
from shipway.core.projection import State, VersionState
from shipway.core.record import name_places
from shipway.core.reference import ColumnReference, DriftReference, refer_number
from shipway.core.tensor import MATRIX
from shipway.data.plan import plan_frame
from shipway.delivery.bundle import Form, build_bundle
from shipway.delivery.card import write_card
from shipway.delivery.lock import EXTRAS, lock_environment, read_lock
from shipway.kit.canonical import canonical_json, digest_bytes
from shipway.maths.expression import render
from shipway.ports.adapter import load_adapter
from shipway.ports.bill import Bill
from shipway.ports.model import ModelFormat, open_runtime
from shipway.training.frame import encode_frame
from shipway.validation.sample import spread_rows

PARITY_ROWS: Final = 20_000
"""Held-out rows on which the portable form of a model is compared with the native one."""


@dataclass(frozen=True, slots=True, eq=False)
class Makings:
    """What a version's bundle is made of.

    Attributes:
        model: the declaration.
        version: the version's number and cut.
        frame: the model's frame, for held-out rows.
        trained: the model.
        evaluated: its evidence and verdicts.
        period: the test period, whose rows are held out.
        lock: the environment.
        card: the model card, before its forms are compared.
    """

    model: Model
    version: VersionState
    frame: Artifact
    trained: Trained
    evaluated: Evaluated
    period: tuple[int, int]
    lock: str
    card: str


def gather(
    runner: Runner,
    model: Model,
    version: VersionState,
    frame: Artifact,
    trained: Trained,
    evaluated: Evaluated,
    period: tuple[int, int],
) -> Makings:
    """Return what a version's bundle is made of, with the environment and the card that it has now."""
    lock = lock_environment(extras=(*EXTRAS, trained.format))
    card = write_card(
        model=model.name,
        version=version.number,
        purpose=runner.workspace.project.registry.function("model", model.name).__doc__ or "",
        label=render(model.label.value),
        at=render(model.at),
        training=trained.facts,
        evidence=evaluated.evidence,
        verdicts=evaluated.verdicts,
        owner=runner.workspace.project.config.project.owner,
        overrides=overrides_of(runner.workspace.state(), version),
    )
    return Makings(model, version, frame, trained, evaluated, period, lock, card)


def package(runner: Runner, makings: Makings) -> Artifact:
    """Build a version's bundle, or find it built.

    Args:
        runner: runs and remembers.
        makings: what it is made of.

    Raises:
        ShipwayError: SW-501 if its portable form predicts something else, SW-402 if there are too few rows to know.
    """
    trained, version = makings.trained, makings.version
    outputs = runner.make(
        f"bundle {version.ref}",
        partial(_package, runner, makings),
        inputs={
            "frame": makings.frame.digest,
            "model": trained.model.digest,
            "inputs": trained.inputs.digest,
            "reference": "" if trained.reference is None else trained.reference.digest,
        },
        params={
            "version": version.number,
            "period": list(makings.period),
            "verdicts": [msgspec.to_builtins(verdict) for verdict in makings.evaluated.verdicts],
            "metrics": _metrics(makings.evaluated),
            "lock": makings.lock,
            "layout": msgspec.to_builtins(layout_of(runner, makings.model)),
            "card": digest_bytes(makings.card.encode()),
        },
    )
    attest_speed(runner.workspace, outputs["bundle"].digest)
    return outputs["bundle"]


def overrides_of(state: State, version: VersionState) -> list[Override]:
    """Return the overrides by right of which a version was trained, in the order it came by them."""
    return [state.overrides[name].override for name in version.overrides]


def layout_of(runner: Runner, model: Model) -> Layout:
    """Return how the online store of a model's features is laid out, from the types of the data on the main branch."""
    plan = plan_frame(model, runner.workspace.project.registry.sources)
    snapshots = admitted(runner, plan.tables)
    schema = {table: read_kinds(snapshot.columns) for table, snapshot in snapshots.items()}
    return make_layout(model.on.name, model.on.key, model.features, schema)


def register(runner: Runner, version: VersionState, bundle: Artifact) -> None:
    """Remember that a version may be released as this bundle; once is enough."""
    if version.bundle != bundle.digest:
        body = VersionRegistered(model=version.model, number=version.number, bundle=bundle.digest)
        runner.workspace.remember((version.subject, body))
    stock_shelf(runner.workspace)
    said = f"{version.ref} is bundle {bundle.digest[:12]}"
    runner.watch(Event(stage="note", step="registered", said=said))


def _metrics(evaluated: Evaluated) -> dict[str, tuple[float, float, float]]:
    return {name: (e.value, e.low, e.high) for name, e in evaluated.evidence.items() if e.n}


def _slices(runner: Runner, evaluated: Evaluated) -> list[SliceMetric]:
    """Return how a version does on the slices that its gates judged."""
    found: list[SliceMetric] = []
    for name, evidence in sorted(evaluated.evidence.items()):
        if "worst" not in evidence.facts or evidence.detail is None:
            continue
        rows: list[dict[str, Any]] = msgspec.json.decode(runner.workspace.blobs.get(evidence.detail))
        found += [
            SliceMetric(
                check=name,
                name=row["slice"],
                rows=row["n"],
                loss=row["candidate_loss"],
                baseline=row["baseline_loss"],
                regressed=row["regressed"],
            )
            for row in rows
            if row["decides"]
        ]
    return found


def _refer(
    runner: Runner, trained: Trained, form: Form, x: NDArray[np.float64], output: OutputColumn
) -> DriftReference:
    """Return what training saw of each column, and what the model says of rows it did not learn from."""
    assert trained.reference is not None, "a version that is packaged was trained here"
    learned = msgspec.json.decode(
        runner.workspace.blobs.get(trained.reference.digest), type=tuple[ColumnReference, ...]
    )
    said = form.predictor.predict(x).reshape(len(x), -1)
    names = name_places(output, "")
    return DriftReference(
        inputs=learned, outputs=tuple(refer_number(name, said[:, place]) for place, name in enumerate(names))
    )


def _package(runner: Runner, makings: Makings, report: Callable[[int, int], None]) -> Made:
    manifest, files = make_bundle(runner, makings, report)
    for content in files.values():
        runner.workspace.blobs.put(content)
    size = sum(len(content) for content in files.values())
    facts: dict[str, Any] = {"files": len(files), "bytes": size, "served": manifest.runtime}
    if manifest.parity is not None:
        facts |= {"parity": manifest.parity.largest, "parity_rows": manifest.parity.rows}
    said = f"{len(files)} files, {size / 1e6:.1f} MB, {manifest.compared}"
    return Made({"bundle": ("bundle", manifest.digest, facts)}, said=said)


def make_bundle(
    runner: Runner, makings: Makings, report: Callable[[int, int], None]
) -> tuple[Manifest, dict[str, bytes]]:
    """Make a version's bundle, and keep none of it.

    Args:
        runner: reads what it is made of.
        makings: what that is.
        report: told how much is done.

    Returns:
        The manifest, and every file by its path.

    Raises:
        ShipwayError: as `package`.
    """
    model, version, trained = makings.model, makings.version, makings.trained
    inputs, model_format = read_inputs(runner, trained), format_of(runner, trained)
    native = runner.workspace.blobs.get(trained.model.digest)
    portable, because = _convert(model_format, native, len(inputs), threads_of(runner))
    report(1, 3)
    x = _hold_out(runner, makings, inputs)
    report(2, 3)
    form = Form(trained.format, native, model_format.load(native))
    kind = form.predictor.predicts
    assert kind is not None, "what was trained here predicts a label"
    outputs = declare_outputs(kind, read_classes(trained.facts))
    bill: Bill = load_adapter("bill.cyclonedx")()
    return build_bundle(
        model=model.name,
        version=version.number,
        cut=version.cut,
        ending=model_format.ending,
        native=form,
        portable=portable,
        because=because,
        inputs=inputs,
        outputs=outputs,
        features=_key_features(runner, model),
        sample={MATRIX: x},
        training={**trained.facts, "frame": makings.frame.digest},
        metrics=_metrics(makings.evaluated),
        slices=_slices(runner, makings.evaluated),
        verdict=_say_verdict(makings.evaluated, overrides_of(runner.workspace.state(), version)),
        lock=makings.lock,
        card=makings.card,
        attached={
            DRIFT: canonical_json(_refer(runner, trained, form, x, outputs[0])),
            BILL: bill.write(model.name, str(version.number), read_lock(makings.lock)),
        },
    )


def _hold_out(runner: Runner, makings: Makings, inputs: Sequence[InputColumn]) -> NDArray[np.float64]:
    """Return rows of the test period as the model reads them, spread evenly over it."""
    rows = read_rows(runner, makings.frame, [column.name for column in inputs], period=makings.period)
    spread = spread_rows(rows.height, PARITY_ROWS)
    return encode_frame(rows[spread], inputs)


def _key_features(runner: Runner, model: Model) -> KeyedFeatures:
    schema = layout_of(runner, model).schema
    return KeyedFeatures(
        at=render(model.at), spine=model.on.name, key=model.on.key, views=model.features, schema=schema
    )


def _say_verdict(evaluated: Evaluated, overrides: Sequence[Override]) -> dict[str, Any]:
    outcome = worst_of(verdict.outcome for verdict in evaluated.verdicts)
    said = {"outcome": outcome, "gates": [msgspec.to_builtins(verdict) for verdict in evaluated.verdicts]}
    return said | ({"overrides": [msgspec.to_builtins(each) for each in overrides]} if overrides else {})


def _convert(model_format: ModelFormat, native: bytes, columns: int, threads: int) -> tuple[Form | None, str]:
    """Return the portable form of a model; where it does not convert, none, and why as a clause after "because"."""
    try:
        content = model_format.to_onnx(native, columns)
    except ShipwayError as error:
        if error.code != "SW-501":
            raise
        return None, error.fact
    return Form("onnx", content, open_runtime("onnx", threads=threads).load(content)), ""
