"""What a version is searched by: conditions on what was measured, such as `auc > 0.7` or `log_loss.high < 0.3`."""

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeAlias

import msgspec

from shipway.core.error import ShipwayError
from shipway.kit.suggestion import did_you_mean

Part: TypeAlias = Literal["value", "low", "high"]

_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}
_PARTS: Final[dict[str, int]] = {"value": 0, "low": 1, "high": 2}
_CONDITION: Final = re.compile(r"\s*(?P<name>[^<>=!]+?)\s*(?P<op>>=|<=|==|!=|>|<)\s*(?P<bound>\S+)\s*")


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """A comparison of a measured value with a number.

    Attributes:
        check: name of the check.
        part: the value itself, or an end of its interval.
        op: how it is compared.
        bound: with what.
    """

    check: str
    part: Part
    op: str
    bound: float

    def holds(self, metrics: Mapping[str, tuple[float, float, float]]) -> bool:
        """Tell whether a version fulfils it; one on which the check was not measured does not."""
        measured = metrics.get(self.check)
        return measured is not None and _COMPARE[self.op](measured[_PARTS[self.part]], self.bound)


def read_condition(text: str, checks: Mapping[str, object]) -> Condition:
    """Read a condition.

    Args:
        text: such as `auc > 0.7`; `auc.low` and `auc.high` are the ends of the interval.
        checks: the checks that anything was measured by; a name with a dot may be one of them too.

    Raises:
        ShipwayError: SW-106 for what is no condition, SW-104 for a check that nothing was measured by.
    """
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise ShipwayError("SW-106", f"{text!r} is no condition", "write such as 'auc > 0.7' or 'log_loss.high <= 0.3'")
    try:
        bound = float(found["bound"])
    except ValueError:
        fact = f"{text!r} compares with {found['bound']!r}, which is no number"
        raise ShipwayError("SW-106", fact, "write such as 'auc > 0.7'") from None
    name, part = found["name"], "value"
    if name not in checks:
        stem, _, ending = name.rpartition(".")
        if stem in checks and ending in _PARTS:
            name, part = stem, ending
        else:
            raise ShipwayError("SW-104", f"nothing was measured by {name!r}", did_you_mean(stem or name, checks))
    return msgspec.convert({"check": name, "part": part, "op": found["op"], "bound": bound}, Condition)
