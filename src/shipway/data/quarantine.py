"""Rows that break their contract are put aside with the rule that refused each; the others are cast once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from shipway.core.contract import Contract
from shipway.core.error import ShipwayError
from shipway.data.cast import cast_column, dtype_of
from shipway.maths.embedding import length_of

REFUSED: Final = {"piece": pl.String(), "row": pl.Int64(), "rule": pl.String(), "record": pl.String()}
"""Columns of the side table: the piece and the number of the row in it, counted from 1, what refused it, and its values
as text in one JSON object."""

DAMAGE: Final = r"[\x{FFFD}\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F]|[ÃÂ][\x{80}-\x{BF}]|â€|ï»¿"
"""What text looks like that was decoded wrongly: the sign for a lost character, control characters, or UTF-8 that was
taken for Latin-1."""

_NUMBER: Final = "\x00row"
_RULE: Final = "\x00rule"
_CAST: Final = "\x00cast "
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Sifted:
    """What became of some rows of a delivery.

    Attributes:
        good: the rows that keep the contract, cast, with the columns of the contract and those passed through.
        refused: the others, with the columns of `REFUSED`.
    """

    good: pl.DataFrame
    refused: pl.DataFrame


@dataclass(slots=True)
class Delivery:
    """One piece on its way through the contract, batch by batch.

    Attributes:
        contract: what it is held to.
        key: the columns that name a row; empty where rows have no names.
        piece: the piece's name.
        unique: whether a key may stand in it only once.
        rows: how many rows were seen.
        refused: how many of them were refused.
    """

    contract: Contract
    key: tuple[str, ...]
    piece: str
    unique: bool
    rows: int = 0
    refused: int = 0
    _seen: pl.DataFrame | None = None

    def sift(
        self, batch: pl.DataFrame, *, numbers: pl.Series | None = None, partial: pl.Series | None = None
    ) -> Sifted:
        """Return the batch's rows, those that keep the contract cast, the others as they were with what refused them.

        Args:
            batch: rows as they were read; columns beside those of the contract are passed through.
            numbers: the rows' places in the piece, where they are not one after the other.
            partial: tells of each row whether only its key is there, as in a deletion.
        """
        start = self.rows + 1
        if numbers is None:
            numbers = pl.int_range(start, start + batch.height, eager=True)
        fields = self.contract.columns
        absent = [pl.Series(name, [None] * batch.height, dtype=pl.Null) for name in fields if name not in batch.columns]
        given = batch.with_columns(*absent)
        schema = given.schema
        casts = [
            cast_column(name, schema[name], field).cast(dtype_of(field, schema[name])).alias(_CAST + name)
            for name, field in fields.items()
        ]
        whole = pl.lit(value=True) if partial is None else ~partial
        rules = [pl.lit(None, dtype=pl.String), *self._rules(schema, whole)]
        judged = given.with_columns(*casts, numbers.cast(pl.Int64).alias(_NUMBER)).with_columns(
            pl.concat_str(rules, separator="; ", ignore_nulls=True).alias(_RULE)
        )
        passed = judged[_RULE] == ""
        beside = [name for name in batch.columns if name not in fields]
        cast = [pl.col(_CAST + name).alias(name) for name in fields]
        good = judged.filter(passed).select(*cast, *beside, _NUMBER)
        refused = judged.filter(~passed)
        if self.unique and self.key:
            good, repeated = self._split_repeated(good)
            rule = pl.lit(f"{', '.join(self.key)}: key is repeated").alias(_RULE)
            again = judged.join(repeated, on=_NUMBER, how="semi").with_columns(rule)
            refused = pl.concat([refused, again]).sort(_NUMBER)
        self.rows += batch.height
        self.refused += refused.height
        return Sifted(good.drop(_NUMBER), self._describe(refused, [name for name in batch.columns if name in fields]))

    def _rules(self, schema: pl.Schema, whole: pl.Expr | pl.Series) -> list[pl.Expr]:
        """Return for each column what it has against each row, null for nothing."""
        rules: list[pl.Expr] = []
        for name, field in self.contract.columns.items():
            column = pl.col(name)
            in_key = name in self.key
            asked = pl.lit(value=True) if in_key else whole
            if in_key:
                rules.append(pl.when(column.is_null()).then(pl.lit(f"{name}: key is missing")))
            elif not field.nullable:
                rules.append(pl.when(column.is_null() & whole).then(pl.lit(f"{name}: value is missing")))
            failed = column.is_not_null() & pl.col(_CAST + name).is_null() & asked
            rules.append(pl.when(failed).then(pl.lit(f"{name}: not {_article(field.type)}")))
            if isinstance(schema[name], pl.String) and field.type == "text":
                damaged = column.str.contains(DAMAGE) & asked
                rules.append(pl.when(damaged).then(pl.lit(f"{name}: text is damaged")))
        return rules

    def _split_repeated(self, good: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the rows whose key is new in the delivery, and the numbers of the others."""
        keys = good.select(*self.key, _NUMBER)
        known = keys.clear() if self._seen is None else self._seen
        self._seen = pl.concat([known, keys]).unique(list(self.key), keep="first", maintain_order=True)
        repeated = keys.join(self._seen, on=_NUMBER, how="anti").select(_NUMBER)
        if repeated.height == 0:
            return good, repeated
        return good.join(repeated, on=_NUMBER, how="anti", maintain_order="left"), repeated

    def _describe(self, refused: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
        if refused.height == 0:
            return pl.DataFrame(schema=REFUSED)
        # Bytes are no text; they are written as base64, as JSON commonly has them.
        values = [
            pl.col(name).bin.encode("base64") if refused.schema[name] == pl.Binary else pl.col(name) for name in columns
        ]
        record = pl.struct(values).struct.json_encode()
        return refused.select(
            pl.lit(self.piece).alias("piece"),
            pl.col(_NUMBER).alias("row"),
            pl.col(_RULE).alias("rule"),
            record.alias("record"),
        )


def judge_share(name: str, delivery: Delivery, refused: pl.DataFrame, *, most: float) -> None:
    """Refuse a delivery of which too much was refused.

    Args:
        name: the raw input.
        delivery: the piece, seen to its end.
        refused: its refused rows.
        most: the share of them that is allowed.

    Raises:
        ShipwayError: SW-223 if more were refused, with the rules that did most of it and an example.
    """
    if delivery.refused <= most * delivery.rows:
        return
    counts = (
        refused.select(pl.col("rule").str.split("; ").explode(empty_as_null=True)).to_series().value_counts(sort=True)
    )
    said = ", ".join(f"{rule} ({count:,})" for rule, count in counts.head(_SHOWN).sort("count", descending=True).rows())
    more = f" and {counts.height - _SHOWN} more rules" if counts.height > _SHOWN else ""
    example = refused.row(0, named=True)
    raise ShipwayError(
        "SW-223",
        f"{delivery.refused:,} of {delivery.rows:,} rows of {delivery.piece} break the contract of {name!r}, more than "
        f"{most:.2%}: {said}{more}; such as row {example['row']:,}: {example['record'][:200]}",
        f"correct the data, or see what the contract would have to become: shipway data contract {name} --accept",
    )


def _article(kind: str) -> str:
    names = {"int": "a whole number", "float": "a number", "bool": "true or false", "instant": "an instant"}
    names |= {"local": "a date with a time", "date": "a date"}
    length = length_of(kind)
    return names.get(kind, kind) if length is None else f"{length} finite numbers"
