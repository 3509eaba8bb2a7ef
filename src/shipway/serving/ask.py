"""Requests on their way through the server: who is asked what, and which version is to answer."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.core.online import Scalar
from shipway.core.prediction import join_key
from shipway.kit.suggestion import did_you_mean
from shipway.serving.call import Call
from shipway.serving.model import LoadedBundle
from shipway.serving.refusal import RefusedError, pass_on, refuse
from shipway.serving.request import check_row, name_row
from shipway.serving.sent import Sent, read_sent
from shipway.serving.version import Feed, Place, Served, Version

NO_VECTOR: Final = ShipwayError("SW-801", "no vector was read", "ask again")


class Ask(msgspec.Struct, eq=False, gc=False):
    """One request on its way through.

    Attributes:
        call: where the answer goes.
        service: who is asked.
        request: its id, which no other request has.
        row: the row as the caller sent it, where the request comes by key.
        at: the instant asked for.
        sent: what the caller sent, where the request brings vectors.
        rows: how many rows are asked about.
        key: what the log calls the row: its key, joined; for vectors the caller's id, None without one.
        unit: what is assigned to a version.
        weight: the candidate's share when it was assigned; 0 or 1 where a rule decided.
        kept: whether it is logged.
        checked: the columns that the version reads; None where it cannot read any.
        feed: where its vector was read from.
        place: its vector, or why there is none.
        answer_us: what the caller waited.
    """

    call: Call
    service: str
    request: str
    row: Mapping[str, Any]
    at: int
    sent: Sent | None = None
    rows: int = 1
    key: str | None = None
    unit: str = ""
    weight: float = 0.0
    kept: bool = True
    checked: dict[str, Scalar] | None = None
    feed: Feed | None = None
    place: Place | ShipwayError = NO_VECTOR
    answer_us: int = 0


def assign(served: Served, ask: Ask) -> Version:
    """Return the version that answers a request, after checking that it has what the version reads.

    What lacks something only for the candidate is no mistake of the caller's: there, the candidate fails.

    Raises:
        RefusedError: 422 for a request that lacks its unit or a column, 503 where no version could be loaded.
    """
    routing, sent = served.routing, ask.sent
    if sent is not None and not routing.terms.unit:
        ask.key = sent.id
        ask.unit = ask.request if sent.id is None else sent.id
    else:
        ask.unit = _name_unit(served, ask)
    version = served.stable
    if served.candidate is not None:
        rule = routing.find_rule(ask.call.headers) if routing.terms.rules else None
        if rule is not None:
            ask.weight = 1.0 if rule.to == "candidate" else 0.0
            chosen = rule.to == "candidate"
        else:
            ask.weight = routing.weight
            chosen = routing.choose(ask.unit)
        if chosen:
            version = served.candidate
    if routing.terms.log < 1:
        ask.kept = routing.keeps(ask.unit)
    if sent is None:
        _check(served, version, ask)
    elif version.bundle is not None and sent.form != version.form:
        _read_again(served, version, version.bundle, ask)
    return version


def list_rows(asks: Sequence[Ask]) -> tuple[Sequence[Ask], list[str], list[str | None]]:
    """Return for each row its request, and what the log calls that and the row; those of one request are numbered."""
    if all(ask.rows == 1 for ask in asks):
        return asks, [ask.request for ask in asks], [ask.key for ask in asks]
    flat = [(ask, f"/{row}" if ask.rows > 1 else "") for ask in asks for row in range(ask.rows)]
    requests = [ask.request + number for ask, number in flat]
    keys = [None if ask.key is None else ask.key + number for ask, number in flat]
    return [ask for ask, _ in flat], requests, keys


def stack(asks: Sequence[Ask], columns: int) -> NDArray[np.float32]:
    """Return the vectors of some requests as one matrix, rounded to single precision.

    Args:
        asks: at least one, all read for bundles of one form.
        columns: how many columns such a bundle reads.
    """
    plain: list[float | None] = []
    parts: list[NDArray[np.float32]] = []
    for ask in asks:
        assert ask.sent is not None
        numbers = ask.sent.numbers
        if isinstance(numbers, list):
            plain += numbers
            continue
        if plain:
            parts.append(round_rows(plain, columns))
            plain = []
        parts.append(numbers.astype(np.float32))
    if plain:
        parts.append(round_rows(plain, columns))
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def round_rows(numbers: Sequence[float | None], columns: int) -> NDArray[np.float32]:
    """Return numbers as they were sent, row by row, as a matrix of single precision.

    Args:
        numbers: None for what is missing, which becomes NaN; what is beyond the range of single precision, infinite.
        columns: how many a row has.
    """
    with np.errstate(over="ignore"):
        return np.array(numbers, dtype=np.float32).reshape(-1, columns)


def _name_unit(served: Served, ask: Ask) -> str:
    name = served.routing.terms.unit
    if ask.sent is not None:
        ask.key = ask.sent.id
        value = ask.sent.parameters.get(name)
        if not isinstance(value, str | int | float):
            hint = f"send it as a parameter of the request: {{'parameters': {{{name!r}: ...}}}}"
            raise refuse(422, f"the request lacks parameter {name!r}, by which a version is chosen", hint)
        return str(value)
    layout = served.layout
    if layout is None:
        fault = served.stable.fault
        if fault is None:
            hint = "send it vectors: POST /v2/models/NAME/infer"
            raise refuse(422, f"{served.routing.service!r} has no features, so it reads none by key", hint)
        raise pass_on(fault)
    ask.key = name_row(ask.row, layout)
    if not name:
        return ask.key
    value = ask.row.get(name)
    if value is None:
        hint = did_you_mean(name, ask.row) if name not in ask.row else "send a value"
        raise refuse(422, f"the row lacks column {name!r}, by which a version is chosen", hint)
    return join_key((value,))


def _check(served: Served, version: Version, ask: Ask) -> None:
    """Keep the columns that a version reads of a row."""
    if version.feed is None:
        return
    try:
        ask.checked = check_row(ask.row, version.feed.layout)
    except RefusedError as refused:
        if version is served.stable or served.stable.feed is None:
            raise
        check_row(ask.row, served.stable.feed.layout)
        ask.place = refused.error


def _read_again(served: Served, version: Version, bundle: LoadedBundle, ask: Ask) -> None:
    """Read the vectors of a request for a version whose inputs are others."""
    if not version.form:
        fact = f"{version.model}@{version.variant.version} says something else than one number a row"
        ask.place = ShipwayError("SW-801", fact, "serve it under a name of its own")
        return
    try:
        ask.sent = read_sent(ask.call, bundle, version.form)
    except RefusedError as refused:
        if version is served.stable or served.stable.bundle is None:
            raise
        ask.place = refused.error
