"""Marks → one HTML page a student, and one CSV of grades."""

from labs.grading.build import RoadError


def feedback(course, lab):
    """Write ``feedback/STUDENT/LAB/LAB.html`` for everybody who is graded; returns the pages."""
    with course.nbgrader() as api:
        result = api.generate_feedback(lab, force=True)
    if not result["success"]:
        raise RoadError(f"nbgrader could not write the feedback of {lab}:\n{result['log']}\n{result.get('error', '')}")
    return sorted(course.root.glob(f"feedback/*/{lab}/{lab}.html"))


def export(course, lab=None, to=None):
    """Write nbgrader's CSV of grades (of one lab, or of all) and return its path."""
    from nbgrader.plugins import CsvExportPlugin

    to = to or course.root / "exports" / (f"{lab}.csv" if lab else "grades.csv")
    to.parent.mkdir(parents=True, exist_ok=True)
    plugin = CsvExportPlugin()
    plugin.to = str(to)
    plugin.assignment = [lab] if lab else []
    with course.book() as book:
        plugin.export(book)
    return to
