"""The same grades on a Dask cluster, also when a worker is killed, and in a gradebook on PostgreSQL."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import nbformat
import pytest
import yaml
from distributed.cli import dask_scheduler, dask_worker

from labs.grading.__main__ import main
from labs.grading.course import Course
from labs.grading.desk.export import export
from labs.grading.files import LABS
from labs.grading.marks import engine
from labs.grading.text import source
from labs.grading.text.release import release

LAB = "lab02_rnn"
ROOT = pathlib.Path(__file__).resolve().parents[2]
STUDENTS = {f"s{k}": 40.0 if k % 2 else 44.0 for k in range(6)}  # every second one has a mistake in rnn_step


def class_in(course):
    """A released lab and six submissions."""
    released = nbformat.read(release(course, LAB), 4)
    model = {source.meta(c).get("grade_id"): c.source for c in source.notebook(LAB).cells}
    for k, student in enumerate(STUDENTS):
        for cell in released.cells:
            if source.meta(cell).get("solution"):
                cell.source = model[source.meta(cell)["grade_id"]].replace(" + b_h)", ")" if k % 2 else " + b_h)")
        folder = course.folder("submitted", LAB, student)
        folder.mkdir(parents=True)
        nbformat.write(released, folder / f"{LAB}.ipynb")
    return course


def program(*words):
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, "-m", *map(str, words)], cwd=ROOT, env=env, start_new_session=True, **quiet)


@pytest.fixture
def scheduler(tmp_path):
    """A real scheduler and two workers on this machine; gives its address and the workers' processes."""
    note = tmp_path / "scheduler.json"
    started = [program("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", 0, "--no-dashboard", "--scheduler-file", note)]
    end = time.monotonic() + 300
    while not note.exists() or not note.read_text(encoding="utf-8").endswith("}"):
        assert time.monotonic() < end, "the scheduler did not start"
        time.sleep(0.1)
    address = json.loads(note.read_text(encoding="utf-8"))["address"]
    for _ in range(2):
        words = ("--nthreads", 1, "--no-nanny", "--no-dashboard", "--local-directory", tmp_path)
        started.append(program("distributed.cli.dask_worker", address, *words))
    yield address, started[1:]
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
    for process in started:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of dask's own event loop, when a worker dies
def test_a_cluster_gives_the_same_grades_even_if_a_worker_is_killed(lockable, tmp_path, scheduler, monkeypatch):
    address, workers = scheduler
    course = class_in(Course(tmp_path / "course"))
    put, finished = engine.Journal.put, []

    def kill_one_after_the_first(self, student, version, result, merged=False):
        put(self, student, version, result, merged)
        if not merged:
            finished.append(student)
        if len(finished) == 1 and workers[0].poll() is None:
            os.killpg(workers[0].pid, signal.SIGKILL)
            workers[0].wait()

    monkeypatch.setattr(engine.Journal, "put", kill_one_after_the_first)
    graded = engine.grade_class(course, LAB, progress=False, cluster=address)
    assert workers[0].poll() is not None and workers[1].poll() is None
    assert sorted(finished) == sorted(STUDENTS), "each one once"
    assert {g.student: g.score for g in graded} == STUDENTS
    again = engine.grade_class(course, LAB, force=True, progress=False, workers=1)
    assert {g.student: (g.score, g.notes) for g in again} == {g.student: (g.score, g.notes) for g in graded}


@pytest.mark.filterwarnings("ignore")
def test_a_slurm_job_starts_workers_of_this_checkout_with_one_thread_each(capsys):
    words = "--script --cores 3 --memory 18GB --option=--partition=short --host 127.0.0.1"
    assert main(["slurm", *words.split()]) == 0
    script = capsys.readouterr().out
    for line in ("#SBATCH --cpus-per-task=3", "#SBATCH --partition=short", f"cd '{ROOT}'", f"export PYTHONPATH='{ROOT}'"):
        assert line in script.splitlines()
    assert f"{sys.executable} -m distributed.cli.dask_worker tcp://127.0.0.1:" in script
    assert "--nthreads 1" in script and "--nworkers 3" in script
    assert "export OMP_NUM_THREADS='1'" in script and "GRADING_KEY" not in script


def test_what_kubernetes_starts_exists_and_takes_these_options():
    spec = yaml.safe_load((ROOT / "labs" / "grading" / "marks" / "kubernetes.yaml").read_text(encoding="utf-8"))["spec"]
    for part, program_ in (("worker", dask_worker), ("scheduler", dask_scheduler)):
        [container] = spec[part]["spec"]["containers"]
        assert container["command"] == [".venv/bin/python", "-m", program_.__name__]
        known = {name for option in program_.main.params for name in (*option.opts, *option.secondary_opts)}
        assert {word for word in container["args"] if word.startswith("--")} <= known
    assert spec["worker"]["spec"]["containers"][0]["args"][2:4] == ["--nthreads", "1"]
    assert spec["scheduler"]["service"]["ports"][0]["port"] == spec["scheduler"]["spec"]["containers"][0]["ports"][0]["containerPort"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_gradebook_on_postgresql(lockable, tmp_path, monkeypatch):
    pgserver = pytest.importorskip("pgserver", reason="pgserver has no build for this Python")
    psycopg = pytest.importorskip("psycopg")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = pathlib.Path("/tmp") / f"pg-{os.getpid()}"  # a socket's path must be short
    server = pgserver.get_server(folder, cleanup_mode="delete")
    try:
        url = server.get_uri()
        root = tmp_path / "course"
        root.mkdir()
        settings = f"c = get_config()\nload_subconfig('nbgrader_config.py', path={str(LABS)!r})\n"
        settings += f"c.CourseDirectory.db_url = {url.replace('postgresql://', 'postgresql+psycopg://')!r}\n"
        (root / "nbgrader_config.py").write_text(settings, encoding="utf-8")
        course = class_in(Course(root))
        graded = engine.grade_class(course, LAB, progress=False, workers=1)
        assert {g.student: g.score for g in graded} == STUDENTS
        assert not (root / "gradebook.db").exists()
        with psycopg.connect(url) as db:
            rows = db.execute("select count(*), sum(auto_score) from grade").fetchone()
        assert rows == (15 * len(STUDENTS), sum(STUDENTS.values()))
        assert engine.grade_class(course, LAB, progress=False, workers=1) == [], "nothing is graded twice"
        assert export(course, LAB).read_text(encoding="utf-8").count(LAB) == len(STUDENTS)
    finally:
        server.cleanup()
