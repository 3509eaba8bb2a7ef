"""The section on overrides: what people let be trained on that a gate on data did not pass."""

import msgspec

from shipway.app.report.element import Markup, code, element, join, words
from shipway.core.projection import OverrideState


class OverrideData(msgspec.Struct, frozen=True, kw_only=True):
    """One override as a report shows it.

    Attributes:
        id: its id.
        said: who overrode which gate on which data and why, and who took it back, if somebody did.
        against: the rules that did not pass, as written.
        versions: the versions in the report that were trained by right of it, such as `delay@2`.
        stands: whether it counts for what the gate says now.
    """

    id: str
    said: str
    against: tuple[str, ...]
    versions: tuple[str, ...]
    stands: bool = True


def collect_override(given: OverrideState, versions: tuple[str, ...]) -> OverrideData:
    """Return what a report shows of an override and of the versions trained by right of it."""
    override = given.override
    return OverrideData(
        id=override.id,
        said=given.said,
        against=override.against,
        versions=versions,
        stands=given.revoked_at is None,
    )


def show_overrides(overrides: tuple[OverrideData, ...]) -> Markup | None:
    """Return every override with its reason and what was trained by right of it; None where there is none."""
    if not overrides:
        return None
    why = "Gates did not pass this data. A person let it through, and answers for it."
    return join((element("p", why, class_="why"), *(_override(each) for each in overrides)))


def _override(override: OverrideData) -> Markup:
    rules = join(element("li", code(rule)) for rule in override.against)
    trained = ", ".join(override.versions) or "no version in this report"
    return element(
        "article",
        element("h3", "Override ", code(override.id), " ", element("span", "! overridden", class_="badge hold")),
        words(f"{override.said[:1].upper()}{override.said[1:]}."),
        None if override.stands else words("It does not count, or no longer, for what the gate says of this data now."),
        words("Against:"),
        element("ul", rules),
        words(f"Trained by right of it: {trained}."),
    )
