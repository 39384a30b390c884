"""Whose each download is, on every platform, and platforms' tables: nobody vanishes, nothing else changes."""

import dataclasses
import os
import shutil
import stat
import time
import unicodedata
import zipfile

import pytest

from labs.grading.__main__ import main
from labs.grading.course import Course
from labs.grading.inbox import zips
from labs.grading.inbox.collect import collect
from labs.grading.inbox.platforms import PLATFORMS
from labs.grading.inbox.submission import PROBLEM, submission
from labs.grading.inbox.tables import fill, read_table

LAB = "lab02_rnn"


def write_zip(path, members, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as z:
        for name, content in members.items():
            z.writestr(zipfile.ZipInfo(name, date_time=(2026, 11, 3, 10, 20, 30)), content, method)
    return path


def taken(tmp_path, members, **options):
    """Student → what was read and what there is to note, after collecting an archive (or a folder, if ``members`` is a path)."""
    course = Course(tmp_path / "course")
    done = collect(course, LAB, write_zip(tmp_path / "all.zip", members) if isinstance(members, dict) else members, **options)
    found = {c.student: (read(course, c.student), c.problem) for c in done if c.student}
    assert sorted(found) == course.students(LAB), "everybody that is named is collected"
    return found, [c.origin for c in done if not c.student]


def read(course, student):
    path = course.folder("submitted", LAB, student) / f"{LAB}.ipynb"
    return path.read_text(encoding="utf-8") if path.exists() else None


# --- every platform


def test_what_canvas_names_a_file(tmp_path):
    found, nobodys = taken(
        tmp_path,
        {
            "doejane_4711_900_lab02_rnn.ipynb": "first",
            "doejane_4711_950_lab02_rnn-1.ipynb": "second",
            "doejane_4711_951_notes.pdf": "x",
            "van_der_berg_LATE_4712_902_lab02_rnn.ipynb": "late",
            "anon_aB3dE_901_lab02_rnn.ipynb": "anonymous",
            "anon_LATE_Zz9xY_907_lab02_rnn.ipynb": "anonymous and late",
            "team1_4713_903_lab02_rnn.ipynb": "a group",
            "lin_4714_904_lab02_rnn.ipynb.txt": "renamed",
            "roe_4715_905_lab02_rnn.docx": "x",
            "poe_4716_text.html": "<p>see my repository</p>",
            "zoe_LATE_4717_link.html": "x",
            "李雷_4718_906_lab02_rnn.ipynb": "letters",
            "eve_4719_907_1_2_lab02_rnn.ipynb": "a name with numbers",
        },
    )
    assert nobodys == []
    assert found["doejane-4711"] == ("second", "3 files: read lab02_rnn-1.ipynb, not lab02_rnn.ipynb, notes.pdf")
    assert found["vanderberg-4712"] == ("late", "the platform marks this submission as late")
    assert found["anon-aB3dE"] == ("anonymous", "") and found["anon-Zz9xY"][0] == "anonymous and late" and "late" in found["anon-Zz9xY"][1]
    assert found["team1-4713"] == ("a group", "") and found["李雷-4718"] == ("letters", "")
    assert found["eve-4719"][0] == "a name with numbers"
    assert found["lin-4714"] == ("renamed", "read from lab02_rnn.ipynb.txt, expected lab02_rnn.ipynb")
    assert found["roe-4715"] == (None, "lab02_rnn.docx is not a notebook (.ipynb) or a zip with one")
    assert found["poe-4716"][0] is found["zoe-4717"][0] is None and "text.html is not a notebook" in found["poe-4716"][1]


def test_what_moodle_names_a_file(tmp_path):
    found, nobodys = taken(
        tmp_path,
        {
            "Jane Doe_123_assignsubmission_file_/hw/lab02_rnn.ipynb": "a folder of hers",
            "Jane Doe_123_assignsubmission_onlinetext_/onlinetext.html": "x",
            "O'Neil, Zoë_124_assignsubmission_file/lab02_rnn.ipynb": "newer Moodle",
            "hw/Ed_125_assignsubmission_file_lab02_rnn.ipynb": "without folders",
            "Group A-Flo_126_assignsubmission_file_/lab02_rnn.zip": "torn",
            "Teilnehmerin_127_assignsubmission_file_/lab02_rnn.ipynb": "blind",
            "Gus_128_assignsubmission_onlinetext_onlinetext.html": "x",
            "Eve_129_assignsubmission_file_/Jane Doe_123_assignsubmission_file_/lab02_rnn.ipynb": "not Jane's",
        },
    )
    assert nobodys == []
    assert found["janedoe-123"] == ("a folder of hers", "2 files: read lab02_rnn.ipynb, not onlinetext.html")
    assert found["oneilzoe-124"] == ("newer Moodle", "") and found["ed-125"] == ("without folders", "")
    assert "zip cannot be read" in found["groupaflo-126"][1] and found["teilnehmerin-127"] == ("blind", "")
    assert "onlinetext.html is not a notebook" in found["gus-128"][1] and found["eve-129"] == ("not Jane's", "")


def test_what_blackboard_names_a_file(tmp_path):
    found, nobodys = taken(
        tmp_path,
        {
            "Lab 2_ada_attempt_2027-01-04-10-00-00.txt": "Name: Ada",
            "Lab 2_ada_attempt_2027-01-04-10-00-00_lab02_rnn.ipynb": "older",
            "Lab 2_ada_attempt_2027-01-05-09-00-00.txt": "Name: Ada",
            "Lab 2_ada_attempt_2027-01-05-09-00-00_final.ipynb": "newer",
            "Lab 2_b_roe_attempt_2027-01-04-11-00-00_lab02_rnn.ipynb": "a login with _",
            "Lab 2_c_roe_intento_2027-01-04-11-00-00_lab02_rnn.ipynb": "in Spanish",
            "Lab 2_dot_attempt_2027-01-04-11-00-00.txt": "There is no submission text data",
        },
    )
    assert nobodys == []
    assert found["ada"] == ("newer", "2 files: read final.ipynb, not lab02_rnn.ipynb")
    assert found["b_roe"] == ("a login with _", "") and found["c_roe"] == ("in Spanish", "")
    assert found["dot"] == (None, "no file was handed in, only a text on the platform")
    stamp = Course(tmp_path / "course").folder("submitted", LAB, "ada") / "timestamp.txt"
    local = time.gmtime(time.mktime((2027, 1, 5, 9, 0, 0, 0, 0, -1)))
    assert stamp.read_text(encoding="utf-8") == time.strftime("%Y-%m-%d %H:%M:%S UTC", local), "the time of the platform counts"
    alone, _ = taken(tmp_path / "alone", {"Lab_ada_attempt_2026-11-03-10-20-30_lab02.ipynb": "one"}, force=True)
    assert alone["ada"] == ("one", "")


def test_what_brightspace_and_google_classroom_name_a_file(tmp_path):
    found, nobodys = taken(
        tmp_path / "brightspace",
        {
            "12345-678 - Ada Lovelace - Jan 5, 2027 930 AM - lab02.ipynb": "older",
            "12345-678 - Ada Lovelace - Jan 5, 2027 1130 PM - lab02.ipynb": "newer",
            "12346-678 - Jürgen O'Neil - Jan 5, 2027 105 PM - my - lab.zip": "torn",
            "12347-678 - Zoë Doe - 5. Januar 2027 23:30/lab02_rnn.ipynb": "a folder",
            "index.html": "x",
        },
    )
    assert nobodys == [], "index.html is Brightspace's own"
    assert found["adalovelace-12345"] == ("newer", "2 files: read the newest lab02.ipynb")
    assert "zip cannot be read" in found["jurgenoneil-12346"][1] and found["zoedoe-12347"] == ("a folder", "")
    found, _ = taken(tmp_path / "classroom", {"Ada Lovelace - lab02_rnn.ipynb": "hers", "Zoë Doe - Lab 2 - final.docx": "x"})
    assert found["Ada Lovelace"] == ("hers", "") and "not a notebook" in found["Zoë Doe"][1]


@pytest.mark.parametrize("platform", ["canvas", "moodle", "brightspace", "plain"])
def test_an_archive_that_was_unpacked_and_zipped_again(tmp_path, platform):
    names = {
        "canvas": ("doe_4711_900_lab02_rnn.ipynb", "roe_4712_901_lab02_rnn.ipynb"),
        "moodle": ("Doe_4711_assignsubmission_file_/lab02_rnn.ipynb", "Roe_4712_assignsubmission_file_/hw/lab02_rnn.ipynb"),
        "brightspace": ("4711-1 - Doe - Jan 5, 2027 1130 PM - a.ipynb", "4712-1 - Roe - Jan 5, 2027 1130 PM - a.ipynb"),
        "plain": ("doe-4711/lab02_rnn.ipynb", "roe-4712/lab02_rnn.ipynb"),
    }[platform]
    junk = {"__MACOSX/submissions/._" + names[0].replace("/", "_"): "x", "submissions/.DS_Store": "x", "submissions/._ada.ipynb": "x"}
    found, nobodys = taken(tmp_path, {**junk, **{f"submissions/{name}": name for name in names}})
    assert nobodys == [] and [text for text, _ in found.values()] == [*names] and [*found] == ["doe-4711", "roe-4712"]


def test_names_that_mac_and_windows_pack(tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as z:
        for name in ("Jürgen", unicodedata.normalize("NFD", "josé")):
            info = zipfile.ZipInfo("x")
            info.filename = f"class/{name}/{LAB}.ipynb".encode().decode("cp437")  # UTF-8, but not said so
            z.writestr(info, name)
    data = (tmp_path / "all.zip").read_bytes()
    windows = write_zip(tmp_path / "windows.zip", {"class\\ada\\lab02_rnn.ipynb": "1", "class\\bob\\lab02_rnn.ipynb": "2"})
    assert data and {*taken(tmp_path / "w", windows)[0]} == {"ada", "bob"}


# --- plain folders

NOT_NOTEBOOKS = ("homework.docx", "lab02_rnn.py", "lab02_rnn.7z", "scan.pdf", "notes.txt", "lab02_rnn")


def test_nobody_vanishes_in_a_plain_folder(tmp_path):
    box = tmp_path / "box"
    for student, file in zip("abcdef", NOT_NOTEBOOKS, strict=True):
        (box / student).mkdir(parents=True)
        (box / student / file).write_text("x", encoding="utf-8")
    for name in ("Müller", "Ada Lovelace", "李雷", "O'Neil", unicodedata.normalize("NFD", "josé"), "Jean-Luc", "x.y+z@w"):
        (box / f"{name}.ipynb").write_text(name, encoding="utf-8")
    for name in ("kim.docx", "lea_lab02_rnn.txt", "mia.py", "nia.ipynb.txt", "ole.7z", "pia.pdf", "qi.ipynb", "ron.zip"):
        (box / name).write_text("" if name == "qi.ipynb" else name, encoding="utf-8")
    write_zip(box / "mia_lab02_rnn.ipynb.zip", {f"{LAB}.ipynb": "mia's", "__MACOSX/._lab02_rnn.ipynb": "x"})
    (box / "sam.ipynb").symlink_to(tmp_path / "nowhere")
    (box / "tom").mkdir()
    for name in ("._ada.ipynb", ".hidden.ipynb", ".DS_Store"):
        (box / name).write_text("x", encoding="utf-8")
    (box / "__MACOSX").mkdir()
    (box / "__MACOSX" / "uma.ipynb").write_text("x", encoding="utf-8")
    of_nobody = (
        "...ipynb",
        "...zip",
        "..\\..\\evil.ipynb",
        "lab02_rnn.ipynb",
        "names.csv",
        "-r.ipynb",
        "\x1b[J.ipynb",
        210 * "w" + ".ipynb",
    )
    for name in of_nobody:
        (box / name).write_text("x", encoding="utf-8")
    found, nobodys = taken(tmp_path, box)
    for name in ("Müller", "Ada Lovelace", "李雷", "O'Neil", "josé", "Jean-Luc", "x.y+z@w"):
        text, problem = found[name]
        assert unicodedata.normalize("NFC", text) == name and problem == ""
    for student, file in zip("abcdef", NOT_NOTEBOOKS, strict=True):
        assert found[student] == (None, f"{file} is not a notebook (.ipynb) or a zip with one")
    assert found["mia"] == ("mia's", "2 files: read mia_lab02_rnn.ipynb.zip, not mia.py")
    assert found["nia"] == ("nia.ipynb.txt", "read from nia.ipynb.txt, expected lab02_rnn.ipynb")
    reasons = {"kim": "kim.docx", "lea": "txt", "ole": "7z", "pia": "pdf", "qi": "empty file", "ron": "zip", "sam": "regular"}
    for student, why in reasons.items():
        assert found[student][0] is None and why in found[student][1]
    assert found["tom"] == (None, "an empty folder, expected a file")
    assert len(nobodys) == len(of_nobody) and len(found) == 23
    assert not list(tmp_path.rglob("evil*"))[1:] and sorted(p.name for p in tmp_path.iterdir()) == ["box", "course"]
    assert not [p for p in (tmp_path / "course").rglob("*") if p.name.startswith(".")]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_costs_only_its_student(tmp_path):
    box = tmp_path / "box"
    (box / "cy").mkdir(parents=True)
    for name in ("ada.ipynb", "bob.zip", "dot.ipynb"):
        (box / name).write_text("x", encoding="utf-8")
    for path in (box / "ada.ipynb", box / "bob.zip", box / "cy"):
        path.chmod(0)
    try:
        found, _ = taken(tmp_path, box)
    finally:
        (box / "cy").chmod(stat.S_IRWXU)
    assert found["dot"] == ("x", "") and "cannot be opened" in found["cy"][1]
    assert all("cannot be read (PermissionError)" in found[student][1] for student in ("ada", "bob"))


def test_an_unreadable_file_is_a_note_for_root_too(tmp_path, monkeypatch):
    box = tmp_path / "box"
    box.mkdir()
    for name in ("ada.ipynb", "bob.ipynb"):
        (box / name).write_text("x", encoding="utf-8")
    copy = shutil.copyfile

    def refuse(origin, target):
        if origin.name == "ada.ipynb":
            raise PermissionError(13, "Permission denied", str(origin))
        return copy(origin, target)

    monkeypatch.setattr(shutil, "copyfile", refuse)
    found, _ = taken(tmp_path, box)
    assert found == {"ada": (None, "ada.ipynb cannot be read (PermissionError)"), "bob": ("x", "")}


def test_of_two_files_the_newer_is_read_and_the_one_that_can_be(tmp_path):
    box = tmp_path / "box"
    box.mkdir()
    for k, (name, text) in enumerate({"ada.ipynb": "old", "ada (1).ipynb": "new", "bob.ipynb": "fine", "bob.zip": "torn"}.items()):
        (box / name).write_text(text, encoding="utf-8")
        os.utime(box / name, (1e9 + k, 1e9 + k))
    found, _ = taken(tmp_path, box)
    assert found["ada"] == ("new", "2 files: read ada (1).ipynb, not ada.ipynb")
    assert found["bob"] == ("fine", "2 files: read bob.ipynb, not bob.zip")


@pytest.mark.parametrize(
    "name",
    [
        *("../evil.ipynb", "/evil.ipynb", "..\\evil.ipynb", "C:\\evil.ipynb", "a/../../evil.ipynb"),
        *("...ipynb", "..", "../evil_4715_905_lab02_rnn.ipynb"),
    ],
)
def test_nothing_is_written_outside_a_students_folder(tmp_path, name):
    found, nobodys = taken(tmp_path, {name: "x", "ada/lab02_rnn.ipynb": "hers", "bob/lab02_rnn.ipynb": "his"})
    assert {*found} - {"C_"} == {"ada", "bob"} and (len(nobodys) == 1 or "C_" in found)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["all.zip", "course"]
    assert sorted(p.name for p in (tmp_path / "course").iterdir()) == ["nbgrader_config.py", "submitted", "work"]


def test_what_nbgrader_would_misread_is_not_in_a_students_name(tmp_path):
    names = ("Doe, Jane.ipynb", "a[b]*.ipynb", "{x}?.zip", '"q"%20.ipynb', "ok (x) & co/lab02_rnn.ipynb", "y/lab02_rnn.ipynb")
    found, nobodys = taken(tmp_path, dict.fromkeys(names, "x"))
    assert [*found] == ["Doe_ Jane", "a_b__", "ok (x) & co", "y"] and sorted(nobodys) == ["?q??20.ipynb", "?x??.zip"]


def test_a_students_file_cannot_be_named_as_another_platform_would(tmp_path):
    found, _ = taken(tmp_path, {"ada/lab02_rnn.ipynb": "1", "bob/lab02_rnn.ipynb": "2", "eve/ada_4711_900_lab02_rnn.ipynb": "3"})
    assert {s: text for s, (text, _) in found.items()} == {"ada": "1", "bob": "2", "eve": "3"}


def test_the_command_line_tells_of_what_was_skipped(tmp_path, capsys):
    words = ["collect", "--lab", "2", "--course", str(tmp_path / "course"), "--from", str(tmp_path / "box")]
    (tmp_path / "box").mkdir()
    (tmp_path / "box" / "ada.ipynb").write_text("{}", encoding="utf-8")
    assert main(words) == 0
    (tmp_path / "box" / "bob.docx").write_text("x", encoding="utf-8")
    assert main(words) == 1
    assert "bob: bob.docx: bob.docx is not a notebook" in capsys.readouterr().out
    course = Course(tmp_path / "course")
    assert submission(course, LAB, "bob") == (
        None,
        ["bob.docx is not a notebook (.ipynb) or a zip with one; graded as an empty submission"],
    )
    assert (course.folder("submitted", LAB, "bob") / PROBLEM).exists()
    (tmp_path / "box" / "bob.ipynb").write_text("{}", encoding="utf-8")
    assert main(words) == 0 and "changed since the last run" in capsys.readouterr().out
    assert main([*words, "--force"]) == 0 and read(course, "bob") == "{}"


def test_a_zip_in_a_zip_is_opened_once_and_else_named(tmp_path):
    def packed(name, members):
        return write_zip(tmp_path / name, members).read_bytes()

    one = packed("one.zip", {"x/lab02_rnn.ipynb": "deep", "__MACOSX/x/._lab02_rnn.ipynb": "?"})
    found, _ = taken(
        tmp_path,
        {
            "ada.zip": packed("a.zip", {"hw/one.zip": one}),
            "ben.zip": packed("b.zip", {"1.zip": one, "2.zip": one}),
            "cy.zip": packed("c.zip", {"1.zip": packed("d.zip", {"2.zip": one})}),
            "dot.zip": packed("e.zip", {"1.zip": "torn"}),
            "eve.zip": packed("f.zip", {"LAB02_RNN.IPYNB": "shouted"}),
        },
    )
    assert found["ada"] == ("deep", "")
    assert found["ben"] == (None, "the zip contains no notebook, only 2 more zips, expected one lab02_rnn.ipynb")
    assert found["cy"] == (None, "the zip contains no notebook, only 1 more zip, expected one lab02_rnn.ipynb")
    assert found["dot"] == (None, "the zip cannot be read (BadZipFile)") and found["eve"][0] == "shouted"


def test_two_attempts_under_one_name_are_told_apart_and_a_platforms_own_file_is_nobodys(tmp_path):
    names = [f"12345-67 - Jane Doe - Nov {day}, 2026 1011 PM/lab02_rnn.ipynb" for day in (18, 19)]
    found, _ = taken(tmp_path / "torn", write_zip(tmp_path / "torn.zip", {names[0]: "old", names[1]: ""}))
    assert found["janedoe-12345"] == ("old", "2 files: read an earlier lab02_rnn.ipynb")
    found, skipped = taken(tmp_path, {names[0]: "old", names[1]: "new", "index.html": "<html>"})
    assert found == {"janedoe-12345": ("new", "2 files: read the newest lab02_rnn.ipynb")} and not skipped


# --- zips that do harm


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_that_is_not_deflated_is_refused_unread(tmp_path, method):
    box = tmp_path / "box"
    box.mkdir()
    write_zip(box / "ada.zip", {f"{LAB}.ipynb": "0" * 1000}, method)
    found, _ = taken(tmp_path, box)
    assert found["ada"][0] is None and "expected deflate" in found["ada"][1]
    found, _ = taken(tmp_path / "all", write_zip(tmp_path / "all.zip", {"doe_1_2_lab02_rnn.ipynb": "0" * 1000}, method))
    assert "expected deflate" in found["doe-1"][1]


def test_the_files_of_a_zip_are_counted_before_they_are_read(tmp_path, monkeypatch):
    path = write_zip(tmp_path / "many.zip", {f"{k}": "" for k in range(30_000)})
    with pytest.raises(zips.TooMany, match="too long"):
        zips.Zip(path, 2000)
    monkeypatch.setattr("labs.grading.inbox.collect.MAX_MEMBERS_OF_ALL", 2000)
    with pytest.raises(ValueError, match=r"many\.zip: expected at most 2000 files, got"):
        collect(Course(tmp_path / "course"), LAB, path)
    with pytest.raises(zips.TooMany, match="3 files"):
        zips.Zip(write_zip(tmp_path / "few.zip", {"a": "", "b": "", "c": ""}), 2)


# --- tables

MARKS = {"doejane-4711": (39.5, 50.0), "roerichard-4712": (44.0, 50.0)}
CANVAS = '''\
Student,ID,SIS User ID,SIS Login ID,Section,lab02_rnn (77),Assignments Current Score\r
    Points Possible,,,,,50,(read only)\r
"Doe, Jane",4711,S1,jdoe,Sec 1,,90\r
"Roe, Richard",4712,S2,rroe,"Sec 1 and ""Sec 2""",1,90\r
"Student, Test",99,,,Sec 1,,\r
'''
MOODLE = (
    '\ufeffIdentifier,"Full name","Email address",Status,Grade,"Maximum Grade","Grade can be changed","Last modified (submission)",'
    '"Last modified (grade)","Feedback comments"\n'
    '"Participant 4711","Jane Doe",j@x.example,Submitted,,100.00,Yes,-,-,\n'
    '"Participant 4712","Richard Roe",r@x.example,Submitted,,100.00,Yes,-,-,"a, b\n<p>c</p>"\n'
)
MOODLE_DE = (
    '\ufeffID,"Vollständiger Name",Matrikelnummer,Status,Bewertung,Bestwertung,"Bewertung kann geändert werden",'
    '"Zuletzt geändert (Abgabe)","Zuletzt geändert (Bewertung)","Feedback als Kommentar"\n'
    'Teilnehmer/in4711,"Jane Doe",123456,"Zur Bewertung abgegeben",,"100,00",Ja,"Montag, 2. November 2026, 10:00",-,\n'
)
BLACKBOARD = (
    '\ufeff"Last Name"\t"First Name"\t"Username"\t"Student ID"\t"lab02_rnn [Total Pts: 100 Score] |1234"\n'
    '"Doe"\t"Jane"\t"doejane-4711"\t"1"\t""\n'
)
BRIGHTSPACE = (
    "OrgDefinedId,Username,Last Name,First Name,lab02_rnn Points Grade <Numeric MaxPoints:100>,End-of-Line Indicator\r\n"
    "#1,#jdoe,Doe,Jane,,#\r\n#2,#rroe,Roe,Richard,,#\r\n"
)


def filled(tmp_path, platform, text, encoding="utf-8", marks=MARKS, **options):
    (tmp_path / "table.csv").write_bytes(text.encode(encoding))
    return fill(PLATFORMS[platform], tmp_path / "table.csv", marks, LAB, **options)[:2]


@pytest.mark.parametrize(
    ("table", "mark", "scaled"),
    [
        ("id,grade\nmax,100\n4711,\n", "88", True),
        ("id,grade\nPoints possible:,100\n4711,\n", "88", True),
        ("id,grade\n,100\n4711,\n", "88", True),
        ("id,grade /100\n4711,\n", "88", True),
        ("id,grade (2026/27)\n4711,\n", "44", False),
        ("id,grade\n4711,\n", "44", False),
        ("id,grade\n4712,7\n4711,\n", "44", False),
    ],
)
def test_a_maximum_is_read_wherever_a_table_says_it(tmp_path, table, mark, scaled):
    (tmp_path / "table.csv").write_text(table, encoding="utf-8")
    plain = dataclasses.replace(PLATFORMS["canvas"], title="Plain", number="id", logins=(), grade=table.split("\n")[0].split(",")[1])
    data, _, said, _ = fill(plain, tmp_path / "table.csv", {"student-4711": (44.0, 50.0)}, LAB)
    assert (data.decode().strip().rpartition(",")[2], said) == (mark, scaled)


@pytest.mark.parametrize(
    ("platform", "text", "changes"),
    [
        ("canvas", CANVAS, {"Sec 1,,90": "Sec 1,39.5,90", '",1,90': '",44,90'}),
        ("canvas", CANVAS.replace("    Points Possible", "    Mögliche Punkte"), {"Sec 1,,90": "Sec 1,39.5,90", '",1,90': '",44,90'}),
        (
            "canvas",
            "\ufeff" + CANVAS.replace('"Doe, Jane"', "Doe/ Jane").replace(",", ";").replace("50;", "50,00;"),
            {"Sec 1;;90": "Sec 1;39,5;90", '";1;90': '";44;90'},
        ),
        (
            "canvas",
            "LastName,FirstName,ID,SIS User ID,SIS Login ID,Section,lab02_rnn (77)\r\n"
            "    Points Possible,,,,,,50\r\nDoe,Jane,4711,S1,jdoe,Sec 1,\r\n",
            {"Sec 1,": "Sec 1,39.5"},
        ),
        ("canvas", CANVAS.replace(",50,", ",100,"), {"Sec 1,,90": "Sec 1,79,90", '",1,90': '",88,90'}),
        ("moodle", MOODLE, {"Submitted,,": "Submitted,79,", 'Submitted,79,100.00,Yes,-,-,"': 'Submitted,88,100.00,Yes,-,-,"'}),
        ("moodle", MOODLE_DE, {'abgegeben",,': 'abgegeben",79,'}),
        ("moodle", MOODLE_DE.replace('"100,00"', '"50,00"'), {'abgegeben",,': 'abgegeben","39,5",'}),
        ("blackboard", BLACKBOARD, {'"1"\t""': '"1"\t"79"'}),
        ("brightspace", BRIGHTSPACE, {"Jane,,#": "Jane,79,#", "Richard,,#": "Richard,88,#"}),
    ],
)
def test_a_table_comes_back_byte_for_byte_except_for_the_marks(tmp_path, platform, text, changes):
    want = text
    for old, new in changes.items():
        assert old in want
        want = want.replace(old, new)
    marks = {"janedoe-1": MARKS["doejane-4711"], "richardroe-2": MARKS["roerichard-4712"]} if platform == "brightspace" else MARKS
    data, missing = filled(tmp_path, platform, text, marks=marks)
    assert data.decode() == want and len(missing) == len(marks) - len(changes)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_the_encoding_of_a_table_is_found_and_kept(tmp_path, encoding):
    text = CANVAS.replace("Doe, Jane", "Döe, Jané")
    data, missing = filled(tmp_path, "canvas", text, encoding)
    assert data == text.replace("Sec 1,,90", "Sec 1,39.5,90").replace('",1,90', '",44,90').encode(encoding) and missing == []


@pytest.mark.parametrize(
    ("platform", "text", "words"),
    [
        ("canvas", CANVAS.replace(",50,", ",0,"), r"table\.csv: expected a maximum above 0 in column lab02_rnn \(77\), got 0"),
        ("moodle", MOODLE.replace("Maximum Grade", "Scale").replace("100.00", '"Fail, Pass"'), "the scale 'Fail, Pass' in column Scale"),
        ("moodle", MOODLE.replace("Maximum Grade", "Scale").replace("100.00", '"1, 2, 3"'), "the scale '1, 2, 3' in column Scale"),
        ("moodle", MOODLE_DE.replace('"100,00"', '"1,2,3"'), "the scale '1,2,3' in column Bestwertung"),
        ("moodle", MOODLE_DE.replace('"100,00"', '"Nein, Ja"'), "got the scale 'Nein, Ja' in column Bestwertung"),
        ("moodle", "Name,Mark\nx,1\n", r"table\.csv: expected a column named Identifier, got Name, Mark"),
        ("canvas", "", r"table\.csv: expected a table of grades, got an empty file"),
        ("canvas", "PK\x03\x04", "got an Excel workbook"),
        ("canvas", CANVAS.replace("lab02_rnn", "Quiz"), r"lab02_rnn in its title, got 0 in Student, ID, .*Quiz \(77\), Ass"),
    ],
)
def test_a_table_that_cannot_be_filled_is_refused_by_name(tmp_path, platform, text, words):
    with pytest.raises(ValueError, match=words):
        filled(tmp_path, platform, text)


@pytest.mark.parametrize("word", ["EX", "N/A"])
def test_who_is_excused_in_the_table_stays_so_and_is_said(tmp_path, word):
    (tmp_path / "table.csv").write_bytes(CANVAS.replace('",1,90', f'",{word},90').encode())
    data, missing, _, excused = fill(PLATFORMS["canvas"], tmp_path / "table.csv", MARKS, LAB)
    assert f'",{word},90' in data.decode() and "Sec 1,39.5,90" in data.decode() and (missing, excused) == ([], ["roerichard-4712"])


@pytest.mark.parametrize(
    ("platform", "text", "column"),
    [
        ("canvas", CANVAS, "ID"),
        ("canvas", CANVAS, "SIS Login ID"),
        ("canvas", CANVAS, "Assignments Current Score"),
        ("canvas", CANVAS.replace("(read only)", "(lecture seule)"), "Assignments Current Score"),
        ("moodle", MOODLE, "Maximum Grade"),
        ("moodle", MOODLE_DE, "Bestwertung"),
        ("brightspace", BRIGHTSPACE, "Last Name"),
    ],
)
def test_only_a_column_of_marks_is_filled(tmp_path, platform, text, column):
    marks = {"janedoe-1": (1.0, 50.0)} if platform == "brightspace" else MARKS
    with pytest.raises(ValueError, match=f"expected a column of marks, got {column}"):
        filled(tmp_path, platform, text, marks=marks, column=column)


def test_rows_that_are_short_or_torn_stay_as_they_were(tmp_path):
    head = "Student,ID,lab02_rnn,x\n"
    assert filled(tmp_path, "canvas", head + "Doe,4711\nRoe,4712,,\n")[0].decode() == head + "Doe,4711,39.5\nRoe,4712,44,\n"
    assert filled(tmp_path, "canvas", head + '\n"Doe",4711,,"never closed')[0].decode() == head + '\n"Doe",4711,39.5,"never closed'
    (tmp_path / "table.csv").write_bytes(b"\xff\xfea")
    with pytest.raises(ValueError, match=r"table\.csv: expected text in utf-16-le"):
        read_table(tmp_path / "table.csv")
    data, missing = filled(tmp_path, "canvas", CANVAS, marks={**MARKS, "other-4711": (1.0, 50.0)})
    assert b"Sec 1,,90" in data and missing == ["doejane-4711", "other-4711"], "a number that two students share is nobody's"
    marks = {"janedoe-1": (1.0, 50.0), "jdoe-2": (1.0, 50.0), "rroe": (2.0, 50.0)}
    data, missing = filled(tmp_path, "brightspace", BRIGHTSPACE + "#3,#jdoe2,Doe,Jane,,#\r\n", marks=marks)
    assert missing == ["janedoe-1", "jdoe-2"] and b"Roe,Richard,4,#" in data, "nor is a name; the platform's number is not in this table"
