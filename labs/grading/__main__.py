"""``python -m labs.grading VERB --lab lab02_rnn``: the steps from a lab's source to its grades."""

import argparse
import pathlib
import shlex
import shutil
import sys
import warnings

from labs.grading.course import Course, RoadError, for_nbgrader
from labs.grading.files import LABS, NO_ROOM, sentence
from labs.grading.locked.sandbox import LAYERS, Unsafe
from labs.grading.text import source

FULL = ("No space left on device", "Disk quota exceeded", "disk is full")  # in a log of nbgrader's, as the system and SQLite say it


def parser():
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m labs.grading", description="Build, release, collect and grade the course's labs.")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name, text):
        p = verbs.add_parser(name, help=text, description=text)
        p.add_argument("--lab", default="2" if len(source.names()) == 1 else None, help="which lab: lab02_rnn, lab02 or 2")
        p.add_argument("--course", type=pathlib.Path, default=LABS, help="folder with the course's data (default: labs)")
        return p

    verb("build", "write the full notebook (solutions, hidden tests) in source/")
    p = verb("release", "write the students' notebook in release/")
    p.add_argument("--due", help="due date, such as '2027-01-15 23:59 Europe/Berlin' (UTC if you give no time zone)")
    p = verb("collect", "import downloaded submissions into submitted/")
    p.add_argument("--from", dest="folder", type=pathlib.Path, help="folder, or Canvas or Moodle zip (default: downloaded/LAB/archive)")
    p.add_argument("--force", action="store_true", help="replace submissions that were collected before")
    p = verb("grade", "grade the submissions in submitted/ and record the marks in the gradebook")
    p.add_argument("--student", action="append", help="grade only this student (may be repeated)")
    p.add_argument("--force", action="store_true", help="also grade students who have been graded already")
    p.add_argument("--quiet", action="store_true", help="show no progress bar")
    p.add_argument("--workers", type=int, help="number of submissions to grade at once (default: one per core)")
    p.add_argument("--cluster", metavar="ADDRESS", help="grade on the workers of a Dask scheduler, such as tcp://host:8786")
    p.add_argument("--engine", choices=("locked", "nbgrader"), default="locked", help="sandboxed processes (default), or plain nbgrader")
    missing = "grade even if this layer of the sandbox is missing (may be repeated)"
    p.add_argument("--allow-missing", action="append", default=[], choices=LAYERS, help=missing)
    p = verb("solutions", "run the model answers and write them as a page for teachers in work/solutions/")
    p.add_argument("--to", type=pathlib.Path, help="write to this file instead")
    verb("feedback", "write a page for each student in feedback/")
    p = verb("export", "write the grades as CSV in exports/")
    p.add_argument("--to", type=pathlib.Path, help="write to this file instead")
    p.add_argument("--canvas", type=pathlib.Path, metavar="TABLE", help="fill the marks into this gradebook, exported from Canvas")
    p.add_argument("--moodle", type=pathlib.Path, metavar="TABLE", help="fill the marks into this grading worksheet from Moodle")
    p.add_argument("--column", help="for Canvas: title of the assignment's column (default: the one that contains the lab's name)")
    p = verb("report", "write a report on the grading so far in reports/")
    p.add_argument("--to", type=pathlib.Path, help="write to this file instead")
    p = verb("similar", "write a page of similar submissions in reports/")
    p.add_argument("--to", type=pathlib.Path, help="write to this file instead")
    p.add_argument("--threshold", type=float, default=0.8, help="show pairs that share at least this fraction of their code (default: 0.8)")
    p = verb("open", "open the released lab in JupyterLab, as students see it")
    p.add_argument("--no-browser", action="store_true", help="start the server without opening a browser")
    return top


def main(words=None):
    """Run one verb; returns the exit status."""
    o = parser().parse_args(words)
    warnings.simplefilter("ignore")  # of other people's libraries
    try:
        if o.lab is None:
            raise ValueError(f"--lab: expected one of {', '.join(source.names())}, got nothing. With make, add N=1 for lab 1")
        lab = source.find(o.lab)
        if o.verb != "open":
            for_nbgrader(o.course)
        return _run(o, Course(o.course), lab)
    except Unsafe as problem:
        print(f"Nothing was graded: this machine cannot sandbox students' code. Missing layer: {problem}", file=sys.stderr)
        print("Use another machine, or grade without this layer: --allow-missing LAYER.", file=sys.stderr)
        print("With --engine nbgrader there is no sandbox at all.", file=sys.stderr)
        return 1
    except Exception as problem:
        if getattr(problem, "errno", None) in NO_ROOM or any(words in str(problem) for words in FULL):
            where = getattr(problem, "filename", None) or o.course
            print(f"{where}: the disk is full. Nothing is half done: make room and run the same command again.", file=sys.stderr)
        elif isinstance(problem, (RoadError, OSError, ValueError)):
            print(sentence(problem), file=sys.stderr)
        else:
            raise
        return 1


