"""How tensors stand in the prediction log: which columns each has, and which of them is the prediction itself.

A tensor whose places are few and known stands there as numbers, truths or texts, one column for each place. Any other
is logged by its digest and its shape, so that a row of the log has a bound whatever a model reads or says.
"""

import math
from collections.abc import Sequence
from typing import Final, Literal, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipway.core.bundle import InputColumn, OutputColumn
from shipway.core.label import MOST_CLASSES, is_probability
from shipway.core.tensor import Tensors
from shipway.kit.canonical import digest_value

MOST_PLACES: Final = MOST_CLASSES
"""Places of one tensor that are logged as columns, those of a label among them; an embedding has more."""
MOST_COLUMNS: Final = 256
"""Columns of one row's tensors altogether."""
LONGEST_TEXT: Final = 1_024
"""Characters of a text that is logged as it is; a longer one is logged by its digest and its length."""
OUTPUT: Final = "output "
"""Prefix of the columns of outputs, so that none of them is called as a column of the log itself is."""
INPUT: Final = "input "
"""Prefix of the columns of inputs."""
DIGEST: Final = " digest"
"""What follows the name of a tensor in the column of its digest."""
SHAPE: Final = " shape"
"""What follows it in the column of its shape, such as `12x384`; of a text that was too long, its characters."""

Kind = Literal["float", "int", "bool", "text"]
_WHOLE: Final = frozenset({"INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32"})
_FLOATS: Final = frozenset({"FP16", "BF16", "FP32", "FP64"})


class Declared(Protocol):
    """A tensor as a manifest declares it, read or given."""

    @property
    def name(self) -> str:
        """Return what it is called."""
        ...

    @property
    def datatype(self) -> str:
        """Return what it holds."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Return its shape; the first place is the rows, and -1 any length."""
        ...


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """How one tensor is logged.

    Attributes:
        name: of the tensor.
        datatype: what it holds.
        kind: what the columns hold: whole numbers of 64 bits without a sign are text, since no column holds them.
        columns: one for each of its places, in row-major order; none where it is logged by digest and shape.
        digest: the column of its digest; empty where there is none.
        extent: the column of its shape.
    """

    name: str
    datatype: str
    kind: Kind
    columns: tuple[str, ...]
    digest: str = ""
    extent: str = ""


class Records(msgspec.Struct, frozen=True, kw_only=True):
    """How the outputs of a version are logged.

    Attributes:
        form: what tells these columns from others, as a digest; the end of the name of their stream.
        tensors: one for each output.
        y: the output that is the prediction of a regression; empty where none is.
        chosen: the output whose greatest value says which class is predicted; empty where none is.
        classes: what its places stand for.
    """

    form: str
    tensors: tuple[Record, ...]
    y: str = ""
    chosen: str = ""
    classes: tuple[str, ...] = ()


def plan_outputs(outputs: Sequence[OutputColumn]) -> Records:
    """Work out how the outputs of a version are logged.

    The prediction is the chosen class where an output of numbers has classes, of several the first. Else it is the
    first output, where that is one number for each row.

    Args:
        outputs: as the manifest declares them.
    """
    tensors = plan_tensors(outputs, OUTPUT)
    numeric = (each for each in outputs if _kind_of(each.datatype) != "text")
    sorted_out = next((each for each in numeric if len(each.classes) > 1), None)
    if sorted_out is not None:
        return Records(form=_digest(tensors), tensors=tensors, chosen=sorted_out.name, classes=sorted_out.classes)
    first = outputs[0] if outputs else None
    y = first is not None and len(tensors[0].columns) == 1 and tensors[0].kind in ("float", "int")
    return Records(form=_digest(tensors), tensors=tensors, y=first.name if y and first is not None else "")


def find_no_answers(records: Records, outputs: Tensors) -> NDArray[np.bool_]:
    """Return which rows have no prediction: a number that is none, or of classes one that is no probability.

    Args:
        records: how the outputs are logged.
        outputs: by name, in the shape that is declared.

    Returns:
        Shape (rows,); false in all places where no output is the prediction.
    """
    if records.y:
        return ~np.isfinite(outputs[records.y].reshape(-1))
    if records.chosen:
        return np.any(~is_probability(outputs[records.chosen]), axis=1)
    return np.zeros(len(next(iter(outputs.values()), ())), dtype=np.bool_)


