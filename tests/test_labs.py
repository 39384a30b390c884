"""The road of a lab, driven by real nbgrader commands: text source, release, zip files, marks, feedback, CSV."""

import csv
import json
import os
import pathlib
import re
import subprocess
import sys
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.slow

LAB, POINTS, BY_HAND = "lab02_rnn", 50.0, 6.0
UNLOCKED = "--Locked.unlocked=True"
MODEL, UNTOUCHED, WRONG, NOT_JSON, EMPTY = "ada", "ben", "cleo", "dan", "eve"


def run(*words, cwd=ROOT, ok=True, **more):
    """Run ``python -m WORDS`` and return what it printed."""
    env = {**os.environ, "PYTHONWARNINGS": "ignore", "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1", **more}
    done = subprocess.run([sys.executable, "-m", *map(str, words)], cwd=cwd, env=env, capture_output=True, encoding="utf-8", timeout=600)
    said = done.stdout + done.stderr
    assert not ok or done.returncode == 0, said
    return said


def answers(nb):
    return {c["metadata"]["nbgrader"]["grade_id"]: c for c in nb["cells"] if c["metadata"].get("nbgrader", {}).get("solution")}


def text(cell):
    return "".join(cell["source"])


def hand_in(archive, student, content):
    with zipfile.ZipFile(archive / f"{student}_{LAB}.zip", "w") as z:
        z.writestr(f"{LAB}.ipynb", content if isinstance(content, str) else json.dumps(content))


def solved(course, change=None):
    """The released notebook with the model solution, one answer changed."""
    released = json.loads((course / "release" / LAB / f"{LAB}.ipynb").read_text(encoding="utf-8"))
    full = answers(json.loads((course / "source" / LAB / f"{LAB}.ipynb").read_text(encoding="utf-8")))
    for grade_id, cell in answers(released).items():
        cell["source"] = text(full[grade_id]).replace("### BEGIN SOLUTION", "").replace("### END SOLUTION", "")
        if change and change[0] == grade_id:
            assert change[1] in cell["source"]
            cell["source"] = cell["source"].replace(*change[1:])
    return released


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course of its own, through all the steps once."""
    c = tmp_path_factory.mktemp("course")
    run("labs.grading", "build", "--lab", "2", "--course", c)
    run("nbgrader", "generate_assignment", LAB, UNLOCKED, cwd=c)
    archive = c / "downloaded" / LAB / "archive"
    archive.mkdir(parents=True)
    hand_in(archive, MODEL, solved(c))
    hand_in(archive, UNTOUCHED, json.loads((c / "release" / LAB / f"{LAB}.ipynb").read_text(encoding="utf-8")))
    hand_in(archive, WRONG, solved(c, ("temporal_affine", "dlogits.sum((0, 1))", "dlogits.mean((0, 1))")))
    hand_in(archive, NOT_JSON, "my homework, as promised")
    hand_in(archive, EMPTY, "")
    run("nbgrader", "zip_collect", LAB, cwd=c)
    said = run("nbgrader", "autograde", LAB, UNLOCKED, cwd=c, ok=False)  # the two broken ones make it complain
    (c / "bare.log").write_text(said, encoding="utf-8")
    (c / "rest.log").write_text(run("labs.grading", "grade", "--lab", "2", "--course", c, "--quiet"), encoding="utf-8")
    mark = "from labs.grading.course import Course; import sys; b = Course(sys.argv[1]).book(); "
    mark += f"b.find_grade('explain', '{LAB}', '{LAB}', '{MODEL}').manual_score = {BY_HAND}; b.db.commit(); b.close()"
    subprocess.run([sys.executable, "-W", "ignore", "-c", mark, c], cwd=ROOT, check=True)
    run("nbgrader", "generate_feedback", LAB, cwd=c)
    run("nbgrader", "export", "--to", c / "grades.csv", cwd=c)
    return c


def test_no_solution_and_no_hidden_test_is_released(course):
    full = json.loads((course / "source" / LAB / f"{LAB}.ipynb").read_text(encoding="utf-8"))
    released = (course / "release" / LAB / f"{LAB}.ipynb").read_text(encoding="utf-8")
    shown = "\n".join(text(c) for c in json.loads(released)["cells"])
    assert "BEGIN SOLUTION" not in released and "HIDDEN" not in released and "labs.grading" not in released
    pattern = r"(?s)### BEGIN (HIDDEN TESTS|SOLUTION)\n(.*?)### END \1"
    everything = "\n".join(text(c) for c in full["cells"])
    open_to_all = re.sub(pattern, "", everything).replace(text(answers(full)["explain"]), "")
    secret = {line.strip() for _, part in re.findall(pattern, everything) for line in part.split("\n") if len(line.strip()) > 12}
    assert len(secret) > 300
    assert [line for line in secret if line in shown and line not in open_to_all] == []
    assert text(answers(full)["explain"])[:40] not in shown
    assert "raise NotImplementedError()" in shown and "hidden tests run here" in shown


def scores(course):
    with open(course / "grades.csv", encoding="utf-8") as file:
        return {row["student_id"]: (float(row["score"]), float(row["max_score"])) for row in csv.DictReader(file)}


def test_model_answer_untouched_and_wrong_get_all_nothing_and_a_part(course):
    got = scores(course)
    assert got[MODEL] == (POINTS, POINTS)
    assert got[UNTOUCHED] == (0.0, POINTS)
    assert got[WRONG] == (POINTS - BY_HAND - 1.0, POINTS)  # one case of one part, and the explanation is not read yet


def test_a_file_that_is_not_a_notebook_costs_its_student_a_message_and_nobody_else_a_grade(course):
    got, rest = scores(course), (course / "rest.log").read_text(encoding="utf-8")
    assert got[NOT_JSON] == got[EMPTY] == (0.0, POINTS) and set(got) == {MODEL, UNTOUCHED, WRONG, NOT_JSON, EMPTY}
    assert "not a notebook (it is not valid JSON)" in rest and "the submitted file is empty" in rest
    assert "not valid JSON" in page(course, NOT_JSON) and "file is empty" in page(course, EMPTY)


def test_locked_processes_give_the_same_marks_as_bare_nbgrader(course):
    """Last but one to touch the gradebook: graded again by the course's own engine; what a person gave stays."""
    before, messages = scores(course), page(course, WRONG)
    said = run("labs.grading", "grade", "--lab", "2", "--course", course, "--quiet", "--force", ok=False)
    if "cannot sandbox" in said:
        pytest.skip(said)  # a kernel without the layers of the lock grades nobody, and says which one is missing
    run("labs.grading", "export", "--lab", "2", "--course", course, "--to", course / "grades.csv")
    assert scores(course) == before
    assert run("labs.grading", "feedback", "--lab", "2", "--course", course).startswith("Pages: 5, in ")
    report = re.compile(r"temporal_affine: 6 of 7 points.*?</pre>", re.S)
    assert report.search(page(course, WRONG))[0] == report.search(messages)[0], "the same numbers were drawn, the same words said"


