"""Grade a class: worker processes, each with a warm process of its own; results go through the journal into the gradebook."""

import concurrent.futures
import contextlib
import json
import platform
import sys
from concurrent.futures.process import BrokenProcessPool

import joblib
import nbformat
import tqdm

from labs.grading.course import RoadError, chosen
from labs.grading.inbox.submission import submission
from labs.grading.locked.sandbox import Unsafe
from labs.grading.marks import marker, processes
from labs.grading.marks.gradebook import Graded, graded, merge, penalties
from labs.grading.marks.journal import Journal, version_of
from labs.grading.text import source

BATCH, MEMORY = 20, 30_000_000  # submissions, and characters of their notebooks, between two writes to the gradebook
KILLED = "a process of the grader was killed twice while it marked this submission, the second time alone: a person should look"


def check_system(cluster=None):
    """RoadError where students' code cannot be locked in: this system is not Linux, and there is no ``cluster``."""
    if cluster is None and sys.platform != "linux":
        raise RoadError(
            f"The locked grader needs Linux, and this is {platform.system() or sys.platform}: "
            "grade on a Linux machine (WSL 2 is one), or without any lock: --engine nbgrader."
        )


def grade_class(course, lab, students=None, force=False, progress=True, workers=None, allow_missing=(), cluster=None):
    """Grade everybody (or ``students``) in locked processes, several at a time.

    A submission is graded once for each version of its file, the lab and the engine; ``force`` grades again.
    A run that was killed goes on where it stopped.

    Parameters
    ----------
    course : Course
    lab : str
    students : list of str, optional
    force, progress : bool
    workers : int, optional
        Processes on this machine; one a processor by default.
    allow_missing : collection of str
        Layers of the lock that may be missing.
    cluster : str, optional
        Address of a Dask scheduler, such as ``tcp://host:8786``, whose workers grade instead of processes of this machine.

    Returns
    -------
    list of Graded
        Of the submissions that this call graded or took from the journal into the gradebook.

    Raises
    ------
    Unsafe
        A layer of the sandbox is missing here and is not in ``allow_missing``.
    RoadError
        This system is not Linux, and there is no ``cluster``.
    """
    check_system(cluster)
    full, released = source.notebook(lab), nbformat.read(course.released(lab), 4)
    source.check_lab(full)
    journal = Journal(course.work / "journal" / lab)
    base = version_of(marker.VERSION, json.dumps(full), json.dumps(released), course.key())
    todo, ready = [], []
    for student in chosen(course, lab, students) if force else ():
        journal.forget(student)  # before all else: a forced run that is killed goes on at the next one
    for student in chosen(course, lab, students):
        raw, found = submission(course, lab, student)
        version = version_of(base, raw or "", *found)
        entry = journal.get(student, version)
        if entry is None:
            todo.append((student, version))
        elif not entry["merged"] or not course.folder("autograded", lab, student).exists():
            ready.append((student, version, entry["result"]))
    notes, failed = {student: result["notes"] for student, _, result in ready}, []  # the notebooks of a large class are not kept
    _keep(course, lab, journal, ready)
    ready = []
    setting = (json.dumps(full), json.dumps(released), course.key(), {"allow_missing": tuple(allow_missing)}, course.secrets())
    for student, version, result in _marked(course, lab, todo, setting, workers, cluster, progress):
        if isinstance(result, Exception):  # a fault of ours costs nobody else a grade, and is tried again at the next run
            failed.append(Graded(student, None, True, [f"the grader failed: {type(result).__name__}: {str(result)[:300]}"]))
            continue
        journal.put(student, version, result)
        ready.append((student, version, result))
        notes[student] = result["notes"]
        if len(ready) >= BATCH or sum(len(r["notebook"]) for _, _, r in ready) > MEMORY:
            _keep(course, lab, journal, ready)
            ready = []
    _keep(course, lab, journal, ready)
    if course.students(lab):
        penalties(course, lab)  # of all: the due date may have changed
    return sorted([*failed, *graded(course, lab, notes)], key=lambda g: g.student)


def _marked(course, lab, todo, setting, count, cluster, progress):
    """Yield ``(student, version, result or exception)`` as the workers finish.

    What the clock on the wall stopped, what was in work when a worker was killed, and what the grader failed at (the warm process may
    have stood still) runs once more after all others, alone.
    """
    again = []
    with tqdm.tqdm(total=len(todo), desc=lab, unit="submission", disable=not progress) as bar:
        for student, version, result in _rounds(course, lab, todo, setting, count, cluster):
            if isinstance(result, Exception) or result["late"]:
                again.append((student, version))
            else:
                bar.update()
                yield student, version, result
        for student, version, result in _rounds(course, lab, again, setting, count, cluster, alone=True):
            bar.update()
            yield student, version, RuntimeError(KILLED) if _killed(result) else result


def _killed(result):
    return isinstance(result, BrokenProcessPool) or type(result).__name__ == "KilledWorker"  # Dask's own


def _rounds(course, lab, todo, setting, count, cluster, alone=False):
    """As :func:`_marked`; where a worker is killed, those that were in work come back with the exception, and new workers do the rest."""
    rest = dict(todo)
    while rest:
        with contextlib.ExitStack() as stack:
            if cluster:
                executor, count = stack.enter_context(processes.cluster(setting, cluster))
            else:
                count = 1 if alone else min(count or joblib.cpu_count(), len(rest))  # it knows of processor affinity and of shares
                executor = stack.enter_context(processes.pool(setting, count))
            for student, version, result in _round(course, lab, [*rest.items()], executor, 1 if alone else 4 * max(count, 1), alone):
                del rest[student]
                yield student, version, result


def _round(course, lab, todo, executor, most, alone):
    """As :func:`_rounds`, until a worker is killed; ``most`` submissions are in work or wait in memory, not all."""
    rest, waiting, whole = iter(todo), {}, True
    while True:
        for student, version in rest if whole else ():
            try:
                waiting[executor.submit(processes.mark_one, student, *submission(course, lab, student), alone)] = student, version
            except BrokenProcessPool as error:
                whole = False
                yield student, version, error
                break
            if len(waiting) >= most:
                break
        if not waiting:
            return
        for future in concurrent.futures.wait(waiting, return_when=concurrent.futures.FIRST_COMPLETED).done:
            student, version = waiting.pop(future)
            try:
                result = future.result()
            except Unsafe:
                raise
            except Exception as error:
                result, whole = error, whole and not isinstance(error, BrokenProcessPool)
            yield student, version, result


def _keep(course, lab, journal, ready):
    if ready:
        merge(course, lab, [result for _, _, result in ready])
        for student, version, result in ready:
            journal.put(student, version, result, merged=True)
