"""The text source of a lab, ``labs/labNN_topic.md``, as a notebook and as its cells.

The text is MyST Markdown with nbgrader's own metadata, so Jupytext alone reads it. Three lines are replaced: where a lab imports the check
that students see, its notebook has the text of those functions, because students have no checkout; and two comments become what is
the same in every lab (`steps`).
"""

import ast
import inspect
import re

from labs.grading.banned.reached import mark_of
from labs.grading.files import LABS
from labs.grading.text import steps, visible

VISIBLE = "from labs.grading.text.visible import check"
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


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
        if VISIBLE in cell.source:
            cell.source = cell.source.replace(VISIBLE, "\n" + shown())
        for place, text in steps.PLACES.items():
            cell.source = cell.source.replace(place, text.format(lab=lab))
        grade_id = meta(cell).get("grade_id")
        cell.id = re.sub(r"[^a-zA-Z0-9_-]", "-", grade_id or f"text-{i}")  # the same text gives the same file
        if grade_id in seen:
            raise ValueError(f"{lab}: expected each grade_id once, got {grade_id} twice")
        if grade_id:
            seen.add(grade_id)
        if hidden(cell) and not (meta(cell).get("grade") and not meta(cell).get("solution")):
            raise ValueError(f"{lab}: cell {i} contains hidden tests but is not a test cell")
    ours = [mark_of(c.source) for c in nb.cells if c.cell_type == "code" and meta(c).get("locked") and not meta(c).get("grade")]
    begin, said = "### BEGIN HIDDEN TESTS\n", f"from labs.grading import check as _c\n\n_c.ours{tuple(ours)!r}\n"
    for cell in nb.cells:
        if "provided=" in hidden(cell):  # how the tests tell the lab's own functions from others of the same name
            cell.source = cell.source.replace(begin, begin + said, 1)
    return nb


def shown():
    """The functions of the check that students see."""
    return inspect.getsource(visible).partition("import numpy as np\n")[2].strip()


def meta(cell):
    """The nbgrader metadata of a cell, or an empty dict."""
    return cell.metadata.get("nbgrader", {})


def hidden(cell):
    """The hidden tests of a cell, or an empty text."""
    return _split(cell.source)[1]


def without_solution(cell):
    """A cell's text without its model answer."""
    if not meta(cell).get("solution"):
        return cell.source
    parts = cell.source.split("### BEGIN SOLUTION")
    return parts[0] + "".join(p.partition("### END SOLUTION")[2] for p in parts[1:]) if len(parts) > 1 else ""


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


def functions(nb):
    """The names that the solution cells of a full notebook define."""
    return [name for c in nb.cells if c.cell_type == "code" and meta(c).get("solution") for name in defined(c.source)]


def defined(text):
    """The names of the functions that a cell of ours defines."""
    return [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]


def check_lab(nb):
    """Every point of a code cell must come from hidden tests: a visible test runs in the student's process and proves nothing.

    Raises
    ------
    ValueError
    """
    for cell in nb.cells:
        about = meta(cell)
        if cell.cell_type == "code" and about.get("grade") and not about.get("solution") and about["points"] and not hidden(cell):
            raise ValueError(f"{about['grade_id']}: expected a hidden test for its {about['points']} points, got none")
