"""Expression trees on columns and windows.

A tree is frozen data: it prints back as it was written and travels as JSON inside a bundle.
`shipway.maths.evaluation` gives it values.
"""

import json
import keyword
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from shipway.kit.duration import format_duration, parse_duration
from shipway.kit.suggestion import did_you_mean
from shipway.maths.bins import Bins, Categories, Hashes, Relative
from shipway.maths.pattern import expand_pattern
from shipway.maths.vector import Operator

Scalar: TypeAlias = bool | int | float | str
Expr: TypeAlias = "Column | Constant | Span | Operation | Aggregate | Feature"
Aggregation: TypeAlias = Literal[
    "count", "sum", "mean", "variance", "deviation", "share", "min", "max", "last", "first", "age", "around", "decayed",
    "quantile", "distinct", "common",
]  # fmt: skip

TAKEN: Final = frozenset(
    {
        "columns",
        "doc",
        "embeddings",
        "entity",
        "event",
        "features",
        "instant_of",
        "key",
        "known_at",
        "name",
        "raw",
        "restated",
        "source",
    }
)
"""Names that whatever hands out columns has attributes for; such a column is written as an item, `flights["key"]`."""


_METHODS: Final = (
    "equals", "differs", "same_as", "is_null", "is_in", "fill", "matches", "length", "dot", "cosine",
    "distance", "component",
)  # fmt: skip
_SYNONYMS: Final = {
    "eq": "equals",
    "ne": "differs",
    "eq_missing": "same_as",
    "is_not_distinct_from": "same_as",
    "isna": "is_null",
    "isnull": "is_null",
    "isin": "is_in",
    "fillna": "fill",
    "fill_null": "fill",
    "coalesce": "fill",
    "contains": "matches",
    "fullmatch": "matches",
    "regexp_matches": "matches",
    "len": "length",
    "len_chars": "length",
    "inner": "dot",
    "inner_product": "dot",
    "cosine_similarity": "cosine",
    "similarity": "cosine",
    "euclidean": "distance",
    "l2": "distance",
    "get": "component",
    "item": "component",
}
"""What other libraries call these methods."""


