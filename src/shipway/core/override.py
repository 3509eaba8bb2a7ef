"""An override: a named person lets data be trained on that a gate did not pass, and says why."""

from typing import Final

import msgspec

from shipway.kit.canonical import digest_value

_SHOWN: Final = 12


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """What one person let through: one failure of one gate on one version of the data, and nothing else.

    Attributes:
        gate: the gate.
        data: full digest of the data it was given for.
        failure: digest of what the gate's rules came to (`Verdict.failure`): with other rules, or where another rule
            fails, it no longer counts.
        verdict: digest of the verdict that the person saw.
        against: the rules that did not pass, as written.
        by: who.
        reason: why, in words.
    """

    gate: str
    data: str
    failure: str
    verdict: str
    against: tuple[str, ...]
    by: str
    reason: str

    @property
    def id(self) -> str:
        """Return the override's name, the first digits of the digest of its content."""
        return digest_value(self)[:_SHOWN]

    @property
    def said(self) -> str:
        """Return who overrode which gate on which data, and why, as one clause."""
        return f"gate {self.gate} on data:{self.data[:_SHOWN]} overridden by {self.by}: {self.reason}"