def page(course, student):
    return (course / "feedback" / student / LAB / f"{LAB}.html").read_text(encoding="utf-8")


def test_feedback_names_the_mistake_and_shows_no_hidden_test(course):
    wrong = page(course, WRONG)
    assert "db_y: it is the mean over batch and time" in wrong and "6 of 7 points" in wrong
    assert "Score: 6.0 / 7.0" in wrong
    assert re.search(r"</a>: not read yet, counts 0 of 6 points until then", wrong), "an explanation that nobody has read"
    assert "not written yet" in page(course, UNTOUCHED)
    for student in (MODEL, UNTOUCHED, WRONG):
        assert not any(word in page(course, student) for word in ("_part.call", "_seq_mistakes", "HIDDEN TESTS"))


def test_a_student_can_validate_with_nothing_but_the_notebook(course, tmp_path):
    """By the command that the lab shows, without an environment that was activated: nothing of it is on the PATH."""
    (tmp_path / f"{LAB}.ipynb").write_bytes((course / "release" / LAB / f"{LAB}.ipynb").read_bytes())
    said = run("nbgrader", "validate", f"{LAB}.ipynb", cwd=tmp_path, PATH=os.defpath)
    assert "VALIDATION FAILED ON 8 CELL(S)" in said  # seven parts, and the explanation
    for function in ("rnn_step", "rnn_forward", "temporal_affine", "embedding_backward", "sample", "bidirectional"):
        assert f"AssertionError: {function}" in said
    assert "this function is not written yet" in said
    (tmp_path / f"{LAB}.ipynb").write_text(json.dumps(solved(course)), encoding="utf-8")
    assert "Success! Your notebook passes all the tests." in run("nbgrader", "validate", f"{LAB}.ipynb", cwd=tmp_path, PATH=os.defpath)
