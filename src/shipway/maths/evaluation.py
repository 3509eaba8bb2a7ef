"""The one evaluator of expression trees that every room uses.

A tree is evaluated on NumPy arrays with explicit validity, so that the batch engine, a stream and the prediction
process compute the same bits.

Nulls: every operation on a null is null, except `is_null`, `fill`, and the three-valued `&` and `|`
(SQL:2016, 4.5 "Boolean types": `false & null` is false, `true | null` is true). Division by zero is null, and so is
whatever is not a number. `shipway.maths.vector` says what each operator does.
"""

from collections.abc import Callable

from shipway.maths.expression import Aggregate, Column, Constant, Expr, Feature, Span, render
from shipway.maths.vector import SINGLE, Vector, apply_operator, normalise, repeat


def evaluate(expr: Expr, leaf: Callable[[Column | Aggregate | Feature], Vector], rows: int) -> Vector:
    """Evaluate an expression for all rows.

    Args:
        expr: the tree; what stands below an `Aggregate` or a `Feature` belongs to the leaf and is not evaluated here.
        leaf: gives the values of a column, an aggregate or a feature, each of shape (rows,).
        rows: how many rows there are.

    Returns:
        The values and their validity, each of shape (rows,).

    Raises:
        ValueError: if an operator cannot be applied to the values it is given, such as `-` to text.
    """
    if isinstance(expr, Column | Aggregate | Feature):
        return normalise(leaf(expr))
    if isinstance(expr, Span):
        return repeat(expr.us, rows)
    if isinstance(expr, Constant):
        return repeat(expr.value, rows)
    first, *rest = expr.args
    # The members of a set stay one element long: the kernel compares each with all rows.
    args = [evaluate(first, leaf, rows), *(evaluate(arg, leaf, 1 if expr.op in SINGLE else rows) for arg in rest)]
    try:
        return apply_operator(expr.op, args)
    except ValueError as error:
        raise ValueError(f"{render(expr)} cannot be evaluated: {error}") from error
