"""The house rules of CONTRIBUTING.md, held. Each checker is shown to fail on a planted fault."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pages
import pytest
import yaml

from tools import lessons

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("chapters/**/*.md"))}
LABS = {path.stem: path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("labs/lab*.md"))}
LESSONS = {name: text for name, text in CHAPTERS.items() if "{code-cell}" in text}
PREFIX = r"(book|lab|rnnlib|grading|site): "  # of a commit's subject and of a line in CHANGELOG.md
BEFORE_SUBJECTS = "1791bee68217b538"  # later commits keep the rule for subjects
GRADING = ("labs.grading", "labs.grading.check", "labs.grading.text.visible")  # what the tests of a lab are written with


def tracked():
    """Paths of all files that git knows; a copy without git is not judged by its generated files."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")  # an sdist or a downloaded archive: nobody can ask there what git tracks
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


# --- lessons and labs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LESSONS)
def test_lesson_keeps_the_template(name):
    assert pages.template_faults(LESSONS[name]) == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_page_has_one_sentence_a_line(name):
    assert pages.sentence_faults(CHAPTERS[name]) == []


@pytest.mark.parametrize("name", LESSONS)
def test_lesson_cells_are_short(name):
    assert pages.long_cell_faults(LESSONS[name]) == []


@pytest.mark.parametrize("name", LESSONS)
def test_lesson_imports_the_library_only(name):
    assert pages.import_faults(LESSONS[name]) == []


@pytest.mark.parametrize("name", LABS)
def test_lab_does_not_import_its_answer(name):
    assert pages.import_faults(LABS[name], lab=True, also=GRADING) == []


@pytest.mark.parametrize("name", LESSONS)
def test_figures_have_alt_text_and_caption(name):
    assert pages.figure_faults(LESSONS[name]) == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_links_are_label_references(name):
    assert pages.link_faults(CHAPTERS[name]) == []


def test_labels_are_unique():
    assert pages.label_faults(CHAPTERS) == []


def test_reading_order_lists_every_page_and_every_chapter_has_a_lesson():
    listed = [path.relative_to(ROOT).as_posix() for path in lessons.in_toc(ROOT)]
    assert sorted(listed) == sorted(CHAPTERS), "_toc.yml and chapters/ differ"
    for folder in sorted(ROOT.glob("chapters/[0-9]*")):
        inside = [name for name in listed if name.startswith(f"chapters/{folder.name}/")]
        assert inside[0].endswith("/index.md"), f"{folder.name} does not begin with its index"
        assert [name for name in inside if name in LESSONS], f"{folder.name} has no lesson"


GOOD = """---
file_format: mystnb
---

(label)=
# Title

**Question.** What is good?

:::{admonition} Card
:class: card

- **You need:** nothing.
- **You will be able to:** see.
- **Time, device:** 5 minutes; a CPU.
- **In rnnlib:** `rnnlib.viz`.
:::

## The idea

One sentence with e.g. an abbreviation.
Another with `code. Code` and $x. Y$ inside.

```{code-cell} python
---
mystnb:
  figure:
    name: fig-one
    caption: A line.
---
import numpy as np

from rnnlib import viz

viz.show(fig, alt="A line.")
```

## Predict
## The equations

$$
x = 1
$$ (eq-one)

## By hand
## The function
## Check it
## See it
## In PyTorch
## What goes wrong
## Summary

- One.
- Two.
- Three.

## Exercises

```{exercise} A
:label: ex-a
```
```{solution} ex-a
:label: sol-a
```
```{exercise} B
:label: ex-b
```
```{solution} ex-b
:label: sol-b
```
```{exercise} C
:label: ex-c

Open [lab 2](#open-a-lab).
```
```{solution} ex-c
:label: sol-c
```

## Sources
"""
FAULTS = [
    (pages.template_faults, "## By hand\n", "", "By hand"),
    (pages.template_faults, "## Predict\n## The equations", "## The equations\n## Predict", "The equations"),
    (pages.template_faults, "**Question.** What is good?", "What is good?", "Question"),
    (pages.template_faults, "- **Time, device:** 5 minutes; a CPU.\n", "", "Time, device"),
    (pages.template_faults, "(label)=\n", "", "label"),
    (pages.template_faults, "- Three.\n", "", "three bullets"),
    (pages.template_faults, "{solution} ex-b", "{solution} ex-x", "ex-b has no solution"),
    (pages.template_faults, "Open [lab 2](#open-a-lab).", "Think.", "open the lab"),
    (pages.sentence_faults, "One sentence with", "One. Two with", "more than one sentence"),
    (pages.sentence_faults, "abbreviation.\n", "abbreviation\n", "goes on"),
    (pages.long_cell_faults, "import numpy as np\n", "x = 1\n" * 16, "lines"),
    (pages.import_faults, "import numpy as np", "import pandas", "pandas"),
    (pages.import_faults, "import numpy as np", "from labs.grading import check", "labs.grading"),
    (pages.figure_faults, 'alt="A line."', 'alt=" "', "alt text"),
    (pages.figure_faults, ', alt="A line."', "", "alt text"),
    (pages.figure_faults, "viz.show(fig", "plt.show(fig", "viz.show"),
    (pages.figure_faults, "    caption: A line.\n", "", "caption"),
    (pages.figure_faults, "## Predict\n", "![](picture.png)\n", "picture"),
    (pages.link_faults, "## Predict\n", "[there](../notation.html)\n", "notation.html"),
]


