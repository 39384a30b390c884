"""What the tests of a lab have in common whose fresh answers are collected in ``tests/labs/fresh``.

Those answers were written from the students' notebook alone, before anybody looked at the hidden tests: a lab's test file imports
everything from here as it does from :mod:`lab_laws`.
"""

import ast
import importlib
import os
import re
import textwrap
import warnings

import pytest
from lab_laws import answers, model

from labs.grading.marks import trial
from labs.grading.text import source

VAGUE = re.compile(r"\d+ of \d+ entries|every entry is wrong: off by|cannot be compared")
CONSTANTS = ("0.0", "np.zeros(3)", "np.zeros((2, 3))", "(np.zeros((2, 3)), np.zeros((2, 3)))", "(np.zeros((2, 3)),) * 3")


def fresh(lab):
    """The fresh answers of a lab."""
    return importlib.import_module(f"fresh.{lab.LAB}")


def whys(message):
    """Why each lost case of a part is lost."""
    return [line.strip() for line in message.split("\n") if line.startswith(" " * 9)]


@pytest.mark.slow
def test_fresh_mistakes_are_caught_and_located(lab):
    kept, vague, unseen, marks = [], [], [], {}
    for name, (part, old, new) in fresh(lab).WRONG.items():
        answer = textwrap.dedent(new) if old is None else fresh(lab).BASE[part].replace(old, new)
        t = trial.run(lab.LAB, {part: answer.strip()}, parts=[part])
        marks[name] = t.marks[part]
        kept += [name] if t.marks[part] == lab.POINTS[part] else []
        unseen += [] if f"{part}_check" in t.errors else [name]
        vague += [] if any(not VAGUE.search(why) for why in whys(t.messages[part])) else [name]
        assert "cannot be compared" not in t.messages[part], (name, t.messages[part])
    assert len(marks) >= 25
    assert len(kept) <= 0.05 * len(marks), kept
    assert len(vague) <= 0.3 * len(marks), vague
    assert len(unseen) <= 0.5 * len(marks), unseen


@pytest.mark.slow
def test_the_same_mistake_gets_the_same_mark_from_every_student(lab):
    wrong = list(fresh(lab).WRONG.items())
    for k, (name, (part, old, new)) in enumerate(wrong):
        if part == "train_model":  # its language is the same for all
            continue
        answer = textwrap.dedent(new) if old is None else fresh(lab).BASE[part].replace(old, new)
        students = range(20) if k % 12 == 0 else (k, k + 1)
        marks = {trial.run(lab.LAB, {part: answer.strip()}, parts=[part], student=f"student {s}").marks[part] for s in students}
        assert len(marks) == 1, (name, marks)


@pytest.mark.slow
def test_a_fresh_right_answer_loses_nothing(lab):
    for name, texts in fresh(lab).RIGHT.items():
        given = answers(texts)
        for part in given:
            for student, remote in (("ada", False), ("bob", True), ("cleo", True)):
                with warnings.catch_warnings(action="ignore"):  # a student's kernel shows a warning and goes on
                    t = trial.run(lab.LAB, {part: given[part]}, parts=[part], student=student, remote=remote)
                assert t.marks[part] == lab.POINTS[part] and f"{part}_check" not in t.errors, (name, part, t.messages, t.errors)


@pytest.mark.slow
def test_a_constant_answer_gets_nothing(lab):
    for part in lab.POINTS:
        names = [node.name for node in ast.parse(model(lab)[part]).body if isinstance(node, ast.FunctionDef)]
        for value in CONSTANTS:
            t = trial.run(lab.LAB, {part: "\n".join(f"def {name}(*args, **kwargs):\n    return {value}" for name in names)}, parts=[part])
            assert t.marks[part] == 0, (part, value, t.messages[part])


@pytest.mark.slow
def test_a_constant_in_the_right_shape_gets_nothing_and_fails_a_check(lab):
    for texts in getattr(fresh(lab), "CONSTANT", {}).values():
        for part, answer in texts.items():
            for student in ("ada", "bob"):
                t = trial.run(lab.LAB, {part: answer}, parts=[part], student=student)
                assert t.marks[part] == 0 and f"{part}_check" in t.errors, (part, answer, t.messages[part])


@pytest.mark.skipif(not os.environ.get("ALL_STUDENTS"), reason="takes an hour: make seeds")
def test_every_mistake_gets_the_same_mark_from_200_students(lab):
    for name, (part, old, new) in fresh(lab).WRONG.items():
        answer = textwrap.dedent(new) if old is None else fresh(lab).BASE[part].replace(old, new)
        marks = {trial.run(lab.LAB, {part: answer.strip()}, parts=[part], student=f"student {s}").marks[part] for s in range(200)}
        assert len(marks) == 1, (name, marks)


def test_the_notebook_says_that_passing_its_checks_is_the_beginning(lab):
    cells = source.notebook(lab.LAB).cells
    assert "on paper: passing them is the beginning." in cells[0].source
    assert "speaks of these checks only: the hidden tests are not in your notebook" in cells[-1].source
