"""Is every submission graded once, whenever the grader is killed? Kills `labs.grading grade` at random moments and looks at what is left.

    python tests/proofs/kills.py          50 kills; what was seen is written to kills.json
    python tests/proofs/kills.py 5        fewer; nothing is written

After each kill: the gradebook is whole, no grade stands twice, a submission is in it with all its marks or not at all, and no process of
the run is left. Work that was finished is not done again. A run that comes to its end must have graded everybody; then the class starts
anew.
"""

import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import psutil  # noqa: E402

from proofs import LAB, hand_in, store  # noqa: E402

KILLS, SUBMISSIONS, SEED = 50, 12, 6
POINTS = {k: 40.0 if k % 3 == 0 else 44.0 for k in range(SUBMISSIONS)}
GRADES = 15  # rows of one submission


def start(*words):
    """The command in a process group of its own."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "labs.grading", *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)


def in_gradebook(course):
    """Student → sum of marks; an AssertionError says what is broken."""
    with sqlite3.connect(course / "gradebook.db") as db:
        assert db.execute("pragma integrity_check").fetchone() == ("ok",), "the database is damaged"
        rows = db.execute(
            "select a.student_id, count(*), count(distinct g.cell_id), sum(g.auto_score) from grade g "
            "join submitted_notebook n on n.id = g.notebook_id join submitted_assignment a on a.id = n.assignment_id group by 1"
        ).fetchall()
        attempts = db.execute("select student_id, count(*) from submitted_assignment group by 1").fetchall()
    db.close()
    assert all(count == 1 for _, count in attempts), "a student has two submissions in the gradebook"
    for student, count, cells, points in rows:
        assert (count, cells, points) == (GRADES, GRADES, POINTS[int(student[1:])]), f"{student}: {count} grades of {cells} cells, {points}"
    return {student: points for student, _, _, points in rows}


def in_journal(course):
    """Student → how long grading them took: another number would mean that they were graded again."""
    found = {}
    for path in (course / "work" / "journal" / LAB).glob("[!.]*.json"):
        result = json.loads(path.read_text(encoding="utf-8"))["result"]
        found[result["student"]] = result["seconds"]
    return found


def kill(process, alone):
    """kill -9 the command, ``alone`` or with its process group; nothing that it started may go on."""
    family = psutil.Process(process.pid).children(recursive=True)
    (os.kill if alone else os.killpg)(process.pid, signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(family, timeout=300)  # they may first have to import torch, on a busy machine
    assert not alive, f"still there after the kill: {alive}"


def main(kills=KILLS):
    rng, seen, ended = random.Random(SEED), [], 0
    with tempfile.TemporaryDirectory() as folder:
        fresh, course = pathlib.Path(folder) / "fresh", pathlib.Path(folder) / "course"
        with start("release", "--lab", 2, "--course", fresh) as process:
            assert process.wait() == 0, process.stderr.read().decode()
        hand_in(fresh, SUBMISSIONS)
        shutil.copytree(fresh, course)
        whole = None  # seconds that a whole run takes
        while len(seen) < kills or in_gradebook(course).keys() != {f"s{k:03d}" for k in POINTS}:
            before, began = in_journal(course), time.monotonic()
            last = len(seen) == kills
            with start("grade", "--lab", 2, "--course", course, "--quiet", "--workers", 2) as process:
                try:
                    process.wait(None if whole is None or last else rng.uniform(0.2, 1.1 * whole))
                    whole = whole or time.monotonic() - began
                    assert process.returncode == 0, process.stderr.read().decode()
                    assert len(in_gradebook(course)) == SUBMISSIONS, "the run came to its end, and somebody is not graded"
                    assert all(in_journal(course)[s] == seconds for s, seconds in before.items()), "finished work was done again"
                    ended += 1
                    if not last:
                        shutil.rmtree(course)
                        shutil.copytree(fresh, course)
                except subprocess.TimeoutExpired:
                    kill(process, alone=rng.random() < 0.5)
                    after = in_journal(course)
                    assert all(after[s] == seconds for s, seconds in before.items()), "finished work was done again"
                    state = {"in_journal": len(after), "in_gradebook": len(in_gradebook(course))}
                    seen.append({"seconds": round(time.monotonic() - began, 1), **state})
                    print(f"kill {len(seen):2}  {json.dumps(seen[-1])}", flush=True)
    print(f"{len(seen)} kills and {ended} runs that came to their end: every submission of {SUBMISSIONS} graded once")
    if kills == KILLS:
        store("kills", {"submissions": SUBMISSIONS, "runs_that_ended": ended, "kills": seen})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
