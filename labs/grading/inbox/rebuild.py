"""A submission rebuilt on the release: only the text of the answers, and of cells that the student added, is taken from the submitted file.

So deleted, renamed, moved, re-tagged or changed test cells alter nothing. Never raises on a bad file: what cannot be read is
graded as if nothing had been handed in, with the reason in words.
"""

import copy
import json
import subprocess
import sys

import nbformat

from labs.grading.files import LABS
from labs.grading.inbox.submission import Unreadable, as_nothing, cells_in, read_file
from labs.grading.reading.arrange import UNREAD, arrange, released_cells

ABOUT = "about-this-file"  # the id of the cell of notes
APART = 60  # seconds


def rebuild(master, cells):
    """The release ``master`` with a student's answers in it, and notes on what was put right.

    It reads them in this process, which nothing limits: for texts of our own.
    """
    entries, notes = arrange(released_cells(master), cells)
    return assemble(master, entries), notes


def assemble(master, entries):
    """The notebook of which the entries tell (see :func:`labs.grading.reading.arrange.arrange`).

    Raises
    ------
    ValueError
        They do not hold each cell of ``master`` once, in its order.
    """
    if [k for k, _, _ in entries if k is not None] != list(range(len(master.cells))):
        raise ValueError("entries: expected each cell of the release once, in its order")
    out = []
    for k, kind, text in entries:
        cell = _cell("code" if kind == "code" else "markdown", text, f"added-{len(out)}") if k is None else copy.deepcopy(master.cells[k])
        if k is not None and cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = text
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        out.append(cell)
    return nbformat.from_dict({"nbformat": 4, "nbformat_minor": 5, "metadata": copy.deepcopy(master.metadata), "cells": out})


def _cell(kind, text, name="added"):
    """A cell that is not of the release. nbformat's own makers validate each one, which takes longer than all the rest."""
    code = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return nbformat.from_dict({"cell_type": kind, "id": name, "metadata": {}, "source": text, **code})


def about(notes):
    """The cell that tells the student what had to be said about their file."""
    lines = "\n".join(f"- {note}" for note in notes)
    return _cell("markdown", f"**About the file you handed in**\n\n{lines}", ABOUT)


def arrange_apart(released, cells):
    """As :func:`labs.grading.reading.arrange.arrange`, in a process of its own with limits; where it is stopped, only names count."""
    for careful in (True, False):
        ask = json.dumps({"released": released, "cells": cells, "careful": careful})
        try:
            command, quiet = [sys.executable, "-m", "labs.grading.reading"], {"capture_output": True, "encoding": "utf-8"}
            done = subprocess.run(command, input=ask, cwd=LABS.parent, timeout=APART, **quiet)
            if done.returncode == 0:
                entries, notes = json.loads(done.stdout)
                return entries, notes if careful else [*notes, UNREAD]
        except subprocess.TimeoutExpired:
            pass
    raise Unreadable("the cells of the submitted notebook cannot be read within the limits of time and memory")


def normalise(released, submitted, problem=""):
    """The notebook to grade and the notes on it, for a released and a submitted file (which may be missing or broken).

    ``problem`` is what was found when the file was collected.
    """
    master = nbformat.read(released, 4)
    try:
        cells, cuts = cells_in(read_file(submitted))
        entries, notes = arrange_apart(released_cells(master), cells)
        nb, notes = assemble(master, entries), [*cuts, *notes]
    except Unreadable as reason:
        nb, _ = rebuild(master, [])
        notes = [as_nothing(reason)]
    if problem:
        notes.insert(0, problem)
    if notes:
        nb.cells.insert(0, about(notes))
    return nb, notes
