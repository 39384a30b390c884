"""`jb build .`, as anyone who knows Jupyter Book types it first: it needs no make and no variable, and works from any folder."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
JB = Path(sys.executable).with_name("jb")
TOC = "format: jb-book\nroot: chapters/index\n"
PAGE = "(start)=\n# A page\n\nOne formula, $h_t$, and one link, [](start).\n"


@pytest.fixture
def book(tmp_path):
    """A checkout whose only page is a short one without code."""
    folder = tmp_path / "course"
    for name in ("tools", "_static", "_latex"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "_config.yml", folder)
    (folder / "chapters").mkdir()
    (folder / "chapters/references.bib").write_text("", encoding="utf-8")
    (folder / "chapters/index.md").write_text(PAGE, encoding="utf-8")
    (folder / "_toc.yml").write_text(TOC, encoding="utf-8")
    return folder


def jb(*words, cwd):
    """Run jb without this checkout on any path; its status and what it said, without colours."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([JB, *map(str, words)], cwd=cwd, env=environment, capture_output=True, encoding="utf-8", check=False)
    return done.returncode, re.sub(r"\x1b\[[\d;]*m", "", done.stdout + done.stderr)


def test_jb_builds_the_book_without_a_warning(book):
    status, said = jb("build", ".", cwd=book)
    assert status == 0 and "WARNING" not in said, said
    assert "build succeeded." in said and (book / "_build/html/chapters/index.html").is_file()
    assert jb("clean", ".", cwd=book)[0] == 0 and not (book / "_build/html").exists()


def test_jb_builds_from_another_folder_to_another(book, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    status, said = jb("build", book, "--path-output", elsewhere, cwd=elsewhere)
    assert status == 0 and "WARNING" not in said, said
    assert (elsewhere / "_build/html/chapters/index.html").is_file()


def test_jb_writes_the_configuration_for_sphinx(book):
    status, said = jb("config", "sphinx", ".", cwd=book)
    assert status == 0, said
    assert "tools.rnnbook" in (book / "conf.py").read_text(encoding="utf-8")
