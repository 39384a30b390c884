"""Text source → ``source/`` (with solutions and hidden tests) → ``release/`` (without)."""

import nbformat

from labs.grading.course import RoadError
from labs.grading.files import write_whole
from labs.grading.text import due as dates
from labs.grading.text import source, stale


def build(course, lab):
    """Write the lab's full notebook into the course's ``source`` folder and return its path."""
    path = course.folder("source", lab) / f"{lab}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, nbformat.writes(source.notebook(lab)).encode())
    return path


def release(course, lab, due=None):
    """Build, let nbgrader make the student version, check that nothing hidden is left in it, and return its path.

    ``due`` is the due date, such as ``2027-01-15 23:59 Europe/Berlin`` (see :mod:`labs.grading.text.due`).

    Raises
    ------
    RoadError
        The date cannot be read, graded cells were renamed after submissions were graded, nbgrader refused, or the release holds a
        solution or a hidden test.
    """
    when = dates.read(due, course.zone) if due is not None else None
    _refuse_new_names(course, lab)
    build(course, lab)
    with course.nbgrader() as api:
        result = api.generate_assignment(lab, force=True, create=True)
    if not result["success"]:
        raise RoadError(f"{lab}: nbgrader could not write the release:\n{result['log']}\n{result.get('error', '')}")
    path = course.released(lab)
    left = leaks(nbformat.read(path, 4), source.notebook(lab))
    if left:
        path.unlink()
        raise RoadError(f"{lab}: the release was removed because it still contained hidden text: " + "; ".join(left[:5]))
    if when:
        dates.set_due(course, lab, when)
    return path


def _refuse_new_names(course, lab):
    """nbgrader would refuse them too, after it has removed the release that students work on."""
    path = course.folder("release", lab) / f"{lab}.ipynb"
    told = stale.renamed(nbformat.read(path, 4), source.notebook(lab)) if path.is_file() else []
    if not told:
        return
    with course.book() as book:
        graded = len(book.assignment_submissions(lab)) if any(a.name == lab for a in book.assignments) else 0
    if graded:
        raise RoadError(
            f"{lab}: {', '.join(told[:5])} since the release, and {graded} graded "
            f"submission{'s have' if graded > 1 else ' has'} the old names. "
            "Give the cells their old names back, or release into a new course folder with --course. Nothing was changed."
        )


def leaks(released, full):
    """Lines of solutions and hidden tests of ``full`` that stand in ``released``, with the cell that they come from."""
    text = "\n".join(c.source for c in released.cells)
    found = [f"{name}: {line}" for name, line in secrets_of(full) if line in text]
    return found + [marker for marker in ("HIDDEN TESTS", "BEGIN SOLUTION", "END SOLUTION") if marker in text]


def secrets_of(full):
    """Pairs of a cell's name and a line of its solution or hidden tests that nothing for students may hold."""
    ours = "\n".join(source.without_hidden(source.without_solution(c)) for c in full.cells)
    found = []
    for cell in full.cells:
        secret = source.hidden(cell) + _solution(cell)
        lines = {line.strip() for line in secret.split("\n")}
        found += [(source.meta(cell).get("grade_id"), line) for line in lines if len(line) > 8 and line not in ours]
    return found


def _solution(cell):
    if not source.meta(cell).get("solution"):
        return ""
    parts = cell.source.split("### BEGIN SOLUTION")
    return "".join(p.split("### END SOLUTION")[0] for p in parts[1:]) if len(parts) > 1 else cell.source
