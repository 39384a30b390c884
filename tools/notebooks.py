"""The lessons as notebooks for JupyterLab: in ``notebooks/`` on your machine and on Binder.

JupyterLab shows one lesson and knows nothing of the book around it. So what the book resolves is written out here: references between
lessons, sources, words of the glossary, claims, captions. Inputs that the book folds are folded, and each number in the text is asked of
the kernel, so that it is the number of your run.
"""

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tomllib
from functools import cached_property
from pathlib import Path
from posixpath import relpath

import jupytext
import nbformat
import yaml

from tools import lessons, refused_in_a_line, write_whole

ROOT = Path(__file__).resolve().parent.parent
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}, "language_info": {"name": "python"}}
FOLDED = {"hide-input", "hide-cell", "remove-cell", "remove-input"}
NUMBERS = '''\
# The text quotes numbers that the cells compute: they `glue` them, and `glued` gives them back.
from rnnlib import book


class glued(str):
    seen = {}

    def __new__(cls, key):
        name, _, form = key.partition(":")
        return super().__new__(cls, format(cls.seen[name], form))

    __repr__ = str.__str__


def keep_and_glue(name, value, fmt=None, glue=book.glue):
    value = value.item() if hasattr(value, "item") else value
    glued.seen[name] = value if fmt is None else format(value, fmt)
    glue(name, value, fmt)


book.glue = keep_and_glue'''


class Book:
    """What a lesson refers to: the pages, their labels, the sources, the glossary and the claims.

    Parameters
    ----------
    root : pathlib.Path
        The checkout.
    """

    def __init__(self, root):
        self.root = root
        self.pages = {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in lessons.in_toc(root)}
        self.lessons = [name for name, text in self.pages.items() if "{code-cell}" in text]
        self.site = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))["html"]["baseurl"].rstrip("/")

    @cached_property
    def labels(self):
        """Label → (page, the heading under it or None)."""
        found = {}
        for name, text in self.pages.items():
            for label in re.findall(r"^ *(?::label:|:name:|name:) +([\w-]+) *$|^\$\$ +\(([\w-]+)\)", text, re.MULTILINE):
                found["".join(label)] = name, None
            for label, heading in re.findall(r"^\(([\w-]+)\)=\n+(?:#+ (.*))?", text, re.MULTILINE):
                found[label] = name, heading or None
        return found

    @cached_property
    def claims(self):
        """Name → sentence."""
        files = [tomllib.loads(path.read_text(encoding="utf-8")) for path in self.root.glob("claims/*.toml")]
        return {name: claim["says"] for file in files for name, claim in file.get("claims", {}).items()}

    @cached_property
    def glossary(self):
        """Each word as the glossary spells it, by its spelling in small letters."""
        inside = self.pages["chapters/glossary.md"].split("{glossary}", 1)[1]
        return {word.lower(): word for word in re.findall(r"^([^\s`:].*)$", inside, re.MULTILINE)}

    @cached_property
    def sources(self):
        """Key → (authors, year, address or None)."""
        found, text = {}, (self.root / "chapters/references.bib").read_text(encoding="utf-8")
        for key, entry in re.findall(r"^@\w+\{([\w-]+),(.*?)^\}", text, re.MULTILINE | re.DOTALL):
            fields = re.findall(r"(\w+) = \{((?:[^{}]|\{[^{}]*\})*)\}", entry)
            field = {name: value.replace("{", "").replace("}", "") for name, value in fields}
            names = [name.split(",")[0].strip() for name in re.split(r"\s+and\s+", field["author"])]
            authors = f"{names[0]} et al." if len(names) > 2 else " and ".join(names)
            found[key] = authors, field["year"], f"https://doi.org/{field['doi']}" if "doi" in field else field.get("url")
        return found

    def page(self, name, anchor=""):
        """The address of a page on the site."""
        return f"{self.site}/{name.removesuffix('.md')}.html{anchor and '#' + anchor}"

    def link(self, label, words, here):
        """A reference as a link that works in JupyterLab: within the lesson, to another notebook, or to the site."""
        name, heading = self.labels[label]
        words = words or heading or "the page"
        if name == here:
            return f"[{words}](#{label})"
        if name in self.lessons:
            return f"[{words}]({relpath(notebook_of(name), notebook_of(here).parent)})"
        return f"[{words}]({self.page(name, label)})"

    def cite(self, keys, in_text):
        """The sources by author and year: in brackets, or as a part of the sentence."""
        found = []
        for key in keys.split(","):
            authors, year, address = self.sources[key.strip()]
            words = f"{authors} ({year})" if in_text else f"{authors}, {year}"
            found.append(f"[{words}]({address})" if address else words)
        return ", ".join(found) if in_text else f"({'; '.join(found)})"

    def term(self, words, word):
        """A word, linked to its entry in the glossary."""
        anchor = re.sub("[^a-zA-Z0-9._]+", "-", self.glossary[word.lower()]).strip("-")
        return f"[{words}]({self.page('chapters/glossary.md', f'term-{anchor}')})"


