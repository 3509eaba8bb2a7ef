"""What kinds of labels there are, what a model says of each, and what it costs to say something else."""

from typing import Final, Literal, TypeAlias

LabelKind: TypeAlias = Literal["condition", "number"]
"""`condition`: it comes true or not, and a model says how probable that is. `number`: a model says which one."""
SAID: Final[dict[LabelKind, str]] = {"condition": "a probability", "number": "a number"}
"""What a model says of a label of each kind, as people read it."""
LOSS: Final[dict[LabelKind, str]] = {"condition": "log loss", "number": "absolute error"}
"""What one prediction of a label of each kind loses, as people read it; `maths.loss.loss_of` measures it."""
