"""The processes that grade: on this machine, or on a Dask cluster. Each keeps a warm process and marks one submission after another."""

import concurrent.futures
import contextlib
import gc
import json
import multiprocessing
import os
import threading
import warnings
from concurrent.futures.process import BrokenProcessPool

import nbformat

from labs.grading.course import RoadError, environment
from labs.grading.inbox.submission import Unreadable, as_nothing, cells_in
from labs.grading.locked.proof import prove
from labs.grading.locked.session import Gone
from labs.grading.locked.sight import secrets
from labs.grading.locked.warm import Zygote
from labs.grading.locked.zygote import COLLECT, ONE_THREAD
from labs.grading.marks import marker

TRIES = 3  # with a submission whose warm process is killed
_here = {}  # of a worker: the lab, the key, the door of the warm process


def start(full, released, key, options, hidden, door=None):
    """In a new worker: take the lab (JSON of the notebooks, the course's key, options of ``marker.mark_submission``), the paths that
    are hidden from students' code, and the ``door`` of a warm process; without one it warms its own."""
    warnings.simplefilter("ignore")
    stop()
    _here.update(full=nbformat.from_dict(json.loads(full)), released=nbformat.from_dict(json.loads(released)), key=key, options=options)
    _here.update(hidden=hidden, door=door, lock=threading.Lock())
    if door is None:
        _warm()
    gc.freeze()  # the libraries stay: no collection need look at them again
    gc.set_threshold(*COLLECT)


def start_of_pool(*setting):
    """As :func:`start`, in a process that must not outlive the command that started it, however that ended."""
    threading.Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()
    start(*setting)


def _end_with(parent):
    parent.join()
    os._exit(1)


def _warm():
    """In a worker: a warm process of its own."""
    if "zygote" in _here:
        _here.pop("zygote").close()
    _here["zygote"] = Zygote(hidden=_here["hidden"]).wait()
    _here["door"] = _here["zygote"].door
    prove(_here["door"], secrets(_here["hidden"]), _here["options"].get("allow_missing", ()))


def stop():
    """In a worker: end the warm process, if it is its own."""
    if "zygote" in _here:
        _here.pop("zygote").close()


def ready():
    """In a worker: it has started."""
    return True


def mark_one(student, raw, notes, alone=False):
    """In a worker: one submission, as bytes or None, → plain data (see :func:`labs.grading.marks.marker.mark_submission`).

    ``alone``: no other worker has one.

    Raises
    ------
    RuntimeError
        The warm process was killed from outside whenever this submission ran: nothing can be said of it.
    """
    cells = []
    if raw is not None:
        try:
            cells, cuts = cells_in(raw)
            notes = [*notes, *cuts]
        except Unreadable as reason:
            notes = [*notes, as_nothing(reason)]
    w = _here
    with w["lock"]:  # a Dask worker may have several threads; what a test prints is caught for the whole process
        for _ in range(TRIES):
            try:
                who = {"key": w["key"], "student": student, "alone": alone}
                result = marker.mark_submission(w["full"], w["released"], cells, notes, w["door"], **who, **w["options"])
                if not result["stopped"] or w["door"].answers():
                    return result
            except (OSError, Gone):
                if w["door"].answers():
                    raise
            _warm()
    raise RuntimeError(f"the process that runs students' code was killed {TRIES} times (out of memory?)")


@contextlib.contextmanager
def pool(setting, count):
    """``count`` worker processes of this machine, started and warm; an executor of :mod:`concurrent.futures`.

    They are forked from one process that has imported what hidden tests use, and share one warm process for students' code.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["labs.grading.marks.processes", "torch", "IPython.core.inputtransformer2"])
    with environment(**ONE_THREAD):
        *_, options, hidden = setting
        zygote = Zygote(hidden=hidden)
        try:
            with concurrent.futures.ProcessPoolExecutor(count, context, start_of_pool, (*setting, zygote.door)) as executor:
                try:
                    started = [executor.submit(ready) for _ in range(count)]
                    zygote.wait()
                    prove(zygote.door, secrets(hidden), options.get("allow_missing", ()))
                    try:
                        for future in started:
                            future.result()
                    except BrokenProcessPool:
                        raise RoadError("the processes that grade ended as they began (out of memory?); what was graded is kept") from None
                    yield executor
                except BaseException:
                    executor.shutdown(cancel_futures=True)
                    raise
        finally:
            zygote.close()


@contextlib.contextmanager
def cluster(setting, address):
    """The workers of the Dask scheduler at ``address``; an executor of :mod:`concurrent.futures`, and how many workers there are now.

    Each worker is warmed by a plugin, also one that joins later. A submission whose worker dies is given to another one.
    """
    from distributed import Client, WorkerPlugin

    class Warm(WorkerPlugin):
        name = "rnn-grading"

        def setup(self, worker):
            from labs.grading.marks import processes

            processes.start(*setting)

        def teardown(self, worker):
            from labs.grading.marks import processes

            processes.stop()

    with Client(address, timeout="30s", set_as_default=False) as client:
        client.register_plugin(Warm())
        try:
            yield client.get_executor(retries=3, pure=False), sum(client.nthreads().values())
        finally:
            client.unregister_worker_plugin("rnn-grading")
