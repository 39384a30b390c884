"""The pieces of the road, one by one: reading a broken file, collecting zips, what may not be called, what may stand in a page."""

import errno
import json
import os
import shutil
import sysconfig
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import numpy as np
import pytest

from labs.grading import check
from labs.grading.__main__ import main
from labs.grading.course import Course, environment
from labs.grading.files import LABS, write_whole
from labs.grading.inbox import safe
from labs.grading.inbox.collect import collect
from labs.grading.inbox.rebuild import normalise, rebuild
from labs.grading.inbox.submission import MAX_BYTES, MAX_CELLS, MAX_TEXT, PROBLEM, Unreadable, cells_in, read_file
from labs.grading.inbox.zips import MAX_FILE
from labs.grading.text import source, workspace
from labs.grading.text.hidden import run_hidden
from labs.grading.text.release import leaks

LAB = "lab02_rnn"


@pytest.fixture(scope="module")
def released():
    """A stand-in for the release: hidden tests out, answers emptied (nbgrader itself is driven in test_labs.py)."""
    nb = source.notebook(LAB)
    for cell in nb.cells:
        cell.source = "def empty(): ..." if source.meta(cell).get("solution") else source.without_hidden(cell.source)
    return nb


def test_the_command_line_says_what_to_do(tmp_path, capsys):
    def said(*words):
        assert main([*words, "--course", str(tmp_path)]) == 1
        return capsys.readouterr().err

    assert "lab: expected one of " in (text := said("release", "--lab", "99")) and "lab02_rnn" in text and "'99'" in text
    assert "not released" in (text := said("grade", "--lab", "2")) and "python -m labs.grading release --lab lab02_rnn" in text
    assert "expected a folder" in (text := said("collect", "--lab", "2")) and "one zip per student" in text
    assert "no gradebook there" in said("export", "--lab", "2")
    assert source.find("2") == source.find("lab02") == source.find(LAB) == LAB


def test_the_text_source_gives_the_same_notebook_twice_and_unique_names():
    one, two = source.notebook(LAB), source.notebook(LAB)
    assert one == two and len({c.id for c in one.cells}) == len(one.cells)
    nbformat.validate(one)


@pytest.mark.parametrize("lab", source.names())
def test_a_labs_visible_check_is_one_text_that_its_notebook_holds(lab):
    assert "def check(" not in (LABS / f"{lab}.md").read_text(encoding="utf-8"), "import labs.grading.text.visible"
    shown = "\n".join(source.without_hidden(cell.source) for cell in source.notebook(lab).cells)
    assert shown.count(source.shown()) == 1 and "labs.grading" not in shown


def test_the_numbers_of_a_student_are_theirs_alone_and_leave_nothing_behind():
    def drawn(student):
        with check.numbers_of("key", student):
            both.wait(20)  # two submissions at the same time in one process
            return check.student(), check.seed_of("part"), check.seed_for_all("part")

    both, env = threading.Barrier(2), dict(os.environ)
    with ThreadPoolExecutor(2) as pool:
        (ada, hers, one), (bob, his, other) = pool.map(drawn, ("ada", "bob"))
    assert (ada, bob) == ("ada", "bob") and hers != his and one == other
    assert check.student() == "practice" and check.seed_for_all("part") != one and dict(os.environ) == env
    with pytest.raises(RuntimeError), environment(RNN="1"):
        assert os.environ["RNN"] == "1"
        raise RuntimeError
    assert dict(os.environ) == env


def test_a_leak_is_found(released):
    full = source.notebook(LAB)
    assert leaks(released, full) == []
    for where, line in (
        ("rnn_step_test", "np.tanh(x @ W + h @ U + 2 * b)"),
        ("rnn_step", "h_prev @ W_hh + b_h)"),
        ("explain", "like a lower learning rate"),
    ):
        secret = next(t for c in full.cells if source.meta(c).get("grade_id") == where for t in c.source.split("\n") if line in t)
        planted = nbformat.from_dict(json.loads(json.dumps(released)))
        planted.cells[3].source += "\n" + secret.strip()
        assert any(where in found for found in leaks(planted, full))


# --- broken files


