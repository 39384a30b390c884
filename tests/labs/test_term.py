"""All labs in one table: weights, late penalties and extensions in it, nothing dropped, nothing handed in told from 0 points."""

import csv
import datetime

import nbformat
import pytest
from classes import copied, graded, released  # noqa: F401  a fixture

from labs.grading.__main__ import main
from labs.grading.course import Course, RoadError
from labs.grading.desk.export import export
from labs.grading.desk.term import term, weights

ONE, TWO, THREE = "lab01_sequences", "lab02_rnn", "lab03_bptt"
LATER = datetime.datetime(2027, 3, 1, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Two labs are graded, the third is only released. Ada did both, ben lab 2 alone, cy got 0 in lab 2 and is not graded in lab 1."""
    root = tmp_path_factory.mktemp("term")
    full = nbformat.read(graded(root, {"ada": ()}).released(TWO), 4)
    every = {c.metadata.nbgrader.grade_id for c in full.cells if c.metadata.get("nbgrader", {}).get("points")}
    course = graded(root, {"ada": (), "ben": {"rnn_step_test"}, "cy": every})
    graded(root, {"ada": ()}, lab="1")
    course.folder("submitted", ONE, "cy").mkdir(parents=True)
    assert main(["release", "3", "--course", str(root), "--due", "2027-02-01 12:00 UTC"]) == 0
    (root / "roster.csv").write_text("student,name\nada,Ada Ng\nben,Ben\ncy,Cy\nzoë,Zoë\n", encoding="utf-8")
    with course.book() as book:
        for lab in (ONE, TWO):
            for row in book.assignment_submissions(lab):
                for grade in row.notebooks[0].grades:
                    grade.needs_manual_grade = False
        book.db.commit()
    return course


@pytest.fixture
def root(released, tmp_path):  # noqa: F811
    return copied(released, tmp_path / "course")


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return {row["student_id"]: row for row in csv.DictReader(file)}


def test_missing_and_zero_are_told_apart_and_nobody_is_dropped(course):
    path, labs = term(course, now=LATER)
    rows = rows_of(path)
    assert path == course.root / "exports/gradebook.csv" and list(rows) == ["ada", "ben", "cy", "zoë"]
    one, two = (next(title for title in rows["ada"] if title.startswith(f"{lab} (of ")) for lab in (ONE, TWO))
    most = float(one.split("of ")[1].split(",")[0])
    assert two == "lab02_rnn (of 50, weight 1)"
    assert [rows[s][two] for s in rows] == ["44.0", "39.0", "0.0", ""] and rows["ben"][one] == ""
    assert float(rows["ada"]["total_percent"]) == pytest.approx(50 * (float(rows["ada"][one]) / most + 44 / 50), abs=0.01)
    assert float(rows["ben"]["total_percent"]) == 39 and rows["ben"]["note"].startswith(f"{ONE}: nothing handed in")
    assert rows["cy"]["total_percent"] == "" and f"{ONE}: handed in, not graded yet" in rows["cy"]["note"], "an open mark is no 0"
    assert rows["zoë"]["total_percent"] == "0.0" and rows["zoë"]["note"].count("nothing handed in") == 2
    assert [rows[s]["final"] for s in rows] == ["yes", "yes", "no", "yes"]
    assert [str(lab) for lab in labs] == [f"{ONE} (weight 1)", f"{TWO} (weight 1)", f"{THREE} (weight 1, no graded submission)"]
    assert any(title.startswith(THREE) for title in rows["ada"]), "a lab that does not count yet has its column"


def test_weights_late_penalties_and_extensions_are_in_it(course, capsys):
    (course.root / "weights.csv").write_text("\ufefflab;weight\n1;1,5\nlab02_rnn;4.5\n5;20%\n", encoding="utf-8")
    given = "student,lab,until\nZoë,2,2027-06-01 12:00 UTC\nAda Ng,2,3 days\nadda,2,3\n"
    (course.root / "extensions.csv").write_text(given, encoding="utf-8")
    with course.book() as book:
        book.find_submission_notebook(TWO, TWO, "ben").late_submission_penalty = 9.0
        book.db.commit()
    try:
        path, labs = term(course, now=LATER)
        rows = rows_of(path)
        assert rows["ben"][f"{TWO} (of 50, weight 4.5)"] == "30.0" and rows["ben"][f"{TWO} late penalty"] == "9.0"
        assert float(rows["ben"]["total_percent"]) == pytest.approx(0.75 * 60)
        assert rows["zoë"]["note"].endswith("lab02_rnn: nothing handed in; extension until Tuesday 2027-06-01 12:00 UTC")
        assert rows["zoë"]["total_percent"] == "0.0" and rows["zoë"]["final"] == "no", "only lab 1 counts for her, for now"
        assert "extension until Wednesday 2026-11-04" in rows["ada"]["note"]
        assert [lab.why for lab in labs] == ["", "", "no graded submission", "not released"] and labs[2].weight == 0.0
        assert main(["gradebook", "--course", str(course.root)]) == 0
        said = capsys.readouterr().out
        assert "Counted: lab01_sequences (weight 1.5), lab02_rnn (weight 4.5)\n" in said
        assert "Not counted: lab03_bptt (weight 0, no graded submission), lab05_lstm (weight 20, not released)\n" in said
        assert "In extensions.csv, and nobody here: 1 (adda)\n" in said
        assert "ben: late penalty: 9 → 0" in said, "no penalty is set in this course: the table is made of penalties that are up to date"
    finally:
        (course.root / "weights.csv").unlink()
        (course.root / "extensions.csv").unlink()


def test_a_lab_that_is_not_due_counts_for_nobody(course):
    _, labs = term(course, now=datetime.datetime(2026, 10, 1, tzinfo=datetime.UTC))
    assert [lab.why for lab in labs][:2] == ["not due until Sunday 2026-11-01 12:00 UTC"] * 2
    assert {row["total_percent"] for row in rows_of(course.root / "exports/gradebook.csv").values()} == {""}


def test_a_student_whom_moodle_numbers_anew_has_one_row_with_a_roster(root, capsys):
    settings = (root / "nbgrader_config.py").read_text(encoding="utf-8") + "c.PerDay.percent_per_day = 10.0\nc.PerDay.grace_days = 1\n"
    (root / "nbgrader_config.py").write_text(settings, encoding="utf-8")
    graded(root, {"janedoe-5822": ()}, lab="1", when="2026-11-01 18:00:00 UTC")
    course = graded(root, {"janedoe-4711": (), "ben": ()}, when="2026-11-01 18:00:00 UTC")
    assert main(["release", "2", "--course", str(root), "--due", "2026-11-01 12:30 UTC"]) == 0  # after lab 1
    assert main(["gradebook", "--course", str(root)]) == 0
    assert "One student under several numbers? janedoe-4711, janedoe-5822. A roster.csv" in capsys.readouterr().out
    rows = rows_of(course.root / "exports/gradebook.csv")
    assert list(rows) == ["ben", "janedoe-4711", "janedoe-5822"]
    late = next(title for title in rows["ben"] if title.startswith(f"{TWO} late"))
    assert rows["janedoe-4711"][late] == "0.0"
    (root / "roster.csv").write_text("id;name\njd;Doe, Jane\nben;Ben\nzoë;Zoë\n", encoding="utf-8")
    assert main(["gradebook", "--course", str(root)]) == 0
    assert "several numbers" not in capsys.readouterr().out
    rows = rows_of(course.root / "exports/gradebook.csv")
    assert list(rows) == ["ben", "jd", "zoë"] and rows["jd"]["note"].count("nothing") == 0 and rows["ben"][late] == "0.0"
    assert rows["jd"][late] == "4.4", "her one day of grace went to lab 1, under another number"
    with open(export(course, TWO), newline="", encoding="utf-8") as file:
        assert [row["student_id"] for row in csv.DictReader(file)] == ["ben", "janedoe-4711", "zoë"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lab\n1\n", "expected the columns lab, weight; got lab"),
        ("lab,weight\n1,much\n", "line 2: weight: expected a number, got 'much'"),
        ("lab,weight\n1,-1\n", "line 2: weight: expected 0 or more, got -1"),
        ("lab,weight\n1,nan\n", "line 2: weight: expected 0 or more, got nan"),
        ("lab,weight\n1,\n", "line 2: weight: expected a number, got ''"),
        ("lab,weight\n9,1\n", "line 2: lab: expected one of"),
        ("lab,weight\n1,1\n\nlab01,2\n", "line 4: lab01_sequences has two weights"),
        ("lab,weight\n1,0\n", "expected a weight above 0, got none"),
    ],
)
def test_a_line_of_the_weights_that_cannot_be_read_is_named(tmp_path, text, words):
    (tmp_path / "weights.csv").write_text(text, encoding="utf-8")
    with pytest.raises(RoadError, match=r"weights\.csv") as caught:
        weights(Course(tmp_path))
    assert words in str(caught.value)
