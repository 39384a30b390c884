"""A network that writes in the page: ``{rnn-writer} NAME`` stands where it does, ``rnnlib.book.weights`` in a lesson gives its weights.

The lesson's output carries the weights as JSON; they go into a file of their own, which a page loads when the figure is seen.
"""

import html as markup
import json
import re
import shutil
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

from rnnlib.data.corpora import STAND_IN

SCRIPT = Path(__file__).with_name("writer.js")
_FOLDER = "_static/rnn-writer"
_WEIGHTS = re.compile(r'<script type="application/json" class="rnn-weights" data-name="([\w-]+)">(.*?)</script>', re.DOTALL)
_FIGURE = re.compile(r'<rnn-writer name="([\w-]+)".*?</rnn-writer>', re.DOTALL)
SYNTHETIC = "<p>When this book was built, the text was missing: this network was trained on synthetic text.</p>"
_ROOT = re.compile(r'data-content_root="([^"]*)"')


class WriterDirective(SphinxDirective):
    """The body is what a reader without scripts, or of the PDF, sees instead."""

    required_arguments = 1
    option_spec: ClassVar = {"prompt": directives.unchanged_required}
    has_content = True

    def run(self):
        # An option's last space would be lost.
        prompt = self.options["prompt"].strip('"')
        begin = f'<rnn-writer name="{self.arguments[0]}" prompt="{markup.escape(prompt)}">'
        instead = nodes.container()
        self.state.nested_parse(self.content, self.content_offset, instead)
        for block in instead.children:
            block["classes"].append("rnn-instead")
        return [nodes.raw("", begin, format="html"), *instead.children, nodes.raw("", "</rnn-writer>", format="html")]


def load_where_needed(html):
    """A page with the figure loads its script."""
    if "<rnn-writer" not in html:
        return html
    root = _ROOT.search(html)[1]
    return html.replace("</head>", f'  <script type="module" src="{root}{_FOLDER}/writer.js"></script>\n  </head>', 1)


def publish(outdir):
    """Move the weights out of the pages, each into a script beside ``writer.js``; say below a figure if its network read synthetic text."""
    folder, pages = Path(outdir) / _FOLDER, list(Path(outdir).rglob("*.html"))
    for page in pages:
        html = page.read_text(encoding="utf-8")
        found = _WEIGHTS.findall(html)
        if not found:
            continue
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in found:
            compact = json.dumps(json.loads(data), separators=(",", ":"))
            mark = f"// {STAND_IN}\n" * (STAND_IN in html)
            text = f"{mark}(globalThis.rnnWeights ??= {{}})[{json.dumps(name)}] = {compact};\n"
            (folder / f"{name}.js").write_text(text, encoding="utf-8")
        page.write_text(_WEIGHTS.sub("", html), encoding="utf-8")
    # The next build may render the lesson or the page with the figure alone, so the script remembers what the network read.
    synthetic = {script.stem for script in folder.glob("*.js") if STAND_IN in script.read_text(encoding="utf-8")}
    for page in pages:
        html = page.read_text(encoding="utf-8")
        said = _FIGURE.sub(lambda figure: figure[0] + SYNTHETIC * (figure[1] in synthetic), html.replace(SYNTHETIC, ""))
        if said != html:
            page.write_text(said, encoding="utf-8")
    if folder.is_dir():
        shutil.copy(SCRIPT, folder)


def setup(app):
    app.add_directive("rnn-writer", WriterDirective)
