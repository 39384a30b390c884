"""Setting up: which Python, which build of torch, and what becomes of an environment that is stale, broken, moved or half made."""

import http.server
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tools import environment

ROOT = Path(__file__).resolve().parent.parent
PAGE = '<a href="/whl/cpu/torch-{}%2Bcpu-cp{}-cp{}-manylinux_2_28_{}.whl#sha256=0">torch</a>'
HERE = environment.PYTHON.replace(".", "")


@pytest.fixture
def bare(tmp_path):
    """A checkout with nothing to install, in a folder with an awkward name."""
    course = tmp_path / "a b (x) #1 o'neill ü" / "rnn"
    (course / "tools").mkdir(parents=True)
    for name in ("Makefile", "tools/__init__.py", "tools/setup.sh", "tools/setup.py", "tools/environment.py"):
        shutil.copy(ROOT / name, course / name)
    for name in ("requirements.txt", "pyproject.toml"):
        (course / name).write_bytes(b"")
    return course


@pytest.fixture
def programs(tmp_path):
    """A folder of programs, the only one on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "sh").symlink_to(shutil.which("sh"))
    return folder


def program(path, text):
    """A small shell program."""
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def make(course, *words, **variables):
    """Run make; returns its status and what it said."""
    keep = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "PYTHON")}
    command = [shutil.which("make"), *words]
    done = subprocess.run(command, cwd=course, env={**keep, **variables}, capture_output=True, encoding="utf-8", check=False)
    return done.returncode, done.stdout + done.stderr


# --- which Python -------------------------------------------------------------------------------------------------------------


def test_without_a_python_it_says_what_to_install(bare, programs):
    status, said = make(bare, "test", PATH=str(programs))
    assert status != 0 and "Python 3.11, 3.12 or 3.13 is needed" in said and "apt install python3" in said and "Error" in said


@pytest.mark.parametrize("version", ["2.7.18", "3.6.15", "3.10.13", "3.14.0"])
def test_a_python_that_does_not_fit_is_named(bare, programs, version):
    program(programs / "python3", f'case "$1" in --version) echo Python {version};; *) exit 1;; esac')
    status, said = make(bare, "book", PATH=str(programs))
    assert status != 0 and f"Python {version}" in said
    major, minor = version.split(".")[:2]
    text = (ROOT / "tools/setup.py").read_text(encoding="utf-8")
    assert "f'" not in text and 'f"' not in text, "an old Python must be able to read it"
    with pytest.raises(SystemExit, match=rf"3\.11, 3\.12 or 3\.13 is needed, and .* is Python {major}\.{minor}\.") as stop:
        fake = type("sys", (), {"version_info": (int(major), int(minor)), "executable": "python", "exit": sys.exit})
        exec(text.replace("import sys\n", ""), {"sys": fake, "__file__": str(ROOT / "tools/setup.py"), "__name__": "setup"})
    assert "PYTHON=" in str(stop.value)


@pytest.mark.parametrize("name", ["is not there", "is no Python", "cannot be run"])
def test_what_python_names_must_be_one(bare, tmp_path, name):
    path = tmp_path / name
    if name == "is no Python":
        program(path, "echo hello")
    elif name == "cannot be run":
        path.write_bytes(b"text")
    status, said = make(bare, "setup", PYTHON=str(path))
    assert status != 0 and f"PYTHON: expected a Python 3.11, 3.12 or 3.13, got {path}" in said
    assert not (bare / ".venv").exists()


def test_the_workflow_and_the_readme_name_the_same_pythons():
    named = [re.findall(r"\(3, (\d+)\)", (ROOT / name).read_text(encoding="utf-8")) for name in ("tools/setup.py", "tools/setup.sh")]
    assert named == [["11", "12", "13"]] * 2
    readme, flow = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", ".github/workflows/test.yml"))
    assert "3.11, 3.12 or 3.13" in readme and '"3.11", "3.12", "3.13"' in flow


# --- the environment ----------------------------------------------------------------------------------------------------------


def test_an_environment_is_made_kept_mended_and_made_anew(bare, tmp_path):
    python = tmp_path / "the python"  # a path with a space
    python.symlink_to(sys.executable)
    status, said = make(bare, "setup", PYTHON=str(python))
    assert status == 0 and "Creating .venv" in said, said
    assert "is up to date" in make(bare, "setup")[1]
    assert subprocess.run(["sh", "tools/setup.sh", "--quiet"], cwd=bare, capture_output=True, check=True).stdout == b"", "other verbs"

    (bare / "requirements.txt").write_bytes(b"# changed\n")
    said = make(bare, "setup")[1]
    assert "Installing" in said and "Making" not in said, "pinned packages changed: install, keep the environment"

    (bare / "requirements.txt").write_bytes(b"./is-not-there\n")
    status, said = make(bare, "setup")
    assert status != 0 and "Installation failed" in said
    (bare / "requirements.txt").write_bytes(b"")
    assert "Installing" in make(bare, "setup")[1], "what failed is not taken for done"

    (bare / ".venv/bin/python").unlink()
    status, said = make(bare, "setup")
    assert status == 0 and "is incomplete" in said and "Creating it again" in said


def test_an_environment_of_another_python_is_made_anew(tmp_path):
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    assert "is incomplete" in environment.fault(venv)
    (venv / "pyvenv.cfg").write_text(f"command = /usr/bin/python3 -m venv {venv}\n", encoding="utf-8")
    assert "is incomplete" in environment.fault(venv)
    program(venv / "bin/python", "echo 3.10")
    assert environment.fault(venv) == f"has Python 3.10, expected {environment.PYTHON}"
    program(venv / "bin/python", "exit 1")
    assert "does not start, or no pip" in environment.fault(venv)
    program(venv / "bin/python", f"echo {environment.PYTHON}")
    assert environment.fault(venv) == ""
    (venv / "pyvenv.cfg").write_text("command = /usr/bin/python3 -m venv /elsewhere/.venv\n", encoding="utf-8")
    assert "was moved or copied" in environment.fault(venv)


def test_a_link_to_nothing_and_a_folder_that_cannot_be_written_are_said_in_a_line(tmp_path, monkeypatch):
    for name in ("requirements.txt", "pyproject.toml"):
        (tmp_path / name).write_bytes(b"")
    monkeypatch.setattr(environment.os, "access", lambda path, mode: False)
    with pytest.raises(environment.Problem, match=r"You cannot write to .*\. Clone the course into a folder of your own"):
        environment.setup(tmp_path)
    (tmp_path / ".venv").symlink_to(Path(sys.prefix).resolve())
    environment.setup(tmp_path)  # somebody else's: used as it is
    (tmp_path / ".venv").unlink()
    (tmp_path / ".venv").symlink_to(tmp_path / "gone")
    with pytest.raises(environment.Problem, match=r"\.venv is a link to .*gone, which does not exist"):
        environment.setup(tmp_path)


@pytest.mark.parametrize("name", ["a%20b", "what?", "$HOME", "x[1]", f"a{os.pathsep}b"])
def test_a_folder_that_a_tool_would_misread_is_refused_before_anything_is_made(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(environment.Problem, match=re.escape(f"Rename or move {tmp_path / name}")):
        environment.setup(tmp_path / name)
    assert list((tmp_path / name).iterdir()) == []


def test_a_full_disk_is_said_before_anything_is_downloaded(tmp_path, monkeypatch):
    monkeypatch.setattr(environment.shutil, "disk_usage", lambda folder: type("usage", (), {"free": 1.0e9}))
    with pytest.raises(environment.Problem, match=r"expected about 2 GB free, got 1\.0 GB\.$"):
        environment.check_space(tmp_path / ".venv", 0.5, 2.0)
    with pytest.raises(environment.Problem, match="set TMPDIR"):
        environment.check_space(tmp_path / ".venv", 1.6, 0.5)
    environment.check_space(tmp_path / ".venv", 0.5, 0.5)


def test_a_disk_that_fills_up_while_pip_runs_is_named(tmp_path, monkeypatch):
    for name in ("requirements.txt", "pyproject.toml"):
        (tmp_path / name).write_bytes(b"")
    monkeypatch.setattr(environment.subprocess, "run", lambda *words, **options: subprocess.CompletedProcess(words, 1, b"", b""))
    for step in (lambda: environment.make(tmp_path / ".venv", ""), lambda: environment.install(tmp_path, tmp_path / ".venv", [])):
        for free, said in ((1e6, f"The disk of {tmp_path} is full"), (1e9, "the lines above say why")):
            monkeypatch.setattr(environment.shutil, "disk_usage", lambda folder, free=free: type("usage", (), {"free": free}))
            with pytest.raises(environment.Problem, match=re.escape(said)):
                step()


# --- torch --------------------------------------------------------------------------------------------------------------------


def must_not_ask():
    raise AssertionError("the index was asked")


@pytest.mark.parametrize(
    ("case", "index", "said", "size"),
    [
        ({"system": "darwin", "ask": must_not_ask}, False, "", environment.CPU),
        ({"system": "win32", "ask": must_not_ask}, False, "", environment.CPU),
        ({"card": True, "ask": must_not_ask}, False, "There is an NVIDIA card", environment.CUDA),
        ({"arguments": ["--index-url=https://a.example"], "ask": must_not_ask}, False, "your pip arguments", environment.CPU),
        ({"arguments": ["-f", "wheels"], "ask": must_not_ask}, False, "your pip arguments", environment.CPU),
        ({"settings": "global.index-url='https://a.example'", "ask": must_not_ask}, False, "in pip's settings", environment.CPU),
        ({"settings": ":env:.no-index='1'", "ask": must_not_ask}, False, "in pip's settings", environment.CPU),
        ({"settings": "global.find-links='wheels'\nglobal.extra-index-url='x'"}, True, "without CUDA", environment.CPU),
        ({"arguments": ["--no-cache-dir"]}, True, "without CUDA", environment.CPU),
        ({}, True, "without CUDA", environment.CPU),
        (
            {"ask": lambda: "no answer within 5 s"},
            False,
            "no answer within 5 s",
            environment.CUDA,
        ),
    ],
)
def test_which_build_of_torch_is_taken(case, index, said, size):
    usual = {"arguments": [], "settings": "", "card": False, "ask": lambda: "", "system": "linux"}
    arguments, words, sizes = environment.torch_build(**{**usual, **case})
    assert arguments == (["--extra-index-url", environment.CPU_INDEX] if index else [])
    assert (said in words if said else words == "") and sizes == size


@pytest.fixture
def index():
    """A server that answers as PyTorch's index does; ``index.page`` is its page, None lets it stay silent."""
    done = threading.Event()

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            if self.server.page is None:
                done.wait(10)
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.server.page.encode())

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        server.page, server.asked = "", []
        server.url = f"http://127.0.0.1:{server.server_port}/whl/cpu"
        threading.Thread(target=server.serve_forever).start()
        yield server
        done.set()
        server.shutdown()


