"""The wheel and the sdist of rnnlib: what they say, what lies in them, and that the library imports only what it declares.

`make package` installs them in fresh environments and uses them there.
"""

import ast
import email
import inspect
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

import rnnlib
from rnnlib import book, viz

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
README = (ROOT / PROJECT["readme"]).read_text(encoding="utf-8")
BUILD = "from setuptools import build_meta as build; build.build_wheel('dist'); build.build_sdist('dist')"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """(wheel, sdist) of a copy of this checkout, built without the network."""
    if int(version("setuptools").split(".")[0]) < 77:
        # The suite also runs at the lowest versions that rnnlib allows (make package), and those have an older setuptools.
        pytest.skip("setuptools is too old to build the wheel: it does not know SPDX licences")
    folder = tmp_path_factory.mktemp("package")
    for name in ("pyproject.toml", "MANIFEST.in", "LICENSE", "README.md"):
        shutil.copy(ROOT / name, folder)
    for name in ("rnnlib", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run([sys.executable, "-c", BUILD], cwd=folder, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("dist/*.whl")), next(folder.glob("dist/*.tar.gz"))


def test_the_wheel_says_what_it_is(built):
    with zipfile.ZipFile(built[0]) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        said = email.message_from_bytes(wheel.read(name))
    assert (said["Name"], said["Version"], said["Requires-Python"]) == ("rnnlib", rnnlib.__version__, ">=3.11")
    assert said["License-Expression"] == "BSD-3-Clause" and said["Author"] == "The course team"
    assert {url.split(",")[0] for url in said.get_all("Project-URL")} == {"Homepage", "Repository", "Issues", "Changelog"}
    assert {"Typing :: Typed", "Programming Language :: Python :: 3.11"} <= set(said.get_all("Classifier"))
    assert said["Keywords"] and said["Description-Content-Type"] == "text/markdown"
    assert said.get_payload().strip() == README.strip()


def test_the_wheel_holds_the_whole_library_and_nothing_else(built):
    with zipfile.ZipFile(built[0]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    here = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("rnnlib/**/*") if path.is_file() and "__pycache__" not in path.parts}
    assert names == here
    assert {"rnnlib/py.typed", "rnnlib/viz/style.mplstyle", "rnnlib/data/manifest.json"} <= names


def test_the_sdist_carries_no_test_that_cannot_run(built):
    with tarfile.open(built[1]) as sdist:
        names = {name.split("/", 1)[1] for name in sdist.getnames() if "/" in name}
    assert [name for name in names if name.startswith("tests")] == []
    assert {"pyproject.toml", "LICENSE", "rnnlib/README.md", "rnnlib/py.typed", "rnnlib/viz/style.mplstyle"} <= names
    assert "README.md" not in names, "that is the course's"


def test_links_of_the_readme_hold_outside_of_the_repository():
    assert not re.findall(r"\]\((?!https://)[^)]*\)", README)


@pytest.mark.parametrize("number", range(2))
def test_the_readme_runs(number):
    examples = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(examples) == 2
    exec(compile("\n".join(examples[: number + 1]), "rnnlib/README.md", "exec"), {})


def unannotated(function):
    """Names of the parameters of a function that have no type, and ``return``."""
    found = inspect.signature(function)
    names = [name for name, p in found.parameters.items() if p.annotation is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return names + ["return"] * (found.return_annotation is found.empty)


def test_what_the_readme_calls_annotated_is():
    functions = [book.glue, book.note, book.source_of, book.source_text, book.weights]
    functions += [value for name in viz.__all__ if inspect.isfunction(value := getattr(viz, name))]
    assert len(functions) > 15
    assert {
        function.__name__: unannotated(function) for function in functions if inspect.isfunction(function) and unannotated(function)
    } == {}
    assert unannotated(lambda x, *y: x) == ["x", "return"]


# --- what the library imports -------------------------------------------------------------------------------------------------

BY_CHOICE = {"IPython", "sklearn"}  # used where they are, and never imported with a module


def requirements(*extras):
    """Names of the packages that an installation with these extras brings."""
    needs = [*PROJECT["dependencies"], *(need for extra in extras for need in PROJECT["optional-dependencies"][extra])]
    return {re.match(r"[\w-]+", need)[0] for need in needs}


def import_faults(path, source):
    """Packages that a file of rnnlib imports and that no installation which promises the file brings."""
    extras = {"nn": ("torch",), "train.py": ("torch",), "viz": ("viz",)}.get(Path(path).parts[1], ())
    tree, faults = ast.parse(source), []
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or "rnnlib"]
            roots = {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"rnnlib"} - requirements(*extras)
            faults += [f"{path} imports {root}" for root in roots - (set() if node in tree.body else BY_CHOICE)]
    return faults


@pytest.mark.parametrize("path", [path.relative_to(ROOT).as_posix() for path in sorted(ROOT.glob("rnnlib/**/*.py"))])
def test_the_library_imports_what_it_declares(path):
    assert import_faults(path, (ROOT / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("path", "source", "fault"),
    [
        ("rnnlib/data/fetch.py", "def f():\n    import requests", "requests"),
        ("rnnlib/scratch/rnn.py", "import torch", "torch"),
        ("rnnlib/nn/rnn.py", "import matplotlib", "matplotlib"),
        ("rnnlib/viz/show.py", "from IPython.display import display", "IPython"),
    ],
)
def test_checker_finds_an_import_that_is_not_declared(path, source, fault):
    assert import_faults(path, source) == [f"{path} imports {fault}"]
    assert import_faults("rnnlib/nn/rnn.py", "import torch, math\nfrom rnnlib import arrays\ndef f():\n    import IPython") == []
