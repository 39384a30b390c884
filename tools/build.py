"""Build the book: run the lessons that changed, in parallel, then build the site, and report what each lesson cost.

python -m tools.build                              the whole book, in _build/html
python -m tools.build chapters/05_lstm/gates.md    only these lessons, no site
python -m tools.build --offline                    the book without the data files, in _build/offline/_build/html
"""

import argparse
import contextlib
import importlib.util
import json
import logging
import os
import shutil
import sys
import time
from pathlib import Path

import joblib
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn

from rnnlib.data.corpora import STAND_IN
from rnnlib.data.fetch import manifest, prefetch
from tools import AGAIN, execute, is_full, lessons, refused_in_a_line, website

ROOT = Path(__file__).resolve().parent.parent
MAX_SECONDS = 60.0  # of the processor, for one lesson: the clock would blame a lesson for its neighbours
MAX_MIB = 1024.0  # with the CPU build of torch, which Binder and a plain set-up use
# The libraries of the CUDA build add this to every lesson: 335 to 473 MiB were measured.
CUDA_MIB = 512.0 if importlib.util.find_spec("nvidia") else 0.0
TRACEBACK_LINES = 25


@contextlib.contextmanager
def opened(root):
    """The cache of a book's outputs; its database is closed at the end."""
    folder = root / "_build" / ".jupyter_cache"
    if (folder / "global.db").exists() and not (folder / "__version__.txt").exists():  # written last: this one was left half made
        shutil.rmtree(folder)
    cache = get_cache(folder)
    try:
        yield cache
    finally:
        cache.db.dispose()


def cached(cache, page):
    """The cache's record of a page, or None. One whose notebook is not whole, after a kill or on a full disk, does not count."""
    try:
        record = cache.get_cached_project_nb(str(page))
        if record is not None:
            json.loads((cache.path / "executed" / record.hashkey / "base.ipynb").read_bytes())
    except (KeyError, OSError, ValueError):
        return None
    return record


def corpora(say):
    """Fetch the data files before any lesson asks for them, once for all; return the names of those that are missing."""
    found = prefetch()
    missing = {name: reason for name, origin, reason in found if origin == "missing"}
    for name, origin, reason in found:
        if reason and origin != "missing":
            say(f"{name}: {reason}; the {origin} has the right one.")
    if missing:
        say(f"{len(missing)} of {len(found)} data files are missing: {', '.join(missing)}.")
        say("\n".join(f"  {reason}" for reason in dict.fromkeys(missing.values())))
        say("Lessons that need them run on synthetic data and say so on the page. RNNLIB_DATA can name a folder that has them.")
    return sorted(missing)


def without_data_files():
    """Set the environment as on a machine that has no data file and no network."""
    os.environ.pop("RNNLIB_DATA", None)
    os.environ |= {"RNNLIB_OFFLINE": "1", "RNNLIB_CACHE": str(ROOT / "_build" / "offline" / "no-data")}


def take_over(cache, other, pages, root):
    """Copy from another cache the outputs that are the same without data files: of lessons that use none, or that ran without any."""
    for page in pages:
        record = cached(other, page)
        if record is None or cached(cache, page) is not None:
            continue
        if len(record.data["missing"]) == len(manifest()) or not lessons.uses_data_files(page, root):
            notebook = other.get_cache_bundle(record.pk).nb
            cache.cache_notebook_bundle(CacheBundleIn(notebook, str(page), data=record.data), check_validity=False, overwrite=True)


def out_of_date(cache, pages, root, missing):
    """Drop records that no longer hold; return ``(page, notebook, data)`` for what must run, the data being what the record will need.

    A record is stale if the library under it was edited, or if it shows synthetic data and a real file is there now.
    """
    todo = []
    for page in pages:
        project = cache.add_nb_to_project(str(page), read_data=lessons.READER)
        record, digest = cached(cache, page), lessons.digest(page, root)
        if record is not None and (record.data.get("digest") != digest or set(record.data["missing"]) - set(missing)):
            cache.remove_cache(record.pk)
            record = None
        if record is None:
            # The digest of before the run: an edit made meanwhile makes the outputs stale.
            todo.append((page, cache.get_project_notebook(project.pk).nb, {"digest": digest, "missing": missing}))
    return todo


def run(cache, todo, root, workers, say):
    """Run the lessons and put the outputs of each that ran through into the cache; return the failed runs."""
    failed = []
    known = {page: data for page, _, data in todo}
    for done in execute.run_lessons([(page, notebook) for page, notebook, _ in todo], root, workers):
        name = lessons.title(done["page"], root)
        if done["error"]:
            failed.append(done)
            say(f"  FAILED {name} after {done['seconds']:.1f} s")
            continue
        data = {"execution_seconds": done["seconds"], "cpu_seconds": done["cpu_seconds"], "mib": done["mib"], **known[done["page"]]}
        if STAND_IN not in str(done["notebook"]):
            data["missing"] = []
        bundle = CacheBundleIn(done["notebook"], str(done["page"]), data=data)
        cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
        say(f"  ran {name} in {done['seconds']:.1f} s")
    return failed


def table(rows):
    """The lessons as lines of text: name, seconds on the clock and of the processor, MiB, run or cached."""
    width = max((len(name) for name, *_ in rows), default=0)
    lines = [f"{'lesson':{width}}  seconds  processor    MiB"]
    return lines + [f"{name:{width}}  {clock:7.1f}  {cpu:9.1f} {mib:6.0f}  {how}" for name, clock, cpu, mib, how in rows]


