"""The declaration of a model: which rows, asked when, from which features, predicting what."""

import msgspec

from shipway.core.feature import Event, Expr, FeatureView, Label, Source, flatten
from shipway.maths.expression import Column


class Model(msgspec.Struct, frozen=True):
    """A model as the user declares it; its training function lives in the project's registry under the same name.

    Attributes:
        name: the model's name.
        on: the source whose rows are predicted, one prediction a row.
        at: the instant of the prediction, an expression on the row.
        label: what is predicted.
        features: the views that feed it, in the order of the frame's columns.
        rising: features whose rise must never lower the prediction.
        falling: features whose rise must never raise the prediction.
        baselines: name to the fewer views that the same function is trained on, to show what the rest is worth.
        params: the training function's keyword defaults.
    """

    name: str
    on: Source
    at: Expr
    label: Label
    features: tuple[FeatureView, ...]
    rising: tuple[Column, ...] = ()
    falling: tuple[Column, ...] = ()
    baselines: dict[str, tuple[FeatureView, ...]] = {}
    params: dict[str, bool | int | float | str | None] = {}

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the frame's feature columns in order."""
        return columns_of(self.features)


def columns_of(views: tuple[FeatureView, ...]) -> tuple[str, ...]:
    """Return the names of views' columns in a frame, in order."""
    return tuple(flatten(view.name, name) for view in views for name in view.features)


class Leak(msgspec.Struct, frozen=True):
    """A mistake worth pricing: what a model would claim and get if a refusal of known-at were lifted.

    Attributes:
        name: the leak's name.
        model: the model it would spoil.
        swap: streams that are read at a wrong instant, right stream to wrong one.
        add: a view of features that should be refused; None where the leak is only in `swap`.
        doc: one sentence on how the mistake comes about.
    """

    name: str
    model: Model
    swap: tuple[tuple[Event, Event], ...]
    add: FeatureView | None = None
    doc: str = ""
