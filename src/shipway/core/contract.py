"""Contracts of raw inputs: which columns there are, of which types, and where a value may be missing."""

import re
import tomllib
from typing import Any, Final, cast, get_type_hints

import msgspec

from shipway.core.error import ShipwayError
from shipway.kit.suggestion import did_you_mean
from shipway.maths.embedding import LONGEST, length_of

TYPES: Final = ("int", "float", "text", "bool", "instant", "local", "date")
"""What a column may be, beside `embedding[384]`, of any length, and a type as Polars writes it.

`local` is a date with a time and no zone, which is no instant until a contract names one.
"""

NOTHING: Final = "nothing"
"""The type of a column in which no value was seen; where it is written down it becomes text."""

EPOCHS: Final = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1, "epoch_d": 86_400_000_000}
"""Formats of whole numbers that count from 1970, with their unit in microseconds."""

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_LINE: Final = re.compile(r"""\s*([A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*")\s*=""")


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one column holds.

    Attributes:
        type: one of `TYPES`, `embedding[n]` for n numbers in single precision, or a type as Polars writes it, such as
            `List(Int64)`, which values must have already.
        nullable: whether a value may be missing.
        format: how a date or time is written in text, such as `%d/%m/%Y`; empty for ISO 8601.
        zone: the time zone of instants that are written without one.
        note: what was seen, for people; nothing is held to it.
    """

    type: str
    nullable: bool = False
    format: str = ""
    zone: str = ""
    note: str = ""

    @property
    def rule(self) -> "Field":
        """Return the field without what is there for people."""
        return msgspec.structs.replace(self, note="")


class Contract(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What every delivery of a raw input is held to.

    Attributes:
        columns: column name to what it holds, in order.
    """

    columns: dict[str, Field]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which a delivery differs from its contract.

    Attributes:
        column: which column.
        said: what is different, as a clause.
        safe: whether everything that was read before fits the contract that would allow it.
    """

    column: str
    said: str
    safe: bool


def write_contract(name: str, contract: Contract, *, head: str) -> str:
    """Return a contract as the TOML that a person reviews, a line for each column.

    Args:
        name: the raw input.
        contract: what it is held to.
        head: what the first line says it was read from.
    """
    lines = [
        f"# What raw input {name!r} holds, inferred from {head}.",
        "# Correct it where it is wrong: every later delivery is held to what stands here.",
        "",
        "[columns]",
    ]
    lines += _write_lines(contract).values()
    return "\n".join(lines) + "\n"


def revise_contract(text: str, contract: Contract) -> str | None:
    """Return a contract's text with the lines of columns that are different replaced, and everything else as it stands.

    Args:
        text: the file as it is, with whatever a person wrote beside the columns.
        contract: what it is to say.

    Returns:
        None if the text does not give each column a line of its own, and has to be written anew.
    """
    new = _write_lines(contract)
    before = read_contract(text, "the contract").columns
    places = {_write_key(column): column for column in contract.columns}
    lines: list[str] = []
    for line in text.splitlines():
        found = _LINE.match(line)
        column = None if found is None else places.pop(found[1], "")
        if column is None or (column and before.get(column) == contract.columns[column].rule):
            lines.append(line)
        elif column:
            lines.append(new[column])
    revised = "\n".join([*lines, *(new[column] for column in places.values())]) + "\n"
    try:
        same = read_contract(revised, "").columns == {name: field.rule for name, field in contract.columns.items()}
    except ShipwayError:
        return None
    return revised if same else None


def _write_lines(contract: Contract) -> dict[str, str]:
    keys = {column: _write_key(column) for column in contract.columns}
    rules = {column: _write_field(field) for column, field in contract.columns.items()}
    wide = max((len(key) for key in keys.values()), default=0)
    long = max((len(rule) for rule in rules.values()), default=0)
    lines: dict[str, str] = {}
    for column, field in contract.columns.items():
        line = f"{keys[column]:<{wide}} = {rules[column]}"
        # A comment must not end early, nor hold what TOML forbids in one.
        note = " ".join("".join(sign if sign.isprintable() else " " for sign in field.note).split())
        lines[column] = f"{line}{' ' * (long - len(rules[column]))}  # {note}" if note else line
    return lines


def read_contract(text: str, place: str) -> Contract:
    """Return the contract of a file's text; its comments are gone.

    Args:
        text: the file's content.
        place: how a refusal names the file.

    Raises:
        ShipwayError: SW-221 if it is no valid contract, naming the place and the nearest right word.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ShipwayError("SW-221", f"{place} is not valid TOML: {error}", "correct the line it names") from error
    try:
        contract = msgspec.convert(data, Contract)
    except msgspec.ValidationError as error:
        raise ShipwayError("SW-221", f"{place}: {error}", _hint(data)) from error
    if not contract.columns:
        raise ShipwayError("SW-221", f"{place} names no column", "name each, or remove the file to have it inferred")
    for column, field in contract.columns.items():
        _check_field(f"{place}: columns.{column}", field)
    return contract


