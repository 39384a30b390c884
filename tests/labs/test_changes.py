"""Marks that a run changed: a line a part, on the screen and in a table, though the run before was killed."""

import csv

import pytest
from classes import copied, graded, released  # noqa: F401  a fixture

from labs.grading.__main__ import main
from labs.grading.marks import engine
from labs.grading.marks.changes import COLUMNS, changes, remember
from labs.grading.marks.gradebook import Graded

LAB, STEP, FORWARD = "lab02_rnn", "rnn_step_test", "rnn_forward_test"


@pytest.fixture
def root(released, tmp_path):  # noqa: F811
    return copied(released, tmp_path / "course")


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_a_regrade_lists_what_it_changed_and_nothing_else(root):
    course = graded(root, {"ada": (), "ben": {STEP}, "cy": ()})
    with course.book() as book:
        book.find_grade("explain", LAB, LAB, "ada").manual_score = 4.0
        book.db.commit()
    remember(course, LAB)
    graded(root, {"ada": {STEP}, "ben": {STEP}, "cy": (), "new": ()})
    found, path = changes(course, LAB)
    assert found == [("ada", "rnn_step", 5.0, 0.0), ("ada", "total", 48.0, 43.0)], "a mark by hand stays, and a first mark is no change"
    head, *rows = table(path)
    assert tuple(head) == COLUMNS and [row[1:] for row in rows] == [["ada", "rnn_step", "5.0", "0.0"], ["ada", "total", "48.0", "43.0"]]
    remember(course, LAB)
    assert changes(course, LAB) == ([], path) and len(table(path)) == 3


def test_a_run_that_was_killed_loses_no_change(root):
    course = graded(root, {"ada": (), "ben": ()})
    remember(course, LAB)
    graded(root, {"ada": {STEP}})  # and is killed
    remember(course, LAB)
    graded(root, {"ben": {FORWARD}})
    found, _ = changes(course, LAB)
    assert {row[:2] for row in found} == {("ada", "rnn_step"), ("ada", "total"), ("ben", "rnn_forward"), ("ben", "total")}


def test_late_penalties_and_marks_by_hand_are_changes_too(root):
    course = graded(root, {"ada": ()})
    remember(course, LAB)
    with course.book() as book:
        row = book.find_submission_notebook(LAB, LAB, "ada")
        row.late_submission_penalty = 4.5
        book.find_grade("explain", LAB, LAB, "ada").manual_score = 2.0
        book.db.commit()
    assert changes(course, LAB)[0] == [("ada", "explain", None, 2.0), ("ada", "late penalty", 0.0, 4.5), ("ada", "total", 44.0, 41.5)]


@pytest.mark.parametrize("score", [44.0, None])
def test_grade_says_what_it_changed_and_who_is_not_graded(root, monkeypatch, capsys, score):
    course = graded(root, {"ada": ()})

    def grade_class(course, lab, *words, **options):
        graded(root, {"ada": {STEP}})
        return [Graded("ada", score, score is None, [], 50.0)]

    monkeypatch.setattr(engine, "grade_class", grade_class)
    monkeypatch.setattr(engine, "check_system", lambda cluster: None)
    assert main(["grade", "2", "--quiet", "--course", str(course.root)]) == (score is None)
    said = capsys.readouterr().out
    assert "    ada: rnn_step: 5 → 0\n    ada: total: 44 → 39\nChanged marks: 2, of 1 students, added to " in said
    assert ("Not graded: 1 (ada)\n" in said) == (score is None)
