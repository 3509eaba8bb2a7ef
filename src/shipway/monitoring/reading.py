"""What monitoring reads: the prediction log as one row for each prediction, pair, answer or vector, with its labels.

A process that was killed starts again where its last durable position was, so a request may be asked, answered and
logged a second time, with the same prediction and other latencies. What is read here holds it once; and no digest
depends on how the log is cut into segments or on which process wrote first.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from shipway.core.error import ShipwayError
from shipway.core.label import LabelKind
from shipway.core.prediction import FEATURE_COLUMNS, FEATURES, NEWEST, PREDICTION_COLUMNS
from shipway.core.service import CANDIDATE, STABLE
from shipway.kit.canonical import canonical_json
from shipway.ports.log import Log

_KINDS: Final[Mapping[str, pl.DataType]] = {"text": pl.String(), "int": pl.Int64(), "float": pl.Float64()}
SCHEMA: Final = pl.Schema({name: _KINDS[kind] for name, kind in PREDICTION_COLUMNS.items()})
"""Columns of the prediction log with their types."""

_LIVE: Final = "live"
_PREDICTION: Final = ("request", "version")
_ORDER: Final = ("request", "version", "role")


def distinct_predictions(rows: pl.DataFrame) -> pl.DataFrame:
    """Return one row for each request and version, in the order of the log.

    Of rows for the same request and version a live one is kept rather than one in shadow, and of equals the first; so
    does a request count once that its caller sent again, at another instant, because an answer was late or lost.

    Args:
        rows: rows of the prediction log; without columns where the log is empty.

    Returns:
        Some of the rows; with the columns of the log where there are none.

    Raises:
        ShipwayError: SW-605 if a version predicted a request twice in the same role, as of the same instant, and not
            the same; two failures are the same.
    """
    if not rows.height:
        return rows if rows.width else pl.DataFrame(schema=SCHEMA)
    # What a caller got in place of a prediction says nothing of a version; the version's own row is there as well.
    rows = rows.filter(~pl.col("role").str.starts_with("fallback"))
    asked = [*_ORDER, "at"]
    differing = rows.lazy().unique([*asked, "p"], maintain_order=True).filter(pl.struct(asked).is_duplicated())
    for request, version in differing.select(_PREDICTION).head(1).collect().iter_rows():
        fact = f"version {version} predicted request {request!r} twice and not the same"
        hint = "give every request an id of its own; if it has one, the version's predictions do not repeat"
        raise ShipwayError("SW-605", fact, hint)
    kept = rows.with_row_index("place").sort(pl.col("role") != _LIVE, maintain_order=True)
    return kept.unique(_PREDICTION, keep="first").sort("place").drop("place")


def served(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the row of the version that answered, one for each request that was answered, in the order of the log.

    Where different versions answered a request, before a process was killed and after, it is the one of the newest
    routing.

    Args:
        rows: rows of the prediction log; without columns where the log is empty.

    Raises:
        ShipwayError: as `distinct_predictions` does.
    """
    live = distinct_predictions(rows).filter(pl.col("role") == _LIVE).with_row_index("place")
    newest = live.sort("token", "version", descending=True).unique("request", keep="first", maintain_order=True)
    return newest.sort("place").drop("place")


def pair_versions(rows: pl.DataFrame, stable: int, candidate: int) -> pl.DataFrame:
    """Return one row for each request that two versions predicted, in the order of the log.

    Args:
        rows: rows of the prediction log; without columns where the log is empty.
        stable: number of the version that answers whatever the candidate does not.
        candidate: number of the version on trial.

    Returns:
        The columns request, row, at, token, weight, p_stable, p_candidate, error_stable, error_candidate,
        latency_stable_us, latency_candidate_us, answer_us and `answered`: `stable` or `candidate`, whose row is live,
        null where neither's is (another version answered, or its row was lost with the process). What belongs to the
        request is that of the version that answered; of the stable one where neither did.

    Raises:
        ShipwayError: as `distinct_predictions` does.
    """
    distinct = distinct_predictions(rows)
    live = served(distinct).select("request", answering="version")
    sides = {stable: STABLE, candidate: CANDIDATE}
    side = pl.col("answering").replace_strict(sides, default=None, return_dtype=pl.String)
    left, right = (distinct.filter(pl.col("version") == version) for version in (stable, candidate))
    pairs = left.join(right, on="request", suffix="_candidate", validate="1:1", maintain_order="left")
    pairs = pairs.join(live, on="request", how="left", validate="1:1", maintain_order="left")
    answered = pairs.with_columns(answered=side)

    def of_answer(name: str) -> pl.Expr:
        chosen = pl.when(pl.col("answered") == CANDIDATE).then(pl.col(f"{name}_candidate")).otherwise(pl.col(name))
        return chosen.alias(name)

    return answered.select(
        "request",
        *(of_answer(name) for name in ("row", "at", "token", "weight")),
        pl.col("p").alias("p_stable"),
        "p_candidate",
        pl.col("error").alias("error_stable"),
        "error_candidate",
        pl.col("latency_us").alias("latency_stable_us"),
        pl.col("latency_us_candidate").alias("latency_candidate_us"),
        of_answer("answer_us"),
        "answered",
    )


