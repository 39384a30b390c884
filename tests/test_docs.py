"""The library keeps the house rules: docstrings that name every argument, light parts that stay light, imports one way."""

import ast
import importlib
import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path

import docs
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(("name", "function"), docs.surface().items(), ids=docs.surface().keys())
def test_docstring_names_arguments_and_result(name, function):
    assert docs.docstring_faults(name, function) == []


@pytest.mark.parametrize("module", docs.modules())
def test_everything_public_has_a_docstring(module):
    module = importlib.import_module(module)
    assert inspect.getdoc(module)
    for name, value in docs.public(module):
        assert inspect.getdoc(value), name
        if inspect.isclass(value) and not module.__name__.startswith("rnnlib.nn."):  # there a base class says what its hooks are for
            assert [method for method, _ in docs.methods(value) if not inspect.getdoc(getattr(value, method))] == [], name


def missing_lessons(sources, pages):
    """Labels that ``:ref:`` names in ``sources`` and no page has."""
    labels = {label for text in pages for label in re.findall(r"^\(([\w-]+)\)=$", text, re.MULTILINE)}
    return sorted({label for text in sources for label in re.findall(r":ref:`([\w-]+)`", text)} - labels)


def test_every_lesson_that_the_library_names_is_in_the_book():
    sources, pages = ([path.read_text(encoding="utf-8") for path in ROOT.glob(where)] for where in ("rnnlib/**/*.py", "chapters/**/*.md"))
    assert missing_lessons(sources, pages) == []
    assert missing_lessons(["Lesson: :ref:`one`, :ref:`two-b`."], ["(one)=\n# One\n"]) == ["two-b"], "a missing one is found"


def _undocumented(a, b):
    return a + b


def _half_documented(a, b):
    """Add.

    Parameters
    ----------
    a : float
    """
    return a + b


def _in_one_line(a, b):
    """The sum of ``a`` and ``b``."""
    return a + b


def _twice(a):
    """Add one to ``a``.

    Returns
    -------
    a : float

    Returns
    -------
    a : float
    """
    return a + 1


def test_checker_finds_a_poor_docstring():
    assert docs.docstring_faults("f", _undocumented) == ["f has no docstring"]
    assert docs.docstring_faults("f", _half_documented) == [
        "f: its docstring does not name b",
        "f: its docstring does not say what it returns",
    ]
    assert docs.docstring_faults("f", _in_one_line) == []
    (fault,) = docs.docstring_faults("f", _twice)
    assert fault.endswith("each once and in this order, got Returns, Returns")


def test_light_parts_load_neither_torch_nor_matplotlib():
    light = [name for name in docs.modules() if name.startswith(("rnnlib.scratch", "rnnlib.data", "rnnlib.gradcheck", "rnnlib.arrays"))]
    code = f"import sys, {', '.join(light)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "numpy" in loaded
    assert loaded & {"torch", "matplotlib", "IPython", "pandas", "requests"} == set()


def outside_imports(source):
    """Packages of this repository that the library must not know, and that ``source`` imports."""
    tree = ast.parse(source)
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return {name.split(".")[0] for name in names} & {"labs", "tests", "tools", "chapters"}


def test_library_knows_no_chapter_lab_or_test():
    assert outside_imports("from labs.grading import check\nimport tools.build") == {"labs", "tools"}
    for path in ROOT.glob("rnnlib/**/*.py"):
        assert outside_imports(path.read_text(encoding="utf-8")) == set(), path.name


def contracts(folder):
    """Run import-linter on a checkout."""
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=folder, capture_output=True, encoding="utf-8", check=False)
    return done.returncode, done.stdout + done.stderr


def test_import_contracts_hold():
    status, said = contracts(ROOT)
    assert status == 0, said


PLANTED = {
    "rnnlib/scratch/rnn.py": ("import torch", "rnnlib.scratch.rnn -> torch"),
    "labs/grading/locked/child.py": ("import labs.grading.text.hidden", "labs.grading.locked.child -> labs.grading.text.hidden"),
    "labs/grading/banned/words.py": ("import nbgrader", "labs.grading.banned.words -> nbgrader"),
    "labs/grading/inbox/safe.py": ("import labs.grading.marks.gradebook", "labs.grading.inbox.safe -> labs.grading.marks.gradebook"),
    "labs/grading/desk/report.py": ("import labs.grading.marks.engine", "labs.grading.desk.report -> labs.grading.marks.engine"),
}


def test_import_contracts_find_every_planted_import(tmp_path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in ("rnnlib", "labs/grading"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file, (line, _) in PLANTED.items():
        with open(tmp_path / file, "a", encoding="utf-8") as module:
            module.write(f"\n{line}\n")
    status, said = contracts(tmp_path)
    assert status != 0 and all(found in said for _, found in PLANTED.values()), said
