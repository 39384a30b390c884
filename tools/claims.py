"""The claims of the lessons, each measured over several seeds and stored with the hash of the code that was run.

python -m tools.claims                 measure the lessons whose code has changed since, or all with --all
python -m tools.claims adding gates    measure these lessons

A claim stands in ``claims/LESSON.toml``: a sentence, a condition on the numbers that the lesson glues, what the page shows.
The lesson itself is the experiment: it is run once for each seed, its asserts off and its figures not drawn. The numbers go to
``claims/results/LESSON.json``; the page's ``{claim}`` directive (``tools/rnnbook/claims.py``) shows their spread.

What a contest needs beyond the cells of the page, such as a grid of step sizes, is in ``claims/LESSON.py``: further cells that only this
program runs, after those of the page and with their names.
"""

import argparse
import ast
import contextlib
import datetime
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from statistics import fmean

import joblib
import numpy as np
from scipy.special import stdtrit

from rnnlib.data.fetch import prefetch
from tools import lessons, refused_in_a_line, write_whole
from tools.bare import bare, joined
from tools.execute import environment
from tools.reach import Reach

ROOT = Path(__file__).resolve().parent.parent
SEED = re.compile(r"^seed = 0$", re.MULTILINE)
# What draws or shows cannot change a number, nor can the download of a file with a known checksum, nor what replaces a missing file.
NOT_NUMBERS = ("rnnlib.viz", "rnnlib.book", "rnnlib.display", "rnnlib.data.fetch", "rnnlib.data.synthetic", "rnnlib.data.lexicon")
ROOM = 2**16 * " "  # more than the result of any lesson takes
SHOWING = ("viz", "source_of", "note", "print")  # what a lesson calls only to show something


def read(root=ROOT):
    """The claim files as ``{lesson's name: table}``: keys ``lesson``, ``seeds``, ``claims``, perhaps ``alice``."""
    return {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted((root / "claims").glob("*.toml"))}


def result_file(name, root=ROOT):
    """Where the numbers of a lesson are stored."""
    return root / "claims/results" / f"{name}.json"


def stored(name, root=ROOT):
    """The stored result of a lesson, or None: keys ``code``, ``date``, ``torch``, ``runs`` (``seed``, ``seconds``, ``values``)."""
    path = result_file(name, root)
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def cells_of(page, root=ROOT):
    """The code that is measured: the page's cells, and those of ``claims/LESSON.py`` where there are any."""
    more = Path(root) / "claims" / f"{Path(page).stem}.py"
    return lessons.code_cells(page) + ([more.read_text(encoding="utf-8")] if more.is_file() else [])


def code_hash(page, root=ROOT):
    """SHA-256 over the code that can change a number of the lesson: its cells and what they reach in the library.

    What draws, shows or checks a result cannot change it, nor can the download of a file whose checksum is known or what stands in for it:
    claims are measured on the real data.
    """
    cells = cells_of(page, root)
    reached = Reach("\n".join(cells), root, leave_out=NOT_NUMBERS)
    digest = hashlib.sha256("\n".join(filter(None, map(_numbers, cells))).encode())  # a cell may be cut in two
    for name, text in reached.texts(keep_checks=False):
        digest.update(name.encode() + b"\0" + text.encode() + b"\0")
    return digest.hexdigest()


