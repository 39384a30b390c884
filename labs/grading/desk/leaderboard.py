"""The leaderboard of a contest: models ranked by bits per character, as CSV.

Reads what the hidden test of the contest said of each graded submission (``autograded/STUDENT/LAB/LAB.ipynb``). The locked engine
writes that text itself, so nothing that a student prints gets in; under a bare ``nbgrader autograde`` it is the student's kernel that
prints, and a line is worth as much as that.
"""

import csv
import io
import pathlib
import re

import nbformat

from labs.grading.files import write_whole
from labs.grading.text import source

COLUMNS = ("place", "student", "bits_per_character", "numbers", "seconds", "best_possible")
_LINE = re.compile(
    r"bits per character on the hidden text: ([\d.]+) \((\d+) numbers, ([\d.]+) s(, out of competition)?; the best possible: ([\d.]+)\)"
)


def leaderboard(course, lab, to=None):
    """Write the ranking of a lab's models, by default as ``exports/LAB_leaderboard.csv`` in the course.

    Returns
    -------
    path : Path
    unlisted : list of str
        Students who are graded and are not in it.
    """
    rows = results(course, lab)
    path = pathlib.Path(to) if to else course.root / "exports" / f"{lab}_leaderboard.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, table.getvalue().encode())
    listed = {row["student"] for row in rows}
    return path, sorted(p.parts[-2] for p in course.root.glob(f"autograded/*/{lab}") if p.parts[-2] not in listed)


def results(course, lab):
    """Rows of `COLUMNS`, fewest bits first. Students without a result, or who broke a rule of the contest, are left out.

    Raises
    ------
    FileNotFoundError
        Nothing has been graded.
    """
    paths = sorted((course.root / "autograded").glob(f"*/{lab}/{lab}.ipynb"))
    if not paths:
        raise FileNotFoundError(f"{lab}: no graded submissions in {course.root}. Run: python -m labs.grading grade --lab {lab}")
    found = []
    for path in paths:
        line = _said(nbformat.read(path, 4))
        if line and not line[4]:
            found.append((float(line[1]), int(line[2]), path.parts[-3], float(line[3]), float(line[5])))
    found.sort()
    bits = [row[0] for row in found]
    return [dict(zip(COLUMNS, (bits.index(b) + 1, student, b, n, s, best), strict=True)) for b, n, student, s, best in found]


def _said(nb):
    """What a hidden test said of the contest, as a match, or None. It is the last of the lab: no other cell may speak for it."""
    for cell in [c for c in nb.cells if c.cell_type == "code" and source.meta(c).get("points") and not source.meta(c).get("solution")][-1:]:
        said = "".join(out.text for out in cell.outputs if out.output_type == "stream" and out.name == "stdout").splitlines()
        match = _LINE.fullmatch(said[-1]) if said else None  # the last line is the test's own, above it an error's text may be quoted
        if match:
            return match
    return None
