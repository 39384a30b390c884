"""``python -m labs.grading VERB --lab lab02_rnn``: the road of a lab, one verb a step."""

import argparse
import pathlib
import sys
import warnings

from labs.grading import source
from labs.grading.build import RoadError
from labs.grading.course import Course
from labs.grading.sandbox import LAYERS, Unsafe


def parser():
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m labs.grading", description="Build, release, collect and grade the labs of the course.")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name, text):
        p = verbs.add_parser(name, help=text, description=text)
        p.add_argument("--lab", default="2" if len(source.names()) == 1 else None, help="lab02_rnn, lab02 or 2")
        p.add_argument("--course", type=pathlib.Path, default=source.LABS, help="the folder of the course's data (default: labs)")
        return p

    verb("build", "write the full notebook (solutions, hidden tests) into source/")
    p = verb("release", "write the students' notebook into release/")
    p.add_argument("--due", help="when it has to be handed in, such as '2027-01-15 23:59 Europe/Berlin' (UTC without a zone)")
    p = verb("collect", "take downloaded submissions into submitted/")
    p.add_argument("--from", dest="folder", type=pathlib.Path, help="a folder, or a platform's zip (default: downloaded/LAB/archive)")
    p.add_argument("--force", action="store_true", help="replace what was collected before")
    p = verb("grade", "grade what is in submitted/ into the gradebook")
    p.add_argument("--student", action="append", help="only this student (may be given again)")
    p.add_argument("--force", action="store_true", help="grade again who has been graded")
    p.add_argument("--quiet", action="store_true", help="no progress bar")
    p.add_argument("--workers", type=int, help="how many at a time (default: one a core)")
    p.add_argument("--cluster", metavar="ADDRESS", help="grade on the workers of a Dask scheduler, such as tcp://host:8786")
    p.add_argument("--engine", choices=("locked", "nbgrader"), default="locked", help="locked processes (default), or plain nbgrader")
    p.add_argument("--allow-missing", action="append", default=[], choices=LAYERS, help="grade although this layer of the lock is missing")
    p = verb("solutions", "run the model answers and write them as a page for teachers into work/solutions/")
    p.add_argument("--to", type=pathlib.Path, help="another file")
    verb("feedback", "write a page for each student into feedback/")
    p = verb("export", "write the grades as CSV into exports/")
    p.add_argument("--to", type=pathlib.Path, help="another file")
    p.add_argument("--canvas", type=pathlib.Path, metavar="TABLE", help="fill the marks into this export of Canvas's gradebook")
    p.add_argument("--moodle", type=pathlib.Path, metavar="TABLE", help="fill the marks into this grading worksheet of Moodle")
    p.add_argument("--column", help="Canvas: the title of the assignment's column (default: the one with the lab's name in it)")
    p = verb("report", "write a page with the state of the grading into reports/")
    p.add_argument("--to", type=pathlib.Path, help="another file")
    p = verb("similar", "write a page of submissions that resemble each other into reports/")
    p.add_argument("--to", type=pathlib.Path, help="another file")
    p.add_argument("--threshold", type=float, default=0.8, help="the share of alike code from which a pair is shown (default: 0.8)")
    p = verb("open", "open the released lab in JupyterLab, as a student does")
    p.add_argument("--no-browser", action="store_true", help="start the server only")
    return top


def main(words=None):
    """Run one verb; returns the exit status."""
    o = parser().parse_args(words)
    warnings.simplefilter("ignore")  # of other people's libraries
    try:
        if o.lab is None:
            raise ValueError(f"lab: expected --lab with one of {', '.join(source.names())}")
        return _run(o, Course(o.course), source.find(o.lab))
    except (RoadError, FileNotFoundError, ValueError) as problem:
        print(problem, file=sys.stderr)
        return 1
    except Unsafe as problem:
        print(f"nothing was graded, because students' code cannot be locked in here. {problem}", file=sys.stderr)
        print(
            "Grade elsewhere, or go on without this layer: --allow-missing LAYER, or --engine nbgrader (no lock at all).", file=sys.stderr
        )
        return 1


def _run(o, course, lab):
    if o.verb == "build":
        from labs.grading.build import build

        print(build(course, lab))
    elif o.verb == "release":
        from labs.grading.build import release

        print(release(course, lab, o.due))
    elif o.verb == "solutions":
        from labs.grading.solutions import solutions

        print(solutions(course, lab, o.to))
    elif o.verb == "collect":
        from labs.grading.collect import KEPT, collect

        done = collect(course, lab, o.folder, o.force)
        for c in done:
            if c.problem != KEPT:
                print(f"{c.student or '-'}: {c.origin}" + (f": {c.problem}" if c.problem else ""))
        print(f"{len(done)} files; {sum(c.problem == KEPT for c in done)} {KEPT}; next: make grade N={lab[3:5].lstrip('0')}")
    elif o.verb == "grade":
        _tell(course, lab, _grade(o, course, lab))
    elif o.verb == "feedback":
        from labs.grading.feedback import feedback

        print(f"{len(feedback(course, lab))} pages in {course.root / 'feedback'}")
    elif o.verb == "export":
        _export(o, course, lab)
    elif o.verb == "report":
        from labs.grading.report import report

        print(report(course, lab, o.to))
    elif o.verb == "similar":
        from labs.grading.similarity import similarity

        page, pairs = similarity(course, lab, o.threshold, o.to)
        for share, one, other in pairs:
            print(f"{share:4.0%}  {one}  {other}")
        print(f"{len(pairs)} pairs: {page}\nAlike code is a reason to look, not a verdict.")
    elif o.verb == "open":
        from labs.grading.student import open_lab

        return open_lab(course, lab, not o.no_browser)
    return 0


def _grade(o, course, lab):
    if o.engine == "nbgrader":
        from labs.grading.grade import grade

        return grade(course, lab, o.student, o.force, progress=not o.quiet)
    from labs.grading.engine import grade

    options = {"workers": o.workers, "allow_missing": o.allow_missing, "cluster": o.cluster}
    return grade(course, lab, o.student, o.force, progress=not o.quiet, **options)


def _tell(course, lab, graded):
    """One line a student, then what to do next."""
    for g in graded:
        points = "not graded" if g.score is None else f"{g.score:g} of {g.max_score:g} points"
        print(f"{g.student}: {points}" + ("   a person has to look" if g.needs_person else ""))
        for note in g.notes:
            print(f"    {note}")
    if not graded:
        count = len(course.students(lab))
        print("nothing to do:", f"{count} graded already (--force repeats it)" if count else "nothing is collected (collect does it)")
    else:
        from labs.grading.report import report

        number = lab[3:5].lstrip("0")
        flags = "" if course.root == source.LABS else f' FLAGS="--course {course.root}"'
        waiting, noted = sum(g.needs_person for g in graded), sum(bool(g.notes) for g in graded)
        print(f"\n{len(graded)} graded; {waiting} wait for a person (Formgrader); {noted} with a note on the file")
        print(f"The report: {report(course, lab)}\nNext: make feedback N={number}{flags}, make export N={number}{flags}")


def _export(o, course, lab):
    from labs.grading.feedback import export, export_to

    if not (o.canvas or o.moodle):
        print(export(course, lab, o.to))
        return
    platform = "canvas" if o.canvas else "moodle"
    path, missing, waiting = export_to(course, lab, platform, o.canvas or o.moodle, o.to, o.column)
    print(path)
    for what, students in (("Not in the table", missing), ("Not final, a person has to look", waiting)):
        if students:
            print(f"{what}: {', '.join(students)}")


if __name__ == "__main__":
    sys.exit(main())
