"""XGBoost's model document: read whole and checked before the library sees it.

The library trusts what it loads: of no bytes at all it ends the process, and a child that does not exist is read from
memory that is not the model's (XGBoost 3.2). So every reference inside of a tree is followed here first. The fields are
those of `doc/model.schema` in its source.
"""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import msgspec
import numpy as np

from shipway.core.error import ShipwayError
from shipway.core.label import MOST_CLASSES, LabelKind

Link: TypeAlias = Literal["logistic", "identity", "exponential", "softmax"]
"""What makes of a sum of leaves, or of one for each class, what is predicted."""
LINKS: Final[Mapping[str, Link]] = {
    "binary:logistic": "logistic",
    **dict.fromkeys(
        ("reg:squarederror", "reg:absoluteerror", "reg:quantileerror", "reg:pseudohubererror", "reg:squaredlogerror"),
        "identity",
    ),
    **dict.fromkeys(("count:poisson", "reg:gamma", "reg:tweedie"), "exponential"),
    "multi:softprob": "softmax",
}
"""Objectives that predict a condition, a number or a class (`PredTransform` of each in XGBoost 3)."""
KINDS: Final[Mapping[Link, tuple[LabelKind, ...]]] = {
    "logistic": ("condition", "class"),
    "identity": ("number",),
    "exponential": ("number",),
    "softmax": ("class",),
}
"""Which kinds of labels a model with each link is for; the first where nothing says which."""
_STARTS: Final[Mapping[Link, tuple[float, float]]] = {
    "logistic": (0.0, 1.0),
    "identity": (-np.inf, np.inf),
    "exponential": (0.0, np.inf),
    "softmax": (-np.inf, np.inf),
}
"""Between what a model with each link starts from."""
_NONE: Final = 2**31 - 1
"""What stands for the parent of a root."""
PREDICTS: Final = "predicts"
"""The attribute by which a model of two outcomes says that they are classes."""


class TreeParam(msgspec.Struct):
    """How large a tree says it is; its numbers are written as texts."""

    num_nodes: str
    num_feature: str
    size_leaf_vector: str


class Tree(msgspec.Struct):
    """One tree as columns over its nodes; a child of -1 is none."""

    left_children: list[int]
    right_children: list[int]
    parents: list[int]
    split_indices: list[int]
    split_conditions: list[float]
    split_type: list[int]
    default_left: list[int]
    base_weights: list[float]
    loss_changes: list[float]
    sum_hessian: list[float]
    categories: list[int]
    categories_nodes: list[int]
    categories_segments: list[int]
    categories_sizes: list[int]
    tree_param: TreeParam


class TreesParam(msgspec.Struct):
    """How many trees there are."""

    num_trees: str
    num_parallel_tree: str


class Trees(msgspec.Struct):
    """The trees, the class each votes for, and where each round begins."""

    trees: list[Tree]
    tree_info: list[int]
    iteration_indptr: list[int]
    gbtree_model_param: TreesParam


class Booster(msgspec.Struct):
    """What was learned; `model` is there for plain trees alone."""

    name: str
    model: Trees | None = None


class Objective(msgspec.Struct):
    """What was learned for."""

    name: str


class LearnerParam(msgspec.Struct):
    """What the trees read and give."""

    base_score: str
    num_class: str
    num_feature: str
    num_target: str


class Learner(msgspec.Struct):
    """The model without the library's version."""

    gradient_booster: Booster
    learner_model_param: LearnerParam
    objective: Objective
    attributes: dict[str, str] = {}


class Document(msgspec.Struct):
    """The whole document."""

    learner: Learner
    version: list[int]

    @property
    def link(self) -> Link:
        """Return what makes of a sum of leaves what is predicted."""
        return LINKS[self.learner.objective.name]

    @property
    def kind(self) -> LabelKind:
        """Return which kind of label the model predicts."""
        kinds = KINDS[self.link]
        said = self.learner.attributes.get(PREDICTS)
        for kind in kinds:
            if kind == said:
                return kind
        return kinds[0]

    @property
    def classes(self) -> int:
        """Return how many classes it tells apart; 0 where it predicts none."""
        if self.kind != "class":
            return 0
        return int(self.learner.learner_model_param.num_class) if self.link == "softmax" else 2

    @property
    def starts(self) -> list[float]:
        """Return what each sum of leaves starts from, as it is written: one number, or one for each class."""
        return msgspec.json.decode(self.learner.learner_model_param.base_score, type=list[float])

    @property
    def columns(self) -> int:
        """Return how many columns the model reads."""
        return int(self.learner.learner_model_param.num_feature)

    @property
    def trees(self) -> list[Tree]:
        """Return its trees; none where it has something else."""
        model = self.learner.gradient_booster.model
        return [] if model is None else model.trees

    @property
    def votes(self) -> list[int]:
        """Return the place of the class that each tree votes for; 0 where there are no classes."""
        model = self.learner.gradient_booster.model
        return [] if model is None else model.tree_info


