"""What the tests of every lab have in common: its hidden tests are themselves tested.

A lab's test file defines four names and imports everything from here; the tests below then run in that file:

- ``LAB``, its name, and ``POINTS``, what each part is worth;
- ``WRONG``, planted mistakes by name: ``(part, what the model solution says, what the mistake says, words of the message)``; the second is
  None where the third is the whole answer, the last is None where no message can name the mistake (at most one in ten);
- ``RIGHT``, correct but different solutions by name: the text of answers by part.
"""

import textwrap
import types

import pytest

from labs.grading.marks import trial
from labs.grading.text import source, steps

READY_MADE = "this part asks you to write that yourself"


def pytest_generate_tests(metafunc):
    for table in ("wrong", "right"):
        if table in metafunc.fixturenames:
            metafunc.parametrize(table, list(getattr(metafunc.module, table.upper())))


@pytest.fixture
def lab(request):
    """The test file of a lab: LAB, POINTS, WRONG, RIGHT."""
    return request.module


def model(lab):
    """The text of every cell of the full notebook, by name."""
    return {source.meta(c).get("grade_id"): c.source for c in source.notebook(lab.LAB).cells}


def answers(table):
    """Answers that are written indented in a test file."""
    return {part: textwrap.dedent(text).strip() for part, text in table.items()}


def test_a_planted_mistake_loses_points_and_is_named(lab, wrong):
    part, old, new, words = lab.WRONG[wrong]
    text = model(lab)[part]
    assert old is None or old in text, "the model solution has changed: plant the mistake anew"
    planted = textwrap.dedent(new) if old is None else text.replace(old, new)
    t = trial.run(lab.LAB, {part: planted}, parts=[part])
    assert t.marks[part] < lab.POINTS[part]
    assert words is None or words in t.messages[part], t.messages[part]
    assert "cannot be compared" not in t.messages[part]
    if READY_MADE in t.messages[part]:  # and then it earns nothing, as the locked grader sees it too
        assert READY_MADE in trial.run(lab.LAB, {part: planted}, parts=[part], remote=True).messages[part]


def test_a_visible_check_needs_only_its_own_part(lab):
    """After a restart: no other part is written, and no other check has run."""
    cells = [(source.meta(c), source.without_hidden(c.source)) for c in source.notebook(lab.LAB).cells if c.cell_type == "code"]
    for part in lab.POINTS:
        space = types.ModuleType("lab").__dict__
        for about, text in cells:
            name = about.get("grade_id")
            if name == part or not (name in trial.QUIET or about.get("grade")):
                error = trial.execute(name, trial.stub(text) if about.get("solution") and name != part else text, space)
            elif name == f"{part}_check":
                error = trial.execute(name, text, space)
                assert error is None, (part, error)
                break


def test_a_correct_but_different_solution_gets_every_point(lab, right):
    given = answers(lab.RIGHT[right])
    for remote in (False, True):
        t = trial.run(lab.LAB, given, parts=list(given), remote=remote)
        for part in given:
            assert t.marks[part] == lab.POINTS[part], t.messages[part]


def test_enough_is_planted_and_nearly_every_mistake_is_named(lab):
    words = [entry[3] for entry in lab.WRONG.values()]
    assert len(words) >= 20 and len(lab.RIGHT) >= 6
    assert sum(w is not None for w in words) >= 0.9 * len(words)
    assert {entry[0] for entry in lab.WRONG.values()} == set(lab.POINTS), "every part has a planted mistake"
    assert {part for texts in lab.RIGHT.values() for part in texts} == set(lab.POINTS), "every part has another right solution"


def test_the_model_solution_gets_every_point_and_passes_the_visible_checks(lab):
    for student, remote in (("ada", False), ("bob", True), ("cleo", True)):
        t = trial.run(lab.LAB, student=student, remote=remote)
        assert t.marks == lab.POINTS, t.messages
        assert t.errors == {}


def test_the_untouched_release_gets_nothing_and_no_error_of_ours(lab):
    t = trial.run(lab.LAB, untouched=True)
    assert set(t.marks) == set(lab.POINTS) and not any(t.marks.values())
    assert all("not written yet" in m and "cannot be compared" not in m for m in t.messages.values())
    assert all("is not written yet" in e for e in t.errors.values()) and len(t.errors) == len(lab.POINTS)


def test_a_deleted_or_broken_answer_costs_its_own_part_only(lab):
    first = next(iter(lab.POINTS))
    broken = [*((part, "") for part in lab.POINTS), (first, "def half(:"), (first, "raise RuntimeError('half done')")]
    for part, text in broken:
        t = trial.run(lab.LAB, {part: text})
        assert t.marks == {**lab.POINTS, part: 0.0}, t.messages
        assert "is not defined" in t.messages[part]


def test_a_mistake_costs_its_own_part_only(lab):
    cells = model(lab)
    for part in lab.POINTS:
        _, old, new, _ = next(entry for entry in lab.WRONG.values() if entry[0] == part and entry[1])
        t = trial.run(lab.LAB, {part: cells[part].replace(old, new)})
        assert t.marks[part] < lab.POINTS[part] and t.marks == {**lab.POINTS, part: t.marks[part]}, t.messages


def test_points_that_are_printed_are_the_points_that_are_given(lab):
    cells = source.notebook(lab.LAB).cells
    graded = {source.meta(c)["grade_id"]: source.meta(c)["points"] for c in cells if source.meta(c).get("grade")}
    assert {k.removesuffix("_test"): float(v) for k, v in graded.items() if k.endswith("_test")} == lab.POINTS
    assert f"| Points | {sum(graded.values())}: " in cells[0].source
    for part, points in {**lab.POINTS, "explain": graded["explain"]}.items():
        assert f"{part} {points:g}" in cells[0].source
    assert all(v == 0 for k, v in graded.items() if k.endswith("_check"))
    assert f"`{lab.LAB}.ipynb`" in cells[-1].source and cells[-1].source.startswith("## Hand in")


def test_the_notebook_says_how_long_a_call_may_take(lab):
    assert steps.TIME in source.notebook(lab.LAB).cells[0].source
