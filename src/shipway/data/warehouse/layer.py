"""Columns that are calculated from one another, as selects that stand inside each other."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Layers:
    """Columns that are added to a relation: each stands in a layer above those that its text reads.

    What is read more than once is so calculated once, and a text said twice is one column.

    Attributes:
        letter: what the names of the columns begin with.
        fence: what keeps a warehouse from putting an inner select's texts in the places of their names.
    """

    letter: str
    fence: str
    _columns: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])

    def base(self, text: str) -> str:
        """Return the column that holds what the relation itself is read by."""
        return self._keep(text, 0)

    def add(self, text: str) -> str:
        """Return the column that holds something made of other columns."""
        layers = dict(self._columns.values())
        return self._keep(text, 1 + max((layers.get(name, 0) for name in self._find(text)), default=0))

    @property
    def columns(self) -> dict[str, str]:
        """Return the columns of the lowest layer with their texts."""
        return self._at(0)

    def read_in(self, texts: Iterable[str]) -> list[str]:
        """Return the columns that some texts read, in the order in which they were added."""
        read = {name for text in texts for name in self._find(text)}
        return [name for name, _ in self._columns.values() if name in read]

    def stack(self, base: str) -> str:
        """Return a relation that has the columns of the lowest layer, with those of all others."""
        for layer in range(1, 1 + max((layer for _, layer in self._columns.values()), default=0)):
            wanted = ",\n  ".join(f"{text} as {name}" for name, text in self._at(layer).items())
            base = f"select w.*,\n  {wanted}\nfrom (\n{base}{self.fence}\n) as w"
        return base

    def _find(self, text: str) -> list[str]:
        return re.findall(rf"\b{self.letter}[0-9]+\b", text)

    def _at(self, wanted: int) -> dict[str, str]:
        return {name: text for text, (name, layer) in self._columns.items() if layer == wanted}

    def _keep(self, text: str, layer: int) -> str:
        return self._columns.setdefault(text, (f"{self.letter}{len(self._columns)}", layer))[0]
