"""A lab on a student's own machine: the released notebook, in a folder of its own, in JupyterLab."""

import os
import subprocess
import sys
import sysconfig
import tempfile

from labs.grading.course import Course
from labs.grading.files import write_whole
from labs.grading.text.release import release


def workspace(course, lab):
    """The student's copy ``work/LAB/LAB.ipynb``, made from a fresh release if there is none; never overwritten."""
    path = course.work / lab / f"{lab}.ipynb"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # Windows: nbgrader may hold its database a moment longer
            released = release(Course(folder), lab)  # a course of its own: the gradebook of this one is not touched
            write_whole(path, released.read_bytes(), replace=False)
    return path


def open_lab(course, lab, browser=True):
    """Open the student's copy in JupyterLab and wait until it is closed; returns JupyterLab's exit status."""
    path = workspace(course, lab)
    print(f"Your copy: {path}\nTo start again from the released lab, delete it.", flush=True)
    command = [sys.executable, "-m", "jupyterlab", str(path)]
    if not browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # in a container, where JupyterLab would refuse
        command.append("--allow-root")
    data = {name: os.path.abspath(os.environ[name]) for name in ("RNNLIB_DATA", "RNNLIB_CACHE") if os.environ.get(name)}
    if os.name == "posix":  # a login shell, Jupyter's default where it has no terminal itself, would set the PATH anew
        command.append(f"--ServerApp.terminado_settings={{'shell_command': [{os.environ.get('SHELL') or 'sh'!r}]}}")
    programs = sysconfig.get_path("scripts")  # of this environment: a terminal or a cell of the lab says `nbgrader validate`
    return subprocess.call(command, env={**os.environ, **data, "PATH": os.pathsep.join([programs, os.environ.get("PATH", os.defpath)])})
