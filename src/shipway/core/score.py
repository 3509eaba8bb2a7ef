"""The table that scoring comes to: what a bundle says of each row, beside the row's key and its instant."""

from typing import Final

import msgspec

ROW: Final = "_row"
"""The place of a row among those scored, from 0: what names it where nothing else does."""
VERSION: Final = "_version"
"""The version's number."""
BUNDLE: Final = "_bundle"
"""The digest of the bundle that scored."""
CLASS: Final = "class"
"""The class that has the greatest probability, of a model with classes, as the prediction log calls it."""
ERROR: Final = "_error"
"""The code of what kept a row from being scored; null where nothing did."""


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """One table or file that was scored.

    Attributes:
        model: the model's name.
        number: the version's number.
        bundle: digest of the bundle that scored.
        rows_of: what was scored, in words, such as `orders`.
        rows_digest: digest of the snapshot that was scored.
        rows: how many rows it has, and so has the result.
        failed: rows without a prediction.
        into: the table, or the file, with the result.
        branch: the branch that has it; empty for a file.
        commit: the commit that brought it; empty for a file.
        digest: digest of the snapshot with the result.
    """

    model: str
    number: int
    bundle: str
    rows_of: str
    rows_digest: str
    rows: int
    failed: int
    into: str
    branch: str
    commit: str
    digest: str
