"""Numbers of any size in a few digits."""


def write_short(value: float | None) -> str:
    """Return a number in at most four significant digits, thousands apart; a dash where there is none."""
    if value is None:
        return "–"
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}" if abs(value) < 1e9 else f"{value:.3g}"
    return f"{value:.4g}"
