"""Feedback pages are drawn in a process of their own, with limits: what a student wrote can be slow to draw."""

import functools
import multiprocessing
import pickle

from labs.grading.inbox.rebuild import ABOUT
from labs.grading.text import source

SECONDS, BYTES = 60, 4 << 30  # of the wall; drawing a page takes a fraction of a second
SLOW = "This cell is not shown here, because drawing this page takes too long. Your teacher finds it in the file that you handed in."
_room = []  # the process, while there is one


class TooSlow(Exception):
    """The limits were reached, or the process was killed."""


def draw(config, nb, resources, secret):
    """The page of a notebook that is ready to be drawn, and the lines of ``secret`` that it would show.

    Raises
    ------
    TooSlow
    """
    if not _room:
        _room.append(multiprocessing.get_context("spawn").Pool(1, _limit))
    try:
        return _room[0].apply_async(_draw, (pickle.dumps(config), nb, resources, secret)).get(SECONDS)
    except (multiprocessing.TimeoutError, MemoryError, RecursionError):
        _room.pop().terminate()
        raise TooSlow(f"a page took more than {SECONDS} s or {BYTES >> 30} GiB to draw") from None


def end():
    """Pages are drawn; the next one starts a new process."""
    while _room:
        room = _room.pop()
        room.terminate()
        room.join()


def _limit():
    try:
        import resource
    except ImportError:  # Windows: the clock is all there is
        return
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))


def _draw(config, nb, resources, secret):
    page = _exporter(config).drawn(nb, resources)
    from labs.grading.desk.page import shown

    return page, shown(page, secret)


@functools.lru_cache(maxsize=1)
def _exporter(config):
    from labs.grading.desk.page import Page

    return Page(config=pickle.loads(config), preprocessors=[], default_preprocessors=[])


def shortened(nb):
    """``nb`` without what the student wrote and what it put out; the points, the tests' messages and our own text stay."""
    for cell in nb.cells:
        if not source.meta(cell).get("locked") and cell.get("id") != ABOUT:
            cell.source = f"# {SLOW}" if cell.cell_type == "code" else SLOW
        if cell.cell_type == "code" and not source.meta(cell).get("grade"):
            cell.outputs = []
    return nb
