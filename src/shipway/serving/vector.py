"""Feature vectors of several rows, packed for the models that read them and for the log that keeps them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shipway.core.bundle import InputColumn
from shipway.maths.encoding import round_single
from shipway.serving.reader import Features


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """What was read for some rows, in the layout's order of columns.

    Attributes:
        numbers: shape (rows, columns); NaN for null, and where the column is text.
        texts: for each text column the text of each row, None for null.
        newest: for each row the newest event of each stream.
    """

    numbers: NDArray[np.float64]
    texts: tuple[list[str | None], ...]
    newest: tuple[tuple[int | None, ...], ...]

    @property
    def rows(self) -> int:
        """Return how many rows there are."""
        return len(self.numbers)

    def take(self, rows: Sequence[int]) -> "Vectors":
        """Return some of the rows."""
        texts = tuple([column[row] for row in rows] for column in self.texts)
        return Vectors(self.numbers[list(rows)], texts, tuple(self.newest[row] for row in rows))


@dataclass(frozen=True, slots=True)
class Category:
    """A text column as a model reads it.

    Attributes:
        place: its place among the model's inputs.
        text: its place among the text columns of the vectors.
        codes: text to code; any other text is missing to the model.
    """

    place: int
    text: int
    codes: dict[str | None, float]


@dataclass(frozen=True, slots=True)
class Encoder:
    """How vectors become what a model reads.

    Attributes:
        order: for each input of the model its place among the vectors' columns; None where they are the same.
        categories: the inputs that are text.
    """

    order: tuple[int, ...] | None
    categories: tuple[Category, ...]

    def encode(self, vectors: Vectors, rows: Sequence[int]) -> NDArray[np.float64]:
        """Return what the model reads: numbers rounded to single precision, texts as their codes, NaN for the rest.

        It is what `training.frame.encode_frame` makes of the same values, to the bit.

        Args:
            vectors: the features.
            rows: which of them, at least one.

        Returns:
            Shape (len(rows), inputs).
        """
        x = vectors.numbers if len(rows) == vectors.rows else vectors.numbers[list(rows)]
        if self.order is not None:
            x = x[:, list(self.order)]
        x = round_single(x)
        for category in self.categories:
            texts, code = vectors.texts[category.text], category.codes.get
            x[:, category.place] = [code(texts[row], np.nan) for row in rows]
        return x


def make_encoder(inputs: Sequence[InputColumn], columns: Sequence[str]) -> Encoder:
    """Work out how vectors become what a model reads.

    Args:
        inputs: the columns the model reads, in its order.
        columns: the columns of the vectors; the same names in any order.
    """
    places = {name: place for place, name in enumerate(columns)}
    order = tuple(places[column.name] for column in inputs)
    texts = find_texts(inputs, columns)
    categories = tuple(
        Category(place, texts.index(places[column.name]), name_codes(column))
        for place, column in enumerate(inputs)
        if column.kind == "category"
    )
    return Encoder(None if order == tuple(range(len(columns))) else order, categories)


def name_codes(column: InputColumn) -> dict[str | None, float]:
    """Return the code of each text of a category."""
    return {text: float(code) for code, text in enumerate(column.categories)}


def find_texts(inputs: Sequence[InputColumn], columns: Sequence[str]) -> tuple[int, ...]:
    """Return the places of the text columns among the columns of vectors."""
    categories = {column.name for column in inputs if column.kind == "category"}
    return tuple(place for place, name in enumerate(columns) if name in categories)


def pack_vectors(features: Sequence[Features], texts: Sequence[int]) -> Vectors:
    """Pack what was read.

    Args:
        features: one for each row.
        texts: places of the text columns.
    """
    said: tuple[list[str | None], ...] = tuple([] for _ in texts)
    rows: list[list[object]] = []
    for one in features:
        values: list[object] = list(one.values)
        for place, column in zip(texts, said, strict=True):
            text = values[place]
            column.append(text if isinstance(text, str) else None)
            values[place] = None
        rows.append(values)
    # NumPy reads None as NaN and a truth as 0 or 1.
    numbers: NDArray[np.float64] = np.array(rows, dtype=np.float64)
    return Vectors(numbers, said, tuple(tuple(one.newest) for one in features))
