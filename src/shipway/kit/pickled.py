"""What a pickle asks for, read from its opcodes without running any of it, and pickles that may ask for little.

A pickle is a program: it names functions by module and calls them (`pickletools` documents the machine). Whatever it
does beyond making plain values goes through a name that it looks up, so whoever decides about names decides about all.
"""

import io
import pickle
import pickletools
from collections.abc import Callable
from typing import Any, Final

HARMLESS: Final = frozenset(
    {
        ("builtins", "bool"), ("builtins", "bytearray"), ("builtins", "bytes"), ("builtins", "complex"),
        ("builtins", "dict"), ("builtins", "float"), ("builtins", "frozenset"), ("builtins", "int"),
        ("builtins", "list"), ("builtins", "object"), ("builtins", "range"), ("builtins", "set"),
        ("builtins", "slice"), ("builtins", "str"), ("builtins", "tuple"), ("_codecs", "encode"),
        ("collections", "OrderedDict"), ("collections", "deque"), ("copyreg", "_reconstructor"),
        ("datetime", "date"), ("datetime", "datetime"), ("datetime", "time"), ("datetime", "timedelta"),
        ("datetime", "timezone"), ("decimal", "Decimal"), ("fractions", "Fraction"), ("pathlib", "PurePosixPath"),
        ("uuid", "UUID"),
    }
)  # fmt: skip
"""Names of the standard library that make values and can do nothing else."""
_TEXTS: Final = frozenset({"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE"})
_REFUSED: Final = frozenset({"EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID"})
"""Opcodes that look up something that has no name in the pickle."""


def list_names(data: bytes) -> list[tuple[str, str]]:
    """Return every module and name that a pickle looks up, in its order; nothing of it is run.

    Raises:
        ValueError: for bytes that are no pickle to their end, and for one that looks up what it does not name.
    """
    found: list[tuple[str, str]] = []
    texts: list[str] = []
    memo: dict[int, str] = {}
    newest, end = "", 0
    try:
        for opcode, argument, at in pickletools.genops(data):
            name = opcode.name
            end = (at or 0) + 1
            if name in _REFUSED:
                raise ValueError(f"it has the opcode {name}, which looks up what is not in it")
            if name in _TEXTS:
                newest = str(argument)
                texts.append(newest)
            elif name == "MEMOIZE":
                memo[len(memo)] = newest
            elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
                memo[int(str(argument))] = newest
            elif name in ("GET", "BINGET", "LONG_BINGET"):
                newest = memo.get(int(str(argument)), "")
                texts.append(newest)
            elif name in ("GLOBAL", "INST"):
                module, _, attribute = str(argument).partition(" ")
                found.append((module, attribute))
            elif name == "STACK_GLOBAL":
                if len(texts) < 2:
                    raise ValueError("it looks up a name that is made while it runs")
                found.append((texts[-2], texts[-1]))
            if name not in _TEXTS and name not in ("GET", "BINGET", "LONG_BINGET"):
                newest = newest if name in ("MEMOIZE", "FRAME", "PROTO") else ""
    except (IndexError, KeyError, UnicodeDecodeError) as error:
        raise ValueError(f"it is no pickle ({error})") from error
    if end != len(data):
        raise ValueError(f"{len(data) - end:,} bytes follow its end")
    return found


class _Unpickler(pickle.Unpickler):
    """An unpickler that asks before it looks up a name."""

    def __init__(self, data: bytes, find: Callable[[str, str], Any]) -> None:
        super().__init__(io.BytesIO(data))
        self._find = find

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        """Return what a name stands for, by whoever decides about it."""
        return self._find(module_name, global_name)


def load_pickle(data: bytes, find: Callable[[str, str], Any]) -> Any:
    """Return the value of a pickle all of whose names are looked up by a function; what that raises is passed on."""
    return _Unpickler(data, find).load()
