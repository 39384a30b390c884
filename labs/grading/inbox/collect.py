"""Downloaded submissions → ``submitted/STUDENT/LAB/LAB.ipynb``. A file that cannot be opened affects only its own student."""

import contextlib
import dataclasses
import datetime
import filecmp
import os
import pathlib
import shutil
import stat
import tempfile

from labs.grading.files import NO_ROOM, write_whole
from labs.grading.inbox.platforms import titles
from labs.grading.inbox.submission import BACK, PROBLEM
from labs.grading.inbox.whose import NOTEBOOKS, ZIPS, Download, listed, whose
from labs.grading.inbox.zips import BAD_ZIP, MAX_FILE, TooMany, Zip, copy_member, hidden, name_of, shown

MAX_MEMBERS, MAX_MEMBERS_OF_ALL, MAX_TOTAL = 2000, 20_000, 8 << 30
KEPT = "unchanged since the last run"
REPLACEABLE = "changed since the last run; the earlier file was kept (--force replaces it)"


@dataclasses.dataclass
class Collected:
    """One submission: whose, from which file, what there is to note (empty if it is in order), and whether a notebook could be read.

    Without a student it is a file that nobody could be found for.
    """

    student: str
    origin: str
    problem: str = ""
    read: bool = True


def collect(course, lab, folder=None, force=False):
    """Take each student's notebook out of a folder, or out of one zip with all of them.

    It may be named as a platform names it (see :mod:`labs.grading.inbox.platforms`), or ``STUDENT.ipynb``, ``STUDENT.zip``,
    ``STUDENT_labNN_topic.zip``, or lie in a folder ``STUDENT``. A student who handed in something that is no notebook is collected
    as well, with a note: so nobody is missing in what follows.

    Parameters
    ----------
    course : Course
    lab : str
    folder : path, optional
        A folder or a zip. Default ``downloaded/LAB/archive`` in the course.
    force : bool
        Replace what was collected before; else a student who has a submission keeps it.

    Returns
    -------
    list of Collected
        In the order of the students.

    Raises
    ------
    FileNotFoundError
        There is no such folder.
    ValueError
        The file is no zip, or too large a one.
    """
    folder = pathlib.Path(folder) if folder else course.root / "downloaded" / lab / "archive"
    with tempfile.TemporaryDirectory() as room, contextlib.ExitStack() as stack:
        if folder.is_dir():
            archive, downloads = None, list(_walk(folder))
        elif folder.is_file():
            archive = stack.enter_context(_platform_zip(folder))
            downloads = [Download(name_of(m), m, _time(m)) for m in archive.infolist() if not m.is_dir()]
        else:
            what = "expected a folder with one zip per student, got none"
            raise FileNotFoundError(f"{folder}: {what}. Put the downloads there or use --from")
        known = {path.name for path in course.root.glob("submitted/*")}
        hand_ins, nobodys, twice = whose(downloads, lab, known)
        if archive and sum(min(h.download.place.file_size, MAX_FILE) for found in hand_ins.values() for h in found) > MAX_TOTAL:
            raise ValueError(f"{folder}: expected at most {MAX_TOTAL >> 30} GiB of submissions, got more")
        done = [Collected("", shown(name), why, False) for name, why in sorted(nobodys)]
        for student, found in hand_ins.items():
            remarks = ["the platform marks this submission as late"] if found[0].late else []
            if student in twice:  # a name of a file or of a person can be made to look like another's
                remarks.append("the archive has this student number under more than one name: check whose file this is")
            done.append(_collect(course, lab, student, found, remarks, archive, pathlib.Path(room), force))
    return done


def _walk(folder, above=""):
    """All files below a folder, links and what cannot be opened included: nothing is followed."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path, name = pathlib.Path(entry.path), above + entry.name
            if not hidden(entry.name):
                if entry.is_dir(follow_symlinks=False):
                    try:
                        yield from list(_walk(path, f"{name}/")) or [Download(f"{name}/an empty folder", path, os.lstat(path).st_mtime)]
                        continue
                    except PermissionError:
                        name += "/a folder that cannot be opened"
                yield Download(name, path, os.lstat(path).st_mtime)


def _platform_zip(path):
    """The zip with all submissions, open."""
    try:
        return Zip(path, MAX_MEMBERS_OF_ALL)
    except TooMany as many:
        raise ValueError(f"{path}: expected at most {MAX_MEMBERS_OF_ALL} files, got {many}") from None
    except BAD_ZIP as error:
        if getattr(error, "errno", None) in NO_ROOM:
            raise
        raise ValueError(f"{path}: expected a zip from {titles()}, got an unreadable file ({type(error).__name__})") from None


def _time(member):
    """Seconds, of the time in a zip, which is that of the zone of who made it; here the machine's."""
    try:
        return datetime.datetime(*member.date_time).timestamp()
    except (ValueError, OverflowError):
        return datetime.datetime.now().timestamp()


