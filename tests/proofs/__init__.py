"""What is too slow for every test run, measured by verbs of its own and kept here with the hash of the code that it was measured on.

``speed.json`` is written by ``benchmarks/grading.py --submissions 200 --store``, ``kills.json`` by ``make kills``, ``binder.json`` by
``make binder``.
"""

import datetime
import hashlib
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT))

from tools import lessons  # noqa: E402
from tools.bare import bare, joined  # noqa: E402
from tools.reach import Reach  # noqa: E402

LAB = "lab02_rnn"
# The two ends of the engine: what a teacher calls, and what runs students' code in processes of its own.
ENGINE = """
from labs.grading.marks.engine import grade_class
from labs.grading.locked import zygote, child
grade_class, zygote.__dict__, child.__dict__
"""
IMPORTS = "import numpy, torch, matplotlib.pyplot"


def code_hash(root=ROOT):
    """SHA-256 over the code that grades and the cells of the lab that it was measured with; comments and messages do not count."""
    digest = hashlib.sha256()
    for name, text in Reach(ENGINE, root, "labs").texts(keep_checks=False):
        digest.update(name.encode() + b"\0" + text.encode() + b"\0")
    for cell in lessons.code_cells(root / "labs" / f"{LAB}.md"):
        digest.update(joined(bare(cell)).encode() + b"\0")
    return digest.hexdigest()


def binder_hash(root=ROOT):
    """SHA-256 over what ``make binder`` ran: Binder's files, what writes the notebooks, the lessons' code and the library's."""
    digest = hashlib.sha256()
    for file in (*sorted(root.glob("binder/*")), root / "tools/notebooks.py"):
        digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
    code = [(page, cell) for page in lessons.lessons(root) for cell in lessons.code_cells(page)]
    code += [(file, file.read_text(encoding="utf-8")) for file in sorted(root.glob("rnnlib/**/*.py"))]
    for file, text in code:
        digest.update(file.relative_to(root).as_posix().encode() + b"\0" + joined(bare(text, keep_checks=False)).encode())
    return digest.hexdigest()


def store(name, facts, code=None):
    """Write ``NAME.json``; ``code`` is the hash of what it was measured on, by default the engine's."""
    head = {"date": datetime.date.today().isoformat(), "code": code or code_hash()}
    (HERE / f"{name}.json").write_text(json.dumps({**head, **facts}, indent=1) + "\n", encoding="utf-8")


def stored(name):
    """What ``NAME.json`` says."""
    return json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))


def hand_in(folder, submissions):
    """So many submissions in a course that has released the lab: the model answer, a mistake in every third one, and imports before it."""
    from labs.grading.text import source

    released = json.loads((folder / "release" / LAB / f"{LAB}.ipynb").read_text(encoding="utf-8"))
    model = {source.meta(c).get("grade_id"): c.source for c in source.notebook(LAB).cells}
    for k in range(submissions):
        for cell in released["cells"]:
            meta = cell["metadata"].get("nbgrader", {})
            if meta.get("solution"):
                cell["source"] = model[meta["grade_id"]].replace(" + b_h)", ")" if k % 3 == 0 else " + b_h)")
        first = {"cell_type": "code", "id": "imports", "metadata": {}, "outputs": [], "execution_count": None, "source": IMPORTS}
        path = folder / "submitted" / f"s{k:03d}" / LAB / f"{LAB}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({**released, "cells": [first, *released["cells"]]}), encoding="utf-8")
