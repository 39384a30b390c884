"""Text source → ``source/`` (with solutions and hidden tests) → ``release/`` (without)."""

import nbformat

from labs.grading.course import RoadError
from labs.grading.files import write_whole
from labs.grading.text import source


def build(course, lab):
    """Write the lab's full notebook into the course's ``source`` folder and return its path."""
    path = course.folder("source", lab) / f"{lab}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, nbformat.writes(source.notebook(lab)).encode())
    return path


def release(course, lab, due=None):
    """Build, let nbgrader make the student version, check that nothing hidden is left in it, and return its path.

    ``due`` is the due date, such as ``2027-01-15 23:59 Europe/Berlin`` (nbgrader's form; UTC if there is no time zone).

    Raises
    ------
    RoadError
        nbgrader refused, or the release holds a solution or a hidden test.
    """
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
    if due:
        from nbgrader.utils import parse_utc

        try:
            when = parse_utc(due)
        except (ValueError, OverflowError):
            raise RoadError(f"due: expected a date such as 2027-01-15 23:59 Europe/Berlin, got {due!r}") from None
        with course.book() as book:
            book.update_or_create_assignment(lab, duedate=when)
    return path


def leaks(released, full):
    """Lines of solutions and hidden tests of ``full`` that stand in ``released``, with the cell that they come from."""
    text = "\n".join(c.source for c in released.cells)
    ours = "\n".join(source.without_hidden(_without_solution(c)) for c in full.cells)
    found = []
    for cell in full.cells:
        secret = source.hidden(cell) + _solution(cell)
        for line in {line.strip() for line in secret.split("\n")}:
            if len(line) > 8 and line not in ours and line in text:
                found.append(f"{source.meta(cell).get('grade_id')}: {line}")
    return found + [marker for marker in ("HIDDEN TESTS", "BEGIN SOLUTION", "END SOLUTION") if marker in text]


def _solution(cell):
    if not source.meta(cell).get("solution"):
        return ""
    parts = cell.source.split("### BEGIN SOLUTION")
    return "".join(p.split("### END SOLUTION")[0] for p in parts[1:]) if len(parts) > 1 else cell.source


def _without_solution(cell):
    if not source.meta(cell).get("solution"):
        return cell.source
    parts = cell.source.split("### BEGIN SOLUTION")
    return parts[0] + "".join(p.partition("### END SOLUTION")[2] for p in parts[1:]) if len(parts) > 1 else ""
