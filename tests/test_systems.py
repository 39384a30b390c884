"""Windows and macOS, as far as Linux can tell: what a student uses asks for nothing that only POSIX has, and text is UTF-8 everywhere."""

import ast
import errno
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tools import AGAIN, lessons, refused_in_a_line, write_whole

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(
    path
    for folder in ("rnnlib", "labs", "tools", "tests", "benchmarks", "chapters")
    for path in (ROOT / folder).rglob("*.[pm][yd]")
    if path.suffix == ".py" or re.search(r"^```\{code-cell\}", path.read_text(encoding="utf-8"), re.MULTILINE)
)
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for folder in ("rnnlib", "labs", "tools")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path.name not in ("__main__.py", "nbgrader_config.py")
]

# Other people's libraries are loaded as this system has them; then everything is taken away that Windows lacks.
WITHOUT_POSIX = """
import os, select, selectors, signal, subprocess, sys
import IPython, copydetect, distributed, ipykernel, joblib, jupyter_cache, jupytext, matplotlib.pyplot, nbclient, nbformat
import nbgrader.apps.api, nbgrader.api, nbgrader.plugins
import pooch, psutil, requests, scipy.stats, sklearn, sphinx.application, torch, tqdm, yaml

subprocess._PopenSelector = selectors.SelectSelector
for name in ("resource", "fcntl", "pwd", "grp", "termios", "tty", "pty", "syslog", "posix"):
    sys.modules[name] = None
for module, names in {
    os: "fork forkpty geteuid getegid getuid getgid setuid setgid setsid killpg sched_getaffinity pidfd_open O_PATH sysconf uname",
    signal: "SIGKILL SIGHUP SIGUSR1 SIGALRM SIGCHLD sigwait alarm pthread_kill",
    select: "poll epoll",
}.items():
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
"""
ADDRESS = re.compile(r"(http://(?:localhost|127\.0\.0\.1):\d+)/\S*token=(\w+)")


def on_windows(code, *words, check=True):
    """Run Python code where nothing of POSIX is there; returns what it said, or the whole result with ``check=False``."""
    command = [sys.executable, "-W", "ignore", "-c", WITHOUT_POSIX + code, *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=300, check=False)
    if check:
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout
    return done


def test_every_module_can_be_imported_without_posix():
    code = "sys.platform, sys.path[0] = 'win32', os.getcwd()\nimport importlib\n"
    code += "for name in sys.argv[1:]:\n    importlib.import_module(name)\nprint(len(sys.argv) - 1)"
    assert on_windows(code, *MODULES).strip() == str(len(MODULES)) and len(MODULES) > 80


def test_a_lab_is_released_and_opened_without_posix(tmp_path):
    code = """
from unittest import mock

linux, sys.platform = sys.platform, "win32"
from labs.grading.text import workspace
from labs.grading.__main__ import main

sys.platform = linux  # for nbgrader
assert main(["release", "--lab", "2", "--course", sys.argv[1]]) == 0
with mock.patch.object(workspace.subprocess, "call", return_value=0) as started:
    assert main(["open", "--lab", "2", "--course", sys.argv[1], "--no-browser"]) == 0
print(started.call_args.args[0][1:3])
sys.platform = "win32"
sys.exit(main(["grade", "--lab", "2", "--course", sys.argv[1]]))
"""
    done = on_windows(code, tmp_path, check=False)
    assert done.returncode == 1 and "['-m', 'jupyterlab']" in done.stdout, done.stderr[-2000:]
    assert (tmp_path / "work/lab02_rnn/lab02_rnn.ipynb").is_file()
    (line,) = done.stderr.strip().splitlines()
    assert "needs Linux" in line and "--engine nbgrader" in line


def test_a_lesson_is_run_without_posix(tmp_path):
    code = """

import nbformat, math
from tools import execute

signal.SIGKILL = 9  # for the subprocess module of this system
cell = nbformat.v4.new_code_cell("print('Привет')")
done = execute.run_here(nbformat.v4.new_notebook(cells=[cell]), sys.argv[1])
assert done["error"] == "" and math.isnan(done["mib"]), done
print(done["notebook"].cells[0].outputs[0].text)
"""
    assert "Привет" in on_windows("sys.stdout.reconfigure(encoding='utf-8')" + code, tmp_path)


