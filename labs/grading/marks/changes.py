"""Which marks a run changed. The marks before it are on disk until the list is written: a run that is killed loses no change."""

import csv
import datetime
import io
import json

from labs.grading.files import write_whole

COLUMNS = ("when", "student", "part", "before", "after")
LATE, TOTAL = "late penalty", "total"


def remember(course, lab):
    """Keep the marks as they are now, unless those before an earlier run are still kept, which did not get to its end."""
    path = _before(course, lab)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(_marks(course, lab)).encode())


def changes(course, lab):
    """What is different since :func:`remember`, of students who had marks; it is added to ``reports/LAB-changes.csv``.

    Returns
    -------
    list of (student, part, before, after)
        Of each student the parts, then the late penalty and the total; None where a part had or has no mark.
    path : Path
    """
    before, after = json.loads(_before(course, lab).read_text(encoding="utf-8")), _marks(course, lab)
    found = [
        (student, part.removesuffix("_test"), old.get(part), new)
        for student, old in before.items()
        for part, new in after.get(student, {}).items()
        if new != old.get(part)
    ]
    path = course.root / "reports" / f"{lab}-changes.csv"
    if found:
        path.parent.mkdir(parents=True, exist_ok=True)
        now, table = datetime.datetime.now().astimezone().isoformat(timespec="seconds"), io.StringIO(newline="")
        writer = csv.writer(table)
        if not path.exists():
            writer.writerow(COLUMNS)
        writer.writerows((now, *row) for row in found)
        write_whole(path, (path.read_bytes() if path.exists() else b"") + table.getvalue().encode())
    _before(course, lab).unlink()
    return found, path


def _before(course, lab):
    return course.work / "before" / f"{lab}.json"


def _marks(course, lab):
    """Student → part → points, or None where nobody and nothing gave any."""
    from nbgrader.api import Assignment, BaseCell, Grade, SubmittedAssignment, SubmittedNotebook

    found = {}
    with course.book() as book:
        late = book.db.query(SubmittedAssignment.student_id, SubmittedAssignment.late_submission_penalty)
        late = dict(late.join(Assignment, SubmittedAssignment.assignment_id == Assignment.id).filter(Assignment.name == lab).all())
        rows = book.db.query(SubmittedAssignment.student_id, BaseCell.name, Grade.auto_score, Grade.manual_score, Grade.score)
        rows = rows.select_from(Grade).join(BaseCell, Grade.cell_id == BaseCell.id)
        rows = rows.join(SubmittedNotebook, Grade.notebook_id == SubmittedNotebook.id)
        rows = rows.join(SubmittedAssignment, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        rows = rows.join(Assignment, SubmittedAssignment.assignment_id == Assignment.id).filter(Assignment.name == lab)
        for student, part, auto, manual, score in rows.order_by(SubmittedAssignment.student_id, BaseCell.name):
            found.setdefault(student, {})[part] = None if auto is manual is None else score
    for student, marks in found.items():
        total = sum(score or 0.0 for score in marks.values())
        marks[LATE] = late.get(student) or 0.0
        marks[TOTAL] = max(0.0, total - marks[LATE])
    return found