def _collect(course, lab, student, found, remarks, archive, room, force):
    """Collect the best of the files of one student."""
    target = course.folder("submitted", lab, student)
    half = target.with_name(f".{lab}.{os.getpid()}")  # on a full disk nobody loses what was collected before
    try:
        half.mkdir(parents=True)
        chosen, problem, read = _best(found, half / f"{lab}.ipynb", archive, room)
        problem = "; ".join([*remarks, *filter(None, [problem])])
        if problem:
            (half / PROBLEM).write_text(problem, encoding="utf-8")
        if chosen.back:
            (half / BACK).write_text(chosen.back, encoding="utf-8")
        origin = shown(chosen.download.name)
        if target.exists() and not force:
            same = _same(half, target, f"{lab}.ipynb" if read or (target / f"{lab}.ipynb").exists() else PROBLEM)
            if same and chosen.back:  # a file that was handed in once more has another number
                write_whole(target / BACK, chosen.back.encode())
            return Collected(student, origin, KEPT if same else REPLACEABLE)
        stamp = datetime.datetime.fromtimestamp(chosen.when, datetime.UTC)
        (half / "timestamp.txt").write_text(stamp.strftime("%Y-%m-%d %H:%M:%S UTC"), encoding="utf-8")
        shutil.rmtree(target, ignore_errors=True)
        half.rename(target)
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return Collected(student, origin, problem, read)


def _same(one, other, name):
    there = (one / name).is_file(), (other / name).is_file()
    return filecmp.cmp(one / name, other / name, shallow=False) if all(there) else not any(there)


def _best(found, target, archive, room):
    """Write the first notebook of several files that can be read; returns the file, what there is to note, and whether there is one."""
    problems = []
    for hand_in in found:
        problem = _take(hand_in, target, archive, room)
        if target.exists():
            others = [one for one in found if one is not hand_in and not one.companion]
            alike = {hand_in.file} == {one.file for one in others}
            which = "the newest" if hand_in is found[0] else "an earlier"
            read = f"{which} {shown(hand_in.file)}" if alike else f"{shown(hand_in.file)}, not {listed(others)}"
            several = [f"{len(others) + 1} files: read {read}"] if others else []
            return hand_in, "; ".join([*filter(None, [problem]), *several]), True
        problems.append(problem)
    others = [one for one in found[1:] if not one.companion]
    return found[0], problems[0] + (f"; nor could {listed(others)} be read" if others else ""), False


def _take(hand_in, target, archive, room):
    """Write the notebook of one file to ``target``; returns what is wrong with it, or an empty text."""
    name = shown(hand_in.file)
    if hand_in.companion:
        return "no file was handed in, only a text on the platform"
    path = hand_in.download.place
    if not archive and not stat.S_ISREG(os.lstat(path).st_mode):
        return f"{hand_in.file}, expected a file" if path.is_dir() and not path.is_symlink() else "not a regular file"
    if not hand_in.ends((*NOTEBOOKS, *ZIPS)):
        return f"{name} is not a notebook (.ipynb) or a zip with one"
    try:
        if archive:
            member, path = path, room / "member"
            if not copy_member(archive, member, path, MAX_FILE):
                return f"{name} is larger than {MAX_FILE // 1_000_000} MB"
        return _from_zip(path, target, room) if hand_in.ends(ZIPS) else _from_notebook(path, target, name)
    except BAD_ZIP as error:
        target.unlink(missing_ok=True)
        if getattr(error, "errno", None) in NO_ROOM:
            raise
        what = "the zip" if hand_in.ends(ZIPS) else name
        return f"{what} cannot be read ({_why(error)})"


def _why(error):
    return str(error) if isinstance(error, NotImplementedError) and "expected" in str(error) else type(error).__name__


def _from_notebook(path, target, name):
    size = os.stat(path).st_size
    if size > MAX_FILE:
        return f"larger than {MAX_FILE // 1_000_000} MB"
    if not size:
        return f"{name} is an empty file"
    shutil.copyfile(path, target)
    return "" if name.lower().endswith(".ipynb") else f"read from {name}, expected {target.name}"


def _from_zip(path, target, room, deeper=True):
    """Write the notebook of a zip to ``target``, or of the only zip in it; returns what is wrong with it, or an empty text."""
    try:
        with Zip(path, MAX_MEMBERS) as archive:
            there = [m for m in archive.infolist() if not hidden(name_of(m))]
            members = [m for m in there if m.filename.lower().endswith(NOTEBOOKS)]
            inner = [m for m in there if m.filename.lower().endswith(ZIPS)]
            if deeper and not members and len(inner) == 1 and copy_member(archive, inner[0], room / "inner", MAX_FILE):
                return _from_zip(room / "inner", target, room, deeper=False)
            named = [m for m in members if pathlib.PurePosixPath(name_of(m)).name == target.name]
            if len(named or members) != 1:
                none = f"no notebook, only {len(inner)} more zip{'s' * (len(inner) > 1)}" if inner else "no notebook"
                what = f"{len(named or members)} notebooks" if members else none
                return f"the zip contains {what}, expected one {target.name}"
            chosen = (named or members)[0]
            whole = copy_member(archive, chosen, target, MAX_FILE)  # only the content: names, links and paths inside the zip are never used
    except TooMany:
        return f"the zip contains more than {MAX_MEMBERS} files"
    if not whole:
        target.unlink()
        return f"the notebook in the zip is larger than {MAX_FILE // 1_000_000} MB"
    return "" if named else f"read from {shown(pathlib.PurePosixPath(name_of(chosen)).name)}, expected {target.name}"
