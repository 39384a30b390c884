"""Marks → one HTML page a student, and one CSV of grades."""

import csv
import io
import json
import pathlib
import tempfile

from labs.grading.build import RoadError
from labs.grading.journal import write_whole
from labs.grading.normalise import ABOUT


def feedback(course, lab):
    """Write ``feedback/STUDENT/LAB/LAB.html`` for everybody who is graded; returns the pages."""
    if not any(course.root.glob(f"autograded/*/{lab}")):
        raise RoadError(f"{lab}: no graded submissions in {course.root}. Run: python -m labs.grading grade --lab {lab}")
    with course.nbgrader() as api:
        result = api.generate_feedback(lab, force=True)
    if not result["success"]:
        raise RoadError(f"{lab}: nbgrader could not write the feedback:\n{result['log']}\n{result.get('error', '')}")
    return sorted(course.root.glob(f"feedback/*/{lab}/{lab}.html"))


def export(course, lab=None, to=None):
    """Write nbgrader's CSV of grades (of one lab, or of all), with a last column of notes, and return its path."""
    from nbgrader.plugins import CsvExportPlugin

    to = pathlib.Path(to) if to else course.root / "exports" / (f"{lab}.csv" if lab else "grades.csv")
    to.parent.mkdir(parents=True, exist_ok=True)
    plugin = CsvExportPlugin()
    plugin.assignment = [lab] if lab else []
    with course.book() as book, tempfile.TemporaryDirectory() as folder:
        plugin.to = str(pathlib.Path(folder) / "grades.csv")
        plugin.export(book)
        with open(plugin.to, newline="", encoding="utf-8") as file:
            head, *rows = list(csv.reader(file))
        names = [lab] if lab else [assignment.name for assignment in book.assignments]
        waiting = {(name, row.student.id) for name in names for row in book.assignment_submissions(name) if row.needs_manual_grade}
    place = {name: head.index(name) for name in ("assignment", "student_id")}
    for row in rows:
        name, student = row[place["assignment"]], row[place["student_id"]]
        notes = ["needs manual grading; those points count 0 until then"] if (name, student) in waiting else []
        row.append("; ".join([*notes, *notes_of(course, name, student)]))
    _write(to, [[*head, "note"], *rows])
    return to


def export_to(course, lab, platform, table, to=None, column=None):
    """Write the platform's own ``table`` of grades with the marks of a lab in it (see :func:`labs.grading.lms.fill`).

    Returns
    -------
    to : Path
    missing : list of str
        Students whom the table does not have.
    waiting : list of str
        Students whose marks are not final, because they need manual grading.
    """
    from labs.grading.lms import fill

    to = pathlib.Path(to) if to else course.root / "exports" / f"{lab}-{platform}.csv"
    to.parent.mkdir(parents=True, exist_ok=True)
    with course.book() as book:
        submissions = book.assignment_submissions(lab)
        marks = {r.student.id: (max(0.0, r.score - (r.late_submission_penalty or 0.0)), r.max_score) for r in submissions}
        waiting = sorted(r.student.id for r in submissions if r.needs_manual_grade)
    rows, missing = fill(platform, table, marks, lab, column)
    _write(to, rows)
    return to, missing, waiting


def notes_of(course, lab, student):
    """What was noted on the file that a student handed in."""
    path = course.folder("autograded", lab, student) / f"{lab}.ipynb"
    if not path.is_file():
        return []
    first = json.loads(path.read_text(encoding="utf-8"))["cells"][0]
    text = "".join(first["source"]) if first.get("id") == ABOUT else ""
    return [line[2:] for line in text.split("\n") if line.startswith("- ")]


def _write(path, rows):
    table = io.StringIO(newline="")
    csv.writer(table).writerows(rows)
    write_whole(path, table.getvalue().encode())
