"""What a Python file of a project means to a task: its code, without what is only there for people to read.

A description that is made better, a comment and another layout of the lines change nothing that is computed, and are to
rebuild nothing. What is left out is left out by its place in the syntax tree, never by a guess: comments and blanks,
and, in calls of shipway's own words, the arguments that go into a note and into nothing else.
"""

import ast
from typing import Final

from shipway.kit.canonical import digest_bytes

_WORDS: Final = frozenset({"source", "entity", "system", "feature_view", "label"})
_SAID: Final = frozenset({"owner", "doc", "docs", "tags", "fresh"})


def digest_meaning(source: bytes) -> str:
    """Return the digest of what a Python file does, the same for files that differ in notes and layout alone.

    Args:
        source: the file; one that is not valid Python means its bytes.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return digest_bytes(source)
    _Plain(tree).visit(tree)
    return digest_bytes(ast.dump(tree).encode())


class _Plain(ast.NodeTransformer):
    """Takes notes out of a tree."""

    def __init__(self, tree: ast.Module) -> None:
        self._modules: set[str] = set()
        self._words: dict[str, str] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                self._modules |= {name.asname or name.name for name in node.names if name.name == "shipway"}
            elif isinstance(node, ast.ImportFrom) and node.module == "shipway" and not node.level:
                self._words |= {name.asname or name.name: name.name for name in node.names if name.name in _WORDS}

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Leave out the arguments of a word that go into its note."""
        self.generic_visit(node)
        if self._word(node.func):
            node.keywords = [each for each in node.keywords if each.arg not in _SAID or not _is_plain(each.value)]
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Leave out the docstring of a source's function, which is its description."""
        self.generic_visit(node)
        calls = [each.func for each in node.decorator_list if isinstance(each, ast.Call)]
        if any(self._word(call) == "source" for call in calls) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        return node

    def _word(self, called: ast.expr) -> str | None:
        """Return which word of shipway is called, None where it is none that has a note."""
        match called:
            case ast.Name(id=name):
                return self._words.get(name)
            case ast.Attribute(value=ast.Name(id=module), attr=name) if module in self._modules and name in _WORDS:
                return name
            case _:
                return None


def _is_plain(value: ast.expr) -> bool:
    """Tell whether an argument is written out, so that evaluating it does nothing else."""
    plain = (ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Load)
    return all(isinstance(node, plain) for node in ast.walk(value))
