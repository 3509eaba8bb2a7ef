"""Compressed bodies: what was sent is inflated within a bound, and what is large is deflated for who takes it."""

import zlib
from typing import Final

from shipway.serving.refusal import refuse

LEAST_BYTES: Final = 1_024
"""Answers smaller than this are sent as they are: a header costs more than they would save."""
_WINDOWS: Final = {"gzip": 31, "deflate": 15}
"""How zlib is told of each form; `deflate` over HTTP is zlib's own."""
_LEVEL: Final = 1


def inflate(body: bytes, encoding: str, most_bytes: int) -> bytes:
    """Return a body as it was before it was compressed.

    Args:
        body: what was sent.
        encoding: what its header content-encoding says.
        most_bytes: how large it may become.

    Raises:
        RefusedError: 415 for a form not known here, 400 for bytes that are not of that form, 413 for what becomes too
            large, of which no more than that is inflated.
    """
    form = encoding.strip().lower()
    if form in ("", "identity"):
        return body
    window = _WINDOWS.get(form)
    if window is None:
        raise refuse(415, f"the body is encoded as {encoding[:50]!r}", "send it as it is, or as gzip or deflate")
    stream = zlib.decompressobj(window)
    try:
        plain = stream.decompress(body, most_bytes + 1)
    except zlib.error as error:
        raise refuse(400, f"the body is no {form} ({error})", f"send it as it is, or as {form}") from error
    if len(plain) > most_bytes:
        hint = "send fewer rows at a time"
        raise refuse(413, f"the body has more than {most_bytes:,} bytes when it is inflated", hint)
    if not stream.eof or stream.unused_data:
        said = "ends in the middle" if not stream.eof else "goes on after its end"
        raise refuse(400, f"the body as {form} {said}", "send one whole stream")
    return plain


def deflate(body: bytes, accepted: str) -> tuple[bytes, list[tuple[str, str]]]:
    """Return an answer as its caller takes it, and the header that says how.

    Args:
        body: the answer.
        accepted: what the request's header accept-encoding says.
    """
    if not accepted or len(body) < LEAST_BYTES:
        return body, []
    form = _choose(accepted)
    if form is None:
        return body, []
    stream = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOWS[form])
    return stream.compress(body) + stream.flush(), [("content-encoding", form), ("vary", "accept-encoding")]


def _choose(accepted: str) -> str | None:
    """Return the form that a caller likes most; gzip where it has no preference."""
    likes: dict[str, float] = {}
    for part in accepted.lower().split(","):
        name, _, rest = part.partition(";")
        _, _, share = rest.partition("q=")
        try:
            likes[name.strip()] = float(share) if share else 1.0
        except ValueError:
            likes[name.strip()] = 0.0
    form = max(_WINDOWS, key=lambda each: likes.get(each, likes.get("*", 0.0)))
    like = likes.get(form, likes.get("*", 0.0))
    return form if like > 0 and like >= likes.get("identity", 0.0) else None