class Expression(msgspec.Struct, frozen=True):
    """What every node can do; a node is built by operators on other nodes, never by hand."""

    def __add__(self, other: "Expression | Scalar") -> "Operation":
        """Add; text on either side is read as a duration, so `scheduled + "2h"` is an instant."""
        return _binary("add", self, _span(other))

    def __radd__(self, other: "Expression | Scalar") -> "Operation":
        """Add with the operands the other way round."""
        return _binary("add", _span(other), self)

    def __sub__(self, other: "Expression | Scalar") -> "Operation":
        """Subtract; text is read as a duration."""
        return _binary("sub", self, _span(other))

    def __rsub__(self, other: "Expression | Scalar") -> "Operation":
        """Subtract with the operands the other way round."""
        return _binary("sub", _span(other), self)

    def __mul__(self, other: "Expression | Scalar") -> "Operation":
        """Multiply."""
        return _binary("mul", self, other)

    def __rmul__(self, other: "Expression | Scalar") -> "Operation":
        """Multiply with the operands the other way round."""
        return _binary("mul", other, self)

    def __truediv__(self, other: "Expression | Scalar") -> "Operation":
        """Divide as floating point, by zero is null; text is read as a duration, so `age / "1m"` is minutes."""
        return _binary("div", self, _span(other))

    def __rtruediv__(self, other: "Expression | Scalar") -> "Operation":
        """Divide with the operands the other way round."""
        return _binary("div", other, self)

    def __floordiv__(self, other: "Expression | Scalar") -> "Operation":
        """Divide and round down, by zero is null; text is read as a duration."""
        return _binary("floordiv", self, _span(other))

    def __rfloordiv__(self, other: "Expression | Scalar") -> "Operation":
        """Divide and round down with the operands the other way round."""
        return _binary("floordiv", other, self)

    def __mod__(self, other: "Expression | Scalar") -> "Operation":
        """Return the remainder with the sign of the divisor, by zero is null; text is read as a duration."""
        return _binary("mod", self, _span(other))

    def __rmod__(self, other: "Expression | Scalar") -> "Operation":
        """Return the remainder with the operands the other way round."""
        return _binary("mod", other, self)

    def __neg__(self) -> "Operation":
        """Change the sign."""
        return Operation("neg", (_node(self),))

    def __abs__(self) -> "Operation":
        """Drop the sign."""
        return Operation("abs", (_node(self),))

    def __lt__(self, other: "Expression | Scalar") -> "Operation":
        """Compare: less than."""
        return _binary("lt", self, other)

    def __le__(self, other: "Expression | Scalar") -> "Operation":
        """Compare: at most."""
        return _binary("le", self, other)

    def __gt__(self, other: "Expression | Scalar") -> "Operation":
        """Compare: greater than."""
        return _binary("gt", self, other)

    def __ge__(self, other: "Expression | Scalar") -> "Operation":
        """Compare: at least."""
        return _binary("ge", self, other)

    def __and__(self, other: "Expression") -> "Operation":
        """Join two conditions with three-valued and."""
        return _binary("and", self, _condition(other))

    def __rand__(self, other: "Expression") -> "Operation":
        """Refuse a plain value on the left as on the right."""
        return _binary("and", _condition(other), self)

    def __or__(self, other: "Expression") -> "Operation":
        """Join two conditions with three-valued or."""
        return _binary("or", self, _condition(other))

    def __ror__(self, other: "Expression") -> "Operation":
        """Refuse a plain value on the left as on the right."""
        return _binary("or", _condition(other), self)

    def __invert__(self) -> "Operation":
        """Negate a condition."""
        return Operation("not", (_node(self),))

    def __bool__(self) -> bool:
        """Refuse to be a truth value: a condition has one for each row."""
        raise TypeError(f"{self} has a value for each row, not one: join conditions with & and |, negate with ~")

    def equals(self, other: "Expression | Scalar") -> "Operation":
        """Compare for equality, row by row (`==` compares the trees themselves)."""
        return _binary("eq", self, other)

    def differs(self, other: "Expression | Scalar") -> "Operation":
        """Compare for inequality, row by row."""
        return _binary("ne", self, other)

    def same_as(self, other: "Expression | Scalar") -> "Operation":
        """Compare for equality where a null is equal to a null and to nothing else; never null itself."""
        return _binary("same", self, other)

    def is_null(self) -> "Operation":
        """Tell for each row whether the value is missing."""
        return Operation("is_null", (_node(self),))

    def is_in(self, *values: Scalar) -> "Operation":
        """Tell for each row whether the value is one of those given."""
        for value in values:
            if isinstance(value, list | tuple | set | frozenset):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TypeError(f"{value!r} cannot stand here: write {_spread(value)}")
        return Operation("is_in", (_node(self), *(_constant(v) for v in values)))

    def fill(self, value: "Expression | Scalar") -> "Operation":
        """Put another value where this one is missing."""
        return _binary("fill", self, value)

    def matches(self, pattern: str) -> "Operation":
        """Tell for each row whether a pattern matches the whole text: `tailnum.matches("N[0-9A-Z]+")`.

        Raises:
            ValueError: for a pattern that not every engine reads alike; see `shipway.maths.pattern`.
        """
        if not isinstance(pattern, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"{pattern!r} cannot stand here: write a pattern as text")
        try:
            expand_pattern(pattern)
        except ValueError as error:
            raise ValueError(f"pattern {quote(pattern)} cannot be used: {error}") from error
        return Operation("matches", (_node(self), Constant(pattern)))

    def length(self) -> "Operation":
        """Count the characters of a text."""
        return Operation("length", (_node(self),))

    def dot(self, other: "Expression") -> "Operation":
        """Return the sum of products of two embeddings of one length, row by row."""
        return Operation("dot", (_node(self), _embedding(other)))

    def cosine(self, other: "Expression") -> "Operation":
        """Return the cosine of two embeddings of one length, from -1 to 1; null where one is zero everywhere."""
        return Operation("cosine", (_node(self), _embedding(other)))

    def distance(self, other: "Expression") -> "Operation":
        """Return the Euclidean distance of two embeddings of one length."""
        return Operation("distance", (_node(self), _embedding(other)))

    def component(self, place: int) -> "Operation":
        """Return one of the numbers of an embedding, counted from 0."""
        if type(place) is not int or place < 0:
            raise TypeError(f"{place!r} cannot stand here: the components of an embedding are counted from 0")
        return Operation("component", (_node(self), Constant(place)))

    def __str__(self) -> str:
        """Return the expression as the user would write it."""
        return render(_node(self))

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            """Refuse a method that is none, with the nearest one; type checkers see none of this."""
            if name.startswith("__"):
                raise AttributeError(name)
            hint = did_you_mean(name, _METHODS, synonyms=_SYNONYMS)
            raise AttributeError(f"an expression has no {name!r}: {hint}")


class Column(Expression, frozen=True, tag="column"):
    """A column of a table or an event stream, by the table's name and its own."""

    table: str
    name: str


class Constant(Expression, frozen=True, tag="constant"):
    """One value for all rows; 1, 1.0 and True are three, for what is computed with them differs."""

    value: Scalar

    def __eq__(self, other: object) -> bool:
        """Compare by how the value is written, which tells the kinds and the two zeros apart."""
        return isinstance(other, Constant) and repr(self.value) == repr(other.value)

    def __hash__(self) -> int:
        """Hash as equality asks for."""
        return hash(repr(self.value))


