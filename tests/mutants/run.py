"""Do the tests see a fault? Plants the faults of faults.toml one by one and runs the tests that must turn red.

    python tests/mutants/run.py          all of them; the answers are written to result.json
    python tests/mutants/run.py lstm fit those with "lstm" or "fit" in the name; nothing is written

The checkout is left alone: library and tests are copied to a temporary folder, and rnnlib is imported from there.
Each run has its own process, forked from one that has imported torch already. The exit status is 1 if a fault survives.
"""

import contextlib
import datetime
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


def code_hash(root):
    """SHA-256 over the library, its tests and the faults: what the stored result is a result of."""
    files = sorted({*root.glob("rnnlib/**/*.py"), *root.glob("tests/*.py"), *root.glob("tests/mutants/*.[pt]*")})
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


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
    rows, code, began = [], code_hash(ROOT), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        for part in ("rnnlib", "tests"):
            shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", root)
        for k, fault in enumerate(faults, 1):
            print(f"{k:3}/{len(faults)}  {fault['name']:42}", end=" ", flush=True)
            file, start = root / "rnnlib" / fault["file"], time.perf_counter()
            sound = file.read_text(encoding="utf-8")
            file.write_text(planted(fault, root), encoding="utf-8")
            try:
                red = red_tests(root, [f"tests/{name}" for name in fault["tests"]])
            finally:
                file.write_text(sound, encoding="utf-8")
            rows.append({"name": fault["name"], "killed_by": red[0] if red else None, "seconds": round(time.perf_counter() - start, 1)})
            print(f"{rows[-1]['seconds']:5.1f} s  {red[0].removeprefix('tests/') if red else 'SURVIVED: ' + fault['says']}", flush=True)
        survivors = [row["name"] for row in rows if row["killed_by"] is None]
        killers = sorted({row["killed_by"] for row in rows} - {None})
        red = red_tests(root, killers, first_only=False) if killers else []
    for name in red:
        print(f"{name} is red without any fault: what it says about faults counts for nothing")
    print(f"{len(rows) - len(survivors)} of {len(rows)} faults seen by {len(killers)} tests, {time.perf_counter() - began:.0f} s")
    if survivors:
        print("survived:", ", ".join(survivors))
    if not only and not red:
        listed = ",\n".join("  " + json.dumps(row) for row in rows)
        head = f'{{"date": "{datetime.date.today()}", "code": "{code}", "faults": [\n'
        RESULT.write_text(head + listed + "\n]}\n", encoding="utf-8")
    return 1 if survivors or red or not rows else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
