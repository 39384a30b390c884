"""What a learning platform gives and takes: its zip of all submissions, and its table of grades. Canvas and Moodle."""

import collections
import contextlib
import csv
import datetime
import os
import pathlib
import re
import unicodedata
import zipfile

from labs.grading.files import NO_ROOM
from labs.grading.inbox.zips import BAD_ZIP, MAX_FILE

MAX_MEMBERS, MAX_TOTAL = 20_000, 8 << 30
# Canvas: doejane_LATE_1234_56789_lab02_rnn-1.ipynb        Moodle: Jane Doe_1234_assignsubmission_file_/lab02_rnn.ipynb
_CANVAS = re.compile(r"(?P<name>[^_/]+)(?P<late>_LATE)?_(?P<number>\d{1,18})_\d{1,18}_(?P<file>[^/]+)")
_MOODLE = re.compile(r"(?P<name>[^/]+?)_(?P<number>\d{1,18})_assignsubmission_file_?/?(?P<file>[^/]+)")
_AGAIN = re.compile(r"(?:-(\d{1,6})| ?\((\d{1,6})\))?$")  # what a platform or a browser adds to a file that comes a second time


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
                found = _CANVAS.fullmatch(member.filename) or _MOODLE.fullmatch(member.filename)
                if member.is_dir():
                    continue
                if not found or pathlib.PurePosixPath(found["file"]).suffix not in (".ipynb", ".zip"):
                    notes[member.filename[:100]] = "skipped: not a file name that Canvas or Moodle gives to a student's notebook"
                    continue
                stem, suffix = pathlib.PurePosixPath(found["file"]).stem, pathlib.PurePosixPath(found["file"]).suffix
                again = _AGAIN.search(stem)
                rank = stem[: again.start()] == lab, int(again[1] or again[2] or 0)
                student = f"{_plain(found['name'])}-{found['number']}"
                if student not in best or rank > best[student][0]:
                    best[student] = rank, member, suffix, found.groupdict().get("late")
            numbers = collections.Counter(student.rpartition("-")[2] for student in best)
            left = MAX_TOTAL
            for student, (_, member, suffix, late) in best.items():
                target = pathlib.Path(folder) / f"{student}{suffix}"
                left -= _write(z, member, target)
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
        raise ValueError(f"{archive}: expected a zip from Canvas or Moodle, got an unreadable file ({type(error).__name__})") from None


def _write(z, member, target):
    """Write a member's content and time; returns its size. What cannot be read becomes an empty file, which grading reports."""
    try:
        with z.open(member) as file:
            data = file.read(MAX_FILE + 1)  # whatever size the zip claims; collecting says what is too large
    except BAD_ZIP:
        data = b""
    target.write_bytes(data)
    with contextlib.suppress(ValueError, OverflowError):  # a date that is none: the time of now stays
        when = datetime.datetime(*member.date_time).timestamp()
        os.utime(target, (when, when))
    return len(data)


def _plain(name):
    """Letters and digits of a name, without accents."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]", "", ascii_only).lower()[:40] or "student"


def fill(platform, table, marks, lab, column=None):
    """A platform's own table of grades with the marks of one lab filled in.

    Parameters
    ----------
    platform : {"canvas", "moodle"}
    table : path
        Canvas: *Grades, Export*. Moodle: *View all submissions, Download grading worksheet*.
    marks : dict of str to (float, float)
        Student → points and the maximum.
    lab : str
    column : str, optional
        Canvas: the title of the assignment's column; by default the only one that contains the lab's name.

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
    A row is a student's by the platform's number in their name here (``janedoe-4711``), in Canvas's table also by SIS login or SIS ID.
    Marks are put on the scale of the table: *Points Possible*, *Maximum Grade*.
    """
    with open(table, newline="", encoding="utf-8-sig") as file:
        rows = list(csv.reader(file))
    if not rows:
        raise ValueError(f"{table}: expected a table from {platform.title()}, got an empty file")
    head, by_number = rows[0], {student.rpartition("-")[2]: student for student in marks}
    if platform == "canvas":
        number, kept = _column(head, "ID", table), [c for c in ("Student", "ID", "SIS User ID", "SIS Login ID", "Section") if c in head]
        titles = [c for c in head if (c == column if column else lab in c)]
        if len(titles) != 1:
            raise ValueError(f"{table}: expected one column with {column or lab} in its title, got {len(titles)} (choose with --column)")
        keep = [head.index(c) for c in [*kept, titles[0]]]
        target = head.index(titles[0])
        logins = [head.index(c) for c in ("SIS Login ID", "SIS User ID") if c in head]
        possible = next((row for row in rows[1:4] if row and row[0].strip() == "Points Possible"), None)
    else:
        number, keep = _column(head, "Identifier", table), range(len(head))
        target, logins = _column(head, "Grade", table), []
        most = head.index("Maximum Grade") if "Maximum Grade" in head else None
    found = set()
    for row in rows[1:]:
        row += [""] * (len(head) - len(row))
        student = by_number.get(row[number].removeprefix("Participant ").strip())
        student = student or next((row[k] for k in logins if row[k] in marks), None)
        if student:
            found.add(student)
            points, full = marks[student]
            scale = (possible[target] if possible else "") if platform == "canvas" else row[most] if most is not None else ""
            row[target] = f"{points * _number(scale, full) / full:g}" if full else f"{points:g}"
    if marks and not found:
        raise ValueError(f"{table}: expected students of {lab} by number or SIS login, got none of {', '.join(sorted(marks))[:200]}")
    return [[row[i] for i in keep] for row in rows], sorted(set(marks) - found)


def _number(text, otherwise):
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return otherwise


def _column(head, name, table):
    if name not in head:
        raise ValueError(f"{table}: expected a column named {name}, got {', '.join(head)[:200]}")
    return head.index(name)
