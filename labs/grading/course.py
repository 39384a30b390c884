"""A course folder: where the source, the release, submissions, marks and feedback of its labs lie."""

import contextlib
import functools
import logging
import os
import pathlib
import secrets

from labs.grading.files import LABS, write_whole

_MISREAD = "[]*?%$"  # nbgrader reads its folder as a pattern, the address of its database as an escaped one, its settings' with $NAME


def for_nbgrader(root):
    """``root``, a folder in which nbgrader can work.

    Raises
    ------
    ValueError
        There is a character in its path that nbgrader would read as something else.
    """
    root = pathlib.Path(root).resolve()
    for path, what in ((root, "the course"), (LABS, "this checkout")):
        misread = (_MISREAD if path == root else "$%") + (os.pathsep if path == LABS else "")  # of PYTHONPATH
        if found := [c for c in misread if c in str(path)]:
            raise ValueError(
                f"{what}: expected a folder without any of {' '.join(misread)} in its path, got {path} "
                f"(nbgrader takes {found[0]} for something else)"
            )
    return root


class Course:
    """The folder ``root`` with nbgrader's layout ``STEP/STUDENT/LAB`` and a gradebook; made if it is missing."""

    def __init__(self, root=LABS):
        self.root = pathlib.Path(root).resolve()
        self.work.mkdir(parents=True, exist_ok=True)
        config = self.root / "nbgrader_config.py"
        if self.root != LABS and not config.exists():
            write_whole(config, f'get_config()\nload_subconfig("nbgrader_config.py", path={str(LABS)!r})\n'.encode())
        self.key()

    @property
    def work(self):
        """Where the engine keeps its own files."""
        return self.root / "work"

    @functools.cached_property
    def gradebook(self):
        """The address of nbgrader's database: what ``nbgrader_config.py`` says, else the file ``gradebook.db`` of this course."""
        with self._config() as config:
            return str(config.CourseDirectory.get("db_url", f"sqlite:///{self.root / 'gradebook.db'}"))

    def folder(self, step, lab, student="."):
        """The folder of a lab at one step."""
        return self.root / step / student / lab

    def key(self):
        """The secret that every student's numbers are drawn from; made once, then kept, so that a re-grade draws the same."""
        path = self.work / "grading.key"
        if not path.exists():
            write_whole(path, secrets.token_hex(32).encode(), mode=0o600, replace=False)
        return path.read_text(encoding="ascii").strip()

    def students(self, lab):
        """Who has handed in ``lab``, in order."""
        return sorted(p.parent.name for p in self.root.glob(f"submitted/*/{lab}") if p.is_dir())

    def released(self, lab):
        """The released notebook.

        Raises
        ------
        FileNotFoundError
            The lab has not been released in this course.
        """
        path = self.folder("release", lab) / f"{lab}.ipynb"
        if not path.exists():
            raise FileNotFoundError(f"{lab}: not released in {self.root}. Run: python -m labs.grading release --lab {lab}")
        return path

    def book(self):
        """nbgrader's gradebook, open, to be used in a ``with``.

        Raises
        ------
        FileNotFoundError
            Nothing has been released in this course.
        """
        from nbgrader.api import Gradebook

        if self.gradebook.startswith("sqlite:///") and not pathlib.Path(self.gradebook.removeprefix("sqlite:///")).exists():
            raise FileNotFoundError(f"{self.root}: no gradebook there. Run: python -m labs.grading release")
        return Gradebook(self.gradebook)

    @contextlib.contextmanager
    def nbgrader(self, **folders):
        """nbgrader's own interface on this course; ``folders`` renames a step's folder (``submitted="work/clean"``)."""
        from nbgrader.apps.api import NbGraderAPI

        for_nbgrader(self.root)
        with self._config() as config:
            config.CourseDirectory.root = str(self.root)
            config.CourseDirectory.db_url = self.gradebook
            for step, folder in folders.items():
                config.CourseDirectory[f"{step}_directory"] = folder
            api = NbGraderAPI(config=config)
            api.log_level = logging.WARNING
            yield api

    @contextlib.contextmanager
    def _config(self):
        """The settings of ``nbgrader_config.py``, read in this course's folder; what they do to the environment ends with the ``with``."""
        from traitlets.config.loader import PyFileConfigLoader

        with environment(), contextlib.chdir(self.root):
            yield PyFileConfigLoader("nbgrader_config.py", path=str(self.root)).load_config()


def chosen(course, lab, students):
    """Everybody who handed in, or ``students``.

    Raises
    ------
    ValueError
        One of them handed in nothing.
    """
    everyone = course.students(lab)
    unknown = sorted(set(students or ()) - set(everyone))
    if unknown:
        raise ValueError(f"students: expected students who handed in {lab}, got {', '.join(unknown)}")
    return students or everyone


class RoadError(Exception):
    """A step failed; the text says what to do."""


@contextlib.contextmanager
def environment(**values):
    """Set variables of this process's environment; what was there before comes back with the end of the ``with``."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
