"""What is put into a process before the first cell of a lab runs in it. It is an extension of IPython, so a kernel can load it too."""

import contextlib

from labs.grading.banned.programs import skipped, teach
from labs.grading.banned.reached import gates

_kept = contextlib.ExitStack()


def stay():
    """Open the gates and start no program, for as long as this process lives."""
    _kept.enter_context(gates())
    _kept.enter_context(skipped())


def load_ipython_extension(shell):
    """As :func:`stay`, and for the shell lines of ``shell``."""
    stay()
    teach(shell)
