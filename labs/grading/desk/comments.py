"""Comments to use again: ``#key`` in a comment of Formgrader's becomes, on the feedback page, the text of that key in ``comments.csv``."""

import collections
import pathlib
import re

from labs.grading.course import RoadError
from labs.grading.inbox.tables import records

FILE = "comments.csv"
_KEY = re.compile(r"(?<![\w#&/])#([^\W\d][\w-]*)")


def texts(root):
    """Key → text, from the ``comments.csv`` in a course folder; empty if there is no such file.

    Raises
    ------
    RoadError
        A line cannot be read; the text names it.
    """
    path = pathlib.Path(root) / FILE
    if not path.exists():
        return {}
    found = {}
    for where, key, text in records(path, "key", "comment"):
        key = key.removeprefix("#")
        if not _KEY.fullmatch(f"#{key}") or not text:
            raise RoadError(
                f"{where}: expected a key that begins with a letter and has no spaces, and a comment; got {key!r}, {text[:40]!r}"
            )
        if key in found:
            raise RoadError(f"{where}: {key} is there twice")
        found[key] = text
    return found


def expanded(comment, known):
    """A comment with the texts of its keys; what is no known key stays as it is."""
    return _KEY.sub(lambda match: known.get(match[1], match[0]), comment)


def used(course, lab):
    """How often each key of ``comments.csv`` is used in a lab, and the students whose comments have a word with ``#`` that is no key.

    Returns
    -------
    counts : dict of str to int
    unknown : dict of str to list of str
        The word → the students.
    """
    known, unknown = texts(course.root), collections.defaultdict(list)
    counts = dict.fromkeys(known, 0)
    with course.book() as book:
        for row in book.assignment_submissions(lab) if known else ():
            for comment in (comment.comment or "" for notebook in row.notebooks for comment in notebook.comments):
                for key in _KEY.findall(comment):
                    if key in known:
                        counts[key] += 1
                    else:
                        unknown[key].append(row.student.id)
    return counts, dict(unknown)
