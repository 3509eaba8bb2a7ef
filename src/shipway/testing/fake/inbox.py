"""A fake of the port Inbox."""

import csv
import gzip
import io
import json
import zlib

import polars as pl

from shipway.core.error import ShipwayError
from shipway.kit.canonical import digest_bytes
from shipway.ports.inbox import Delivery


class MemoryInbox:
    """An inbox in memory for JSON lines, CSV and Parquet, packed by gzip or not."""

    def __init__(self) -> None:
        """Hold nothing."""
        self._bodies: dict[str, list[tuple[object, ...]]] = {}

    def put(self, body: bytes, ending: str, *, at: int) -> Delivery:
        """Keep a body, if it is whole; what comes later is later, whatever the clock says."""
        del at
        try:
            rows = _read(body, ending) if body else []
        except (ValueError, OSError, EOFError, zlib.error, pl.exceptions.PolarsError) as fault:
            raise ShipwayError("SW-201", f"the body is damaged or cut short: {fault}", "send it again") from fault
        if not rows:
            raise ShipwayError("SW-204", "the body has no rows", "send at least one")
        digest = digest_bytes(body)
        new = digest not in self._bodies
        self._bodies.setdefault(digest, rows)
        return Delivery(digest, len(rows), new)

    def rows(self) -> list[tuple[object, ...]]:
        """Return the rows of all bodies in the order of their arrival."""
        return [row for rows in self._bodies.values() for row in rows]


def _read(body: bytes, ending: str) -> list[tuple[object, ...]]:
    if ending.endswith(".gz"):
        body, ending = gzip.decompress(body), ending.removesuffix(".gz")
    if ending == ".parquet":
        return pl.read_parquet(body).rows()
    if ending == ".jsonl":
        return [tuple(json.loads(line).values()) for line in body.splitlines() if line.strip()]
    if ending != ".csv":
        raise ValueError(f"{ending} is not read")
    header, *rows = csv.reader(io.StringIO(body.decode()))
    if any(len(row) != len(header) for row in rows):
        raise ValueError("a row has more or fewer cells than the header")
    return [tuple(row) for row in rows]
