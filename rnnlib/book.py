"""Helpers for lessons. They work with and without myst-nb: in the book, in Jupyter and on Binder."""

import ast
import base64
import inspect
import json
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rnnlib.checks import check_array
from rnnlib.display import display


def glue(name: str, value: Any, fmt: str | None = None) -> None:
    """Store a computed number or text, so that the prose can quote it with ``{glue:text}`name```.

    Parameters
    ----------
    name : str
        Unique in the lesson.
    value : number or str
        NumPy scalars and one-element arrays or tensors become Python numbers.
    fmt : str, optional
        Format specification, such as ``".3f"``.

    Raises
    ------
    TypeError
        The value is neither a number nor a text.

    Notes
    -----
    The wire format is that of ``myst_nb.glue``, which is missing on Binder.

    Examples
    --------
    >>> glue("loss", 0.12345, ".2f")  # doctest: +SKIP
    """
    if hasattr(value, "item"):
        value = value.item()
    if not isinstance(value, (bool, int, float, str)):
        raise TypeError(f"value: expected a number or a text, got {type(value).__name__}")
    text = repr(value) if fmt is None else repr(format(value, fmt))
    prefix = "application/papermill.record/"
    display({f"{prefix}text/plain": text}, metadata={"scrapbook": {"name": name, "mime_prefix": prefix}})


def source_of(function: Callable, without_docstring: bool = True) -> None:
    """Display the body of a function or class as it is tested, highlighted: a lesson never pastes a copy.

    Parameters
    ----------
    function : function or class
    without_docstring : bool
        Leave docstrings out: the lesson says the same in its own words.

    Raises
    ------
    TypeError
        Not something with Python source.
    """
    code = source_text(function, without_docstring)
    display({"text/markdown": f"```python\n{code}\n```", "text/plain": code})


def source_text(function: Callable, without_docstring: bool = True) -> str:
    """The source that ``source_of(function, without_docstring)`` displays: first a comment with the file, then the code."""
    function = inspect.unwrap(function) if callable(function) else function
    if not (inspect.isfunction(function) or inspect.isclass(function)):
        raise TypeError(f"function: expected a function or a class, got {type(function).__name__}")
    code = textwrap.dedent(inspect.getsource(function))
    if without_docstring:
        code = _strip_docstrings(code)
    module = function.__module__
    place = f"# {module.replace('.', '/')}.py\n" if module.startswith("rnnlib") else ""
    return place + code.strip("\n")


def weights(
    name: str,
    symbols: Sequence[str],
    *,
    W_xh: np.ndarray,
    W_hh: np.ndarray,
    b_h: np.ndarray,
    W_hy: np.ndarray,
    b_y: np.ndarray,
) -> None:
    """Give a trained character RNN to the page, where the figure ``{rnn-writer}`` lets it write.

    Each number is rounded to one of 255 levels, so that the page carries a byte for it.

    Parameters
    ----------
    name : str
        The figure's name for the network, such as ``"char-rnn"``.
    symbols : sequence of str
        The alphabet: V characters, in the order of the numbers that stand for them.
    W_xh : ndarray of shape (V, H)
    W_hh : ndarray of shape (H, H)
    b_h : ndarray of shape (H,)
    W_hy : ndarray of shape (H, V)
    b_y : ndarray of shape (V,)

    Raises
    ------
    ValueError
        An array has another shape.

    Notes
    -----
    Lesson: :ref:`char-rnn`.
    """
    sizes, packed = {"V": len(symbols)}, {}
    for key, array, shape in (("W_xh", W_xh, "V H"), ("W_hh", W_hh, "H H"), ("b_h", b_h, "H"), ("W_hy", W_hy, "H V"), ("b_y", b_y, "V")):
        check_array(key, array, shape, sizes=sizes)
        scale = float(abs(array).max()) / 127 or 1.0
        packed[key] = {"scale": scale, "int8": base64.b64encode((array / scale).round().astype("int8").tobytes()).decode()}
    data = json.dumps({"symbols": "".join(symbols), "weights": packed}).replace("<", "\\u003c")
    text = f"{sum(array.size for array in (W_xh, W_hh, b_h, W_hy, b_y)):,} numbers for the page"
    html = f'<script type="application/json" class="rnn-weights" data-name="{name}">{data}</script>'
    display({"text/html": html, "text/plain": text})


def note(*sources) -> None:
    """Display a note for each of the ``sources`` that is synthetic; none for real ones. A lesson calls it where it loads its data."""
    for source in sources:
        source.show_note()


def _strip_docstrings(code):
    lines = code.split("\n")
    drop = set()
    for node in ast.walk(ast.parse(code)):
        if (
            isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef))
            and ast.get_docstring(node) is not None
            and len(node.body) > 1
        ):
            first = node.body[0]
            drop.update(range(first.lineno - 1, first.end_lineno))
            if first.end_lineno < len(lines) and not lines[first.end_lineno].strip():
                drop.add(first.end_lineno)  # the blank line after it
    return "\n".join(line for i, line in enumerate(lines) if i not in drop)
