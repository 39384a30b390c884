"""Grade a class: a few worker processes, each with a warm process of its own; results go through the journal into the gradebook."""

import concurrent.futures
import concurrent.futures.process
import json
import multiprocessing
import os

import nbformat
import tqdm

from labs.grading import source, trusted
from labs.grading.collect import PROBLEM
from labs.grading.grade import Graded
from labs.grading.journal import Journal, version_of
from labs.grading.merge import merge
from labs.grading.normalise import Unreadable, read_cells
from labs.grading.sandbox import Unsafe
from labs.grading.session import Zygote

BATCH = 50  # submissions between two writes to the gradebook

_worker = {}


def _start(full, released, key, options):
    """In a new worker: the lab, and a warm process."""
    import warnings

    warnings.simplefilter("ignore")
    _worker.update(full=nbformat.from_dict(json.loads(full)), released=nbformat.from_dict(json.loads(released)), key=key, options=options)
    _worker["zygote"] = Zygote().wait()


def _grade(student, path, problem):
    """In a worker: one submission → plain data."""
    notes = [problem] if problem else []
    try:
        cells = read_cells(path)
    except Unreadable as reason:
        cells, notes = [], [*notes, f"{reason}; it was graded as if nothing had been handed in"]
    w = _worker
    if w["zygote"].process.poll() is not None:  # killed from outside, by the system when memory runs out
        w["zygote"].close()
        w["zygote"] = Zygote().wait()
    return trusted.grade(w["full"], w["released"], cells, notes, w["zygote"], key=w["key"], student=student, **w["options"])


def grade(course, lab, students=None, force=False, progress=True, workers=None, allow_missing=()):
    """Grade everybody (or ``students``) in locked processes, several at a time.

    A submission is graded once for each version of its file, the lab and the engine; ``force`` grades again.
    A run that was killed goes on where it stopped.

    Returns
    -------
    list of Graded
        Of the submissions that this call graded or took from the journal into the gradebook.

    Raises
    ------
    Unsafe
        A layer of the sandbox is missing here and is not in ``allow_missing``.
    """
    released_path = course.released(lab)
    everyone = course.students(lab)
    unknown = sorted(set(students or ()) - set(everyone))
    if unknown:
        raise ValueError(f"students: {', '.join(unknown)} handed in nothing for {lab}")
    full, released = source.notebook(lab), nbformat.read(released_path, 4)
    trusted.check_lab(full)
    options = {"allow_missing": tuple(allow_missing)}
    journal = Journal(course.work / "journal" / lab)
    base = version_of(trusted.VERSION, json.dumps(full), json.dumps(released), course.key())
    todo, ready = [], []
    for student in students or everyone:
        path, problem = _submission(course, lab, student)
        version = version_of(base, path.read_bytes() if path.is_file() and not path.is_symlink() else "", problem)
        entry = None if force else journal.get(student, version)
        if entry is None:
            todo.append((student, path, problem, version))
        elif not entry["merged"] or not course.folder("autograded", lab, student).exists():
            ready.append((student, version, entry["result"]))
    done, failed = [r for _, _, r in ready], []
    _write(course, lab, journal, ready)
    ready = []
    workers = min(workers or os.cpu_count() or 1, len(todo))
    if todo:
        start = (json.dumps(full), json.dumps(released), course.key(), options)
        context = multiprocessing.get_context("spawn")
        with (
            concurrent.futures.ProcessPoolExecutor(workers, context, _start, start) as pool,
            tqdm.tqdm(total=len(todo), desc=lab, unit="submission", disable=not progress) as bar,
        ):
            waiting = {pool.submit(_grade, s, str(p), problem): (s, v) for s, p, problem, v in todo}
            try:
                for future in concurrent.futures.as_completed(waiting):
                    student, version = waiting[future]
                    bar.update()
                    try:
                        result = future.result()
                    except (Unsafe, concurrent.futures.process.BrokenProcessPool):
                        raise
                    except Exception as error:  # a fault of ours costs nobody else a grade, and is tried again at the next run
                        failed.append(Graded(student, None, True, [f"the grader failed: {type(error).__name__}: {str(error)[:300]}"]))
                        continue
                    journal.put(student, version, result)
                    ready.append((student, version, result))
                    done.append(result)
                    if len(ready) >= BATCH:
                        _write(course, lab, journal, ready)
                        ready = []
            except Unsafe:
                pool.shutdown(cancel_futures=True)
                raise
        _write(course, lab, journal, ready)
    return sorted([*failed, *(_report(course, lab, r) for r in done)], key=lambda g: g.student)


def _submission(course, lab, student):
    folder = course.folder("submitted", lab, student)
    problem = folder / PROBLEM
    return folder / f"{lab}.ipynb", problem.read_text() if problem.exists() else ""


def _write(course, lab, journal, ready):
    if ready:
        merge(course, lab, [result for _, _, result in ready])
        for student, version, result in ready:
            journal.put(student, version, result, merged=True)


def _report(course, lab, result):
    with course.book() as book:
        submission = book.find_submission(lab, result["student"])
        return Graded(result["student"], submission.score, bool(submission.needs_manual_grade), result["notes"])
