"""The one exception a user meets, and the table of its codes."""

from typing import Final

CODES: Final[dict[str, str]] = {
    # project and its files
    "SW-101": "no project here",
    "SW-102": "project file is not valid",
    "SW-103": "project module cannot be loaded",
    "SW-104": "unknown name",
    "SW-105": "declared twice",
    "SW-106": "definition is not valid",
    "SW-107": "target is not empty",
    "SW-108": "features go in a circle",
    # data
    "SW-201": "source cannot be read",
    "SW-202": "column is missing",
    "SW-203": "column has the wrong type",
    "SW-204": "source is empty",
    "SW-205": "source key is not unique",
    "SW-206": "user function failed",
    "SW-207": "user function returned the wrong thing",
    "SW-208": "branch moved meanwhile",
    "SW-209": "no such table or branch",
    "SW-210": "changes conflict",
    "SW-211": "schema cannot change so",
    "SW-212": "table cannot be published",
    "SW-221": "contract is not valid",
    "SW-222": "contract is broken",
    "SW-223": "too many rows are refused",
    "SW-224": "refused rows cannot be taken back",
    "SW-225": "too many records cannot be read",
    # known-at
    "SW-301": "value is read before it is known",
    "SW-302": "known-at is missing",
    "SW-303": "sum does not fit",
    "SW-304": "value known always has changed",
    "SW-305": "feature in use has another type",
    # training, evidence and gates
    "SW-401": "no verdict lets this data be used",
    "SW-402": "too few rows",
    "SW-403": "check cannot be measured",
    "SW-404": "gate did not pass",
    "SW-405": "override is refused",
    "SW-406": "version is not approved",
    "SW-407": "version is retired or in use",
    "SW-408": "alias moved meanwhile",
    "SW-411": "version cannot be measured again",
    "SW-431": "behavioural test cannot be asked",
    "SW-432": "suite file is not valid",
    "SW-433": "model's answer cannot be read",
    "SW-441": "load cannot be planned so",
    "SW-442": "nothing answers the load",
    "SW-443": "no traffic to replay",
    "SW-451": "experiment is not running",
    "SW-452": "layer is full",
    "SW-453": "experiment would not find its effect",
    "SW-454": "experiment has changed since it began",
    "SW-455": "decision is refused",
    "SW-456": "look is out of order",
    "SW-457": "service's split does not fit the experiment",
    "SW-461": "explanation does not add up",
    "SW-462": "row cannot be explained",
    # bundles
    "SW-501": "model cannot be packaged",
    "SW-502": "bundle is damaged",
    "SW-503": "bundle would run code",
    "SW-511": "bundle is not signed",
    "SW-512": "signature is not of this bundle",
    "SW-513": "bundle is signed by another key",
    "SW-514": "key cannot be used",
    "SW-515": "loading it would run a program",
    "SW-516": "model cannot be imported",
    # storage and processes
    "SW-601": "disk is full",
    "SW-602": "folder cannot be written",
    "SW-603": "project is in use",
    "SW-604": "ledger is damaged",
    "SW-605": "stored object is damaged or missing",
    "SW-606": "stored state is newer than this version",
    "SW-607": "storage cannot be reached",
    "SW-608": "storage refuses access",
    # serving and release
    "SW-801": "service does not answer",
    "SW-802": "request is not valid",
    "SW-803": "routing was overtaken",
    "SW-804": "release cannot be started",
    "SW-805": "replay cannot go on",
    "SW-806": "process was killed",
    # installation
    "SW-701": "an extra is not installed",
    "SW-702": "unknown adapter",
    "SW-703": "execution provider is not there",
}
"""Every code with what it stands for; codes are stable, the sentences may be improved."""


class ShipwayError(Exception):
    """Something shipway refuses, said as a code, one sentence of fact and a hint that helps.

    Attributes:
        code: a key of `CODES`, stable over releases.
        fact: what is wrong, as one sentence without a full stop.
        hint: what to do about it.
    """

    def __init__(self, code: str, fact: str, hint: str) -> None:
        """Build the error; an unknown code is a programming mistake and fails at once."""
        if code not in CODES:
            raise KeyError(code)
        super().__init__(code, fact, hint)
        self.code = code
        self.fact = fact
        self.hint = hint

    def __str__(self) -> str:
        """Return the three parts the way the command line prints them."""
        return f"{self.code} {self.fact}\n\nhint: {self.hint}"
