"""Run one lesson in its own kernel and measure it; run many of them side by side.

    python -m tools.execute FOLDER < notebook.json > run.json

A lesson has a process of its own, so that what that process's children used is what this one kernel used.
"""

import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import nbformat

PERSONAL = ("MPLBACKEND", "MATPLOTLIBRC", "PYTHONWARNINGS", "PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONOPTIMIZE")  # variables
CELL_SECONDS = 300  # a cell that hangs is stopped; what a lesson may cost is bounded in tools/build.py


def run_here(notebook, folder):
    """Execute ``notebook`` with ``folder`` as working folder, in a process that has no other children.

    Returns
    -------
    run : dict
        ``seconds`` on the clock, ``cpu_seconds`` of the processor, ``mib`` the most memory that the kernel held (both nan on Windows),
        ``error`` the end of the traceback (empty if it ran through), ``notebook`` with its outputs.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    error = ""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as log:  # what the kernel's own process says: read only if it dies
        client = NotebookClient(
            notebook,
            timeout=CELL_SECONDS,
            startup_timeout=CELL_SECONDS,  # a busy machine starts slowly
            kernel_name="python3",
            shutdown_kernel="immediate",
            record_timing=False,  # times in the cells would change the key of the cache
            resources={"metadata": {"path": str(folder)}},
        )
        try:
            client.execute(stderr=log)
        except CellExecutionError as failure:
            error = re.sub(r"\x1b\[[0-9;]*m", "", str(failure))  # without the colours of a terminal
        except CellTimeoutError:
            error = f"A cell took more than {CELL_SECONDS} s."
        except DeadKernelError:
            log.seek(0)
            error = log.read().decode(errors="replace") + "\nThe kernel died, most likely because it ran out of memory."
    cpu_seconds, mib = used_by_children()
    return {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": cpu_seconds,
        "mib": mib,
        "error": error,
        "notebook": notebook,
    }


def used_by_children():
    """Processor seconds, and the most MiB, of this process's ended children. Windows does not tell: there both are nan."""
    try:
        import resource
    except ModuleNotFoundError:
        return math.nan, math.nan
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime, used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 2**20


def environment(root):
    """The variables that a kernel starts with: one thread, this checkout's library, no personal settings of Python or matplotlib."""
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    ours = {name: value for name, value in os.environ.items() if name not in PERSONAL}
    nobodys = {"IPYTHONDIR": str(root / "_build" / ".ipython"), "MATPLOTLIBRC": os.devnull}  # else those in the home folder are read
    return {**ours, **threads, **nobodys, "PYTHONPATH": path}


def run_apart(page, notebook, root):
    """Execute one lesson in a process of its own; the dict of `run_here` with the ``page`` added."""
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-m", "tools.execute", Path(page).parent],
        cwd=Path(__file__).resolve().parent.parent,
        input=nbformat.writes(notebook),
        capture_output=True,
        encoding="utf-8",
        env=environment(root),
        check=False,
    )
    if done.returncode:
        return {"page": page, "seconds": 0.0, "error": done.stderr.strip() or f"the runner ended with status {done.returncode}"}
    run = json.loads(done.stdout)
    return {**run, "page": page, "notebook": nbformat.from_dict(run["notebook"])}


def run_lessons(jobs, root, workers):
    """Run ``(page, notebook)`` pairs, ``workers`` at a time, and yield the dict of `run_apart` as each ends."""
    pool = ThreadPoolExecutor(workers)
    try:
        for done in as_completed([pool.submit(run_apart, page, notebook, root) for page, notebook in jobs]):
            yield done.result()
    finally:
        pool.shutdown(cancel_futures=True)  # where the caller stops, what has not begun does not begin


if __name__ == "__main__":
    run = run_here(nbformat.reads(sys.stdin.read(), as_version=4), sys.argv[1])
    json.dump(run, sys.stdout)
