"""A course folder: it can be moved, it belongs to one checkout and one command at a time, and its buttons are safe."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading

import nbformat
import pytest

from labs.grading.__main__ import main
from labs.grading.course import SETTINGS, Course
from labs.grading.desk.page import hidden_lines, shown
from labs.grading.files import LABS
from labs.grading.inbox.rebuild import rebuild
from labs.grading.marks.gradebook import merge
from labs.grading.text import source

LAB = "lab02_rnn"
OLD = 'get_config()\nload_subconfig("nbgrader_config.py", path={!r})\n'
SECRET = "_part.call"


def files(root):
    """Everything that lies in a folder, with its content."""
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def graded(root, student="ada"):
    """A released lab with one graded submission."""
    assert main(["release", "--lab", "2", "--course", str(root)]) == 0
    course = Course(root)
    folder = course.folder("submitted", LAB, student)
    folder.mkdir(parents=True)
    shutil.copy(course.released(LAB), folder)
    nb, _ = rebuild(nbformat.read(course.released(LAB), 4), [])
    full = {source.meta(c).get("grade_id"): c for c in source.notebook(LAB).cells}
    marks = {}
    for cell in nb.cells:
        meta = source.meta(cell)
        if meta.get("grade") and not meta.get("solution"):
            cell.source, marks[meta["grade_id"]] = full[meta["grade_id"]].source, 1.0
    merge(course, LAB, [{"student": student, "marks": marks, "notes": [], "waiting": [], "notebook": json.dumps(nb)}])
    return course


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return graded(tmp_path_factory.mktemp("a") / "course").root


@pytest.fixture
def moved(original, tmp_path):
    shutil.copytree(original, tmp_path / "elsewhere")
    return tmp_path / "elsewhere"


def refused(root, capsys, *words):
    """What a verb says in one line while it changes nothing."""
    before = files(root)
    assert main([*words, "--lab", "2", "--course", str(root)]) == 1
    said = capsys.readouterr().err.strip()
    assert "\n" not in said and files(root) == before
    return said


def nbgrader(root, *words, **env):
    command = [sys.executable, "-W", "ignore", "-m", "nbgrader", *words]
    env = {**os.environ, "PYTHONPATH": str(LABS.parent), "OMP_NUM_THREADS": "1", **env}
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, encoding="utf-8", timeout=300)
    return done.returncode, done.stdout + done.stderr


# --- moved, missing, foreign


def test_a_moved_course_writes_pages_without_a_hidden_line(moved):
    settings = (moved / "nbgrader_config.py").read_text(encoding="utf-8")
    assert settings == SETTINGS and str(LABS) not in settings
    assert main(["feedback", "--lab", "2", "--course", str(moved)]) == 0
    page = (moved / "feedback/ada" / LAB / f"{LAB}.html").read_text(encoding="utf-8")
    secret = hidden_lines(source.notebook(LAB))
    assert len(secret) > 100 and shown(page, secret) == [] and "rnn_step" in page


@pytest.mark.parametrize("verb", ["release", "collect", "grade", "feedback", "export"])
def test_without_its_settings_a_course_is_refused(moved, capsys, verb):
    (moved / "nbgrader_config.py").unlink()
    assert "nbgrader_config.py is missing" in refused(moved, capsys, verb)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ("c = get_config()\n", "expected settings that load this checkout's"),
        ("c = get_config()\nload_subconfig('nbgrader_config.py', path='/no/such/labs')\nc.x.y = 1\n", "a path that is no more"),
        ("c = (\n", "SyntaxError"),
        ("import sys\nsys.exit('not here')\n", "not here"),
        ("", "expected settings that load this checkout's"),
    ],
)  # fmt: skip
def test_settings_of_another_course_are_refused(moved, capsys, settings, word):
    (moved / "nbgrader_config.py").write_text(settings, encoding="utf-8")
    assert word in refused(moved, capsys, "feedback")


@pytest.mark.parametrize("path", ["/no/such/labs", str(LABS)])
def test_settings_of_version_0_1_are_replaced(moved, path):
    (moved / "nbgrader_config.py").write_text(OLD.format(path), encoding="utf-8")
    Course(moved)
    assert (moved / "nbgrader_config.py").read_text(encoding="utf-8") == SETTINGS


@pytest.mark.parametrize(
    ("key", "word"),
    [(None, "grading.key is missing"), ("", "64 hexadecimal"), ("x" * 64, "64 hexadecimal"), ("0" * 64, "another course's")],
)
def test_a_key_that_is_missing_or_another_courses_is_refused(moved, capsys, key, word):
    path = moved / "work/grading.key"
    if key is None:
        path.unlink()
    else:
        path.write_text(key, encoding="ascii")
    for verb in ("grade", "release"):
        assert word in refused(moved, capsys, verb)


def test_a_course_that_lost_its_key_and_all_of_work_is_refused(moved, capsys):
    shutil.rmtree(moved / "work")
    assert "grading.key is missing" in refused(moved, capsys, "grade")


def test_a_gradebook_that_is_missing_or_another_courses_is_refused(moved, tmp_path, capsys):
    (moved / "gradebook.db").rename(tmp_path / "mine.db")
    for verb in ("release", "grade", "feedback", "export"):
        said = refused_but_for_the_lock(moved, capsys, verb)
        assert "gradebook.db is missing" in said and "marks by hand" in said
    (moved / "gradebook.db").write_bytes(b"not a database, but long enough to be looked at as one" * 20)
    assert "expected a database of nbgrader's" in refused_but_for_the_lock(moved, capsys, "grade")
    other = graded(tmp_path / "other", "ben")
    shutil.copy(other.root / "gradebook.db", moved / "gradebook.db")
    assert "does not know 1 of the 1 graded submissions" in (said := refused_but_for_the_lock(moved, capsys, "grade")) and "(ada)" in said


def refused_but_for_the_lock(root, capsys, verb):
    (root / "work/lock").touch()  # the one file that asking makes
    return refused(root, capsys, verb)


# --- two checkouts, two commands


def test_two_checkouts_on_one_course_are_both_named(moved, tmp_path, capsys):
    other = tmp_path / "second"
    (other / "labs/grading").mkdir(parents=True)
    (other / "labs/grading/course.py").touch()
    about = moved / "work/course.json"
    about.write_text(json.dumps({**json.loads(about.read_text(encoding="utf-8")), "checkout": str(other / "labs")}), encoding="utf-8")
    said = refused(moved, capsys, "grade")
    assert str(other) in said and str(LABS.parent) in said and "course.json" in said
    shutil.rmtree(other)
    Course(moved)  # that checkout was moved or deleted
    assert json.loads(about.read_text(encoding="utf-8"))["checkout"] == str(LABS)


def test_the_labs_of_another_checkout_are_no_course_folder(tmp_path, capsys):
    (tmp_path / "labs/grading").mkdir(parents=True)
    (tmp_path / "labs/grading/course.py").touch()
    said = refused(tmp_path / "labs", capsys, "release")
    assert f"the checkout {tmp_path} " in said and str(LABS.parent) in said


def test_two_runs_at_once_on_one_course_the_second_names_the_first(moved, capsys):
    entered, leave = threading.Event(), threading.Event()

    def work():
        with Course(moved).at_work("grade"):
            entered.set()
            leave.wait(30)

    first = threading.Thread(target=work)
    first.start()
    try:
        assert entered.wait(30)
        for verb in ("grade", "collect", "release", "feedback"):
            said = refused(moved, capsys, verb)
            assert re.search(r"`grade` of \S+ on \S+ \(process \d+, since \d\d:\d\d:\d\d\) is at work", said)
        assert main(["export", "--lab", "2", "--course", str(moved)]) == 0, "who only reads need not wait"
    finally:
        leave.set()
        first.join()
    with Course(moved).at_work("grade"):
        pass
    assert not (moved / "work/at-work.txt").exists()


def test_a_killed_run_leaves_no_lock(moved):
    code = "import os, sys; from labs.grading.course import Course; Course(sys.argv[1]).at_work('grade').__enter__(); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", code, str(moved)], cwd=LABS.parent).returncode == 9
    with Course(moved).at_work("grade"):
        pass


# --- the buttons


@pytest.mark.parametrize(("command", "verb"), [("autograde", "grade"), ("generate_assignment", "release")])
def test_bare_nbgrader_refuses_and_names_our_command(moved, command, verb):
    before = files(moved)
    status, said = nbgrader(moved, command, LAB, "--force")
    assert status and f"python -m labs.grading {verb} --lab {LAB}" in said and str(moved) in said
    assert files(moved) == before, "nothing was graded, nothing was deleted"


def test_formgraders_buttons_refuse_or_go_through_our_page(moved):
    """What the handlers of Formgrader call, with the settings that they read."""
    code = f"""
