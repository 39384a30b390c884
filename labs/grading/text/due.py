"""Due dates and extensions: one form that is read, everything else refused, and what was understood said back."""

import csv
import datetime
import json
import re
import zoneinfo

from labs.grading.course import RoadError
from labs.grading.files import write_whole

FORM = "'2027-01-15 23:59 Europe/Berlin' or '2027-01-15T23:59+01:00'"
NOT_THERE = " (nothing handed in under this name yet)"
_LOCAL = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d)(?: (UTC|\w+(?:/[\w+-]+)+))?", re.ASCII)
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_DAYS = re.compile(r"(\d{1,3})(?: days?)?", re.ASCII)
_FURTHEST = datetime.timedelta(hours=14)  # no place on Earth is further from UTC


def read(text, zone=None):
    """A date with its time zone, as an aware ``datetime``.

    Parameters
    ----------
    text : str
        ``YYYY-MM-DD HH:MM Area/City``, or ISO 8601 with an offset.
    zone : str, optional
        The course's time zone, for a ``text`` without one.

    Raises
    ------
    RoadError
        It is anything else, or a time that does not exist or exists twice there; the text says what was expected.
    """

    def refused(why=""):
        return RoadError(f"date: expected {FORM}, got {text!r}" + (f" ({why})" if why else ""))

    try:
        if _ISO.fullmatch(text):
            when = datetime.datetime.fromisoformat(text)
            if abs(when.utcoffset()) > _FURTHEST:
                raise refused("no time zone is more than 14 hours from UTC")
        elif found := _LOCAL.fullmatch(text):
            plain, name = datetime.datetime.fromisoformat(found[1]), found[2] or zone
            if name is None:
                raise refused("the time zone is missing; c.Exchange.timezone in nbgrader_config.py sets the course's")
            when = plain.replace(tzinfo=_zone(name, refused))
            if when.astimezone(datetime.UTC).astimezone(when.tzinfo).replace(tzinfo=None) != plain:
                raise refused(f"the clocks in {name} skip this time")
            if when.utcoffset() != when.replace(fold=1).utcoffset():
                raise refused(f"the clocks in {name} show this time twice; give its offset")
        else:
            raise refused()
        when.astimezone(datetime.UTC)
    except (ValueError, OverflowError) as problem:
        raise refused(str(problem)) from None
    return when


def _zone(name, refused):
    if name not in zoneinfo.available_timezones():
        raise refused(f"{name} is no time zone")
    return zoneinfo.ZoneInfo(name)


def said(when):
    """A date as it was understood: ``Friday 2027-01-15 23:59 Europe/Berlin (22:59 UTC)``."""
    name = getattr(when.tzinfo, "key", None) or ("UTC" + when.isoformat()[-6:] if when.utcoffset() else "UTC")
    utc = when.astimezone(datetime.UTC)
    same = "%H:%M UTC" if utc.date() == when.date() else "%A %H:%M UTC"
    return f"{when:%A %Y-%m-%d %H:%M} {name}" + ("" if name == "UTC" else f" ({utc.strftime(same)})")


def set_due(course, lab, when):
    """Write a lab's due date into the gradebook, and its time zone beside it."""
    with course.book() as book:
        book.update_or_create_assignment(lab, duedate=_naive(when))
    zones = _zones(course)
    zones[lab] = getattr(when.tzinfo, "key", None) or when.strftime("%z")
    write_whole(course.work / "zones.json", json.dumps(zones, indent=1).encode())


def due(course, lab):
    """A lab's due date, in the time zone in which it was set (else in the course's, else in UTC); None if it has none."""
    with course.book() as book:
        when = book.find_assignment(lab).duedate
    if when is None:
        return None
    name = _zones(course).get(lab) or course.zone or "UTC"
    if re.fullmatch(r"[+-]\d{4}", name):
        zone = datetime.datetime.strptime(name, "%z").tzinfo
    else:
        zone = zoneinfo.ZoneInfo(name)
    return when.replace(tzinfo=datetime.UTC).astimezone(zone)


def extensions(course, lab, called=None):
    """Student → until when they may hand in ``lab``, from the course's ``extensions.csv``; None if there is no such file.

    Its columns are ``student``, ``lab`` and ``until``: a date, or a number of days after the due date.
    ``called`` gives the student whom a name in it means (see :meth:`labs.grading.inbox.roster.Roster.called`); by default each is its own.

    Raises
    ------
    RoadError
        A line cannot be read; the text names it.
    """
    from labs.grading.text import source

    path = course.root / "extensions.csv"
    if not path.exists():
        return None
    end, found = due(course, lab), {}
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise RoadError(f"{path}: expected UTF-8") from None
    lines = text.splitlines()
    rows = csv.DictReader(lines, delimiter=max(",;\t", key=(lines or [""])[0].count))
    rows.fieldnames = [title.strip().casefold() for title in rows.fieldnames or ()]
    if not {"student", "lab", "until"} <= set(rows.fieldnames or ()):
        raise RoadError(f"{path}: expected the columns student, lab, until; got {', '.join(rows.fieldnames or ['nothing'])}")
    for row in rows:
        where = f"{path}, line {rows.line_num}"
        student, name, until = ((row[column] or "").strip() for column in ("student", "lab", "until"))
        if not (student and name and until):
            raise RoadError(f"{where}: expected a student, a lab and a date or days, got {', '.join([student, name, until])!r}")
        try:
            if source.find(name) != lab:
                continue
            if end is None:
                raise RoadError(f"{lab} has no due date; release --due sets one")
            days = _DAYS.fullmatch(until)
            when = end + datetime.timedelta(days=int(days[1])) if days else read(until, course.zone)
            if when < end:
                raise RoadError(f"{said(when)} is before the due date, {said(end)}")
        except (RoadError, ValueError) as problem:
            raise RoadError(f"{where}: {problem}") from None
        student = called(student) if called else student
        if student in found:
            raise RoadError(f"{where}: {student} has two extensions for {lab}")
        found[student] = when
    return found


def extend(course, lab, found):
    """Write the extensions into the gradebook, for those who have handed in; who has none there loses theirs."""
    with course.book() as book:
        for row in book.assignment_submissions(lab):
            when = found.get(row.student_id)
            row.extension = _naive(when) - row.assignment.duedate if when else None
        book.db.commit()


def lines(course, lab, called=None):
    """What to print of a lab's dates before it is graded; ``called`` is that of :func:`extensions`."""
    end = due(course, lab)
    told = [f"Due: {said(end) if end else 'no date set'}"]
    there = course.students(lab)
    for student, when in sorted((extensions(course, lab, called) or {}).items()):
        told.append(f"Extension: {student} until {said(when)}" + ("" if student in there else NOT_THERE))
    return told


def _zones(course):
    try:
        found = json.loads((course.work / "zones.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _naive(when):
    """As nbgrader keeps it: in UTC, without saying so."""
    return when.astimezone(datetime.UTC).replace(tzinfo=None)
