"""What honest students hand in: no text of theirs is lost, no point either, and both engines give the same marks."""

import copy
import html
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys

import nbformat
import pytest
from hand_ins import ANY_LAB, HAND_INS, solved, text

from labs.grading.course import Course
from labs.grading.files import LABS
from labs.grading.inbox.rebuild import rebuild
from labs.grading.inbox.submission import cells_in, read_file
from labs.grading.text import source

LAB, OTHERS = "lab02_rnn", ("lab03_bptt", "lab05_lstm")
ON_A_PAGE = (
    *("split_inside_a_function", "a_draft_that_does_not_parse_above_the_answer", "given_cells_reformatted_or_broken"),
    *("from_colab_with_magics_on_top", "shells_and_magics_between", "a_photo_pasted", "explanation_became_code"),
    *("explained_somewhere_else_and_nameless", "all_answers_at_the_end"),
)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is made of Linux's own means")]


def class_of(folder, lab, names):
    """A course in which each of these hand-ins is a student's, graded by the locked engine."""
    course = Course(folder)
    run("release", lab, course)
    released = json.loads(course.released(lab).read_text(encoding="utf-8"))
    base = solved(released, json.loads(nbformat.writes(source.notebook(lab))))
    for name in names:
        nb = copy.deepcopy(base)
        made = HAND_INS[name][0](nb)
        folder = course.folder("submitted", lab, name)
        folder.mkdir(parents=True)
        (folder / f"{lab}.ipynb").write_bytes(made if isinstance(made, bytes) else json.dumps(made or nb).encode())
    run("grade", lab, course, "--quiet", "--workers", "2")
    return course


def run(verb, lab, course, *more):
    """A command of the teacher's; returns what it printed."""
    env = {**os.environ, "PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "labs.grading", verb, "--lab", lab, "--course", str(course.root), *more]
    done = subprocess.run(command, cwd=LABS.parent, env=env, capture_output=True, encoding="utf-8", timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def graded(lockable, tmp_path_factory):
    """The whole collection on lab 2."""
    return class_of(tmp_path_factory.mktemp("class"), LAB, HAND_INS)


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


def expected(lab, name):
    """The marks of a hand-in: all points but those of the parts that are lost, and a person reads the explanation."""
    _, lost = HAND_INS[name]
    metas = [m for c in source.notebook(lab).cells if (m := source.meta(c)).get("points") and not m["solution"]]
    parts = {m["grade_id"].removesuffix("_test"): m["points"] for m in metas}
    explained = name not in ("nothing_written", "comments_that_explain_nothing")
    return {part: 0.0 if part in lost else points for part, points in parts.items()} | {"explain": None if explained else 0.0}


def own_lines(course, name):
    """The lines that a student wrote: those of no released cell."""
    cells, _ = cells_in(read_file(course.folder("submitted", LAB, name) / f"{LAB}.ipynb"))
    ours = {line.strip() for c in nbformat.read(course.released(LAB), 4).cells for line in c.source.split("\n")}
    lines = [re.sub(r"^(>>>|\.\.\.) ", "", line).strip() for _, _, text in cells for line in text.split("\n")]
    return [line for line in lines if line and line not in ours and not line.startswith("```")]


def same_marks(course, lab, names, folder):
    """Of the hand-ins that are the same once they are rebuilt, plain nbgrader grades one: they differ in their names only."""
    other, first = Course(folder), {}
    shutil.copyfile(course.root / "work" / "grading.key", other.root / "work" / "grading.key")
    (other.work / "course.json").unlink()  # it remembers the key that it was made with
    run("release", lab, other)
    master = nbformat.read(other.released(lab), 4)
    for name in names:
        file = course.folder("submitted", lab, name) / f"{lab}.ipynb"
        nb, _ = rebuild(master, cells_in(read_file(file))[0])
        same = first.setdefault(json.dumps(nb.cells), name)
        if same == name:
            shutil.copytree(file.parent, other.folder("submitted", lab, name))
    run("grade", lab, other, "--quiet", "--engine", "nbgrader")
    locked, bare = marks(course), marks(other)
    assert set(bare) == set(first.values()) and {name: locked[name] for name in bare} == bare


def test_no_hand_in_loses_a_point_or_a_line(graded):
    got = marks(graded)
    for name in HAND_INS:
        assert got[name] == expected(LAB, name), name
        nb = json.loads((graded.folder("autograded", LAB, name) / f"{LAB}.ipynb").read_text(encoding="utf-8"))
        texts = "\n".join(map(text, nb["cells"])).replace("\u200b", "").replace("\\#", "#")
        assert [line for line in own_lines(graded, name) if line not in texts and line not in html.unescape(texts)] == [], name


def test_both_engines_give_the_same_marks(graded, tmp_path):
    same_marks(graded, LAB, HAND_INS, tmp_path / "plain")


@pytest.mark.parametrize("lab", OTHERS)
def test_other_labs_are_read_alike_and_both_engines_agree(lab, lockable, tmp_path):
    course = class_of(tmp_path / "locked", lab, ANY_LAB)
    assert marks(course) == {name: expected(lab, name) for name in ANY_LAB}
    same_marks(course, lab, ANY_LAB, tmp_path / "plain")


@pytest.mark.filterwarnings("ignore")  # nbgrader's and SQLAlchemy's own
@pytest.mark.parametrize("name", ON_A_PAGE)
def test_every_line_stands_on_the_feedback_page(graded, name):
    def letters(said):
        return re.sub(r"\W+", " ", said)

    with graded.nbgrader() as api:
        api.coursedir.student_id = name
        assert api.generate_feedback(LAB, force=True)["success"]
    page = (graded.folder("feedback", LAB, name) / f"{LAB}.html").read_text(encoding="utf-8")
    shown = letters(html.unescape(html.unescape(re.sub(r"<[^>]*>", "", page))).replace("\u200b", ""))
    assert [line for line in own_lines(graded, name) if letters(line) not in shown] == []
