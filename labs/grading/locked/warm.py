"""A warm process of our own: start it, meet it, end it. :mod:`labs.grading.locked.zygote` is what runs in it."""

import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

from labs.grading.files import LABS

_PREFIX = "zygote-"  # of a warm process's folder; then the number of the grader's process


class Door(NamedTuple):
    """Where a warm process is met: the path of its socket, and the folder that its children take for their box. It has room for several."""

    path: str
    box: str

    def answers(self):
        """The warm process is there; a system that is out of memory may have killed it."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as knock:
            knock.connect(self.path)
            return True
        return False


class Zygote:
    """A warm process of our own (see :mod:`labs.grading.locked.zygote`); ends with this one, or at :meth:`close`.

    Its ``door`` is how to meet it.

    Parameters
    ----------
    memory : int
        Bytes that all processes of one submission may hold together.
    hidden : sequence of str
        Files and folders, beside this checkout, that no student's process may read.
    """

    def __init__(self, memory=6 << 30, hidden=()):
        _sweep()
        self.folder = tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-")
        os.chmod(self.folder.name, 0o711)  # a locked-in child that is nobody must be able to reach its box
        box, path = os.path.join(self.folder.name, "box"), os.path.join(self.folder.name, "socket")
        os.mkdir(box)
        os.chmod(box, 0o777)
        env = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "LC_ALL")}
        env |= {"MPLCONFIGDIR": self.folder.name, "PYTHONPATH": str(LABS.parent), "PYTHONWARNINGS": "ignore"}
        command = [sys.executable, "-m", "labs.grading.locked.zygote", json.dumps({"socket": path, "memory": memory, "hidden": hidden})]
        self.errors = open(os.path.join(self.folder.name, "errors"), "w+", encoding="utf-8", errors="replace")  # noqa: SIM115  read when it does not start
        quiet = {"stdout": subprocess.DEVNULL, "stderr": self.errors}
        self.process = subprocess.Popen(command, cwd=self.folder.name, env=env, stdin=subprocess.PIPE, start_new_session=True, **quiet)
        self.door = Door(path, box)

    def wait(self, seconds=120):
        """Return when it is warm.

        Raises
        ------
        RuntimeError
            It did not start; the text holds what it said.
        """
        end = time.monotonic() + seconds
        while not os.path.exists(self.door.path):
            if self.process.poll() is not None or time.monotonic() > end:
                self.errors.seek(0)
                said = self.errors.read()[-2000:]
                self.close()
                raise RuntimeError(f"the warm process did not start: {said}")
            time.sleep(0.02)
        return self

    def close(self):
        """End it and every child."""
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.errors.close()
        self.folder.cleanup()


def _sweep():
    """Remove the folders of graders that were killed."""
    for folder in pathlib.Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        owner = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdecimal() and not os.path.exists(f"/proc/{owner}") and folder.stat().st_uid == os.getuid():
            shutil.rmtree(folder, ignore_errors=True)
