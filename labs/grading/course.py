"""A course folder: where the source, the release, submissions, marks and feedback of its labs lie."""

import contextlib
import functools
import getpass
import hashlib
import json
import logging
import os
import pathlib
import platform
import re
import secrets
import time

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


# No path in it: the folder can be moved, and so can the checkout. An error ends nbgrader, which would go on with its own settings.
SETTINGS = '''"""nbgrader's settings of this course folder: those of the checkout. Add your own at the end."""

import pathlib
import sys

c = get_config()
try:
    from labs.grading.files import LABS
except ImportError:
    try:
        import rnnlib

        sys.path.insert(0, str(pathlib.Path(rnnlib.__file__).resolve().parents[1]))
        from labs.grading.files import LABS
    except ImportError:
        sys.exit("nbgrader_config.py: the course's checkout was not found. Use the nbgrader of its .venv.")
load_subconfig("nbgrader_config.py", path=str(LABS))
'''
_BEFORE = re.compile(r"get_config\(\)\nload_subconfig\(\"nbgrader_config.py\", path=.*\)\n")  # what version 0.1 wrote
_MADE = ("work/grading.key", "work/journal", "gradebook.db", "release", "submitted", "autograded")
EXCHANGE = "/usr/local/share/nbgrader/exchange"  # where nbgrader has it
PAGE = "labs.grading.desk.page.SafePage"
FEEDBACK = [
    "nbgrader.preprocessors.GetGrades",
    "labs.grading.desk.fresh.Stamped",
    PAGE,
    "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
]


