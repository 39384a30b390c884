"""A class on one machine: how long each step of the desk takes, what memory the grader needs as it goes on, how large the pages are.

python benchmarks/classroom.py                        100 submissions of lab 2, for a look (some minutes)
python benchmarks/classroom.py --submissions 1000     a large class in one run

The submissions are copies of a few answers: the model answer, with a mistake planted in every third one.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import joblib
import psutil

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from paired import machine  # noqa: E402
from proofs import LAB, hand_in  # noqa: E402

MISSING = 5  # students in the roster who hand in nothing


def run(*words):
    """Run a verb; returns its seconds and, every half second, the memory of its own process and of its children, in MB."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "1"}
    start, memory, said = time.perf_counter(), [], []
    program = subprocess.Popen(
        [sys.executable, "-m", "labs.grading", *map(str, words)], cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    reader = threading.Thread(target=lambda: said.append(program.stdout.read()))
    reader.start()
    while program.poll() is None:
        try:
            own = psutil.Process(program.pid)
            children = sum(child.memory_info().rss for child in own.children(recursive=True))
            memory.append((own.memory_info().rss / 1e6, children / 1e6))
        except psutil.NoSuchProcess:
            pass
        time.sleep(0.5)
    reader.join()
    if program.returncode not in (0, 1) or b"Traceback" in said[0]:
        sys.exit(said[0].decode())
    return time.perf_counter() - start, memory


def megabytes(*paths):
    return sum(path.stat().st_size for path in paths) / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--submissions", type=int, default=100)
    parser.add_argument("--workers", type=int, default=joblib.cpu_count())
    options = parser.parse_args()
    n = options.submissions
    print(f"{machine()}; load {os.getloadavg()[0]:.1f}; {n} submissions, {options.workers} workers")
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        course = ("--course", root)
        run("release", "2", *course)
        hand_in(root, n)
        students = sorted(path.name for path in (root / "submitted").iterdir())
        lines = [f"{s},{s}@x.example" for s in [*students, *(f"nobody{k}" for k in range(MISSING))]]
        (root / "roster.csv").write_text("student,email\n" + "\n".join(lines) + "\n", encoding="utf-8")
        for verb in ("grade", "feedback", "report", "export", "gradebook", "similar", "mail"):
            more = ("--quiet", "--workers", options.workers) if verb == "grade" else ()
            seconds, memory = run(verb, *(() if verb == "gradebook" else ("2",)), *more, *course)
            own = [o for o, _ in memory]
            print(f"{verb:10} {seconds:7.1f} s  {n / seconds * 60:8.0f} a minute  peak of its own process {max(own):5.0f} MB", flush=True)
            if verb == "grade":
                quarter = max(1, len(memory) // 4)
                for name, part in (("second quarter", memory[quarter : 2 * quarter]), ("last quarter", memory[-quarter:])):
                    o, c = (statistics.median(values) for values in zip(*part, strict=True))
                    print(f"           {name}: median {o:.0f} MB, and {c:.0f} MB in all its children (shared pages counted for each)")
        pages = sorted(root.glob(f"feedback/*/{LAB}/{LAB}.html"))
        print(f"report {megabytes(root / f'reports/{LAB}.html'):.2f} MB, {len(pages)} pages of {megabytes(*pages) / len(pages):.2f} MB")


if __name__ == "__main__":
    main()
