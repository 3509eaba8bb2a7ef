"""Answers to requests that bring vectors, put together from what never changes and the predictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

_ENCODE: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Template:
    """Writes the usual answers of one version; `write_answer` writes the same bytes.

    Attributes:
        head: an answer up to the place of the caller's id.
        middle: from there to the number of rows.
        single: an answer for one row and without an id, up to its prediction.
        tail: what follows the predictions.
    """

    head: bytes
    middle: bytes
    single: bytes
    tail: bytes

    def write(self, id: str | None, said: Sequence[bytes]) -> bytes:  # noqa: A002 - as the protocol calls it
        """Return the body of an answer.

        Args:
            id: the caller's.
            said: the predictions as JSON, at least one.
        """
        if id is None and len(said) == 1:
            return b"%b%b%b" % (self.single, said[0], self.tail)
        named = b"" if id is None else b'"id":%b,' % _ENCODE(id)
        return b'%b%b%b%d],"data":[%b%b' % (self.head, named, self.middle, len(said), b",".join(said), self.tail)


def make_template(name: str, version: int, bundle: str, output: str) -> Template:
    """Work out what every answer has in common.

    Args:
        name: the model's or the service's, as it was asked.
        version: which answers.
        bundle: digest of its bundle.
        output: the output's name.
    """
    head = b'{"model_name":%b,"model_version":%b,' % (_ENCODE(name), _ENCODE(str(version)))
    middle = b'"outputs":[{"name":%b,"datatype":"FP64","shape":[' % _ENCODE(output)
    return Template(head, middle, head + middle + b'1],"data":[', b']}],"parameters":{"bundle":%b}}' % _ENCODE(bundle))


def write_numbers(numbers: list[float]) -> list[bytes]:
    """Return numbers as JSON, each by itself; all of them in one step, which is what makes them cheap."""
    return _ENCODE(numbers)[1:-1].split(b",")
