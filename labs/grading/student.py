"""A lab on a student's own machine: the released notebook, in a folder of its own, in JupyterLab."""

import os
import shutil
import subprocess
import sys
import tempfile

from labs.grading.build import release
from labs.grading.course import Course


def workspace(course, lab):
    """The student's copy ``work/LAB/LAB.ipynb``, made from a fresh release if there is none; never overwritten."""
    path = course.work / lab / f"{lab}.ipynb"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            shutil.copyfile(release(Course(folder), lab), path)  # a course of its own: the gradebook of this one is not touched
    return path


def open_lab(course, lab, browser=True):
    """Open the student's copy in JupyterLab and wait until it is closed; returns JupyterLab's exit status."""
    path = workspace(course, lab)
    print(f"Your copy: {path}\nTo start again from the released lab, delete it.", flush=True)
    command = [sys.executable, "-m", "jupyterlab", str(path)]
    if not browser:
        command.append("--no-browser")
    if os.geteuid() == 0:  # in a container, where JupyterLab would refuse
        command.append("--allow-root")
    return subprocess.call(command)
