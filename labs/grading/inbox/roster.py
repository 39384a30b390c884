"""The roster of a course, ``roster.csv``: who should hand in, and which line of it each of our students is."""

import collections
import dataclasses
import re
import unicodedata

from labs.grading.course import RoadError
from labs.grading.inbox.tables import read_table
from labs.grading.inbox.whose import letters, student_of

FILE = "roster.csv"
ADDRESS = re.compile(r"[^@\s,;:<>()\[\]\"]+@[^@\s,;:<>()\[\]\"]+")
# Titles without spaces and signs, in the order in which they name a student; a "student" is a name where only another column has an id.
_IDS = (
    *("student", "studentid", "login", "sisloginid", "username", "userid", "netid", "user", "orgdefinedid", "kennung", "benutzername"),
    *("anmeldename", "identifiant", "usuario", "id", "idnumber", "identifier", "studentnumber", "matriculationnumber"),
    *("matrikelnummer", "sisuserid"),
)
_MAILS = ("email", "emailaddress", "mail")
_NAMES = ("name", "fullname", "studentname", "displayname", "vollständigername", "nom", "nombre")
_FIRST = ("firstname", "givenname", "forename", "vorname", "prénom")
_LAST = ("lastname", "surname", "familyname", "nachname", "familienname")
_NUMBER = re.compile(r"\D*?(\d+)")


@dataclasses.dataclass(frozen=True)
class Person:
    """A line of the roster: the student as it names them, and the name and address if it has them."""

    student: str
    name: str
    email: str
    line: int
    cells: tuple = ()

    def __str__(self):
        return f"{self.name} ({self.student})" if self.name and self.name != self.student else self.student


@dataclasses.dataclass
class Roster:
    """The ``persons`` of a roster, the person ``of`` each student who ever handed in, and ``notes`` on lines that were left out.

    A person may be several students: Moodle gives everybody another number in each assignment.
    """

    persons: list
    of: dict
    notes: list

    def __post_init__(self):
        self._ids = collections.defaultdict(list)
        for student, person in self.of.items():
            self._ids[person].append(student)
        self._named = {self.named(person): person for person in self.persons}

    def missing(self, students):
        """The persons who are none of ``students``."""
        there = {self.of[student] for student in students if student in self.of}
        return [person for person in self.persons if person not in there]

    def outside(self, students):
        """Those of ``students`` who are in no line."""
        return [student for student in students if student not in self.of]

    def named(self, person):
        """How this course calls a person: as the files that they handed in if all have one name, else as the roster."""
        ids = self._ids[person]
        return ids[0] if len(ids) == 1 else person.student

    def of_named(self, name):
        """The person whom this course calls ``name``; None if there is none."""
        return self.of.get(name) or self._named.get(name)

    def called(self, students):
        """A function: a name, a login, a number or an address that a teacher wrote → which of ``students`` that is.

        It is the name itself where it is a student's, or where no line of the roster, or more than one, has it.
        """
        lines = collections.defaultdict(set)
        for person in self.persons:
            for key in {*map(_folded, (*person.cells, person.student, person.name)), *self._ids[person]} - {""}:
                lines[key].add(person)

        def student(name):
            persons = lines[name] or lines[_folded(name)]
            if name in students or len(persons) != 1:
                return name
            (person,) = persons
            return next((one for one in self._ids[person] if one in students), self.named(person))

        return student

    def ids(self, name):
        """All that the files of the student ``name`` are called."""
        person = self.of_named(name)
        return self._ids[person] if person else [name]


