"""What is too slow for every test run, measured by verbs of its own and kept here with the hash of the code that it was measured on.

``speed.json`` is written by ``benchmarks/grading.py --submissions 200 --store``, ``kills.json`` by ``make kills``.
"""

import datetime
import hashlib
import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LAB = "lab02_rnn"


def code_hash(root=ROOT):
    """SHA-256 over the engine and the lab that it was measured with."""
    digest = hashlib.sha256()
    for file in (*sorted(root.glob("labs/grading/*.py")), root / "labs" / f"{LAB}.md"):
        digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def store(name, facts):
    """Write ``NAME.json``."""
    head = {"date": datetime.date.today().isoformat(), "code": code_hash()}
    (HERE / f"{name}.json").write_text(json.dumps({**head, **facts}, indent=1) + "\n", encoding="utf-8")


def stored(name):
    """What ``NAME.json`` says."""
    return json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
