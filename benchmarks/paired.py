"""Honest timing: every contender in a process of its own, rounds interleaved, one thread, ratios paired by round.

A process builds its contender once, then times a burst of calls whenever it is asked. In each round every contender is asked
once, so that what slows the machine for a while slows all of them; a ratio is taken within a round, and medians are printed.
Time is processor time of the process: other programs on a busy machine take turns, and their turns are not counted.
"""

import importlib
import multiprocessing
import os
import platform
import statistics
import time
from pathlib import Path

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def machine(*libraries):
    """Processor, Python and the versions of ``libraries`` in words."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        model = next(
            (line.split(":")[1].strip() for line in info.read_text(encoding="utf-8").splitlines() if line.startswith("model name")), model
        )
    versions = [f"{name} {importlib.import_module(name).__version__}" for name in libraries]
    return ", ".join([model, f"Python {platform.python_version()}", *versions])


def compare(makers, rounds=15, burst=0.1):
    """Processor seconds a call of every contender in every round.

    Parameters
    ----------
    makers : dict of str to callable
        Each builds a contender: called without arguments, it returns the function to time. It must survive pickling: a
        function of a module, or `functools.partial` of one.
    rounds : int
    burst : float
        Seconds that a contender runs in a round (at least one call).

    Returns
    -------
    dict of str to list of float
    """
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))  # read by the libraries of the new processes
    spawn = multiprocessing.get_context("spawn")
    workers, pipes = [], {}
    try:
        for name, make in makers.items():
            pipes[name], theirs = spawn.Pipe()
            workers.append(spawn.Process(target=_work, args=(theirs, make, burst), daemon=True))
            workers[-1].start()
            theirs.close()
        for pipe in pipes.values():
            pipe.recv()
        seconds = {name: [] for name in makers}
        names = list(makers)
        for k in range(rounds):
            for name in names[k % len(names) :] + names[: k % len(names)]:
                pipes[name].send("go")
                seconds[name].append(pipes[name].recv())
    finally:
        for pipe in pipes.values():
            pipe.close()
        for worker in workers:
            worker.join()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    return seconds


def ratios(seconds, base):
    """Median over the rounds of each contender's time divided by that of ``base`` in the same round."""
    return {name: statistics.median(a / b for a, b in zip(times, seconds[base], strict=True)) for name, times in seconds.items()}


def table(seconds, base, count=1, unit="call"):
    """Print each contender's median time in microseconds a ``unit``, ``count`` of them a call, and its ratio to ``base``."""
    for name, ratio in ratios(seconds, base).items():
        print(f"{name:20}  {1e6 * statistics.median(seconds[name]) / count:12.1f} µs a {unit}  {ratio:8.2f} x {base}")


def _work(pipe, make, burst):
    """The process of one contender: build, warm up, then time one burst whenever asked, until the pipe closes."""
    call = make()
    call()
    start = time.process_time()
    call()
    repeats = max(1, int(burst / (time.process_time() - start)))
    pipe.send("ready")
    while True:
        try:
            pipe.recv()
        except EOFError:
            return
        start = time.process_time()
        for _ in range(repeats):
            call()
        pipe.send((time.process_time() - start) / repeats)
