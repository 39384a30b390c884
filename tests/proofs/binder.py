"""Does every lesson open and run on Binder? Makes Binder's environment afresh and opens each lesson in a real browser.

    python tests/proofs/binder.py                 all of it; what was seen is written to binder.json
    python tests/proofs/binder.py adding dates    open and run these; nothing is written

A fresh environment from ``binder/``'s files alone, then ``postBuild``, then ``start`` with JupyterLab, as repo2docker does it. Each lesson
is opened by the address of its rocket on the built page. Some lessons and a lab run to their end, once offline and without data, once with
the data in ``RNNLIB_DATA``. A cell that raises, planted, must be seen. A killed run goes on with what is not yet done.
"""

import argparse
import hashlib
import html
import json
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import nbformat  # noqa: E402
import psutil  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

from proofs import LAB, binder_hash, store  # noqa: E402
from tools import lessons  # noqa: E402

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))), None)
RUN = {"order", "characters", "memory", "reservoir", "gates", "inside", "dates", "project", "cells", "today"}
NOTEBOOK = ".jp-NotebookPanel:not(.lm-mod-hidden)"
BUSY = "() => [...document.querySelectorAll('.jp-InputPrompt')].some(prompt => prompt.textContent.includes('*'))"
# The words of each text cell, without the formulas, whose source stands beside them for screen readers.
TEXTS = """panel => [...document.querySelectorAll(`${panel} .jp-MarkdownCell .myst`)].map(cell => {
    const copy = cell.cloneNode(true);
    copy.querySelectorAll('.katex').forEach(formula => formula.remove());
    return copy.textContent || 'a formula';
})"""
TOKEN = "proof"  # as on Binder, the first address carries a token
HEADERS = {"Content-Type": "application/json", "Authorization": f"token {TOKEN}"}
OPEN_SECONDS, RUN_SECONDS, SAVE_SECONDS = 120, 600, 60
# What nobody should read in a lesson: a directive that JupyterLab does not know, a role or a reference as it is typed.
RAW = re.compile(r"Unknown Directive|Unknown Role|\{[a-z]+:?[a-z]*\}`|\[\]\(|(?<![\w&])#[a-z]+(?:-[a-z]+)+")


class NotOnBinder(Exception):
    """Something does not work there."""


# --- the environment ----------------------------------------------------------------------------------------------------------


def call(*words, **options):
    """Run a command; its output is in the exception if it fails."""
    done = subprocess.run(list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False, **options)
    if done.returncode:
        raise NotOnBinder(f"{' '.join(map(str, words))} ended with status {done.returncode}:\n{done.stdout[-3000:]}")
    return done.stdout


def interpreter(root):
    """The Python that runtime.txt names."""
    wanted = (root / "binder/runtime.txt").read_text(encoding="utf-8").strip().replace("-", "")
    name = "python" + re.fullmatch(r"python(3\.\d+)", wanted)[1]
    found = sys.executable if f"python{sys.version_info[0]}.{sys.version_info[1]}" == name else shutil.which(name)
    if found is None:
        raise NotOnBinder(f"runtime.txt: expected {name} on this machine, got none; install it first")
    return os.path.realpath(found)


def reachable(address):
    try:
        return urllib.request.urlopen(address, timeout=10).status == 200
    except OSError:
        return False


def requirements(root):
    """The text of binder/requirements.txt for this machine, and a sentence on what differs from it."""
    text = (root / "binder/requirements.txt").read_text(encoding="utf-8")
    index = re.search(r"^--extra-index-url (\S+)$", text, re.MULTILINE)
    if reachable(f"{index[1]}/torch/"):
        return text, "nothing"
    pin = re.search(r"^torch==.*", text, re.MULTILINE)[0]
    return text.replace(index[0], "").replace("+cpu", ""), f"{pin} came without +cpu from pip's usual index: its own could not be reached"


