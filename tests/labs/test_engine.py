"""A class is graded once, whatever happens: journal, values on the wire, and a run that is killed."""

import collections
import concurrent.futures
import contextlib
import json
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures.process import BrokenProcessPool

import joblib
import nbformat
import numpy as np
import pytest
from proofs.kills import kill

from labs.grading.files import write_whole
from labs.grading.locked import wire
from labs.grading.locked.session import Gone
from labs.grading.marks.journal import Journal, version_of
from labs.grading.text import source

LAB = "lab02_rnn"
ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -(2**70), 0.1, float("inf"), "é", [1, [2.5]], (1, (2,)), {"a": np.arange(3), 2: None}, np.float32(0.1), np.array(2)],
)
def test_a_value_travels_bit_for_bit(value):
    got = wire.decode(json.loads(json.dumps(wire.encode(value))))
    assert str(got) == str(value) and (isinstance(value, np.generic) or type(got) is type(value))


@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4", "<i8", "|b1", "<c16", "<f2"])
def test_an_array_keeps_its_dtype_shape_and_nan(dtype):
    a = np.array([[0, 1, 2], [3, 4, 5]]).astype(dtype)[:, ::-1]
    got = wire.decode(json.loads(json.dumps(wire.encode(a))))
    assert got.dtype == a.dtype and got.shape == a.shape and np.array_equal(got, a) and got.flags.writeable
    assert np.isnan(wire.decode(wire.encode(np.array([np.nan])))).all() and wire.decode(wire.encode(np.zeros((0, 3)))).shape == (0, 3)


def test_named_tuples_and_other_dicts_arrive_as_plain_ones():
    pair = collections.namedtuple("Pair", "h c")(1.5, [2])
    table = collections.OrderedDict(W=pair), collections.defaultdict(float, b=0.5)
    got = wire.decode(wire.encode(table))
    assert got == ({"W": (1.5, [2])}, {"b": 0.5}) and type(got[0]) is dict and type(got[0]["W"]) is tuple


def test_what_is_no_plain_data_does_not_travel():
    deep = []
    for _ in range(30):
        deep = [deep]
    for value in (object(), {1}, print, deep, np.array([object()]), np.zeros(2, [("a", "f8")]), np.array(["x"]), iter([])):
        with pytest.raises(wire.Refused):
            wire.encode(value)
    for data in (
        {"x": 1},
        {},
        [],
        3,
        {"a": ["|O", [1], ""]},
        {"a": ["<f8", [10**9], ""]},
        {"a": ["<f8", [2], "AAAA"]},
        {"a": ["<f8", [-1], ""]},
        {"f": []},
    ):
        with pytest.raises(wire.Refused):
            wire.decode(data)
    with pytest.raises(wire.Refused):
        wire.decode({"i": "not a number"})


def test_the_journal_finds_what_it_kept_and_forgives_torn_files(tmp_path):
    journal = Journal(tmp_path / "j")
    assert journal.get("ada", "v1") is None
    journal.put("ada", "v1", {"student": "ada", "marks": {}})
    assert journal.get("ada", "v1")["result"]["marks"] == {} and journal.get("ada", "v1")["merged"] is False
    assert journal.get("ada", "v2") is None and journal.get("bob", "v1") is None
    file = next((tmp_path / "j").iterdir())
    file.write_bytes(file.read_bytes()[:-9])
    assert journal.get("ada", "v1") is None
    journal.put("../../evil", "v", {"student": "../../evil"})
    assert journal.get("../../evil", "v") and {p.parent for p in tmp_path.rglob("*.json")} == {tmp_path / "j"}
    journal.forget("../../evil")
    journal.forget("../../evil")
    assert journal.get("../../evil", "v") is None
    write_whole(tmp_path / "x", b"old")
    write_whole(tmp_path / "x", b"new")
    assert (tmp_path / "x").read_bytes() == b"new" and len(list(tmp_path.iterdir())) == 2
    assert version_of("ab", "c") != version_of("a", "bc") and version_of(b"x") == version_of("x")


