"""``python -m labs.grading VERB --lab lab02_rnn``: the steps from a lab's source to its grades."""

import argparse
import contextlib
import os
import pathlib
import shlex
import shutil
import sys
import warnings

from labs.grading.course import Course, RoadError, for_nbgrader
from labs.grading.files import LABS, NO_ROOM, sentence
from labs.grading.inbox import platforms
from labs.grading.locked.sandbox import LAYERS, Exposed, Unsafe
from labs.grading.text import source

FULL = ("No space left on device", "Disk quota exceeded", "disk is full")  # in a log of nbgrader's, as the system and SQLite say it


def parser():
    """The command line: each verb brings the function that does it."""
    top = argparse.ArgumentParser(prog="python -m labs.grading", description="Build, release, collect and grade the course's labs.")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name, text, run):
        p = verbs.add_parser(name, help=text, description=text)
        p.set_defaults(run=run)
        return p

    def course_verb(name, text, run):
        p = verb(name, text, run)
        p.add_argument("--course", type=pathlib.Path, default=LABS, help="folder with the course's data (default: labs)")
        return p

    def lab_verb(name, text, run, lab=None):
        p = course_verb(name, text, run)
        which = "which lab: lab02_rnn, lab02 or 2" + (f" (default: {lab})" if lab else "")
        p.add_argument("which", nargs="?", metavar="LAB", help=which)
        p.add_argument("--lab", default=lab, help="the same")
        return p

    def file_verb(name, text, run, lab=None):
        p = lab_verb(name, text, run, lab)
        p.add_argument("--to", type=pathlib.Path, help="write to this file instead")
        return p

    lab_verb("build", "write the full notebook (solutions, hidden tests) in source/", _build)
    p = lab_verb("release", "write the students' notebook in release/", _release)
    p.add_argument("--due", help="due date: '2027-01-15 23:59 Europe/Berlin' or '2027-01-15T23:59+01:00'")
    file_verb("kit", "write one zip with the released notebook and all that a student needs for it, in kits/", _kit)
    p = lab_verb("collect", "import downloaded submissions into submitted/", _collect)
    where = f"folder, or zip from {platforms.titles()} (default: downloaded/LAB/archive)"
    p.add_argument("--from", dest="folder", type=pathlib.Path, help=where)
    p.add_argument("--force", action="store_true", help="replace submissions that were collected before")
    p = lab_verb("grade", "grade the submissions in submitted/ and record the marks in the gradebook", _grade)
    p.add_argument("--student", action="append", help="grade only this student (may be repeated)")
    p.add_argument("--force", action="store_true", help="also grade students who have been graded already")
    p.add_argument("--quiet", action="store_true", help="show no progress bar and no due dates")
    p.add_argument("--workers", type=int, help="number of submissions to grade at once (default: one per core)")
    p.add_argument("--cluster", metavar="ADDRESS", help="grade on the workers of a Dask scheduler, such as tcp://host:8786")
    p.add_argument("--engine", choices=("locked", "nbgrader"), default="locked", help="sandboxed processes (default), or plain nbgrader")
    missing = "grade even if this layer of the sandbox is missing (may be repeated)"
    p.add_argument("--allow-missing", action="append", default=[], choices=LAYERS, help=missing)
    file_verb("solutions", "run the model answers and write them as a page for teachers in work/solutions/", _solutions)
    lab_verb("feedback", "write a page for each student in feedback/", _feedback)
    file_verb("bundle", "write the feedback pages as one zip for Canvas's or Moodle's upload of feedback, in exports/", _bundle)
    p = lab_verb("mail", "mail the feedback pages to the addresses in roster.csv; sends nothing without --send", _mail)
    p.add_argument("--send", action="store_true", help="send them, instead of showing who would get one")
    p.add_argument("--from", dest="sender", metavar="ADDRESS", help="sender, such as 'Ada Ng <ada@example.org>'")
    p.add_argument("--server", default="localhost:25", metavar="HOST:PORT", help="SMTP server (default: localhost:25)")
    p.add_argument("--tls", action="store_true", help="encrypt the connection (STARTTLS)")
    p.add_argument("--user", help="log in as USER, with the password in the environment's SMTP_PASSWORD")
    p.add_argument("--text", type=pathlib.Path, metavar="FILE", help="the mail's text, with {name}, {title}, {lab}, {points} and {most}")
    p.add_argument("--student", action="append", help="mail only this student (may be repeated)")
    p.add_argument("--changed", action="store_true", help="also students whose marks or comments changed after their mail")
    p.add_argument("--again", action="append", default=[], metavar="STUDENT", help="mail this student once more (may be repeated)")
    p = file_verb("export", "write the grades as CSV in exports/", _export)
    filled = f"fill the marks into FILE, the table of grades from this platform: {', '.join(platforms.with_tables())}"
    p.add_argument("--table", nargs=2, metavar=("PLATFORM", "FILE"), help=filled)
    p.add_argument("--column", help="with --table: title of the column to fill (default: the platform's, or the one with the lab's name)")
    p = course_verb("gradebook", "write the grades of all labs in one CSV, with the weights of weights.csv, in exports/", _gradebook)
    p.add_argument("--to", type=pathlib.Path, help="write to this file instead")
    file_verb("report", "write a report on the grading so far in reports/", _report)
    p = file_verb("similar", "write a page of similar submissions in reports/", _similar)
    p.add_argument("--threshold", type=float, default=0.8, help="show pairs that share at least this fraction of their code (default: 0.8)")
    file_verb("leaderboard", "write the leaderboard of a contest as CSV in exports/", _leaderboard, lab="7")
    p = lab_verb("open", "open the released lab in JupyterLab, as students see it", _open)
    p.add_argument("--no-browser", action="store_true", help="start the server without opening a browser")
    p = verb("slurm", "start workers for `grade --cluster` from a SLURM queue; they stay until Ctrl-C", _slurm)
    p.add_argument("--jobs", type=int, default=1, help="number of jobs (default: 1)")
    p.add_argument("--cores", type=int, default=8, help="per job (default: 8)")
    p.add_argument("--memory", default="32GB", help="per job (default: 32GB)")
    p.add_argument("--time", default="01:00:00", help="per job (default: 01:00:00)")
    p.add_argument("--option", action="append", default=[], help="sbatch option, such as --option=--partition=short (may be repeated)")
    p.add_argument("--host", help="address at which the nodes reach this machine, if it has several")
    p.add_argument("--script", action="store_true", help="print the job script and submit nothing")
    return top


