"""Figures that a reader can touch: ``{living} NAME`` stands where one does; its body is what the PDF, or a page without scripts, shows.

A figure is one script in ``figures/``, built on ``kit.js``, and the element ``<rnn-NAME>``. It computes in the page what the library
computes: `tests/test_living.py` runs the same script beside rnnlib.
"""

import re
import shutil
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

SCRIPTS = Path(__file__).with_name("figures")
NAMES = tuple(sorted(path.stem for path in SCRIPTS.glob("*.js") if path.stem != "kit"))
_FOLDER = "_static/figures"
_ROOT = re.compile(r'data-content_root="([^"]*)"')


class LivingDirective(SphinxDirective):
    required_arguments = 1
    has_content = True

    def run(self):
        name = self.arguments[0]
        if name not in NAMES:
            raise self.error(f"living: expected one of {', '.join(NAMES)}, got {name}")
        instead = nodes.container()
        self.state.nested_parse(self.content, self.content_offset, instead)
        begin, end = (nodes.raw("", f"<{slash}rnn-{name}>", format="html") for slash in ("", "/"))
        return [begin, *instead.children, end]


def load_where_needed(html):
    """A page loads the scripts of the figures that it shows, after the text."""
    shown = [name for name in NAMES if f"<rnn-{name}>" in html]
    if not shown:
        return html
    root = _ROOT.search(html)[1]
    tags = "".join(f'  <script defer src="{root}{_FOLDER}/{name}.js"></script>\n' for name in ("kit", *shown))
    return html.replace("</head>", f"{tags}  </head>", 1)


def publish(outdir):
    """Copy the scripts beside the pages."""
    shutil.copytree(SCRIPTS, Path(outdir) / _FOLDER, dirs_exist_ok=True)


def setup(app):
    app.add_directive("living", LivingDirective)
