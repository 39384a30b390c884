"""The strict Sphinx build, left out when nothing that a page shows has changed."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

from tools import write_whole

INPUTS = ("chapters", "claims", "tools/rnnbook", "_static", "_latex", "_config.yml", "_toc.yml", "requirements.txt")
# The program jb, with what tools/__init__.py does for a quick start.
JUPYTER_BOOK = (sys.executable, "-X", "utf8", "-c", "import tools; from jupyter_book.cli.main import main; main()")
STRICT = ("-n", "-W", "--keep-going")


def fingerprint(root, outputs):
    """A hash of every file that the site is made of and of the lessons' ``outputs`` (any JSON value)."""
    hashed = hashlib.sha256(json.dumps(outputs, sort_keys=True).encode())
    for name in INPUTS:
        path = root / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                hashed.update(file.relative_to(root).as_posix().encode())
                hashed.update(file.read_bytes())
    return hashed.hexdigest()


def build(root, target, outputs):
    """Build ``_build/html`` below ``target`` and return True if that was needed.

    A site is always built whole: in a partial build the warnings of untouched pages are not seen again, and their side bars
    keep old titles. The costly part, the lessons' outputs, comes from the cache either way.

    Raises
    ------
    RuntimeError
        The build gave an error or a warning; the text is what Sphinx said.
    """
    stamp, html = target / "_build" / "site.stamp", target / "_build" / "html"
    wanted = fingerprint(root, outputs)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted and (html / "index.html").is_file():
        return False
    stamp.unlink(missing_ok=True)
    for folder in (html, target / "_build" / ".doctrees"):
        shutil.rmtree(folder, ignore_errors=True)
    done = subprocess.run(
        [*JUPYTER_BOOK, "build", root, "--path-output", target, *STRICT, "-q"],
        cwd=Path(__file__).resolve().parent.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stdout.strip())
    write_whole(stamp, wanted)
    return True