def main(words=None):
    """Run one verb; returns the exit status."""
    o = parser().parse_args(words)
    warnings.simplefilter("ignore")  # of other people's libraries
    try:
        return (_in_course(o) if "course" in o else o.run(o)) or 0
    except KeyboardInterrupt:
        print(f"\n{o.verb}: interrupted. Run the same command again: what is finished is kept.", file=sys.stderr)
        return 130
    except Exposed as problem:
        print(f"Nothing was graded: {problem}", file=sys.stderr)
        return 1
    except Unsafe as problem:
        print(f"Nothing was graded: this machine cannot sandbox students' code. Missing layer: {problem}", file=sys.stderr)
        print("Use another machine, or grade without this layer: --allow-missing LAYER.", file=sys.stderr)
        print("With --engine nbgrader there is no sandbox at all.", file=sys.stderr)
        return 1
    except Exception as problem:
        if getattr(problem, "errno", None) in NO_ROOM or any(words in str(problem) for words in FULL):
            where = getattr(problem, "filename", None) or getattr(o, "course", ".")
            print(f"{where}: the disk is full. Nothing is half done: make room and run the same command again.", file=sys.stderr)
        elif isinstance(problem, (RoadError, OSError, ValueError)):
            print(sentence(problem), file=sys.stderr)
        else:
            raise
        return 1


