"""Marks → tables: nbgrader's columns with notes, or a platform's own table."""

import csv
import io
import pathlib

from labs.grading.desk.feedback import notes_of
from labs.grading.files import write_whole
from labs.grading.inbox import platforms
from labs.grading.inbox.roster import roster
from labs.grading.inbox.tables import fill

COLUMNS = (
    *("assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email"),
    *("raw_score", "late_submission_penalty", "score", "max_score", "note"),
)  # nbgrader's, and ours
NOTHING, NOT_GRADED, OUTSIDE = "nothing handed in", "handed in, not graded yet", "not in the roster"
WAITS = "needs manual grading; those points count 0 until then"


def export(course, lab, to=None):
    """Write a lab's grades as CSV, with nbgrader's columns and one of notes, and return its path.

    A student who is not graded has a row too: a note, and no score.
    """
    to = pathlib.Path(to) if to else course.root / "exports" / f"{lab}.csv"
    to.parent.mkdir(parents=True, exist_ok=True)
    people, there, rows = roster(course), course.students(lab), []
    with course.book() as book:
        graded = {row.student.id: row for row in book.assignment_submissions(lab)}
        assignment = book.find_assignment(lab)
        known = {student.id: student for student in book.students}
        for student in _rows(people, {*graded, *there}, known):
            row, person, names = graded.get(student), people and people.of_named(student), known.get(student)
            notes = [NOTHING if student not in there else NOT_GRADED] if row is None else [WAITS] if row.needs_manual_grade else []
            notes += [OUTSIDE] if people and person is None else []
            last, first = names_of(person, names)
            email = (person and person.email) or (names and names.email)
            late = row and (row.late_submission_penalty or 0.0)
            marks = [row.score, late, max(0.0, row.score - late)] if row else [None] * 3
            when = row and row.timestamp
            about = [lab, assignment.duedate, when, student, last, first, email, *marks, assignment.max_score]
            rows.append([*about, "; ".join([*notes, *notes_of(course, lab, student)])])
    write_table(to, [COLUMNS, *rows])
    return to


def everyone(people, students):
    """The students of a course in order: those of the roster, if there is one, and all others of ``students``."""
    return sorted({*people.outside(students), *map(people.named, people.persons)} if people else students)


def _rows(people, there, known):
    """The students with a row in the table of a lab: ``there``, and each other person of the roster and student of the course once."""
    if not people:
        return sorted({*there, *known})
    return sorted({*there, *map(people.named, people.missing(there)), *people.outside(known)})


def names_of(person, known):
    """Last and first name, of the roster or else of nbgrader's gradebook."""
    if person and person.name:
        first, _, last = person.name.rpartition(" ")
        return last, first
    return (known.last_name, known.first_name) if known else (None, None)


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
    ungraded : list of str
        Students who handed in and have no marks yet.
    scaled : bool
    excused : list of str
        As of :func:`labs.grading.inbox.tables.fill`.
    """
    known = platforms.find(platform)
    to = pathlib.Path(to) if to else course.root / "exports" / f"{lab}-{platform}.csv"
    to.parent.mkdir(parents=True, exist_ok=True)
    with course.book() as book:
        submissions = book.assignment_submissions(lab)
        marks = {r.student.id: (max(0.0, r.score - (r.late_submission_penalty or 0.0)), r.max_score) for r in submissions}
        waiting = sorted(r.student.id for r in submissions if r.needs_manual_grade)
    ungraded = [student for student in course.students(lab) if student not in marks]
    data, missing, scaled, excused = fill(known, table, marks, lab, column)
    write_whole(to, data)
    return to, missing, waiting, ungraded, scaled, excused


def write_table(path, rows):
    """Write rows as CSV, whole or not at all."""
    table = io.StringIO(newline="")
    csv.writer(table).writerows(rows)
    write_whole(path, table.getvalue().encode())
