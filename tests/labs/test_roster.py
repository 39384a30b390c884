"""The roster: any table with titles is read, every student finds their line, and whoever handed in nothing is named."""

import codecs
import csv
import unicodedata

import pytest

from labs.grading.__main__ import main
from labs.grading.course import Course, RoadError
from labs.grading.desk.export import NOT_GRADED, NOTHING, export
from labs.grading.desk.report import facts, report
from labs.grading.inbox.roster import FILE, roster, said

LAB = "lab02_rnn"


def course_of(root, *students, table=None, lab=LAB, encoding="utf-8"):
    course = Course(root)
    for student in students:
        course.folder("submitted", lab, student).mkdir(parents=True)
    if table is not None:
        (root / FILE).write_bytes(table if isinstance(table, bytes) else table.encode(encoding))
    return course


ROWS = [("ada", "Ada Ng", "ada@x.example"), ("ben", "Ben Öz", "ben@x.example"), ("zoë", "Zoë 李", "zoe@x.example")]


def written(delimiter=",", titles=("student", "name", "email"), end="\n"):
    return end.join(delimiter.join(row) for row in (titles, *ROWS)) + end


@pytest.mark.parametrize(
    "data",
    [
        written().encode(),
        codecs.BOM_UTF8 + written(";", end="\r\n").encode(),
        codecs.BOM_UTF16_LE + written("\t").encode("utf-16-le"),
        written(titles=("Student ID", "Full name", "E-Mail")).encode(),
        written(titles=("Login", "Name", "Mailadresse")).encode(),
        written(titles=("Kennung", "Vollständiger Name", "E-Mail-Adresse")).encode(),
        written(titles=("学号", "姓名", "邮箱")).encode(),
        unicodedata.normalize("NFD", written()).encode(),
        written().replace("ada,Ada Ng", '"ada","Ng, Ada"').encode(),
        written().replace("ada,", "  ADA ,").encode(),
        b"\r\n" + written(end="\r\n\r\n").encode(),
    ],
)
def test_a_table_is_read_however_it_was_written(tmp_path, data):
    course = course_of(tmp_path, "ada", "zoë", "eve", table=data)
    found = roster(course)
    assert {s: p.email for s, p in found.of.items()} == {"ada": "ada@x.example", "zoë": "zoe@x.example"}
    assert [(p.student, p.email) for p in found.missing(course.students(LAB))] == [("ben", "ben@x.example")]
    assert found.outside(course.students(LAB)) == ["eve"] and found.notes == []


@pytest.mark.parametrize(
    ("table", "students", "missing"),
    [
        (
            'Student,ID,SIS User ID,SIS Login ID,Section,lab02_rnn (77)\n    Points Possible,,,,,50\n"Doe, Ada",4711,4712,ada,A,\n'
            '"Roe, Bob",4712,4711,bob,A,\n"Poe, Zoe",9,u9,zoe,B,\n"Student, Test",99,,,A,\n',
            ["doeada-4711", "roebob-4712"],
            ["Zoe Poe (zoe)"],
        ),
        (
            '\ufeffID,"Vollständiger Name",E-Mail-Adresse\nTeilnehmer/in4711,"Ada Doe",a@x\nTeilnehmer/in4712,"Zoe Poe",z@x\n',
            ["adadoe-4711"],
            ["Zoe Poe (Teilnehmer/in4712)"],
        ),
        ("First name,Last name,Email\nAda,Doe,ada@x\nBob,Roe,bob@x\nZoe,Poe,zoe@x\n", ["Bob Roe", "doeada-4711"], ["Zoe Poe (zoe@x)"]),
        ("Email\nada@x.example\nzoe@x.example\n", ["ada"], ["zoe@x.example"]),
        ("student\nada\nzoe\n", ["ada"], ["zoe"]),
        ("Matrikelnummer;Nachname;Vorname\n100;Doe;Ada\n4711;Poe;Zoe\n", ["doeada-4711", "roe-100"], ["Zoe Poe (4711)"]),
    ],
)
def test_the_tables_of_platforms_and_registrars_are_rosters(tmp_path, table, students, missing):
    course = course_of(tmp_path, *students, table=table)
    if "Matrikelnummer" in table:  # the number of a platform is no number of the registrar's, when most of them fit nobody
        course.folder("submitted", LAB, "li-1").mkdir(parents=True)
        course.folder("submitted", LAB, "wu-2").mkdir(parents=True)
        course.folder("submitted", LAB, "xu-3").mkdir(parents=True)
    assert [str(person) for person in roster(course).missing(course.students(LAB))] == missing


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("ada,Ada Ng,ada@x.example\nben,Ben,b@x\n", "expected a first line with titles, such as student,name,email; got 'ada,"),
        ("ada\nben\n", "expected a first line with titles"),
        ("student,name\n", "expected a line for each student, got none"),
        ("", "got an empty file"),
        ("student,name\nada,Ada\n\nADA,Adam\n", "line 4: expected each student once, got ADA with another name or address in line 2"),
        (b"PK\x03\x04", "got an Excel workbook"),
    ],
)
def test_what_is_no_roster_is_an_error_in_a_line(tmp_path, table, words):
    with pytest.raises((RoadError, ValueError), match=r"roster\.csv") as caught:
        roster(course_of(tmp_path, table=table))
    assert words in str(caught.value).replace(", Ada Ng", ",")


