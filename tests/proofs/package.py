"""Does each way to install rnnlib give what it promises? Builds the wheel and the sdist and installs them in fresh environments.

    python tests/proofs/package.py [arguments for pip install]          PYTHON names the interpreter of the environments

``rnnlib``, ``rnnlib[torch]`` and ``rnnlib[viz]`` are each installed from the wheel and used as rnnlib/README.md says; then every
dependency is put at its lower bound and the tests of the library are run. Needs the package index, or a folder of wheels
(`--find-links FOLDER`). Nothing is written into the repository.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
README = (ROOT / PROJECT["readme"]).read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
SOURCES = ("pyproject.toml", "MANIFEST.in", "LICENSE", "LICENSE-text", "README.md", "rnnlib", "tests")
# A test of the library alone imports the library and nothing else of this repository.
OURS, OTHERS = (re.compile(rf"^(?:from|import) (?:{names})\b", re.MULTILINE) for names in ("rnnlib", "tools|labs|docs|yaml"))
TEST_TOOLS = ("pytest", "pytest-xdist", "ipython", "pyparsing<3.3")  # Matplotlib 3.8 warns with a newer pyparsing

ALONE = """
import doctest, importlib, pkgutil, sys
import rnnlib.scratch, rnnlib.data, rnnlib.gradcheck, rnnlib.book
import numpy as np, math
for module in pkgutil.iter_modules(rnnlib.scratch.__path__):
    result = doctest.testmod(importlib.import_module("rnnlib.scratch." + module.name), extraglobs={"np": np, "math": math})
    assert result.failed == 0, module.name
x, y = rnnlib.data.adding(4, 10, np.random.default_rng(0))[:2]
corpus = rnnlib.data.alice(offline=True)
rnnlib.book.note(corpus)
rnnlib.book.source_of(rnnlib.data.char_batches)
rnnlib.scratch.jacobian.spectral_radius(np.eye(3))
rnnlib.scratch.reservoir.Reservoir(1, 50)
found = {"torch", "matplotlib", "IPython"} & {name.split(".")[0] for name in sys.modules}
assert not found, found
"""
TORCH = """
import importlib, pkgutil
import torch, rnnlib.nn
from rnnlib.train import fit
for module in pkgutil.iter_modules(rnnlib.nn.__path__):
    importlib.import_module("rnnlib.nn." + module.name)
model = rnnlib.nn.SequenceClassifier(3, 4, 2)
batches = lambda epoch: [(torch.randn(5, 7, 3), torch.arange(5) % 2)]
history = fit(model, batches, lambda model, x, y: torch.nn.functional.cross_entropy(model(x), y), epochs=2)
assert len(history.loss) == 2
"""
VIZ = """
import contextlib, io, tempfile
from pathlib import Path
from rnnlib import viz
ax = viz.loss_curve({"LSTM": [3.0, 2.0, 1.0]})
said = io.StringIO()
with contextlib.redirect_stdout(said):
    viz.show(ax, alt="The loss falls from 3 to 1.")
assert said.getvalue() == "Figure: The loss falls from 3 to 1.\\n", said.getvalue()
ax.figure.savefig(Path(tempfile.mkdtemp()) / "loss.svg")
"""
TYPED = "import importlib.resources; assert importlib.resources.files('rnnlib').joinpath('py.typed').is_file()\n"
WAYS = {"": TYPED + ALONE + EXAMPLES[0], "torch": TORCH + EXAMPLES[0] + EXAMPLES[1], "viz": VIZ}


def run(*words, cwd=ROOT, **variables):
    """Run a command; its output is shown only where it fails."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    environment.pop("PYTHONPATH", None)  # the installed library is to be found, not this checkout
    done = subprocess.run([str(word) for word in words], cwd=cwd, env=environment, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))[:300]}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}")
    return done.stdout


def environment(folder, pip, *wanted):
    """A fresh environment with ``wanted`` installed; the path of its Python."""
    run(os.environ.get("PYTHON") or sys.executable, "-m", "venv", folder)
    python = folder / "bin" / "python"
    if wanted:
        run(python, "-m", "pip", "install", "--disable-pip-version-check", *pip, *wanted)
    return python


def lowest():
    """Every dependency at the lower bound that pyproject.toml states."""
    wanted = [*PROJECT["dependencies"], *(need for extra in PROJECT["optional-dependencies"].values() for need in extra)]
    return [need.replace(">=", "==") for need in wanted]


def of_the_library(text):
    """Whether this text of a test needs rnnlib only."""
    return bool(OURS.search(text)) and not OTHERS.search(text)


def main(pip):
    folder = Path(tempfile.mkdtemp(prefix="rnnlib-"))
    try:
        source, dist, empty = folder / "source", folder / "dist", folder / "empty"
        for made in (source, empty):
            made.mkdir()
        for name in SOURCES:
            path = ROOT / name
            ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(path, source / name, ignore=ignore) if path.is_dir() else shutil.copy(path, source / name)
        tools = environment(folder / "tools", pip, "build", "twine")
        run(tools, "-m", "build", "--outdir", dist, source)
        run(tools, "-m", "twine", "check", "--strict", *dist.iterdir())
        (wheel,) = dist.glob("*.whl")
        print(f"built and checked: {', '.join(sorted(path.name for path in dist.iterdir()))}", flush=True)
        for extra, program in WAYS.items():
            name = f"rnnlib[{extra}]" if extra else "rnnlib"
            python = environment(folder / f"for-{extra}", pip, f"{name} @ {wheel.as_uri()}")
            run(python, "-W", "error", "-c", program, cwd=empty, RNNLIB_CACHE=str(folder / "cache"), RNNLIB_OFFLINE="1")
            print(f"works: pip install {name}", flush=True)
        bounds = lowest()
        python = environment(folder / "lowest", pip, *bounds, *TEST_TOOLS)
        tests = [path for path in sorted((source / "tests").rglob("test_*.py")) if of_the_library(path.read_text(encoding="utf-8"))]
        said = run(python, "-m", "pytest", "-n", "2", "-p", "no:cacheprovider", *tests, cwd=source)
        print(f"tests pass with {', '.join(bounds)}: {said.strip().splitlines()[-1]}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1:])