class Span(Expression, frozen=True, tag="span"):
    """A duration in microseconds, written as text beside an instant: `scheduled - "2h"`."""

    us: int


class Operation(Expression, frozen=True, tag="operation"):
    """An operator on one or more expressions."""

    op: Operator
    args: tuple["Column | Constant | Span | Operation | Aggregate | Feature", ...]


class Aggregate(Expression, frozen=True, tag="aggregate"):
    """One number from the events of a stream that were known when it was asked for.

    Attributes:
        kind: `count`, `sum`, `mean`, `variance`, `deviation`, `share` (of events where a condition holds), `min`,
            `max`; `last` and `first` (the newest and the oldest event's value, null included), `age` (microseconds
            since the newest event); `around` (planned events on both sides of an instant of the row); `decayed` (a sum
            that fades); `quantile`, `distinct` and `common` (the most common value), from counts of bins.
        stream: name of the event stream.
        value: what is aggregated, an expression on the stream's columns; None for `count`, `age` and `around`.
        width_us: length of the window `(T - width, T]`; for `last` and `age` the oldest event that still answers,
            None for any; for `around` how far before the anchor; for `decayed` the half-life.
        after_us: for `around`: how far after the anchor, inclusive.
        anchor: for `around`: the row's instant in the middle.
        where: a condition on the stream's columns; events where it is not true are as if they were not there.
        bins: for `quantile`, `distinct` and `common`: what values are counted in.
        share: for `quantile`: the share of values at or below it, in whole millionths.
        place: for `common`: which in the order of frequency, from 1.
    """

    kind: Aggregation
    stream: str
    value: "Column | Constant | Span | Operation | Aggregate | Feature | None" = None
    width_us: int | None = None
    after_us: int = 0
    anchor: "Column | Constant | Span | Operation | Aggregate | Feature | None" = None
    where: "Column | Constant | Span | Operation | Aggregate | Feature | None" = None
    bins: Bins | None = None
    share: float = 0.0
    place: int = 1


class Feature(Expression, frozen=True, tag="feature"):
    """A feature of a view, as it is known at the instant that another one is asked at.

    It carries its definition, so that whatever it stands in says all that it is made of.

    Attributes:
        view: the view's name.
        name: its own.
        entity: the name of whose it is; None for a feature of the row itself.
        keys: the entity's key columns.
        value: what it is; None where it is only named, for its view may be declared further below.
    """

    view: str
    name: str
    entity: str | None = None
    keys: tuple[str, ...] = ()
    value: "Column | Constant | Span | Operation | Aggregate | Feature | None" = None


def walk(expr: Expr) -> Iterator[Expr]:
    """Yield an expression and everything below it, parents first; what a `Feature` is made of is its view's."""
    yield expr
    if isinstance(expr, Operation):
        for arg in expr.args:
            yield from walk(arg)
    elif isinstance(expr, Aggregate):
        for child in (expr.value, expr.anchor, expr.where):
            if child is not None:
                yield from walk(child)


def move(expr: Expr, table: str) -> Expr:
    """Return an expression on a stream's columns as one on the columns of another table; it has no windows."""
    match expr:
        case Column():
            return Column(table, expr.name)
        case Operation():
            return Operation(expr.op, tuple(move(arg, table) for arg in expr.args))
        case _:
            return expr


def render(expr: Expr) -> str:
    """Return an expression as Python source in shipway's words."""
    match expr:
        case Column():
            return f"{expr.table}{_render_access(expr.name)}"
        case Feature():
            return f"{expr.view}{_render_access(expr.name)}"
        case Constant():
            return quote(expr.value) if isinstance(expr.value, str) else repr(expr.value)
        case Span():
            return quote(format_duration(expr.us))
        case Aggregate():
            return _render_aggregate(expr)
        case Operation():
            return _render_operation(expr)


def quote(text: str) -> str:
    """Return a text as a Python literal in double quotes."""
    return json.dumps(text, ensure_ascii=False)


# How strongly Python's operators bind, weakest first; a prefix binds more strongly than all, a name or call the most.
_INFIX: Final[dict[str, tuple[str, int]]] = {
    "lt": ("<", 0), "le": ("<=", 0), "gt": (">", 0), "ge": (">=", 0), "or": ("|", 1), "and": ("&", 2),
    "add": ("+", 3), "sub": ("-", 3), "mul": ("*", 4), "div": ("/", 4), "floordiv": ("//", 4), "mod": ("%", 4),
}  # fmt: skip
_PREFIX: Final[dict[str, str]] = {"neg": "-", "not": "~"}
_PREFIX_STRENGTH: Final = 5
_CALL_STRENGTH: Final = 6
_METHOD: Final[dict[str, str]] = {"eq": "equals", "ne": "differs", "same": "same_as"}
WINDOW_WORDS: Final[dict[Aggregation, str]] = {
    "sum": "total", "min": "least", "max": "greatest", "last": "newest", "common": "most_common",
}  # fmt: skip
"""Windows whose word is not the name of their kind."""