# --- a whole class, killed


def start(*words, python=("-m", "labs.grading")):
    env = {**os.environ, "PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *python, *map(str, words)]
    return subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", start_new_session=True
    )


def run(*words, **how):
    process = start(*words, **how)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said
    return said


STUDENTS = [f"s{i:02d}" for i in range(8)]


@pytest.fixture(scope="module")
def course(lockable, tmp_path_factory):
    """A released lab and eight submissions: every second one has a mistake in rnn_step."""
    c = tmp_path_factory.mktemp("class")
    run("release", "--lab", "2", "--course", c)
    released = json.loads((c / "release" / LAB / f"{LAB}.ipynb").read_text(encoding="utf-8"))
    model = {source.meta(x).get("grade_id"): x.source for x in source.notebook(LAB).cells}
    for i, student in enumerate(STUDENTS):
        for cell in released["cells"]:
            meta = cell["metadata"].get("nbgrader", {})
            if meta.get("solution"):
                cell["source"] = model[meta["grade_id"]].replace(" + b_h)", ")" if i % 2 else " + b_h)")
        (c / "submitted" / student / LAB).mkdir(parents=True)
        (c / "submitted" / student / LAB / f"{LAB}.ipynb").write_text(json.dumps(released), encoding="utf-8")
    run("grade", "--lab", "2", "--course", c, "--quiet", "--student", "s00")
    return c


def marks(course):
    """What the gradebook says: one row a grade, straight from the database."""
    with sqlite3.connect(course / "gradebook.db") as db:
        rows = db.execute(
            "select a.student_id, b.name, g.auto_score, g.needs_manual_grade from grade g "
            "join submitted_notebook n on n.id = g.notebook_id "
            "join submitted_assignment a on a.id = n.assignment_id join base_cell b on b.id = g.cell_id order by 1, 2"
        ).fetchall()
        assert db.execute("pragma integrity_check").fetchone() == ("ok",)
    db.close()
    return rows


def total(rows, student):
    return sum(score or 0.0 for who, _, score, _ in rows if who == student)


@pytest.mark.slow
def test_a_class_is_graded_once_even_if_every_run_is_killed(course):
    rng = random.Random(6)
    for _ in range(2):  # `make kills` does it 50 times
        with start("grade", "--lab", "2", "--course", course, "--quiet", "--workers", "2") as process:
            try:
                process.communicate(timeout=rng.uniform(1.0, 8.0))  # where it stops is chance; what holds after it is not
            except subprocess.TimeoutExpired:
                kill(process, alone=rng.random() < 0.5)
        rows = marks(course)
        assert len(rows) == len({r[:2] for r in rows}), "no grade stands twice"
        assert {total(rows, s) for s in {r[0] for r in rows}} <= {44.0, 40.0}, "a submission is in the gradebook whole, or not at all"
    run("grade", "--lab", "2", "--course", course, "--quiet")
    rows = marks(course)
    assert {s: total(rows, s) for s in STUDENTS} == {s: 40.0 if i % 2 else 44.0 for i, s in enumerate(STUDENTS)}
    assert len(rows) == len(STUDENTS) * 15
    assert all((course / "autograded" / s / LAB / f"{LAB}.ipynb").exists() for s in STUDENTS)
    journal = {p: p.stat().st_mtime_ns for p in (course / "work" / "journal" / LAB).iterdir()}
    assert run("grade", "--lab", "2", "--course", course, "--quiet").startswith("Nothing to do; graded already: 8 ")
    assert marks(course) == rows
    assert journal == {p: p.stat().st_mtime_ns for p in (course / "work" / "journal" / LAB).iterdir()}, "finished work is not repeated"


