"""Feedback on its way: a zip that Canvas and Moodle take back, and mails of which nobody gets two, whenever the run is killed."""

import os
import re
import signal
import subprocess
import sys
import zipfile

import pytest
from classes import copied, graded, released  # noqa: F401  a fixture
from post import Post

from labs.grading.__main__ import main
from labs.grading.desk import fresh
from labs.grading.desk.mail import Record
from labs.grading.files import LABS
from labs.grading.inbox.submission import BACK

LAB = "lab02_rnn"
STUDENTS = ("doejane-4711", "roebob-4712", "poezoe-4713", "li-4714", "wu-4715")
CANVAS = {
    "doejane_4711_900_lab02_rnn.ipynb": "older",
    "doejane_4711_901_lab02_rnn-1.ipynb": "newer",
    "roebob_LATE_4712_902_my homework 3.ipynb": "x",
    "poezoe_4713_text.html": "x",
    "anon_aB3dE_905_lab02_rnn.ipynb": "x",
}
MOODLE = {
    "Jane Doe_4711_assignsubmission_file_/hw/lab02_rnn.ipynb": "x",
    "Bob Roe_4712_assignsubmission_file/lab02_rnn.ipynb": "x",
    "Zoë Poe_4713_assignsubmission_file_lab02_rnn.ipynb": "x",
    "Li_4714_assignsubmission_onlinetext_onlinetext.html": "x",
}


def write_zip(path, members, top=""):
    with zipfile.ZipFile(path, "w") as z:
        for name, text in members.items():
            z.writestr(top + name, text)
    return path


@pytest.fixture
def course(tmp_path, released):  # noqa: F811
    """Five students with pages that a test wrote; nbconvert is tested elsewhere."""
    course = graded(copied(released, tmp_path / "course"), dict.fromkeys(STUDENTS, ()))
    rows = "".join(f"{s.partition('-')[2]},Name {s},{s}@x.example\n" for s in STUDENTS)
    (course.root / "roster.csv").write_text("id,name,email\n" + rows, encoding="utf-8")
    pages(course)
    return course


def pages(course):
    for student, stamp in fresh.stamps(course, LAB).items():
        page = course.folder("feedback", LAB, student) / f"{LAB}.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(f'<html><body data-marks="{stamp}">{student} ü</body></html>', encoding="utf-8")


def canvas_finds(name):
    """What Canvas's ``infer_comment_context_from_filename`` takes from a name: the user and the attachment, or None."""
    parts = [part for part in os.path.basename(name).split("_") if part != "LATE"]
    if parts[0] == "anon":
        return tuple(parts[1:3])
    numbers = [part for part in parts if re.fullmatch(r"\d+", part)][:2]
    return tuple(numbers) if len(numbers) == 2 and not parts[-1].startswith("link") else None


def moodle_finds(name):
    """What Moodle's ``is_valid_filename_for_import`` takes from a path: the participant and the file's name, or None."""
    parts = name.split("/")
    while parts:
        info = parts.pop(0).split("_", 4)
        if len(info) >= 4 and info[1].isdigit() and info[2:4] in (["assignsubmission", "file"], ["assignsubmission", "onlinetext"]):
            return info[1], "/".join([info[4] if len(info) == 5 else "", *parts]).strip("/")
    return None


@pytest.mark.parametrize("top", ["", "submissions/", "a/b/"])
@pytest.mark.parametrize(("archive", "finds"), [(CANVAS, canvas_finds), (MOODLE, moodle_finds)])
def test_the_platform_finds_every_student_in_the_zip(tmp_path, course, capsys, archive, finds, top):
    here = ["--course", str(course.root)]
    main(["collect", "2", "--force", "--from", str(write_zip(tmp_path / "all.zip", archive, top)), *here])
    handed_in = course.students(LAB)
    graded(course.root, dict.fromkeys(set(handed_in) - set(STUDENTS), ()))
    pages(course)
    capsys.readouterr()
    assert main(["bundle", "2", *here]) == 1, "somebody is left out"
    said = capsys.readouterr().out
    with zipfile.ZipFile(course.root / f"exports/{LAB}-feedback.zip") as z:
        found = {finds(name): z.read(name).decode() for name in z.namelist()}
    if finds is canvas_finds:
        assert set(found) == {("4711", "901"), ("4712", "902"), ("aB3dE", "905")}
        assert "doejane-4711" in found["4711", "901"] and "anon-aB3dE" in found["aB3dE", "905"]
        assert "Left out, not from an archive of Canvas or Moodle: 3 (li-4714, poezoe-4713, wu-4715)" in said, "a text has no attachment"
    else:
        page = f"{LAB}.html"
        assert set(found) == {("4711", page), ("4712", page), ("4713", page), ("4714", page)}
        assert "janedoe-4711" in found["4711", page] and "Left out" in said


