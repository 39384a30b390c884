"""Marks → one HTML page a student, and one CSV of grades."""

import json

from labs.grading.course import RoadError
from labs.grading.desk import apart
from labs.grading.inbox.rebuild import ABOUT


def feedback(course, lab):
    """Write ``feedback/STUDENT/LAB/LAB.html`` for everybody who is graded; returns the pages."""
    if not any(course.root.glob(f"autograded/*/{lab}")):
        raise RoadError(f"{lab}: no graded submissions in {course.root}. Run: python -m labs.grading grade --lab {lab}")
    try:
        with course.nbgrader() as api:
            result = api.generate_feedback(lab, force=True)
    finally:
        apart.end()
    if not result["success"]:
        raise RoadError(f"{lab}: nbgrader could not write the feedback:\n{result['log']}\n{result.get('error', '')}")
    return sorted(course.root.glob(f"feedback/*/{lab}/{lab}.html"))


def notes_of(course, lab, student):
    """What was noted on the file that a student handed in."""
    path = course.folder("autograded", lab, student) / f"{lab}.ipynb"
    if not path.is_file():
        return []
    first = json.loads(path.read_text(encoding="utf-8"))["cells"][0]
    text = "".join(first["source"]) if first.get("id") == ABOUT else ""
    return [line[2:] for line in text.split("\n") if line.startswith("- ")]