def cells_of(path):
    return cells_in(read_file(path))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"homework", "not valid JSON"),
        (b"[]", "no cells"),
        (b"{}", "no cells"),
        (b'{"cells": 3}', "no cells"),
        (b'{"cells": []}', "no cells"),
        (b'{"cells": [1, null, {"cell_type": "poem", "source": "x"}]}', "no cells"),
        (b'{"worksheets": [7]}', "no cells"),
        (b"[" * 100_000, "not valid JSON"),
        (b"\xff\xfe\x00", "not valid JSON"),
    ],
)
def test_a_file_that_is_not_a_notebook_is_graded_as_nothing_with_the_reason(tmp_path, released, content, reason):
    path, master = tmp_path / "x.ipynb", tmp_path / "master.ipynb"
    path.write_bytes(content)
    nbformat.write(released, master)
    with pytest.raises(Unreadable, match=reason):
        cells_of(path)
    nb, notes = normalise(master, path)
    assert reason in notes[0] and reason in nb.cells[0].source
    assert [c.source for c in nb.cells[1:]] == [c.source for c in released.cells]


def test_missing_linked_and_huge_files(tmp_path):
    with pytest.raises(Unreadable, match="was not handed in"):
        cells_of(tmp_path / "nothing.ipynb")
    (tmp_path / "link.ipynb").symlink_to(__file__)
    with pytest.raises(Unreadable, match="not a regular file"):
        cells_of(tmp_path / "link.ipynb")
    with open(tmp_path / "huge.ipynb", "wb") as file:
        file.truncate(MAX_FILE + 1)
    with pytest.raises(Unreadable, match="too large"):
        cells_of(tmp_path / "huge.ipynb")


def cell(kind, text, **meta):
    return {"cell_type": kind, "source": text, "metadata": {"nbgrader": meta} if meta else {}}


@pytest.mark.parametrize("encode", [lambda t: t.encode(), lambda t: b"\xef\xbb\xbf" + t.encode(), lambda t: t.encode("latin-1")])
@pytest.mark.parametrize("version", [3, 4, 99])
def test_old_new_and_oddly_encoded_notebooks_are_read(tmp_path, encode, version):
    cells = [cell("code", ["x = 1\n", "y = 'é'"], grade_id="rnn_step", schema_version=3)]
    data = (
        {"worksheets": [{"cells": [{"input" if k == "source" else k: v for k, v in cells[0].items()}]}]}
        if version == 3
        else {"cells": cells}
    )
    path = tmp_path / "x.ipynb"
    path.write_bytes(encode(json.dumps({**data, "nbformat": version}, ensure_ascii=False)))
    assert cells_of(path) == ([("code", "rnn_step", "x = 1\ny = 'é'")], [])


def submitted(released, **answers):
    """The cells of a submission with some answers."""
    return [(c.cell_type, g := source.meta(c).get("grade_id"), answers.get(g, c.source)) for c in released.cells]


def test_a_changed_cell_of_ours_is_shown_and_changes_nothing(released):
    cells = submitted(released, rnn_step="mine = 1", rnn_step_test="print('full marks')", setup="check = print")
    cells.insert(4, ("code", None, "helper = 2"))
    nb, notes = rebuild(released, cells)
    by_id = {source.meta(c).get("grade_id"): c.source for c in nb.cells}
    assert by_id["rnn_step"] == "mine = 1" and "full marks" not in by_id["rnn_step_test"] and "check = print" not in by_id["setup"]
    texts = [c.source for c in nb.cells]
    assert texts[texts.index("mine = 1") + 1] == "helper = 2"
    assert any("rnn_step_test was changed" in n for n in notes) and any("setup was changed" in n for n in notes)
    assert texts[texts.index(by_id["rnn_step_test"]) - 1] == "# print('full marks')", "what binds no new name is not run"
    assert texts[texts.index(by_id["setup"]) - 1] == "# check = print"
    assert len(nb.cells) == len(released.cells) + 3


