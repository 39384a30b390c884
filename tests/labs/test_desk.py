"""The instructor's desk: downloads of a platform, late penalties, the report, similar submissions, tables of grades."""

import csv
import datetime
import json
import re
import zipfile

import nbformat
import pytest
from classes import result

from labs.grading.__main__ import main, parser
from labs.grading.course import Course
from labs.grading.desk.export import export, export_to
from labs.grading.desk.late import PerDay
from labs.grading.desk.report import facts, report
from labs.grading.desk.similarity import similarity
from labs.grading.files import LABS
from labs.grading.inbox import platforms
from labs.grading.inbox.collect import collect
from labs.grading.inbox.submission import PROBLEM
from labs.grading.marks.gradebook import merge, penalties
from labs.grading.text import source

LAB = "lab02_rnn"
POINTS = 44.0  # by tests; the explanation is a person's


def write_zip(path, members):
    with zipfile.ZipFile(path, "w") as z:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, date_time=(2026, 11, 3, 10, 20, 30))
            z.writestr(info, content)
    return path


# --- downloads

CANVAS = {
    "doejane_4711_900_lab02_rnn.ipynb": "first",
    "doejane_4711_901_lab02_rnn-1.ipynb": "second",
    "mllerjrgen_LATE_4712_902_my homework.ipynb": "late",
    "roe_4713_903_lab02_rnn.zip": "no zip at all",
    "noise_4714_904_photo.png": "x",
    "../../evil_4715_905_lab02_rnn.ipynb": "x",
}
MOODLE = {
    "Jane Doe_4711_assignsubmission_file_/lab02_rnn.ipynb": "first",
    "Jürgen Müller_4712_assignsubmission_file_/lab02_rnn.ipynb": "second",
    "Jürgen Müller_4712_assignsubmission_file_/notes.ipynb": "not the lab",
    "Roe_4713_assignsubmission_file_lab02_rnn.ipynb": "flat",
    "readme.txt": "x",
}


def test_a_zip_of_canvas_is_taken_apart_by_name(tmp_path):
    course = Course(tmp_path / "course")
    done = {c.student or c.origin: c.problem for c in collect(course, LAB, write_zip(tmp_path / "all.zip", CANVAS))}
    assert course.students(LAB) == ["doejane-4711", "mllerjrgen-4712", "noise-4714", "roe-4713"]
    assert (course.folder("submitted", LAB, "doejane-4711") / f"{LAB}.ipynb").read_text(encoding="utf-8") == "second"
    stamp = (course.folder("submitted", LAB, "doejane-4711") / "timestamp.txt").read_text(encoding="utf-8")
    local = datetime.datetime(2026, 11, 3, 10, 20, 30).astimezone(datetime.UTC)
    assert stamp == local.strftime("%Y-%m-%d %H:%M:%S UTC")
    assert done["mllerjrgen-4712"] == (course.folder("submitted", LAB, "mllerjrgen-4712") / PROBLEM).read_text(encoding="utf-8")
    assert "late" in done["mllerjrgen-4712"] and "zip cannot be read" in done["roe-4713"]
    assert done["noise-4714"] == "photo.png is not a notebook (.ipynb) or a zip with one"
    assert "skipped" in done["../../evil_4715_905_lab02_rnn.ipynb"]
    assert not list(tmp_path.glob("**/evil*"))


def test_a_zip_of_moodle_is_taken_apart_by_name(tmp_path):
    course = Course(tmp_path / "course")
    collect(course, LAB, write_zip(tmp_path / "all.zip", MOODLE))
    assert course.students(LAB) == ["janedoe-4711", "jurgenmuller-4712", "roe-4713"]
    assert (course.folder("submitted", LAB, "jurgenmuller-4712") / f"{LAB}.ipynb").read_text(encoding="utf-8") == "second"


