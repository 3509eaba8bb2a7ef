"""Taking a raw input in: what a reader yields becomes rows of tables, refused rows, and how far it has come.

All three are tables of one commit, so that a crash takes back all of them or none, and a piece that was read and not
committed is read again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from shipway.core.contract import Contract, first_contract
from shipway.core.error import ShipwayError
from shipway.core.raw import START, Cursor, Piece, Raw, advance
from shipway.core.table import Snapshot
from shipway.data.contract import check_columns, infer_contract
from shipway.data.deposit import Deposit, digest_rules, pieces_of, quarantine_of, table_of
from shipway.data.kept import ABSENT, DELETED, POSITION, write_position
from shipway.data.landing import key_of, land
from shipway.data.quarantine import REFUSED, Delivery, judge_share
from shipway.ports.reader import Reader
from shipway.ports.tables import Tables

_JSON: Final = (".json", ".jsonl", ".ndjson")
_META: Final = (POSITION, DELETED, ABSENT)


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is to take in of a raw input.

    Attributes:
        pieces: the pieces, in order.
        anew: whether they take the place of what is there.
        cursor: how far the input was taken in, if they do not.
    """

    pieces: list[Piece]
    anew: bool
    cursor: Cursor


@dataclass(slots=True)
class Taken:
    """What taking a raw input in made of it.

    Attributes:
        tables: table name to new snapshot; those that did not change are not among them.
        contract: what it was held to.
        pieces: how many pieces were read.
        rows: how many rows they had.
        refused: how many of these were refused.
    """

    contract: Contract
    tables: dict[str, Snapshot] = field(default_factory=dict[str, Snapshot])
    pieces: int = 0
    rows: int = 0
    refused: int = 0


def plan_intake(
    raw: Raw, reader: Reader, tables: Tables, present: Mapping[str, Snapshot], contract: Contract | None
) -> Plan:
    """Return what there is to take in.

    With a key, pieces change a table that is kept: those that are new or different are read, but not one whose content
    came before under another name. Without one the table is what the address holds: pieces that were added are added,
    and if one is different or gone, or the contract is another, all are read anew.

    Args:
        raw: the input.
        reader: what reads it.
        tables: where tables are.
        present: the tables of the branch that is continued.
        contract: what the input is held to; None before it was first read.

    Raises:
        ShipwayError: as the reader's `pieces`.
    """
    snapshot = present.get(pieces_of(raw.name))
    cursor, held, seen = START, set[str](), set[str]()
    if snapshot is not None:
        known = tables.read(snapshot)
        for row in known.iter_rows(named=True):
            cursor = advance(cursor, Piece(name=row["piece"], fingerprint=row["fingerprint"], mark=row["mark"]))
        held, seen = (set(known[column].unique().to_list()) for column in ("contract", "fingerprint"))
    found = reader.pieces(raw, cursor)
    if key_of(raw):
        new = [piece for piece in found if piece.mark or _is_new(piece, cursor, seen)]
        return Plan(new, anew=False, cursor=cursor)
    now = {piece.name: piece.fingerprint for piece in found}
    added = [piece for piece in found if piece.name not in cursor.taken]
    same = cursor.taken.items() <= now.items() and (not held or held == {digest_rules(contract)})
    return Plan(added if same else found, anew=not same, cursor=cursor if same else START)


def _is_new(piece: Piece, cursor: Cursor, seen: set[str]) -> bool:
    """Tell whether a piece is neither in as it is nor a copy, under a new name, of one that was."""
    if piece.name in cursor.taken:
        return cursor.taken[piece.name] != piece.fingerprint
    return piece.fingerprint not in seen


