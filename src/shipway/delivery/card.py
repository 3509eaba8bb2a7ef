"""The model card: what a person should know before relying on a model (Mitchell et al., "Model Cards", FAT* 2019)."""

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from shipway.core.bundle import Parity
from shipway.core.check import Evidence
from shipway.core.gate import Verdict
from shipway.core.label import SAID, UNWRITTEN, LabelKind, read_classes, read_kind
from shipway.core.override import Override

_COSTS: Final[dict[LabelKind, str]] = {
    "condition": "what each outcome costs",
    "number": "what it costs to be too high, and too low",
    "class": "what it costs to take each class for another",
}
"""What a decision by a prediction of a label of each kind depends on, as people read it."""


def write_card(
    *,
    model: str,
    version: int,
    purpose: str,
    label: str,
    at: str,
    training: Mapping[str, Any],
    evidence: Mapping[str, Evidence],
    verdicts: Sequence[Verdict],
    owner: str = "",
    limits: Sequence[str] = (),
    overrides: Sequence[Override] = (),
) -> str:
    """Write a model's card as Markdown; equal input gives equal text.

    Args:
        model: the model's name.
        version: its number.
        purpose: what it is for, in the words of its author.
        label: what it predicts, as written.
        at: the prediction instant, as written.
        training: `rows`, `label` (its kind, a condition where it does not say), `rate` or `mean` of it, or its
            `classes` and the `shares` of each, and `cut` (microseconds since 1970 UTC) of what it learned from; more is
            listed as is.
        evidence: check name to what was measured on rows it did not learn from.
        verdicts: what the gates decided.
        owner: who answers for it.
        limits: what else it is not good for, as sentences.
        overrides: by right of which it was trained on data that a gate did not pass.

    Returns:
        Markdown that ends in a line break.
    """
    name = f"{model}@{version}"
    return "\n".join(
        [
            f"# {name}",
            "",
            *_paragraph(purpose),
            *(_section("Trained on data that its gates did not pass", _overrides(overrides)) if overrides else ()),
            *_section("Prediction", _bullets({"predicts": f"`{label}`", "asked at": f"`{at}`", "owner": owner})),
            *_section("Training", [*_bullets(_training(training)), *_classes(training)]),
            *_section("Measured on later rows", _metrics(evidence)),
            *_section("Verdict", _verdicts(verdicts)),
            *_section("Slices to watch", _slices(evidence)),
            *_section("Intended use", _uses(at, read_kind(training))),
            *_section("Limits", _limits(training, limits)),
        ]
    )


def write_parity(parity: Parity | None, because: str = "") -> str:
    """Write the card's section on the portable form, as Markdown; where there is none, it says why."""
    if parity is None:
        said = {"there is none": because, "served": "the native form, by the library it was trained with"}
        return "\n".join(_section("Portable form", _bullets(said)))
    if parity.identical:
        return "\n".join(_section("Portable form", _bullets({"compared": parity.said})))
    bullets = {
        "compared": f"{parity.rows:,} rows, native form against ONNX",
        "largest difference": f"{parity.largest:.2e} (allowed {parity.tolerance:.0e})",
        "mean difference": f"{parity.mean:.2e}",
    }
    return "\n".join(_section("Portable form", _bullets(bullets)))


def _training(training: Mapping[str, Any]) -> dict[str, str]:
    facts = {key: value for key, value in training.items() if key not in ("label", "classes", "shares")}
    said: dict[str, str] = {}
    if "rows" in facts:
        said["rows"] = f"{facts.pop('rows'):,}"
    if "rate" in facts:
        said["label is true in"] = f"{facts.pop('rate'):.1%} of them"
    if "mean" in facts:
        said["label is on average"] = f"{facts.pop('mean'):.6g}"
    if "cut" in facts:
        said["known by"] = _instant(facts.pop("cut"))
    return {**said, **{key: _cell(str(value)) for key, value in sorted(facts.items())}}


def _classes(training: Mapping[str, Any]) -> list[str]:
    """Return the classes that it tells apart, each with its share of the rows, in the order of their codes."""
    if "shares" not in training:
        return []
    pairs = zip(read_classes(training), training["shares"], strict=True)
    return ["", *_table(["class", "share of rows"], [[_code(name), f"{share:.1%}"] for name, share in pairs])]


def _metrics(evidence: Mapping[str, Evidence]) -> list[str]:
    rows = [
        [_code(name), _value(found), f"{found.n:,}", f"{found.clusters:,}" if found.clusters else ""]
        for name, found in sorted(evidence.items())
    ]
    return _table(["check", "value [95 % interval]", "rows", "clusters"], rows)