def over_bounds(name, data):
    """Sentences about a lesson that costs a reader too much."""
    complaints = []
    if data["cpu_seconds"] > MAX_SECONDS:
        complaints.append(f"{name}: {data['cpu_seconds']:.0f} s of processor time, expected at most {MAX_SECONDS:.0f} s")
    if data["mib"] > MAX_MIB + CUDA_MIB:
        complaints.append(f"{name}: {data['mib']:.0f} MiB, expected at most {MAX_MIB + CUDA_MIB:.0f} MiB")
    return complaints


def build(root=ROOT, only=(), workers=None, offline=False, say=print):
    """Run what must run and build the site; return the exit status.

    Parameters
    ----------
    root : Path
        The folder of ``_toc.yml``.
    only : sequence of path
        Run these lessons and build no site. Empty: all lessons and the site.
    workers : int, optional
        Lessons at a time; as many as there are processors by default.
    offline : bool
        Build into ``_build/offline``, with outputs of its own for the lessons that use data files. Call
        `without_data_files` first.
    say : callable
        Takes each line of the report.
    """
    known = lessons.lessons(root)
    pages = [Path(page).resolve() for page in only] or known
    if absent := [page for page in lessons.in_toc(root) if not page.is_file()]:
        say(f"_toc.yml lists pages that do not exist: {', '.join(str(page.relative_to(root)) for page in absent)}")
        return 2
    if unknown := [str(page) for page in pages if page not in known]:
        say(f"Lessons: expected pages with code that _toc.yml lists, got {', '.join(unknown)}")
        return 2
    target = root / "_build" / "offline" if offline else root
    with opened(target) as cache:
        if offline:
            with opened(root) as other:
                take_over(cache, other, pages, root)
        return _build(cache, pages, root, target, only, workers, say)


def _build(cache, pages, root, target, only, workers, say):
    start = time.perf_counter()
    try:
        todo = out_of_date(cache, pages, root, corpora(say))
    except ValueError as error:  # RNNLIB_DATA is not a folder
        say(str(error))
        return 1
    workers = min(workers or joblib.cpu_count(), max(len(todo), 1))
    say(f"{len(pages)} lessons, {len(todo)} to run" + (f", {workers} at a time" if len(todo) > 1 else ""))
    failed = run(cache, todo, root, workers, say)
    records = {page: record for page in pages if (record := cached(cache, page)) is not None}
    complaints = report(records, {page for page, *_ in todo}, root, say)
    say(f"lessons: {time.perf_counter() - start:.1f} s")
    for done in failed:
        say(f"\n{lessons.title(done['page'], root)} failed ({done['page'].relative_to(root)}):")
        say("\n".join(done["error"].splitlines()[-TRACEBACK_LINES:]))
    if any(is_full(done["error"]) for done in failed):
        say(f"\nCannot write in {root}, or in the folder for temporary files: the disk is full. {AGAIN}")
    if failed:
        return 1
    if changed := [lessons.title(page, root) for page in pages if page not in records]:
        say(f"Changed while the lessons ran: {', '.join(changed)}. Run the command again.")
        return 1
    if not only and not site(root, target, records, say):
        return 1
    for complaint in complaints:
        say(f"Too costly: {complaint}")
    return 1 if complaints else 0


def report(records, ran, root, say):
    """Print the table of lessons; return sentences about those over the bounds."""
    rows, complaints = [], []
    for page, record in records.items():
        name = lessons.title(page, root)
        cost = (record.data[key] for key in ("execution_seconds", "cpu_seconds", "mib"))
        rows.append((name, *cost, "run" if page in ran else "cached"))
        complaints += over_bounds(name, record.data)
    say("\n" + "\n".join(table(rows)))
    return complaints


def site(root, target, records, say):
    """Build the site and report where it is, or what went wrong; return whether it was built."""
    start = time.perf_counter()
    try:
        built = website.build(root, target, [[record.hashkey, record.data["digest"], str(record.created)] for record in records.values()])
    except RuntimeError as error:
        if is_full(str(error)):
            say(f"\nCannot write the site in {target / '_build'}: the disk is full. {AGAIN}")
        else:
            say(f"\n{error}\n\nThe site was not built. Fix the errors and warnings above, then run the command again.")
        return False
    say(f"site: {time.perf_counter() - start:.1f} s" if built else "site: nothing changed since it was built")
    say(f"\nThe book is in {os.path.relpath(target / '_build' / 'html')}.")
    if target == root:
        say("To read it, run make serve and open http://localhost:8000")
    return True


@refused_in_a_line
def main():
    logging.disable(logging.WARNING)  # of the kernels' clients
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("only", nargs="*", help="run only these lessons, without building the site")
    parser.add_argument("--jobs", type=int, default=None, help="number of lessons to run at once (default: one per processor)")
    parser.add_argument("--offline", action="store_true", help="build without the data files and the network, into _build/offline")
    arguments = parser.parse_args()
    if arguments.offline:
        without_data_files()
    return build(only=arguments.only, workers=arguments.jobs, offline=arguments.offline, say=lambda text: print(text, flush=True))


if __name__ == "__main__":
    sys.exit(main())