@pytest.mark.slow
def test_a_changed_submission_is_graded_again_and_a_persons_marks_stay(course):
    run("grade", "--lab", "2", "--course", course, "--quiet")
    with sqlite3.connect(course / "gradebook.db") as db:
        db.execute("update grade set manual_score = 5.0, needs_manual_grade = 0 where auto_score is null")
    db.close()
    path = course / "submitted" / "s00" / LAB / f"{LAB}.ipynb"
    path.write_text(path.read_text(encoding="utf-8").replace(" + b_h)", ")"), encoding="utf-8")
    said = run("grade", "--lab", "2", "--course", course, "--quiet")
    assert said.startswith("s00: 45 of 50 points\n") and "s01" not in said, (
        "the explanation is the one they read"
    )
    path.write_text(path.read_text(encoding="utf-8").replace("The one who divides by B", "He who divides by B"), encoding="utf-8")
    assert "s00: 45 of 50 points   needs manual grading" in run("grade", "--lab", "2", "--course", course, "--quiet")


CORRECTED = """
import sys
from labs.grading import __main__
from labs.grading.text import source
notebook = source.notebook
def corrected(lab):  # the case "the bias alone" of rnn_step forgives every result
    nb = notebook(lab)
    cell = next(c for c in nb.cells if source.meta(c).get("grade_id") == "rnn_step_test")
    line = next(t for t in cell.source.split("\\n") if "h_t with x_t = 0 and h_prev = 0" in t)
    cell.source = cell.source.replace(line, "    _part.call(rnn_step, *a)")
    return nb
source.notebook = corrected
sys.exit(__main__.main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_a_corrected_hidden_test_changes_the_marks_that_it_is_about_and_nothing_else(course):
    run("grade", "--lab", "2", "--course", course, "--quiet")
    before = marks(course)
    said = run("grade", "--lab", "2", "--course", course, "--quiet", python=("-c", CORRECTED))
    assert all(f"{s}: " in said for s in STUDENTS), "everybody is graded again, with the numbers that they had"
    wrong = {s for s, name, score, _ in before if name == "rnn_step_test" and score < 5}
    assert {"s01", "s03"} <= wrong and "s02" not in wrong
    assert marks(course) == [(s, n, x + (n == "rnn_step_test" and s in wrong) if x is not None else x, p) for s, n, x, p in before]


@pytest.mark.slow
def test_a_warm_process_that_the_system_kills_costs_nobody_their_grade(course, monkeypatch):
    from labs.grading.course import Course
    from labs.grading.inbox.submission import submission
    from labs.grading.marks import marker, processes

    lab, folder = source.notebook(LAB), Course(course)
    released = json.dumps(nbformat.read(course / "release" / LAB / f"{LAB}.ipynb", 4))
    grade, kills = marker.mark_submission, iter((0.0, 0.1, None))  # at once, in the middle, not at all; then at once every time

    def killed_in_the_middle(*args, **options):
        victim, after = processes._here.get("zygote", shared).process.pid, next(kills, 0.0)
        if after:
            threading.Timer(after, os.kill, (victim, signal.SIGKILL)).start()
        elif after is not None:
            os.kill(victim, signal.SIGKILL)
        return grade(*args, **options)

    monkeypatch.setattr(marker, "mark_submission", killed_in_the_middle)
    shared = processes.Zygote().wait()
    try:
        processes.start(json.dumps(lab), released, folder.key(), {}, [], shared.door)
        result = processes.mark_one("s02", *submission(folder, LAB, "s02"))
        assert sum(result["marks"].values()) == 44.0 and result["notes"] == []
        with pytest.raises(RuntimeError, match="killed 3 times"):
            processes.mark_one("s02", *submission(folder, LAB, "s02"))
    finally:
        processes.stop()
        shared.close()


PAUSED = """
import signal, sys
from labs.grading import __main__
from labs.grading.marks import engine
put = engine.Journal.put
def pause(*args, **options):  # at the first result, until the run is killed
    put(*args, **options)
    print("one is in the journal", flush=True)
    signal.pause()