def _render_access(name: str) -> str:
    # Beyond ASCII, Python reads some attributes as other ones (PEP 3131).
    plain = name.isascii() and name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("__")
    return f".{name}" if plain and name not in TAKEN else f"[{quote(name)}]"


def _render_operation(expr: Operation) -> str:
    first, *rest = expr.args
    if expr.op in _INFIX:
        sign, strength = _INFIX[expr.op]
        # Python joins from the left, except that comparisons side by side are a chain.
        left = _render_operand(first, strength or 1)
        return f"{left} {sign} {_render_operand(rest[0], strength + 1)}"
    if expr.op in _PREFIX:
        return f"{_PREFIX[expr.op]}{_render_operand(first, _PREFIX_STRENGTH)}"
    if expr.op == "abs":
        return f"abs({render(first)})"
    method = _METHOD.get(expr.op, expr.op)
    return f"{_render_operand(first, _CALL_STRENGTH)}.{method}({', '.join(render(arg) for arg in rest)})"


def _render_operand(expr: Expr, least: int) -> str:
    """Return an operand, in parentheses where it binds less strongly than its place needs."""
    strength = _CALL_STRENGTH
    if isinstance(expr, Operation):
        strength = _INFIX[expr.op][1] if expr.op in _INFIX else _PREFIX_STRENGTH if expr.op in _PREFIX else strength
    return render(expr) if strength >= least else f"({render(expr)})"


def _render_aggregate(expr: Aggregate) -> str:
    words = [expr.stream if expr.value is None else render(expr.value)]
    if expr.anchor is not None:
        before, after = format_duration(expr.width_us or 0), format_duration(expr.after_us)
        words += [render(expr.anchor), f'before="{before}"', f'after="{after}"']
    elif expr.kind == "quantile":
        words.append(repr(expr.share))
    elif expr.kind == "common" and expr.place != 1:
        words.append(f"place={expr.place}")
    if expr.width_us is not None and expr.anchor is None:
        word = "within" if expr.kind in ("last", "age") else "half_life" if expr.kind == "decayed" else "last"
        words.append(f'{word}="{format_duration(expr.width_us)}"')
    if expr.bins is not None:
        words.append(_render_bins(expr.bins))
    if expr.where is not None:
        words.append(f"where={render(expr.where)}")
    return f"w.{WINDOW_WORDS.get(expr.kind, expr.kind)}({', '.join(words)})"


def _render_bins(bins: Bins) -> str:
    match bins:
        case Categories(values=values):
            return f"of=[{', '.join(render(Constant(value)) for value in values)}]"
        case Hashes(count=count):
            return f"bins={count}"
        case Relative():
            return f"bins=w.relative({bins.accuracy!r}, least={bins.least!r}, greatest={bins.greatest!r})"
        case _:
            return f"bins=[{', '.join(map(repr, bins.edges))}]"


def _node(value: "Expression | Scalar") -> Expr:
    if isinstance(value, Column | Constant | Span | Operation | Aggregate | Feature):
        return value
    return _constant(value)


def _constant(value: object) -> Constant:
    match value:
        case bool() | str():
            return Constant(value)
        case int() if -(1 << 63) <= value < 1 << 63:
            return Constant(int(value))
        case float() if math.isfinite(value):
            return Constant(float(value))
        case int() | float():
            raise ValueError(f"{value!r} cannot stand in an expression: numbers are finite and whole ones have 64 bits")
        case _:
            raise TypeError(f"{value!r} cannot stand here: use a column, a number, a text or a condition")


def _condition(value: object) -> "Expression":
    """Refuse a plain value beside `&` and `|`: a truth value is what `column == x` gave, the same in every row."""
    if isinstance(value, Expression):
        return value
    raise TypeError(f"{value!r} cannot be joined with a condition: write column.equals(x), not column == x")


def _embedding(value: object) -> Expr:
    """Refuse a plain value beside an embedding."""
    if isinstance(value, Expression):
        return _node(value)
    raise TypeError(f"{value!r} cannot be compared with an embedding: name a column that holds one")


def _spread(values: "list[object] | tuple[object, ...] | set[object] | frozenset[object]") -> str:
    """Return the call that says what a list in one was meant to say."""
    words = [quote(value) if isinstance(value, str) else repr(value) for value in values]
    return f"is_in({', '.join(sorted(words) if isinstance(values, set | frozenset) else words)})"


def _span(value: "Expression | Scalar") -> "Expression | Scalar":
    return Span(parse_duration(value)) if isinstance(value, str) else value


def _binary(op: Operator, left: "Expression | Scalar", right: "Expression | Scalar") -> Operation:
    return Operation(op, (_node(left), _node(right)))