def _run(o, course, lab):
    if o.verb == "build":
        from labs.grading.text.release import build

        print(build(course, lab))
    elif o.verb == "release":
        from labs.grading.text.release import release

        print(release(course, lab, o.due))
    elif o.verb == "solutions":
        from labs.grading.text.solutions import solutions

        print(solutions(course, lab, o.to))
    elif o.verb == "collect":
        from labs.grading.inbox.collect import KEPT, collect

        done = collect(course, lab, o.folder, o.force)
        for c in done:
            if c.problem != KEPT:
                print(f"{c.student or '-'}: {c.origin}" + (f": {c.problem}" if c.problem else ""))
        print(f"Files: {len(done)}, {KEPT}: {sum(c.problem == KEPT for c in done)}.\nNext: {_command('grade', course, lab)}")
    elif o.verb == "grade":
        _tell(course, lab, _grade(o, course, lab))
    elif o.verb == "feedback":
        from labs.grading.desk.feedback import feedback

        print(f"Pages: {len(feedback(course, lab))}, in {course.root / 'feedback'}")
    elif o.verb == "export":
        _export(o, course, lab)
    elif o.verb == "report":
        from labs.grading.desk.report import report

        print(report(course, lab, o.to))
    elif o.verb == "similar":
        from labs.grading.desk.similarity import similarity

        page, pairs = similarity(course, lab, o.threshold, o.to)
        for share, one, other in pairs:
            print(f"{share:4.0%}  {one}  {other}")
        print(f"{len(pairs)} pairs: {page}\nSimilar code is a reason to look, not proof.")
    elif o.verb == "open":
        from labs.grading.text.workspace import open_lab

        return open_lab(course, lab, not o.no_browser)
    return 0


def _grade(o, course, lab):
    if o.engine == "nbgrader":
        from labs.grading.marks.plain import grade_class

        return grade_class(course, lab, o.student, o.force, progress=not o.quiet)
    from labs.grading.marks.engine import grade_class

    options = {"workers": o.workers, "allow_missing": o.allow_missing, "cluster": o.cluster}
    return grade_class(course, lab, o.student, o.force, progress=not o.quiet, **options)


def _tell(course, lab, graded):
    """One line a student, then what to do next."""
    for g in graded:
        points = "not graded" if g.score is None else f"{g.score:g} of {g.max_score:g} points"
        print(f"{g.student}: {points}" + ("   needs manual grading" if g.needs_person else ""))
        for note in g.notes:
            print(f"    {note}")
    if not graded:
        count = len(course.students(lab))
        done = f"graded already: {count} (--force grades them again)"
        print("Nothing to do;", done if count else f"no submissions yet. Run {_command('collect', course, lab)} first")
    else:
        from labs.grading.desk.report import report

        waiting, noted = sum(g.needs_person for g in graded), sum(bool(g.notes) for g in graded)
        print(f"\nGraded: {len(graded)}. Need manual grading (in Formgrader): {waiting}. With a note about the file: {noted}.")
        print(f"Report: {report(course, lab)}\nNext: {_command('feedback', course, lab)} and {_command('export', course, lab)}")


def _command(verb, course, lab):
    """The command that takes the next step in this course, on this machine."""
    number = lab[3:5].lstrip("0")
    if course.root == LABS and shutil.which("make"):
        return f"make {verb} N={number}"
    where = "" if course.root == LABS else f" --course {shlex.quote(str(course.root))}"
    return f"{shlex.quote(sys.executable)} -m labs.grading {verb} --lab {number}{where}"


def _export(o, course, lab):
    from labs.grading.desk.export import export, export_to

    if not (o.canvas or o.moodle):
        print(export(course, lab, o.to))
        return
    platform = "canvas" if o.canvas else "moodle"
    path, missing, waiting = export_to(course, lab, platform, o.canvas or o.moodle, o.to, o.column)
    print(path)
    for what, students in (("Not in the table", missing), ("Not final, needs manual grading", waiting)):
        if students:
            print(f"{what}: {', '.join(students)}")


if __name__ == "__main__":
    sys.exit(main())
