"""A model behind a URL as a test asks it: any server of the Open Inference Protocol, version 2, in batches."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shipway.client.answer import ModelInfo, TensorInfo
from shipway.client.blocking import Client
from shipway.core.behaviour import Suite
from shipway.core.bundle import InputColumn
from shipway.core.error import ShipwayError
from shipway.core.tensor import DATATYPES
from shipway.kit.suggestion import did_you_mean
from shipway.validation.answer import Answers, Ask, Cases, read_answers
from shipway.validation.sample import Floats

BATCH: Final = 1024
"""How many cases are asked about in one request, where nothing else is said."""


def ask_remote(client: Client, model: str, suite: Suite, *, version: str | None = None, batch: int = BATCH) -> Ask:
    """Return a model of a server as something that answers cases.

    Texts are sent as the suite's `input`, or as the model's only one. Rows are sent as a matrix, a category as its
    code, where the suite names an input; else column by column, a category as text. A server that describes its inputs
    is sent their datatypes.

    Args:
        client: of the server.
        model: its name there.
        suite: says how it is asked and how its answer is read.
        version: of the model; the server chooses where None.
        batch: most cases in one request.

    Raises:
        ShipwayError: SW-431 where the server's inputs are not those the suite sends; whatever the server refuses.
    """
    described = client.model(model, version=version)
    write = _write_texts(described, suite) if suite.on_text else _write_rows(described, suite)

    def ask_once(cases: Cases) -> Answers:
        given = client.infer(model, write(cases), version=version)
        wanted = suite.reader.output or next(iter(given.outputs), "")
        if wanted not in given.outputs:
            hint = did_you_mean(wanted, given.outputs) if given.outputs else "ask a model that gives outputs"
            raise ShipwayError("SW-433", f"{model} gives no output {wanted!r}", hint)
        return read_answers(given.outputs[wanted], suite.reader, len(cases))

    return split_batches(ask_once, batch)


def split_batches(ask: Ask, batch: int) -> Ask:
    """Return a model that is asked about at most so many cases at once, and about a text only once."""
    known: dict[str, tuple[float, Any, Any]] = {}

    def ask_all(cases: Cases) -> Answers:
        if not isinstance(cases, list):
            parts = [ask(cases[at : at + batch]) for at in range(0, len(cases), batch)]
            return _put_together(parts)
        new = [text for text in dict.fromkeys(cases) if text not in known]
        for at in range(0, len(new), batch):
            some = new[at : at + batch]
            given = ask(some)
            none = [None] * len(some)
            labels = none if given.label is None else given.label.tolist()
            lost = none if given.lost is None else given.lost.tolist()
            known.update(zip(some, zip(given.value.tolist(), labels, lost, strict=True), strict=True))
        values = np.array([known[text][0] for text in cases], dtype=np.float64)
        labels = np.array([known[text][1] for text in cases], dtype=object)
        lost = [known[text][2] for text in cases]
        return Answers(
            values,
            None if None in labels.tolist() else labels,
            None if None in lost else np.array(lost, dtype=np.bool_),
        )

    return ask_all


def _put_together(parts: Sequence[Answers]) -> Answers:
    labels = [part.label for part in parts if part.label is not None]
    lost = [part.lost for part in parts if part.lost is not None]
    value = np.concatenate([part.value for part in parts]) if parts else np.empty(0, dtype=np.float64)
    return Answers(value, np.concatenate(labels) if labels else None, np.concatenate(lost) if lost else None)


def _write_texts(described: ModelInfo, suite: Suite) -> Callable[[Cases], dict[str, Any]]:
    given = _find_input(described, suite.input)
    if given is not None and given.datatype != "BYTES":
        fact = f"input {given.name!r} of {described.name} takes {given.datatype}, not texts"
        raise ShipwayError("SW-431", fact, "name the input that takes texts: input= of the suite")
    name = suite.input or (given.name if given is not None else "text")
    flat = given is None or len(given.shape) < 2

    def write(cases: Cases) -> dict[str, Any]:
        texts = np.array(cases, dtype=object)
        return {name: texts if flat else texts.reshape(-1, 1)}

    return write


def _write_rows(described: ModelInfo, suite: Suite) -> Callable[[Cases], dict[str, Any]]:
    if suite.input:
        given = _find_input(described, suite.input)
        dtype = np.dtype(np.float64) if given is None else _numbers(given)
        return lambda cases: {suite.input: np.asarray(cases).astype(dtype)}
    places = {tensor.name: tensor for tensor in described.inputs}
    missing = next((c.name for c in suite.columns if places and c.name not in places), None)
    if missing is not None:
        fact = f"{described.name} reads no input {missing!r} that the suite's rows have"
        raise ShipwayError("SW-431", fact, did_you_mean(missing, places))

    def write(cases: Cases) -> dict[str, Any]:
        x = np.asarray(cases, dtype=np.float64)
        return {column.name: _column(x[:, at], column, places) for at, column in enumerate(suite.columns)}

    return write


def _column(values: Floats, column: InputColumn, places: dict[str, TensorInfo]) -> NDArray[Any]:
    if column.kind == "category":
        texts = np.empty(values.size, dtype=object)
        texts[:] = [None if np.isnan(code) else column.categories[int(code)] for code in values]
        return texts
    given = places.get(column.name)
    return values if given is None or np.isnan(values).any() else values.astype(_numbers(given))


def _numbers(given: TensorInfo) -> np.dtype[Any]:
    dtype = DATATYPES.get(given.datatype)
    if dtype is None or dtype.kind == "O":
        raise ShipwayError("SW-431", f"input {given.name!r} takes {given.datatype}, not numbers", "name another input")
    return dtype


def _find_input(described: ModelInfo, name: str) -> TensorInfo | None:
    """Return what a server says of an input, of its only one where none is named; None where it says nothing."""
    if not described.inputs:
        return None
    names = [tensor.name for tensor in described.inputs]
    if not name and len(names) > 1:
        fact = f"{described.name} has {len(names)} inputs, and the suite does not say which one takes its cases"
        raise ShipwayError("SW-431", fact, f"name it with input= of the suite: {', '.join(names[:8])}")
    if name and name not in names:
        raise ShipwayError("SW-431", f"{described.name} has no input {name!r}", did_you_mean(name, names))
    return next(tensor for tensor in described.inputs if not name or tensor.name == name)
