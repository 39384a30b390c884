"""Due dates: two forms are read, all else is refused in a line, and what was understood is said. Extensions and grace days."""

import datetime

import nbformat
import pytest

from labs.grading.__main__ import main
from labs.grading.course import SETTINGS, Course, RoadError
from labs.grading.desk.late import PerDay
from labs.grading.inbox.roster import called
from labs.grading.marks.gradebook import penalties
from labs.grading.text import due

LAB = "lab02_rnn"


@pytest.mark.parametrize(
    ("text", "utc", "said"),
    [
        ("2027-01-15 23:59 Europe/Berlin", "2027-01-15 22:59", "Friday 2027-01-15 23:59 Europe/Berlin (22:59 UTC)"),
        ("2027-07-15 23:59 Europe/Berlin", "2027-07-15 21:59", "Thursday 2027-07-15 23:59 Europe/Berlin (21:59 UTC)"),
        ("2027-01-15 00:30 Asia/Tokyo", "2027-01-14 15:30", "Friday 2027-01-15 00:30 Asia/Tokyo (Thursday 15:30 UTC)"),
        ("2027-01-15 23:59 America/Argentina/Ushuaia", "2027-01-16 02:59", "(Saturday 02:59 UTC)"),
        ("2027-01-15 23:59 UTC", "2027-01-15 23:59", "Friday 2027-01-15 23:59 UTC"),
        ("2027-01-15T23:59+01:00", "2027-01-15 22:59", "Friday 2027-01-15 23:59 UTC+01:00 (22:59 UTC)"),
        ("2027-01-15T23:59:00Z", "2027-01-15 23:59", "Friday 2027-01-15 23:59 UTC"),
        ("2027-10-31T02:30+01:00", "2027-10-31 01:30", "Sunday"),
        ("2028-02-29 12:00 Europe/Berlin", "2028-02-29 11:00", "Tuesday"),
    ],
)
def test_a_date_is_read_and_said(text, utc, said):
    when = due.read(text)
    assert when.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M") == utc and said in due.said(when)


REFUSED = {
    "2027-01-15 11:59 PM": "expected '2027-01-15 23:59 Europe/Berlin'",
    "2027-01-15 23:59 PST": "expected",
    "2027-01-15 23:59 MEZ": "expected",
    "2027-01-15 23:59 CET": "expected",
    "2027-01-15 23:59 +01:00": "expected",
    "2027-01-15 23:59 Europe/Berln": "Europe/Berln is no time zone",
    "2027-01-15 23:59 europe/berlin": "is no time zone",
    "2027-01-15 23:59 ../../etc/passwd": "expected",
    "2027-01-15 23:59 posix/Europe/Berlin": "is no time zone",
    "03/04/2027": "expected",
    "2027-01-15": "expected",
    "20270115T235900Z": "expected",
    "2027-01-15T23:59": "expected",
    "2027-01-15T23:59 Europe/Berlin": "expected",
    "2027-01-15T23:59+23:00": "14 hours",
    "2027-01-15 23:59": "time zone is missing",
    "2027-1-15 23:59 Europe/Berlin": "expected",
    "2027-02-29 23:59 Europe/Berlin": "out of range",
    "2027-01-15 24:00 Europe/Berlin": "hour",
    "2027-01-15 23:60 Europe/Berlin": "minute",
    "2027-03-28 02:30 Europe/Berlin": "skip this time",
    "2027-10-31 02:30 Europe/Berlin": "show this time twice",
    "2027-03-14 02:30 America/New_York": "skip this time",
    "0001-01-01 00:00 Asia/Tokyo": "out of range",
    "\uff12027-01-15 23:59 UTC": "expected",
    "2027-01-15 23:59 UTC\n": "expected",
    "next Friday": "expected",
    " ": "expected",
    "": "expected",
}


