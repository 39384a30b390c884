"""Before anything is graded, a locked process tries to open what no student may see."""

import itertools
import os

from labs.grading.files import LABS
from labs.grading.locked.sandbox import Exposed
from labs.grading.locked.session import Session
from labs.grading.locked.sight import holds, readable

TRIED = 3000  # files of one folder


def prove(door, hidden, allow_missing=()):
    """Let a locked process try to open the lab's text, the key, submissions and all else that is hidden.

    Raises
    ------
    Exposed
        It can.
    """
    seen = readable(hidden)
    session = Session(door, allow_missing=allow_missing)
    try:
        opened = session.opens([path for secret in hidden for path in _samples(secret, seen)])
    finally:
        session.close()
    if opened:
        raise Exposed(f"a student's process could read {opened[0]}: move it out of the folders of the system and of Python")


def _samples(secret, seen):
    """A hidden file, or files of a hidden folder that are not there to be read."""
    checkout = str(LABS.parent)
    roots = [f"{checkout}/{name}" for name in ("labs", "tests/labs", "rnnlib")] if secret == checkout else [secret]
    files = (f"{where}/{name}" for root in roots for where, _, names in os.walk(root) for name in names)
    files = itertools.islice(files, TRIED) if os.path.isdir(secret) else [secret]
    return [f for f in files if not any(holds(path, f) for path in seen)]