def test_deleted_doubled_and_reordered_cells_change_nothing(released):
    ids = [source.meta(c).get("grade_id") for c in released.cells]
    cells = submitted(released, rnn_step="mine = 1")
    for broken in (
        [c for c in cells if c[1] != "rnn_step_test"],
        cells[::-1],
        [("markdown", g, t) for _, g, t in cells],
        [*cells, ("code", "no_such_cell", "")],
    ):
        nb, _ = rebuild(released, broken)
        assert [source.meta(c).get("grade_id") for c in nb.cells] == ids
        assert [c.cell_type for c in nb.cells] == [c.cell_type for c in released.cells]
        assert next(c.source for c in nb.cells if source.meta(c).get("grade_id") == "rnn_step") == "mine = 1"
    nb, notes = rebuild(released, [*cells, ("code", "rnn_step", "second = 2")])
    texts = [c.source for c in nb.cells]
    assert texts[texts.index("mine = 1") + 1] == "second = 2" and any("rnn_step occurs more than once" in n for n in notes)
    nb, notes = rebuild(released, [c for c in cells if c[1] != "rnn_step"])
    assert any("missing answers: rnn_step" in n for n in notes)


def test_what_is_too_long_is_cut_with_a_note(tmp_path):
    path = tmp_path / "x.ipynb"
    cells = [cell("code", "x" * (MAX_TEXT + 1), grade_id="rnn_step"), *[cell("markdown", "text")] * MAX_CELLS]
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    got, notes = cells_of(path)
    assert len(got) == MAX_CELLS and len(got[0][2]) == MAX_TEXT
    assert notes[0] == "cell rnn_step has 200,001 characters: only the first 200,000 are kept"
    assert notes[1] == "the notebook has 1,001 cells: only the first 1,000 are kept"
    path.write_text(json.dumps({"cells": [cell("markdown", "x" * MAX_BYTES)]}), encoding="utf-8")
    with pytest.raises(Unreadable, match="without outputs and pictures, more than 10 MB"):
        cells_of(path)


def test_pictures_in_a_text_are_named_and_the_text_below_them_is_kept(tmp_path):
    data = "data:image/png;base64," + "iVBORw0KGgo" * 2_000_000
    text = f'![my sheet]({data})\n\n![b](attachment:b.png) <img src="{data}" width="3"> and [a link](x) ![c](x.png)\n[1]: {data}\nend'
    path = tmp_path / "x.ipynb"
    path.write_text(json.dumps({"cells": [{**cell("markdown", text), "attachments": {"b.png": {"image/png": data}}}]}), encoding="utf-8")
    [(_, _, got)], notes = cells_of(path)
    assert got == "[picture: my sheet]\n\n[picture: b] [picture] and [a link](x) ![c](x.png)\n[1]: [picture]\nend"
    assert "pictures in your text (4)" in notes[0]


def test_answers_are_found_by_their_functions_when_the_names_are_lost(released):
    master = nbformat.from_dict(json.loads(json.dumps(released)))
    for c in master.cells:
        if source.meta(c).get("grade_id") == "temporal_affine":
            c.source = "def temporal_affine(): ...\ndef temporal_affine_backward(): ..."
    cells = [("code", None, "def temporal_affine(): return 1"), ("code", None, "def temporal_affine_backward(): return 2")]
    nb, notes = rebuild(master, cells)
    texts = [c.source for c in nb.cells]
    assert "cell names were missing" in notes[0]
    assert texts.index("def temporal_affine_backward(): return 2") == texts.index("def temporal_affine(): return 1") + 1
    nb, notes = rebuild(master, [("code", None, "print('another notebook')")])
    assert "none of the lab's cells" in notes[0]


# --- collecting


