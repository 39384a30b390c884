"""Submissions a minute: plain ``nbgrader autograde`` against ``labs.grading grade``, the same files in one run on this machine.

python benchmarks/grading.py                              12 submissions each, for a look (about two minutes)
python benchmarks/grading.py --submissions 200 --store    what tests/proofs/speed.json holds (about a quarter of an hour)
python benchmarks/grading.py --submissions 1000 --large   a large class with our engine alone: time, memory, size of the report

Each submission is lab 2 with the model answer, a mistake planted in every third one, and a first cell that imports numpy, torch and
matplotlib. Both engines do the whole road from ``submitted/`` to the gradebook, ours with isolation and trust on; the marks are compared.
Plain nbgrader is measured as it comes, and (on a quarter of the submissions) with this course's settings, which do not wait for a
kernel to end.
"""

import argparse
import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import joblib
import psutil

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from paired import machine  # noqa: E402
from proofs import LAB, hand_in, store  # noqa: E402

UNLOCKED = "--Locked.unlocked=True"


def run(*words, cwd=ROOT):
    """Seconds that a program took; an error ends the benchmark with what it said."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "1"}
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", *map(str, words)], cwd=cwd, env=env, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return time.perf_counter() - start


def course(folder, submissions):
    """A course with lab 2 released and so many submissions."""
    run("labs.grading", "release", "--lab", "2", "--course", folder)
    hand_in(folder, submissions)
    return folder


def marks(folder):
    """Student → points by tests, from the gradebook."""
    from labs.grading.course import Course

    with Course(folder).book() as book:
        return {row.student.id: row.score for row in book.assignment_submissions(LAB)}


def memory(process):
    """Megabytes that a process and all that it started hold for themselves, the first one apart: ``(its own, all)``."""
    held = []
    for one in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            held.append(one.memory_full_info().pss / 1e6)
    return held[0] if held else 0.0, sum(held)


def large(folder, submissions, workers):
    """Grade a class with our engine alone and print, for each eighth of it, the time that it took and the most memory meanwhile."""
    course(folder, submissions)
    words = (sys.executable, "-m", "labs.grading", "grade", "--lab", "2", "--quiet", "--workers", str(workers), "--course", str(folder))
    env = {**os.environ, "PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "1"}
    journal = folder / "work" / "journal" / LAB
    print("graded   seconds   s each   MB, first process   MB, all processes")
    with subprocess.Popen(words, cwd=ROOT, env=env, stdout=subprocess.DEVNULL) as running:
        began = before = time.perf_counter()
        process, done, most = psutil.Process(running.pid), 0, (0.0, 0.0)
        while running.poll() is None:
            with contextlib.suppress(psutil.Error):
                most = tuple(map(max, most, memory(process)))
            now, count = time.perf_counter(), sum(1 for _ in journal.glob("[!.]*.json"))
            if count - done >= max(1, submissions // 8) or (count == submissions and done < count):
                print(f"{count:6} {now - began:9.1f} {(now - before) / (count - done):8.2f} {most[0]:19.0f} {most[1]:19.0f}", flush=True)
                done, before, most = count, now, (0.0, 0.0)
            time.sleep(0.25)
    if running.returncode:
        sys.exit("the run failed")
    print(f"report: {(folder / 'reports' / f'{LAB}.html').stat().st_size / 1e6:.2f} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--submissions", type=int, default=12)
    parser.add_argument("--workers", type=int, default=joblib.cpu_count())
    parser.add_argument("--large", action="store_true", help="our engine alone, with its memory")
    parser.add_argument("--store", action="store_true", help="write tests/proofs/speed.json")
    options = parser.parse_args()
    n, workers = options.submissions, options.workers
    print(machine())
    if options.large:
        with tempfile.TemporaryDirectory() as root:
            return large(pathlib.Path(root) / "large", n, workers)
    ours = ("labs.grading", "grade", "--lab", "2", "--quiet", "--workers", workers, "--course", ".")
    ways = {
        "nbgrader autograde, as it comes": (n, ("nbgrader", "autograde", LAB, UNLOCKED, "--Execute.shutdown_kernel=graceful")),
        "nbgrader autograde, this course's settings": (max(1, n // 4), ("nbgrader", "autograde", LAB, UNLOCKED)),
        f"labs.grading grade, locked, {workers} workers": (n, ours),
    }
    rates, found = {}, []
    with tempfile.TemporaryDirectory() as root:
        for k, (name, (count, words)) in enumerate(ways.items()):
            folder = course(pathlib.Path(root) / str(k), count)
            seconds = run(*words, cwd=folder)
            rates[name] = 60 * count / seconds
            found.append(marks(folder))
            print(f"{name:45} {count:4} in {seconds:7.1f} s  {rates[name]:6.1f} a minute", flush=True)
    if any(found[0][student] != score for others in found for student, score in others.items()):
        sys.exit("the engines give different marks")
    plain, settings, locked = rates.values()
    print(f"the same marks; ratio {locked / plain:.1f}, to this course's settings {locked / settings:.1f}")
    if options.store:
        store("speed", {"machine": machine(), "submissions": n, "a_minute": {name: round(rate, 1) for name, rate in rates.items()}})


if __name__ == "__main__":
    main()