def _in_course(o):
    course, lab = _place(o)
    if o.run in (_open, _solutions):
        return o.run(course, lab, o)
    if o.run is _grade and o.engine != "nbgrader":
        from labs.grading.marks.engine import check_system

        check_system(o.cluster)
    with course.at_work(o.verb) if o.run in CHANGING else contextlib.nullcontext():
        if lab and o.run not in (_build, _collect):
            course.check_gradebook(lab)
        return o.run(course, lab, o)


def _place(o):
    """The course and the name of the lab that the command line asks for; None where the verb is about all labs."""
    if "which" not in o:
        for_nbgrader(o.course)
        return Course(o.course), None
    asked = o.which or o.lab
    if asked is None:
        raise ValueError(f"--lab: expected one of {', '.join(source.names())}, got nothing. With make, add N=1 for lab 1")
    lab = source.find(asked)
    if o.run is not _open:
        for_nbgrader(o.course)
    return Course(o.course), lab


def _build(course, lab, o):
    from labs.grading.text.release import build

    print(build(course, lab))


def _release(course, lab, o):
    from labs.grading.inbox.roster import called
    from labs.grading.text import due
    from labs.grading.text.release import release

    print(release(course, lab, o.due))
    print("\n".join(due.lines(course, lab, called(course, lab))))


def _kit(course, lab, o):
    from labs.grading.text.kit import kit

    for line in _check_release(course, lab):
        print(line)
    print(kit(course, lab, o.to))


def _solutions(course, lab, o):
    from labs.grading.text.solutions import solutions

    print(solutions(course, lab, o.to))


def _collect(course, lab, o):
    from labs.grading.inbox.collect import KEPT, collect

    done = collect(course, lab, o.folder, o.force)
    for c in done:
        if c.problem != KEPT:
            print(f"{c.student or '-'}: {c.origin}" + (f": {c.problem}" if c.problem else ""))
    skipped = sum(not c.read for c in done)
    print(f"Submissions: {len(done)}, {KEPT}: {sum(c.problem == KEPT for c in done)}, without a notebook: {skipped}.")
    _tell_missing(course, lab)
    print(f"Next: {_command('grade', course, lab)}")
    return 1 if skipped else 0


def _grade(course, lab, o):
    from labs.grading.inbox.roster import called
    from labs.grading.text import due

    edited = _check_release(course, lab)
    dates = due.lines(course, lab, called(course, lab))  # in any case: one that cannot be read is an error before anything is graded
    if not o.quiet:
        print("\n".join(edited + dates), flush=True)
    if o.engine == "nbgrader":
        from labs.grading.marks.plain import grade_class

        options = {}
    else:
        from labs.grading.marks.engine import grade_class

        options = {"workers": o.workers, "allow_missing": o.allow_missing, "cluster": o.cluster}
    from labs.grading.marks import changes

    changes.remember(course, lab)
    graded = grade_class(course, lab, o.student, o.force, progress=not o.quiet, **options)
    _tell(course, lab, graded)
    _tell_changes(*changes.changes(course, lab))
    return _left_out("Not graded", [g.student for g in graded if g.score is None])


def _check_release(course, lab):
    """Lines about a text that was edited after its release; RoadError if that is more than a text."""
    import nbformat

    from labs.grading.text import stale

    released, full, again = nbformat.read(course.released(lab), 4), source.notebook(lab), _command("release", course, lab)
    if told := stale.renamed(released, full) + stale.revalued(released, full):
        raise RoadError(f"{lab} was edited after its release: {', '.join(told[:5])}. Release it again: {again}")
    cells = stale.edited(released, full)
    return [f"{lab}: the text of {', '.join(cells[:5])} was edited after the release. To hand it out: {again}"] if cells else []