def _value(found: Evidence) -> str:
    if found.n == 0:
        return "nothing to measure"
    if found.low == found.high:
        return f"{found.value:.6g}"
    return f"{found.value:.4f} [{found.low:.4f}, {found.high:.4f}]"


def _verdicts(verdicts: Sequence[Verdict]) -> list[str]:
    if not verdicts:
        return ["No gate judged this model."]
    lines: list[str] = []
    for verdict in verdicts:
        rows = [[_code(f.rule), f.outcome, _cell(f.reason)] for f in verdict.findings]
        by = "" if verdict.by == "gate" else f", decided by {verdict.by}"
        lines += [
            f"Gate `{verdict.gate}`: **{verdict.outcome}**{by}.",
            "",
            *_table(["rule", "outcome", "why"], rows),
            "",
        ]
    return lines[:-1]


def _overrides(overrides: Sequence[Override]) -> list[str]:
    return [
        f"- `{override.id}`: {_cell(override.said)} (against {', '.join(f'`{rule}`' for rule in override.against)})"
        for override in overrides
    ]


def _slices(evidence: Mapping[str, Evidence]) -> list[str]:
    lines: list[str] = []
    for name, found in sorted(evidence.items()):
        if "worst" in found.facts:
            worse = float(found.facts["worst_difference"]) > 0
            against = f"{found.facts['loss']} against {found.facts['baseline']}"
            difference = f"{found.facts['worst_difference']:+.4f} {against}"
            lines.append(f"- {_cell(str(found.facts['worst']))}: {difference}, {_rank(found, worse=worse)} of `{name}`")
        if "told" in found.facts:
            lines += _told(name, found)
        if found.facts.get("under_support"):
            lines.append(f"- {found.facts['under_support']:,} slices of `{name}` have too few rows to be judged")
    return lines or ["None was measured."]


def _told(name: str, found: Evidence) -> list[str]:
    """Say what a search for regressions found, in the lines that explain it."""
    if not found.facts["told"]:
        return [
            f"- none of {found.facts['tested']:,} slices searched by `{name}` is worse than {found.facts['baseline']}"
        ]
    against = f"{found.facts['unit']} against {found.facts['baseline']}"
    return [
        f"- {_cell(str(line['slice']))}: {line['difference']:+.4f} {against} over {line['n']:,} rows, found by `{name}`"
        for line in found.facts["told"]
    ]


def _rank(found: Evidence, *, worse: bool) -> str:
    """Say what a gate's worst slice is: a regression, only the likeliest to be one, or the one that gained least."""
    if found.value:
        return "the worst"
    return "the likeliest to be worse" if worse else "the one that gained least"


def _uses(at: str, kind: LabelKind) -> list[str]:
    return [
        f"One prediction for each row, asked at `{at}`, from features as known then; `features.json` has their",
        f"expressions. It is {SAID[kind]}, not a decision: what to do at which one depends on {_COSTS[kind]}.",
    ]


def _limits(training: Mapping[str, Any], limits: Sequence[str]) -> list[str]:
    known = f" by {_instant(training['cut'])}" if "cut" in training else ""
    return [
        f"- Learned only from what was known{known}; later changes of the world are not in it.",
        "- A category that training did not see is treated as missing.",
        *(["- A class that training did not see is never said: its rows get another one."] * ("shares" in training)),
        "- The intervals above hold for rows like those measured, not for other places or populations.",
        *(f"- {limit}" for limit in limits),
    ]


def _section(title: str, lines: Iterable[str]) -> list[str]:
    return [f"## {title}", "", *lines, ""]


def _paragraph(text: str) -> list[str]:
    lines = [line.strip() for line in text.strip().splitlines()]
    return [*lines, ""] if lines else []


def _bullets(facts: Mapping[str, str]) -> list[str]:
    return [f"- {key}: {value}" for key, value in facts.items() if value]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def _cell(text: str) -> str:
    """Return a text of the data as Markdown that says it and does nothing else, on one line."""
    for mark, escaped in (("&", "&amp;"), ("<", "&lt;"), ("`", "\\`"), ("](", "]\\("), ("|", "\\|")):
        text = text.replace(mark, escaped)
    return _flatten(text)


def _code(text: str) -> str:
    """Return a text of the data as a span of code, whose fence is longer than any run of backticks in it."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence, pad = "`" * (longest + 1), " " if longest else ""
    return _flatten(f"{fence}{pad}{text}{pad}{fence}").replace("|", "\\|")


def _flatten(text: str) -> str:
    return "".join(" " if unicodedata.category(each) in UNWRITTEN else each for each in text)


def _instant(us: int) -> str:
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=us)
    return moment.isoformat().replace("+00:00", "Z")