@pytest.mark.parametrize("checker", sorted({fault[0] for fault in FAULTS}, key=lambda checker: checker.__name__), ids=lambda c: c.__name__)
def test_checker_accepts_a_good_lesson(checker):
    assert checker(GOOD) == []


@pytest.mark.parametrize(("checker", "good", "bad", "word"), FAULTS, ids=lambda value: getattr(value, "__name__", None))
def test_checker_finds_a_planted_fault(checker, good, bad, word):
    assert GOOD.count(good) == 1, "the fault is not planted where it should be"
    faults = checker(GOOD.replace(good, bad))
    assert faults, "the planted fault was not found"
    assert any(word in fault for fault in faults), faults


def test_checker_finds_a_label_that_stands_twice():
    faults = pages.label_faults({"one": GOOD, "two": "$$\nx\n$$ (eq-one)\n\n(other)=\n"})
    assert faults == ["two: the label eq-one stands in one too"]
    assert set(pages.labels(GOOD)) == {"label", "fig-one", "eq-one", "ex-a", "ex-b", "ex-c", "sol-a", "sol-b", "sol-c"}


def test_every_lab_has_its_planted_and_its_fresh_answers():
    for lab in LABS:
        name = Path(lab).stem
        text = (ROOT / f"tests/labs/test_{name}.py").read_text(encoding="utf-8")
        assert "from fresh_laws import *" in text and "from lab_laws import *" in text, f"{name}: the laws of all labs are not imported"
        assert (ROOT / f"tests/labs/fresh/{name}.py").is_file(), f"{name}: tests/labs/fresh/{name}.py is missing"


@pytest.mark.parametrize(
    "line",
    ["from rnnlib.scratch.rnn import rnn_step", "from rnnlib.scratch import rnn", "import rnnlib.nn.rnn", "from rnnlib.nn import RNN"],
)
def test_checker_finds_a_lab_that_imports_its_answer(line):
    text = GOOD.replace("import numpy as np", line)
    assert any("answers the lab" in fault for fault in pages.import_faults(text, lab=True))
    assert pages.import_faults(text) == []


# --- the repository -----------------------------------------------------------------------------------------------------------

# Folders that exist on one machine only: written apart, so that this file does not find itself.
MACHINE = re.compile("(^|[^.\\w/])/(" + "|".join(("work", "farm", "root", "opt", "home", "Users", "tmp")) + ")/[\\w.-]+")


def machine_path_faults(name, text):
    """Lines that name a folder of one machine."""
    return [f"{name}:{number}: {line.strip()[:100]}" for number, line in enumerate(text.splitlines(), 1) if MACHINE.search(line)]


def test_no_generated_file_is_tracked():
    files = tracked()
    assert [path.name for path in files if path.suffix in (".ipynb", ".db", ".pyc") or "_build" in path.parts] == []
    assert [path.name for path in files if path.stat().st_size > 500_000] == [], "data are fetched with a checksum, not tracked"


def test_no_path_of_one_machine_and_nothing_unfinished():
    faults = []
    for path in tracked():
        if path.suffix in (".png", ".svg", ".bib"):
            continue
        text, name = path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
        faults += machine_path_faults(name, text)
        if path != Path(__file__) and re.search(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b", text):
            faults.append(f"{name}: something is left to do")
    assert faults == []


def test_checker_finds_a_machine_path():
    assert machine_path_faults("a", "see /" + "home/ann/course/x.md")
    assert not machine_path_faults("a", "see ../beside/data, a/tmp/b and https://x.org/home/ann")


def readme_table(text):
    """The rows of the README's table of chapters: for each, the paths that its four cells link to (none for a dash)."""
    table = text.split("| Chapter |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [[re.findall(r"\]\(([^)]+)\)", cell) for cell in row.strip("|").split("|")] for row in table]


def readme_faults(text, root):
    """What the README's table says that is not so, and what it leaves out."""
    faults = []
    rows = readme_table(text)
    for row in rows:
        faults += [f"{path} does not exist" for cell in row for path in cell if not (root / path).exists()]
        chapters, _, modules, tests = row
        if not (chapters and modules and tests):
            faults.append(f"the row of {' and '.join(chapters) or 'no chapter'} has an empty cell")
        elif [Path(test).stem for test in tests] != [f"test_{Path(module).stem}" for module in modules]:
            faults.append(f"{' and '.join(tests)} does not test {' and '.join(modules)}")
    listed = {path for row in rows for cell in row for path in cell}
    wanted = [*sorted(root.glob("chapters/[0-9]*/index.md")), *sorted(root.glob("labs/lab*.md"))]
    return faults + [f"{path.relative_to(root)} is not in the table" for path in wanted if path.relative_to(root).as_posix() not in listed]


