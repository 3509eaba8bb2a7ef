"""Raw inputs: where rows come from, in which pieces they arrive, and how far they have been taken in."""

from typing import Literal, TypeAlias

import msgspec

from shipway.kit.canonical import canonical_json

Landing: TypeAlias = Literal["plain", "debezium", "fivetran"]
"""What a row of an input is: a row of the table, a change of one, or a row that a sync marked."""


class Raw(msgspec.Struct, frozen=True, kw_only=True):
    """One raw input as a project declares it.

    Attributes:
        name: what the functions under `@source` ask for.
        uri: its address; what stands before the first colon says which reader reads it.
        table: the table that is read, where the address is that of a database.
        query: the question that is asked instead of reading a table.
        key: the columns that name a row; with a key, deliveries change a table that is kept, without one the table is
            whatever the address holds now.
        watermark: the column that grows with every change, by which only what is new is read.
        landing: what a row stands for.
        quarantine: the share of a delivery's rows that may be refused while the rest of it passes.
        contract: path of the file that says what the columns are, from the project's folder; empty where the reader's
            own types hold and nothing is enforced.
    """

    name: str
    uri: str
    table: str = ""
    query: str = ""
    key: tuple[str, ...] = ()
    watermark: str = ""
    landing: Landing = "plain"
    quarantine: float = 0.01
    contract: str = ""

    @property
    def scheme(self) -> str:
        """Return which kind of address it is; `file` for a path."""
        scheme, colon, _ = self.uri.partition(":")
        plain = scheme.replace("+", "").replace("-", "").replace(".", "")
        # One letter before a colon is no scheme but the drive of a path.
        return scheme if colon and len(scheme) > 1 and plain.isalnum() and scheme == scheme.lower() else "file"


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a raw input that is taken in at once: a file, a stretch of a table, a version of one.

    Attributes:
        name: what people call it.
        fingerprint: digest of its content; another content has another.
        mark: where the input stands once this piece is taken in, for inputs that are read from a mark on; empty where
            the pieces themselves are counted.
    """

    name: str
    fingerprint: str
    mark: str = ""


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """How far an input has been taken in.

    Attributes:
        taken: name to fingerprint of the pieces that are in.
        mark: where the input stood after the last of them.
    """

    taken: dict[str, str] = {}
    mark: str = ""


START = Cursor()
"""The cursor of an input that nothing was taken from."""


def advance(cursor: Cursor, piece: Piece) -> Cursor:
    """Return the cursor once one more piece is in."""
    return Cursor(taken={**cursor.taken, piece.name: piece.fingerprint}, mark=piece.mark or cursor.mark)


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Where a table stands that is read by a watermark.

    Rows that share the newest value may still come, so the next reading begins at that value and not behind it.

    Attributes:
        since: the value from which on the piece is that ends here, as its text; empty from the start.
        until: the newest value of the watermark, as its text.
        seen: digest of the rows that have it.
    """

    since: str
    until: str
    seen: str


def write_mark(mark: Mark) -> str:
    """Return a mark as a cursor carries it."""
    return canonical_json(mark).decode()


def read_mark(text: str) -> Mark | None:
    """Return the mark a cursor carries, None at the start."""
    return msgspec.json.decode(text, type=Mark) if text else None
