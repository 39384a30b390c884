"""How long a student's process may take: its processor time counts, and the time that it sleeps; the time of a busy machine does not.

The kernel counts both, over the process and all that it started. The clock on the wall is for what it cannot count, and generous.
"""

import contextlib
import os
import time

LOOK_EVERY = 0.2  # seconds
PATIENCE = 15  # seconds on the wall for each second of processor time: the share that a crowded machine leaves
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def look(pid):
    """Processor seconds of a process and of all that it started, infinite once it has ended, and whether none of them wants to run."""
    used, asleep, found = 0, True, [pid]
    for one in found:
        try:
            used += sum(map(int, _stat(f"/proc/{one}")[11:15]))  # user, system, and both of what ended
            tasks = os.listdir(f"/proc/{one}/task")
        except OSError:
            if one == pid:
                return float("inf"), True
            continue
        for task in tasks:
            with contextlib.suppress(OSError), open(f"/proc/{one}/task/{task}/children", encoding="ascii") as children:
                found += map(int, children.read().split())
                asleep = asleep and _stat(f"/proc/{one}/task/{task}")[0] in "STtZX"
    return used / _TICKS, asleep


def _stat(folder):
    with open(f"{folder}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rpartition(")")[2].split()


class Clock:
    """The time of one process.

    Parameters
    ----------
    seconds : float
        Processor time that one question may take; also how long it may sleep in it.
    total : float
        Processor time for all questions.
    """

    def __init__(self, seconds, total):
        self.seconds, self.total, self.end = seconds, total, time.monotonic() + PATIENCE * total
        self.pid, self.used, self.counted = None, 0.0, 0.0
        self.begin()

    def begin(self):
        """A new question; returns the processor seconds until now, or until a moment ago: to count takes longer than many a question."""
        if time.monotonic() - self.counted > LOOK_EVERY:
            self.count()
        self.before, self.limit, self.asleep = self.used, min(self.seconds, self.total - self.used), 0.0
        self.began = self.looked = time.monotonic()
        return self.used

    def count(self):
        """Processor seconds until now; what has ended keeps what was counted last."""
        self.counted = time.monotonic()
        used, asleep = look(self.pid) if self.pid else (0.0, False)
        if used < float("inf"):
            self.used, asleep = max(used, self.used), asleep and used <= self.used
        return used, asleep

    def is_due(self):
        """Nobody has looked for a while."""
        return time.monotonic() - self.looked > LOOK_EVERY

    def stops(self):
        """Why the question has to end: ``(late, text)``, or None. ``late``: not by the processor time that it took."""
        asleep, now = self.count()[1], time.monotonic()
        self.asleep += now - self.looked if asleep else 0.0
        self.looked = now
        if self.used - self.before >= self.limit:
            return False, f"no answer within {max(self.limit, 0):.0f} s of processor time (an endless loop?)"
        if self.asleep >= self.seconds:
            return True, f"it slept, or waited for something, for {self.seconds:.0f} s"
        if now >= min(self.began + PATIENCE * self.limit, self.end):
            return True, f"no answer within {now - self.began:.0f} s on the clock"
        return None
