"""Marks → tables: nbgrader's CSV with notes, or a platform's own table."""

import csv
import io
import pathlib
import tempfile

from labs.grading.desk.feedback import notes_of
from labs.grading.files import write_whole
from labs.grading.inbox import platforms
from labs.grading.inbox.tables import fill


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
    _write_table(to, [[*head, "note"], *rows])
    return to


def export_to(course, lab, platform, table, to=None, column=None):
    """Write the platform's own ``table`` of grades with the marks of a lab in it (see :func:`labs.grading.inbox.tables.fill`).

    ``platform`` is one of `labs.grading.inbox.platforms.PLATFORMS` by name.

    Returns
    -------
    to : Path
    missing : list of str
        Students whom the table does not have.
    waiting : list of str
        Students whose marks are not final, because they need manual grading.
    """
    known = platforms.find(platform)
    to = pathlib.Path(to) if to else course.root / "exports" / f"{lab}-{platform}.csv"
    to.parent.mkdir(parents=True, exist_ok=True)
    with course.book() as book:
        submissions = book.assignment_submissions(lab)
        marks = {r.student.id: (max(0.0, r.score - (r.late_submission_penalty or 0.0)), r.max_score) for r in submissions}
        waiting = sorted(r.student.id for r in submissions if r.needs_manual_grade)
    data, missing = fill(known, table, marks, lab, column)
    write_whole(to, data)
    return to, missing, waiting


def _write_table(path, rows):
    table = io.StringIO(newline="")
    csv.writer(table).writerows(rows)
    write_whole(path, table.getvalue().encode())
