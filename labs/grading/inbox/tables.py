"""A platform's own table of grades with the marks of one lab in it: every other byte stays as it was."""

import codecs
import dataclasses
import pathlib
import re

from labs.grading.course import RoadError
from labs.grading.inbox.whose import letters

_BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_OTHER = {b"PK\x03\x04": "an Excel workbook", b"\xd0\xcf\x11\xe0": "an Excel workbook", b"%PDF": "a PDF"}
_IN_TITLE = re.compile(r"(?:MaxPoints|Total Pts|Points Possible):\s*([\d.,]+)|(?<!\d)/\s*(\d[\d.,]*)\s*[)\]]?\s*$", re.IGNORECASE)
_NO_STUDENT = re.compile(r"|\W*(?:max|maximum|out of|total|points? possible)\W*(?:points?|marks?|grade)?\W*", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?|\d{1,3}(?:[.,]\d{3})+(?:[.,]\d+)?")


@dataclasses.dataclass
class Table:
    """The text of a table, with the cells of each row as ``(begin, end)``."""

    path: pathlib.Path
    bom: bytes
    encoding: str
    text: str
    delimiter: str
    rows: list

    def values(self):
        """The rows as lists of texts, each as long as the head."""
        width = len(self.rows[0])
        rows = [[_unquoted(self.text[begin:end]) for begin, end in row] for row in self.rows]
        return [row + [""] * (width - len(row)) for row in rows]

    def with_cells(self, cells):
        """The bytes of the table with ``cells``, (row, column) → text, in place of what was there."""
        out, at = [], 0
        for (k, column), value in sorted(cells.items()):
            row = self.rows[k]
            begin, end = row[column] if column < len(row) else (row[-1][1], row[-1][1])
            quoted = self.text[begin : begin + 1] == '"' or self.delimiter in value
            value = f'"{value}"' if quoted else value
            out += [self.text[at:begin], self.delimiter * max(0, column - len(row) + 1), value]
            at = end
        return self.bom + "".join([*out, self.text[at:]]).encode(self.encoding)


def read_table(path):
    """The table in a file, in whatever encoding and with whatever delimiter a platform or a spreadsheet wrote it.

    Raises
    ------
    ValueError
        It is empty, or no table of text.
    """
    path = pathlib.Path(path)
    data = path.read_bytes()
    other = next((what for start, what in _OTHER.items() if data.startswith(start)), None)
    if other:
        raise ValueError(f"{path}: expected a CSV table, got {other}: export it as CSV")
    bom = next((bom for bom in _BOMS if data.startswith(bom)), b"")
    encoding = _BOMS.get(bom) or _guessed(data)
    try:
        text = data[len(bom) :].decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected text in {encoding}, got other bytes at {error.start}") from None
    if not text.strip():
        raise ValueError(f"{path}: expected a table of grades, got an empty file")
    head = re.sub(r'"(?:[^"]|"")*"', "", text).lstrip("\r\n").splitlines()[0]
    delimiter = max(",;\t", key=head.count)
    return Table(path, bom, encoding, text, delimiter, _rows(text, delimiter))


def records(path, *columns):
    """Of each row of a teacher's own table, where it is, in words, and its texts under ``columns``, in whatever order they are there.

    Raises
    ------
    RoadError
        A column is missing.
    """
    table = read_table(path)
    head, *rows = ([cell.strip() for cell in row] for row in table.values())
    titles = [title.casefold() for title in head]
    if not {*columns} <= {*titles}:
        raise RoadError(f"{path}: expected the columns {', '.join(columns)}; got {', '.join(head)}")
    places = [titles.index(column) for column in columns]
    for row, cells in zip(rows, table.rows[1:], strict=True):
        line = table.text.count("\n", 0, cells[0][0]) + 1
        yield f"{path}, line {line}", *(row[place] for place in places)


def _guessed(data):
    start = data[:200]
    if start[1::2].count(0) > len(start) // 4:
        return "utf-16-le"
    if start[::2].count(0) > len(start) // 4:
        return "utf-16-be"
    for encoding in ("utf-8", "cp1252"):
        try:
            data.decode(encoding)
            return encoding
        except UnicodeDecodeError:
            pass
    return "latin-1"


def _rows(text, delimiter):
    """The places of the cells, row by row; rows without any text are left out."""
    cell = re.compile(rf'(?P<value>"(?:[^"]|"")*+"[^{delimiter}\r\n]*+|[^{delimiter}\r\n]*+)(?P<end>{delimiter}|\r\n|\r|\n|\Z)')
    rows, row, at = [], [], 0
    while at <= len(text):
        match = cell.match(text, at)
        if not match:  # a quote that is never closed
            match = re.compile(r"(?P<value>.*+)(?P<end>\Z)", re.DOTALL).match(text, at)
        row.append(match.span("value"))
        if match["end"] != delimiter:
            if any(begin < end for begin, end in row):
                rows.append(row)
            row = []
        if not match["end"]:
            break
        at = match.end()
    return rows


def _unquoted(cell):
    return cell[1:].rpartition('"')[0].replace('""', '"') if cell.startswith('"') and cell.count('"') > 1 else cell


def fill(platform, table, marks, lab, column=None):
    """A platform's own table of grades with the marks of one lab filled in.

    Parameters
    ----------
    platform : Platform
    table : path
        Its CSV of grades (labs/README.md names it for each platform).
    marks : dict of str to (float, float)
        Student → points and the maximum.
    lab : str
    column : str, optional
        The title of the column to fill, instead of the platform's own.

    Returns
    -------
    data : bytes
        The file, with other marks; its encoding, delimiter, quotes, line ends and all other cells are the same.
    missing : list of str
        Students with marks whom the table does not have.
    scaled : bool
        Whether the table says its maximum: without one, points are written as they are.
    excused : list of str
        Students whose cell stays as it is, because it excuses them.

    Raises
    ------
    ValueError
        The table has not the columns of this platform, none of the students, no points to reach, or a scale in place of points; or the
        column to fill is none of marks.

    Notes
    -----
    A row is a student's by the platform's number in their name here (``janedoe-4711``), by one of its columns of logins, or by its names.
    Marks are put on the scale of the table.
    """
    read = read_table(table)
    head, *rows = read.values()
    place = _places(platform, head, rows, read.path, lab, column)
    student_in = _finder(platform, head, rows, place.number, marks)
    heads = [row for row in rows[:3] if _NO_STUDENT.fullmatch(row[place.number].strip())]
    of_all = next((row[place.grade] for row in heads if _number(row[place.grade]) is not None), "")
    titled = _IN_TITLE.search(head[place.grade])
    read_only = any(re.fullmatch(r"\(.+\)", row[place.grade].strip()) for row in heads)
    if read_only or place.grade in (place.number, place.maximum) or head[place.grade] in (*platform.logins, *platform.names):
        why = f", which {platform.title} does not let you change" if read_only else ""
        raise ValueError(f"{table}: expected a column of marks, got {head[place.grade]}{why} (choose with --column)")
    cells, found, scaled, excused = {}, set(), True, []
    for k, row in enumerate(rows, 1):
        student = student_in(row)
        if student:
            found.add(student)
            if row[place.grade].strip() in platform.excused:
                excused.append(student)
                continue
            points, full = marks[student]
            said = row[place.maximum] if place.maximum is not None else of_all or (titled[1] or titled[2] if titled else "")
            most = _number(said)
            if most is None and re.search(r"[^\W\d_]|,", said):
                what = f"expected points, got the scale {said!r} in column {head[place.grade if place.maximum is None else place.maximum]}"
                raise ValueError(f"{table}: {what}: grade this assignment with points on {platform.title}, and export the table again")
            if most == 0:
                what = f"expected a maximum above 0 in column {head[place.grade]}, got {said}"
                raise ValueError(f"{table}: {what}: set the points on {platform.title}, and export the table again")
            scaled = scaled and most is not None
            mark = f"{points * (full if most is None else most) / full if full else points:g}"
            comma = re.fullmatch(r"\d+,\d{1,2}", said.strip())
            cells[k, place.grade] = mark.replace(".", ",") if comma else mark
    if marks and not found:
        by, who = ", ".join([platform.number, *platform.logins, *platform.names]), ", ".join(sorted(marks))[:200]
        raise ValueError(f"{table}: expected students of {lab} by {by}, got none of {who}")
    return read.with_cells(cells), sorted(set(marks) - found), scaled, excused


@dataclasses.dataclass
class _Places:
    """The columns with the student's number, the grade, and the maximum (or None)."""

    number: int
    grade: int
    maximum: int | None


def _places(platform, head, rows, table, lab, column):
    if platform.by_content and platform.number not in head and (found := _by_content(rows)):
        if column:
            found.grade = _titled(head, column, table)
        return found
    if platform.number not in head:
        raise ValueError(f"{table}: expected a column named {platform.number}, got {_listed(head)}")
    number = head.index(platform.number)
    if platform.by_content and platform.grade not in head and not column and (found := _by_content(rows)):
        return found
    grade = _titled(head, column or platform.grade, table) if column or platform.grade else _of_lab(head, lab, table)
    maximum = head.index(platform.maximum) if platform.maximum in head else None
    if platform.by_content and maximum is None and (found := _by_content(rows)):
        maximum = found.maximum
    return _Places(number, grade, maximum)


def _by_content(rows):
    """The columns in any language: numbered students first, and a grade before a maximum or scale that is the same in all rows."""
    if not rows or not all(re.fullmatch(r"\D*\d+", row[0]) for row in rows):
        return None
    for k in range(2, len(rows[0]) - 1):
        before, here, after = ([row[j].strip() for row in rows] for j in (k - 1, k, k + 1))
        if not here[0] or len(set(here)) > 1:
            continue
        steps = [step.strip() for step in here[0].split(",")]
        points = _number(here[0]) is not None and all(not cell or _number(cell) is not None for cell in before)
        scale = len(steps) > 1 and all(cell in ("", "-", *steps) for cell in before)
        if (points or scale) and any(after) and all(_number(cell) is None for cell in after):
            return _Places(0, k - 1, k)
    return None


def _listed(head):
    """The titles of a table, as a message lists them."""
    return ", ".join(" ".join(title.split()) for title in head)[:400]


def _titled(head, title, table):
    if head.count(title) != 1:
        raise ValueError(f"{table}: expected one column named {title}, got {head.count(title)} in {_listed(head)} (choose with --column)")
    return head.index(title)


def _of_lab(head, lab, table):
    places = [k for k, title in enumerate(head) if lab in title]
    if len(places) != 1:
        got = f"{len(places)} in {_listed(head)}"
        raise ValueError(f"{table}: expected one column with {lab} in its title, got {got} (choose with --column)")
    return places[0]


def _finder(platform, head, rows, number, marks):
    """Which student a row is of, as a function; a number or a name that two share is nobody's."""
    numbered = "number" in platform.member.groupindex and not platform.names  # else the table has another number, or none
    logins = [number, *(head.index(name) for name in platform.logins if name in head)]
    names = [head.index(name) for name in platform.names if name in head]
    by_number = _unique((student.rpartition("-")[2], student) for student in marks if numbered)
    by_name = _unique((student.rpartition("-")[0], student) for student in marks if names)
    rows_of = _unique((_name(row, names), k) for k, row in enumerate(rows))

    def student_in(row):
        said = row[number].strip().removeprefix("#")
        behind = re.search(r"\d+$", said) if platform.prefix else None
        student = by_number.get(behind[0] if behind else said)
        student = student or next((cell for k in logins if (cell := row[k].strip().removeprefix("#")) in marks), None)
        name = _name(row, names)
        return student or (by_name.get(name) if rows_of[name] is not None else None)

    return student_in


def _name(row, names):
    return letters(" ".join(row[k] for k in names))


def _unique(pairs):
    """A dict of pairs; None where a key comes twice."""
    found = {}
    for key, value in pairs:
        found[key] = None if key in found else value
    return found


def _number(text):
    """A number with a point or a comma, or None."""
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        return None
    whole, comma, part = text.replace(",", ".").rpartition(".")
    if "," in text and "." not in text and len(part) == 3:  # 1,000
        return float(text.replace(",", ""))
    return float(whole.replace(".", "") + comma + part)