def test_a_lab_opens_in_jupyterlab(tmp_path):
    course = tmp_path / "a course"
    command = [sys.executable, "-m", "labs.grading", "open", "--lab", "2", "--course", str(course), "--no-browser"]
    env = {**os.environ, "PATH": os.defpath, "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"), "JUPYTER_CONFIG_DIR": str(tmp_path)}
    with open(tmp_path / "log", "w", encoding="utf-8") as log:
        opened = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + 120
        while not (address := ADDRESS.search((tmp_path / "log").read_text(encoding="utf-8"))):
            assert opened.poll() is None and time.monotonic() < end, (tmp_path / "log").read_text(encoding="utf-8")
            time.sleep(0.2)
        server, token = address.groups()
        headers = {"Authorization": f"token {token}"}
        with urllib.request.urlopen(urllib.request.Request(f"{server}/api/contents/lab02_rnn.ipynb", headers=headers), timeout=30) as page:
            assert json.load(page)["type"] == "notebook"
        urllib.request.urlopen(urllib.request.Request(f"{server}/api/shutdown", data=b"", headers=headers), timeout=30).close()
        assert opened.wait(60) == 0
    finally:
        if opened.poll() is None:
            opened.kill()
            opened.wait()


# --- text ---------------------------------------------------------------------------------------------------------------------


def guesses(source):
    """Lines of Python code that read or write text in the encoding of whatever machine they run on."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        call = ast.unparse(node.func)
        position = 1 if call in ("open", "os.fdopen") else 0
        mode = given.get("mode") or (node.args[position] if len(node.args) > position else ast.Constant("r" if call == "open" else "w+b"))
        opened = "b" not in str(getattr(mode, "value", "b"))
        as_text = {
            "read_text": not node.args,
            "write_text": True,
            "open": call == "open" and opened,
            "fdopen": opened,
            "TemporaryFile": opened,
            "NamedTemporaryFile": opened,
        }.get(name, getattr(given.get("text"), "value", None) is True)
        if as_text and "encoding" not in given:
            found.append(node.lineno)
    return found


def test_text_is_read_and_written_as_utf_8():
    faults = []
    for path in SOURCES:
        texts = lessons.code_cells(path) if path.suffix == ".md" else [path.read_text(encoding="utf-8")]
        faults += [f"{path.relative_to(ROOT)}:{line}" for text in texts for line in guesses(text)]
    assert faults == [], "give the encoding: " + ", ".join(faults)


@pytest.mark.parametrize(
    ("source", "guessed"),
    [
        ("path.read_text()", True),
        ("path.write_text(text)", True),
        ("open(path)", True),
        ("open(path, 'w')", True),
        ("subprocess.run(words, text=True)", True),
        ("tempfile.NamedTemporaryFile('w')", True),
        ("path.read_text(encoding='utf-8')", False),
        ("open(path, 'rb')", False),
        ("open(path, mode='wb')", False),
        ("tempfile.TemporaryFile()", False),
        ("subprocess.run(words, encoding='utf-8')", False),
        ("archive.open(name)", False),
    ],
)
def test_a_guessed_encoding_is_seen(source, guessed):
    assert bool(guesses(source)) == guessed


def test_what_the_system_refuses_is_said_in_one_line(capsys):
    def refuse(number):
        raise OSError(number, os.strerror(number), "_build")

    for number, then in ((errno.EROFS, ""), (errno.EACCES, ""), (errno.ENOSPC, f" {AGAIN}"), (errno.EDQUOT, f" {AGAIN}")):
        assert refused_in_a_line(refuse)(number) == 1
        assert capsys.readouterr().err == f"Cannot write _build: {os.strerror(number)}.{then}\n"
    with pytest.raises(OSError, match="_build"):
        refused_in_a_line(refuse)(errno.EIO)  # a fault, not a refusal


def test_a_full_disk_is_seen_behind_the_error_of_a_library(capsys):
    def cover(cause):
        try:
            raise cause
        except Exception as error:
            raise RuntimeError("Unexpected error accessing jupyter cache, it may need to be cleared.") from error

    for cause, words in (
        (OSError(errno.ENOSPC, "No space left on device"), f"Cannot write {ROOT}: No space left on device. {AGAIN}\n"),
        (sqlite3.OperationalError("database or disk is full"), f"Cannot write in {ROOT}: the disk is full. {AGAIN}\n"),
        (sqlite3.OperationalError("attempt to write a readonly database"), f"Cannot write in {ROOT}: it is read-only.\n"),
    ):
        assert refused_in_a_line(cover)(cause) == 1
        assert capsys.readouterr().err == words
    with pytest.raises(RuntimeError, match="jupyter cache"):
        refused_in_a_line(cover)(PermissionError(errno.EACCES, "of a file that was only read"))


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    write_whole(path, "old")

    def full(draft, text, encoding):
        draft.write_bytes(b"ne")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*a\.txt'"):
        write_whole(path, "new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