def roster(course):
    """The course's roster; None if it has no file ``roster.csv``.

    It is any table with a line of titles: a platform's gradebook, a list of the registrar's. A student is found in it by the id, the
    number behind the name (``janedoe-4711``), the part of an address before the @, or the name.

    Raises
    ------
    RoadError
        The table has no line of titles, no students, or one student in two ways; the text names the line.
    """
    path = course.root / FILE
    if not path.exists():
        return None
    table = read_table(path)
    head, *rows = ([_plain(cell) for cell in row] for row in table.values())
    lines = [table.text.count("\n", 0, row[0][0]) + 1 for row in table.rows[1:]]
    rows = [row[: len(head)] for row in rows]
    titles = [re.sub(r"\W|_", "", cell).casefold() for cell in head]
    if not (set(titles) & {*_IDS, *_MAILS, *_NAMES, *_FIRST, *_LAST} or _has_titles(head, rows)):
        raise RoadError(f"{path}: expected a first line with titles, such as student,name,email; got {', '.join(head)[:100]!r}")
    persons, cells, notes = _persons(path, titles, rows, lines)
    if not persons:
        raise RoadError(f"{path}: expected a line for each student, got none")
    labs = collections.defaultdict(set)
    for step in ("submitted", "autograded"):
        for path in course.root.glob(f"{step}/*/*"):
            labs[path.name].add(path.parent.name)
    of = {}
    for _, students in sorted(labs.items()):  # each on its own: a student may have another number in the next one
        _match(sorted(students), persons, cells, of)
    return Roster(persons, of, notes)


def called(course, lab):
    """:meth:`Roster.called` for those who handed in a lab; None without a roster."""
    found = roster(course)
    return found and found.called(course.students(lab))


def said(found, students, most=10):
    """Lines to print about a roster (or None) and the ``students`` who handed in a lab."""
    if found is None:
        return []
    missing, outside = found.missing(students), found.outside(students)
    told = [f"Roster: {len(found.persons)} students. Nothing handed in: {len(missing)}{_some(missing, most)}"]
    return told + ([f"Not in the roster, and kept: {len(outside)}{_some(outside, most)}"] if outside else []) + found.notes


def _some(names, most):
    listed = ", ".join(map(str, names[:most])) + (f" and {len(names) - most} more" if len(names) > most else "")
    return f" ({listed})" if names else ""


def _plain(text):
    return " ".join(unicodedata.normalize("NFC", text.removeprefix("\ufeff")).split())


def _has_titles(head, rows):
    """Whether the first line, in whatever language, is no student: it has letters above a column of addresses or of numbers."""
    for title, *column in zip(head, *rows, strict=True):
        for pattern in (ADDRESS, re.compile(r"\d+")):
            if column and all(pattern.fullmatch(cell) for cell in column) and title and not re.search(r"[@\d]", title):
                return True
    return False


def _persons(path, titles, rows, lines):
    """The persons, the cells of each, and what was left out."""
    columns = list(zip(*rows, strict=True)) if rows else []
    mail = max(range(len(columns)), key=lambda j: sum(ADDRESS.fullmatch(cell) is not None for cell in columns[j]), default=None)
    ids = [j for _, j in sorted((_IDS.index(title), j) for j, title in enumerate(titles) if title in _IDS)]
    names = _NAMES
    if "student" in titles and len(ids) > 1 and not set(titles) & {*_NAMES, *_FIRST, *_LAST}:
        ids, names = ids[1:], ("student",)
    ids = ids or [j for j, title in enumerate(titles) if title in _MAILS]
    ids = ids or [j for j, column in enumerate(columns) if all(column) and len(set(column)) == len(column)][:1]
    first, last = (next((j for j, t in enumerate(titles) if t in words), None) for words in (_FIRST, _LAST))
    name = next((j for word in names for j, title in enumerate(titles) if title == word), None)
    persons, cells, notes, seen = [], [], [], {}
    for row, line in zip(rows, lines, strict=True):
        student = next((row[j] for j in ids if row[j]), "")
        full = " ".join(filter(None, (row[j] for j in (first, last) if j is not None))) or (row[name] if name is not None else "")
        full = re.sub(r"^([^,]+), ([^,]+)$", r"\2 \1", full)
        if not student or (full == "Test Student" and "sisuserid" in titles):
            notes.append(f"{path.name}, line {line}: no student, left out: {', '.join(filter(None, row))[:60]}")
            continue
        email = row[mail] if mail is not None and ADDRESS.fullmatch(row[mail]) else ""
        person = Person(student, full, email, line, tuple(row))
        twin = seen.setdefault(student.casefold(), person)
        if twin is person:
            persons.append(person)
            cells.append(row)
        elif (twin.name, twin.email) != (full, email):
            again = f"got {student} with another name or address in line {twin.line}"
            raise RoadError(f"{path}, line {line}: expected each student once, {again}")
        else:
            notes.append(f"{path.name}, line {line}: {student} again, left out")
    return persons, cells, notes


