"""What a feedback page calls the parts of a lab, and what it tells of a figure to students who do not see it."""

import pathlib
import re

import nbgrader
from traitlets.config import Config

from labs.grading.text import source

_HEADING = re.compile(r"^## (.+?)(?: \([^()]*\))?$", re.MULTILINE)
_FIRST = re.compile(r"# (?:provided: )?(.+)")
_TEMPLATES = pathlib.Path(nbgrader.__file__).parent / "server_extensions/formgrader/templates"
_FOLDERS = [str(pathlib.Path(__file__).parent / "templates"), str(_TEMPLATES)]
TEMPLATE = Config({"Page": {"template_name": "parts", "template_file": "parts.html.j2", "extra_template_basedirs": _FOLDERS}})


def describe(nb, full=None, unread=()):
    """Write into each cell's metadata the ``part`` that it belongs to, an ``alt`` text for its figures, and whether it is ``unread``.

    Both are from the lab's ``full`` notebook: what a student wrote names nothing.
    """
    parts, figures, part = {}, {}, ""
    for cell in full.cells if full else ():
        name = source.meta(cell).get("grade_id")
        if cell.cell_type == "markdown" and not name and (headings := _HEADING.findall(cell.source)):
            part = headings[-1]
        elif name:
            code = name.removesuffix("_test")
            parts[name] = (f"{part} ({code})" if cell.cell_type == "code" else part) if part else code
            figures[name] = _FIRST.match(cell.source) if source.meta(cell).get("locked") else None
    for number, cell in enumerate(nb.cells, 1):
        name = source.meta(cell).get("grade_id")
        if name in parts:
            cell.metadata.part = parts[name]
        cell.metadata.unread = name in unread
        if cell.cell_type == "code":
            said = figures.get(name)
            cell.metadata.alt = said[1] if said else f"A figure that cell {number} of your notebook draws; it has no description"
