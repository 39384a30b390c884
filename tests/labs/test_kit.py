"""The students' kit of a lab: everything to begin, and no line of a solution or a hidden test."""

import json
import subprocess
import sys
import zipfile

import nbformat
import pytest

from labs.grading.course import Course, RoadError
from labs.grading.files import LABS
from labs.grading.text import kit, source
from labs.grading.text.release import secrets_of


def stand_in(course, lab):
    """A release without nbgrader."""
    nb = source.notebook(lab)
    for cell in nb.cells:
        cell.source = source.without_hidden(source.without_solution(cell))
    folder = course.folder("release", lab)
    folder.mkdir(parents=True)
    nbformat.write(nb, folder / f"{lab}.ipynb")
    return nb


@pytest.mark.parametrize("lab", source.names())
def test_a_kit_holds_all_that_a_student_needs_and_nothing_that_is_secret(tmp_path, lab):
    course = Course(tmp_path / "course")
    stand_in(course, lab)
    path = kit.kit(course, lab)
    assert path == course.root / "kits" / f"{lab}.zip" and kit.kit(course, lab).read_bytes() == path.read_bytes()
    with zipfile.ZipFile(path) as z:
        z.extractall(tmp_path / "student")
        texts = {name: z.read(name).decode("utf-8") for name in z.namelist()}
    inside = {name.removeprefix(f"{lab}/") for name in texts}
    assert {f"{lab}.ipynb", "requirements-student.txt", "BEGIN.md"} <= inside
    cells = json.loads(texts[f"{lab}/{lab}.ipynb"])["cells"]
    written = [text for name, text in texts.items() if not name.startswith(f"{lab}/rnnlib/")]  # the library is public
    everything = "\n".join([*written, *("".join(c["source"]) for c in cells)])
    secrets = secrets_of(source.notebook(lab))
    assert len(secrets) >= 20 and [line for _, line in secrets if line in everything] == []
    assert not any(word in name for name in inside for word in ("scratch", "nn/", "labs/", "grading"))
    pins = texts[f"{lab}/requirements-student.txt"].split()
    course_pins = (LABS.parent / "requirements.txt").read_text(encoding="utf-8").split()
    assert len(pins) == len(kit.PACKAGES) and set(pins) <= set(course_pins)
    begin = texts[f"{lab}/BEGIN.md"]
    assert f"jupyterlab {lab}.ipynb" in begin and str(LABS.parent) not in everything
    for text in (begin, "".join(cells[0]["source"]), "".join(cells[-1]["source"])):
        steps = "Ctrl+S", "Run All Cells", f".venv/bin/python -m nbgrader validate {lab}.ipynb", ".venv\\Scripts\\python", "hand in"
        assert all(step in text.lower() for step in map(str.lower, steps))


def test_lab_7_finds_its_language_in_the_kit_alone(tmp_path):
    course, lab = Course(tmp_path / "course"), source.find("7")
    stand_in(course, lab)
    with zipfile.ZipFile(kit.kit(course, lab)) as z:
        z.extractall(tmp_path)
    code = "import rnnlib, pathlib; from rnnlib.data.synthetic import new_language; print(pathlib.Path(rnnlib.__file__).resolve())"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / lab, capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.strip() == str((tmp_path / lab / "rnnlib/__init__.py").resolve())


@pytest.mark.parametrize("where", ["rnn_step", "rnn_step_test"])
def test_a_kit_with_a_secret_line_is_not_written(tmp_path, where):
    course = Course(tmp_path / "course")
    nb = stand_in(course, "lab02_rnn")
    line = next(line for name, line in secrets_of(source.notebook("lab02_rnn")) if name == where)
    nb.cells[0].source += "\n" + line
    nbformat.write(nb, course.folder("release", "lab02_rnn") / "lab02_rnn.ipynb")
    with pytest.raises(RoadError, match=f"the kit was not written because it would hold hidden text: {where}: "):
        kit.kit(course, "lab02_rnn")
    assert not (course.root / "kits").exists()


def test_a_kit_with_the_librarys_answers_is_not_written(tmp_path):
    course = Course(tmp_path / "course")
    nb = stand_in(course, "lab02_rnn")
    nb.cells.append(nbformat.v4.new_code_cell("from rnnlib.scratch import rnn"))
    nbformat.write(nb, course.folder("release", "lab02_rnn") / "lab02_rnn.ipynb")
    with pytest.raises(RoadError, match=r"the kit was not written because it would hold hidden text: .*rnnlib/scratch/"):
        kit.kit(course, "lab02_rnn")


def test_without_a_release_there_is_no_kit(tmp_path):
    with pytest.raises(FileNotFoundError, match="not released"):
        kit.kit(Course(tmp_path), "lab02_rnn")
