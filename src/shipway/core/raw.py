"""Raw inputs: where rows come from, in which pieces they arrive, and how far they have been taken in."""

import re
from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from shipway.core.error import ShipwayError
from shipway.kit.canonical import canonical_json
from shipway.kit.duration import parse_duration

Landing: TypeAlias = Literal["plain", "debezium", "fivetran"]
"""What a row of an input is: a row of the table, a change of one, or a row that a sync marked."""


STREAMS: Final = ("kafka", "nats", "redis")
"""Kinds of address that are streams and nothing else."""

_PASSWORD: Final = re.compile(r"[a-z][a-z0-9+.-]+://[^/@:?]*:([^/@]+)@")


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
        stream: whether its changes are followed as they happen, by `shipway stream`, and not read by a run.
        consumer: under which name its source knows who reads it: a slot of PostgreSQL, a consumer of a broker.
        event: the column that says when something happened; where empty, the source's own time counts.
        lateness: how much earlier than the latest something may have happened and not be late.
        most_dead: how many records may be put aside as unreadable before the stream stops.
        online: whether the online store follows the stream, and does not wait for what runs admit.
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
    stream: bool = False
    consumer: str = ""
    event: str = ""
    lateness: str = "0s"
    most_dead: int = 1000
    online: bool = True

    @property
    def lateness_us(self) -> int:
        """Return how much later than another record one may come and not be late, in microseconds."""
        return parse_duration(self.lateness)

    @property
    def scheme(self) -> str:
        """Return which kind of address it is; `file` for a path."""
        scheme, colon, _ = self.uri.partition(":")
        plain = scheme.replace("+", "").replace("-", "").replace(".", "")
        # One letter before a colon is no scheme but the drive of a path.
        return scheme if colon and len(scheme) > 1 and plain.isalnum() and scheme == scheme.lower() else "file"


class RawSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A raw input of which more than the address is said.

    Attributes:
        uri: its address.
        table: the table that is read, where the address is that of a database.
        query: the question that is asked instead of reading a table.
        key: the column or columns that name a row.
        watermark: the column that grows with every change.
        landing: what a row stands for.
        quarantine: the share of a delivery's rows that may be refused while the rest passes.
        contract: path of the file that says what the columns are; `contracts/NAME.toml` where it is empty.
        stream: whether its changes are followed as they happen; an address that is a stream always is.
        consumer: under which name its source knows who reads it; `shipway_NAME` where it is empty.
        event: the column that says when something happened.
        lateness: how much earlier than the latest something may have happened and not be late, such as `10m`.
        most_dead: how many records may be put aside as unreadable before the stream stops.
        online: whether the online store follows the stream; if not, it has what runs admit.
    """

    uri: str
    table: str = ""
    query: str = ""
    key: str | tuple[str, ...] = ()
    watermark: str = ""
    landing: Landing = "plain"
    quarantine: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.01
    contract: str = ""
    stream: bool = False
    consumer: str = ""
    event: str = ""
    lateness: str = "0s"
    most_dead: Annotated[int, msgspec.Meta(ge=0)] = 1000
    online: bool = True

    def input(self, name: str) -> "Raw":
        """Return the input as the rest of the system knows it."""
        given = {field: getattr(self, field) for field in self.__struct_fields__}
        given["key"] = (self.key,) if isinstance(self.key, str) else self.key
        given["contract"] = self.contract or f"contracts/{name}.toml"
        given["stream"] = self.stream or self.uri.partition(":")[0] in STREAMS
        if given["stream"]:
            given["consumer"] = self.consumer or "shipway_" + re.sub(r"[^a-z0-9_]", "_", name.lower())
        return Raw(name=name, **given)


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


def check_raw(name: str, section: RawSection) -> None:
    """Refuse a raw input whose fields do not go together, or whose address holds a secret.

    Raises:
        ShipwayError: SW-102, naming the place.
    """
    _check_address(name, section.uri)
    place = f"shipway.toml: raw.{name}"
    if section.table and section.query:
        raise ShipwayError("SW-102", f"{place} has both a table and a query", "a query names its tables: keep one")
    if section.watermark and not section.key:
        hint = f'add key = "..." to [raw.{name}]: rows at the mark are read twice, and the key tells them from new ones'
        raise ShipwayError("SW-102", f"{place} has a watermark and no key", hint)
    if section.landing == "debezium" and not section.key:
        hint = f'add key = "..." to [raw.{name}]: the columns of the primary key'
        raise ShipwayError("SW-102", f"{place} is a stream of changes and has no key", hint)
    if section.landing != "plain" and section.watermark:
        hint = "remove the watermark: these changes carry their own position"
        raise ShipwayError("SW-102", f"{place} lands by {section.landing} and has a watermark", hint)
    if section.contract and not section.contract.endswith(".toml"):
        raise ShipwayError("SW-102", f"{place}.contract is {section.contract!r}", "name a file that ends in .toml")
    _check_stream(name, section)


def holds_password(uri: str) -> bool:
    """Tell whether an address holds a password itself, and not the name of a variable that does."""
    found = _PASSWORD.match(uri)
    return found is not None and "${" not in found[1]


def _check_stream(name: str, section: RawSection) -> None:
    """Refuse a stream that could not be kept, and what is said of a stream where there is none."""
    place, raw = f"shipway.toml: raw.{name}", section.input(name)
    plain = RawSection(uri="")
    if not raw.stream:
        for field in ("consumer", "event", "lateness", "most_dead", "online"):
            if getattr(section, field) != getattr(plain, field):
                hint = "add stream = true to it, or take the line away"
                raise ShipwayError("SW-102", f"{place}.{field} is about a stream, and raw.{name} is none", hint)
        return
    if not section.key:
        hint = f'add key = "..." to [raw.{name}]: the columns that name a row'
        raise ShipwayError("SW-102", f"{place} is a stream of changes and has no key", hint)
    if section.landing == "fivetran" or section.query:
        what = "a query" if section.query else 'landing = "fivetran"'
        raise ShipwayError("SW-102", f"{place} is a stream and has {what}", "a run reads it: take stream away")
    if not re.fullmatch(r"[a-z0-9_]{1,63}", raw.consumer):
        hint = "use up to 63 small letters, digits and underscores"
        raise ShipwayError("SW-102", f"{place}.consumer is {section.consumer!r}", hint)
    try:
        late = parse_duration(section.lateness)
    except ValueError as error:
        raise ShipwayError("SW-102", f"{place}.lateness: {error}", "write such as 10m or 6h") from error
    if late < 0:
        raise ShipwayError("SW-102", f"{place}.lateness is {section.lateness}", "write a duration of zero or more")


def _check_address(name: str, uri: str) -> None:
    """Refuse an address that holds a password; what it says is not repeated."""
    if holds_password(uri):
        hint = "put it into the environment and write its name: ${SHOP_PASSWORD}"
        raise ShipwayError("SW-102", f"shipway.toml: raw.{name} holds a password", hint)
