"""What a learning platform gives and takes: its zip of all submissions, and its table of grades. `PLATFORMS` has one entry for each."""

import collections
import contextlib
import csv
import dataclasses
import datetime
import os
import pathlib
import re
import unicodedata
import zipfile

from labs.grading.files import NO_ROOM
from labs.grading.inbox.zips import BAD_ZIP, MAX_FILE, copy_up_to

MAX_MEMBERS, MAX_TOTAL = 20_000, 8 << 30
_AGAIN = re.compile(r"(?:-(\d{1,6})| ?\((\d{1,6})\))?$")  # what a platform or a browser adds to a file that comes a second time


@dataclasses.dataclass(frozen=True)
class Platform:
    """A learning platform: how its archive names a file, and how its table of grades is read and filled.

    Attributes
    ----------
    title : str
        Its name, as messages say it.
    member : re.Pattern
        The whole name of a student's file in its zip, with the groups ``name``, ``number`` and ``file``, and ``late`` where it says so.
    number : str
        The column of its table that holds the student's number, behind ``prefix``.
    grade : str, optional
        The column to fill. By default it is the only one that contains the lab's name.
    maximum : str, optional
        The column with the most that can be reached, or the first cell of one of the rows below the head.
    logins : tuple of str
        Columns in which a student may be named as here.
    keep : tuple of str, optional
        The columns that go back with the grade; by default all.
    """

    title: str
    member: re.Pattern
    number: str
    prefix: str = ""
    grade: str | None = None
    maximum: str | None = None
    logins: tuple = ()
    keep: tuple | None = None


PLATFORMS = {
    "canvas": Platform(  # doejane_LATE_1234_56789_lab02_rnn-1.ipynb
        title="Canvas",
        member=re.compile(r"(?P<name>[^_/]+)(?P<late>_LATE)?_(?P<number>\d{1,18})_\d{1,18}_(?P<file>[^/]+)"),
        number="ID",
        maximum="Points Possible",
        logins=("SIS Login ID", "SIS User ID"),
        keep=("Student", "ID", "SIS User ID", "SIS Login ID", "Section"),
    ),
    "moodle": Platform(  # Jane Doe_1234_assignsubmission_file_/lab02_rnn.ipynb
        title="Moodle",
        member=re.compile(r"(?P<name>[^/]+?)_(?P<number>\d{1,18})_assignsubmission_file_?/?(?P<file>[^/]+)"),
        number="Identifier",
        prefix="Participant ",
        grade="Grade",
        maximum="Maximum Grade",
    ),
}


def titles():
    """The platforms, as a message names them."""
    return " or ".join(platform.title for platform in PLATFORMS.values())


def find(name):
    """The platform that is called ``name``.

    Raises
    ------
    ValueError
        There is none.
    """
    if name not in PLATFORMS:
        raise ValueError(f"platform: expected one of {', '.join(PLATFORMS)}, got {name!r}")
    return PLATFORMS[name]


def unpack(archive, lab, folder):
    """Take each student's file out of a platform's zip: ``folder/STUDENT.ipynb``, or ``.zip`` where a zip was handed in.

    A student is named by the platform's name and number for them, ``janedoe-1234``. Names and paths inside the zip are read for
    that only, never used as paths. Of several files the one that is named as the lab is taken, the last one if it came more than once.

    Parameters
    ----------
    archive : path
    lab : str
    folder : path
        An existing, empty folder.

    Returns
    -------
    notes : dict of str to str
        File name in ``folder`` → what the platform says about it; or the name of a member that was left out → why.

    Raises
    ------
    ValueError
        The file is no zip, or too large a one.
    """
    try:
        with zipfile.ZipFile(archive) as z:
            if len(z.infolist()) > MAX_MEMBERS:
                raise ValueError(f"{archive}: expected at most {MAX_MEMBERS} files, got {len(z.infolist())}")
            best, notes = {}, {}
            for member in z.infolist():
                found = next(filter(None, (p.member.fullmatch(member.filename) for p in PLATFORMS.values())), None)
                if member.is_dir():
                    continue
                if not found or pathlib.PurePosixPath(found["file"]).suffix not in (".ipynb", ".zip"):
                    notes[member.filename[:100]] = f"skipped: not a file name that {titles()} gives to a student's notebook"
                    continue
                stem, suffix = pathlib.PurePosixPath(found["file"]).stem, pathlib.PurePosixPath(found["file"]).suffix
                again = _AGAIN.search(stem)
                rank = stem[: again.start()] == lab, int(again[1] or again[2] or 0)
                student = f"{_letters(found['name'])}-{found['number']}"
                if student not in best or rank > best[student][0]:
                    best[student] = rank, member, suffix, found.groupdict().get("late")
            numbers = collections.Counter(student.rpartition("-")[2] for student in best)
            left = MAX_TOTAL
            for student, (_, member, suffix, late) in best.items():
                target = pathlib.Path(folder) / f"{student}{suffix}"
                left -= _write_member(z, member, target)
                if left < 0:
                    raise ValueError(f"{archive}: expected at most {MAX_TOTAL >> 30} GiB of submissions, got more")
                remarks = ["the platform marks this submission as late"] if late else []
                if numbers[student.rpartition("-")[2]] > 1:  # a name of a file or of a person can be made to look like another's
                    remarks.append("the archive has this student number under more than one name: check whose file this is")
                if remarks:
                    notes[target.name] = "; ".join(remarks)
            return notes
    except (zipfile.BadZipFile, OSError) as error:
        if getattr(error, "errno", None) in NO_ROOM:
            raise
        raise ValueError(f"{archive}: expected a zip from {titles()}, got an unreadable file ({type(error).__name__})") from None