def test_lines_that_are_left_out_are_said(tmp_path):
    course = course_of(tmp_path, "ada", table="student,name,group\nada,Ada,1\n,Nobody,2\nada,Ada,3\n")
    assert roster(course).notes == ["roster.csv, line 3: no student, left out: Nobody, 2", "roster.csv, line 4: ada again, left out"]
    assert said(None, []) == [] and said(roster(course), ["ada", "eve"])[0] == "Roster: 1 students. Nothing handed in: 0"


def test_a_name_behind_the_name_of_a_group_finds_its_person(tmp_path):
    students = ("groupaadang-1", "groupaannedoe-2", "teambbenöz-3", "annadoe-4", "groupaeve-5", "xadang-6")
    course = course_of(tmp_path, *students, table='name\nAda Ng\n"Doe, Anne"\nBen Öz\nNa Doe\nZoë\n')
    assert {s: p.name for s, p in roster(course).of.items()} == {"groupaadang-1": "Ada Ng", "groupaannedoe-2": "Anne Doe"}


def test_a_number_that_is_another_persons_finds_nobody(tmp_path):
    table = "id,name\n4711,Ada Ng\n4712,Jürgen Müller\n4713,\n4714,李雷\n4715,Zoë Poe\naB3dE,Bo Xi\n"
    course = course_of(tmp_path, "roebob-4711", "mllerjrgen-4712", "x-4713", "李雷-4714", "poezoe-4715", "anon-aB3dE", table=table)
    assert roster(course).outside(course.students(LAB)) == ["roebob-4711"], "or their feedback would be mailed to somebody else"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Ada and eve handed in and are not graded, ben handed in another lab, zoë nothing at all; eve is not in the roster."""
    root = tmp_path_factory.mktemp("roster")
    assert main(["release", "2", "--course", str(root)]) == 0
    course = course_of(root, "ada", "eve", table=written())
    course.folder("submitted", "lab01_sequences", "doe-9").mkdir(parents=True)
    with course.book() as book:
        book.add_student("doe-9")
    return course


def test_the_csv_tells_nothing_handed_in_from_no_points(course):
    with open(export(course, LAB), newline="", encoding="utf-8") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    notes = {name: (row["score"], row["note"]) for name, row in rows.items()}
    assert notes == {
        "ada": ("", NOT_GRADED),
        "ben": ("", NOTHING),
        "zoë": ("", NOTHING),
        "eve": ("", f"{NOT_GRADED}; not in the roster"),
        "doe-9": ("", f"{NOTHING}; not in the roster"),
    }
    assert (rows["zoë"]["last_name"], rows["zoë"]["first_name"], rows["zoë"]["email"]) == ("李", "Zoë", "zoe@x.example")
    assert rows["ada"]["max_score"] == "50.0"


def test_every_verb_and_the_report_say_who_is_missing(course, capsys, tmp_path):
    (tmp_path / "eve.ipynb").write_text("{}", encoding="utf-8")
    here = ["--course", str(course.root)]
    for words in (["collect", "2", "--from", str(tmp_path)], ["export", "2"], ["report", "2"]):
        assert main([*words, *here]) == 0
        out = capsys.readouterr().out
        assert "Roster: 3 students. Nothing handed in: 2 (Ben Öz (ben), Zoë 李 (zoë))\nNot in the roster, and kept: 1 (eve)\n" in out
    assert (found := facts(course, LAB))["missing"] == ["Ben Öz (ben)", "Zoë 李 (zoë)"] and found["roster"] == 3
    page = report(course, LAB).read_text(encoding="utf-8")
    assert "2 of 3 in the roster" in page and "Zoë 李 (zoë)" in page and "Not in the roster:" in page
