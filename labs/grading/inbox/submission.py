"""A submitted file as it came: its bytes, the text of its cells, what was noted when it was collected."""

import codecs
import json
import os
import re
import stat

from labs.grading.inbox.strip import TooLarge, without_outputs
from labs.grading.inbox.zips import MAX_FILE, shown

PROBLEM = "problem.txt"  # lies beside a submission that could not be taken as it came
BACK = "back.txt"  # lies beside a submission: how the name of a file begins that its platform takes back as feedback
MAX_BYTES, MAX_WITH_PICTURES = 10_000_000, 100_000_000  # without outputs; with pictures that were pasted into a text
MAX_CELLS, MAX_TEXT, MAX_ALL = 1000, 200_000, 2_000_000
_PASTED = re.compile(rb"(data:image/[\w.+-]{1,40};base64,)[A-Za-z0-9+/=]{1000,}+")
_PICTURES = (
    re.compile(r"!\[([^][\n]{0,200})\]\((?:attachment:|data:)[^()\n]*\)"),
    re.compile(r"<img\b(?=[^<>]{0,200}(?:data:|attachment:))[^<>]*>()"),
    re.compile(r"data:image/[\w.+-]{1,40};base64,[A-Za-z0-9+/=]*()"),
)
MOST_NOTES = 20
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Unreadable(Exception):
    """The submitted file is not a notebook; the text says why."""


def read_file(path):
    """The bytes of a submitted file without its outputs, which nothing uses, and without the data of pasted pictures.

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
    if info.st_size > MAX_FILE:
        raise Unreadable(f"the submitted notebook is too large ({info.st_size / 1e6:.0f} MB; the limit is {MAX_FILE / 1e6:.0f} MB)")
    try:
        with open(path, "rb") as file:
            wide = file.read(2) in _UTF_16
            file.seek(0)
            kept = without_outputs(codecs.EncodedFile(file, "utf-8", "utf-16") if wide else file, MAX_WITH_PICTURES)
        if wide and not kept:
            raise UnicodeError
    except UnicodeError:
        raise Unreadable("the submitted file is not a notebook (it is not valid JSON)") from None
    except TooLarge:
        kept = None
    if kept is None or len(kept := _PASTED.sub(rb"\1", kept)) > MAX_BYTES:
        raise Unreadable(f"the submitted notebook is too large: without outputs and pictures, more than {MAX_BYTES / 1e6:.0f} MB are left")
    return kept


def cells_in(raw):
    """What is in the bytes of a submitted file.

    Returns
    -------
    cells : list of (type, name or None, text)
        The name is the ``grade_id``; where an editor has removed it, the cell's id.
    notes : list of str
        What was left out.

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
    found = _cells(data)
    if not found:
        raise Unreadable("the submitted file is not a notebook (it has no cells)")
    cells, notes, left, pictures = [], [], MAX_ALL, 0
    for kind, name, text in found[:MAX_CELLS]:
        which = f"cell {shown(name)}" if name else f"cell number {len(cells) + 1}"
        if kind != "code":
            for pattern in _PICTURES:
                text, count = pattern.subn(lambda found: f"[picture: {found[1]}]" if found[1] else "[picture]", text)
                pictures += count
        most = min(MAX_TEXT, left)
        if len(text) > most:
            notes.append(f"{which} has {len(text):,} characters: only the first {most:,} are kept")
            text = text[:most]
        left -= len(text)
        cells.append((kind, name, text))
    if len(found) > MAX_CELLS:
        notes.append(f"the notebook has {len(found):,} cells: only the first {MAX_CELLS:,} are kept")
    if pictures:
        notes.append(f"pictures in your text ({pictures}) are not shown here: your teacher finds them in the file that you handed in")
    return cells, notes[:MOST_NOTES]


def _decoded(raw):
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _cells(data):
    sheets = [data] if isinstance(data, dict) else []
    if sheets and "cells" not in data and isinstance(data.get("worksheets"), list):  # as notebooks were before 2015
        sheets = [sheet for sheet in data["worksheets"] if isinstance(sheet, dict)]
    kept, kinds = [], ("code", "markdown", "raw", "heading")
    cells = [c for sheet in sheets if isinstance(sheet.get("cells"), list) for c in sheet["cells"] if isinstance(c, dict)]
    if not any(cell.get("cell_type") in kinds for cell in cells):
        return []
    for cell in cells:
        text = cell.get("source", cell.get("input", ""))
        text = "".join(t for t in text if isinstance(t, str)) if isinstance(text, list) else text
        if isinstance(text, str):
            meta = cell.get("metadata")
            meta = meta.get("nbgrader") if isinstance(meta, dict) else None
            name = meta.get("grade_id") if isinstance(meta, dict) else cell.get("id")
            text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode()
            kind = cell.get("cell_type")
            text = f"# {text}" if kind == "heading" else text
            kept.append((kind if kind in kinds[:3] else "markdown", name[:200] if isinstance(name, str) else None, text))
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