def test_a_file_that_was_handed_in_again_has_its_new_number(tmp_path, course):
    for number in (900, 950):
        archive = write_zip(tmp_path / "all.zip", {f"doejane_4711_{number}_lab02_rnn.ipynb": "the same"})
        main(["collect", "2", "--course", str(course.root), "--from", str(archive), *(["--force"] if number == 900 else [])])
    back = course.folder("submitted", LAB, "doejane-4711") / BACK
    assert back.read_text(encoding="utf-8") == "doejane_4711_950_"


def test_a_page_that_shows_other_marks_is_in_no_zip_and_in_no_mail(course, tmp_path, capsys):
    here = ["--course", str(course.root)]
    assert main(["bundle", "2", *here]) == 1
    assert "would be empty: no file was collected from an archive of Canvas or Moodle" in capsys.readouterr().err
    main(["collect", "2", "--force", "--from", str(write_zip(tmp_path / "all.zip", CANVAS)), *here])
    with course.book() as book:
        book.find_grade("explain", LAB, LAB, "doejane-4711").manual_score = 5.0
        book.find_comment("explain", LAB, LAB, "roebob-4712").manual_comment = "#why"
        book.db.commit()
    capsys.readouterr()
    assert main(["bundle", "2", *here]) == 1
    assert "would be empty" in capsys.readouterr().err, "both that Canvas knows have other marks now"
    assert main(["mail", "2", *here]) == 1
    said = capsys.readouterr().out
    assert "older than the marks (run feedback): 2 (doejane-4711, roebob-4712)" in said and "3 to send: add --send" in said
    pages(course)
    before = fresh.stamps(course, LAB)["roebob-4712"]
    (course.root / "comments.csv").write_text("key,comment\nwhy,Say why.\n", encoding="utf-8")
    assert fresh.stamps(course, LAB)["roebob-4712"] != before, "the text of a key is on the page too"


# --- mails


def mail(course, post, *words, status=0):
    sender = ["--from", "Dr. Ö <teacher@uni.example>", "--server", post.address if post else "127.0.0.1:9"]
    assert main(["mail", "2", "--course", str(course.root), *sender, *words]) == status


def test_nothing_is_sent_without_being_told_to(course, capsys):
    with Post() as post:
        mail(course, post)
        assert post.mails == [] and "li-4714: li-4714@x.example: 44 of 50 points\n" in (said := capsys.readouterr().out)
        assert "Mails: 0 sent, 0 sent before. 5 to send: add --send\n" in said
        mail(course, post, "--send", "--student", "li-4714")
        mail(course, post, "--send")
        mail(course, post, "--send")
        assert "Mails: 0 sent, 5 sent before\n" in capsys.readouterr().out
        assert len(post.mails) == 5 and all(len(post.of(f"{s}@x.example")) == 1 for s in STUDENTS)
        [got] = post.of("li-4714@x.example")
        assert (got["From"], got["To"]) == ('"Dr. Ö" <teacher@uni.example>', "Name li-4714 <li-4714@x.example>")
        assert got["Subject"] == "Your feedback on Lab 2: a recurrent network by hand" and got["Message-ID"].endswith("@uni.example>")
        assert got.get_body().get_content().startswith("Hello Name li-4714,") and "44 of 50 points" in got.get_body().get_content()
        [page] = got.iter_attachments()
        assert page.get_filename() == f"{LAB}.html" and page.get_content_type() == "text/html" and "li-4714 ü" in page.get_content()


def test_marks_that_changed_are_sent_again_only_if_told_to(course, capsys, tmp_path):
    (tmp_path / "text.txt").write_text("Hallo {name}, {lab}: {points}/{most} {x}", encoding="utf-8")
    with Post() as post:
        mail(course, post, "--send")
        with course.book() as book:
            book.find_grade("explain", LAB, LAB, "li-4714").manual_score = 5.5
            book.db.commit()
        pages(course)
        mail(course, post, "--send", status=1)
        assert "Changed since their mail (--changed sends another): 1 (li-4714)" in capsys.readouterr().out and len(post.mails) == 5
        mail(course, post, "--send", "--changed", "--text", str(tmp_path / "text.txt"))
        assert len(post.mails) == 6 and post.mails[-1][1].get_body().get_content() == "Hallo Name li-4714, lab02_rnn: 49.5/50 {x}\r\n"