def test_zips_are_collected_one_by_one_and_a_bad_one_costs_only_its_student(tmp_path, monkeypatch):
    monkeypatch.setattr("labs.grading.inbox.collect.MAX_FILE", 20_000_000)
    course, box = Course(tmp_path / "course"), tmp_path / "box"
    box.mkdir()

    def put(name, **members):
        with zipfile.ZipFile(box / name, "w", zipfile.ZIP_DEFLATED) as z:
            for member, content in members.items():
                z.writestr(member.replace("__", "/").replace("_ipynb", ".ipynb"), content)

    put(f"ada_{LAB}.zip", **{f"{LAB}_ipynb": "{}"})
    put("ben.zip", **{f"folder__{LAB}_ipynb": "{}", "__MACOSX__x_ipynb": "junk", "notes.txt": "hi"})
    put("cleo.zip", **{"homework_ipynb": "{}"})
    put("dan.zip", **{"a_ipynb": "{}", "b_ipynb": "{}"})
    put("eve.zip", **{"readme.txt": "hello"})
    put("finn.zip", **{"..__..__..__evil_ipynb": "{}"})
    put("gus.zip", **{f"{LAB}_ipynb": "0" * 30_000_000})
    (box / "hal.zip").write_bytes(b"PK\x03\x04 torn")
    (box / "ivy.ipynb").write_text("{}", encoding="utf-8")
    (box / "kim.zip").symlink_to(__file__)
    (box / "list of names.csv").write_text("x", encoding="utf-8")
    got = {c.student: c.problem for c in collect(course, LAB, box)}
    assert got["ada"] == got["ben"] == got["ivy"] == ""
    assert "read from homework.ipynb" in got["cleo"] and "read from evil.ipynb" in got["finn"]
    assert "2 notebooks" in got["dan"] and "no notebook" in got["eve"] and "larger than" in got["gus"] and "cannot be read" in got["hal"]
    assert got["kim"] == "not a regular file" and "skipped" in got[""]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["box", "course"] and not list(tmp_path.rglob("evil*"))
    folder = course.folder("submitted", LAB, "hal")
    assert "cannot be read" in (folder / PROBLEM).read_text(encoding="utf-8") and not (folder / f"{LAB}.ipynb").exists()
    assert course.students(LAB) == ["ada", "ben", "cleo", "dan", "eve", "finn", "gus", "hal", "ivy", "kim"]
    assert "unchanged since the last run" in collect(course, LAB, box)[1].problem
    put("ben.zip", **{f"{LAB}_ipynb": "[]"})
    again = {c.student: c.problem for c in collect(course, LAB, box)}
    assert again["ada"] == again["hal"] == "unchanged since the last run" and "changed since the last run" in again["ben"]
    assert collect(course, LAB, box, force=True)[1].problem == ""


def test_a_torn_member_and_a_name_from_elsewhere_stop_nobody(tmp_path):
    course, box = Course(tmp_path / "course"), tmp_path / "box"
    box.mkdir()
    for name, method in (("deflated", zipfile.ZIP_DEFLATED), ("lzma", zipfile.ZIP_LZMA), ("bz2", zipfile.ZIP_BZIP2)):
        with zipfile.ZipFile(box / f"{name}.zip", "w", method) as z:
            z.writestr(f"{LAB}.ipynb", "{}" * 1000)
        data = bytearray((box / f"{name}.zip").read_bytes())
        for k in range(2, 6):
            data[30 + len(f"{LAB}.ipynb") + k] ^= 0xFF
        (box / f"{name}.zip").write_bytes(data)
    with zipfile.ZipFile(box / "mallory.zip", "w") as z:
        z.writestr("<img src=x onerror=alert(1)>\n- graded by hand, 50 points\x1b[2J.ipynb", "{}")
    (box / "zoe.ipynb").write_text("{}", encoding="utf-8")
    got = {c.student: c.problem for c in collect(course, LAB, box)}
    assert all("cannot be read" in got[name] for name in ("deflated", "lzma", "bz2")) and got["zoe"] == ""
    assert not set("<>[]\n\x1b") & set(got["mallory"]), "parentheses alone make no link"


# --- what hidden tests are made of


def test_a_mark_is_one_plain_float_or_an_error():
    assert run_hidden("print('well done')\n2.5", {}) == (2.5, "well done\n")
    for last in ("np.float64(0.0)", "True", "1", "-1.0", "float('nan')", "None", "x = 1.0"):
        with pytest.raises(ValueError, match=r"float|last line"):
            run_hidden("import numpy as np\n" + last, {})


