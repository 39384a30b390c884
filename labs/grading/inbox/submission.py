"""A submitted file as it came: its bytes, the text of its cells, what was noted when it was collected."""

import json
import os
import stat

PROBLEM = "problem.txt"  # lies beside a submission that could not be taken as it came
MAX_BYTES, MAX_CELLS, MAX_TEXT, MAX_ALL = 20_000_000, 1000, 200_000, 2_000_000


class Unreadable(Exception):
    """The submitted file is not a notebook; the text says why."""


def read_file(path):
    """The bytes of a submitted file.

    Raises
    ------
    Unreadable
        It is missing, too large, or no regular file.
    """
    try:
        info = os.lstat(path)
    except OSError:
        raise Unreadable(f"{os.path.basename(path)} was not handed in") from None
    if not stat.S_ISREG(info.st_mode):
        raise Unreadable("the submitted notebook is not a regular file")
    if info.st_size > MAX_BYTES:
        raise Unreadable(f"the submitted notebook is too large ({info.st_size / 1e6:.0f} MB; the limit is {MAX_BYTES / 1e6:.0f} MB)")
    with open(path, "rb") as file:
        return file.read()


def cells_in(raw):
    """The cells in the bytes of a submitted file as a list of (type, grade_id or None, text).

    Raises
    ------
    Unreadable
        The bytes are not a notebook.
    """
    if not raw.strip():
        raise Unreadable("the submitted file is empty")
    try:
        data = json.loads(_decoded(raw))
    except (ValueError, RecursionError):
        raise Unreadable("the submitted file is not a notebook (it is not valid JSON)") from None
    cells = _cells(data)
    if not cells:
        raise Unreadable("the submitted file is not a notebook (it has no cells)")
    if sum(len(text) for _, _, text in cells) > MAX_ALL:
        raise Unreadable(f"the cells of the submitted notebook contain more than {MAX_ALL // 1_000_000} MB of text")
    return cells


def read_cells(path):
    """`cells_in` of `read_file`."""
    return cells_in(read_file(path))


def _decoded(raw):
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _cells(data):
    cells = None
    if isinstance(data, dict):
        sheets = data.get("worksheets")
        cells = data.get("cells", sheets[0].get("cells") if isinstance(sheets, list) and sheets and isinstance(sheets[0], dict) else None)
    kept = []
    for cell in cells[:MAX_CELLS] if isinstance(cells, list) else []:
        if not isinstance(cell, dict) or cell.get("cell_type") not in ("code", "markdown", "raw"):
            continue
        text = cell.get("source", cell.get("input", ""))
        text = "".join(t for t in text if isinstance(t, str)) if isinstance(text, list) else text
        if isinstance(text, str):
            meta = cell.get("metadata")
            meta = meta.get("nbgrader") if isinstance(meta, dict) else None
            grade_id = meta.get("grade_id") if isinstance(meta, dict) else None
            text = text[:MAX_TEXT].encode("utf-8", "replace").decode()
            kept.append((cell["cell_type"], grade_id if isinstance(grade_id, str) else None, text))
    return kept


def submission(course, lab, student):
    """The bytes of a student's file, or None, and notes: what was found when it was collected, why it cannot be read."""
    folder = course.folder("submitted", lab, student)
    problem = folder / PROBLEM
    notes = [problem.read_text(encoding="utf-8")] if problem.exists() else []
    try:
        return read_file(folder / f"{lab}.ipynb"), notes
    except Unreadable as reason:
        return None, [as_nothing("; ".join(notes) or reason)]


def as_nothing(reason):
    """The note on a file that could not be read."""
    return f"{reason}; graded as an empty submission"
