"""The model card: what a person should know before they rely on a model (Mitchell et al. 2019, "Model Cards")."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from shipway.core.check import Evidence
from shipway.core.gate import Verdict


def write_card(
    *,
    model: str,
    version: int,
    purpose: str,
    label: str,
    at: str,
    owner: str,
    training: Mapping[str, Any],
    evidence: Mapping[str, Evidence],
    verdicts: Sequence[Verdict],
) -> str:
    """Write a version's model card as Markdown, from what was recorded and nothing else.

    Args:
        model: the model's name.
        version: its number.
        purpose: docstring of its training function.
        label: what is predicted, as written.
        at: when each prediction is made, as written.
        owner: who answers for it.
        training: what training saw: rows, rate, cut and format.
        evidence: check name to what was measured.
        verdicts: what the gates said.
    """
    cut = dt.datetime.fromtimestamp(int(training["cut"]) / 1e6, tz=dt.UTC)
    lines = [
        f"# {model} version {version}",
        "",
        (purpose.strip().splitlines() or [""])[0],
        "",
        f"* Predicts: `{label}`",
        f"* Asked at: `{at}`",
        f"* Owner: {owner or 'nobody named'}",
        f"* Trained on {training['rows']:,} rows whose label was known by {cut:%Y-%m-%d %H:%M} UTC",
        f"* The label is true in {training['rate']:.1%} of them",
        "",
        "## What was measured",
        "",
        "| check | value | 95 % interval | rows | clusters |",
        "|---|---|---|---|---|",
        *(_row(found) for _, found in sorted(evidence.items())),
        "",
        "## What the gates said",
        "",
    ]
    for verdict in verdicts:
        lines.append(f"**{verdict.gate}: {verdict.outcome}**")
        lines.append("")
        lines.extend(f"* `{finding.rule}` {finding.outcome}: {finding.reason}" for finding in verdict.findings)
        lines.append("")
    lines += [
        "## Limits",
        "",
        "* Evaluated only on rows whose label became known; every row was scored.",
        "* Says nothing about rows unlike those of the training window; feature ranges are in the manifest.",
        "* A text that training never saw is missing to the model.",
        "",
    ]
    return "\n".join(lines)


def _row(found: Evidence) -> str:
    interval = "counted in full" if found.low == found.high else f"{found.low:.4g} to {found.high:.4g}"
    return f"| {found.check} | {found.value:.4g} | {interval} | {found.n:,} | {found.clusters or ''} |"