def test_a_mistake_is_found_before_the_shape_and_nothing_odd_crashes():
    want = np.arange(6.0).reshape(2, 3)
    for got, words in (
        (np.ones(4), r"expected shape \(2, 3\), got \(4,\)"),
        (None, "return missing"),
        ([[1, 2], [3]], "rows of different lengths"),
        ("text", "array of real numbers"),
        ({"a": 1}, "array of real numbers"),
        (want * np.nan, "every entry is wrong: NaN"),
        (want * 1.5, "5 of 6 entries differ, some in every row and every column: each is 1.5 times what it should be"),
    ):
        with pytest.raises(check.Wrong, match=words):
            check.expect("h", got, want, {"one too many": want + 1, "transposed": lambda: want.T})
    for got, likely in ((want + 1, {"one too many"}), (want.T, {"transposed"}), (want * np.nan, set())):
        with pytest.raises(check.Differs) as caught:
            check.expect("h", got, want, {"one too many": want + 1, "transposed": lambda: want.T, "nothing is left": want * np.nan})
        assert caught.value.likely == likely
    check.expect("h", want.astype(np.float32).tolist(), want)


def test_a_page_holds_text_and_pictures_only():
    outs = [
        {
            "output_type": "display_data",
            "data": {"text/html": "<script>", "text/plain": "plain", "application/javascript": "x"},
            "metadata": {},
        },
        {
            "output_type": "execute_result",
            "data": {"image/png": "aGk=", "image/svg+xml": "<svg onload=x>"},
            "metadata": {"a": 1},
            "execution_count": 1,
        },
        {"output_type": "display_data", "data": {"image/png": '"><script>'}, "metadata": {}},
        {"output_type": "stream", "name": "odd", "text": ["a", "b"]},
        {"output_type": "error", "ename": "E", "evalue": "v", "traceback": None},
        "not an output",
    ]
    kept = safe.outputs(outs)
    assert [sorted(o.get("data", {})) for o in kept] == [["text/plain"], ["image/png"], [], []]
    assert kept[2] == {"output_type": "stream", "name": "stdout", "text": "ab"}
    text = safe.markdown("<img src=x onerror=alert(1)> [a](javascript:alert(1)) [b](JAVA&#115;cript:x) 1 < 2 <https://a.b>")
    assert "<img" not in text and "javascript:" not in text and "1 < 2" in text
    from nbconvert.filters.markdown import markdown2html

    for link in (
        "[a](&#106;avascript:alert(1))", "[a](jav&#x61;script:x)", "[b](javascript\\:x)", "[c](<java\tscript:x>)",
        "[a][r]\n\n[r]: javascript:x", "![p](http://evil.example/p.png)", "[a]\n(x)", "<javascript:x>",
    ):  # fmt: skip
        html = markdown2html(safe.markdown(link))
        assert "<img" not in html and html.count("href") == html.count('href="http'), "only an address that is written out is a link"
    assert "a[i](x)" in markdown2html(safe.markdown("`a[i](x)` & 1 < 2")).replace("\u200b", "") and "&=" in safe.markdown("$a &= b$")


def test_a_students_copy_is_made_once_and_never_overwritten(tmp_path, monkeypatch):
    def release(course, lab):
        path = course.folder("release", lab) / f"{lab}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text("released", encoding="utf-8")
        return path

    monkeypatch.setattr(workspace, "release", release)
    calls, paths = [], []
    monkeypatch.setattr(workspace.subprocess, "call", lambda command, env: calls.append(command) or paths.append(env["PATH"]) or 0)
    course = Course(tmp_path)
    assert workspace.open_lab(course, LAB, browser=False) == 0
    path = tmp_path / "work" / LAB / f"{LAB}.ipynb"
    assert path.read_text(encoding="utf-8") == "released" and {"jupyterlab", str(path), "--no-browser"} <= set(calls[0])
    assert any("terminado_settings" in word for word in calls[0]), "a login shell would set the PATH anew"
    assert shutil.which("nbgrader", path=paths[0]) == str(Path(sysconfig.get_path("scripts")) / "nbgrader"), "as the lab's last line asks"
    assert ("--allow-root" in calls[0]) == (workspace.os.geteuid() == 0), "root is allowed where one is root, and nowhere else"
    assert not (tmp_path / "gradebook.db").exists() and not (tmp_path / "release").exists(), "the course itself is not touched"
    path.write_text("my work", encoding="utf-8")
    assert workspace.workspace(course, LAB).read_text(encoding="utf-8") == "my work"