def _tell(course, lab, graded):
    """One line a student, then what to do next."""
    for g in graded:
        points = "not graded" if g.score is None else f"{g.score:g} of {g.max_score:g} points"
        print(f"{g.student}: {points}" + ("   needs manual grading" if g.needs_person else ""))
        for note in g.notes:
            print(f"    {note}")
    _tell_missing(course, lab)
    if not graded:
        count = len(course.students(lab))
        done = f"graded already: {count} (--force grades them again)"
        print("Nothing to do;", done if count else f"no submissions yet. Run {_command('collect', course, lab)} first")
    else:
        from labs.grading.desk.report import report

        waiting, noted = sum(g.needs_person for g in graded), sum(bool(g.notes) for g in graded)
        print(f"\nGraded: {len(graded)}. Need manual grading (in Formgrader): {waiting}. With a note about the file: {noted}.")
        print(f"Report: {report(course, lab)}\nNext: {_command('feedback', course, lab)} and {_command('export', course, lab)}")


def _tell_changes(found, path, most=20):
    """The marks that this run changed."""
    if found:
        for student, part, before, after in found[:most]:
            print(f"    {student}: {part}: {_points(before)} → {_points(after)}")
        more = f" ({len(found) - most} more there)" if len(found) > most else ""
        print(f"Changed marks: {len(found)}, of {len({row[0] for row in found})} students, added to {path}{more}")


def _points(score):
    return "no mark" if score is None else f"{score:g}"


def _left_out(what, students, most=10):
    """Say which students who handed in are left out; returns the exit status."""
    if students:
        more = f" and {len(students) - most} more" if len(students) > most else ""
        print(f"{what}: {len(students)} ({', '.join(students[:most])}{more})")
    return 1 if students else 0


def _tell_missing(course, lab):
    """Who of the roster handed in nothing."""
    from labs.grading.inbox import roster

    for line in roster.said(roster.roster(course), course.students(lab)):
        print(line)


def _command(verb, course, lab):
    """The command that takes the next step in this course, on this machine."""
    number = lab[3:5].lstrip("0")
    if course.root == LABS and shutil.which("make"):
        return f"make {verb} N={number}"
    where = "" if course.root == LABS else f" --course {shlex.quote(str(course.root))}"
    return f"{shlex.quote(sys.executable)} -m labs.grading {verb} --lab {number}{where}"


def _feedback(course, lab, o):
    from labs.grading.desk.comments import used
    from labs.grading.desk.feedback import feedback

    counts, unknown = used(course, lab)
    pages = feedback(course, lab)
    if counts:
        print(f"Comments from comments.csv: {', '.join(f'#{key} {count}' for key, count in counts.items())}")
    for key, students in unknown.items():
        print(f"#{key} is no key in comments.csv, and is shown as it is to {', '.join(students)}")
    print(f"Pages: {len(pages)}, in {course.root / 'feedback'}")
    made = {page.parts[-3] for page in pages}
    return _left_out("Without a page, not graded yet", [student for student in course.students(lab) if student not in made])


def _bundle(course, lab, o):
    from labs.grading.desk.bundle import bundle

    path, count, old, unknown = bundle(course, lab, o.to)
    print(f"Pages: {count}, in {path}")
    status = _left_out(f"Left out, no page that shows the marks of now (run {_command('feedback', course, lab)})", old)
    return _left_out("Left out, not from an archive of Canvas or Moodle", unknown) or status


def _mail(course, lab, o):
    from labs.grading.desk import mail

    text = o.text.read_text(encoding="utf-8-sig") if o.text else mail.TEXT
    if o.user and not o.tls:
        raise ValueError("--user: expected --tls too, because a password must not be sent in the clear")
    planned = mail.plan(course, lab, o.student, o.changed, o.again)
    sent, refused = 0, []
    if o.send:
        options = {"tls": o.tls, "user": o.user, "password": os.environ.get("SMTP_PASSWORD"), "text": text}
        for letter, why in mail.send(course, lab, planned.letters, o.sender or "", o.server, **options):
            print(f"{letter.student}: {letter.address}: " + (f"refused: {why}" if why else "sent"), flush=True)
            sent += not why
            refused += [letter.student] if why else []
    else:
        for letter in planned.letters:
            print(f"{letter.student}: {letter.address}: {letter.points:g} of {letter.most:g} points")
    print(f"Mails: {sent} sent, {planned.sent} sent before" + ("" if o.send else f". {len(planned.letters)} to send: add --send"))
    status = _left_out("Refused by the server", refused)
    for why, students in planned.left.items():
        status = _left_out(why, students) or status
    return status