def _write_member(z, member, target):
    """Write a member's content and time; returns its size. What cannot be read becomes an empty file, which grading reports."""
    try:
        with z.open(member) as file:
            copy_up_to(MAX_FILE, file, target)  # collecting says what is too large
    except BAD_ZIP as error:
        if getattr(error, "errno", None) in NO_ROOM:
            raise
        target.write_bytes(b"")
    with contextlib.suppress(ValueError, OverflowError):  # a date that is none: the time of now stays
        when = datetime.datetime(*member.date_time).timestamp()
        os.utime(target, (when, when))
    return target.stat().st_size


def _letters(name):
    """Letters and digits of a name, without accents."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]", "", ascii_only).lower()[:40] or "student"


def fill(platform, table, marks, lab, column=None):
    """A platform's own table of grades with the marks of one lab filled in.

    Parameters
    ----------
    platform : Platform
    table : path
        Canvas: *Grades, Export*. Moodle: *View all submissions, Download grading worksheet*.
    marks : dict of str to (float, float)
        Student → points and the maximum.
    lab : str
    column : str, optional
        The title of the column to fill, instead of the platform's own.

    Returns
    -------
    rows : list of list of str
        To be written as CSV and uploaded.
    missing : list of str
        Students with marks whom the table does not have.

    Raises
    ------
    ValueError
        The table has not the columns of this platform, or none of the students.

    Notes
    -----
    A row is a student's by the platform's number in their name here (``janedoe-4711``), or by one of its columns of logins.
    Marks are put on the scale of the table: its `Platform.maximum`.
    """
    with open(table, newline="", encoding="utf-8-sig") as file:
        rows = list(csv.reader(file))
    if not rows:
        raise ValueError(f"{table}: expected a table from {platform.title}, got an empty file")
    head, by_number = rows[0], {student.rpartition("-")[2]: student for student in marks}
    number, target = _column(head, platform.number, table), _target(platform, head, table, lab, column)
    logins = [head.index(name) for name in platform.logins if name in head]
    scale = head.index(platform.maximum) if platform.maximum in head else None
    of_all = next((row[target] for row in rows[1:4] if len(row) > target and row[0].strip() == platform.maximum), "")
    found = set()
    for row in rows[1:]:
        row += [""] * (len(head) - len(row))
        student = by_number.get(row[number].removeprefix(platform.prefix).strip())
        student = student or next((row[k] for k in logins if row[k] in marks), None)
        if student:
            found.add(student)
            points, full = marks[student]
            most = _number(of_all if scale is None else row[scale], full)
            row[target] = f"{points * most / full:g}" if full else f"{points:g}"
    if marks and not found:
        by, who = ", ".join([platform.number, *platform.logins]), ", ".join(sorted(marks))[:200]
        raise ValueError(f"{table}: expected students of {lab} by {by}, got none of {who}")
    keep = range(len(head)) if platform.keep is None else [*(head.index(name) for name in platform.keep if name in head), target]
    return [[row[i] for i in keep] for row in rows], sorted(set(marks) - found)


def _target(platform, head, table, lab, column):
    """The place of the column to fill."""
    wanted = column or platform.grade
    places = [k for k, title in enumerate(head) if (title == wanted if wanted else lab in title)]
    if len(places) != 1:
        raise ValueError(f"{table}: expected one column with {wanted or lab} in its title, got {len(places)} (choose with --column)")
    return places[0]


def _number(text, otherwise):
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return otherwise


def _column(head, name, table):
    if name not in head:
        raise ValueError(f"{table}: expected a column named {name}, got {', '.join(head)[:200]}")
    return head.index(name)
