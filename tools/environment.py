"""The environment in .venv: made and installed where it is missing, stale or broken. The Python that runs this is the one it gets.

Only the standard library is used: nothing else is there yet.
"""

import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.request
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
RESUME = "Nothing is lost: run the same command again to continue."
FULL_BELOW = 20e6  # bytes: a program that found no room has removed some of what it wrote
SECONDS = 5  # to wait for an answer of that index
CPU, CUDA = (0.5, 2.0), (1.6, 6.0)  # GB to download, GB in .venv: measured on Linux, x86_64, with Python 3.11 and 3.12
LARGE = "PyPI's torch includes CUDA. To avoid that, press Ctrl+C and name an index of CPU builds: PIP_ARGS=--extra-index-url=URL"
MISREAD = "[]*?%$"  # by Jupyter as a pattern of files, by jupyter-cache and alembic as an address, by traitlets as a variable
SOURCES = ("-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--no-index")


class Problem(Exception):
    """Set-up cannot continue; the text says why, and what to do."""


def python_in(venv):
    """The interpreter of a virtual environment."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def state(root, venv):
    """What an installation was made from, as one line: it holds for as long as this line stays the same."""
    hashed = hashlib.sha256()
    for name in ("requirements.txt", "pyproject.toml"):
        hashed.update((root / name).read_bytes())
    return f"{hashed.hexdigest()[:16]} {PYTHON} {venv}"


def fault(venv):
    """Why an environment that is there cannot be used, or an empty text."""
    if not (venv / "pyvenv.cfg").is_file() or not python_in(venv).exists():
        return "is incomplete (its installation was interrupted, or its Python is gone)"
    settings = (venv / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace")
    made = re.search(r"^command = .* -m venv (.*)$", settings, re.MULTILINE)
    if made and not os.path.normcase(made[1]).endswith(os.path.normcase(str(venv))):
        return "was moved or copied here from another folder"
    found = output(python_in(venv), "-I", "-c", "import sys, pip; print('%d.%d' % sys.version_info[:2])")
    if not found:
        return "has a Python that does not start, or no pip"
    return "" if found == PYTHON else f"has Python {found}, expected {PYTHON}"


def output(*words):
    """What a program printed; nothing if it failed or does not start."""
    try:
        done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return ""
    return "" if done.returncode else done.stdout.decode(errors="replace").strip()


def offers(index, version, seconds=SECONDS):
    """Ask an index once, for some seconds, for this version of torch; an empty text if it has one for this machine, else why not."""
    tag, machine = PYTHON.replace(".", ""), re.escape(platform.machine())
    wanted = rf"torch-{re.escape(version)}(\+cpu)?-cp{tag}-[^\"<>\s]*{machine}\.whl"
    answer = []

    def ask():
        try:
            with urllib.request.urlopen(f"{index}/torch/", timeout=seconds) as page:
                listed = unquote(page.read().decode("utf-8", "replace"))
            answer.append("" if re.search(wanted, listed) else f"no torch {version} for Python {PYTHON}")
        except (OSError, ValueError) as error:
            answer.append(str(getattr(error, "reason", error)))

    thread = threading.Thread(target=ask, daemon=True)  # the limit of a socket does not cover the look-up of a name
    thread.start()
    thread.join(seconds)
    return answer[0] if answer else f"no answer within {seconds:g} s"


def torch_build(arguments, settings, card, ask, system=sys.platform):
    """Which build of torch to take: (arguments for pip, what to say, the sizes).

    Parameters
    ----------
    arguments : list of str
        What the user gives to pip.
    settings : str
        pip's own configuration, as ``pip config list`` prints it.
    card : bool
        There is an NVIDIA graphics card.
    ask : callable
        Asks PyTorch's index of CPU builds, as :func:`offers` does.
    """
    if system != "linux":
        return [], "", CPU  # what PyPI has for macOS and Windows is for the CPU
    if card:
        return [], "There is an NVIDIA card: torch comes with CUDA.", CUDA
    if any(word.split("=")[0] in SOURCES for word in arguments):
        return [], "torch comes from the index in your pip arguments.", CPU
    if re.search(r"\.(index-url|no-index)=", settings):
        return [], "torch comes from the index in pip's settings (see pip config list).", CPU
    why = ask()
    if not why:
        return ["--extra-index-url", CPU_INDEX], "No NVIDIA card: torch comes without CUDA.", CPU
    return [], f"No NVIDIA card, but {CPU_INDEX} is not available ({why}).\n{LARGE}", CUDA


def check_space(venv, download, disk):
    """Raise a Problem if a disk is too small for what comes."""
    for folder, needed, advice in (
        (venv.parent, disk, ""),
        (Path(tempfile.gettempdir()), download, " To use another folder for temporary files, set TMPDIR."),
    ):
        free = shutil.disk_usage(folder).free / 1e9
        if free < needed:
            raise Problem(f"Disk of {folder}: expected about {needed:g} GB free, got {free:.1f} GB.{advice}")


def full(venv):
    """A sentence if a disk that an installation writes to is full, or an empty text. Not every program says so itself."""
    for folder in (venv.parent, Path(tempfile.gettempdir())):
        if shutil.disk_usage(folder).free < FULL_BELOW:
            return f"The disk of {folder} is full. Make room. {RESUME}"
    return ""


def make(venv, why):
    """Make the environment, or make it anew because of ``why``."""
    if why:
        print(f".venv {why}. Creating it again.", flush=True)
    if os.name == "nt" and Path(sys.prefix).resolve() == venv:
        raise Problem(f".venv {why}. Its own Python cannot replace it. Run another one: py -3.12 tools\\setup.py")
    if not all(map(importlib.util.find_spec, ("venv", "ensurepip"))):
        raise Problem(f"{sys.executable} has no venv module. Debian, Ubuntu: sudo apt install python3-venv")
    print(f"Creating .venv with Python {platform.python_version()}", flush=True)
    base = getattr(sys, "_base_executable", sys.executable)  # where the environment's own Python runs this, it is about to go
    if subprocess.run([base, "-m", "venv", "--clear", str(venv)], cwd=venv.parent, check=False).returncode:
        raise Problem(full(venv) or "The virtual environment could not be created; the lines above say why.")


def install(root, venv, arguments):
    """Install what is pinned."""
    python, choice = str(python_in(venv)), []
    pinned = re.search(r"^torch==(\S+)", (root / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    there = output(python, "-I", "-c", "import importlib.metadata as m; print(m.version('torch'))").split("+")[0]
    if pinned and there != pinned[1]:
        card = os.path.exists("/proc/driver/nvidia/version") or shutil.which("nvidia-smi") is not None
        settings = output(python, "-m", "pip", "config", "list")
        choice, said, size = torch_build(arguments, settings, card, lambda: offers(CPU_INDEX, pinned[1]))
        print(*filter(None, [said]), f"To download: about {size[0]:g} GB. In .venv: about {size[1]:g} GB.", sep="\n", flush=True)
        check_space(venv, *size)
    print("Installing the pinned environment into .venv. The first time, this takes a few minutes.", flush=True)
    pip = [python, "-m", "pip", "install", "--disable-pip-version-check", *choice, *arguments, "-r", "requirements.txt"]
    if subprocess.run(pip, cwd=root, check=False).returncode:
        raise Problem(full(venv) or f"Installation failed; the lines above say why. {RESUME}")


def setup(root, arguments=(), quiet=False):
    """Bring the environment of a checkout up to date.

    Raises
    ------
    Problem
        The text says what to do.
    """
    for misread, reader in ((MISREAD, "Jupyter misreads it"), (os.pathsep, "it ends a path in PYTHONPATH")):
        if found := [c for c in misread if c in str(root)]:
            raise Problem(f"The course cannot run in a folder with {found[0]} in its path, because {reader}. Rename or move {root}")
    link, venv = (root / ".venv").is_symlink(), (root / ".venv").resolve()
    there, stamp = venv.exists(), venv / ".installed"
    why = fault(venv) if there else ""
    if link:  # of somebody who looks after that environment
        if why or not there:
            raise Problem(f".venv is a link to {venv}, which {why or 'does not exist'}. Remove the link, or repair the folder.")
        return
    if there and not why and stamp.is_file() and stamp.read_text(encoding="utf-8", errors="replace") == state(root, venv):
        if not quiet:
            print(f".venv is up to date (Python {platform.python_version()}).")
        return
    for folder in (root, venv):
        if folder.exists() and not os.access(folder, os.W_OK):
            raise Problem(f"You cannot write to {folder}. Clone the course into a folder of your own.")
    if why or not there:
        make(venv, why)
    stamp.unlink(missing_ok=True)
    install(root, venv, arguments)
    stamp.write_text(state(root, venv), encoding="utf-8")


def main(words):
    """Set up this checkout; returns the exit status."""
    try:
        setup(ROOT, [word for word in words if word != "--quiet"], quiet="--quiet" in words)
    except Problem as problem:
        print(f"\n{problem}", file=sys.stderr)
    except OSError as error:
        print(f"\n{error.filename or ROOT}: {error.strerror}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nStopped. Run the same command again to continue.", file=sys.stderr)
    else:
        return 0
    return 1
