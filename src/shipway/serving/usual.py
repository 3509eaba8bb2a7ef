"""The usual request of the Open Inference Protocol, read at once: JSON, numbers listed row by row or column by column.

Nearly every request is of this kind. What is read here, `read_question` reads to the same matrix; whatever is unusual,
or wrong, is left to it, which knows every case and every refusal.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from shipway.core.bundle import InputColumn
from shipway.serving.inference import STATEFUL
from shipway.serving.sent import Sent
from shipway.serving.vector import name_codes

_FLOATS: Final = frozenset({"FP32", "FP64"})
_UNUSUAL: Final = frozenset({"binary_data_output", *STATEFUL})
"""Parameters that are left to whoever knows what they ask for."""
_NAN: Final = float("nan")


class _Numbers(msgspec.Struct, gc=False):
    """An input that lists numbers."""

    name: str
    shape: tuple[int, ...]
    datatype: str
    data: list[float | None]
    parameters: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Values(msgspec.Struct, gc=False):
    """An input that lists numbers or texts."""

    name: str
    shape: tuple[int, ...]
    datatype: str
    data: list[float | str | None]
    parameters: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Matrix(msgspec.Struct, gc=False):
    inputs: list[_Numbers]
    id: str | None = None
    parameters: dict[str, Any] = {}
    outputs: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Mixed(msgspec.Struct, gc=False):
    inputs: list[_Values]
    id: str | None = None
    parameters: dict[str, Any] = {}
    outputs: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_DECODE_NUMBERS: Final = msgspec.json.Decoder(_Matrix).decode
_DECODE_VALUES: Final = msgspec.json.Decoder(_Mixed).decode


@dataclass(frozen=True, slots=True, eq=False)
class Usual:
    """Reads the usual requests to one bundle.

    Attributes:
        form: of the bundle.
        names: of its inputs, in order.
        codes: for each input the codes of its texts, None for a number.
        mixed: whether some inputs are texts.
    """

    form: str
    names: tuple[str, ...]
    codes: tuple[dict[str | None, float] | None, ...]
    mixed: bool

    def read(self, body: bytes) -> Sent | None:
        """Return the vectors of a request, None where it is not a usual one."""
        try:
            asked = _DECODE_VALUES(body) if self.mixed else _DECODE_NUMBERS(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        parameters, inputs = asked.parameters, asked.inputs
        if asked.outputs is not msgspec.UNSET or (parameters and not _UNUSUAL.isdisjoint(parameters)):
            return None
        if len(inputs) == 1:
            tensor = inputs[0]
            shape = tensor.shape
            if len(shape) == 2 and shape[1] == len(self.names) and tensor.name not in self.names:
                numbers: Any = tensor.data
                rows = shape[0]
                if (
                    tensor.datatype not in _FLOATS
                    or rows < 1
                    or len(numbers) != rows * shape[1]
                    or tensor.parameters is not msgspec.UNSET
                    or (self.mixed and str in map(type, numbers))
                ):
                    return None
                return Sent(self.form, rows, numbers, asked.id, parameters)
        return self._read_columns(inputs, asked) if len(inputs) == len(self.names) else None

    def _read_columns(self, inputs: list[_Numbers] | list[_Values], asked: _Matrix | _Mixed) -> Sent | None:
        columns: list[list[float | None]] = []
        rows = len(inputs[0].data)
        for tensor, name, codes in zip(inputs, self.names, self.codes, strict=True):
            data: Any = tensor.data
            shape = tensor.shape
            if (
                tensor.name != name
                or len(data) != rows
                or (shape != (rows,) and shape != (rows, 1))
                or tensor.parameters is not msgspec.UNSET
            ):
                return None
            if codes is not None:
                if tensor.datatype != "BYTES" or not all(type(value) is str or value is None for value in data):
                    return None
                columns.append([codes.get(text, _NAN) for text in data])
            elif tensor.datatype not in _FLOATS or (self.mixed and str in map(type, data)):
                return None
            else:
                columns.append(data)
        if rows < 1:
            return None
        numbers = (
            [data[0] for data in columns]
            if rows == 1
            else [value for row in zip(*columns, strict=True) for value in row]
        )
        return Sent(self.form, rows, numbers, asked.id, asked.parameters)


def make_usual(form: str, inputs: tuple[InputColumn, ...]) -> Usual:
    """Work out how the usual requests to a bundle are read.

    Args:
        form: of the bundle.
        inputs: what it reads.
    """
    codes = tuple(name_codes(column) if column.kind == "category" else None for column in inputs)
    return Usual(form, tuple(column.name for column in inputs), codes, any(code is not None for code in codes))