def test_the_index_is_asked_once_for_a_build_that_fits(index):
    index.page = PAGE.format("2.13.0", HERE, HERE, platform.machine())
    assert environment.offers(index.url, "2.13.0") == ""
    assert index.asked == ["/whl/cpu/torch/"]
    assert environment.offers(index.url, "2.14.0") == f"no torch 2.14.0 for Python {environment.PYTHON}"
    index.page = PAGE.format("2.13.0", "39", "39", platform.machine())
    assert "no torch 2.13.0" in environment.offers(index.url, "2.13.0")
    index.page = PAGE.format("2.13.0", HERE, HERE, "vax")
    assert "no torch 2.13.0" in environment.offers(index.url, "2.13.0")


def test_an_index_that_does_not_answer_costs_some_seconds_only(index):
    index.page = None
    assert "no answer" in (said := environment.offers(index.url, "2.13.0", seconds=0.2)) or "timed out" in said
    assert environment.offers("http://127.0.0.1:1", "2.13.0") != ""
    assert environment.offers("no address", "2.13.0") != ""


def test_what_is_installed_is_asked_of_the_index_that_answers(index, bare, monkeypatch, capsys):
    index.page = PAGE.format("2.13.0", HERE, HERE, platform.machine())
    (bare / "requirements.txt").write_bytes(b"torch==2.13.0\n")
    pip = []
    monkeypatch.setattr(environment, "CPU_INDEX", index.url)
    monkeypatch.setattr(environment, "output", lambda *words: "")
    monkeypatch.setattr(environment, "check_space", lambda *sizes: None)
    monkeypatch.setattr(environment.shutil, "which", lambda name: None)
    monkeypatch.setattr(environment.sys, "platform", "linux")
    monkeypatch.setattr(environment.subprocess, "run", lambda words, **_: pip.append(words) or subprocess.CompletedProcess(words, 0))
    environment.install(bare, bare / ".venv", ["--no-cache-dir"])
    if not os.path.exists("/proc/driver/nvidia/version"):
        assert "To download: about 0.5 GB" in capsys.readouterr().out
        assert pip[0][5:] == ["--extra-index-url", index.url, "--no-cache-dir", "-r", "requirements.txt"]
    monkeypatch.setattr(environment, "output", lambda *words: "2.13.0+cpu")
    environment.install(bare, bare / ".venv", [])
    assert len(index.asked) <= 1 and pip[1][5:] == ["-r", "requirements.txt"], "torch is there"


def test_help_installs_nothing(bare):
    done = subprocess.run([sys.executable, "tools/setup.py", "--help"], cwd=bare, capture_output=True, encoding="utf-8", check=True)
    assert "python tools/setup.py" in done.stdout and not (bare / ".venv").exists()
