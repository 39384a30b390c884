"""A lab that was edited after its release: one line before grading, not a mystery a student."""

import shutil

import nbformat
import pytest

from labs.grading.__main__ import main
from labs.grading.course import Course
from labs.grading.text import source, stale

LAB = "lab02_rnn"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("stale")
    assert main(["release", "--lab", "2", "--course", str(root)]) == 0
    return root


def edit(monkeypatch, change):
    """The lab's source, changed by ``change(grade_id → cell)``."""
    full = source.notebook(LAB)
    change({source.meta(c).get("grade_id", c.id): c for c in full.cells}, full)
    monkeypatch.setattr(source, "notebook", lambda lab: full)


def points(cells, full):
    source.meta(cells["rnn_step_test"])["points"] = 7


def rename(cells, full):
    source.meta(cells["rnn_step_test"])["grade_id"] = "step_test"


def gone(cells, full):
    full.cells.remove(cells["sample_test"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (points, "rnn_step_test gives 7 points (5 in the release)"),
        (rename, "step_test is new, rnn_step_test is gone"),
        (gone, "sample_test is gone"),
    ],
)
def test_points_and_names_that_changed_stop_grading_in_a_line(root, monkeypatch, capsys, change, words):
    edit(monkeypatch, change)
    assert main(["grade", "--lab", "2", "--course", str(root)]) == 1
    said = capsys.readouterr().err.strip()
    assert f"{LAB} was edited after its release: {words}. Release it again: " in said and "\n" not in said


def test_a_text_that_was_edited_is_named_and_a_hidden_test_or_an_answer_is_not(root, monkeypatch):
    released = nbformat.read(Course(root).released(LAB), 4)
    full = source.notebook(LAB)
    assert stale.renamed(released, full) == stale.revalued(released, full) == stale.edited(released, full) == []
    cells = {c.id: c for c in full.cells}
    cells["rnn_step_test"].source = cells["rnn_step_test"].source.replace("_part.call", "_part.call_it")
    cells["rnn_step"].source = cells["rnn_step"].source.replace("np.tanh", "torch.tanh")
    assert stale.edited(released, full) == [], "corrected tests and answers need no release"
    cells["setup"].source += "\nimport math"
    cells["rnn_step"].source = cells["rnn_step"].source.replace("W_hh, b_h):", "W_hh, b):")
    full.cells[0].source += " (new)"
    assert stale.edited(released, full) == ["text-0", "setup", "rnn_step"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Object of type")  # nbgrader adds a submission in two steps, and SQLAlchemy says so
def test_names_that_changed_after_grading_leave_the_release_as_it_was(root, tmp_path, monkeypatch, capsys):
    course = Course(shutil.copytree(root, tmp_path / "course"))
    path = course.released(LAB)
    before = path.read_bytes()
    with course.book() as book:
        book.add_student("ada")
        book.add_submission(LAB, "ada")
    edit(monkeypatch, rename)
    assert main(["release", "--lab", "2", "--course", str(course.root)]) == 1
    said = capsys.readouterr().err
    assert "step_test is new, rnn_step_test is gone since the release, and 1 graded submission has the old names" in said
    assert path.read_bytes() == before
