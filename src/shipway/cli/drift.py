"""How rows that were compared with a bundle are shown."""

from typing import Final

from shipway.app.count import write_plural
from shipway.app.drift import BundleDrift, DriftedColumn
from shipway.cli.render import Cell, Console, show_facts, show_table, show_text, word

_SHOWN: Final = 20
"""Columns that are shown at most of those that did not move."""


def show_drift(console: Console, found: BundleDrift) -> None:
    """Show how far each column is from training, those that moved first."""
    moved = [each for each in found.columns if each.move == "moved"]
    little = [each for each in found.columns if each.move == "little"]
    still = [each for each in found.columns if each.move == "still"]
    said = f"{len(moved)} of {write_plural(len(found.columns), 'column')} moved"
    facts: dict[str, Cell] = {
        "bundle": f"{found.what}, {found.bundle[:12]}",
        "compared": f"{write_plural(found.rows, 'row')} of {found.compared} with {found.reference:,} of training",
        "found": f"{said}, and {len(little)} by little" if little else said,
    }
    show_facts(console, facts)
    console.print()
    rows = [*moved, *little, *still[:_SHOWN]]
    header = ("", "column", "effect", "p", "shift", "missing", "in training", "unseen")
    show_table(console, header, map(_list, rows))
    if len(still) > _SHOWN:
        show_text(console, f"and {len(still) - _SHOWN} more that did not move: --json has them all")
    console.print()
    show_text(
        console,
        f"effect: population stability index less chance, below .1 little, above .25 much. Where nothing moves, one "
        f"look in {1 / found.rate:.0f} says that anything did, for rows that are independent of each other",
    )


def _list(each: DriftedColumn) -> tuple[Cell, ...]:
    name = each.column if each.role == "input" else f"{each.column} (said)"
    return (
        word(each.move),
        name,
        f"{each.effect:.3f}",
        f"{each.p:.2g}" if each.p >= 1e-4 else "below .0001",
        "" if each.shift is None else f"{each.shift:+.2f} sd",
        f"{each.missing:.1%}",
        f"{each.missing_reference:.1%}",
        "" if each.unseen is None else f"{each.unseen:.1%}",
    )
