"""The processes that grade: on this machine, or on a Dask cluster. Each keeps a warm process and marks one submission after another."""

import concurrent.futures
import contextlib
import json
import multiprocessing
import threading
import warnings

import nbformat

from labs.grading import trusted
from labs.grading.normalise import Unreadable, cells_in
from labs.grading.session import Zygote

_here = {}  # of a worker: the lab, the key, the warm process


def start(full, released, key, options):
    """In a new worker: take the lab (JSON of the notebooks, the course's key, options of ``trusted.grade``) and warm a process."""
    warnings.simplefilter("ignore")
    stop()
    _here.update(full=nbformat.from_dict(json.loads(full)), released=nbformat.from_dict(json.loads(released)), key=key, options=options)
    _here.update(zygote=Zygote().wait(), lock=threading.Lock())


def stop():
    """In a worker: end the warm process."""
    if "zygote" in _here:
        _here.pop("zygote").close()


def ready():
    """In a worker: it has started."""
    return True


def grade_one(student, raw, notes):
    """In a worker: one submission, as bytes or None, → plain data (see :func:`labs.grading.trusted.grade`)."""
    cells = []
    if raw is not None:
        try:
            cells = cells_in(raw)
        except Unreadable as reason:
            notes = [*notes, as_nothing(reason)]
    with _here["lock"]:  # a Dask worker may have several threads; the numbers of a test hang on the process's environment
        if _here["zygote"].process.poll() is not None:  # killed from outside, by the system when memory runs out
            _here["zygote"].close()
            _here["zygote"] = Zygote().wait()
        w = _here
        return trusted.grade(w["full"], w["released"], cells, notes, w["zygote"], key=w["key"], student=student, **w["options"])


def as_nothing(reason):
    """The note on a file that could not be read."""
    return f"{reason}; it was graded as if nothing had been handed in"


@contextlib.contextmanager
def pool(setting, count):
    """``count`` worker processes of this machine, started and warm; an executor of :mod:`concurrent.futures`."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(count, context, start, setting) as executor:
        try:
            concurrent.futures.wait([executor.submit(ready) for _ in range(count)])
            yield executor
        except BaseException:
            executor.shutdown(cancel_futures=True)
            raise


@contextlib.contextmanager
def cluster(setting, address):
    """The workers of the Dask scheduler at ``address``; an executor of :mod:`concurrent.futures`, and how many workers there are now.

    Each worker is warmed by a plugin, also one that joins later. A submission whose worker dies is given to another one.
    """
    from distributed import Client, WorkerPlugin

    class Warm(WorkerPlugin):
        name = "rnn-grading"

        def setup(self, worker):
            from labs.grading import workers

            workers.start(*setting)

        def teardown(self, worker):
            from labs.grading import workers

            workers.stop()

    with Client(address, timeout="30s", set_as_default=False) as client:
        client.register_plugin(Warm())
        try:
            yield client.get_executor(retries=3, pure=False), sum(client.nthreads().values())
        finally:
            client.unregister_worker_plugin("rnn-grading")
