"""What a server answers, typed; fields that a newer server adds are passed over."""

from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAN: Final = float("nan")


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """A prediction by key.

    Attributes:
        request: the id under which it is logged.
        model: the model's name.
        version: the version that answered; 0 where none said what was answered.
        p: the probability that the label is true; NaN of a model that says something else.
        y: the number that the label is said to be; NaN of any other model.
        chosen: the class that is predicted; empty of a model without classes.
        probabilities: how probable each class is, of a label of classes; empty of any other model. A newer version may
            know more classes than the one before.
        outputs: what a model gives that does not say one number a row, by name: a number or a text where that is one
            for each row, a probability by class, else lists; None for what is no number.
        at: the instant as of which features were read, microseconds since 1970 UTC.
        fallback: `last`, `previous` or `score`, where the version that was to answer did not; else empty.
    """

    request: str
    model: str
    version: int
    p: float = NAN
    y: float = NAN
    chosen: str = msgspec.field(default="", name="class")
    probabilities: dict[str, float] = {}
    outputs: dict[str, Any] = {}
    at: int
    fallback: str = ""

    def __post_init__(self) -> None:
        """Refuse what says nothing at all; ValueError."""
        if self.p != self.p and self.y != self.y and not self.probabilities and not self.outputs:
            raise ValueError("neither p nor y nor probabilities nor outputs is there")


class Features(msgspec.Struct, frozen=True, kw_only=True):
    """Features by key.

    Attributes:
        set: the feature view or the model they are of.
        at: the instant as of which they were read, microseconds since 1970 UTC.
        features: their names.
        values: for each row a value for each feature; None where there is none.
        status: for each value `present`, `expired` or `missing`.
        newest: for each row the instant of the newest event that was read, by stream; None where none was.
        watermarks: by stream the instant up to which everything known is in the store.
        late: the streams whose watermark lies further back than their source says.
    """

    set: str
    at: int
    features: list[str]
    values: list[list[Any]]
    status: list[list[str]]
    newest: list[dict[str, int | None]] = []
    watermarks: dict[str, int | None] = {}
    late: list[str] = []


class TensorInfo(msgspec.Struct, frozen=True, kw_only=True):
    """An input or an output of a model; -1 in a shape stands for any length."""

    name: str
    datatype: str
    shape: list[int]


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a server says of a model."""

    name: str
    versions: list[str] = []
    platform: str = ""
    inputs: list[TensorInfo] = []
    outputs: list[TensorInfo] = []


class ServerInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a server says of itself."""

    name: str
    version: str = ""
    extensions: list[str] = []


class IndexEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a model in a server's repository."""

    name: str
    version: str = ""
    state: str = ""
    reason: str = ""


class Inference(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What a model says of tensors.

    Attributes:
        model: its name.
        version: the version that answered.
        id: the question's id.
        outputs: name to values.
        parameters: what the server says beside them.
        classes: of outputs whose places stand for classes, which those are in the version that answered.
    """

    model: str
    version: str
    id: str
    outputs: "dict[str, NDArray[Any]]"
    parameters: dict[str, Any]
    classes: dict[str, list[str]] = {}

    def __getitem__(self, name: str) -> "NDArray[Any]":
        """Return one output."""
        return self.outputs[name]
