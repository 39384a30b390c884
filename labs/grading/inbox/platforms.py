"""What a learning platform gives and takes: the names in its zip of submissions, its table of grades. `PLATFORMS` has an entry for each."""

import dataclasses
import re


@dataclasses.dataclass(frozen=True)
class Platform:
    """A learning platform: how its archive names a file, and how its table of grades is read and filled.

    Attributes
    ----------
    title : str
        Its name, as messages say it.
    member : re.Pattern
        The whole name of a student's file in its zip. Its groups: ``file``, the name that the student gave; ``name`` and ``number`` of
        the student (one is enough: Jane Doe is ``Jane Doe`` without a number, ``janedoe-4711`` with one, and ``student-4711`` by the
        number alone), or ``before``, the assignment and the login joined by ``_``; and where
        the platform says so, ``late``, ``mark`` (a number that grows with each file), ``attempt`` (when it was handed in) and
        ``companion`` (a file that the platform writes itself).
    attempt : str
        How ``attempt`` is written, for ``strptime``.
    number : str, optional
        The column of its table that holds the student's number or login, behind ``prefix``; none where it takes no table.
    grade : str, optional
        The whole title of the column to fill. By default it is the only one that contains the lab's name.
    maximum : str, optional
        The column with the maximum. Else the title of the column says it (``Lab 2 /100``, ``Lab 2 MaxPoints:100``), or one of the first
        three rows that is no student's: one without a number, or with ``max`` or ``points possible`` in its place.
    by_content : bool
        The titles of the table are in the language of the teacher: where they are unknown, the columns are found by what is in them.
    logins : tuple of str
        Columns in which a student may be named as here.
    names : tuple of str
        Columns that give, joined, the name of a student: for tables without the number.
    excused : tuple of str
        What its table has in place of a mark that nobody may fill in.
    own : tuple of str
        Files that it adds to its zip: nobody's.
    back : str, optional
        The group of ``member`` that a file must have so that the platform takes back a file of feedback under the same beginning of its
        name; none where it takes no zip of them.
    """

    title: str
    member: re.Pattern
    number: str | None = None
    attempt: str = ""
    prefix: str = ""
    grade: str | None = None
    maximum: str | None = None
    by_content: bool = False
    logins: tuple = ()
    names: tuple = ()
    excused: tuple = ()
    own: tuple = ()
    back: str | None = None


PLATFORMS = {
    # doejane_LATE_1234_56789_lab02_rnn-1.ipynb, anon_aB3dE_56789_lab02_rnn.ipynb, doejane_1234_text.html
    "canvas": Platform(
        title="Canvas",
        member=re.compile(
            r"(?:(?P<anonymous>anon)(?=(?:_LATE)?_[A-Za-z0-9]{5}_)|(?P<name>[^/]+?))(?P<late>_LATE)?"
            r"_(?P<number>(?(anonymous)[A-Za-z0-9]{5}|\d{1,18}))(?:_(?P<mark>\d{1,18})(?=_)|(?=_(?:text|link|media)\.))_(?P<file>[^/]+)"
        ),
        number="ID",
        logins=("SIS Login ID", "SIS User ID"),
        excused=("EX", "N/A"),
        back="mark",
    ),
    # Jane Doe_1234_assignsubmission_file_/hw/lab02_rnn.ipynb; without folders hw/Jane Doe_1234_assignsubmission_file_lab02_rnn.ipynb
    "moodle": Platform(
        title="Moodle",
        member=re.compile(r"(?:[^/]+/)*?(?P<name>[^/]+?)_(?P<number>\d{1,18})_assignsubmission_(?:file|onlinetext)(?:_?/|_)(?P<file>.+)"),
        number="Identifier",
        prefix="Participant ",
        grade="Grade",
        maximum="Maximum Grade",
        by_content=True,
        back="number",
    ),
    # Lab 2_jdoe_attempt_2027-01-05-23-30-00_lab02_rnn.ipynb, with a text Lab 2_jdoe_attempt_2027-01-05-23-30-00.txt
    "blackboard": Platform(
        title="Blackboard",
        member=re.compile(r"(?P<before>[^/]+?_[^/]+?)_[^\W\d_]+_(?P<attempt>\d{4}(?:-\d\d){5})(?:_(?P<file>[^/]+)|(?P<companion>\.txt))"),
        attempt="%Y-%m-%d-%H-%M-%S",
        number="Username",
    ),
    # 12345-678 - Jane Doe - Jan 5, 2027 1130 PM - lab02_rnn.ipynb, or a folder of that name
    "brightspace": Platform(
        title="Brightspace",
        member=re.compile(r"(?P<number>\d{1,18})-\d{1,18} ?- (?P<name>[^/]+?) ?- (?P<attempt>[^/]*?\d[^/]*?)(?: ?- |/)(?P<file>.+)"),
        attempt="%b %d, %Y %I:%M %p",
        number="Username",
        logins=("OrgDefinedId",),
        names=("First Name", "Last Name"),
        own=("index.html",),
    ),
    # Jane Doe - lab02_rnn.ipynb
    "classroom": Platform(title="Google Classroom", member=re.compile(r"(?P<name>[^/]+?) - (?P<file>[^/]+)")),
}


def titles():
    """The platforms, as a message names them."""
    *others, last = (platform.title for platform in PLATFORMS.values())
    return f"{', '.join(others)} or {last}"


def with_tables():
    """The names of those that take a table of grades."""
    return [name for name, platform in PLATFORMS.items() if platform.number]


def find(name):
    """The platform with a table of grades that is called ``name``.

    Raises
    ------
    ValueError
        There is none.
    """
    if name not in with_tables():
        raise ValueError(f"platform: expected one of {', '.join(with_tables())}, got {name!r}")
    return PLATFORMS[name]