def evolve(contract: Contract, seen: Contract, *, sparse: bool = False) -> tuple[Contract, list[Change]]:
    """Return the contract that would allow what was seen, and in what it differs.

    A column that is new may be missing in what came before, so it is nullable; a type becomes the narrower of those
    that hold both.

    Args:
        contract: what deliveries are held to now.
        seen: what a delivery looks like by itself.
        sparse: whether the format leaves out what is missing, so that an absent column is one without values.
    """
    columns: dict[str, Field] = {}
    changes: list[Change] = []
    for column, field in contract.columns.items():
        if column in seen.columns:
            columns[column], said = _widen(column, field, seen.columns[column])
            changes += said
        elif sparse:
            columns[column] = msgspec.structs.replace(field, nullable=True)
            changes += [] if field.nullable else [_miss(column)]
        else:
            changes.append(Change(column=column, said=f"column {column!r} is gone", safe=False))
    for column, found in seen.columns.items():
        if column not in contract.columns:
            columns[column] = msgspec.structs.replace(_plain(found), nullable=True)
            changes.append(Change(column=column, said=f"column {column!r} is new", safe=True))
    return Contract(columns=columns), changes


def first_contract(seen: Contract) -> Contract:
    """Return what an input is held to from its first delivery on."""
    return Contract(columns={column: _plain(found) for column, found in seen.columns.items()})


def fits(found: Field, field: Field) -> bool:
    """Tell whether values that look like one field can stand in another without loss."""
    if field.type == "text" or found.type == NOTHING:
        return True
    if found.type == field.type:
        return found.format == field.format
    return (found.type, field.type) in {("int", "float"), ("local", "instant" if field.zone else "local")}


def _widen(column: str, field: Field, found: Field) -> tuple[Field, list[Change]]:
    changes = [_miss(column)] if found.nullable and not field.nullable else []
    nullable = field.nullable or found.nullable
    if fits(found, field):
        return msgspec.structs.replace(field, nullable=nullable), changes
    if length_of(field.type) and length_of(found.type):
        changes.append(Change(column=column, said=f"column {column!r} is {found.type}, not {field.type}", safe=False))
        return Field(type=found.type, nullable=nullable, note=found.note), changes
    numbers = {field.type, found.type} == {"int", "float"}
    changes.append(Change(column=column, said=f"column {column!r} is {found.type}, not {field.type}", safe=numbers))
    return Field(type="float" if numbers else "text", nullable=nullable, note=found.note), changes


def _plain(found: Field) -> Field:
    return msgspec.structs.replace(found, type="text") if found.type == NOTHING else found


def _miss(column: str) -> Change:
    return Change(column=column, said=f"column {column!r} misses values", safe=True)


def _check_field(place: str, field: Field) -> None:
    if field.type not in TYPES and not field.type[:1].isupper() and length_of(field.type) is None:
        hint = did_you_mean(field.type, TYPES)
        if field.type.startswith(("embedding", "vector")):
            hint = f"write embedding[384], with the length that all have, up to {LONGEST:,}"
        raise ShipwayError("SW-221", f"{place} has type {field.type!r}", hint)
    if field.zone and field.type != "instant":
        raise ShipwayError("SW-221", f"{place} is {field.type} with a zone", "only an instant has a zone")
    if field.format and field.type not in ("date", "local", "instant"):
        raise ShipwayError("SW-221", f"{place} is {field.type} with a format", "only dates and times have a format")


def _write_key(column: str) -> str:
    return column if _BARE.fullmatch(column) else _quote(column)


def _write_field(field: Field) -> str:
    parts = [f"type = {_quote(field.type)}"]
    if field.nullable:
        parts.append("nullable = true")
    if field.format:
        parts.append(f"format = {_quote(field.format)}")
    if field.zone:
        parts.append(f"zone = {_quote(field.zone)}")
    return "{ " + ", ".join(parts) + " }"


def _quote(text: str) -> str:
    """Return a text as a TOML basic string, whose escapes are those of JSON but for the character 127."""
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")


def _hint(data: dict[str, Any]) -> str:
    for name in data:
        if name != "columns":
            return did_you_mean(name, ["columns"])
    columns = data.get("columns")
    known = [name for name in get_type_hints(Field) if name not in ("note", "rule")]
    for column, field in cast("dict[str, Any]", columns if isinstance(columns, dict) else {}).items():
        for name in cast("dict[str, Any]", field if isinstance(field, dict) else {}):
            if name not in known:
                return f"in columns.{column}, {did_you_mean(name, known)}"
    return 'write a line for each column, such as price = { type = "float", nullable = true }'
