"""The part of Python code that can change what it computes: without comments, docstrings and annotations.

Hashes of code are made of this text, so that an edit that changes no behaviour makes no stored result stale. The text is cut out of
the source by position and not rebuilt from the syntax tree: it is the same under every Python version.
"""

import ast
import io
import re
import tokenize

_DEFAULT = re.compile(rb"( *)=( *)")


def bare(source, *, keep_checks=True):
    """The lines of ``source`` after the cuts; a line that is empty then is ``""``, so that line numbers stay.

    Parameters
    ----------
    source : str
        Python code.
    keep_checks : bool
        False also cuts what cannot change a number: ``assert`` statements, the arguments of a raised exception, and assignments to
        ``note``, the sentence of a page about its data.

    Returns
    -------
    lines : list of str

    Raises
    ------
    SyntaxError
        Not Python.
    """
    lines = [line.encode() for line in source.splitlines()]  # ast counts columns in bytes
    return _without(lines, list(_cuts(source, lines, keep_checks)))


def without_docstrings(source):
    """The lines of ``source`` with its docstrings cut and everything else kept, comments too."""
    lines = [line.encode() for line in source.splitlines()]
    return _without(lines, list(_docstrings(ast.parse(source))))


def joined(lines):
    """The lines that hold something, as one text."""
    return "\n".join(line for line in lines if line.strip())


def _cuts(source, lines, keep_checks):
    """Pairs ((line, column), (line, column)), lines from 1 and columns in bytes."""
    tree, text = ast.parse(source), source.splitlines()
    yield from _docstrings(tree)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            yield (row, len(text[row - 1][:column].encode())), (row, len(lines[row - 1]))
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.annotation is not None:
            row, column = _end(node.annotation)
            yield (node.lineno, node.col_offset + len(node.arg.encode())), (row, column)
            if spaced := _DEFAULT.match(lines[row - 1], column):  # ``x: int = 1`` is ``x=1`` without its annotation
                yield (row, spaced.start(1)), (row, spaced.end(1))
                yield (row, spaced.start(2)), (row, spaced.end(2))
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.returns is not None:
            yield _arrow(lines, node.returns), _end(node.returns)
        elif not keep_checks and (isinstance(node, ast.Assert) or _is_note(node)):
            yield _start(node), _end(node)
        elif not keep_checks and isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            yield _end(node.exc.func), _end(node.exc)


def _is_note(node):
    return isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["note"]


def _docstrings(tree):
    documented = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    for node in ast.walk(tree):
        if isinstance(node, documented) and ast.get_docstring(node, False) is not None:
            yield _start(node.body[0]), _end(node.body[0])


def _arrow(lines, returns):
    """Where the ``->`` before an annotation begins, and the space before it."""
    row, column = _start(returns)
    while (found := lines[row - 1][:column].rfind(b"->")) < 0:
        row, column = row - 1, len(lines[row - 2])
    return row, len(lines[row - 1][:found].rstrip())


def _start(node):
    return node.lineno, node.col_offset


def _end(node):
    return node.end_lineno, node.end_col_offset


def _without(lines, cuts):
    """The lines as text without the stretches ``cuts``."""
    for first, last in cuts:
        for row in range(first[0], last[0] + 1):
            begin = first[1] if row == first[0] else 0
            end = last[1] if row == last[0] else len(lines[row - 1])
            # A placeholder of the same length keeps the positions of the other cuts; Python code cannot hold this byte.
            lines[row - 1] = lines[row - 1][:begin] + b"\0" * (end - begin) + lines[row - 1][end:]
    return [line.replace(b"\0", b"").decode().rstrip() for line in lines]
