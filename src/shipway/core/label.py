"""What kinds of labels there are, and what a model says of each."""

from typing import Final, Literal, TypeAlias

LabelKind: TypeAlias = Literal["condition", "number"]
"""`condition`: it comes true or not, and a model says how probable that is. `number`: a model says which one."""
SAID: Final[dict[LabelKind, str]] = {"condition": "a probability", "number": "a number"}
"""What a model says of a label of each kind, as people read it."""