def test_students_without_an_address_of_their_own_get_none(course, capsys):
    rows = [("4711", "a@x"), ("4712", "A@X"), ("4713", ""), ("4714", "li@x"), ("4716", "nobody@x")]
    table = "id,email\n" + "".join(f"{number},{address}\n" for number, address in rows)
    (course.root / "roster.csv").write_text(table, encoding="utf-8")
    with Post() as post:
        mail(course, post, "--send", status=1)
        said = capsys.readouterr().out
        assert [to for to, _ in post.mails] == [["li@x"]]
        assert "The same address as another student: 2 (doejane-4711, roebob-4712)" in said
        assert "No address in the roster: 2 (poezoe-4713, wu-4715)" in said
    (course.root / "roster.csv").unlink()
    with course.book() as book:
        book.update_or_create_student("wu-4715", email="wu@x.example")
    mail(course, None, status=1)
    assert "wu-4715: wu@x.example" in capsys.readouterr().out, "the address in nbgrader's gradebook"


def test_a_refusal_costs_nobody_else_a_mail_and_is_tried_again(course, capsys):
    def fault(step, argument, count):
        return "550 no such user" if step == "RCPT" and "poezoe" in argument else "250 OK"

    with Post(fault) as post:
        mail(course, post, "--send", status=1)
        said = capsys.readouterr().out
        assert len(post.mails) == 4 and "poezoe-4713: poezoe-4713@x.example: refused: 550 no such user" in said
        assert "Refused by the server: 1 (poezoe-4713)" in said
        post.fault = lambda *step: "250 OK"
        mail(course, post, "--send")
        assert len(post.mails) == 5 and len(post.of("poezoe-4713@x.example")) == 1


@pytest.mark.parametrize("step", ["MAIL", "END"])
def test_a_server_that_has_enough_is_asked_again_later(course, capsys, step):
    with Post(lambda verb, argument, count: "451 slow down" if verb == step and count == 2 else "250 OK") as post:
        mail(course, post, "--send", status=1)
        assert "refuses mails for now: 451 slow down. Run the same command again later" in capsys.readouterr().err
        post.fault = lambda *step: "250 OK"
        mail(course, post, "--send")
        assert sorted(to for [to], _ in post.mails) == sorted(f"{s}@x.example" for s in STUDENTS)


def test_a_server_that_ends_each_connection_gets_all_mails_on_new_ones(course):
    with Post(lambda verb, argument, count: "421 enough of you" if verb == "MAIL" and next(asked) % 2 else "250 OK") as post:
        asked = iter(range(100))
        mail(course, post, "--send")
        assert sorted(to for [to], _ in post.mails) == sorted(f"{s}@x.example" for s in STUDENTS)


@pytest.mark.parametrize("delivered", [True, False])
def test_a_kill_or_a_cut_line_gives_nobody_two_mails(course, capsys, delivered):
    def fault(step, argument, count):
        if step == ("END" if delivered else "MAIL") and count == 2 and process:
            os.kill(process[0].pid, signal.SIGKILL)
            process[0].wait()
            return None
        return "250 OK"

    process = []
    with Post(fault) as post:
        words = ["mail", "2", "--course", str(course.root), "--from", "t@x", "--server", post.address, "--send"]
        process.append(subprocess.Popen([sys.executable, "-m", "labs.grading", *words], cwd=LABS.parent, stdout=subprocess.DEVNULL))
        assert process[0].wait(60) == -signal.SIGKILL
        process.clear()
        assert len(post.mails) == 2 + delivered
        with open(Record(course, LAB).path, "ab") as file:
            file.write(b'\n{"student": "wu-4715", "st')  # a line that was cut off
        mail(course, post, "--send", status=1)
        said = capsys.readouterr().out
        assert "Perhaps sent: the run ended before the server answered" in said and "1 (poezoe-4713)" in said
        assert all(len(post.of(f"{s}@x.example")) == 1 for s in STUDENTS if s != "poezoe-4713")
        assert len(post.of("poezoe-4713@x.example")) == delivered
        mail(course, post, "--send", "--again", "poezoe-4713")
        mail(course, post, "--send")
        assert len(post.mails) == 5 + delivered


def test_what_is_wrong_is_said_before_anything_is_sent(course, capsys):
    mail(course, None, "--send", status=1)
    assert "127.0.0.1:9: Connection refused. Run the same command again: nobody gets two" in capsys.readouterr().err
    assert Record(course, LAB).last() == {}
    for words, said in (
        (["--from", "me"], "--from: expected an address such as"),
        (["--server", "host:smtp"], "--server: expected HOST or HOST:PORT"),
        (["--user", "me"], "--user: expected --tls too"),
        (["--student", "eve"], "expected students who are graded in lab02_rnn, got eve"),
        (["--text", "nowhere.txt"], "nowhere.txt"),
    ):
        mail(course, None, "--send", *words, status=1)
        assert said in capsys.readouterr().err
