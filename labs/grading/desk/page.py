"""What nbconvert makes a feedback page of: nothing active, and no hidden test. ``nbgrader_config.py`` names both classes."""

import html
import re

from nbconvert.exporters import Exporter, HTMLExporter
from nbconvert.preprocessors import Preprocessor
from nbgrader.api import Gradebook, MissingEntry

from labs.grading.desk import apart, parts
from labs.grading.inbox import safe
from labs.grading.text import source

SHORT = 8  # characters: a line this short is in every program
MAX_MARKDOWN = 8000  # characters that are drawn as Markdown: its patterns are slow on long texts


class SafePage(Preprocessor):
    """nbconvert preprocessor of the feedback pages."""

    enabled = True

    def preprocess_cell(self, cell, resources, index):
        from nbformat.notebooknode import from_dict

        if cell.cell_type == "markdown":
            # What is locked or ungraded and from the release is ours, but telling it apart is not worth a risk.
            cell.source = safe.markdown(cell.source) if len(cell.source) <= MAX_MARKDOWN else _as_typed(cell.source)
            cell.pop("attachments", None)
        elif cell.cell_type == "code":
            cell.source = source.without_hidden(cell.source)
            cell.outputs = [from_dict(o) for o in safe.outputs(cell.outputs)]
        else:
            cell.source = safe.markdown(cell.source)
        return cell, resources


class Page(HTMLExporter):
    """nbconvert exporter of the feedback pages: a page that shows a hidden line is an error, never a file."""

    @property
    def default_config(self):
        config = super().default_config
        config.merge(parts.TEMPLATE)
        return config

    def from_notebook_node(self, nb, resources=None, **kw):
        lab = (resources or {}).get("nbgrader", {}).get("assignment")
        full = source.notebook(lab) if lab in source.names() else None
        secret = hidden_lines(nb, full)
        parts.describe(nb, full, unread((resources or {}).get("nbgrader", {})))
        nb, resources = Exporter.from_notebook_node(self, nb, resources, **kw)  # the preprocessors
        plain = {name: value for name, value in resources.items() if not callable(value)}
        try:
            page, found = apart.draw(self.config, nb, plain, secret)
        except apart.TooSlow:
            page, found = apart.draw(self.config, apart.shortened(nb), plain, secret)
        if found:
            raise ValueError(f"{lab}: the page was not written because it would show {len(found)} lines of hidden tests")
        return page, resources

    def drawn(self, nb, resources):
        """The page, without preprocessors and checks."""
        return super().from_notebook_node(nb, resources)[0]


def unread(about):
    """The names of a submission's cells that wait for a person; ``about`` is what nbgrader tells of it."""
    if "db_url" not in about:
        return set()
    with Gradebook(about["db_url"]) as book:
        try:
            row = book.find_submission_notebook(about["notebook"], about["assignment"], about["student"])
        except MissingEntry:
            return set()
        return {grade.name for grade in row.grades if grade.needs_manual_grade}


def hidden_lines(nb, full=None):
    """The lines of hidden tests in a graded notebook and in the lab's ``full`` one that nobody has seen in the notebook itself."""
    secret = "\n".join(source.hidden(cell) for cell in [*nb.cells, *(full.cells if full else ())])
    tests = {source.meta(c).get("grade_id") for c in nb.cells if source.meta(c).get("grade") and not source.meta(c).get("solution")}
    seen = [source.without_hidden(c.source) for c in nb.cells if source.meta(c).get("grade_id") not in tests]
    seen += [source.without_hidden(c.source) for c in full.cells] if full else []
    seen = _plain("\n".join(seen))
    lines = {_plain(line) for line in secret.split("\n")}
    return {line for line in lines if len(line) > SHORT and line not in seen}


def shown(page, lines):
    """Which of ``lines`` stand in a page, in its text or in its source."""
    raw = html.unescape(page)
    texts = (_plain(raw), _plain(html.unescape(re.sub(r"<[^>]*>", "", page))))
    return sorted(line for line in lines if any(line in text for text in texts))


def _as_typed(text):
    """A long text as it was typed: nothing in it is Markdown, mathematics or HTML."""
    text = html.escape(text)
    for sign in "\\$`*_[]":
        text = text.replace(sign, f"&#{ord(sign)};")
    return "<pre>" + text.replace("\n", "&#10;") + "</pre>"


def _plain(text):
    return " ".join(text.split())