def name_inputs(reads: str, inputs: Sequence[InputColumn]) -> str:
    """Return what tells the columns of a version's inputs from others: a digest, which ends the name of their stream.

    Args:
        reads: `matrix` or `tensors`.
        inputs: as the manifest declares them.
    """
    declared = [[each.name, each.kind, each.datatype, each.shape, each.categories] for each in inputs]
    return digest_value([reads, declared])[:16]


def plan_tensors(declared: Sequence[Declared], prefix: str) -> tuple[Record, ...]:
    """Work out how some tensors are logged.

    Args:
        declared: the tensors, as a manifest declares them.
        prefix: what their columns begin with.
    """
    taken: set[str] = set()
    records: list[Record] = []
    for each in declared:
        names = name_places(each, prefix)
        # A tensor that would be called as a place of another is, cannot be told from it and is logged by digest.
        if len(taken) + len(names) > MOST_COLUMNS or not taken.isdisjoint(names):
            names = ()
        taken.update(names)
        kind = _kind_of(each.datatype)
        weighed = not names or kind == "text"
        records.append(
            Record(
                name=each.name,
                datatype=each.datatype,
                kind=kind,
                columns=names,
                digest=f"{prefix}{each.name}{DIGEST}" if weighed else "",
                extent=f"{prefix}{each.name}{SHAPE}" if weighed else "",
            )
        )
    return tuple(records)


def name_places(declared: Declared, prefix: str) -> tuple[str, ...]:
    """Return the columns of a tensor: its name where it has one place, else its name with each class or place.

    Args:
        declared: the tensor.
        prefix: what columns begin with.

    Returns:
        Such as `output y`, `output probability[setosa]` or `output box[0,3]`; nothing for a tensor with too many
        places, or with a number of them that is not known beforehand.
    """
    name = f"{prefix}{declared.name}"
    rest = declared.shape[1:]
    classes = declared.classes if isinstance(declared, OutputColumn) else ()
    if len(classes) > 1 and rest in ((-1,), (len(classes),)):
        return tuple(f"{name}[{each}]" for each in classes) if len(set(classes)) == len(classes) <= MOST_PLACES else ()
    if not declared.shape or min(rest, default=1) < 1 or math.prod(rest) > MOST_PLACES:
        return ()
    if math.prod(rest) == 1:
        return (name,)
    return tuple(f"{name}[{','.join(map(str, place))}]" for place in np.ndindex(rest))


def find_odd_outputs(stable: Sequence[OutputColumn], candidate: Sequence[OutputColumn]) -> str:
    """Return what callers of one version would miss in what another says, as a clause; empty where they miss nothing.

    A version may know more classes than callers do: every answer names those that it is about, and those that callers
    know keep their order. Where a model has other outputs, which may count classes by their place, it may not.

    Args:
        stable: outputs that callers know.
        candidate: those of the other version; it may have more.
    """
    given = {each.name: each for each in candidate}
    for each in stable:
        other = given.get(each.name)
        if other is None:
            return f"gives no {each.name!r}"
        if other.datatype != each.datatype:
            return f"gives {each.name!r} as {other.datatype} and not as {each.datatype}"
        if odd := _find_odd_classes(each, other, more=len(stable) == 1):
            return f"gives {each.name!r} {odd}"
        if other.shape != each.shape and other.classes == each.classes:
            return f"gives {each.name!r} of shape {list(other.shape)} and not {list(each.shape)}"
    return ""


def _find_odd_classes(stable: OutputColumn, candidate: OutputColumn, *, more: bool) -> str:
    """Return what is wrong with the classes of an output, as a clause; empty where callers can read it."""
    known, given = stable.classes, candidate.classes
    if known == given:
        return ""
    if lacking := [name for name in known if name not in given]:
        return f"without class {lacking[0]!r}"
    if not known or [name for name in given if name in known] != list(known):
        return "of classes in another order" if known else "of classes"
    if not more:
        return f"with a class more, {next(name for name in given if name not in known)!r}, beside other outputs"
    placed = ((-1, len(known)), (-1, len(given))), ((-1, -1), (-1, -1))
    return "" if (stable.shape, candidate.shape) in placed else f"of shape {list(candidate.shape)}"


def _kind_of(datatype: str) -> Kind:
    if datatype in _FLOATS:
        return "float"
    if datatype in _WHOLE:
        return "int"
    return "bool" if datatype == "BOOL" else "text"


def _digest(tensors: Sequence[Record]) -> str:
    return digest_value([[each.kind, each.columns, each.digest] for each in tensors])[:16]