def join_labels(rows: pl.DataFrame, labels: pl.DataFrame, known_by: int) -> pl.DataFrame:
    """Add to each row its label as known at an instant.

    Rows are neither lost nor multiplied nor put in another order. A row whose key is null has no label. A label that
    was corrected is the one known last.

    Args:
        rows: any frame with a column `row`, the key of the row that was asked about.
        labels: columns `row` (text), `label` (Boolean, a number or text) and `known_at` (microseconds since 1970 UTC).
        known_by: microseconds since 1970 UTC; what became known later is not known.

    Returns:
        The rows with the columns `label` and `known_at`, both null where no label was known.

    Raises:
        ShipwayError: SW-205 if two different labels of a row became known at the same instant.
    """
    known = labels.select("row", "label", "known_at").filter(
        pl.col("known_at") <= known_by, pl.col("row").is_not_null()
    )
    newest = known.filter(pl.col("known_at") == pl.col("known_at").max().over("row")).unique(maintain_order=True)
    for (row,) in newest.filter(pl.col("row").is_duplicated()).select("row").head(1).iter_rows():
        fact = f"row {row!r} has two different labels known at the same instant"
        raise ShipwayError("SW-205", fact, "let the label's event happen once for each row, or correct it later")
    return rows.join(newest, on="row", how="left", validate="m:1", maintain_order="left")


def kind_of(labels: pl.DataFrame) -> LabelKind:
    """Return what kind of label a column `label` holds; SW-203 for a type that is no condition, number or text."""
    dtype = labels.schema["label"]
    if dtype == pl.Boolean or dtype == pl.Null:
        return "condition"
    if dtype == pl.String:
        return "class"
    if dtype.is_numeric():
        return "number"
    raise ShipwayError("SW-203", f"column 'label' holds {dtype}", "a label is a condition, a number or a class")


def read_vectors(log: Log, online: str, columns: Sequence[str], since: int | None, until: int | None) -> pl.DataFrame:
    """Read the feature vectors of a period, one for each request, in the order of the log.

    Versions with different features may read one store; a vector that lacks a feature wanted is another version's.

    Args:
        log: where they were written.
        online: name of the online store they were read from.
        columns: the features wanted, and `newest STREAM` where wanted.
        since: first instant asked for, microseconds since 1970 UTC; None for the beginning.
        until: end of the period, excluded; None for the end.

    Returns:
        The columns request, row, at, then those wanted, which have no type where there are no rows.

    Raises:
        ShipwayError: SW-605 for a damaged segment, or if a request was logged twice as of the same instant and not with
            the same vector; null is the same as null and NaN as NaN.
    """
    wanted = list(dict.fromkeys((*FEATURE_COLUMNS, *columns)))
    rows = log.read(f"{FEATURES}{online}", since=since, until=until, columns=wanted, complete=True)
    if not rows.height:
        return pl.DataFrame(schema={name: SCHEMA.get(name, pl.Null()) for name in wanted})
    # A stream whose rows were always known has no instants, and a column without values has no type of its own.
    rows = rows.with_columns(pl.col(name).cast(pl.Int64) for name in wanted if name.startswith(NEWEST))
    if rows["request"].is_unique().all():
        return rows
    vectors = rows.unique(maintain_order=True)
    again = vectors.filter(pl.struct("request", "at").is_duplicated())
    for (request,) in again.select("request").head(1).iter_rows():
        fact = f"request {request!r} was logged twice, and not with the same features"
        hint = "give every request an id of its own; if it has one, the online store was changed behind its instants"
        raise ShipwayError("SW-605", fact, hint)
    return vectors.unique("request", keep="first", maintain_order=True)