import json
from nbgrader.apps.baseapp import NbGrader
from nbgrader.apps.api import NbGraderAPI
app = NbGrader()
app.initialize([])
api = NbGraderAPI(app.coursedir, parent=app)
print(json.dumps([api.autograde({LAB!r}, "ada"), api.generate_assignment({LAB!r}), api.generate_feedback({LAB!r})]))
"""
    before = files(moved)
    env = {**os.environ, "PYTHONPATH": str(LABS.parent)}
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, cwd=moved, env=env, capture_output=True, encoding="utf-8", timeout=300)
    grade, release, feedback = json.loads(done.stdout.splitlines()[-1])
    assert not grade["success"] and "labs.grading grade --lab lab02_rnn --student ada" in grade["log"] + grade["error"]
    assert not release["success"] and "labs.grading release --lab lab02_rnn" in release["log"] + release["error"]
    assert feedback["success"], feedback
    made = {name: text for name, text in files(moved).items() if before.get(name) != text}
    assert set(made) == {f"feedback/ada/{LAB}/{LAB}.html"}
    assert SECRET.encode() not in made.popitem()[1]


def test_nbgrader_elsewhere_ends_where_the_checkout_is_not_found(moved):
    hide = "import sys; sys.modules['labs'] = sys.modules['rnnlib'] = None; from nbgrader.apps.nbgraderapp import main; main()"
    command = [sys.executable, "-W", "ignore", "-c", hide, "autograde", LAB]
    done = subprocess.run(command, cwd=moved, capture_output=True, encoding="utf-8", timeout=300)
    assert done.returncode and "the course's checkout was not found" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "lines",
    [
        "c.GenerateFeedback.preprocessors = ['nbgrader.preprocessors.GetGrades']",
        "c.GenerateFeedback.exporter_class = 'nbconvert.exporters.HTMLExporter'",
        "c.SafePage.enabled = False",
    ],
)
def test_no_setting_makes_feedback_show_a_hidden_test(moved, capsys, lines):
    path = moved / "nbgrader_config.py"
    path.write_text(SETTINGS + "c.GenerateFeedback.preprocessors += []\n" + lines + "\n", encoding="utf-8")
    main(["feedback", "--lab", "2", "--course", str(moved)])
    for page in moved.glob("feedback/**/*.html"):
        assert shown(page.read_text(encoding="utf-8"), hidden_lines(source.notebook(LAB))) == []


def test_a_page_with_a_hidden_line_is_not_written(moved, capsys, monkeypatch):
    monkeypatch.setattr("labs.grading.desk.page.SafePage.preprocess_cell", lambda self, cell, resources, index: (cell, resources))
    assert main(["feedback", "--lab", "2", "--course", str(moved)]) == 1
    assert "lines of hidden tests" in capsys.readouterr().err and not list(moved.glob("feedback/**/*.html"))


def test_a_hidden_line_that_a_student_wrote_too_is_theirs():
    nb = source.notebook(LAB)
    line = sorted(hidden_lines(nb))[0]
    nb.cells.insert(2, nbformat.v4.new_code_cell(line))
    assert line not in hidden_lines(nb) and len(hidden_lines(nb)) > 100
    assert shown(f"<pre><span>{line[:3]}</span>{line[3:]}</pre>".replace("&", "&amp;"), {line}) == [line]
    assert re.search(r"\S", line)