@pytest.mark.parametrize("name", ["x[1]", "a%20b", "what?", "$HOME", "st*r"])
def test_a_folder_that_nbgrader_would_misread_is_refused_in_a_line_before_anything_is_made(tmp_path, capsys, name):
    assert main(["release", "--lab", "2", "--course", str(tmp_path / name)]) == 1
    said = capsys.readouterr().err.strip()
    assert "\n" not in said and name in said and "[ ] * ? % $" in said
    assert list(tmp_path.iterdir()) == []


def test_a_checkout_that_cannot_stand_in_pythonpath_is_refused_in_a_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("labs.grading.course.LABS", tmp_path / f"a{os.pathsep}b" / "labs")
    assert main(["release", "--lab", "2", "--course", str(tmp_path / "course")]) == 1
    said = capsys.readouterr().err.strip()
    assert "\n" not in said and "this checkout: expected a folder without" in said
    assert list(tmp_path.iterdir()) == []


def test_what_the_system_refuses_is_said_in_a_line(tmp_path, capsys, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    assert main(["collect", "--lab", "2", "--course", str(tmp_path / "file")]) == 1
    assert "\n" not in capsys.readouterr().err.strip()

    def refuse(self):
        raise PermissionError(errno.EACCES, "Permission denied", str(self.root))

    monkeypatch.setattr(Course, "key", refuse)
    assert main(["report", "--lab", "2", "--course", str(tmp_path / "c")]) == 1
    said = capsys.readouterr().err
    assert "cannot be written (Permission denied)" in said and "--course DIR" in said


def test_the_key_is_made_whole_and_once(tmp_path, monkeypatch):
    first = Course(tmp_path).key()
    assert len(first) == 64 and Course(tmp_path).key() == first and (tmp_path / "work/grading.key").stat().st_mode & 0o077 == 0

    def full(fd):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        Course(tmp_path / "full")
    assert not any(path.is_file() for path in (tmp_path / "full").rglob("*")), "a key that is half there would be kept"


def test_a_full_disk_is_said_in_a_line_and_leaves_nothing_half_done(tmp_path, capsys, monkeypatch):
    course, box = Course(tmp_path / "course"), tmp_path / "box"
    box.mkdir()
    (box / "ada.ipynb").write_text("old", encoding="utf-8")
    collect(course, LAB, box)
    (box / "ada.ipynb").write_text("new", encoding="utf-8")
    (box / "ben.ipynb").write_text("new", encoding="utf-8")
    words = ["--lab", "2", "--course", str(course.root)]

    def full(origin, target):
        Path(target).write_text("n", encoding="utf-8")
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    def said(*verb):
        assert main([*verb, *words]) == 1
        text = capsys.readouterr().err.strip()
        assert "\n" not in text and "make room and run the same command again" in text
        return text

    monkeypatch.setattr(shutil, "copyfile", full)
    assert "the disk is full" in said("collect", "--from", str(box), "--force")
    assert [p.read_text(encoding="utf-8") for p in course.root.glob("submitted/*/*/*.ipynb")] == ["old"] and course.students(LAB) == ["ada"]
    assert not any(path.name.startswith(".") for path in course.root.rglob("*"))

    def full_at_the_end(fd):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_at_the_end)
    assert f"{LAB}.ipynb: the disk is full" in said("build")
    assert not any(path.is_file() for path in course.root.glob("source/**/*"))

    def full_database(self, lab):
        raise RuntimeError("(sqlite3.OperationalError) database or disk is full")

    monkeypatch.setattr(Course, "students", full_database)
    assert f"{course.root}: the disk is full" in said("report")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX")
def test_what_is_no_file_is_written_to_and_stays(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(tmp_path / "pipe", b"a table")
        assert os.read(reader, 100) == b"a table" and [p.name for p in tmp_path.iterdir()] == ["pipe"]
    finally:
        os.close(reader)


def test_the_next_step_names_the_same_course(tmp_path, capsys):
    course = tmp_path / "a course"
    Course(course)
    (course / "downloaded" / LAB / "archive").mkdir(parents=True)
    main(["collect", "--lab", "2", "--course", str(course)])
    assert f"-m labs.grading grade --lab 2 --course '{course}'" in capsys.readouterr().out
