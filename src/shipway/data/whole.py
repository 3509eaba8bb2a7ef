"""Raw inputs without a contract: all of them at once, with the types that their reader gives them."""

import polars as pl

from shipway.core.error import ShipwayError
from shipway.core.raw import START, Raw
from shipway.kit.canonical import digest_value
from shipway.ports.reader import Reader


def fingerprint_whole(reader: Reader, raw: Raw) -> str:
    """Return the digest of everything behind an address.

    Raises:
        ShipwayError: SW-201 if there is nothing there or it cannot be read.
    """
    return digest_value([[piece.name, piece.fingerprint] for piece in reader.pieces(raw, START)])


def read_whole(reader: Reader, raw: Raw) -> pl.DataFrame:
    """Return all rows behind an address, with the types that the reader gives them.

    Columns that only some pieces have are null elsewhere; a number is whole only if it is so in all of them.

    Raises:
        ShipwayError: SW-201 if a piece cannot be read whole, SW-203 if pieces disagree on a type, SW-204 without rows.
    """
    batches = [batch for piece in reader.pieces(raw, START) for batch in reader.read(raw, piece)]
    rows = [batch for batch in batches if batch.height]
    if not rows:
        raise ShipwayError("SW-204", f"{raw.uri} has no rows", "check that whatever writes it has finished")
    try:
        return pl.concat(rows, how="vertical" if len({str(one.schema) for one in rows}) == 1 else "diagonal_relaxed")
    except pl.exceptions.PolarsError as fault:
        reason = str(fault).partition("\n")[0]
        raise ShipwayError(
            "SW-203",
            f"the pieces of {raw.uri} do not fit together ({reason})",
            f"write [raw.{raw.name}] as a table with uri = {raw.uri!r}: a contract then says what each column is",
        ) from fault
