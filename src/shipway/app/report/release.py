"""The section on releases: each walk as a row of steps, what its gates said at each, and how it ended."""

from collections.abc import Sequence
from typing import Final

from shipway.app.report.element import Child, Markup, badge, code, element, fold, join, words
from shipway.app.report.live import LiveData, ReleaseData, StepData
from shipway.app.report.path import show_gate
from shipway.core.release import ReleaseOutcome

_ENDS: Final[dict[ReleaseOutcome, tuple[str, str]]] = {
    "promoted": ("pass", "✓ promoted"),
    "rolled back": ("fail", "✕ taken back"),
    "walking": ("hold", "‖ on its walk"),
}


def show_releases(live: LiveData) -> Markup:
    """Return every release, oldest first; without one, that nothing was ever released."""
    if not live.releases:
        return words(f"No other version was tried: version {live.opened} answers since the service was opened.")
    why = (
        "A version takes over in steps. It moves on when every rule of its gate passes and the step has lasted as long"
        " as it must, stays where there is too little evidence, and is taken back where a rule fails. In shadow it"
        " answers nobody."
    )
    return join((element("p", why, class_="why"), *(_release(release) for release in live.releases)))


def _release(release: ReleaseData) -> Markup:
    kind, said = _ENDS[release.outcome]
    over = f"{release.started} to {release.ended}" if release.ended else f"since {release.started}"
    store = None
    if release.online is not None:
        audit = element("a", "skew audit", href="#skew")
        store = words("It read an online store of its own, ", code(release.online), "; the ", audit, " compares it.")
    judged = [_judged(step) for step in release.steps if step.gates]
    return element(
        "article",
        element(
            "h3",
            f"Version {release.candidate} against version {release.stable} ",
            element("span", said, class_=f"badge {kind}"),
        ),
        words(element("span", f"Release {release.id}, {over}. ", class_="soft"), _because(release)),
        store,
        element("ol", *_steps(release), class_="path"),
        fold("The evidence at each step", *judged) if judged else None,
        class_="release",
    )


def _because(release: ReleaseData) -> Child:
    match release.outcome:
        case "rolled back":
            return join((element("b", "Taken back because "), release.reason, "."))
        case "promoted":
            return f"Promoted: {release.reason} at the last step."
        case "walking":
            return "It has not ended."


def _steps(release: ReleaseData) -> list[Markup]:
    """Return the steps that were walked, and those that were not come to as such."""
    return [
        _step(step, last=place == len(release.steps) - 1, release=release) for place, step in enumerate(release.steps)
    ]


def _step(step: StepData, *, last: bool, release: ReleaseData) -> Markup:
    if last:
        reached = release.outcome == "promoted"
        said: Sequence[Child] = (element("span", f"since {release.ended}", class_="soft"),) if reached else ()
        title, shown = "100 %, promoted" if reached else "100 %", reached
    elif not step.since:
        title, shown, said = step.name, False, ()
    else:
        days = f"{step.since} to {step.until}" if step.until else f"since {step.since}"
        times = "once" if step.held == 1 else f"{step.held:,} times"
        held = (element("span", f"held {times} before", class_="soft"),) if step.held else ()
        verdict = element("span", badge(step.outcome), class_="verdict") if step.outcome else None
        time = element("span", step.lasted or "now", class_="time")
        title, shown, said = step.name, True, (time, element("span", days, class_="soft"), verdict, *held)
    none = element("span", "not come to", class_="soft") if not shown else None
    tone = {"fail": "failed", "hold": "held"}.get(step.outcome or "") if shown and not last else None
    return element("li", element("b", title), *said, none, class_=tone if shown else "unchanged")


def _judged(step: StepData) -> Markup:
    days = f"{step.since} to {step.until}" if step.until else f"since {step.since}"
    title = element("h4", f"{step.name}, {days}")
    return join((title, *(show_gate(gate, unfolded=True) for gate in step.gates)))
