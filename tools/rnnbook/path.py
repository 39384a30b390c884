"""The path through the chapters, with the time that their lessons take: ``{course-path}`` on the landing page.

Chapters come from the table of contents, times from the cards of their lessons: nobody has to keep a number up to date.
"""

import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

from tools import lessons

_MINUTES = re.compile(r"^- \*\*Time, device:\*\* (\d+) minutes", re.MULTILINE)
_TITLE = re.compile(r"^# (.+)$", re.MULTILINE)


def stations(root):
    """The numbered chapters in reading order.

    Returns
    -------
    stations : list of (page, title, lessons, minutes)
        ``page`` is a path; ``lessons`` and ``minutes`` count those of its lessons that have a card.
    """
    pages = lessons.in_toc(root)
    found = []
    for page in pages:
        if page.name != "index.md" or not re.match(r"\d", page.parent.name):
            continue
        texts = [other.read_text(encoding="utf-8") for other in pages if other.parent == page.parent]
        minutes = [int(card[1]) for text in texts if (card := _MINUTES.search(text))]
        found.append((page, _TITLE.search(page.read_text(encoding="utf-8"))[1], len(minutes), sum(minutes)))
    return found


def hours(minutes):
    """A reading time in words, to the half hour: ``3½ h``."""
    halves = max(1, round(minutes / 30))
    return f"{halves // 2 or ''}{'½' if halves % 2 else ''} h"


class PathDirective(SphinxDirective):
    """An ordered list that the style sheet draws as a line with eight stations; its bars are as long as the chapters."""

    def run(self):
        root = Path(self.env.srcdir)
        listed = nodes.enumerated_list(classes=["rnn-path"], enumtype="arabic")
        known = stations(root)
        for page, title, count, minutes in known:
            for other in page.parent.glob("*.md"):
                self.env.note_dependency(str(other))
            name = "/" + page.relative_to(root).with_suffix("").as_posix()
            link = addnodes.pending_xref(
                "", nodes.inline("", title), refdomain="std", reftype="doc", reftarget=name, refexplicit=True, refdoc=self.env.docname
            )
            length = round(10 * minutes / max(minutes for *_, minutes in known))
            time = nodes.inline("", f"{count} lessons, {hours(minutes)}", classes=["rnn-time", f"rnn-long-{length}"])
            listed += nodes.list_item("", nodes.paragraph("", "", link, nodes.Text(" "), time))
        return [listed]


def setup(app):
    app.add_directive("course-path", PathDirective)
