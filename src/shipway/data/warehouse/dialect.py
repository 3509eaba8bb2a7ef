"""What differs between warehouses in the SQL that checks and features are asked in."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from shipway.core.error import ShipwayError
from shipway.kit.suggestion import did_you_mean
from shipway.maths.pattern import expand_pattern

_COUNT: Final = re.compile(r"\\.|\{([0-9]+)(?:,([0-9]*))?\}", re.DOTALL)
_CONTROL: Final = re.compile(r"\\?([\x00-\x1f\x7f-\x9f])")
_POSTGRES_COUNT: Final = 255
"""The most that a count in a pattern of PostgreSQL may be (DUPMAX)."""
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r"})
_POSTGRES_BYTES: Final = 63
"""The length that PostgreSQL cuts a name to without a word."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way to speak SQL.

    Attributes:
        name: what the warehouse is called in messages.
        micros: an instant in microseconds since 1970 UTC, around what is read.
        divide: a whole number divided by another, what is left dropped, around both.
        modulo: what is left, around both.
        round: a number rounded half away from zero, around it.
        match: whether a text matches a pattern as a whole, around both; None where that is not to be had.
        escape: a control character in a pattern, around its code.
        digits: how many hexadecimal digits that code has at least.
        most: the most that a count in a pattern may be.
        name_bytes: the most bytes that a name may have; 0 where there is no such limit.
        folds: whether names that differ in their case only are one.
        nul: how the character 0 is written in a text; empty where no text holds it.
        instant: an instant made of microseconds since 1970 UTC, around them.
        whole: a float as the nearest whole number, the even one of two, around it.
        days: a date in days since 1970, around it.
        same: whether two values are equal or both null, around both.
        text: a text that is compared by its characters, around it.
        not_nan: a float, and null where it is not a number, around it.
        bits: the bits of a float that is not null as a whole number, around it; None where they are not to be had.
        pick: the value at a place, from 0, among values, around these and it; None where there is no list of them.
        xor: two whole numbers above zero, bit by bit one or the other, around both.
        types: what whole numbers, floats, truth values and texts are called, whole numbers of 38 digits (`wide`), and
            the widest that are added and multiplied exactly (`vast`).
        vast_bits: how many bits of those may be used.
        quote: what stands around a name.
        backslash: whether a backslash escapes in texts, also the quote.
        asof: how a join to the newest row not after an instant is spelt; empty where there is none.
        ranges: whether a window may reach back by a number.
        once: what keeps a relation of a statement from being calculated again wherever it is read; empty where nothing
            does.
        fence: what ends a select whose texts are not to be put in the places of their names further out.
        embedding: how an array of one length in single precision is called, around the length; empty where there is
            none.
    """

    name: str
    micros: str
    divide: str
    modulo: str
    round: str
    match: Callable[[str, str], str] | None
    escape: str
    digits: int
    most: int
    name_bytes: int
    folds: bool
    nul: str
    instant: str
    whole: str
    days: str
    same: str
    text: str
    not_nan: str
    bits: str | None
    pick: str | None
    xor: str
    types: Mapping[str, str]
    vast_bits: int
    quote: str
    backslash: bool
    asof: Literal["", "on", "match"]
    ranges: bool
    once: str
    fence: str
    embedding: str = ""

    def write_name(self, name: str) -> str:
        """Return a name in quotes.

        Raises:
            ShipwayError: SW-403 for one that the warehouse cannot have.
        """
        if "\x00" in name or not name or _has_surrogate(name):
            raise ShipwayError("SW-403", f"{name!r} is no name in {self.name}", "name a table or column that is there")
        if self.name_bytes and len(name.encode()) > self.name_bytes:
            fact = f"the name {name!r} is longer than the {self.name_bytes} bytes that {self.name} keeps of one"
            raise ShipwayError("SW-403", fact, "shorten it")
        if self.backslash and ("\\" in name or self.quote in name):
            raise ShipwayError("SW-403", f"{name!r} is no name in {self.name}", "name a table or column that is there")
        return self.quote + name.replace(self.quote, self.quote * 2) + self.quote

    def read_text(self, read: str) -> str:
        """Return a text that is compared by its characters, whatever the language or case rules of a column."""
        return self.text.format(read)

    def cast(self, kind: str, text: str) -> str:
        """Return something as a value of a kind: `int`, `float`, `bool`, `text`, `wide` or `vast`."""
        return f"cast({text} as {self.types[kind]})"

    def write_text(self, text: str) -> str:
        """Return a text as a literal.

        Raises:
            ShipwayError: SW-403 for one that the warehouse cannot hold.
        """
        if _has_surrogate(text) or ("\x00" in text and not self.nul):
            raise ShipwayError("SW-403", f"{text!r} is no text in {self.name}", "compare with a text that can be there")
        if self.backslash:
            return "'" + text.translate(_ESCAPES) + "'"
        parts = ["'" + part.replace("'", "''") + "'" for part in text.split("\x00")]
        return parts[0] if len(parts) == 1 else f"({f' || {self.nul} || '.join(parts)})"

    def write_match(self, text: str, pattern: str) -> str:
        """Return whether a text matches a pattern as a whole, as SQL.

        Raises:
            ShipwayError: SW-403 for a pattern that the warehouse cannot read.
        """
        if self.match is None:
            fact = f"the pattern {pattern!r} cannot be had in {self.name}, where nothing shows what it would match"
            raise ShipwayError("SW-403", fact, "compare with whole texts, or make a column of it in the source")
        expanded = expand_pattern(pattern)
        for least, most in _COUNT.findall(expanded):
            if max(int(least or 0), int(most or 0)) > self.most:
                fact = f"the pattern {pattern!r} counts further than the {self.most} that {self.name} can"
                raise ShipwayError("SW-403", fact, "count less, or check the length of the text beside it")
        spelt = _CONTROL.sub(lambda found: self.escape.format(f"{ord(found[1]):0{self.digits}x}"), expanded)
        return self.match(text, self.write_text(spelt))


_TYPES: Final = {
    "int": "bigint",
    "float": "double precision",
    "bool": "boolean",
    "text": "text",
    "wide": "numeric(38, 0)",
}
DUCKDB: Final = Dialect(
    name="DuckDB",
    micros="epoch_us({})",
    divide="{0} // {1}",
    modulo="{0} % {1}",
    round="round({})",
    match=lambda text, pattern: f"regexp_full_match({text}, {pattern})",
    escape="\\x{{{}}}",
    digits=2,
    most=1000,
    name_bytes=0,
    folds=True,
    nul="chr(0)",
    instant="make_timestamptz({})",
    whole="cast({} as bigint)",
    days="cast({} - date '1970-01-01' as bigint)",
    same="{} is not distinct from {}",
    text='(cast({} as text) collate "C")',
    not_nan="nullif({}, cast('NaN' as double precision))",
    bits="cast(cast({} as bit) as bigint)",
    pick="[{0}][{1} + 1]",
    xor="xor({0}, {1})",
    types={**_TYPES, "vast": "hugeint"},
    vast_bits=127,
    quote='"',
    backslash=False,
    asof="on",
    ranges=True,
    once="materialized ",
    fence="",
    embedding="float[{}]",
)
POSTGRES: Final = Dialect(
    name="PostgreSQL",
    micros="cast(extract(epoch from {}) * 1000000 as bigint)",
    divide="{0} / {1}",
    modulo="{0} % {1}",
    # Its own round goes to the even number.
    round="(sign({0}) * floor(abs({0}) + 0.5))",
    match=lambda text, pattern: f"({text} ~ ('^(?:' || {pattern} || ')$'))",
    escape="\\u{}",
    digits=4,
    most=_POSTGRES_COUNT,
    name_bytes=_POSTGRES_BYTES,
    folds=False,
    nul="",
    instant="(timestamptz 'epoch' + {} * interval '1 microsecond')",
    whole="cast({} as bigint)",
    days="cast({} - date '1970-01-01' as bigint)",
    same="{} is not distinct from {}",
    text='(cast({} as text) collate "C")',
    not_nan="nullif({}, cast('NaN' as double precision))",
    bits="cast(cast('x' || encode(float8send({}), 'hex') as bit(64)) as bigint)",
    pick="(array[{0}])[{1} + 1]",
    xor="({0} # {1})",
    types={**_TYPES, "vast": "numeric"},
    vast_bits=127,
    quote='"',
    backslash=False,
    asof="",
    ranges=True,
    once="materialized ",
    # It would write a text that is read twice twice, and so on in every select further out.
    fence="\noffset 0",
)
DIALECTS: Final[Mapping[str, Dialect]] = {"duckdb": DUCKDB, "postgres": POSTGRES}
"""The dialects that checks are asked in, each executed in the tests."""


def dialect_of(name: str) -> Dialect:
    """Return a dialect by its name.

    Raises:
        ShipwayError: SW-104 for one that checks are not asked in.
    """
    if name not in DIALECTS:
        raise ShipwayError("SW-104", f"checks are not asked in the SQL of {name!r}", did_you_mean(name, DIALECTS))
    return DIALECTS[name]


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
