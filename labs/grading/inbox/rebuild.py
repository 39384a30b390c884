"""A submission rebuilt on the release: only the text of the answers, and of cells that the student added, is taken from the submitted file.

So deleted, renamed, moved, re-tagged or changed test cells alter nothing. Never raises on a bad file: what cannot be read is
graded as if nothing had been handed in, with the reason in words.
"""

import ast
import copy

import nbformat

from labs.grading.inbox.submission import Unreadable, read_cells

ABOUT = "about-this-file"  # the id of the cell of notes


def rebuild(master, cells):
    """The release ``master`` with a student's answers in it, and notes on what was put right."""
    ids = {c.metadata.nbgrader.grade_id: c for c in master.cells if "nbgrader" in c.metadata}
    ours = {c.source.strip() for c in master.cells}
    notes = []
    if not any(grade_id in ids for _, grade_id, _ in cells):
        cells = _by_definition(ids, cells)
        if any(grade_id for _, grade_id, _ in cells):
            notes.append("the notebook's cell names were missing, so answers were matched by the functions they define")
        else:
            notes.append("this notebook contains none of the lab's cells, so nothing could be graded")
    answers, extra, last = {}, {}, None
    for kind, grade_id, text in cells:
        if grade_id in ids:
            last = grade_id
            if not ids[grade_id].metadata.nbgrader.get("solution"):
                if text.strip() != ids[grade_id].source.strip():
                    notes.append(f"cell {grade_id} was changed; the original was used")
            elif grade_id in answers:
                notes.append(f"cell {grade_id} occurs more than once; the first one was graded")
            else:
                answers[grade_id] = text
        elif text.strip() and text.strip() not in ours:
            extra.setdefault(last, []).append(_cell("code" if kind == "code" else "markdown", text))
    missing = [g for g, c in ids.items() if c.metadata.nbgrader.get("solution") and g not in answers]
    if missing:
        notes.append("missing answers: " + ", ".join(missing))
    out = [*extra.get(None, [])]
    for cell in master.cells:
        cell = copy.deepcopy(cell)
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        cell.source = answers.get(grade_id, cell.source)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        out += [cell, *extra.get(grade_id, [])] if grade_id else [cell]
    for i, cell in enumerate(out):
        cell.id = cell.id if "nbgrader" in cell.metadata else f"cell-{i}"
    return nbformat.from_dict({"nbformat": 4, "nbformat_minor": 5, "metadata": copy.deepcopy(master.metadata), "cells": out}), notes


def _cell(kind, text, name="added"):
    """A cell that is not of the release. nbformat's own makers validate each one, which takes longer than all the rest."""
    code = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return nbformat.from_dict({"cell_type": kind, "id": name, "metadata": {}, "source": text, **code})


def about(notes):
    """The cell that tells the student what had to be said about their file."""
    lines = "\n".join(f"- {note}" for note in notes)
    return _cell("markdown", f"**About the file you handed in**\n\n{lines}", ABOUT)


def _by_definition(ids, cells):
    """Cells without names, named by the functions that they define."""
    home = {}
    for grade_id, cell in ids.items():
        if cell.cell_type == "code" and cell.metadata.nbgrader.get("solution"):
            home |= dict.fromkeys(_defined(cell.source), grade_id)
    named = []
    for kind, _, text in cells:
        found = next((home[n] for n in _defined(text) if n in home), None) if kind == "code" else None
        if found in [g for _, g, _ in named]:
            found = None  # an answer spread over two cells: the second one follows the first
        named.append((kind, found, text))
    return named


def _defined(text):
    try:
        return [n.name for n in ast.parse(text).body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def normalise(released, submitted, problem=""):
    """The notebook to grade and the notes on it, for a released and a submitted file (which may be missing or broken).

    ``problem`` is what was found when the file was collected.
    """
    master = nbformat.read(released, 4)
    try:
        nb, notes = rebuild(master, read_cells(submitted))
    except Unreadable as reason:
        nb, _ = rebuild(master, [])
        notes = [f"{reason}; graded as an empty submission"]
    if problem:
        notes.insert(0, problem)
    if notes:
        nb.cells.insert(0, about(notes))
    return nb, notes