def digest_rows(rows: pl.DataFrame, columns: Sequence[str]) -> str:
    """Return the digest of what columns hold, whatever the order of the rows and the segments they came from.

    The canonical bytes are those of the rows in the order of their request, version and role, then of their values, one
    column after the other: whether each value is there, then the values, numbers as 64 bits with the lowest byte first.
    All NaN are one value, the two zeros are two, and a column without any value is the same whatever its type. A column
    of arrays counts as one column for each place.

    Args:
        rows: whole numbers, floating point, truth, text or instants, or arrays of them.
        columns: what counts, in this order.

    Returns:
        64 hexadecimal digits.

    Raises:
        ShipwayError: SW-203 for a column of another type.
    """
    rows, columns = _spread_arrays(rows, columns)
    if not rows.height:
        rows = pl.DataFrame(schema=dict.fromkeys(columns, pl.Null()))
    kinds = [_kind_of(rows[name]) for name in columns]
    bits = pl.DataFrame([_bits(rows[name], kind) for name, kind in zip(columns, kinds, strict=True)])
    leading = [name for name in _ORDER if name in columns]
    ordered = bits.sort([*leading, *(name for name in columns if name not in leading)]) if columns else bits
    hasher = hashlib.sha256(canonical_json([rows.height, [*zip(columns, kinds, strict=True)]]))
    for name, kind in zip(columns, kinds, strict=True):
        for part in _encode(ordered[name], kind):
            hasher.update(part)
    return hasher.hexdigest()


def _spread_arrays(rows: pl.DataFrame, columns: Sequence[str]) -> tuple[pl.DataFrame, list[str]]:
    """Return rows with a column for each place of their arrays, and the names of those that count."""
    names: list[str] = []
    for name in columns:
        dtype = rows.schema.get(name)
        if isinstance(dtype, pl.Array):
            places = {f"{name}[{place}]": pl.col(name).arr.get(place) for place in range(dtype.size)}
            rows = rows.with_columns(**places)
            names += places
        else:
            names.append(name)
    return rows, names


def _kind_of(values: pl.Series) -> str:
    """Return how a column's values are encoded: as text, number, whole number, or not at all where there is none."""
    dtype = values.dtype
    if values.null_count() == len(values):
        return "nothing"
    if dtype == pl.String:
        return "text"
    if dtype.is_float():
        return "float"
    if dtype.is_integer() or dtype.is_temporal() or dtype == pl.Boolean:
        return "int"
    raise ShipwayError("SW-203", f"column {values.name!r} holds {dtype}, of which there is no digest", "leave it out")


def _bits(values: pl.Series, kind: str) -> pl.Series:
    """Return a column with values that are equal where their bytes are, so that sorting leaves no choice."""
    match kind:
        case "nothing":
            return pl.repeat(None, len(values), dtype=pl.Int64, eager=True).alias(values.name)
        case "int":
            return values.to_physical().cast(pl.Int64)
        case "float":
            number = values.cast(pl.Float64).fill_null(0.0).fill_nan(float("nan")).to_numpy()
            found = pl.Series(values.name, number.view(np.int64))
            return found.zip_with(values.is_not_null(), pl.repeat(None, len(values), dtype=pl.Int64, eager=True))
        case _:
            return values


def _encode(values: pl.Series, kind: str) -> list[bytes]:
    """Return a column's canonical bytes, in parts."""
    if kind == "nothing":
        return []
    there = np.packbits(values.is_not_null().to_numpy()).tobytes()
    if kind != "text":
        return [there, _pack(values.fill_null(0).to_numpy())]
    text = values.fill_null("")
    return [there, _pack(text.str.len_bytes().to_numpy()), "".join(text.to_list()).encode()]


def _pack(numbers: "np.ndarray[Any, np.dtype[Any]]") -> bytes:
    return numbers.astype("<i8").tobytes()
