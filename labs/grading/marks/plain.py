"""Collected submissions → marks in nbgrader's gradebook, by nbgrader itself: one kernel a student, one student after another."""

import dataclasses
import shutil

import nbformat
import tqdm

from labs.grading.course import chosen
from labs.grading.inbox.rebuild import ABOUT, about, normalise
from labs.grading.inbox.submission import PROBLEM
from labs.grading.marks.gradebook import ask_person, graded, penalties
from labs.grading.marks.persons import persons


def grade_class(course, lab, students=None, force=False, progress=True):
    """Grade everybody (or ``students``); who has been graded is left alone unless ``force``.

    Returns
    -------
    list of Graded
    """
    released = course.released(lab)
    todo = [s for s in chosen(course, lab, students) if force or not course.folder("autograded", lab, s).exists()]
    done = []
    with course.nbgrader(submitted="work/clean") as api:
        for student in tqdm.tqdm(todo, desc=lab, unit="submission", disable=not progress):
            done.append(_student(course, api, lab, student, released))
    if course.students(lab):
        penalties(course, lab)  # of all: a date or an extension may have changed
    scores = {g.student: g.score for g in graded(course, lab, {g.student: g.notes for g in done})}
    return [g if g.score is None else dataclasses.replace(g, score=scores[g.student]) for g in done]


def _student(course, api, lab, student, released):
    original = course.folder("submitted", lab, student)
    problem = original / PROBLEM
    nb, notes = normalise(released, original / f"{lab}.ipynb", problem.read_text(encoding="utf-8") if problem.exists() else "")
    said, waiting = persons(nbformat.read(released, 4), nb)
    notes += said
    if said:
        nb.cells = [about(notes), *(cell for cell in nb.cells if cell.id != ABOUT)]
    result = _autograde(course, api, lab, student, nb)
    if not result["success"]:
        # The kernel was killed, or something that nbgrader cannot grade: no points, and a person is told.
        notes.append("the notebook stopped the grader: no points until a person has looked at it")
        nb, _ = normalise(released, original / "nothing was handed in")
        nb.cells[0].source = "**This notebook stopped the grader.** A person will look at it."
        result = _autograde(course, api, lab, student, nb)
    ask_person(course, lab, student, waiting)
    [done] = graded(course, lab, {student: notes})
    return done if result["success"] else dataclasses.replace(done, score=None, needs_person=True)


def _autograde(course, api, lab, student, nb):
    clean = course.work / "clean" / student / lab
    shutil.rmtree(clean, ignore_errors=True)
    clean.mkdir(parents=True)
    nbformat.write(nb, clean / f"{lab}.ipynb")
    stamp = course.folder("submitted", lab, student) / "timestamp.txt"
    if stamp.exists():
        shutil.copyfile(stamp, clean / "timestamp.txt")
    try:
        return api.autograde(lab, student, force=True, create=True)
    finally:
        shutil.rmtree(course.work / "clean" / student, ignore_errors=True)
