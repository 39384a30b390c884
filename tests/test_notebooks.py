"""The lessons as JupyterLab shows them: `tools.notebooks` writes out what only the book could resolve."""

import errno
import re
from pathlib import Path

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell

from tools import notebooks
from tools.rnnbook.launch import to_notebook

ROOT = Path(__file__).resolve().parent.parent
BOOK = notebooks.Book(ROOT)
HERE = "chapters/05_lstm/adding.md"
ROLES = {"eval", "eq", "ref"}  # those that jupyterlab_myst shows as words, if their target is in the notebook
DIRECTIVES = {"admonition", "exercise", "solution"}


def faults(notebook):
    """What a reader in JupyterLab would see as a key, a raw label or a warning."""
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    targets = set(re.findall(r"^\(([\w-]+)\)=|^:label: ([\w-]+)|^\$\$ \(([\w-]+)\)", text, re.MULTILINE))
    targets = {label for groups in targets for label in groups if label}
    found = [f"link without words: {link}" for link in re.findall(r"\[\]\([^)]*\)", text)]
    found += [f"role: {role}" for role in re.findall(r"\{([\w:]+)\}`", text) if role not in ROLES]
    found += [f"directive: {name}" for name in re.findall(r"^[`:]{3,}\{([\w-]+)\}", text, re.MULTILINE) if name not in DIRECTIVES]
    links = re.findall(r"\{(?:eq|ref)\}`([^`]+)`|\]\(#([^)]+)\)", text)
    return found + [f"not in this notebook: {label}" for pair in links for label in pair if label and label not in targets]


@pytest.mark.parametrize("name", BOOK.lessons)
def test_lesson_reads_well_in_jupyterlab(name):
    notebook = notebooks.convert(name, BOOK)
    nbformat.validate(notebook)
    assert faults(notebook) == []


@pytest.mark.parametrize("name", BOOK.lessons)
def test_links_of_a_notebook_lead_to_a_notebook(name):
    folder = notebooks.notebook_of(name).parent
    known = {notebooks.notebook_of(lesson) for lesson in BOOK.lessons}
    text = "\n".join(cell.source for cell in notebooks.convert(name, BOOK).cells if cell.cell_type == "markdown")
    for link in re.findall(r"\]\(([^)#:]+\.ipynb)\)", text):
        assert Path((ROOT / folder / link).resolve()).relative_to(ROOT) in known


def test_the_notebook_runs_the_code_of_the_lesson():
    lesson, notebook = BOOK.pages[HERE], notebooks.convert(HERE, BOOK)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert code[0] == notebooks.NUMBERS
    assert len(code) - 1 == lesson.count("{code-cell}") and all(source in lesson for source in code[1:])


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("[](#char-rnn)", "[A character model in NumPy alone](../02_rnn/characters.ipynb)"),
        ("[there](#char-rnn)", "[there](../02_rnn/characters.ipynb)"),
        ("{ref}`that one <char-rnn>`", "[that one](../02_rnn/characters.ipynb)"),
        ("[](#adding-problem)", "[Long short-term memory and the adding problem](#adding-problem)"),
        ("[](#ch-glossary)", f"[Glossary]({BOOK.site}/chapters/glossary.html#ch-glossary)"),
        ("{term}`gates <gate>`", f"[gates]({BOOK.site}/chapters/glossary.html#term-gate)"),
        ("{term}`Bits per character`", f"[Bits per character]({BOOK.site}/chapters/glossary.html#term-bits-per-character)"),
        ("{cite:t}`elman1990`", "[Elman (1990)](https://doi.org/10.1207/s15516709cog1402_1)"),
        ("{eq}`eq-adding-gates`", "{eq}`eq-adding-gates`"),
        ("{eq}`eq-char-cell`", f"[the equation]({BOOK.site}/chapters/02_rnn/characters.html#equation-eq-char-cell)"),
        ("{numref}`fig-a`", "Figure 2"),
        ("{glue:text}`loss:.2f`", '{eval}`glued("loss:.2f")`'),
        ("```{solution-start} ex-a\n:class: dropdown\n```\n", "```{solution} ex-a\n:class: dropdown\n\nOpen the folded cells below.\n```"),
        ("```{solution-end}\n```\n\nNext.", "Next."),
        ("$\\mathrm{cell}$ and `{cell}`", "$\\mathrm{cell}$ and `{cell}`"),
    ],
)
def test_text_of_a_cell(source, shown):
    assert notebooks.text_of(source, HERE, BOOK, {"fig-a": 2}) == shown