def _match(students, persons, cells, found):
    """Add to ``found``, student → person. Each way is tried on each column, the one that fits most first; only what is unique tells."""
    free, taken = set(students) - set(found), {found[student] for student in students if student in found}
    columns = list(zip(*cells, strict=True))
    for key_of, keys_in, least in (
        (_folded, lambda cell: [_folded(student_of(cell))], 0.0),
        (_number_of, lambda cell: [match[1]] if (match := _NUMBER.fullmatch(cell)) else [cell], 0.5),
        (_folded, lambda cell: [_folded(cell.partition("@")[0])] if ADDRESS.fullmatch(cell) else [], 0.0),
    ):
        wanted = {student: key for student in free if (key := key_of(student))}
        fits = [_fit(wanted, [keys_in(cell) if cell else [] for cell in column], persons) for column in columns]
        if least:
            fits = [{student: person for student, person in fit.items() if _agree(student, person)} for fit in fits]
        for fit in sorted(fits, key=len, reverse=True):
            if len(fit) >= least * len(wanted):
                _take(fit, found, free, taken)
    wanted = {student: letters(student.rpartition("-")[0] or student) for student in free}
    _take(_fit(wanted, [_names(person.name) for person in persons], persons), found, free, taken)
    _take(_behind_groups({s: wanted[s] for s in free}, [person for person in persons if person not in taken]), found, free, taken)


def _behind_groups(wanted, persons):
    """Student → person where a group's name stands before the person's, as Moodle writes it; a group is what two students or more have."""
    names = [_names(person.name) for person in persons]
    groups, fits = {key.removesuffix(name) for key in wanted.values() for name in {*sum(map(tuple, names), ())}}, []
    for group in groups - {"", *wanted.values()}:
        inside = {student: key.removeprefix(group) for student, key in wanted.items() if key.startswith(group)}
        fits.append(_fit(inside, names, persons))
    fits = [fit for fit in fits if len(fit) > 1]
    told = collections.Counter(student for fit in fits for student in fit)
    return {student: person for fit in fits for student, person in fit.items() if told[student] == 1}


def _agree(student, person):
    """Whether a student found by a number may be this person: no other name says that it is somebody else."""
    name = student.rpartition("-")[0]
    words = [word for part in person.name.split() for word in (letters(part), re.sub(r"[^a-z0-9]", "", part.casefold())) if len(word) > 1]
    return name == "anon" or not words or any(word in name for word in words)


def _folded(name):
    return _plain(name).casefold()


def _number_of(student):
    name, _, number = student.rpartition("-")
    return number if name else ""


def _names(name):
    """A name as platforms write it into a student's id: in both orders."""
    first, _, last = name.rpartition(" ")
    return {letters(name), letters(f"{last} {first}")} if name else ()


def _fit(wanted, keys, persons):
    """Student → person where a key is one student's and one person's."""
    of_key, asked = {}, collections.Counter(wanted.values())
    for person, mine in zip(persons, keys, strict=True):
        for key in mine:
            of_key[key] = None if key in of_key else person
    return {student: of_key[key] for student, key in wanted.items() if asked[key] == 1 and of_key.get(key)}


def _take(fit, found, free, taken):
    for student, person in sorted(fit.items()):
        if student in free and person not in taken:
            found[student] = person
            taken.add(person)
            free.discard(student)
