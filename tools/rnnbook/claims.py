"""What the stored runs of a claim say, on the page: ``{claim}`` for one claim, ``{alice-table}`` for the course's growing table.

A claim without a stored run, or one that the stored runs contradict, is a warning, and a warning stops the build.
Claims are measured on real data: a page whose outputs ran on synthetic data says so beside each claim and each table.
"""

from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from rnnlib.data.corpora import STAND_IN
from tools import claims, lessons

log = logging.getLogger(__name__)
MEASURED = "Measured on the real data. This page ran on synthetic data."


def number(value):
    """A number as a reader wants it: four figures, thousands apart."""
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def table(head, rows):
    """A docutils table of texts, the first column to the left."""
    group = nodes.tgroup(cols=len(head))
    group += [nodes.colspec(colwidth=1) for _ in head]

    def line(cells):
        entries = [nodes.entry("", nodes.paragraph("", cell), classes=["text-right"] if k else []) for k, cell in enumerate(cells)]
        return nodes.row("", *entries)

    group += nodes.thead("", line(head))
    group += nodes.tbody("", *map(line, rows))
    return nodes.table("", group, classes=["claim-table"])


def fair(contest, runs):
    """One paragraph in a reader's words: rivals, what was searched and where it was chosen, the budget, the paired difference."""
    words = f"Rivals: {contest['rivals']}. Tried: {contest['grid']}; chosen on {contest['chosen_on']}. Budget: {contest['budget']}."
    for label, pair in claims.differences(contest).items():
        mean, low, high, same = claims.difference(pair, runs)
        words += (
            f" Difference{' ' * bool(label)}{label}, run by run: {number(mean)}, 95 % interval {number(low)} to {number(high)} "
            f"(t interval, {len(runs)} runs), with this sign in {same} of them."
        )
    return nodes.paragraph("", words)


class ClaimDirective(SphinxDirective):
    """``:::{claim} NAME``: the sentence, its spread over the seeds, and how many of them held."""

    required_arguments = 1

    def run(self):
        root = Path(self.env.srcdir)
        name = self.arguments[0]
        page = Path(self.env.doc2path(self.env.docname)).resolve()
        for lesson, entry in claims.read(root).items():
            if (root / entry["lesson"]).resolve() == page and name in entry["claims"]:
                return self.box(entry["claims"][name], lesson, page, root)
        log.warning("claim %s: there is none of this name for this page in claims", name, location=self.get_location())
        return []

    def box(self, claim, lesson, page, root):
        stored = claims.stored(lesson, root)
        self.env.note_dependency(str(claims.result_file(lesson, root)))
        if stored is None:
            log.warning("claim %s: run make claims LESSON=%s", self.arguments[0], lesson, location=self.get_location())
            return []
        runs = stored["runs"]
        answers = claims.held(claim, runs)
        if not claims.true(claim, runs):
            log.warning("claim %s is not true: %d of %d", self.arguments[0], sum(answers), len(answers), location=self.get_location())
        many = f"{sum(answers)} of {len(answers)} seeds" if claim.get("over") != "mean" else f"the means over {len(runs)} seeds"
        end = f"Held by {many}; the lesson was run once for each (make claims LESSON={lesson})."
        if "claims-code" not in self.env.temp_data:  # of this page; a page may have many claims
            self.env.temp_data["claims-code"] = claims.code_hash(page, root)
        if stored["code"] != self.env.temp_data["claims-code"]:
            end += f" The code has changed since {stored['date']}."
        box = nodes.admonition("", nodes.title("", "Claim"), nodes.paragraph("", claim["says"]), classes=["claim"])
        rows = [(label, *map(number, claims.spread(glued, runs))) for label, glued in claim["shows"].items()]
        box += table((f"over {len(runs)} seeds", "mean", "least", "most"), rows)
        contest = claim.get("contest", "")
        if isinstance(contest, str) and contest.startswith("Not searched"):
            end = f"{contest} {end}"
        box += nodes.paragraph("", end, classes=["claim-end"])
        if isinstance(contest, dict):
            box += nodes.admonition("", nodes.title("", "How fair is it?"), fair(contest, runs), classes=["dropdown", "claim-contest"])
        return [box]


class AliceTable(SphinxDirective):
    """``:::{alice-table}``: bits per character of *Alice* for each model up to this page, in reading order; ``:all:`` for all."""

    option_spec: ClassVar = {"all": directives.flag}

    def run(self):
        root = Path(self.env.srcdir)
        page = Path(self.env.doc2path(self.env.docname)).resolve()
        order = [path.resolve() for path in lessons.in_toc(root)]
        known = claims.read(root)
        entries = {(root / known[name]["lesson"]).resolve(): (name, known[name]["alice"]) for name in known if "alice" in known[name]}
        rows = []
        for path in order if "all" in self.options else order[: order.index(page) + 1]:
            name, models = entries.get(path, (None, []))
            stored = claims.stored(name, root) if name else None
            if stored is None:
                continue
            self.env.note_dependency(str(claims.result_file(name, root)))
            for model in models:
                bits, least, most = claims.spread(model["bits"], stored["runs"])
                seconds, parameters = (claims.spread(model[key], stored["runs"])[0] for key in ("seconds", "parameters"))
                cost = (f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.2g}", number(parameters))
                rows.append((model["model"], f"{bits:.3f}", f"{least:.3f} – {most:.3f}", *cost))
        return [table(("model", "bits per character", "least – most", "seconds", "parameters"), rows)]


def say_what_was_measured(app, doctree):
    """After each claim and each table of a page that shows synthetic data: these numbers are not of this page."""
    if not any(STAND_IN in raw.astext() for raw in doctree.findall(nodes.raw)):
        return
    for table in list(doctree.findall(nodes.table)):
        if "claim-table" in table["classes"]:
            box = table.parent if "claim" in table.parent.get("classes", []) else None
            line = nodes.paragraph("", MEASURED, classes=["claim-end"])
            if box is None:
                table.parent.insert(table.parent.index(table) + 1, line)
            else:
                box.append(line)


def setup(app):
    app.connect("doctree-read", say_what_was_measured)
    app.add_directive("claim", ClaimDirective)
    app.add_directive("alice-table", AliceTable)