@pytest.mark.parametrize("text", REFUSED)
def test_all_else_is_refused_in_a_line_before_anything_is_written(tmp_path, capsys, text):
    root = tmp_path / "course"
    assert main(["release", "--lab", "2", "--due", text, "--course", str(root)]) == 1
    said = capsys.readouterr().err.strip()
    assert REFUSED[text] in said and repr(text) in said and "\n" not in said
    assert not (root / "source").exists() and not (root / "gradebook.db").exists()


def test_a_date_without_a_zone_is_in_the_courses(tmp_path):
    (tmp_path / "nbgrader_config.py").write_text(SETTINGS + 'c.Exchange.timezone = "Europe/Berlin"\n', encoding="utf-8")
    assert due.said(due.read("2027-01-15 23:59", Course(tmp_path).zone)).startswith("Friday 2027-01-15 23:59 Europe/Berlin")
    with pytest.raises(RoadError, match="Nowhere is no time zone"):
        due.read("2027-01-15 23:59", "Nowhere")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Lab 2, due on a Friday; ada was 30 hours late, ben 60, cy in time."""
    root = tmp_path_factory.mktemp("due") / "course"
    Course(root)
    settings = SETTINGS + "c.PerDay.percent_per_day = 10.0\n"
    (root / "nbgrader_config.py").write_text(settings, encoding="utf-8")
    course = Course(root)
    assert main(["release", "--lab", "2", "--due", "2027-01-15 23:59 Europe/Berlin", "--course", str(root)]) == 0
    assert main(["release", "--lab", "1", "--due", "2027-01-01T12:00+01:00", "--course", str(root)]) == 0
    with course.book() as book:
        for student, when in (("ada", "2027-01-17 04:59"), ("ben", "2027-01-18 10:59"), ("cy", "2027-01-15 22:00")):
            book.add_student(student)
            book.add_submission(LAB, student, timestamp=when)
            grade = next(g for g in book.find_submission_notebook(LAB, LAB, student).grades if g.max_score)
            grade.auto_score = grade.max_score
            course.folder("submitted", LAB, student).mkdir(parents=True)
        book.add_submission("lab01_sequences", "ben", timestamp="2027-01-02 10:00")  # one day begun
        book.db.commit()
    return course


def taken(course):
    """Percent of the score that lateness costs each student."""
    penalties(course, LAB)
    with course.book() as book:
        rows = book.assignment_submissions(LAB)
        return {r.student_id: round(100 * (r.late_submission_penalty or 0) / r.score) for r in rows}


def test_release_and_grade_say_the_date_back(course, capsys):
    friday = "Due: Friday 2027-01-15 23:59 Europe/Berlin (22:59 UTC)"
    assert main(["release", "--lab", "2", "--course", str(course.root)]) == 0
    assert friday in capsys.readouterr().out
    main(["grade", "--lab", "2", "--student", "nobody", "--course", str(course.root)])
    assert friday in capsys.readouterr().out
    assert due.lines(course, "lab01_sequences") == ["Due: Friday 2027-01-01 12:00 UTC+01:00 (11:00 UTC)"]


def test_extensions_of_single_students_come_and_go(course, capsys):
    path = course.root / "extensions.csv"
    assert taken(course) == {"ada": 20, "ben": 30, "cy": 0}
    path.write_text(
        "\ufeffstudent,lab,until\nada,2,2027-01-20 23:59 Europe/Berlin\nben,lab02_rnn,2 days\nzoe,2,7\nben,1,9\n", encoding="utf-8"
    )
    assert taken(course) == {"ada": 0, "ben": 10, "cy": 0}
    told = due.lines(course, LAB)
    assert told[1] == "Extension: ada until Wednesday 2027-01-20 23:59 Europe/Berlin (22:59 UTC)"
    assert told[2] == "Extension: ben until Sunday 2027-01-17 23:59 Europe/Berlin (22:59 UTC)"
    assert told[3].startswith("Extension: zoe until Friday 2027-01-22") and "nothing handed in under this name" in told[3]
    path.write_text("student,lab,until\n", encoding="utf-8")
    assert taken(course) == {"ada": 20, "ben": 30, "cy": 0}
    path.unlink()


@pytest.mark.parametrize("name", ["ada", "ADA", "Ng, Ada", "Ada Ng", "4711", "an12", "ada@x.example"])
def test_an_extension_names_a_student_as_the_roster_does(course, name):
    (course.root / "roster.csv").write_text(
        'name,id,number,email\n"Ng, Ada",an12,4711,ada@x.example\n"Öz, Ben",boz,4712,ben@x.example\n"Öz, Eve",eoz,4713,\n', encoding="utf-8"
    )
    path = course.root / "extensions.csv"
    path.write_text(f'Student;Lab;Until\n"{name}";2;2 days\nÖz;2;9\n', encoding="utf-8")
    try:
        assert taken(course) == {"ada": 0, "ben": 30, "cy": 0}
        told = due.lines(course, LAB, called(course, LAB))
        assert "Extension: ada until Sunday" in told[1] and "nothing handed in" not in told[1]
        assert told[2].startswith("Extension: Öz until") and told[2].endswith("(nothing handed in under this name yet)")
        path.write_text(f'student,lab,until\n"{name}",2,2 days\nada,2,9\n', encoding="utf-8")
        with pytest.raises(RoadError, match="line 3: ada has two extensions"):
            penalties(course, LAB)
    finally:
        path.write_text("student,lab,until\n", encoding="utf-8")
        assert taken(course) == {"ada": 20, "ben": 30, "cy": 0}
        path.unlink()
        (course.root / "roster.csv").unlink()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "columns student, lab, until"),
        ("student;lab;when\n", "columns student, lab, until; got student, lab, when"),
        ("student;lab;until\nada;2;soon\n", "line 2: date: expected"),
        ("student,lab,until\nada,2,soon\n", "line 2: date: expected"),
        ("student,lab,until\nada,2,\n", "line 2: expected a student"),
        ("student,lab,until\nada,2\n", "line 2: expected a student"),
        ("student,lab,until\nada,99,1\n", "line 2: lab: expected one of"),
        ("student,lab,until\nada,2,2027-01-10 23:59 Europe/Berlin\n", "is before the due date"),
        ("student,lab,until\nada,2,-1\n", "line 2: date: expected"),
        ("student,lab,until\nada,2,1\nada,2,2\n", "line 3: ada has two extensions"),
        ("student,lab,until\nada,5,1\n", None),
    ],
)
def test_a_line_of_the_extensions_that_cannot_be_read_is_named(course, capsys, text, word):
    path = course.root / "extensions.csv"
    path.write_text(text, encoding="utf-8")
    try:
        if word is None:
            assert due.extensions(course, LAB) == {}
        else:
            assert main(["grade", "--lab", "2", "--course", str(course.root)]) == 1
            said = capsys.readouterr().err.strip()
            assert word in said and "extensions.csv" in said and "\n" not in said
    finally:
        path.unlink()


def test_grace_days_are_used_up_by_the_labs_that_were_due_first(course):
    path = course.root / "nbgrader_config.py"
    before = path.read_text(encoding="utf-8")
    try:
        for days, ada, ben in ((1, 10, 30), (2, 0, 20), (4, 0, 0)):  # ben used one for lab 1
            path.write_text(f"{before}c.PerDay.grace_days = {days}\n", encoding="utf-8")
            assert taken(Course(course.root)) == {"ada": ada, "ben": ben, "cy": 0}
    finally:
        path.write_text(before, encoding="utf-8")
    assert PerDay().late_submission_penalty("s", 40.0, 1e6) is None


def test_a_lab_without_a_date_says_so(tmp_path, capsys):
    assert main(["release", "--lab", "2", "--course", str(tmp_path)]) == 0
    assert "Due: no date set" in capsys.readouterr().out
    (tmp_path / "extensions.csv").write_text("student,lab,until\nada,2,3\n", encoding="utf-8")
    with pytest.raises(RoadError, match="has no due date"):
        due.extensions(Course(tmp_path), LAB)
    assert nbformat.read(Course(tmp_path).released(LAB), 4).cells