def test_readme_opens_with_two_commands_and_a_true_table():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.search(r"```sh\n(.*?)```", text, re.DOTALL)
    assert text.count("\n", 0, commands.start()) < 16
    first_screen = text.split("\n## ", 1)[0]
    assert all(word in first_screen for word in ("3.11", "Linux", "macOS", "Windows", "synthetic data"))
    assert [line.split("#")[0].strip() for line in commands[1].splitlines()] == ["make book", "make test"]
    assert readme_faults(text, ROOT) == []


@pytest.mark.parametrize(
    ("good", "bad", "word"),
    [
        ("(tests/test_rnn.py)", "(tests/test_gone.py)", "test_gone.py does not exist"),
        ("(rnnlib/scratch/rnn.py)", "(rnnlib/scratch/lstm.py)", "does not test"),
        ("[lab02_rnn](labs/lab02_rnn.md)", "–", "lab02_rnn.md is not in the table"),
    ],
)
def test_checker_finds_a_false_row(good, bad, word):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert good in text
    assert any(word in fault for fault in readme_faults(text.replace(good, bad), ROOT))


def test_links_of_the_front_pages_lead_somewhere():
    for name in [path.name for path in ROOT.glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", (ROOT / name).read_text(encoding="utf-8")):
            assert (ROOT / target).exists(), f"{name}: {target}"


def test_contributing_is_numbered_and_changelog_prefixed():
    numbers = [int(number) for number in re.findall(r"^(\d+)\. ", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    for line in re.findall(r"^- .*", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE):
        assert re.match(PREFIX, line.removeprefix("- ")), line


def subject_faults(subject):
    """What is wrong with the subject of a commit."""
    faults = [] if re.match(PREFIX, subject) else ["it does not begin with book:, lab:, rnnlib:, grading: or site:"]
    return faults + ([f"it has {len(subject)} characters, expected at most 72"] if len(subject) > 72 else [])


def test_subjects_of_commits():
    tracked()  # skips without git
    log = ["git", "log", "--no-merges", "--format=%s", f"{BEFORE_SUBJECTS}..HEAD"]
    done = subprocess.run(log, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        pytest.skip("this clone does not have the older history")  # `git clone --depth 1`: the range to read is not there
    assert {subject: faults for subject in done.stdout.splitlines() if (faults := subject_faults(subject))} == {}, "git commit --amend"


def test_checker_finds_a_poor_subject():
    assert subject_faults("rnnlib: second derivatives raise") == []
    assert len(subject_faults("Second derivatives raise, " + 60 * "x")) == 2


def test_decisions_have_five_lines():
    text = (ROOT / "DECISIONS.md").read_text(encoding="utf-8")
    entries = re.split(r"\n\n(?=\*\*\d{4})", text)[1:]
    assert len(entries) > 15
    for entry in entries:
        lines = entry.strip().splitlines()
        assert re.match(r"\*\*\d{4}-\d\d-\d\d · .+\*\*$", lines[0]), lines[0]
        assert [line.split(":")[0] for line in lines[1:]] == ["Choice", "Why", "Cost"], lines[0]


def test_binder_pins_what_the_course_pins():
    pins = dict(re.findall(r"^([\w-]+)==([\w.]+)", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE))
    binder = dict(re.findall(r"^([\w-]+)==([\w.]+)", (ROOT / "binder/requirements.txt").read_text(encoding="utf-8"), re.MULTILINE))
    assert binder.items() <= pins.items()
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    assert {re.match(r"[\w-]+", name)[0] for name in needed} <= binder.keys()


def test_ci_runs_make_test_and_nothing_else():
    commands = [line for line in (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines() if re.match(r"(?!#|set |cd |if )\S", line)]
    assert commands == ["make test"]
    for name, verbs in (("test", ["make test"]), ("deploy", ["make book", "make pdf"])):
        flow = yaml.safe_load((ROOT / f".github/workflows/{name}.yml").read_text(encoding="utf-8"))
        (job, *others) = flow["jobs"].values()
        lines = [line for step in job["steps"] for line in step.get("run", "").splitlines()]
        assert [line for line in lines if not line.startswith("sudo apt-get ")] == verbs
        assert not any("make" in step.get("run", "") for other in others for step in other["steps"]), "where there is no make"


# --- make ---------------------------------------------------------------------------------------------------------------------


def test_make_help_lists_every_verb():
    environment = {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}
    said = subprocess.run(["make", "help"], cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", check=True).stdout
    verbs = re.findall(r"^([a-z]+):(?!=)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(re.findall(r"^make (\w+)", said, re.MULTILINE)) == sorted(verbs)
    assert set(re.findall(r"`make (\w+)", (ROOT / "README.md").read_text(encoding="utf-8"))) <= set(verbs)