_DECODER: Final = msgspec.json.Decoder(Document)


def read_document(data: bytes) -> Document:
    """Return a model of trees that predicts a condition, a number or a class, from its JSON.

    Raises:
        ShipwayError: SW-502 if the bytes are not one, or one of its trees refers to what is not there.
    """
    try:
        document = _DECODER.decode(data)
        _check(document)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
        hint = "fetch the bundle again, or make it again with --force"
        raise ShipwayError("SW-502", f"these bytes are not an XGBoost model ({error})", hint) from error
    return document


def _check(document: Document) -> None:
    learner = document.learner
    model = learner.gradient_booster.model
    if learner.gradient_booster.name != "gbtree" or model is None or learner.objective.name not in LINKS:
        raise ValueError(f"it is a {learner.gradient_booster.name} for {learner.objective.name}")
    param = learner.learner_model_param
    classes = int(param.num_class)
    due = 1 < classes <= MOST_CLASSES if document.link == "softmax" else classes == 0
    if not due or int(param.num_target) != 1 or not 0 < document.columns < 2**31:
        raise ValueError(f"it gives {param.num_target} numbers and tells {classes} classes apart")
    low, high = _STARTS[document.link]
    if len(document.starts) != max(classes, 1) or not all(low < start < high for start in document.starts):
        raise ValueError(f"it starts from {param.base_score}")
    count = len(model.trees)
    rounds = model.iteration_indptr
    if int(model.gbtree_model_param.num_trees) != count or len(model.tree_info) != count:
        raise ValueError("its number of trees is not what it says")
    # By these numbers the library finds the sum that a leaf is added to.
    if not all(0 <= place < max(classes, 1) for place in model.tree_info):
        raise ValueError("a tree votes for what is no class")
    if not rounds or rounds[0] != 0 or rounds[-1] != count or sorted(rounds) != rounds:
        raise ValueError("its rounds are not over its trees")
    for tree in model.trees:
        _check_tree(tree, document.columns)


def _check_tree(tree: Tree, columns: int) -> None:
    count = len(tree.left_children)
    each = (
        tree.right_children, tree.parents, tree.split_indices, tree.split_conditions, tree.split_type,
        tree.default_left, tree.base_weights, tree.loss_changes, tree.sum_hessian,
    )  # fmt: skip
    if count == 0 or any(len(column) != count for column in each) or int(tree.tree_param.num_nodes) != count:
        raise ValueError("a tree has columns of different lengths")
    if int(tree.tree_param.num_feature) != columns or int(tree.tree_param.size_leaf_vector) > 1:
        raise ValueError("a tree reads other columns than the model")
    for node, (left, right) in enumerate(zip(tree.left_children, tree.right_children, strict=True)):
        # Children follow their parent, so that there is no way round in a circle.
        if (left, right) != (-1, -1) and not (node < left < count and node < right < count):
            raise ValueError(f"node {node} of a tree has children {left} and {right} of {count}")
        if not 0 <= tree.split_indices[node] < columns or tree.split_type[node] not in (0, 1):
            raise ValueError(f"node {node} of a tree reads column {tree.split_indices[node]} of {columns}")
        if not (tree.parents[node] == _NONE or -1 <= tree.parents[node] < count):
            raise ValueError(f"node {node} of a tree has parent {tree.parents[node]}")
    _check_categories(tree)


def _check_categories(tree: Tree) -> None:
    starts, sizes = tree.categories_segments, tree.categories_sizes
    split = [node for node, kind in enumerate(tree.split_type) if kind == 1]
    if tree.categories_nodes != split or len(starts) != len(split) or len(sizes) != len(split):
        raise ValueError("a tree has categories for nodes that do not read any")
    end = 0
    for start, size in zip(starts, sizes, strict=True):
        if start != end or size < 0:
            raise ValueError("the categories of a tree overlap")
        end = start + size
    if end != len(tree.categories) or any(not 0 <= code < 2**24 for code in tree.categories):
        raise ValueError("the categories of a tree are not what its nodes say")
