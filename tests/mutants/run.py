"""Do the tests see a fault? Plants the faults of faults.toml one by one and runs the tests that must turn red.

    python tests/mutants/run.py          those whose code or tests changed since; the answers are written to result.json as they come
    python tests/mutants/run.py lstm fit those with "lstm" or "fit" in the name; nothing is written

A run that is stopped goes on where it was.
The checkout is left alone: library and tests are copied to a temporary folder, and rnnlib is imported from there.
Each run has its own process, forked from one that has imported torch already. The exit status is 1 if a fault survives.
"""

import contextlib
import datetime
import functools
import hashlib
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT))

from tools.bare import bare, joined  # noqa: E402
from tools.reach import Reach  # noqa: E402

RESULT = HERE / "result.json"
TIME_LIMIT = 600.0  # seconds, for the tests of one fault
PROCESSES = multiprocessing.get_context("forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn")


def read_faults():
    """The faults as dicts with ``name``, ``says``, ``file``, ``old``, ``new`` and ``tests``."""
    return tomllib.loads((HERE / "faults.toml").read_text(encoding="utf-8"))["fault"]


def planted(fault, root):
    """The text of the fault's file with the fault in it; a ValueError says where the fault does not fit the code."""
    for name in fault["tests"]:
        if not (root / "tests" / name).is_file():
            raise ValueError(f"{fault['name']}: there is no tests/{name}")
    text = (root / "rnnlib" / fault["file"]).read_text(encoding="utf-8")
    if text.count(fault["old"]) != 1:
        raise ValueError(f"{fault['name']}: expected its old text once in rnnlib/{fault['file']}, found {text.count(fault['old'])} times")
    return text.replace(fault["old"], fault["new"])


def key(fault, root=ROOT):
    """A hash of what decides whether a fault is seen: the fault, its tests, and what these reach in the library."""
    digest = hashlib.sha256(json.dumps(fault, sort_keys=True).encode())
    helpers = [file for file in sorted(root.glob("tests/*.py")) if not file.name.startswith("test_")]
    for file in [*helpers, *(root / "tests" / name for name in fault["tests"])]:
        digest.update(_code(file).encode() + b"\0")
    for text in _reached(tuple(fault["tests"]), root):
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()[:16]


@functools.cache
def _code(file):
    return joined(bare(file.read_text(encoding="utf-8")))


@functools.cache
def _reached(tests, root):
    source = "\n".join(_code(root / "tests" / name) for name in tests) + "\n"
    source += "\n".join(_code(file) for file in sorted(root.glob("tests/*.py")) if not file.name.startswith("test_"))
    source = source.replace("from __future__ import annotations", "")
    if "import_module" in source or "__import__" in source:  # by name: any module
        return [_code(file) for file in sorted((root / "rnnlib").rglob("*.py"))]
    return [text for _, text in Reach(source, root).texts()]


def fresh_rows(faults):
    """The stored answers that are of today's code, by the fault's name."""
    stored = json.loads(RESULT.read_text(encoding="utf-8"))["faults"] if RESULT.is_file() else []
    keys = {fault["name"]: key(fault) for fault in faults}
    return {row["name"]: row for row in stored if row["killed_by"] and keys.get(row["name"]) == row.get("key")}


def store(faults, rows):
    """Write the answers that there are, in the order of the list."""
    listed = ",\n".join("  " + json.dumps(rows[fault["name"]]) for fault in faults if fault["name"] in rows)
    RESULT.write_text(f'{{"faults": [\n{listed}\n]}}\n', encoding="utf-8")


def red_tests(root, tests, *, first_only=True):
    """Ids of the tests that fail in ``root``; with ``first_only`` the run ends at the first."""
    receiver, sender = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=_run, args=(root, tests, first_only, sender))
    process.start()
    sender.close()
    answered = receiver.poll(TIME_LIMIT)
    if not answered:
        process.kill()
    process.join()
    with contextlib.suppress(EOFError):
        if answered:
            status, red = receiver.recv()
            if status in (0, 1):  # all passed, or some failed
                return red
    log = (root / "log").read_text(encoding="utf-8", errors="replace")
    raise RuntimeError(f"expected tests that pass or fail, got {'a crash' if answered else 'no answer'}:\n{log[-2000:]}")


def _run(root, tests, first_only, sender):
    """In a process of its own: pytest in ``root``, with the rnnlib that lies there."""
    log = os.open(root / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1), os.dup2(log, 2)
    os.chdir(root)
    os.environ |= {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    sys.dont_write_bytecode = True  # two versions of a file may share their second and their size
    sys.path.insert(0, str(root))
    import pytest

    import rnnlib

    assert Path(rnnlib.__file__).is_relative_to(root), f"rnnlib comes from {rnnlib.__file__}"
    red = []

    class Listener:
        def pytest_runtest_logreport(self, report):
            red.extend([report.nodeid] * report.failed)

    options = ["-q", "-p", "no:cacheprovider", "--tb=short", "--rootdir", str(root), *(["-x"] if first_only else [])]
    sender.send((int(pytest.main([*options, *tests], plugins=[Listener()])), red))


def main(*only):
    PROCESSES.set_forkserver_preload(["pytest", "numpy", "scipy.sparse", "torch"])
    faults = [fault for fault in read_faults() if not only or any(word in fault["name"] for word in only)]
    for fault in faults:
        planted(fault, ROOT)
    rows = {} if only else fresh_rows(faults)
    todo = [fault for fault in faults if fault["name"] not in rows]
    if kept := len(faults) - len(todo):
        print(f"{kept} of {len(faults)} faults have an answer of today's code")
    began, red = time.perf_counter(), []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        for part in ("rnnlib", "tests", "tools"):
            shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", root)
        for k, fault in enumerate(todo, 1):
            print(f"{k:3}/{len(todo)}  {fault['name']:42}", end=" ", flush=True)
            rows[fault["name"]] = row = answer(fault, root)
            print(f"{row['seconds']:5.1f} s  {(row['killed_by'] or 'SURVIVED: ' + fault['says']).removeprefix('tests/')}", flush=True)
            if not only:
                store(faults, rows)
        killers = sorted({rows[fault["name"]]["killed_by"] for fault in todo} - {None})
        red = red_tests(root, killers, first_only=False) if killers else []
    for name in red:
        print(f"{name} is red without any fault: what it says about faults counts for nothing")
    survivors = [name for name, row in rows.items() if row["killed_by"] is None or row["killed_by"] in red]
    print(f"{len(rows) - len(survivors)} of {len(rows)} faults seen, {time.perf_counter() - began:.0f} s")
    if survivors:
        print("survived:", ", ".join(survivors))
    if red and not only:
        store(faults, {name: row for name, row in rows.items() if row["killed_by"] not in red})
    return 1 if survivors or not rows else 0


def answer(fault, root):
    """Plant a fault in the copy, run its tests, mend the copy; the row for the result."""
    file, start = root / "rnnlib" / fault["file"], time.perf_counter()
    sound = file.read_text(encoding="utf-8")
    file.write_text(planted(fault, root), encoding="utf-8")
    try:
        red = red_tests(root, [f"tests/{name}" for name in fault["tests"]])
    finally:
        file.write_text(sound, encoding="utf-8")
    seconds = round(time.perf_counter() - start, 1)
    today = datetime.date.today().isoformat()
    return {"name": fault["name"], "killed_by": red[0] if red else None, "seconds": seconds, "date": today, "key": key(fault)}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
