"""Run the hidden tests of a test cell outside a kernel: the text in, the mark and the message out."""

import ast
import contextlib
import functools
import io


def run_hidden(text, namespace):
    """Execute hidden tests in ``namespace``.

    Returns
    -------
    mark : float
        The value of the last line.
    said : str
        What was printed: the message for the student.

    Raises
    ------
    ValueError
        The last line is not one plain float (nbgrader would read anything else as full marks).
    """
    before, last = _compiled(text)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(before, namespace)
        mark = eval(last, namespace)
    if type(mark) is not float or not mark >= 0.0:
        raise ValueError(f"hidden tests: expected a float of at least 0 in the last line, got {mark!r} ({type(mark).__name__})")
    return mark, said.getvalue()


@functools.lru_cache(maxsize=64)  # of one lab: the same for a whole class
def _compiled(text):
    """The code of all but the last line, and of the last line."""
    tree = ast.parse(text)
    if not tree.body or not isinstance(tree.body[-1], ast.Expr):
        raise ValueError("hidden tests: expected an expression, the mark, in the last line")
    before, last = ast.Module(tree.body[:-1], []), ast.Expression(tree.body[-1].value)
    return compile(before, "<hidden tests>", "exec"), compile(last, "<hidden tests>", "eval")
