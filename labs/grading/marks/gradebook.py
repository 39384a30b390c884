"""Results → nbgrader's gradebook and ``autograded`` folder, by one writer, in one transaction."""

import dataclasses
import json
import logging

import nbformat

from labs.grading.files import write_whole
from labs.grading.inbox.roster import called
from labs.grading.text import due


def merge(course, lab, results):
    """Write the results of a lab. Writing the same results again changes nothing; marks that a person gave are kept.

    A person is asked to look again only where the answer, or what the tests say of it, has changed since they gave their mark.

    Parameters
    ----------
    course : Course
    lab : str
    results : list of dict
        Of :func:`labs.grading.marks.marker.mark_submission`.
    """
    from nbgrader import utils

    results = sorted(results, key=lambda r: r["student"])
    with course.book() as book:
        commit, book.db.commit = book.db.commit, book.db.flush  # nbgrader commits at every step; a kill must find all or nothing
        held = [(n.grade_cells, n.solution_cells) for n in book.find_assignment(lab).notebooks]  # SQLAlchemy forgets what nobody holds
        try:
            for result in results:
                _record(book, utils, course, lab, result)
            commit()
            del held
        finally:
            book.db.commit = commit
    for result in results:
        _files(course, lab, result)


def _record(book, utils, course, lab, result):
    student = result["student"]
    book.update_or_create_student(student)
    stamp = course.folder("submitted", lab, student) / "timestamp.txt"
    when = {"timestamp": stamp.read_text(encoding="utf-8").strip()} if stamp.exists() else {}
    submission = book.update_or_create_submission(lab, student, **when)
    cells = {c.metadata.nbgrader.grade_id: c for c in nbformat.from_dict(json.loads(result["notebook"])).cells if "nbgrader" in c.metadata}
    notebook = next(n for n in submission.notebooks if n.name == lab)
    answers = _answers(course.folder("autograded", lab, student) / f"{lab}.ipynb")
    for row in notebook.grades:
        cell, before = cells[row.name], row.auto_score
        row.auto_score = result["marks"][row.name] if row.name in result["marks"] else utils.determine_grade(cell)[0]
        if row.manual_score is None:
            row.needs_manual_grade = row.auto_score is None or row.name in result["waiting"]
        elif row.auto_score != before or (row.auto_score is None and cell.source != answers.get(row.name)):
            row.needs_manual_grade = True
    for row in notebook.comments:
        untouched = cells[row.name].metadata.nbgrader.get("checksum") == utils.compute_checksum(cells[row.name])
        row.auto_comment = "No response." if untouched else None


def ask_person(course, lab, student, names):
    """Let the points of these test cells stay, and a person look at them."""
    with course.book() as book:
        for notebook in book.find_submission(lab, student).notebooks if names else ():
            for row in notebook.grades:
                row.needs_manual_grade = row.needs_manual_grade or row.name in names
        book.db.commit()


def _answers(path):
    """The text of every named cell of the notebook that was graded before."""
    if not path.exists():
        return {}
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return {c["metadata"]["nbgrader"]["grade_id"]: "".join(c["source"]) for c in cells if "nbgrader" in c["metadata"]}


def _files(course, lab, result):
    folder = course.folder("autograded", lab, result["student"])
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"{lab}.ipynb", result["notebook"].encode())
    stamp = course.folder("submitted", lab, result["student"]) / "timestamp.txt"
    if stamp.exists():
        write_whole(folder / "timestamp.txt", stamp.read_bytes())  # nbgrader leaves one that nobody may write to


def penalties(course, lab):
    """Extensions, then late penalties of a lab by the plugin that the course's nbgrader_config.py names."""
    from nbgrader.preprocessors import AssignLatePenalties

    given = due.extensions(course, lab, called(course, lab))
    if given is not None:
        due.extend(course, lab, given)
    with course.book() as book:
        submissions = book.assignment_submissions(lab)
        late = [row.student.id for row in submissions if row.total_seconds_late > 0 or row.late_submission_penalty]
    if late:
        with course.nbgrader() as api:
            step = AssignLatePenalties(parent=api)
            step.log.setLevel(logging.ERROR)
            for student in late:
                names = {"notebook": lab, "assignment": lab, "student": student, "db_url": course.gradebook}
                step.preprocess(nbformat.v4.new_notebook(), {"nbgrader": names})


@dataclasses.dataclass
class Graded:
    """What became of one submission: its score, whether a person must look, notes for staff and student, the most one can reach."""

    student: str
    score: float | None
    needs_person: bool
    notes: list
    max_score: float | None = None


def graded(course, lab, notes):
    """What the gradebook says of each student in ``notes``, which maps students to what was noted on their files; a list of Graded."""
    from nbgrader.api import MissingEntry

    if not notes:
        return []
    found = []
    with course.book() as book:
        for student, said in notes.items():
            try:
                row = book.find_submission(lab, student)
            except MissingEntry:
                found.append(Graded(student, None, True, said))
            else:
                found.append(Graded(student, row.score, bool(row.needs_manual_grade), said, row.max_score))
    return found
