"""The port of an inbox: where rows that are pushed are kept until a run takes them in."""

from typing import NamedTuple, Protocol


class Delivery(NamedTuple):
    """What keeping a body came to.

    Attributes:
        digest: the SHA-256 of its content.
        rows: how many rows it has.
        new: whether it was not there before.
    """

    digest: str
    rows: int
    new: bool


class Inbox(Protocol):
    """The bodies pushed to one raw input, each kept once.

    Contract (the conformance suite `shipway.testing.inbox` checks it):
        * What `put` returned for is durable, and read as one piece after everything put before it.
        * A body that is there already is kept once, however often and by whomever it is sent.
        * A body that is not whole, or has no rows, is refused and leaves nothing.
    """

    def put(self, body: bytes, ending: str, *, at: int) -> Delivery:
        """Keep a body durably, if it is whole.

        Args:
            body: the content.
            ending: what a file of it would end in, such as `.csv.gz`, which says its format.
            at: the instant of arrival, microseconds since 1970 UTC; one that is not later than the last counts as that
                and a microsecond.

        Raises:
            ShipwayError: SW-201 if it is damaged or cut short, SW-204 if it has no rows; SW-601 disk full, SW-602 not
                writable. Nothing was written then.
        """
        ...