def binder(folder, code, root=ROOT):
    """Make the environment and the checkout under ``folder``; returns the variables to start in it and what there is to say.

    Both are kept for a run that goes on: the environment as long as its requirements are the same, the checkout as its ``code``.
    """
    text, differs = requirements(root)
    key = hashlib.sha256((text + interpreter(root)).encode()).hexdigest()[:12]
    env, repo, home = folder / f"env-{key}", folder / "repo", folder / "home"
    if not (env / "made").exists():
        print("making the environment (some minutes)", flush=True)
        shutil.rmtree(env, ignore_errors=True)
        call(interpreter(root), "-m", "venv", env)
        (env / "requirements.txt").write_text(text, encoding="utf-8")
        call(env / "bin/pip", "install", "--no-cache-dir", "-r", env / "requirements.txt")
        (env / "made").touch()
    ours = {name: value for name, value in os.environ.items() if not re.match("RNNLIB_|PYTHON|JUPYTER|VIRTUAL_ENV|OMP_", name)}
    variables = {**ours, "HOME": str(home), "PATH": f"{env / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    built = folder / "built.json"
    if built.is_file() and (facts := json.loads(built.read_text(encoding="utf-8")))["code"] == code + key:
        return variables, facts["facts"]
    for place in (repo, home):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
    for name in call("git", "ls-files", "-z", cwd=root).split("\0"):
        if name and (root / name).is_file():
            (repo / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, repo / name)
    print("postBuild", flush=True)
    began = time.monotonic()
    said = call("bash", "binder/postBuild", cwd=repo, env=variables)
    have = call(env / "bin/pip", "list", "--format=freeze", env=variables)
    for name in ("playwright", "jupyter-repo2docker", "nbgrader", "sphinx"):
        if re.search(f"^{name}==", have, re.MULTILINE | re.IGNORECASE):
            raise NotOnBinder(f"{name} is in Binder's environment")
    fetched = re.findall(r"^\('([^']+)', '(\w+)'", said, re.MULTILINE)
    shown = ("torch", "numpy", "jupyterlab", "jupyterlab_myst")
    facts = {
        "differs from binder/requirements.txt": differs,
        "versions": {name: re.search(f"^{name}==(.*)", have, re.MULTILINE)[1] for name in shown},
        "seconds of postBuild": round(time.monotonic() - began, 1),
        "data files by where postBuild found them": dict(Counter(origin for _, origin in fetched)),
    }
    built.write_text(json.dumps({"code": code + key, "facts": facts}), encoding="utf-8")
    return variables, facts


def repo2docker(folder, root=ROOT):
    """What the real repo2docker would build from the checkout: lines of its Dockerfile."""
    env = folder / "repo2docker"
    if not (env / "made").exists():
        call(interpreter(root), "-m", "venv", env)
        call(env / "bin/pip", "install", "--no-cache-dir", "jupyter-repo2docker")
        (env / "made").touch()
    said = call(env / "bin/jupyter-repo2docker", "--no-build", "--debug", ".", cwd=folder / "repo")
    version = re.search(r"python=(3\.\d+)", said)
    steps = ("binder/requirements.txt", "./binder/postBuild", "binder/start")
    missing = [step for step in steps if step not in said]
    if missing or version is None or version[1] not in interpreter(root):
        raise NotOnBinder(f"repo2docker: expected {', '.join(steps)} and Python of runtime.txt, got without {missing}, {version}")
    package = call(env / "bin/pip", "list", "--format=freeze")
    return {"version": re.search("^jupyter-repo2docker==(.*)", package, re.MULTILINE)[1], "python": version[1], "steps": list(steps)}


# --- the server ---------------------------------------------------------------------------------------------------------------


class Server:
    """JupyterLab behind ``binder/start``, with one kernel at a time."""

    def __init__(self, folder, variables):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"http://127.0.0.1:{free.getsockname()[1]}/"
        self.repo = folder / "repo"
        settings = ("--no-browser", "--allow-root", f"--IdentityProvider.token={TOKEN}", "--ip=127.0.0.1")
        command = ["bash", "binder/start", "jupyter", "lab", f"--port={self.address.rsplit(':', 1)[1].strip('/')}", *settings]
        self.log = open(folder / "server.log", "ab")  # noqa: SIM115
        self.process = subprocess.Popen(
            command, cwd=self.repo, env=variables, stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True
        )
        for _ in range(240):
            try:
                self.api("status")
                return
            except OSError:
                time.sleep(0.5)
        self.close()
        raise NotOnBinder(f"JupyterLab did not start: see {folder / 'server.log'}")

    def api(self, path, method="GET", **content):
        data = json.dumps(content).encode() if content else None
        request = urllib.request.Request(f"{self.address}api/{path}", data, HEADERS, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or "null")

    def upload(self, name, notebook):
        """Put a notebook where a person's upload would go."""
        self.api(f"contents/{name}", "PUT", type="notebook", format="json", content=json.loads(nbformat.writes(notebook)))

    def kernels(self):
        return [kernel["execution_state"] for kernel in self.api("kernels")]

    def mib(self):
        """Memory of the server and its kernel together."""
        family = [psutil.Process(self.process.pid)]
        family += family[0].children(recursive=True)
        total = 0
        for process in family:
            try:
                total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return total / 2**20

    def end_kernels(self):
        for session in self.api("sessions"):
            self.api(f"sessions/{session['id']}", "DELETE")

    def close(self):
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.log.close()


# --- the browser --------------------------------------------------------------------------------------------------------------


def rockets(site):
    """Lesson → the path after ``urlpath=`` on its built page."""
    found = {}
    for page in lessons.lessons(ROOT):
        name = page.relative_to(ROOT).with_suffix(".html")
        text = (site / name).read_text(encoding="utf-8") if (site / name).is_file() else ""
        links = {html.unescape(link) for link in re.findall(r'href="(https://mybinder\.org/[^"]*)"', text)}
        if len(links) != 1:
            raise NotOnBinder(f"{name}: expected one rocket on the built page, got {sorted(links)}; run make book first")
        found[page.stem] = links.pop().split("urlpath=", 1)[1]
    return found


def opened(browser, server, path):
    """Open a notebook by its address; returns the page once it is drawn and its kernel waits."""
    page = browser.new_page()
    page.goto(f"{server.address}{path}?token={TOKEN}&reset", wait_until="domcontentloaded", timeout=OPEN_SECONDS * 1000)
    page.wait_for_selector(f"{NOTEBOOK} .jp-MarkdownCell .myst h1", timeout=OPEN_SECONDS * 1000)
    wait(lambda: server.kernels() == ["idle"], OPEN_SECONDS, f"{path}: its kernel did not start")
    if page.locator(".jp-FileEditor").count():
        raise NotOnBinder(f"{path} opened as text")
    cells = [cell.cell_type for cell in nbformat.read(server.repo / path.removeprefix("lab/tree/"), as_version=4).cells]
    drawn = page.locator(f"{NOTEBOOK} .jp-Cell")
    wait(lambda: drawn.count() == len(cells), OPEN_SECONDS, f"{path}: not all of its {len(cells)} cells were drawn")
    count = cells.count("markdown")
    wait(lambda: sum(map(bool, texts(page))) == count, OPEN_SECONDS, f"{path}: not all of its {count} text cells were rendered")
    text = "\n".join(texts(page))
    if raw := RAW.findall(text):
        raise NotOnBinder(f"{path}: a reader sees {raw[:5]}")
    return page


def texts(page):
    """The words of each text cell, "" for one that is not rendered yet."""
    return [text.strip() for text in page.evaluate(TEXTS, NOTEBOOK)]


def wait(ready, seconds, complaint):
    """Ask ``ready()`` until it is true."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise NotOnBinder(f"{complaint} within {seconds} s")
        time.sleep(0.3)


def run_all(page, server, path):
    """*Run*, *Run All Cells*, save, and look at the saved notebook: memory in MiB; the exception names a cell that raised."""
    file, most = server.repo / path.removeprefix("lab/tree/"), 0.0
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    end, calm = time.monotonic() + RUN_SECONDS, 0
    while calm < 3:  # idle three times in a row: the text below the last cell asks the kernel too
        if time.monotonic() > end:
            raise NotOnBinder(f"{path}: did not end within {RUN_SECONDS} s")
        most = max(most, server.mib())
        calm = calm + 1 if server.kernels() == ["idle"] and not page.evaluate(BUSY) else 0
        time.sleep(0.5)
    before = file.stat().st_mtime_ns
    page.keyboard.press("Control+s")
    wait(lambda: file.stat().st_mtime_ns != before, SAVE_SECONDS, f"{path}: was not saved")
    time.sleep(0.5)
    if found := failures(nbformat.read(file, as_version=4)):
        raise NotOnBinder(f"{path}: {found[0]}")
    return round(most)


def failures(notebook):
    """Cells that raised or did not run, and numbers in the text that could not be had."""
    found = []
    for k, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and cell.source.strip():
            found += [f"cell {k} raised {out.ename}: {out.evalue}" for out in cell.outputs if out.output_type == "error"]
            found += [] if cell.execution_count else [f"cell {k} did not run"]
        asked = cell.metadata.get("user_expressions", [])
        found += [f"cell {k}: no number for {each['expression']}" for each in asked if each["result"]["status"] != "ok"]
        if cell.cell_type == "markdown" and cell.source.count("{eval}`") > len(asked):
            found.append(f"cell {k}: its numbers were not asked for")
    return found


def visit(browser, server, path, run):
    """Open one notebook and perhaps run it; the file is put back as it was."""
    file = server.repo / path.removeprefix("lab/tree/")
    if not file.is_file():
        raise NotOnBinder(f"{path}: postBuild made no such file")
    before, began = file.read_bytes(), time.monotonic()
    page = opened(browser, server, path)
    seen = {"opened": round(time.monotonic() - began, 1)}
    try:
        if run:
            began = time.monotonic()
            seen["MiB"] = run_all(page, server, path)
            seen["ran all"] = round(time.monotonic() - began, 1)
    finally:
        page.close()
        server.end_kernels()
        file.write_bytes(before)
    return seen


# --- all of it ----------------------------------------------------------------------------------------------------------------


def planted():
    cell = nbformat.v4.new_code_cell("raise ValueError('planted')")
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Planted"), cell], metadata=python())


def python():
    return {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def filled_lab():
    """The released lab with the model answers typed in, as a student hands it in."""
    from labs.grading.course import Course
    from labs.grading.text import source
    from labs.grading.text.release import release

    with tempfile.TemporaryDirectory() as folder:
        notebook = nbformat.read(release(Course(Path(folder)), LAB), as_version=4)
    model = {source.meta(c).get("grade_id"): c.source for c in source.notebook(LAB).cells}
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and meta.get("solution"):
            cell.source = model[meta["grade_id"]]
    return notebook


class Progress:
    """What is done, kept in a file, so that a killed run goes on."""

    def __init__(self, file, code):
        self.file = file
        stored = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        self.done = stored["done"] if stored.get("code") == code else {}
        self.code = code

    def step(self, name, work):
        """The result of ``work()``, or the stored one of an earlier run."""
        if name not in self.done:
            self.done[name] = work()
            self.file.write_text(json.dumps({"code": self.code, "done": self.done}), encoding="utf-8")
            print(f"{name:32} {json.dumps(self.done[name])}", flush=True)
        return self.done[name]


def catches_planted(browser, server):
    try:
        visit(browser, server, "lab/tree/planted.ipynb", run=True)
    except NotOnBinder as error:
        if "raised ValueError: planted" in str(error):
            return "seen"
        raise
    raise NotOnBinder("a planted cell that raises was not seen")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="only these lessons; nothing is written")
    parser.add_argument("--folder", type=Path, default=ROOT / "_build/binder", help="where the environment is kept between runs")
    parser.add_argument("--site", type=Path, default=ROOT / "_build/html", help="the built pages")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped; the same command goes on"))  # so that the server is stopped too
    data = os.environ.get("RNNLIB_DATA")
    if not args.lessons and not (data and Path(data).is_dir()):
        parser.error(f"RNNLIB_DATA: expected a folder with the data files, got {data!r}")
    if BROWSER is None:
        parser.error("no Chromium or Chrome on this machine: install one, such as Debian's package chromium")
    folder = args.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    code, links = binder_hash(), rockets(args.site)
    variables, facts = binder(folder, code)
    progress = Progress(folder / "progress.json", code + " ".join(args.lessons))
    build = progress.step("repo2docker", lambda: repo2docker(folder))
    (folder / "nothing").mkdir(exist_ok=True)
    worlds = {"offline": {"RNNLIB_OFFLINE": "1", "RNNLIB_CACHE": str(folder / "nothing")}}
    if data:
        worlds["with data"] = {"RNNLIB_DATA": data, "RNNLIB_OFFLINE": "1"}
    lab = filled_lab()
    seen = {}
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        chrome, context = chromium.version, chromium.new_context(viewport={"width": 1300, "height": 1600})
        for world, extra in worlds.items():
            server = Server(folder, {**variables, **extra})
            try:
                server.upload("planted.ipynb", planted())
                server.upload(f"{LAB}.ipynb", lab)
                progress.step(f"{world}: planted", lambda s=server: catches_planted(context, s))
                for name, path in [*links.items(), (LAB, f"lab/tree/{LAB}.ipynb")]:
                    run = name in args.lessons or (not args.lessons and name in (*RUN, LAB))
                    if run or (world == "offline" and not args.lessons):
                        step = progress.step(f"{world}: {name}", lambda s=server, p=path, r=run: visit(context, s, p, r))
                        seen.setdefault(name, {})[world] = step
            finally:
                server.close()
        chromium.close()
    print(f"{len(seen)} notebooks opened, {sum('ran all' in each for worlds in seen.values() for each in worlds.values())} runs to the end")
    if not args.lessons:
        facts["versions"] |= {"Python": platform.python_version(), "Chromium": chrome}
        store("binder", {**facts, "repo2docker": build, "planted cell that raises": "seen", "notebooks": seen}, code)


if __name__ == "__main__":
    main()