def test_what_is_no_platforms_zip_is_refused_by_name(tmp_path, monkeypatch):
    course = Course(tmp_path / "course")
    (tmp_path / "all.zip").write_text("PK but no", encoding="utf-8")
    with pytest.raises(ValueError, match=r"all.zip: expected a zip from Canvas, Moodle"):
        collect(course, LAB, tmp_path / "all.zip")
    monkeypatch.setattr("labs.grading.inbox.collect.MAX_TOTAL", 8)
    with pytest.raises(ValueError, match="GiB of submissions"):
        collect(course, LAB, write_zip(tmp_path / "all.zip", MOODLE))
    monkeypatch.setattr("labs.grading.inbox.collect.MAX_MEMBERS_OF_ALL", 3)
    with pytest.raises(ValueError, match="at most 3 files, got 5"):
        collect(course, LAB, tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("a_1_2_lab02_rnn.ipynb", bytes(30_000_000))
    monkeypatch.undo()
    monkeypatch.setattr("labs.grading.inbox.collect.MAX_FILE", 20_000_000)
    [done] = collect(course, LAB, tmp_path / "bomb.zip")
    assert done.student == "a-1" and "larger than 20 MB" in done.problem


# --- late


@pytest.mark.parametrize(("hours", "penalty"), [(0.1, None), (1, 4.0), (24, 4.0), (25, 8.0), (24 * 400, 40.0)])
def test_a_day_begun_costs_its_share_and_never_more_than_the_score(hours, penalty):
    rule = PerDay(percent_per_day=10.0, grace_minutes=10.0)
    assert rule.late_submission_penalty("s", 40.0, hours * 3600.0) == penalty
    assert PerDay().late_submission_penalty("s", 40.0, hours * 3600.0) is None, "no penalty unless the course sets one"


# --- a graded class


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Four students: all points; one part lost, twice; a file with a note, two days late. A fifth handed in and is not graded."""
    root = tmp_path_factory.mktemp("desk")
    config = f"c = get_config()\nload_subconfig('nbgrader_config.py', path={str(LABS)!r})\nc.PerDay.percent_per_day = 10.0\n"
    (root / "nbgrader_config.py").write_text(config, encoding="utf-8")
    course = Course(root)
    assert main(["release", "--lab", "2", "--course", str(root), "--due", "2026-11-01 12:00 UTC"]) == 0
    released = nbformat.read(course.released(LAB), 4)
    for student in ("ada-1", "bob-2", "cy-3", "dot-4", "eve-5"):
        folder = course.folder("submitted", LAB, student)
        folder.mkdir(parents=True)
        day = 3 if student == "dot-4" else 1
        (folder / "timestamp.txt").write_text(f"2026-11-0{day} 11:00:00 UTC", encoding="utf-8")
    results = [
        result(released, "ada-1"),
        result(released, "bob-2", {"rnn_step_test"}),
        result(released, "cy-3", {"rnn_step_test"}),
        result(released, "dot-4", note="<script>alert(2)</script> the file was in latin-1"),
    ]
    merge(course, LAB, results)
    penalties(course, LAB)
    return course


def test_the_report_tells_progress_questions_failing_checks_and_who_needs_a_person(course):
    found = facts(course, LAB)
    assert (found["graded"], found["handed_in"], found["not_graded"]) == (4, 5, ["eve-5"])
    step = next(q for q in found["questions"] if q["name"] == "rnn_step")
    assert step["full"] == 0.5 and step["mean"] == step["points"] / 2
    assert [b["count"] for b in step["bins"]] == [2] + [0] * 8 + [2]
    [failing] = found["failing"]
    assert failing == {"part": "rnn_step", "title": "<b>the mean</b>", "why": found["failing"][0]["why"], "count": 2}
    assert re.fullmatch(r"h: off by \d.* <script>alert\(\d\)</script>", failing["why"]), "as one student read it"
    assert [s["id"] for s in found["persons"]] == ["dot-4", "ada-1", "bob-2", "cy-3"], "a note first, then all who explained something"
    assert all(s["waits"] == ["explain"] for s in found["persons"])
    dot = found["persons"][0]
    assert dot["late"] == pytest.approx(0.2 * POINTS) and dot["score"] == pytest.approx(0.8 * POINTS)
    html = report(course, LAB).read_text(encoding="utf-8")
    assert "<script" not in html and "&lt;script&gt;alert(2)" in html and "4 of 5 submissions are graded" in html
    assert "default-src 'none'" in html


def test_the_csv_says_what_to_know_of_a_grade(course):
    with open(export(course, LAB), newline="", encoding="utf-8") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    assert float(rows["dot-4"]["score"]) == pytest.approx(0.8 * POINTS) and float(rows["ada-1"]["score"]) == POINTS
    assert rows["ada-1"]["note"] == "needs manual grading; those points count 0 until then"
    assert rows["dot-4"]["note"].endswith("the file was in latin-1")


CANVAS_TABLE = """\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,lab02_rnn (77),Quiz (78)
    Points Possible,,,,,50,10
"Doe, Ada",1,u1,ada,A,,3
"Roe, Bob",2,u2,bob,A,12,4
"Poe, Zoe",9,u9,zoe,A,,5
"""
MOODLE_TABLE = """Identifier,Full name,Email address,Status,Grade,Maximum Grade,Grade can be changed,Feedback comments
Participant 1,Ada Doe,a@x,Submitted,,100.00,Yes,
Participant 2,Bob Roe,b@x,Submitted,,100.00,Yes,"=1+1"
"""


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_the_tables_of_canvas_and_moodle_are_filled_by_number(course, tmp_path):
    (tmp_path / "canvas.csv").write_text(CANVAS_TABLE, encoding="utf-8")
    path, missing, waiting, ungraded, scaled, excused = export_to(course, LAB, "canvas", tmp_path / "canvas.csv")
    rows = rows_of(path)
    assert [row[5] for row in rows[1:]] == ["50", "44", "39", ""]
    there = CANVAS_TABLE.replace("ada,A,,", "ada,A,44,").replace("bob,A,12,", "bob,A,39,")
    assert path.read_text(encoding="utf-8") == there, "nothing else is changed"
    assert missing == ["cy-3", "dot-4"] and waiting == ["ada-1", "bob-2", "cy-3", "dot-4"] and ungraded == ["eve-5"]
    assert scaled and not excused
    logins = CANVAS_TABLE.replace("ada,A", "cy-3,A").replace('"Doe, Ada",1,', '"Doe, Ada",77,').replace(",,,,,50,10", ",,,,,100,10")
    (tmp_path / "canvas.csv").write_text(logins, encoding="utf-8")
    path, missing, *_ = export_to(course, LAB, "canvas", tmp_path / "canvas.csv")
    assert [row[5] for row in rows_of(path)[1:]] == ["100", "78", "78", ""], "by login, on a scale of 100"
    assert missing == ["ada-1", "dot-4"]
    (tmp_path / "canvas.csv").write_text(CANVAS_TABLE.replace(",1,", ",71,").replace(",2,", ",72,"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"expected students of lab02_rnn by ID, SIS Login ID, SIS User ID, got none of ada-1"):
        export_to(course, LAB, "canvas", tmp_path / "canvas.csv")
    (tmp_path / "moodle.csv").write_text(MOODLE_TABLE, encoding="utf-8")
    path, missing, *_ = export_to(course, LAB, "moodle", tmp_path / "moodle.csv")
    assert [row[4] for row in rows_of(path)] == ["Grade", "88", "78"], "on the platform's scale of 100"
    (tmp_path / "other.csv").write_text("Name,Mark\nx,1\n", encoding="utf-8")
    for platform, word in (("canvas", "a column named ID"), ("moodle", "a column named Identifier")):
        with pytest.raises(ValueError, match=word):
            export_to(course, LAB, platform, tmp_path / "other.csv")
    (tmp_path / "twice.csv").write_text("ID,lab02_rnn (1),lab02_rnn again\n", encoding="utf-8")
    with pytest.raises(ValueError, match="expected one column with lab02_rnn in its title, got 2"):
        export_to(course, LAB, "canvas", tmp_path / "twice.csv")


def test_a_platform_is_one_entry(course, tmp_path, monkeypatch, capsys):
    member = re.compile(r"(?P<number>\d+)_(?P<name>[^/]+)/(?P<file>[^/]+)")
    toy = platforms.Platform(title="Toy", member=member, number="No", maximum="Most")
    monkeypatch.setitem(platforms.PLATFORMS, "toy", toy)
    archive = write_zip(tmp_path / "all.zip", {"4711_Zoë Doe/lab02_rnn.ipynb": "hers", "4712_Roe/notes.txt": "x"})
    assert main(["collect", "--lab", "2", "--course", str(tmp_path / "new"), "--from", str(archive)]) == 1
    said = capsys.readouterr().out
    assert "zoedoe-4711: 4711_Zoë Doe/lab02_rnn.ipynb\n" in said
    assert "roe-4712: 4712_Roe/notes.txt: notes.txt is not a notebook (.ipynb) or a zip with one\n" in said
    assert "without a notebook: 1" in said
    (tmp_path / "toy.csv").write_text("No,lab02_rnn,Most\n1,,100\n2,,\n9,,100\n", encoding="utf-8")
    to, here = ["--to", str(tmp_path / "filled.csv")], ["--lab", "2", "--course", str(course.root)]
    assert main(["export", *here, *to, "--table", "toy", str(tmp_path / "toy.csv")]) == 1, "some are not in the table"
    assert rows_of(tmp_path / "filled.csv")[1:] == [["1", "88", "100"], ["2", "39", ""], ["9", "", "100"]]
    assert main(["export", *here, "--table", "classroom", str(tmp_path / "toy.csv")]) == 1
    assert f"platform: expected one of {', '.join(platforms.with_tables())}, got 'classroom'" in capsys.readouterr().err


def test_every_platform_has_its_line_in_the_readme():
    text = (LABS / "README.md").read_text(encoding="utf-8")
    for name, platform in platforms.PLATFORMS.items():
        assert f"| {platform.title} | " in text and (f"`--table {name} FILE`" in text) == bool(platform.number)


def test_every_verb_has_its_line_in_the_readme_and_in_make():
    [verbs] = (action.choices for action in parser()._actions if action.dest == "verb")
    text, make = ((LABS / "README.md").read_text(encoding="utf-8"), (LABS.parent / "Makefile").read_text(encoding="utf-8"))
    alone = {"build", "leaderboard", "slurm", "open"}  # `build` is a part of `release`, and `make lab` opens one
    assert all(f"| `make {verb}" in text and f"\n{verb}: setup  ## Teachers: " in make for verb in set(verbs) - alone)
    assert all(f"labs.grading {verb}" in text for verb in ("leaderboard", "slurm"))


LONG = """
def rnn_step(x_t, h_prev, W_xh, W_hh, b_h):
    weighted = x_t @ W_xh
    for row in range(h_prev.shape[0]):
        weighted[row] = weighted[row] + h_prev[row] @ W_hh + b_h
    return np.tanh(weighted)
"""
OTHER = """
def rnn_step(x_t, h_prev, W_xh, W_hh, b_h):
    both = np.concatenate([x_t, h_prev], axis=1)
    stacked = np.vstack([W_xh, W_hh])
    result = np.empty_like(h_prev)
    np.tanh(np.einsum("bd,dh->bh", both, stacked) + b_h[None], out=result)
    return result
"""


def test_a_copy_with_other_names_is_found_and_the_release_is_not_held_against_anybody(course, tmp_path):
    released = nbformat.read(course.released(LAB), 4)
    renamed = LONG.replace("weighted", "z").replace("row", "i") + "    # <script>alert(3)</script>\n"
    for student, answer in (("ada-1", LONG), ("bob-2", renamed), ("cy-3", OTHER), ("dot-4", None)):
        nb = nbformat.from_dict(json.loads(json.dumps(released)))
        for cell in nb.cells:
            if source.meta(cell).get("grade_id") == "rnn_step" and answer:
                cell.source = answer
        nbformat.write(nb, course.folder("submitted", LAB, student) / f"{LAB}.ipynb")
    page, pairs, without, unread = similarity(course, LAB, 0.6, tmp_path / "page.html")
    assert (without, unread) == (["dot-4"], ["eve-5"])
    assert [set(students) for _, *students in pairs] == [{"ada-1", "bob-2"}], "dot-4 wrote nothing, eve-5 has no file, cy-3 wrote another"
    html = page.read_text(encoding="utf-8")
    assert "ada-1 and bob-2" in html and "highlight-red" in html and str(tmp_path.parent) not in html
    assert "<script" not in html and "&lt;script&gt;alert(3)" in html and "default-src 'none'" in html


def test_the_command_line_of_the_desk(course, capsys, tmp_path):
    def said(*words, status=0):
        assert main([*words, "--lab", "2", "--course", str(course.root)]) == status
        out = capsys.readouterr()
        return out.out + out.err

    assert said("report").strip().endswith(f"{LAB}.html")
    (tmp_path / "canvas.csv").write_text(CANVAS_TABLE, encoding="utf-8")
    text = said("export", "--table", "canvas", str(tmp_path / "canvas.csv"), status=1)
    assert "Not in the table: 2 (cy-3, dot-4)\n" in text and "Not final, needs manual grading: 4 (ada-1, bob-2, cy-3, dot-4)\n" in text
    assert "Handed in, not graded yet: 1 (eve-5)\n" in text
    for verb in ("similar", "feedback"):  # the tests before handed in what can be compared; eve-5 has no file and no marks
        assert "1 (eve-5)" in said(verb, status=1)
    assert "date: expected '2027-01-15 23:59 Europe/Berlin'" in said("release", "--due", "the day after", status=1)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of nbconvert's own libraries
def test_ctrl_c_is_a_line_and_the_shells_status(course, capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("labs.grading.desk.report.report", interrupted)
    assert main(["report", "2", "--course", str(course.root)]) == 130
    assert capsys.readouterr().err == "\nreport: interrupted. Run the same command again: what is finished is kept.\n"


def test_the_solutions_edition_holds_the_answers_and_what_they_print(tmp_path):
    assert main(["solutions", "--lab", "2", "--course", str(tmp_path), "--to", str(tmp_path / "page.html")]) == 0
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "BEGIN SOLUTION" in html and "BEGIN HIDDEN TESTS" in html and "rnn_step: 5 of 5 points" in html
    assert "lost" not in {line.split("]")[0].strip(" [") for line in html.splitlines() if line.startswith("  [")}
