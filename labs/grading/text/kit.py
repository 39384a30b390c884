"""What a student needs for one lab, as one zip: the released notebook, what it imports of ours, pinned packages, how to begin."""

import ast
import io
import re
import subprocess
import sys
import zipfile

import nbformat

from labs.grading.course import RoadError
from labs.grading.files import LABS, write_whole
from labs.grading.text import source
from labs.grading.text.release import leaks, secrets_of

ANSWERS = "rnnlib/scratch/", "rnnlib/nn/"
PACKAGES = ("torch", "numpy", "matplotlib", "ipykernel", "jupyterlab", "nbgrader")
BEGIN = """# {title}

You need Python 3.11, 3.12 or 3.13. In this folder, in a terminal:

    python -m venv .venv
    .venv/bin/python -m pip install -r requirements-student.txt
    .venv/bin/python -m jupyterlab {lab}.ipynb

On Windows, write .venv\\Scripts\\python in place of .venv/bin/python.

1. Write your answers in place of `raise NotImplementedError()` and run the check below each one.
   Save often: Ctrl+S, or Cmd+S on a Mac.
2. Before you hand in, choose Kernel, Restart Kernel and Run All Cells, and save.
3. Open a second terminal in this folder, or File, New, Terminal in JupyterLab, and validate:

       .venv/bin/python -m nbgrader validate {lab}.ipynb

   It repeats the checks of the notebook. If all pass, that is the beginning: your points come from hidden tests that you do not have.
4. Hand in the file {lab}.ipynb itself, under this name, where your course collects the lab.
"""
_LOADED = """
import importlib, pathlib, sys
for name in sys.argv[2:]: importlib.import_module(name)
root = pathlib.Path(sys.argv[1])
for m in [m for name, m in sys.modules.items() if name.split(".")[0] == "rnnlib"]:
    print(pathlib.Path(m.__file__).resolve().relative_to(root).as_posix())
"""
_DATE = (1980, 1, 1, 0, 0, 0)  # the same kit gives the same file


def kit(course, lab, to=None):
    """Write ``kits/LAB.zip`` of the course (or ``to``) from its release; returns the path.

    Raises
    ------
    FileNotFoundError
        The lab has not been released in this course.
    RoadError
        A file of the kit holds a solution or a hidden test, or the notebook imports a part of the library that answers labs.
    """
    released, full = course.released(lab), source.notebook(lab)
    nb = nbformat.read(released, 4)
    title = next((c.source.split("\n")[0].lstrip("# ") for c in nb.cells if c.source.startswith("# ")), lab)
    files = {
        f"{lab}.ipynb": released.read_bytes(),
        "requirements-student.txt": _requirements().encode(),
        "BEGIN.md": BEGIN.format(title=title, lab=lab).encode(),
    }
    found = leaks(nb, full)
    texts = "\n".join(data.decode("utf-8") for name, data in files.items() if name != f"{lab}.ipynb")
    found += [f"{name}: {line}" for name, line in secrets_of(full) if line in texts]
    for name in _ours(nb):  # the library is public, and a line such as `return value` is in it too; its answers to labs are not for a kit
        files[name] = (LABS.parent / name).read_bytes()
        found += [name] if name.startswith(ANSWERS) else []
    if found:
        raise RoadError(f"{lab}: the kit was not written because it would hold hidden text: " + "; ".join(found[:5]))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in files.items():
            info = zipfile.ZipInfo(f"{lab}/{name}", _DATE)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            z.writestr(info, data)
    path = to or course.root / "kits" / f"{lab}.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, packed.getvalue())
    return path


def _requirements():
    """The course's pins of what a lab needs."""
    pins = re.findall(r"^([\w-]+)==.+$", text := (LABS.parent / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    lines = [line for line in text.split("\n") if line.split("==")[0] in PACKAGES]
    missing = set(PACKAGES) - set(pins)
    if missing:
        raise RoadError(f"requirements.txt: expected pins of {', '.join(PACKAGES)}, got none of {', '.join(sorted(missing))}")
    return "\n".join(lines) + "\n"


def _ours(nb):
    """The files of rnnlib that a notebook's imports load, its synthetic data among them."""
    names = set()
    for cell in nb.cells:
        if cell.cell_type == "code":
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.ImportFrom) and node.module:
                    names.add(node.module)
                elif isinstance(node, ast.Import):
                    names |= {alias.name for alias in node.names}
    ours = sorted(name for name in names if name.split(".")[0] == "rnnlib")
    if not ours:
        return []
    command = [sys.executable, "-c", _LOADED, str(LABS.parent), *ours]
    done = subprocess.run(command, cwd=LABS.parent, capture_output=True, encoding="utf-8")
    if done.returncode:
        raise RoadError(f"the notebook's imports failed: {done.stderr.strip().splitlines()[-1]}")
    return sorted(set(done.stdout.split()))
