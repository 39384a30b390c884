"""No program is started while a lab is graded: a call such as ``os.system`` or ``subprocess.run`` does nothing, and says so.

People forget such lines in a notebook. They cost nothing: a program that does nothing runs in their place, so its output is empty and it
ends well. Shell lines and magics do not come this far (:mod:`labs.grading.reading.cells`).
"""

import contextlib
import inspect
import os
import shutil
import subprocess
import sys
from unittest import mock

from labs.grading.banned.reached import caller

STREAMS = ("bufsize", "stdin", "stdout", "stderr", "universal_newlines", "encoding", "errors", "text")


def _say(command):
    command = " ".join(map(str, command)) if isinstance(command, list | tuple) else str(command)
    print(f"Not run, as no program is started while a lab is graded: {command[:200]}")


@contextlib.contextmanager
def skipped():
    """While this is open, starting a program does nothing."""
    start = subprocess.Popen.__init__
    nothing = ["cmd", "/c", "rem"] if os.name == "nt" else [shutil.which("true") or "/bin/true"]

    def popen(self, args, *more, **options):
        if caller(sys._getframe()) is None:  # a library that asks for something when it is loaded
            start(self, args, *more, **options)
            return
        _say(args)
        given = inspect.signature(start).bind(self, args, *more, **options).arguments
        start(self, nothing, **{name: given[name] for name in STREAMS if name in given})

    def system(command):
        _say(command)
        return 0

    def refuse(path, *args, **options):
        raise PermissionError(f"{path}: no program is started while a lab is graded")

    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(subprocess.Popen, "__init__", popen))
        stack.enter_context(mock.patch.object(os, "system", system))
        # From Python 3.13 on, Popen itself would go through os.posix_spawn, which is refused below.
        stack.enter_context(mock.patch.object(subprocess, "_USE_POSIX_SPAWN", False))
        for name in ("execv", "execve", "posix_spawn", "posix_spawnp"):
            if hasattr(os, name):
                stack.enter_context(mock.patch.object(os, name, refuse))
        yield


def teach(shell):
    """Let what IPython makes of a shell line do nothing in ``shell``, and say so."""
    from IPython.utils.text import LSString, SList

    def getoutput(command, split=True, depth=0):
        _say(command)
        return SList() if split else LSString()

    shell.system, shell.getoutput = _say, getoutput
