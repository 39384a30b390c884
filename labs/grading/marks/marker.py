"""Grade one submission: its code runs in a locked process, the hidden tests run here, and only here marks are made.

The student's process gets the notebook without its hidden tests, and then the arguments of each call; here a function of the
student's is a :class:`Proxy`, and what it returns is plain data. So there is nothing to read, to patch or to forge. The result of
:func:`mark_submission` is plain data too: it can come from another process, or another machine.
"""

import json
import time

import nbformat

from labs.grading.check import numbers_of
from labs.grading.inbox import safe
from labs.grading.inbox.rebuild import about, assemble, rebuild
from labs.grading.inbox.submission import Unreadable, as_nothing
from labs.grading.locked.session import Gone, Session
from labs.grading.marks.attempt import Attempt, Proxy
from labs.grading.marks.persons import persons
from labs.grading.reading.arrange import released_cells
from labs.grading.text import source
from labs.grading.text.hidden import run_hidden
from labs.grading.text.source import functions

VERSION = "4"  # of what a result means: a change grades everybody again


LATE = "a process of yours slept or did not answer, also when nothing ran beside it: a person will look at the points that this cost"


def mark_submission(
    full, released, cells, notes, door, *, key, student, seconds=20.0, total=120.0, limits=None, allow_missing=(), alone=True
):
    """Run and mark one submission.

    Parameters
    ----------
    full, released : NotebookNode
        The lab with and without its hidden tests.
    cells : list of (type, grade_id, text)
        What was read of the submitted file (see :mod:`labs.grading.inbox.rebuild`); empty if it could not be read.
    notes : list of str
        What has to be said about the file.
    door : Door
        Of a warm process (see :class:`labs.grading.locked.warm.Zygote`).
    key, student : str
        Which numbers the tests draw.
    seconds, total, limits, allow_missing
        As in :class:`labs.grading.locked.session.Session`.
    alone : bool
        No other submission runs beside it. If others do and the result is ``late``, mark it again alone: the clock on the wall takes no
        points.

    Returns
    -------
    result : dict
        ``student``, ``marks`` (grade_id → points, or None where a test of ours failed), ``waiting`` (grade_ids of points that a person
        should look at), ``notes``, ``notebook`` (JSON text),
        ``stopped`` (its process did not live to the end), ``late`` (by the clock on the wall), ``layers``, ``seconds``.
    """
    began = time.perf_counter()
    notes = [*notes]
    ours = {source.meta(c).get("grade_id"): c.source for c in full.cells}
    points = {source.meta(c).get("grade_id"): float(source.meta(c).get("points", 0.0)) for c in full.cells}
    marks, said, waiting, shown = {}, [], [], safe.Budget()
    attempt = Attempt(lambda left: Session(door, seconds=seconds, total=left, limits=limits, allow_missing=allow_missing), total, alone)
    space = {name: Proxy(attempt, name) for name in functions(full)}
    try:
        nb = _read(attempt, released, cells, notes)
        said, waiting = persons(released, nb)
        with numbers_of(key, student):
            for cell in nb.cells:
                meta = source.meta(cell)
                if cell.cell_type != "code":
                    cell.source = cell.source if meta.get("locked") else safe.markdown(cell.source)
                    continue
                cell.outputs, cell.execution_count = _run_cell(attempt, cell.source, meta.get("grade_id"), shown)
                if meta.get("grade") and not meta.get("solution"):
                    cell.source = ours[meta["grade_id"]]
                    _mark(cell, meta, space, marks, notes)
    finally:
        attempt.close()
    notes += attempt.stops[:5]
    if attempt.late:
        notes.append(LATE)
        lost = {name for name, mark in marks.items() if mark is not None and mark < points.get(name, 0.0)}
        waiting = sorted(lost.union(waiting))
    notes, said = list(dict.fromkeys(notes)), list(dict.fromkeys(said))  # said once, also of a line in five cells
    if notes or said:
        nb.cells.insert(0, about([safe.markdown(note) for note in notes] + said))
    return {
        "student": student,
        "marks": marks,
        "waiting": waiting,
        "notes": notes + said,
        "notebook": json.dumps(nb),
        "stopped": bool(attempt.stops),
        "late": bool(attempt.late),
        "layers": attempt.layers,
        "seconds": time.perf_counter() - began,
    }


def _read(attempt, released, cells, notes):
    """The notebook to run; what has to be said about the cells is added to ``notes``."""
    try:
        entries, more = attempt.read(released_cells(released), cells) if cells else (None, [])
    except Unreadable as reason:
        entries, more = None, [as_nothing(reason)]
    notes += more
    return rebuild(released, [])[0] if entries is None else assemble(released, entries)


def _run_cell(attempt, text, name, shown):
    """Outputs and number of a cell that ran in the student's process."""
    if not text.strip():
        return [], None
    try:
        reply = attempt.cell(text, name)
    except Gone as why:
        return [_output("error", ename="Stopped", evalue=str(why), traceback=[str(why)])], None
    found = reply.get("outputs")
    outputs = [nbformat.from_dict(o) for o in shown.outputs(found if isinstance(found, list) else [])]
    count = reply.get("count")
    return outputs, count if type(count) is int else None


def _mark(cell, meta, space, marks, notes):
    """Mark a test cell and write the mark and the message into it as nbgrader expects them."""
    name, tests = meta["grade_id"], source.hidden(cell)
    for out in cell.outputs:  # what the student's process says in a test cell is text, never a mark
        if out.output_type == "execute_result":
            out.output_type = "display_data"
            out.pop("execution_count", None)
    if not tests:
        marks[name] = 0.0
        return
    try:
        mark, said = run_hidden(tests, space)
        marks[name] = min(mark, float(meta["points"]))
    except Exception as error:  # our own test is at fault: a person decides
        marks[name] = None
        notes.append(f"{name} could not be marked automatically ({type(error).__name__}); your teacher will mark it")
        return
    cell.outputs = [
        _output("stream", name="stdout", text=said.encode("utf-8", "replace").decode()),
        _output("execute_result", data={"text/plain": repr(marks[name])}, metadata={}, execution_count=cell.execution_count),
    ]


def _output(kind, **parts):
    """An output of ours; nbformat's own makers validate each one, which takes longer than many a call."""
    return nbformat.from_dict({"output_type": kind, **parts})
