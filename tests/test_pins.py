"""The pins of requirements.txt and what the course imports: the same packages."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pages
import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = {"rnnlib", "labs", "tools", "tests", "proofs", "mutants", "fresh"} | {path.stem for path in (ROOT / "tests").rglob("*.py")}
OURS |= {path.stem for path in ROOT.glob("benchmarks/*.py")}
OPTIONAL = {"onnx", "onnxruntime", "reservoirpy"}  # of a script that says how to install them
NOT_IMPORTED = {  # pinned although no import names it: what uses it
    "jupyter-book": "make book runs it",
    "sphinx-book-theme": "Jupyter Book's theme",
    "myst-nb": "Jupyter Book reads lessons with it",
    "myst-parser": "under myst-nb",
    "sphinx-design": "Jupyter Book loads it",
    "sphinx-external-toc": "Jupyter Book loads it",
    "sphinx-exercise": "_config.yml",
    "sphinxcontrib-bibtex": "_config.yml",
    "sphinxext-opengraph": "_config.yml",
    "sphinx-thebe": "Jupyter Book loads it",
    "sphinx-togglebutton": "Jupyter Book loads it",
    "sphinx-copybutton": "Jupyter Book loads it",
    "sphinx-mathjax-offline": "its files: tools/rnnbook/formulas.py",
    "brotli": "fontTools writes WOFF2 with it",
    "ipykernel": "the kernel of lessons and labs",
    "ipywidgets": "tqdm.auto in a student's notebook warns without it",
    "jupyterlab": "make notebooks, make lab",
    "jupyterlab-myst": "shows lessons in JupyterLab",
    "pytest-xdist": "make test",
    "ruff": "make lint",
    "import-linter": "make lint",
}


def key(name):
    """A package's name as the index compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(text):
    """The packages that a text such as requirements.txt pins."""
    return {key(name) for name in re.findall(r"^([\w.-]+)(?:\[\w+\])?==", text, re.MULTILINE)}


def imports(source):
    """The packages that Python code imports or asks pytest for, without the standard library and our own."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.importorskip":
            found.add(node.args[0].value)
    return {name.partition(".")[0] for name in found} - sys.stdlib_module_names - OURS


def sources():
    """All Python code of the course: files and the cells of lessons and labs."""
    for folder in ("rnnlib", "labs/grading", "tools", "tests", "benchmarks"):
        for path in ROOT.glob(f"{folder}/**/*.py"):
            yield path.read_text(encoding="utf-8")
    for path in (*ROOT.glob("chapters/**/*.md"), *ROOT.glob("labs/lab*.md")):
        for cell in pages.cells(path.read_text(encoding="utf-8")):
            yield "\n".join(line for line in cell.source.splitlines() if not line.lstrip().startswith(("%", "!")))


@pytest.fixture(scope="module")
def imported():
    """The packages that provide what the course imports."""
    providers = packages_distributions()
    names = set().union(*map(imports, sources())) - OPTIONAL
    return {key(package) for name in names for package in providers.get(name, [name])}


@pytest.fixture(scope="module")
def pinned():
    return pins((ROOT / "requirements.txt").read_text(encoding="utf-8"))


def test_what_the_course_imports_is_pinned(imported, pinned):
    assert sorted(imported - pinned) == []


def test_what_is_pinned_is_used(imported, pinned):
    assert sorted(pinned - imported - set(NOT_IMPORTED)) == []
    assert sorted(set(NOT_IMPORTED) - pinned) == [], "no longer pinned"


def test_the_checkers_find_a_pin_and_an_import():
    assert pins("torch==2.13.0\n-e .\npsycopg[binary]==3.3.9\njupyterlab_myst==2.7.0\n") == {"torch", "psycopg", "jupyterlab-myst"}
    assert imports("import os, numpy.linalg\nfrom . import x\nfrom hypothesis import given\npytest.importorskip('pgserver')") == {
        "numpy",
        "hypothesis",
        "pgserver",
    }