def notebook_of(name):
    """``chapters/05_lstm/adding.md`` → ``notebooks/05_lstm/adding.ipynb``."""
    return Path("notebooks", *Path(name).parts[1:]).with_suffix(".ipynb")


def text_of(source, here, book, figures):
    """A text cell as JupyterLab can show it.

    Parameters
    ----------
    source : str
        MyST Markdown.
    here : str
        The page that it stands on, such as ``chapters/05_lstm/adding.md``.
    book : Book
    figures : dict
        Label → number in this lesson.
    """

    def role(match):
        name, body = match["role"], match["body"]
        words, _, target = body.removesuffix(">").rpartition("<")
        words, target = words.strip(), target.strip()
        if name == "glue:text":
            return f'{{eval}}`glued("{body}")`'
        if name.startswith("cite:"):
            return book.cite(body, in_text=name == "cite:t")
        if name == "term":
            return book.term(words or target, target)
        if name == "numref" and target in figures:
            return f"Figure {figures[target]}"
        if name == "eq" and book.labels[target][0] != here:
            return f"[the equation]({book.page(book.labels[target][0], f'equation-{target}')})"
        if name == "ref" and (book.labels[target][0] != here or book.labels[target][1]):
            return book.link(target, words, here)
        return match[0]

    def solution(match):
        return f"```{{solution}} {match[1]}\n:class: dropdown\n\n{match[2].strip() or 'Open the folded cells below.'}\n```\n"

    def claim(match):
        return f":::{{admonition}} Claim\n{book.claims[match[1]]}\n[Measured over several seeds]({book.page(here)}).\n:::"

    on_page = f"[You find this on the page of the lesson]({book.page(here)})."
    source = re.sub(r"```\{solution-start\} ([\w-]+)\n(?::[^\n]*\n)*```(.*?)(?=\n```|\Z)", solution, source, flags=re.DOTALL)
    source = re.sub(r"```\{solution-end\}\n```", "", source)
    source = re.sub(r"^:::\{claim\} ([\w-]+)\n:::", claim, source, flags=re.MULTILINE)
    source = re.sub(r"^:::\{alice-table\}\n:::", f"*The table of all models up to here.* {on_page}", source, flags=re.MULTILINE)
    source = re.sub(r"^:::\{living\}.*?^:::", f"*A figure that you can move.* {on_page}", source, flags=re.MULTILINE | re.DOTALL)
    source = re.sub(r"^:::\{rnn-writer\}.*?^:::", f"*The network, writing as you watch.* {on_page}", source, flags=re.MULTILINE | re.DOTALL)
    source = re.sub(r"\{(?P<role>[\w:]+)\}`(?P<body>[^`]+)`", role, source)
    return re.sub(r"\[([^\]]*)\]\(#([\w-]+)\)", lambda m: book.link(m[2], m[1], here), source).strip()


def caption_of(cell):
    """The caption and the label of a cell's figure, or ``("", "")``."""
    figure = cell.metadata.get("mystnb", {}).get("figure", {})
    return figure.get("caption", ""), figure.get("name", "")


