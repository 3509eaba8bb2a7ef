"""What a file means changes with what it does, and with nothing else."""

import pytest

from shipway.app.meaning import digest_meaning

CODE = '''
import shipway as sw
from shipway import entity as thing, feature_view


@sw.source(key="id", raw="trips", known_at={"at": ("x",)})
def trips(trips):
    """Make trips."""
    return trips


def helper(owner="a"):
    """Help."""
    return feature_view("v", thing("line"), {"x": trips.x})
'''


def digest(old: str = "", new: str = "") -> str:
    assert old in CODE
    return digest_meaning(CODE.replace(old, new).encode())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Make trips.", "Make every trip there was."),
        ('    """Make trips."""\n', ""),
        ('known_at={"at": ("x",)})', 'known_at={"at": ("x",)}, fresh="2h", owner="ana", tags=["a", "b"])'),
        ('thing("line")', 'thing("line", doc="A line")'),
        ('{"x": trips.x})', '{"x": trips.x}, docs={"x": "what it is"})  # a comment'),
        ("\n\n\ndef helper", "\n# said better\ndef helper"),
        ('"v", thing', '"v",\n thing'),
    ],
)
def test_notes_and_layout_mean_nothing(old: str, new: str) -> None:
    assert digest(old, new) == digest()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return trips\n", "return trips[1:]\n"),
        ('"id"', '"key"'),
        ("Help.", "Help more."),
        ('owner="a"', 'owner="b"'),
        ('thing("line")', 'thing("line", doc=input())'),
        ('thing("line")', 'other("line", doc="A line")'),
        ("import shipway as sw", "import other as sw"),
    ],
)
def test_code_means_something(old: str, new: str) -> None:
    assert digest(old, new) != digest()


def test_other_modules_words_keep_their_arguments() -> None:
    foreign = "from other import entity\nentity('a', doc='{}')\n"
    assert digest_meaning(foreign.format("x").encode()) != digest_meaning(foreign.format("y").encode())


def test_what_is_no_python_means_its_bytes() -> None:
    assert digest_meaning(b"def (") != digest_meaning(b"def  (")
