"""Run the hidden tests of a test cell outside a kernel: the text in, the mark and the message out."""

import ast
import contextlib
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
    tree = ast.parse(text)
    if not tree.body or not isinstance(tree.body[-1], ast.Expr):
        raise ValueError("hidden tests: the last line must be an expression, the mark")
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(ast.Module(tree.body[:-1], []), "<hidden tests>", "exec"), namespace)
        mark = eval(compile(ast.Expression(tree.body[-1].value), "<hidden tests>", "eval"), namespace)
    if type(mark) is not float or not mark >= 0.0:
        raise ValueError(f"hidden tests: the last line must be a plain float that is not negative, got {mark!r} of {type(mark).__name__}")
    return mark, said.getvalue()
