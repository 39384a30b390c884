"""Whether a feedback page shows the marks and comments that are in the gradebook now: both are hashed, and the page has the hash."""

import hashlib
import json
import pathlib
import re

from nbconvert.preprocessors import Preprocessor

from labs.grading.desk.comments import expanded, texts
from labs.grading.text import source

_STAMP = re.compile(r'<body data-marks="([0-9a-f]{16})">')


class Stamped(Preprocessor):
    """nbconvert preprocessor of the feedback pages, behind the one that fetches marks and comments: keys become texts, all is hashed."""

    enabled = True

    def preprocess(self, nb, resources):
        converter = getattr(self.parent, "parent", None)
        known = texts(converter.coursedir.root if converter else pathlib.Path.cwd())
        for cell in nb.cells:
            if comment := source.meta(cell).get("comment"):
                cell.metadata.nbgrader.comment = expanded(comment, known)
        marks = resources.get("nbgrader", {})
        marks["stamp"] = stamp_of(nb, marks.get("late_penalty"))
        return nb, resources


def stamp_of(nb, late):
    """The hash of the marks and comments in a notebook that nbgrader has put them into."""
    about = [source.meta(cell) for cell in nb.cells]
    marks = [(m["grade_id"], m["score"], m["points"]) for m in about if m.get("score") is not None]
    return _hash(marks, [(m["grade_id"], m["comment"]) for m in about if m.get("comment")], late)


def stamps(course, lab):
    """Student → the hash of their marks and comments in the gradebook."""
    known, found = texts(course.root), {}
    with course.book() as book:
        for row in book.assignment_submissions(lab):
            for notebook in row.notebooks:
                marks = [(grade.name, grade.score, grade.max_score) for grade in notebook.grades]
                said = [(comment.name, expanded(comment.comment, known)) for comment in notebook.comments if comment.comment]
                found[row.student.id] = _hash(marks, said, notebook.late_submission_penalty)
    return found


def pages(course, lab):
    """The pages that show what the gradebook says, student → (path, hash), and the students whose page is older or missing."""
    found, old = {}, []
    for student, stamp in sorted(stamps(course, lab).items()):
        path = course.folder("feedback", lab, student) / f"{lab}.html"
        shown = _STAMP.search(path.read_text(encoding="utf-8")) if path.is_file() else None
        if shown and shown[1] == stamp:
            found[student] = path, stamp
        else:
            old.append(student)
    return found, old


def _hash(marks, comments, late):
    text = json.dumps([sorted(marks), sorted(comments), late or 0.0])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
