"""Submissions a minute: plain ``nbgrader autograde`` against ``labs.grading grade``, the same files in one run on this machine.

python benchmarks/grading.py                        12 submissions each, for a look (about a minute)
python benchmarks/grading.py --submissions 200      what the number in DECISIONS.md is measured with (about twelve minutes)

Each submission is lab 2 with the model answer, a mistake planted in every third one, and a first cell that imports numpy, torch and
matplotlib. Both engines do the whole road from ``submitted/`` to the gradebook, ours with isolation and trust on; the marks are compared.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from paired import machine  # noqa: E402

from labs.grading import source  # noqa: E402

LAB = "lab02_rnn"
IMPORTS = "import numpy, torch, matplotlib.pyplot"


def run(*words, cwd=ROOT):
    """Seconds that a program took; an error ends the benchmark with what it said."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "1"}
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", *map(str, words)], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return time.perf_counter() - start


def course(folder, submissions):
    """A course with lab 2 released and so many submissions."""
    run("labs.grading", "release", "--lab", "2", "--course", folder)
    released = json.loads((folder / "release" / LAB / f"{LAB}.ipynb").read_text())
    model = {source.meta(c).get("grade_id"): c.source for c in source.notebook(LAB).cells}
    for k in range(submissions):
        for cell in released["cells"]:
            meta = cell["metadata"].get("nbgrader", {})
            if meta.get("solution"):
                cell["source"] = model[meta["grade_id"]].replace(" + b_h)", ")" if k % 3 == 0 else " + b_h)")
        first = {"cell_type": "code", "id": "imports", "metadata": {}, "outputs": [], "execution_count": None, "source": IMPORTS}
        path = folder / "submitted" / f"s{k:03d}" / LAB / f"{LAB}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({**released, "cells": [first, *released["cells"]]}))
    return folder


def marks(folder):
    """Student → points by tests, from the gradebook."""
    from labs.grading.course import Course

    with Course(folder).book() as book:
        return {row.student.id: row.score for row in book.assignment_submissions(LAB)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--submissions", type=int, default=12)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    options = parser.parse_args()
    n = options.submissions
    print(machine())
    with tempfile.TemporaryDirectory() as root:
        plain, ours = (course(pathlib.Path(root) / name, n) for name in ("plain", "ours"))
        a = run("nbgrader", "autograde", LAB, cwd=plain)
        b = run("labs.grading", "grade", "--lab", "2", "--course", ours, "--quiet", "--workers", options.workers)
        if marks(plain) != marks(ours):
            sys.exit("the two engines give different marks")
    print(f"{n} submissions, the same marks")
    print(f"nbgrader autograde     {a:7.1f} s  {60 * n / a:6.1f} a minute")
    print(f"labs.grading grade     {b:7.1f} s  {60 * n / b:6.1f} a minute, {options.workers} workers, locked")
    print(f"ratio                  {a / b:7.1f}")


if __name__ == "__main__":
    main()
