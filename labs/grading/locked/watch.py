"""The watch on memory: a process beside the warm one looks how much each submission holds, over all its processes and page tables.

A limit of the kernel's bounds each process only. Looking at every page takes the kernel long, and a submission can make it longer: so
nobody waits for this process, and of two looks at the pages of one submission the second comes later the longer the first one took.
"""

import contextlib
import os
import signal
import time

LOOK_EVERY = 0.2  # seconds
REST = 10  # times as long as a look at its pages took, a submission is not looked at so closely again


def start(memory):
    """Fork the watch over the children of this process; returns a pipe on which it writes the number of each that holds more than
    ``memory`` bytes, one a line. The pipe ends when the watch does."""
    us, (read, write) = os.getpid(), os.pipe()
    if os.fork() == 0:
        try:
            os.close(read)
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            _watch(us, write, memory)
        finally:
            os._exit(1)
    os.close(write)
    return read


def _watch(parent, pipe, memory):
    later = {}
    while os.getppid() == parent:
        for pid in _children(parent):
            began = time.monotonic()
            if pid == os.getpid() or began < later.get(pid, 0.0) or not _resident(family := _family(pid)) > memory:
                continue
            if _shares(family, memory) > memory:
                os.write(pipe, b"%d\n" % pid)
            later[pid] = time.monotonic() + REST * (time.monotonic() - began)
        time.sleep(LOOK_EVERY)


def _family(pid):
    """A process and all that it started."""
    found = [pid]
    for one in found:
        found += _children(one)
    return found


def _children(pid):
    found = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                found += map(int, file.read().split())
    return found


def _resident(pids):
    """Bytes of processes, each page counted as often as it is mapped."""
    return sum(sum(_lines(f"/proc/{pid}/status", "VmRSS", "VmSwap", "VmPTE")) for pid in pids)


def _shares(pids, most):
    """Bytes of processes for themselves: what they share with the warm process is not theirs."""
    held = 0
    for pid in pids:
        pages = _lines(f"/proc/{pid}/smaps_rollup", "Pss", "SwapPss") or _lines(f"/proc/{pid}/status", "VmRSS", "VmSwap")  # hides itself
        held += sum(pages) + sum(_lines(f"/proc/{pid}/status", "VmPTE"))
        if held > most:
            break
    return held


def _lines(path, *names):
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
        return [1024 * int(line.split()[1]) for line in file if line.partition(":")[0] in names]
    return []
