"""The marks of all labs in one table, with the weights of ``weights.csv``; a lab that was not handed in is told from one with 0 points."""

import collections
import dataclasses
import datetime
import math
import pathlib
import re

from labs.grading.course import RoadError
from labs.grading.desk.export import NOT_GRADED, NOTHING, OUTSIDE, everyone, names_of, write_table
from labs.grading.inbox.roster import called, roster
from labs.grading.inbox.tables import records
from labs.grading.text import due, source

FILE = "weights.csv"
WAITS = "needs manual grading"


@dataclasses.dataclass
class Lab:
    """What one lab brings to the table; ``why`` says why it does not count yet, and is empty where it does."""

    name: str
    weight: float
    most: float
    rows: dict
    there: list
    extended: dict
    why: str

    def __str__(self):
        return f"{self.name} (weight {self.weight:g}" + (f", {self.why})" if self.why else ")")


def weights(course):
    """Lab → weight, from the course's ``weights.csv``; None if there is no such file.

    Raises
    ------
    RoadError
        A line cannot be read; the text names it.
    """
    path = course.root / FILE
    if not path.exists():
        return None
    found = {}
    for where, word, said in records(path, "lab", "weight"):
        try:
            lab, weight = source.find(word), float(re.sub(r"\s*%$", "", said).replace(",", "."))
        except ValueError as problem:
            what = problem if str(problem).startswith("lab:") else f"weight: expected a number, got {said!r}"
            raise RoadError(f"{where}: {what}") from None
        if not (0.0 <= weight < math.inf):
            raise RoadError(f"{where}: weight: expected 0 or more, got {said}")
        if lab in found:
            raise RoadError(f"{where}: {lab} has two weights")
        found[lab] = weight
    if not any(found.values()):
        raise RoadError(f"{path}: expected a weight above 0, got none")
    return found


def labs_of(course):
    """The labs that were released in this course, in order."""
    with course.book() as book:
        return sorted({assignment.name for assignment in book.assignments} & set(source.names()))


def term(course, to=None, now=None):
    """Write one row a student with the marks of all labs and the total in percent, by default to ``exports/gradebook.csv``.

    A lab counts as soon as it is due and somebody is graded; then it counts 0 for a student who handed in nothing, unless their extension
    is not over. Late penalties are taken off. Without ``weights.csv`` all labs count the same; a lab that it does not name counts nothing.

    Returns
    -------
    path : Path
    labs : list of Lab
    """
    now = now or datetime.datetime.now(datetime.UTC)
    people, given, released = roster(course), weights(course), labs_of(course)
    path = pathlib.Path(to) if to else course.root / "exports" / "gradebook.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with course.book() as book:
        labs = [_lab(course, book, name, given, now, name in released) for name in sorted({*released, *(given or ())})]
        known = {student.id: student for student in book.students}
        rows = []
        for student in everyone(people, {*known, *(student for lab in labs for student in lab.there)}):
            person, cells, notes = people and people.of_named(student), [], []
            score, weight, final = 0.0, 0.0, True
            for lab in labs:
                name = next((name for name in (people.ids(student) if people else ()) if name in lab.rows or name in lab.there), student)
                marks, note, sure = _marks(lab, name, now)
                cells += (marks or (None, None)) if lab.name in released else ()
                notes += [f"{lab.name}: {note}"] if note else []
                if lab.weight and not lab.why:
                    final = final and sure
                    if marks or not lab.extended.get(name, now) > now:
                        weight += lab.weight
                        score += lab.weight * marks[0] / lab.most if marks and lab.most else 0.0
                    if name in lab.there and not marks:
                        score = math.nan
            total = round(100 * score / weight, 2) if weight and not math.isnan(score) else None
            notes += [OUTSIDE] if people and person is None else []
            email = (person and person.email) or (student in known and known[student].email) or None
            about = [student, *names_of(person, known.get(student)), email]
            rows.append([*about, *cells, total, "yes" if final and total is not None else "no", "; ".join(notes)])
    there = [lab for lab in labs if lab.name in released]
    titles = [title for lab in there for title in (f"{lab.name} (of {lab.most:g}, weight {lab.weight:g})", f"{lab.name} late penalty")]
    write_table(path, [["student_id", "last_name", "first_name", "email", *titles, "total_percent", "final", "note"], *rows])
    return path, labs


def split(labs):
    """Students who may be one, as lists: the same name with another number in each lab, as Moodle numbers them."""
    of = collections.defaultdict(lambda: collections.defaultdict(set))
    for lab in labs:
        for student in {*lab.there, *lab.rows}:
            of[student.rpartition("-")[0]][student].add(lab.name)
    alike = [list(ids.items()) for name, ids in sorted(of.items()) if name and len(ids) > 1]
    return [sorted(s for s, _ in ids) for ids in alike if sum(len(labs) for _, labs in ids) == len(set().union(*(labs for _, labs in ids)))]


def _lab(course, book, name, given, now, released):
    weight = 1.0 if given is None else given.get(name, 0.0)
    if not released:
        return Lab(name, weight, 0.0, {}, [], {}, "not released")
    end = due.due(course, name)
    rows = {row.student.id: row for row in book.assignment_submissions(name)}
    why = "no graded submission" if not rows else f"not due until {due.said(end)}" if end and end > now else ""
    extended = due.extensions(course, name, called(course, name)) or {}
    return Lab(name, weight, book.find_assignment(name).max_score, rows, course.students(name), extended, why)


def _marks(lab, student, now):
    """Points and late penalty, or None; a note; whether they are final."""
    row, until = lab.rows.get(student), lab.extended.get(student)
    notes = [f"extension until {due.said(until)}"] if until else []
    if row is None:
        open_still = until is not None and until > now
        notes.insert(0, NOT_GRADED if student in lab.there else NOTHING)
        if lab.why and student not in lab.there:
            return None, notes[1] if until else "", False
        return None, "; ".join(notes), student not in lab.there and not open_still
    late = row.late_submission_penalty or 0.0
    notes += [WAITS] if row.needs_manual_grade else []
    return (max(0.0, row.score - late), late), "; ".join(notes), not row.needs_manual_grade