def test_a_source_of_many_names_is_shortened():
    assert re.fullmatch(r"\(\[\w+ et al\., 2015\]\(.*\)\)", BOOK.cite("jozefowicz2015", in_text=False))


def test_a_planted_fault_is_found():
    cell = nbformat.v4.new_markdown_cell("[](#char-rnn), {cite:t}`elman1990`, {eq}`eq-none`\n\n:::{claim} one\n:::")
    kinds = {fault.split(":")[0] for fault in faults(nbformat.v4.new_notebook(cells=[cell]))}
    assert kinds == {"link without words", "role", "directive", "not in this notebook"}


def test_inputs_that_the_book_folds_are_folded():
    cells = [cell for cell in notebooks.convert(HERE, BOOK).cells if cell.cell_type == "code"]
    folded = [cell.source.splitlines()[0] for cell in cells if cell.metadata.get("jupyter", {}).get("source_hidden")]
    assert "import numpy as np" in folded and "from rnnlib.data import adding" not in folded


def test_numbers_in_the_text_are_those_of_the_kernel(monkeypatch):
    from rnnlib import book

    monkeypatch.setattr(book, "glue", lambda name, value, fmt=None: None)
    shell = InteractiveShell()
    shell.run_cell(notebooks.NUMBERS).raise_error()
    shell.run_cell("from rnnlib.book import glue\nglue('loss', 0.123456, '.3f')\nglue('plain', 0.5)").raise_error()
    shown = shell.user_expressions({"a": 'glued("loss")', "b": 'glued("plain:.2f")', "c": 'glued("nothing")'})
    assert [shown[key].get("data", {}).get("text/plain") for key in "abc"] == ["0.123", "0.50", None]


def test_a_changed_notebook_is_left_and_a_run_one_keeps_its_outputs(tmp_path):
    path = tmp_path / "new/lesson.ipynb"

    def made(text):
        return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text, id="a")])

    def there():
        return nbformat.read(path, as_version=4)

    assert notebooks.write(made("x = 1"), path)
    ran = there()
    ran.cells[0].execution_count = 7
    nbformat.write(ran, path)
    assert notebooks.write(made("x = 1"), path) and there().cells[0].execution_count == 7, "the same text: as it was run"
    assert notebooks.write(made("x = 2"), path) and there().cells[0].source == "x = 2", "a newer lesson"
    mine = there()
    mine.cells[0].source = "x = 3"
    nbformat.write(mine, path)
    assert not notebooks.write(made("x = 4"), path) and there().cells[0].source == "x = 3", "somebody's own work"


def test_a_full_disk_leaves_no_notebook_that_a_second_run_trips_over(tmp_path, monkeypatch):
    path, notebook = tmp_path / "lesson.ipynb", nbformat.v4.new_notebook()

    def full(draft, text, encoding):
        draft.write_bytes(b"{")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(OSError, match=r"No space left on device: '.*lesson\.ipynb'"):
            notebooks.write(notebook, path)
    assert list(tmp_path.iterdir()) == []
    path.write_bytes(b"")  # of an earlier version, which did write it in place
    assert notebooks.write(notebook, path) and nbformat.read(path, as_version=4) == notebook
    path.write_bytes(b'{"cells": [')
    assert not notebooks.write(notebook, path) and path.read_bytes() == b'{"cells": [', "a part of somebody's work is left to them"


def test_the_rocket_leads_to_the_notebook():
    link = '<a href="https://mybinder.org/v2/gh/a/b/main?urlpath=lab/tree/chapters/05_lstm/adding.md">'
    assert to_notebook(link) == link.replace("chapters/05_lstm/adding.md", "notebooks/05_lstm/adding.ipynb")


def test_open_starts_jupyterlab_at_the_list_of_lessons(monkeypatch):
    called = []
    monkeypatch.setattr(notebooks, "make_all", lambda root: called.append(root))
    monkeypatch.setattr(notebooks.subprocess, "call", lambda command, **options: called.append(command) or 0)
    monkeypatch.setattr("sys.argv", ["notebooks", "--open"])
    assert notebooks.main() == 0
    assert called[0] == ROOT and "jupyterlab" in called[1] and called[1][-1] == str(ROOT / "notebooks/START.ipynb")
    monkeypatch.setattr("sys.argv", ["notebooks"])
    assert notebooks.main() == 0 and len(called) == 3, "without --open nothing is started"