class Course:
    """The folder ``root`` with nbgrader's layout ``STEP/STUDENT/LAB`` and a gradebook; made if it is missing.

    Raises
    ------
    RoadError
        The settings or the key are missing or are another course's, or another checkout works in this folder. Nothing was written.
    """

    def __init__(self, root=LABS):
        self.root = pathlib.Path(root).resolve()
        made = [name for name in _MADE if (self.root / name).exists()]
        about = self._about()
        self._check_checkout(about)
        settings = self._check_settings(made)
        self._check_key(about, made)
        self.work.mkdir(parents=True, exist_ok=True)
        if settings:
            write_whole(self.root / "nbgrader_config.py", settings.encode())
        now = {"checkout": str(LABS), "key": _fingerprint(self.key())}
        if about != now:
            write_whole(self.work / "course.json", json.dumps(now, indent=1).encode())

    def _about(self):
        """Who worked here last, and with which key."""
        try:
            found = json.loads((self.work / "course.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _check_checkout(self, about):
        if self.root == LABS:  # a checkout's own course goes where the checkout goes, copies included
            return
        other = self.root if (self.root / "grading/course.py").exists() else pathlib.Path(about.get("checkout", LABS))
        if other != LABS and (other / "grading/course.py").exists():
            raise RoadError(
                f"{self.root}: the checkout {other.parent} works in this course folder, and this is the checkout {LABS.parent}. "
                f"Use that one, or give the folder to this one: delete {self.work / 'course.json'}"
            )

    def _check_settings(self, made):
        """The text of settings that have to be written, or None where those that are there are this course's."""
        path = self.root / "nbgrader_config.py"
        if not path.exists():
            if made:
                raise RoadError(
                    f"{path} is missing, and {self.root} is a course already (it has {made[0]}): copy it back, "
                    "or copy it from a course folder that `release --course NEW` makes"
                )
            return SETTINGS
        if _BEFORE.fullmatch(path.read_text(encoding="utf-8")):
            return SETTINGS
        try:
            with self._config() as config:
                ours = PAGE in config.GenerateFeedback.get("preprocessors", [])
        except (Exception, SystemExit) as problem:
            raise RoadError(f"{path}: expected settings in Python, got {type(problem).__name__}: {problem}") from None
        if not ours:
            raise RoadError(
                f"{path}: expected settings that load this checkout's, got others (another course's, or a path that is no more). "
                "Copy them from a course folder that `release --course NEW` makes, and add your own lines at the end"
            )
        return None

    def _check_key(self, about, made):
        path = self.work / "grading.key"
        if not path.exists():
            graded = [name for name in ("work/journal", "autograded") if name in made]
            if about or graded:
                raise RoadError(
                    f"{path} is missing, and this course was graded with one: copy it back. With a new key every student's numbers change: "
                    f"to begin anew, delete {', '.join(str(self.root / name) for name in ('work', 'autograded'))}"
                )
            return
        if not re.fullmatch(r"[0-9a-f]{64}", self.key()):
            raise RoadError(f"{path}: expected 64 hexadecimal digits, got {len(self.key())} characters: copy the right one back")
        if about.get("key", _fingerprint(self.key())) != _fingerprint(self.key()):
            raise RoadError(f"{path}: expected the key that this course was made with, got another course's: copy the right one back")

    @property
    def work(self):
        """Where the engine keeps its own files."""
        return self.root / "work"

    @functools.cached_property
    def gradebook(self):
        """The address of nbgrader's database: what ``nbgrader_config.py`` says, else the file ``gradebook.db`` of this course."""
        with self._config() as config:
            return str(config.CourseDirectory.get("db_url", f"sqlite:///{self.root / 'gradebook.db'}"))

    def secrets(self):
        """The folders and files of this course, which no student's code may read: other students' work, the key, the marks."""
        with self._config() as config:
            named = [str(path) for name, path in config.CourseDirectory.items() if name.endswith("_directory")]
            exchange = str(config.Exchange.get("root", EXCHANGE))
        book = [self.gradebook.removeprefix("sqlite:///")] if self.gradebook.startswith("sqlite:///") else []
        return [str(self.root), *(path for path in (exchange, *named, *book) if os.path.isabs(path))]

    @functools.cached_property
    def zone(self):
        """The course's time zone, ``c.Exchange.timezone`` in ``nbgrader_config.py``; None if it is not set there."""
        with self._config() as config:
            return config.Exchange.get("timezone")

    def folder(self, step, lab, student="."):
        """The folder of a lab at one step."""
        return self.root / step / student / lab

    def key(self):
        """The secret that every student's numbers are drawn from; made once, then kept, so that a re-grade draws the same."""
        path = self.work / "grading.key"
        if not path.exists():
            write_whole(path, secrets.token_hex(32).encode(), mode=0o600, replace=False)
        return path.read_text(encoding="ascii").strip()

    @contextlib.contextmanager
    def at_work(self, verb):
        """Nobody else changes this course meanwhile.

        Raises
        ------
        RoadError
            Somebody does already; the text says who.
        """
        from filelock import FileLock, Timeout

        lock, holder = FileLock(self.work / "lock", timeout=0), self.work / "at-work.txt"
        try:
            lock.acquire()
        except Timeout:
            who = holder.read_text(encoding="utf-8").strip() if holder.exists() else "another command"
            raise RoadError(f"{self.root}: {who} is at work in this course. Wait until it has ended, then run this again") from None
        try:
            since = time.strftime("%H:%M:%S")
            with contextlib.suppress(OSError):  # a name to show, no more
                holder.write_text(f"`{verb}` of {_user()} on {platform.node()} (process {os.getpid()}, since {since})", encoding="utf-8")
            yield
        finally:
            holder.unlink(missing_ok=True)
            lock.release()

    def check_gradebook(self, lab):
        """The gradebook is the one that the graded submissions of ``lab`` are in.

        Raises
        ------
        RoadError
            It is missing, is no database of nbgrader's, or does not know some of them.
        """
        there = {p.parent.name for p in self.root.glob(f"autograded/*/{lab}") if p.is_dir()}
        sqlite = pathlib.Path(self.gradebook.removeprefix("sqlite:///")) if self.gradebook.startswith("sqlite:///") else None
        if sqlite is not None and not sqlite.exists():
            if there:
                raise RoadError(f"{sqlite} is missing, and {lab} was graded: copy it back, marks by hand are in it")
            return
        from nbgrader.api import Assignment, SubmittedAssignment
        from sqlalchemy.exc import DBAPIError

        try:
            with self.book() as book:
                rows = book.db.query(SubmittedAssignment.student_id).join(Assignment, SubmittedAssignment.assignment_id == Assignment.id)
                unknown = sorted(there - {student for (student,) in rows.filter(Assignment.name == lab)})
        except DBAPIError as problem:
            raise RoadError(f"{sqlite or 'gradebook'}: expected a database of nbgrader's, got: {problem.orig}") from None
        if unknown:
            raise RoadError(
                f"{sqlite or 'gradebook'} does not know {len(unknown)} of the {len(there)} graded submissions of {lab} "
                f"({', '.join(unknown[:5])}): it is another course's or an old copy. "
                "Copy the right one back, or delete their folders in autograded/ to have them graded again"
            )

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
            # Whatever the settings say: our own calls are not refused, and no page shows a hidden test.
            config.Autograde.exporter_class = config.GenerateAssignment.exporter_class = "nbconvert.exporters.NotebookExporter"
            config.GenerateFeedback.exporter_class = "labs.grading.desk.page.Page"
            config.GenerateFeedback.preprocessors = FEEDBACK
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


def _fingerprint(key):
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def _user():
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # a system without `pwd`, or a number that has no name here
        return "somebody"


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