def _export(course, lab, o):
    from labs.grading.desk.export import export, export_to

    _tell_missing(course, lab)
    if not o.table:
        print(export(course, lab, o.to))
        return 0
    path, missing, waiting, ungraded, scaled, excused = export_to(course, lab, *o.table, o.to, o.column)
    print(path)
    if not scaled:
        print("The table does not say its maximum: points are written as they are.")
    _left_out("Not final, needs manual grading", waiting)
    _left_out("Excused in the table, and left so", excused)
    status = _left_out("Not in the table", missing)
    return _left_out("Handed in, not graded yet", ungraded) or status


def _gradebook(course, _, o):
    from labs.grading.desk import term
    from labs.grading.inbox.roster import roster
    from labs.grading.marks import changes
    from labs.grading.marks.gradebook import penalties

    for lab in term.labs_of(course):
        course.check_gradebook(lab)
        changes.remember(course, lab)
        penalties(course, lab)  # a date, an extension or a mark may have changed since the lab was graded
        _tell_changes(*changes.changes(course, lab))
    path, labs = term.term(course, o.to)
    people = roster(course)
    everybody = sorted({student for lab in labs for student in lab.there})
    if people and (outside := people.outside(everybody)):
        print(f"Not in the roster, and kept: {len(outside)} ({', '.join(outside[:10])}{' …' if len(outside) > 10 else ''})")
    strangers = {s for lab in labs for s in lab.extended if s not in {*lab.there, *lab.rows} and not (people and people.of_named(s))}
    _left_out("In extensions.csv, and nobody here", sorted(strangers))
    if not people and (alike := term.split(labs)):
        print(f"One student under several numbers? {'; '.join(map(', '.join, alike[:5]))}. A roster.csv with names puts them into one row")
    for title, counts in (("Counted", True), ("Not counted", False)):
        if found := [str(lab) for lab in labs if bool(lab.weight and not lab.why) is counts]:
            print(f"{title}: {', '.join(found)}")
    print(path)


def _report(course, lab, o):
    from labs.grading.desk.report import report

    _tell_missing(course, lab)
    print(report(course, lab, o.to))


def _similar(course, lab, o):
    from labs.grading.desk.similarity import similarity

    page, pairs, without, unread = similarity(course, lab, o.threshold, o.to)
    for share, one, other in pairs:
        print(f"{share:4.0%}  {one}  {other}")
    print(f"{len(pairs)} pairs: {page}\nSimilar code is a reason to look, not proof.")
    _left_out("Without code of their own", without)
    return _left_out("Left out, the file cannot be read", unread)


def _leaderboard(course, lab, o):
    from labs.grading.desk.leaderboard import leaderboard

    path, unlisted = leaderboard(course, lab, o.to)
    print(path)
    _left_out("Not listed: no result, or a rule of the contest was broken", unlisted)
    return _left_out("Left out, not graded yet", [s for s in course.students(lab) if not course.folder("autograded", lab, s).exists()])


def _open(course, lab, o):
    from labs.grading.text.workspace import open_lab

    return open_lab(course, lab, not o.no_browser)


def _slurm(o):
    from labs.grading.marks.slurm import slurm

    slurm(o.jobs, o.cores, o.memory, o.time, o.option, o.host, o.script)


CHANGING = (_build, _release, _collect, _grade, _feedback, _gradebook, _mail)

if __name__ == "__main__":
    sys.exit(main())
