"""The lessons of the book and what each depends on.

The notebook cache knows a lesson's own code only. `digest` adds what it forgets: every module of ``rnnlib`` that the lesson
imports, directly or through another one, the files beside those modules, and the libraries under them.
"""

import ast
import functools
import hashlib
import platform
from importlib.metadata import version
from pathlib import Path

import yaml

READER = {"name": "myst_nb_md", "type": "plugin"}
PACKAGE = "rnnlib"
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
def _reader():
    from jupyter_cache.readers import get_reader  # not on Binder, where the list of lessons is read all the same

    return get_reader(READER)


def code_cells(page):
    """The sources of a page's code cells, without lines that are not Python (``%`` and ``!``)."""
    notebook = _reader()(str(page))
    return [
        "\n".join(line for line in cell.source.splitlines() if not line.lstrip().startswith(("%", "!")))
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


@functools.cache  # a module stands under many lessons
def imported(source, package=""):
    """Names of the modules that ``source`` may import from our package, wherever in the text it does so.

    Parameters
    ----------
    source : str
        Python code.
    package : str
        The package that a relative import starts from.

    Returns
    -------
    names : frozenset of str
        ``from rnnlib import viz`` gives both ``rnnlib`` and ``rnnlib.viz``: the second may be a module or not.
    """
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join(parts + ([node.module] if node.module else []))
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return frozenset(name for name in names if name.split(".")[0] == PACKAGE)


def file_of(name, root):
    """The file of a module, or None if there is no such module."""
    path = root.joinpath(*name.split("."))
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


def closure(source, root):
    """All files of our package that running ``source`` can read: a sorted list of paths."""
    todo, seen, files = set(imported(source)), set(), set()
    while todo:
        name = todo.pop()
        file = file_of(name, root)
        if name in seen or file is None:
            continue
        seen.add(name)
        files.add(file)
        text = file.read_text(encoding="utf-8")
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        todo |= imported(text, package) | {name.rpartition(".")[0]}
        if file.name == "__init__.py":
            files |= {path for path in file.parent.iterdir() if path.is_file() and path.suffix != ".py"}  # style, manifest
            if "import_module" in text:  # loaded by name at run time: any module of the package
                todo |= {f"{name}.{path.stem}" for path in file.parent.glob("*.py")}
    return sorted(files)


def digest(page, root):
    """A short hash of everything but the page itself that its outputs depend on."""
    hashed = hashlib.sha256()
    for file in closure("\n".join(code_cells(page)), root):
        hashed.update(file.relative_to(root).as_posix().encode())
        hashed.update(file.read_bytes())
    hashed.update(" ".join([platform.python_version(), *map(version, LIBRARIES)]).encode())
    return hashed.hexdigest()[:16]


def title(page, root):
    """How the build names a lesson: its path without the folder of all chapters and without the ending."""
    path = Path(page).relative_to(root).with_suffix("")
    return "/".join(path.parts[1:] if path.parts[0] == "chapters" else path.parts)
