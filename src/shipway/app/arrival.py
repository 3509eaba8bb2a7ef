"""Importing models: from a file or a folder of another system to a registered version with a bundle of its own."""

import warnings
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipway.app.attestation import attest_speed
from shipway.app.candidate import make_runner
from shipway.app.progress import Watch, ignore
from shipway.app.project import Project
from shipway.app.runner import Made, Runner
from shipway.app.shelf import stock_shelf
from shipway.app.workspace import Workspace
from shipway.core.artifact import Artifact, Ref
from shipway.core.body import VersionOpened, VersionRegistered
from shipway.core.bundle import BILL, InputColumn, declare_outputs
from shipway.core.error import ShipwayError
from shipway.core.projection import State
from shipway.core.tensor import MATRIX, PREDICTED
from shipway.delivery.arrival import Arrival, check_classes, rename_classes, try_sample, write_arrival_card
from shipway.delivery.bundle import Form, build_bundle
from shipway.delivery.lock import lock_environment, read_lock
from shipway.delivery.sample import draw_sample, read_sample
from shipway.kit.canonical import digest_bytes, digest_value
from shipway.ports.adapter import load_adapter
from shipway.ports.model import ModelFormat, Predictor, open_runtime

FLAVORS: Final = ("onnx", "lightgbm", "xgboost", "sklearn")
"""Flavors of MLflow that are taken over, the first that a model has."""
_ONNX: Final = "onnx"


class ImportedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model that was brought in.

    Attributes:
        version: the version it is, such as `scorer@1`.
        kind: what it was brought in as.
        bundle: digest of its bundle.
        inputs: names of what it reads.
        outputs: names of what it gives.
        unchanged: whether it was there already.
    """

    version: str
    kind: str
    bundle: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    unchanged: bool


def import_model(
    project: Project,
    source: Path,
    name: str,
    *,
    sample: Path | None = None,
    cut: int | None = None,
    classes: Sequence[str] = (),
    watch: Watch = ignore,
) -> ImportedModel:
    """Make a registered version with a bundle of a model that was made elsewhere; once for the same model and sample.

    Args:
        project: where to.
        source: an ONNX file, or an MLflow model folder.
        name: what the model is called here.
        sample: a file of rows that it meets; where None, rows are drawn within what it declares.
        cut: until when it may have learned, microseconds since 1970 UTC; the domain time of the import where None.
        classes: of a model of classes what they are called, in their order; without any, what the model calls them.
        watch: told what happens.

    Raises:
        ShipwayError: SW-105 if the project declares a model of that name, SW-106 if it cannot be one, SW-201 if there
            is nothing to import, SW-502 if what is there cannot be read, SW-515 if loading it would run a program,
            SW-516 if it cannot be taken over or does not predict, SW-603 if another process runs the project.
    """
    _check_name(project, name)
    arrival, digest = _read(source)
    if classes:
        arrival = rename_classes(arrival, tuple(classes))
    check_classes(arrival)
    rows = None if sample is None else digest_bytes(_read_bytes(sample))
    with closing(Workspace(project)) as workspace, workspace.hold():
        cut = workspace.now if cut is None else cut
        key = digest_value(["import", name, arrival.kind, digest, rows, *([list(classes)] if classes else [])])
        version = next((each for each in workspace.state().models.get(name, []) if each.key == key), None)
        unchanged = version is not None and version.bundle is not None and workspace.blobs.has(version.bundle)
        if version is None or not unchanged:
            number = len(workspace.state().models.get(name, [])) + 1 if version is None else version.number
            artifact = _make(make_runner(workspace, watch), arrival, digest, name, number, sample, rows, cut)
            attest_speed(workspace, artifact.digest)
            _register(workspace, arrival, name, number, key, cut, artifact, known=version is not None)
            version = workspace.state().version(name, number)
            stock_shelf(workspace)
            workspace.store_state()
        assert version is not None
        assert version.bundle is not None
    return ImportedModel(
        version=f"{name}@{version.number}",
        kind=arrival.kind,
        bundle=version.bundle,
        inputs=tuple(column.name for column in arrival.inputs),
        outputs=tuple(column.name for column in arrival.outputs),
        unchanged=unchanged,
    )


def _make(
    runner: Runner,
    arrival: Arrival,
    source: str,
    name: str,
    number: int,
    sample: Path | None,
    rows: str | None,
    cut: int,
) -> Artifact:
    outputs = runner.make(
        f"import {name}@{number}",
        partial(_package, runner, arrival, source, name, number, sample, cut),
        inputs={"source": source} | ({} if rows is None else {"sample": rows}),
        params={
            "name": name,
            "version": number,
            "kind": arrival.kind,
            "cut": cut,
            "lock": lock_environment(),
            "classes": [list(column.classes) for column in arrival.outputs],
        },
    )
    return outputs["bundle"]


def _package(
    runner: Runner,
    arrival: Arrival,
    source: str,
    name: str,
    number: int,
    sample: Path | None,
    cut: int,
    report: Callable[[int, int], None],
) -> Made:
    given = _draw(arrival) if sample is None else _read_rows(arrival, sample)
    try_sample(arrival.native.predictor, given, arrival.outputs, drawn=sample is None)
    report(1, 2)
    count = len(next(iter(given.values())))
    said = f"{count:,} drawn by a seeded generator" if sample is None else f"from {count:,} rows of {sample.name}"
    lock, bill = lock_environment(), load_adapter("bill.cyclonedx")()
    manifest, files = build_bundle(
        model=name,
        version=number,
        cut=cut,
        ending=arrival.ending,
        native=arrival.native,
        portable=arrival.portable,
        reads=arrival.reads,
        inputs=arrival.inputs,
        outputs=arrival.outputs,
        features=None,
        sample=given,
        training={"imported": arrival.kind, "source": source},
        metrics={},
        verdict={},
        lock=lock,
        attached={BILL: bill.write(name, str(number), read_lock(lock))},
        card=write_arrival_card(
            model=name,
            version=number,
            kind=arrival.kind,
            source=source,
            sample=said,
            cut=cut,
            owner=runner.workspace.project.config.project.owner,
        ),
    )
    for content in files.values():
        runner.workspace.blobs.put(content)
    size = sum(len(content) for content in files.values())
    facts = {"files": len(files), "bytes": size, "imported": arrival.kind}
    return Made({"bundle": ("bundle", manifest.digest, facts)}, said=f"{len(files)} files, {manifest.compared}")


def _register(
    workspace: Workspace, arrival: Arrival, name: str, number: int, key: str, cut: int, bundle: Artifact, *, known: bool
) -> State:
    subject = str(Ref(kind="model", name=name, version=str(number)))
    opened = VersionOpened(model=name, number=number, key=key, cut=cut, imported=arrival.kind)
    registered = VersionRegistered(model=name, number=number, bundle=bundle.digest)
    return workspace.remember(*([] if known else [(subject, opened)]), (subject, registered))


def _read(source: Path) -> tuple[Arrival, str]:
    """Return the model at a place, and the digest of what was read there."""
    if source.is_dir():
        return _read_mlflow(source)
    data = _read_bytes(source)
    return _take_graph(data, "onnx"), digest_bytes(data)


def _read_mlflow(folder: Path) -> tuple[Arrival, str]:
    model = load_adapter("import.mlflow")(folder)
    flavor = next((each for each in FLAVORS if each in model.flavors), None)
    if flavor is None:
        there = ", ".join(model.flavors) or "none"
        raise ShipwayError(
            "SW-516",
            f"{folder} has no flavor that is taken over, only {there}",
            "a python_function runs the code in its folder: save the model as ONNX, with mlflow.onnx.save_model",
        )
    path, estimator = model.load(flavor)
    digest = digest_bytes(path.read_bytes())
    if flavor == _ONNX:
        return _take_graph(estimator, "mlflow/onnx", model.columns), digest
    model_format: ModelFormat = load_adapter(f"model.{flavor}")()
    try:
        with warnings.catch_warnings():
            # Made with a table, it warns at bare columns; they come in the order of its signature all the same.
            warnings.simplefilter("ignore", UserWarning)
            native = model_format.dump(estimator)
        columns = model.columns or tuple(f"column_{at}" for at in range(_count(estimator)))
        portable = model_format.to_onnx(native, len(columns))
    except ShipwayError as error:
        hint = "what is taken over as such a flavor tells classes apart or predicts one number; save others as ONNX"
        raise ShipwayError("SW-516", error.fact, hint) from error
    predictor = model_format.load(native)
    assert predictor.predicts is not None, "a flavor that is converted predicts a label"
    arrival = Arrival(
        kind=f"mlflow/{flavor}",
        ending=model_format.ending,
        native=Form(flavor, native, predictor),
        portable=Form(_ONNX, portable, open_runtime(_ONNX).load(portable)),
        inputs=tuple(InputColumn(name=column, kind="number") for column in columns),
        outputs=declare_outputs(predictor.predicts, _name_classes(estimator, predictor)),
    )
    return arrival, digest


def _name_classes(estimator: object, predictor: Predictor) -> tuple[str, ...]:
    """Return what the classes of a flavor are called, by their places where the estimator does not say it."""
    if predictor.predicts != "class":
        return ()
    count = predictor.predict(np.zeros((1, _count(estimator)))).shape[1]
    return tuple(map(str, getattr(estimator, "classes_", range(count))))


def _take_graph(data: bytes, kind: str, names: Sequence[str] = ()) -> Arrival:
    classes: tuple[str, ...] = ()
    if (classifier := load_adapter("graph.class")(data)) is not None:
        data, classes = classifier
    predictor: Any = open_runtime(_ONNX).load(data)
    if predictor.predicts == "number":
        data = load_adapter("graph.number")(data)
        predictor = open_runtime(_ONNX).load(data)
    if predictor.predicts == "class" and not classes:
        # How many there are is worked out by what runs the graph, where the graph does not declare it.
        classes = tuple(map(str, range(predictor.outputs[0].shape[1])))
    form = Form(_ONNX, data, predictor)
    if predictor.predicts is not None and [each.name for each in predictor.outputs] == [PREDICTED[predictor.predicts]]:
        # The graph has lost the names of its columns: whoever exported it knows them.
        known = names if len(names) == predictor.columns else [f"column_{at}" for at in range(predictor.columns)]
        return Arrival(
            kind=kind,
            ending="onnx",
            native=form,
            portable=form,
            inputs=tuple(InputColumn(name=name, kind="number") for name in known),
            outputs=declare_outputs(predictor.predicts, classes),
        )
    return Arrival(
        kind=kind,
        ending="onnx",
        native=form,
        portable=form,
        inputs=predictor.inputs,
        outputs=predictor.outputs,
        reads="tensors",
    )


def _draw(arrival: Arrival) -> dict[str, NDArray[Any]]:
    if arrival.reads == "tensors":
        return draw_sample(arrival.inputs)
    return {MATRIX: np.random.default_rng(0).normal(size=(100, len(arrival.inputs)))}


def _read_rows(arrival: Arrival, sample: Path) -> dict[str, NDArray[Any]]:
    found = read_sample(sample, arrival.inputs)
    return found if arrival.reads == "tensors" else {MATRIX: np.column_stack(list(found.values()))}


def _count(estimator: object) -> int:
    """Return how many columns an estimator reads."""
    found: Any = estimator
    for name in ("num_feature", "num_features"):
        if hasattr(found, name):
            return int(getattr(found, name)())
    return int(found.n_features_in_)


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ShipwayError(
            "SW-201", f"{path} cannot be read ({error.strerror})", "name a file that is there"
        ) from error


def _check_name(project: Project, name: str) -> None:
    if not name.isidentifier() or not name.isascii():
        raise ShipwayError("SW-106", f"{name!r} cannot be a model's name", "use letters, digits and _, a letter first")
    if name in project.config.models:
        raise ShipwayError("SW-105", f"the project trains a model {name!r} itself", "import it under another name")