engine.Journal.put = pause
sys.exit(__main__.main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_a_forced_run_that_is_killed_goes_on_at_the_next_one(course):
    run("grade", "--lab", "2", "--course", course, "--quiet")
    with start("grade", "--lab", "2", "--course", course, "--quiet", "--force", python=("-c", PAUSED)) as process:
        said = []
        while "one is in the journal\n" not in said:
            said.append(process.stdout.readline())
            assert said[-1], "".join(said)
        kill(process, alone=True)
    assert len(list((course / "work" / "journal" / LAB).glob("[!.]*.json"))) == 1
    said = run("grade", "--lab", "2", "--course", course, "--quiet")
    assert f"Graded: {len(STUDENTS)}." in said, "what it had not come to, and what it had not written into the gradebook"
    (course / "autograded" / "s00" / LAB / "timestamp.txt").write_text("x", encoding="utf-8")
    (course / "autograded" / "s00" / LAB / "timestamp.txt").chmod(0o444)  # as plain nbgrader leaves it
    assert "s00: 4" in run("grade", "--lab", "2", "--course", course, "--quiet", "--force", "--student", "s00")


class Workers:
    """Like worker processes: a submission called ``kills`` takes them down, with what they have; ``late`` is stopped by the clock, at
    ``fails`` they raise."""

    def __init__(self, seen):
        self.seen, self.killed = seen, False

    def submit(self, mark, student, raw, notes, alone):
        if self.killed:
            raise BrokenProcessPool
        self.seen.append((student, alone))
        future, gone = concurrent.futures.Future(), "kills" in student and not (alone and "once" in student)
        self.killed = gone
        threading.Timer(0.01, self.end, (future, student, alone)).start()
        return future

    def end(self, future, student, alone):
        if self.killed:
            future.set_exception(BrokenProcessPool())
        elif "fails" in student and not (alone and "once" in student):
            future.set_exception(Gone("your code was stopped: no answer within 300 s on the clock"))
        else:
            future.set_result({"student": student, "late": "late" in student and not (alone and "once" in student)})


def test_who_was_stopped_by_others_is_marked_again_alone(monkeypatch):
    from labs.grading.marks import engine, processes

    seen = []
    monkeypatch.setattr(processes, "pool", lambda setting, count: contextlib.nullcontext(Workers(seen)))
    monkeypatch.setattr(engine, "submission", lambda course, lab, student: (b"", []))
    names = ["a", "late once", "b", "c", "kills once", "d", "e", "f", "kills", "g", "late", "h", "fails", "fails once", "i", "j"]
    found = {s: r for s, _, r in engine._marked(None, LAB, [(name, "v") for name in names], None, 2, None, False)}
    assert sorted(found) == sorted(names)
    again = [student for student, alone in seen if alone]
    assert {"late once", "kills once", "kills", "late", "fails", "fails once"} <= set(again) and len(again) < len(names)
    assert seen[-len(again) :] == [(s, True) for s in again], "after all others"
    assert isinstance(found["kills"], RuntimeError) and "a person should look" in str(found["kills"])
    assert isinstance(found["fails"], Gone)
    assert [found[s]["late"] for s in ("late once", "kills once", "fails once", "late", "h")] == [False, False, False, True, False]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not bind processes to processors")
def test_there_are_as_many_workers_as_processors_that_the_grader_may_use(monkeypatch):
    from labs.grading.marks import engine, processes

    counts = []
    monkeypatch.setattr(processes, "pool", lambda setting, count: contextlib.nullcontext(Workers(counts.append(count) or [])))
    monkeypatch.setattr(engine, "submission", lambda course, lab, student: (b"", []))
    ours = os.sched_getaffinity(0)
    try:
        for cores in ({min(ours)}, ours):
            os.sched_setaffinity(0, cores)
            assert len(list(engine._marked(None, LAB, [(f"s{i}", "v") for i in range(200)], None, None, None, False))) == 200
    finally:
        os.sched_setaffinity(0, ours)
    assert counts[0] == 1 and counts[1] <= len(ours) and (counts[1] > 1 or len(ours) == 1 or joblib.cpu_count() == 1)