def _numbers(cell):
    """A cell without comments, asserts, the calls that only show something and the imports of what shows it."""
    lines = bare(cell, keep_checks=False)
    for node in ast.parse(cell).body:
        if isinstance(node, ast.ImportFrom) and node.module in NOT_NUMBERS:
            lines[node.lineno - 1 : node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            calls = [inner for inner in ast.walk(node) if isinstance(inner, ast.Call)]
            if len(calls) == 1 and ast.unparse(node.value.func).partition(".")[0] in SHOWING:
                lines[node.lineno - 1 : node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)
    return joined(lines)


def _names(values):
    return {name.replace("-", "_"): value for name, value in values.items()}


def means(runs):
    """The mean over the runs of each glued number."""
    return {name: fmean(run["values"][name] for run in runs) for name, value in runs[0]["values"].items() if not isinstance(value, str)}


def held(claim, runs):
    """For each run whether the claim's condition holds there; over the means, one answer.

    A condition may ask for an end of the interval of a `difference`: ``low('one', 'other') > 0``.

    Raises
    ------
    ValueError
        The condition names a number that the lesson does not glue.
    """
    tables = [means(runs)] if claim.get("over") == "mean" else [run["values"] for run in runs]
    ends = {"low": lambda *pair: difference(pair, runs)[1], "high": lambda *pair: difference(pair, runs)[2]}
    known = {"__builtins__": {"abs": abs, "max": max, "min": min, **ends}}
    try:
        return [bool(eval(claim["holds"], known, _names(values))) for values in tables]
    except NameError as error:
        raise ValueError(f"{claim['holds']}: {error}. The lesson glues {', '.join(sorted(_names(runs[0]['values'])))}") from None


def true(claim, runs):
    """Whether enough of the runs hold: each one, or as many as ``over`` says."""
    answers, over = held(claim, runs), claim.get("over", "each")
    return sum(answers) >= over if isinstance(over, int) else all(answers)


def spread(name, runs):
    """(mean, least, most) over the runs of one glued number."""
    values = [run["values"][name] for run in runs]
    return fmean(values), min(values), max(values)


def difference(pair, runs, level=0.95):
    """Of two glued numbers, first minus second, run by run: (mean, low, high, runs with the mean's sign).

    ``low`` and ``high`` are Student's interval of the mean. With five runs a percentile bootstrap is a third narrower: it resamples the
    same five numbers and so promises too much.
    """
    first, second = pair
    d = np.array([run["values"][first] - run["values"][second] for run in runs])  # (n,)
    half = float(stdtrit(len(d) - 1, (1 + level) / 2)) * d.std(ddof=1) / len(d) ** 0.5
    return float(d.mean()), float(d.mean() - half), float(d.mean() + half), int((np.sign(d) == np.sign(d.mean())).sum())


CONTEST = ("rivals", "grid", "chosen_on", "budget", "difference")  # what a fair comparison states


def differences(contest):
    """The pairs that a contest compares, as ``{label: pair}``; a single pair has no label."""
    pairs = contest["difference"]
    return pairs if isinstance(pairs, dict) else {"": pairs}


def fault(claim):
    """What a claim's ``contest`` lacks, in words, or None: a table of `CONTEST`, or a sentence that says why there is none."""
    contest = claim.get("contest")
    if isinstance(contest, dict):
        odd = set(contest) ^ set(CONTEST)
        return f"contest: expected {', '.join(CONTEST)}, got {', '.join(contest)}" if odd else None
    if not isinstance(contest, str) or not re.match(r"(No contest|Not searched): \w.*\.$", contest):
        return f'contest: expected a table, or "No contest: …." or "Not searched: ….", got {contest!r}'
    return None


# --- measuring ----------------------------------------------------------------------------------------------------------------


def run_lesson(page, seed, root=ROOT):
    """Run the lesson's cells and its contest in this process with another seed; return what they glued, numbers as numbers."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    from rnnlib import book, viz

    values = {}

    def glue(name, value, fmt=None):
        values[name] = value.item() if hasattr(value, "item") else value

    book.glue = glue
    book.source_of = book.note = book.weights = lambda *arguments, **options: None
    viz.show = lambda *arguments, **options: pyplot.close("all")
    space = {"__name__": "__main__"}
    cells = cells_of(page, Path(root).resolve())
    os.chdir(Path(page).parent)
    for k, source in enumerate(cells):
        source = SEED.sub(f"seed = {seed}", source)
        # optimize=1: an assert that fails under another seed is a finding, not an end
        exec(compile(source, f"{Path(page).name}, cell {k + 1}", "exec", optimize=1), space)
    return {name: float(value) if isinstance(value, (bool, int, float)) else value for name, value in values.items()}


def run_apart(page, seed, root):
    """`run_lesson` in a process of its own; a dict with ``seed``, ``seconds`` and ``values``."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-m", "tools.claims", "--run", page, str(seed), root],
        cwd=Path(__file__).resolve().parent.parent,
        capture_output=True,
        encoding="utf-8",
        env=environment(root),
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{lessons.title(page, root)} failed with seed {seed}:\n{done.stderr.strip()[-2000:]}")
    return {"seed": seed, "seconds": round(time.perf_counter() - start, 1), "values": json.loads(done.stdout)}