def infer_pieces(raw: Raw, reader: Reader, pieces: Sequence[Piece]) -> Contract:
    """Return what the rows of some pieces look like, those of deletions left out.

    Raises:
        ShipwayError: as the reader's `read`, SW-222 if they are not of the form that their landing says, SW-204 if they
            have not even columns.
    """

    def rows() -> Iterator[pl.DataFrame]:
        for piece in pieces:
            for batch in reader.read(raw, piece):
                landed = land(raw, batch).rows
                yield landed.filter(~pl.col(DELETED)).drop(_META)

    seen = infer_contract(rows())
    if not seen.columns:
        raise ShipwayError("SW-204", f"{raw.uri} has no rows", "check that whatever writes it has finished")
    return seen


def is_sparse(raw: Raw, piece: Piece) -> bool:
    """Tell whether a piece is of a format that leaves out what is missing."""
    return raw.landing == "debezium" or any(ending in piece.name.lower() for ending in _JSON)


def take_in(
    raw: Raw,
    reader: Reader,
    tables: Tables,
    present: Mapping[str, Snapshot],
    *,
    contract: Contract | None,
    plan: Plan,
    report: Callable[[int, int], None],
) -> Taken:
    """Read what is planned, hold it to the contract, and return the tables with it; nothing is committed.

    Args:
        raw: the input.
        reader: what reads it.
        tables: where tables are.
        present: the tables of the branch that is continued.
        contract: what the input is held to; None to infer it from what is read.
        plan: as `plan_intake` made it.
        report: is told how many pieces are done.

    Raises:
        ShipwayError: SW-201 if a piece cannot be read whole, SW-222 for columns that are not those of the contract,
            SW-223 if more rows of a piece were refused than its share allows, SW-204 for an input without columns.
    """
    if contract is None:
        contract = first_contract(infer_pieces(raw, reader, plan.pieces))
    key = key_of(raw)
    for name in (*key, *((raw.watermark,) if raw.watermark else ())):
        if name not in contract.columns:
            hint = f"name a column it has in [raw.{raw.name}]: {', '.join(list(contract.columns)[:8])}"
            raise ShipwayError("SW-202", f"raw input {raw.name!r} has no column {name!r}", hint)
    names = (table_of(raw.name), quarantine_of(raw.name), pieces_of(raw.name))
    before = {name: present[name] for name in names if name in present and not plan.anew}
    writer = Deposit(tables, raw, contract, before, present.get(names[0]))
    taken = Taken(contract=contract)
    for done, piece in enumerate(plan.pieces):
        report(done, len(plan.pieces))
        delivery = _take_piece(raw, reader, piece, contract, writer)
        taken.pieces += 1
        taken.rows += delivery.rows
        taken.refused += delivery.refused
    writer.flush()
    taken.tables = {name: snapshot for name, snapshot in writer.snapshots.items() if present.get(name) != snapshot}
    return taken


def _take_piece(raw: Raw, reader: Reader, piece: Piece, contract: Contract, writer: Deposit) -> Delivery:
    key = key_of(raw)
    stream = raw.landing != "plain" or bool(raw.watermark) or bool(piece.mark)
    delivery = Delivery(contract, key, piece.name, unique=bool(key) and not stream)
    sparse = is_sparse(raw, piece)
    refused: list[pl.DataFrame] = []
    first = 1
    for batch in reader.read(raw, piece):
        landed = land(raw, batch)
        data = landed.rows.drop(_META)
        gone = landed.rows[DELETED]
        # A deletion may come with its key alone, and columns that only such rows lack are not missing.
        check_columns(contract, data, name=raw.name, sparse=sparse or (gone.all() and gone.len() > 0))
        sifted = delivery.sift(landed.rows, numbers=landed.numbers + first, partial=gone)
        first += batch.height
        refused.append(sifted.refused)
        good = sifted.good
        if raw.watermark and raw.landing == "plain" and good[POSITION].eq("").all():
            good = good.with_columns(write_position(good[raw.watermark]).alias(POSITION))
        writer.add(good if key else good.select(list(contract.columns)))
    rejected = pl.concat([pl.DataFrame(schema=REFUSED), *refused])
    judge_share(raw.name, delivery, rejected, most=raw.quarantine)
    writer.finish(piece, delivery, rejected)
    return delivery
