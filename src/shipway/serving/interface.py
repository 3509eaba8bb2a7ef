"""What a version reads and says that does not say one number a row of a matrix: how it is asked, checked, logged."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shipway.core.bundle import Manifest, OutputColumn
from shipway.core.label import is_probability, sums_to_one
from shipway.core.record import INPUT, Record, Records, find_no_answers, name_inputs, plan_outputs, plan_tensors
from shipway.core.tensor import Tensors, fits
from shipway.kit.canonical import digest_value
from shipway.serving.usual import Usual, make_usual

_HELD: Final = {"float": "fiu", "int": "iu", "bool": "b", "text": "OUu"}
"""Kinds of arrays, as NumPy names them, that can be logged as what an output is declared to hold."""


@dataclass(frozen=True, slots=True, eq=False)
class Interface:
    """What a version reads and says.

    Attributes:
        form: of its inputs and the names of its outputs, as a digest; a request that was read for one version does for
            another of its form.
        matrix: whether it reads one matrix, whose rows do not know of one another, so that those of several requests
            are predicted together.
        outputs: as the manifest declares them.
        said: how they are logged.
        inputs: of one that reads tensors by name, how these are logged; none for a matrix, whose rows are logged as
            those of a model are that says one number a row.
        read: what tells the columns of its inputs from others.
        usual: reads the usual requests to one that reads a matrix; None for any other.
        whole: all places of its outputs, none of them in binary, as those who do not choose are answered.
        classes: of one that predicts a label of classes, those that its probabilities are of; none of any other.
    """

    form: str
    matrix: bool
    outputs: tuple[OutputColumn, ...]
    said: Records
    inputs: tuple[Record, ...]
    read: str
    usual: Usual | None = None
    whole: tuple[tuple[int, bool], ...] = ()
    classes: tuple[str, ...] = ()

    def find_fault(self, outputs: Tensors, rows: int) -> str:
        """Return what outputs are that they should not be, as a clause; empty where nothing is wrong.

        Args:
            outputs: by name.
            rows: how many there should be.
        """
        for column, record in zip(self.outputs, self.said.tensors, strict=True):
            values = outputs.get(column.name)
            if values is None or len(values) != rows or not fits(values.shape, column.shape):
                said = "nothing" if values is None else f"shape {list(values.shape)}"
                return f"gave {said} as {column.name!r} of {rows} rows"
            if values.dtype.kind not in _HELD[record.kind]:
                return f"gave {values.dtype} as {column.name!r}, which is {column.datatype}"
            if column.name == self.said.chosen and values.shape != (rows, len(self.said.classes)):
                return f"gave shape {list(values.shape)} as {column.name!r} of {len(self.said.classes)} classes"
        return ""

    def find_odd(self, outputs: Tensors) -> Mapping[int, str]:
        """Return the rows that have no prediction, and why: a clause for each.

        Args:
            outputs: by name.
        """
        odd: list[int] = np.flatnonzero(find_no_answers(self.said, outputs)).tolist()
        if self.said.y:
            values = outputs[self.said.y].reshape(-1)
            return {row: f"predicted {values[row]}, which is no number" for row in odd}
        if self.said.chosen:
            p = outputs[self.said.chosen]
            found = {row: f"predicted {p[row][~is_probability(p[row])][0]}, which is no probability" for row in odd}
            if self.classes:
                # Who says of every class that it is certain would never be wrong.
                for row in np.flatnonzero(~sums_to_one(p)).tolist():
                    total = p[row].sum(dtype=np.float64)
                    found.setdefault(row, f"predicted probabilities that make {total:.6g} together, and not 1")
            return found
        return {}

    def choose(self, outputs: Tensors) -> list[str]:
        """Return the class of each row; nothing where outputs have no classes."""
        if not self.said.chosen:
            return []
        classes = self.said.classes
        return [classes[place] for place in outputs[self.said.chosen].argmax(axis=1).tolist()]

    def list_values(self, outputs: Tensors) -> NDArray[np.float64]:
        """Return the number that each row's prediction is; nothing where it is none."""
        if not self.said.y:
            return np.empty(0)
        return outputs[self.said.y].reshape(-1).astype(np.float64)


def make_interface(manifest: Manifest) -> Interface:
    """Work out what a version reads and says that does not say one number a row of a matrix.

    Args:
        manifest: of its bundle.
    """
    matrix = manifest.reads == "matrix"
    read: list[Any] = [[each.name, each.kind, each.datatype, each.shape, each.categories] for each in manifest.inputs]
    given = [each.name for each in manifest.outputs]
    return Interface(
        form=digest_value([manifest.reads, read, given]),
        matrix=matrix,
        outputs=manifest.outputs,
        said=plan_outputs(manifest.outputs),
        inputs=() if matrix else plan_tensors(manifest.inputs, INPUT),
        read=name_inputs(manifest.reads, manifest.inputs),
        # The form of what is read by it is empty, as that of such a version is.
        usual=make_usual("", manifest.inputs) if matrix else None,
        whole=tuple((place, False) for place in range(len(manifest.outputs))),
        classes=manifest.classes,
    )
