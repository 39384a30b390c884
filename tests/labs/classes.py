"""A class whose marks are made up, so that a test of the desk needs no grader."""

import json
import pathlib
import shutil
import warnings

import nbformat
import pytest

from labs.grading.__main__ import main
from labs.grading.course import Course
from labs.grading.marks.gradebook import merge
from labs.grading.text import source


def result(released, student, lost=(), note=None, answer="h = 1"):
    """What the engine gives for a submission: full marks but for the parts in ``lost``."""
    nb = nbformat.from_dict(json.loads(json.dumps(released)))
    marks = {}
    for cell in nb.cells:
        meta = source.meta(cell)
        name = meta.get("grade_id")
        if meta.get("solution") and cell.cell_type == "code":
            cell.source = answer
        if meta.get("grade") and cell.cell_type == "code" and not meta.get("solution"):
            marks[name] = 0.0 if name in lost else float(meta["points"])
            why = "  [lost] <b>the mean</b>: 0 of 2\n         h: off by 0.123 <script>alert(1)</script>"
            said = f"{name}: 0 of 5 points\n{why if name in lost else '  [ ok ] all: 2 of 2'}\n"
            cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=said)]
        if name == "explain":
            cell.source = "my words"
    if note:
        nb.cells.insert(0, nbformat.v4.new_markdown_cell(f"**About the file**\n\n- {note}", id="about-this-file"))
    said = {"waiting": [], "notes": [note] if note else [], "notebook": json.dumps(nb)}
    return {"student": student, "marks": marks, **said, "layers": {}, "seconds": 1.0}


def graded(root, lost, lab="02", when="2026-11-01 11:00:00 UTC", **words):
    """A course in which ``lost``, student → parts that they lost, handed in a lab and were graded."""
    course, name = Course(root), source.find(lab)
    if not course.folder("release", name).exists():
        assert main(["release", name, "--course", str(root), "--due", "2026-11-01 12:00 UTC"]) == 0
    released = nbformat.read(course.released(name), 4)
    for student in lost:
        folder = course.folder("submitted", name, student)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "timestamp.txt").write_text(when, encoding="utf-8")
        nbformat.write(released, folder / f"{name}.ipynb")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of SQLAlchemy's, about nbgrader's own queries
        merge(course, name, [result(released, student, parts, **words) for student, parts in lost.items()])
    return course


@pytest.fixture(scope="session")
def released(tmp_path_factory):
    """A course in which lab 2 is released; a test works in a copy, because a release takes seconds."""
    return graded(tmp_path_factory.mktemp("released"), {}).root


def copied(released, root):
    """A copy of a course at ``root``."""
    shutil.copytree(released, root, dirs_exist_ok=True)
    return pathlib.Path(root)
