"""Downloaded submissions → ``submitted/STUDENT/LAB/LAB.ipynb``. A file that cannot be opened affects only its own student."""

import dataclasses
import datetime
import filecmp
import os
import pathlib
import re
import shutil
import stat
import tempfile
import zipfile

from labs.grading.files import NO_ROOM
from labs.grading.inbox.platforms import unpack
from labs.grading.inbox.submission import PROBLEM
from labs.grading.inbox.zips import BAD_ZIP, MAX_FILE, copy_up_to, shown

MAX_MEMBERS = 2000
KEPT = "unchanged since the last run"
REPLACEABLE = "changed since the last run; the earlier file was kept (--force replaces it)"
_STUDENT = re.compile(r"^(?P<student>[\w.@+-]+?)(?:[_-]lab\d\d\w*)?$")


@dataclasses.dataclass
class Collected:
    """One submission: whose, from which file, and what has to be said about it (empty if it is in order)."""

    student: str
    origin: str
    problem: str = ""


def collect(course, lab, folder=None, force=False):
    """Take every ``STUDENT.zip``, ``STUDENT_labNN_topic.zip`` or ``STUDENT.ipynb`` of a folder, or all that a platform packed into one zip.

    Parameters
    ----------
    course : Course
    lab : str
    folder : path, optional
        A folder, or a platform's zip (see :mod:`labs.grading.inbox.platforms`). Default ``downloaded/LAB/archive`` in the course.
    force : bool
        Replace what was collected before; else a student who has a submission keeps it.

    Returns
    -------
    list of Collected
        In the order of the students.
    """
    folder = pathlib.Path(folder) if folder else course.root / "downloaded" / lab / "archive"
    if folder.is_file():
        with tempfile.TemporaryDirectory() as unpacked:
            notes = unpack(folder, lab, unpacked)
            return _collect(course, lab, pathlib.Path(unpacked), force, notes)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: expected a folder with one zip per student, got none. Put the downloads there or use --from")
    return _collect(course, lab, folder, force, {})


def _collect(course, lab, folder, force, notes):
    there = set(os.listdir(folder))
    done = [Collected("", shown(name), note) for name, note in notes.items() if name not in there]
    for path in sorted(folder.iterdir()):
        found = _STUDENT.match(path.stem)
        if path.suffix not in (".zip", ".ipynb") or not found:
            done.append(Collected("", shown(path.name), "skipped: expected STUDENT.zip, STUDENT_labNN_topic.zip or STUDENT.ipynb"))
            continue
        student = found["student"]
        target = course.folder("submitted", lab, student)
        if target.exists() and not force:
            done.append(Collected(student, path.name, KEPT if _unchanged(path, target / f"{lab}.ipynb") else REPLACEABLE))
            continue
        half = target.with_name(f".{lab}.{os.getpid()}")  # on a full disk nobody loses what was collected before
        try:
            half.mkdir(parents=True)
            problem = "; ".join(filter(None, [notes.get(path.name, ""), _take(path, half / f"{lab}.ipynb")]))
            if problem:
                (half / PROBLEM).write_text(problem, encoding="utf-8")
            stamp = datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.UTC)
            (half / "timestamp.txt").write_text(stamp.strftime("%Y-%m-%d %H:%M:%S UTC"), encoding="utf-8")
            shutil.rmtree(target, ignore_errors=True)
            half.rename(target)
        finally:
            shutil.rmtree(half, ignore_errors=True)
        done.append(Collected(student, path.name, problem))
    return sorted(done, key=lambda c: c.student)


def _unchanged(path, target):
    """Whether a download holds the notebook that was collected before."""
    with tempfile.TemporaryDirectory() as folder:
        again = pathlib.Path(folder) / target.name
        _take(path, again)
        there = again.is_file(), target.is_file()
        return filecmp.cmp(again, target, shallow=False) if all(there) else not any(there)


def _take(path, target):
    """Write the notebook of one download to ``target``; returns what is wrong with it, or an empty text."""
    if not stat.S_ISREG(os.lstat(path).st_mode):
        return "not a regular file"
    if path.suffix == ".ipynb":
        if path.stat().st_size > MAX_FILE:
            return f"larger than {MAX_FILE // 1_000_000} MB"
        shutil.copyfile(path, target)
        return ""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if m.filename.endswith(".ipynb") and not _hidden(m.filename)]
            if len(archive.infolist()) > MAX_MEMBERS:
                return f"the zip contains more than {MAX_MEMBERS} files"
            named = [m for m in members if pathlib.PurePosixPath(m.filename).name == target.name]
            if len(named or members) != 1:
                what = "no notebook" if not members else f"{len(named or members)} notebooks"
                return f"the zip contains {what}, expected one {target.name}"
            chosen = (named or members)[0]
            with archive.open(chosen) as file:
                whole = copy_up_to(MAX_FILE, file, target)  # only the content: names, links and paths inside the zip are never used
    except BAD_ZIP as error:
        target.unlink(missing_ok=True)
        if getattr(error, "errno", None) in NO_ROOM:
            raise
        return f"the zip cannot be read ({type(error).__name__})"
    if not whole:
        target.unlink()
        return f"the notebook in the zip is larger than {MAX_FILE // 1_000_000} MB"
    return "" if named else f"read from {shown(pathlib.PurePosixPath(chosen.filename).name)}, expected {target.name}"


def _hidden(name):
    return any(part != ".." and part.startswith((".", "__MACOSX")) for part in pathlib.PurePosixPath(name).parts)
