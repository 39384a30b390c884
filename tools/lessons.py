"""The lessons of the book and what each depends on.

The notebook cache knows a lesson's own code only. `digest` adds what it forgets: every function, class and constant of ``rnnlib``
that the lesson can reach (`tools.reach`), the files that these read, and the versions of the libraries under them.
"""

import functools
import hashlib
import itertools
import platform
from importlib.metadata import version
from pathlib import Path

import yaml

from tools.reach import Reach

READER = {"name": "myst_nb_md", "type": "plugin"}
LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch", "matplotlib", "ipykernel")


def in_toc(root):
    """Every page that ``_toc.yml`` lists, in reading order: a list of paths that exist or should."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))

    def files(node):
        if isinstance(node, list):
            for item in node:
                yield from files(item)
        elif isinstance(node, dict):
            for key, value in node.items():
                if key in ("root", "file"):
                    yield root / (value if value.endswith(".md") else f"{value}.md")
                else:
                    yield from files(value)

    return list(files(toc))


def lessons(root):
    """The pages with code to run, in reading order."""
    return [page for page in in_toc(root) if page.is_file() and "{code-cell}" in page.read_text(encoding="utf-8")]


@functools.cache
def reader():
    """What reads a page as a notebook."""
    from jupyter_cache.readers import get_reader  # not on Binder, where the list of lessons is read all the same

    return get_reader(READER)


def code_cells(page):
    """The sources of a page's code cells, without lines that are not Python (``%`` and ``!``)."""
    state = Path(page).stat()
    return list(_code_cells(str(page), state.st_mtime_ns, state.st_size))


@functools.cache
def _code_cells(page, *state):
    notebook = reader()(page)
    return [
        "\n".join(line for line in cell.source.splitlines() if not line.lstrip().startswith(("%", "!")))
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def reach(page, root, leave_out=()):
    """What a page's cells can reach in the library, some modules aside."""
    return Reach("\n".join(code_cells(page)), root, leave_out=leave_out)


def uses_data_files(page, root):
    """Whether running a lesson can ask for a data file."""
    return reach(page, root).names("rnnlib.data.fetch", "find")


def digest(page, root):
    """A short hash of everything but the page itself that its outputs depend on.

    Comments and docstrings of the library count only where ``source_of`` puts them on the page.
    """
    reached = reach(page, root)
    hashed = hashlib.sha256()
    for part in (*itertools.chain.from_iterable(reached.texts()), *reached.shown()):
        hashed.update(part.encode() + b"\0")
    for file in reached.files():
        hashed.update(file.read_bytes())
    hashed.update(" ".join([platform.python_version(), *map(version, LIBRARIES)]).encode())
    return hashed.hexdigest()[:16]


def title(page, root):
    """How the build names a lesson: its path without the folder of all chapters and without the ending."""
    path = Path(page).relative_to(root).with_suffix("")
    return "/".join(path.parts[1:] if path.parts[0] == "chapters" else path.parts)
