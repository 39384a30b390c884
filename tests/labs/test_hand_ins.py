"""What honest students hand in: no text of theirs is lost, no point either, and both engines give the same marks."""

import copy
import html
import json
import re
import shutil
import sqlite3
import sys

import nbformat
import pytest
from hand_ins import HAND_INS, solved, text

from labs.grading.course import Course
from labs.grading.inbox import rebuild as inbox
from labs.grading.inbox.submission import cells_in, read_file
from labs.grading.reading import arrange
from labs.grading.text import source
from labs.grading.text.release import release

LAB = "lab02_rnn"
POINTS = {
    "rnn_step": 5.0, "rnn_forward": 8.0, "temporal_affine": 7.0, "masked_cross_entropy": 8.0, "embedding_backward": 5.0, "sample": 6.0,
    "bidirectional": 5.0,
}  # fmt: skip
CUT = ("a_cell_of_very_many_lines", "a_very_long_explanation", "a_photo_pasted", "a_photo_attached")  # with a note on it


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course in which each hand-in of the collection is a student's."""
    course = Course(tmp_path_factory.mktemp("course"))
    released = json.loads(release(course, LAB).read_text(encoding="utf-8"))
    base = solved(released, json.loads(nbformat.writes(source.notebook(LAB))))
    for name, (builder, _) in HAND_INS.items():
        nb = copy.deepcopy(base)
        made = builder(nb)
        folder = course.folder("submitted", LAB, name)
        folder.mkdir(parents=True)
        (folder / f"{LAB}.ipynb").write_bytes(made if isinstance(made, bytes) else json.dumps(made or nb).encode())
    return course


@pytest.fixture(scope="module")
def graded(course):
    """The same course, graded by the locked engine."""
    from labs.grading.locked.sandbox import Unsafe
    from labs.grading.marks import engine

    try:
        engine.grade_class(course, LAB, progress=False, workers=2)
    except Unsafe as missing:
        pytest.skip(str(missing))
    return course


def marks(course):
    """Student → part → points, straight from the gradebook; None where a person must look."""
    with sqlite3.connect(course.root / "gradebook.db") as db:
        rows = db.execute(
            "select a.student_id, b.name, g.auto_score, g.needs_manual_grade from grade g "
            "join submitted_notebook n on n.id = g.notebook_id "
            "join submitted_assignment a on a.id = n.assignment_id join base_cell b on b.id = g.cell_id where b.name not like '%_check'"
        ).fetchall()
    db.close()
    found = {}
    for student, cell, score, person in rows:
        found.setdefault(student, {})[cell.removesuffix("_test")] = None if person else score
    return found


def own_lines(course, name):
    """The lines that a student wrote: those of no released cell."""
    cells, _ = cells_in(read_file(course.folder("submitted", LAB, name) / f"{LAB}.ipynb"))
    ours = {line.strip() for c in nbformat.read(course.released(LAB), 4).cells for line in c.source.split("\n")}
    lines = [re.sub(r"^(>>>|\.\.\.) ", "", line).strip() for _, _, text in cells for line in text.split("\n")]
    return [line for line in lines if line and line not in ours and not line.startswith("```")]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is made of Linux's own means")
def test_no_hand_in_loses_a_point_or_a_line(graded):
    got = marks(graded)
    for name, (_, lost) in HAND_INS.items():
        person = None if name not in ("nothing_written", "explained_in_an_answers_comments") else 0.0
        want = {part: 0.0 if part in lost else points for part, points in POINTS.items()} | {"explain": person}
        assert got[name] == want, name
        nb = json.loads((graded.folder("autograded", LAB, name) / f"{LAB}.ipynb").read_text(encoding="utf-8"))
        texts = "\n".join(map(text, nb["cells"])).replace("\u200b", "").replace("\\#", "#")
        missing = [line for line in own_lines(graded, name) if line not in texts and line not in html.unescape(texts)]
        assert missing == [], name


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is made of Linux's own means")
def test_both_engines_give_the_same_marks(graded, tmp_path, monkeypatch):
    """Of the hand-ins that are the same once they are rebuilt, plain nbgrader grades one: they differ in their names only."""
    from labs.grading.marks import plain

    monkeypatch.setattr(inbox, "arrange_apart", arrange.arrange)  # the same without a process for each
    other, first = Course(tmp_path / "plain"), {}
    shutil.copyfile(graded.root / "work" / "grading.key", other.root / "work" / "grading.key")
    release(other, LAB)
    for name in HAND_INS:
        file = graded.folder("submitted", LAB, name) / f"{LAB}.ipynb"
        nb, _ = inbox.normalise(other.released(LAB), file)
        same = first.setdefault(json.dumps([c for c in nb.cells if c.id != inbox.ABOUT]), name)
        if same == name:
            shutil.copytree(file.parent, other.folder("submitted", LAB, name))
    plain.grade_class(other, LAB, progress=False)
    locked, bare = marks(graded), marks(other)
    assert len(bare) == len(first) and {name: locked[name] for name in bare} == bare
