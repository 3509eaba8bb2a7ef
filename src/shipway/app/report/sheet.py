"""The sheet that every page is written on: head, style, header, links to sections, sections, and footer."""

from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from importlib.resources import files
from typing import Final, TypeAlias

from shipway.app.report.element import Markup, element

POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
"""What a browser may do with a page: show it, fetch nothing and run nothing."""

Section: TypeAlias = tuple[str, str, Markup | None]
"""A section's anchor, title and content; None for one that is left out."""


def make_sheet(
    title: str,
    header: Markup,
    sections: Iterable[Section],
    footer: Markup | None,
    *,
    links: bool = True,
    script: str = "",
) -> str:
    """Return one HTML page that needs nothing else: no script, no font, no picture from anywhere.

    Args:
        title: what the browser calls it.
        header: what stands on top.
        sections: in order; each has a link to it under the header.
        footer: what stands at the end, if anything does.
        links: whether there are links to the sections under the header.
        script: the page's own script, which the policy lets run by its digest; without it nothing runs.
    """
    shown = [section for section in sections if section[2] is not None]
    ways = [element("a", name, href=f"#{anchor}") for anchor, name, _ in shown if links]
    body = element(
        "body",
        header,
        element("nav", *ways, aria_label="Sections") if ways else None,
        element("main", *(element("section", element("h2", name), content, id=at) for at, name, content in shown)),
        footer,
        element("script", Markup(script)) if script else None,
    )
    style = Markup(files("shipway.app.report").joinpath("style.css").read_text(encoding="utf-8"))
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY + _let_run(script)),
        element("title", title),
        element("style", style),
    )
    return "<!doctype html>\n" + element("html", head, body, lang="en").text + "\n"


def _let_run(script: str) -> str:
    """Return what the policy says of a script: this one runs, by its digest (CSP level 3, section 2.3.1)."""
    if not script:
        return ""
    return f"; script-src 'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"