def convert(name, book):
    """The notebook of a lesson: a ``nbformat.NotebookNode``."""
    lesson = jupytext.reads(book.pages[name], fmt="md:myst")
    labels = [label for caption, label in map(caption_of, lesson.cells) if caption]
    figures = {label: number for number, label in enumerate(labels, 1)}
    cells, in_solution = [], False
    for cell in lesson.cells:
        if cell.cell_type != "code":
            in_solution = cell.source.rfind("{solution-start}") > cell.source.rfind("{solution-end}")
            if text := text_of(cell.source, name, book, figures):
                cells.append(nbformat.v4.new_markdown_cell(text))
            continue
        caption, label = caption_of(cell)
        folded = in_solution or FOLDED & set(cell.metadata.get("tags", ()))
        cells.append(nbformat.v4.new_code_cell(cell.source, metadata=folded_input() if folded else {}))
        if caption:
            cells.append(nbformat.v4.new_markdown_cell(f"**Figure {figures[label]}.** {text_of(caption, name, book, figures)}"))
    if "{glue:text}" in book.pages[name]:
        first = next(k for k, cell in enumerate(cells) if cell.cell_type == "code")
        cells.insert(first, nbformat.v4.new_code_cell(NUMBERS, metadata=folded_input()))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"  # the same text gives the same file
    return nbformat.v4.new_notebook(cells=cells, metadata=KERNEL)


def folded_input():
    """The metadata of a cell whose input JupyterLab folds."""
    return {"jupyter": {"source_hidden": True}}


def contents(book):
    """The notebook that lists the others in reading order."""
    lines = ["# The lessons", "Click one to open it, then *Run*, *Run All Cells*.", ""]
    for name, text in book.pages.items():
        title = re.search("^# (.*)", text, re.MULTILINE)[1]
        if name in book.lessons:
            lines.append(f"- [{title}]({relpath(notebook_of(name), 'notebooks')})")
        elif re.match(r"chapters/\d", name):
            lines += ["", f"**[{title}]({book.page(name)})**", ""]
    cell = nbformat.v4.new_markdown_cell("\n".join(lines), id="cell-0")
    return nbformat.v4.new_notebook(cells=[cell], metadata=KERNEL)


def sources_hash(notebook):
    """A hash of what a person may have changed: the cells' text."""
    return hashlib.sha256("\0".join(cell.source for cell in notebook.cells).encode()).hexdigest()[:16]


def write(notebook, path):
    """Write a notebook, unless there is one that somebody has changed; returns whether the file is up to date.

    One that was only run keeps its outputs as long as the lesson is the same.
    """
    made = sources_hash(notebook)
    if path.is_file() and path.stat().st_size:
        try:
            there = nbformat.read(path, as_version=4)
        except ValueError:  # not JSON: a part of somebody's work, perhaps
            return False
        if sources_hash(there) == made:
            return True
        if there.metadata.get("made") != sources_hash(there):
            return False
    notebook.metadata["made"] = made  # tells a later run whether somebody has changed the file since
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, nbformat.writes(notebook) + "\n")
    return True


def make_all(root):
    """Write every notebook that is missing or behind its lesson, and say which ones are left as somebody changed them."""
    book = Book(root)
    notebooks = {Path("notebooks/START.ipynb"): contents(book)} | {notebook_of(name): convert(name, book) for name in book.lessons}
    kept = [path.as_posix() for path, notebook in notebooks.items() if not write(notebook, root / path)]
    for path in kept:
        print(f"{path} is as you changed it; delete it to get the lesson's newest text.")
    print(f"{len(notebooks) - len(kept)} notebooks in notebooks/ are up to date.", flush=True)


@refused_in_a_line
def main():
    parser = argparse.ArgumentParser(prog="python -m tools.notebooks", description="Write the lessons as notebooks.")
    parser.add_argument("--open", action="store_true", help="then open them in JupyterLab")
    opens = parser.parse_args().open
    make_all(ROOT)
    if opens:
        root = ["--allow-root"] if getattr(os, "geteuid", lambda: 1)() == 0 else []  # in a container, where JupyterLab would refuse
        return subprocess.call([sys.executable, "-m", "jupyterlab", *root, str(ROOT / "notebooks/START.ipynb")], cwd=ROOT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
