"""The report on a run: progress, points for each question, checks that fail most, and submissions that need manual grading."""

import collections
import datetime
import json
import pathlib
import re
import statistics

import jinja2

from labs.grading.desk.feedback import notes_of
from labs.grading.files import write_whole
from labs.grading.inbox.roster import roster
from labs.grading.text import source

_LOST = re.compile(r"^  \[lost\] (?P<title>.*): 0 of [\d.]+\n {9}(?P<why>.*)$", re.MULTILINE)
_PAGE = pathlib.Path(__file__).with_name("report.html")
NOT_THERE = ("not written yet",)  # said by every check of a part that the student has not begun: once is enough
MOST = 15  # failing checks on the page
BINS = 10


def report(course, lab, to=None):
    """Write the report of a lab from the gradebook and the graded notebooks; returns the page.

    Parameters
    ----------
    course : Course
    lab : str
    to : path, optional
        Default ``reports/LAB.html`` in the course.
    """
    page = pathlib.Path(to) if to else course.root / "reports" / f"{lab}.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    html = environment.from_string(_PAGE.read_text(encoding="utf-8")).render(facts(course, lab))
    write_whole(page, html.encode())
    return page


def facts(course, lab):
    """What the page says, as plain data: ``questions``, ``students``, ``failing``, ``scores``, ``handed_in``, ``when``."""
    handed_in, people = course.students(lab), roster(course)
    questions, students, failing = {}, [], collections.defaultdict(collections.Counter)  # alike reasons → how often each was given
    with course.book() as book:
        for row in book.assignment_submissions(lab):
            waits = []
            for grade in (grade for notebook in row.notebooks for grade in notebook.grades if grade.max_score):
                question = questions.setdefault(grade.name, {"name": grade.name, "points": grade.max_score, "scores": [], "waits": 0})
                if grade.needs_manual_grade:
                    question["waits"] += 1
                    waits.append(grade.name)
                if grade.auto_score is not None or not grade.needs_manual_grade:
                    question["scores"].append(grade.score)
            notes, lost = _read(course, lab, row.student.id)
            for part, title, why in lost:
                failing[part, title, _general(why)][why] += 1
            late = row.late_submission_penalty or 0.0
            students.append({"id": row.student.id, "score": max(0.0, row.score - late), "late": late, "waits": waits, "notes": notes})
        most = book.find_assignment(lab).max_score
    known = {student["id"] for student in students}
    order = {source.meta(cell).get("grade_id"): k for k, cell in enumerate(source.notebook(lab).cells)}
    scores = [student["score"] for student in students]
    return {
        "lab": lab,
        "when": datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        "handed_in": len(handed_in),
        "graded": len(known),
        "roster": people and len(people.persons),
        "missing": [str(person) for person in people.missing(handed_in)] if people else [],
        "outside": people.outside(handed_in) if people else [],
        "not_graded": [student for student in handed_in if student not in known],
        "most": most,
        "mean": statistics.fmean(scores) if scores else 0.0,
        "median": statistics.median(scores) if scores else 0.0,
        "bins": _bins(scores, most),
        "questions": [_summary(q) for q in sorted(questions.values(), key=lambda q: order.get(q["name"], len(order)))],
        "failing": [
            {"part": part, "title": title, "why": whys.most_common(1)[0][0], "count": whys.total()}
            for (part, title, _), whys in sorted(failing.items(), key=lambda one: -one[1].total())[:MOST]
        ],
        "persons": sorted((s for s in students if s["waits"] or s["notes"]), key=lambda s: (not s["notes"], s["id"])),
    }


def _summary(question):
    scores, points = question["scores"], question["points"]
    full = sum(score >= points for score in scores)
    return {
        "name": question["name"].removesuffix("_test"),
        "points": points,
        "mean": statistics.fmean(scores) if scores else None,
        "full": full / len(scores) if scores else None,
        "bins": _bins(scores, points),
        "waits": question["waits"],
    }


def _bins(scores, most):
    """How many scores lie in each tenth of the points, with the height of its bar in percent."""
    counts = [0] * BINS
    for score in scores:
        counts[min(int(BINS * score / most), BINS - 1) if most else 0] += 1
    return [{"count": n, "height": round(100 * n / max(counts)) if any(counts) else 0} for n in counts]


def _read(course, lab, student):
    """Notes on the file, and ``(part, check, reason)`` of every check that a graded notebook lost."""
    path = course.folder("autograded", lab, student) / f"{lab}.ipynb"
    if not path.is_file():
        return [], []
    lost = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        meta = cell["metadata"].get("nbgrader", {})
        if cell["cell_type"] == "code" and meta.get("grade") and not meta.get("solution"):
            said = "".join("".join(out.get("text", "")) for out in cell["outputs"] if out["output_type"] == "stream")
            part = meta["grade_id"].removesuffix("_test")
            why = [(part, found["title"], found["why"][:200]) for found in _LOST.finditer(said)]
            absent = [w for w in why if w[2] in NOT_THERE]
            lost += [w for w in why if w not in absent] + [(part, "all", reason) for _, _, reason in absent[:1]]
    return notes_of(course, lab, student), lost


def _general(why):
    """A reason without the numbers of one student: those with the same one are counted together."""
    return re.sub(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", "…", why)
