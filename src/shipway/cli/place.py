"""Where tables lie in a warehouse, as it is written on the command line, and the questions that are asked there."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from shipway.cli.failure import UsageError
from shipway.cli.render import Console, show_text

if TYPE_CHECKING:
    from shipway.data.warehouse.relation import Question


def read_tables(given: Iterable[str]) -> dict[str, str]:
    """Return source name to the name of its table, of words such as `orders=raw.orders`."""
    tables: dict[str, str] = {}
    for words in given:
        source, equals, table = words.partition("=")
        if not (source and equals and table):
            raise UsageError(f"--table {words} names no table", "write --table SOURCE=TABLE, such as orders=raw.orders")
        tables[source] = table
    return tables


def need_address(**options: object) -> None:
    """Refuse options that say something of a warehouse where none is named."""
    for option, given in options.items():
        if given:
            raise UsageError(f"--{option} says something of a warehouse, and none is named", "name it: --at ADDRESS")


def show_questions(console: Console, questions: "list[Question]") -> None:
    """Print questions as a script in SQL."""
    for question in questions:
        show_text(console, f"-- {question.what}\n{question.sql};\n")
