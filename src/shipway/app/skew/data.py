"""What an audit of served features came to."""

import msgspec


class CauseLine(msgspec.Struct, frozen=True, kw_only=True):
    """A hypothesis that explains rows.

    Attributes:
        kind: the kind of cause, such as `stale` or `event missing`.
        said: the cause in words.
        rows: rows tested that it explains.
        tested: rows that it was tested on.
        share: the one by the other.
    """

    kind: str
    said: str
    rows: int
    tested: int
    share: float


class FeatureDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One feature that was served otherwise than it is computed offline.

    Attributes:
        column: the feature, as a column of a frame.
        rows: rows in which it differs.
        largest: greatest absolute difference of numbers that both sides have; None for text.
        median: its median.
        row: key of the first of the rows, in the order they were asked.
        at: when that was asked for, microseconds since 1970 UTC.
        online: the value served there.
        offline: the value computed.
        causes: what explains it, the most probable first.
    """

    column: str
    rows: int
    largest: float | None
    median: float | None
    row: str
    at: int
    online: float | str | None
    offline: float | str | None
    causes: tuple[CauseLine, ...]


class SkewAudit(msgspec.Struct, frozen=True, kw_only=True):
    """What an audit of one version's features came to.

    Attributes:
        service: the service.
        version: whose features were audited.
        online: name of the store that they were read from.
        since: from when on, microseconds since 1970 UTC.
        now: until when (included).
        served: vectors in the window.
        compared: vectors drawn that could be recomputed.
        unmatched: vectors drawn about rows that the main branch does not have.
        differing: vectors compared that differ in any feature.
        share: the share of the vectors compared that differ.
        low: lower end of its 95 % interval.
        high: upper end.
        bound: what the share may be.
        features: how many features were compared.
        columns: those that differ, most rows first.
        unmatched_rows: keys of the first of the rows that the main branch does not have.
    """

    service: str
    version: str
    online: str
    since: int
    now: int
    served: int
    compared: int
    unmatched: int
    differing: int
    share: float
    low: float
    high: float
    bound: float
    features: int
    columns: tuple[FeatureDifference, ...]
    unmatched_rows: tuple[str, ...]

    @property
    def skewed(self) -> bool:
        """Tell whether more vectors of the sample differ than may."""
        return self.share > self.bound
