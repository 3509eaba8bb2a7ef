"""Texts that others wrote, made safe to show: nothing in them moves a cursor, turns a line round or stays unseen."""


def reveal(text: str, *, most: int | None = None) -> str:
    r"""Return a text on one line with every character that cannot be seen written out, such as `\x1b` or `\u202e`.

    Args:
        text: what somebody wrote.
        most: how many characters are shown of it; what is cut off is counted at the end.
    """
    shown = text if most is None or len(text) <= most else text[:most]
    clear = "".join(sign if sign.isprintable() else _write_out(sign) for sign in shown)
    return clear if len(shown) == len(text) else f"{clear}... and {len(text) - len(shown):,} characters more"


def _write_out(sign: str) -> str:
    named = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
    code = ord(sign)
    wide = f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return named.get(sign, wide)
