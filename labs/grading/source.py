"""The text source of a lab, ``labs/labNN_topic.md``, as a notebook and as its cells.

The text is MyST Markdown with nbgrader's own metadata, so Jupytext alone reads it; nothing here adds a format.
"""

import pathlib
import re

LABS = pathlib.Path(__file__).resolve().parent.parent
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
BEGIN, END = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"


def names():
    """The names of all labs that have a text source, in order."""
    return sorted(p.stem for p in LABS.glob("lab[0-9][0-9]_*.md"))


def find(lab):
    """The name of a lab given as ``lab02_rnn``, ``lab02``, ``2`` or ``02``.

    Raises
    ------
    ValueError
        No lab, or more than one, goes by this name.
    """
    word = str(lab).removesuffix(".md")
    number = f"lab{int(word):02d}" if word.isdigit() else word
    found = [n for n in names() if n == number or n.startswith(number + "_")]
    if len(found) != 1:
        raise ValueError(f"lab: expected one of {', '.join(names()) or 'none (there is no labs/labNN_topic.md)'}, got {lab!r}")
    return found[0]


def notebook(lab):
    """The lab's full notebook, solutions and hidden tests included.

    Raises
    ------
    ValueError
        Two cells share a grade_id, or hidden tests are outside a test cell.
    """
    import jupytext  # here, because grading alone does not read the text

    nb = jupytext.read(LABS / f"{lab}.md")
    nb.metadata.pop("jupytext", None)
    nb.metadata.kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    seen = set()
    for i, cell in enumerate(nb.cells):
        grade_id = meta(cell).get("grade_id")
        cell.id = re.sub(r"[^a-zA-Z0-9_-]", "-", grade_id or f"text-{i}")  # the same text gives the same file
        if grade_id in seen:
            raise ValueError(f"{lab}: expected each grade_id once, got {grade_id} twice")
        if grade_id:
            seen.add(grade_id)
        if hidden(cell) and not (meta(cell).get("grade") and not meta(cell).get("solution")):
            raise ValueError(f"{lab}: cell {i} contains hidden tests but is not a test cell")
    return nb


def meta(cell):
    """The nbgrader metadata of a cell, or an empty dict."""
    return cell.metadata.get("nbgrader", {})


def hidden(cell):
    """The hidden tests of a cell, or an empty text."""
    return _split(cell.source)[1]


def without_hidden(text):
    """A cell's text without its hidden tests."""
    return _split(text)[0]


def _split(text):
    """What stands outside of hidden tests, and what inside; tests that do not end are none."""
    outside, inside, began = [], [], None
    for line in _LINE.findall(text):
        if began is None and "BEGIN HIDDEN TESTS" in line:
            began, held = len(outside), []
        elif began is not None and "END HIDDEN TESTS" in line:
            del outside[began:]
            inside += held
            began = None
            continue
        elif began is not None:
            held.append(line)
        outside.append(line)
    return "".join(outside), "".join(inside)