def measure(name, table, root, pool, say):
    """Run a lesson under each of its seeds, store the numbers, and return the claims that do not hold."""
    page = (root / table["lesson"]).resolve()
    code, file = code_hash(page, root), result_file(name, root)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file.with_suffix(".room"), ROOM)  # a refusal comes now, not after minutes of measuring
    file.with_suffix(".room").unlink()
    runs = list(pool.map(lambda seed: run_apart(page, seed, root), range(table["seeds"])))
    result = {"lesson": table["lesson"], "code": code, "date": datetime.date.today().isoformat(), "torch": version("torch"), "runs": runs}
    write_whole(file, json.dumps(result, indent=1) + "\n")
    say(f"{name}: {len(runs)} seeds, {fmean(run['seconds'] for run in runs):.0f} s each")
    for claim in table["claims"].values():
        answers = held(claim, runs)
        say(f"  {'holds' if true(claim, runs) else 'FAILS'} ({sum(answers)} of {len(answers)}): {claim['says']}")
        for label, glued in claim["shows"].items():
            say("        {}: {:.4g} ({:.4g} to {:.4g})".format(label, *spread(glued, runs)))
        if isinstance(claim.get("contest"), dict):
            for label, pair in differences(claim["contest"]).items():
                mean, low, high, same = difference(pair, runs)
                say(f"        difference {label}: {mean:.4g} (95 % {low:.4g} to {high:.4g}), {same} of {len(runs)} runs")
    return [key for key, claim in table["claims"].items() if not true(claim, runs)]


@refused_in_a_line
def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("only", nargs="*", help="names of lessons, such as adding")
    parser.add_argument("--all", action="store_true", help="also measure lessons whose code has not changed")
    parser.add_argument("--jobs", type=int, default=None, help="number of seeds to run at once (default: one per processor)")
    parser.add_argument("--run", nargs=3, metavar=("PAGE", "SEED", "ROOT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        with contextlib.redirect_stdout(io.StringIO()):
            values = run_lesson(arguments.run[0], int(arguments.run[1]), arguments.run[2])
        json.dump(values, sys.stdout)
        return 0
    tables = read()
    if unknown := set(arguments.only) - set(tables):
        parser.error(f"lessons: expected some of {', '.join(tables)}, got {', '.join(sorted(unknown))}")
    if missing := [name for name, origin, _ in prefetch() if origin == "missing"]:
        print(f"Claims are measured on the real data, and these files are missing: {', '.join(missing)}. Set RNNLIB_DATA.", file=sys.stderr)
        return 2
    failed = []
    with ThreadPoolExecutor(arguments.jobs or joblib.cpu_count()) as pool:
        for name, table in tables.items():
            last = stored(name)
            fresh = last is not None and last["code"] == code_hash(ROOT / table["lesson"]) and len(last["runs"]) == table["seeds"]
            if name in arguments.only or (not arguments.only and (arguments.all or not fresh)):
                failed += measure(name, table, ROOT, pool, lambda text: print(text, flush=True))
    return print(f"These claims do not hold: {', '.join(failed)}", file=sys.stderr) or 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
