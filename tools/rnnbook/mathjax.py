"""Our own copy of MathJax, so that a page read without a network shows formulas and not raw TeX.

The files come from the PyPI package sphinx-mathjax-offline (MathJax 3.2.2): ``pip`` is enough, no npm is needed.
"""

import re
import shutil
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from sphinx.errors import ExtensionError

_FILES = ("tex-chtml.js", "output/chtml/fonts/woff-v2", "input/tex/extensions")
_TAG = re.compile(r'\s*<script[^>]*src="([^"]*mathjax/tex-chtml\.js[^"]*)"[^>]*></script>')
_MATH = re.compile(r'class="(?:[^"]* )?math[ "]')


def source():
    """The folder that holds MathJax in this environment."""
    try:
        return Path(distribution("sphinx-mathjax-offline").locate_file("sphinx-mathjax-offline/static/mathjax"))
    except PackageNotFoundError:
        raise ExtensionError("MathJax is missing. Install the pinned environment: pip install -r requirements.txt") from None


def copy_to(outdir):
    """Copy what the pages can ask for; nothing is copied twice."""
    target = Path(outdir) / "_static" / "mathjax"
    if target.exists():
        return
    for name in _FILES:
        origin, copy = source() / name, target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(origin, copy) if origin.is_dir() else shutil.copy(origin, copy)


def only_where_needed(html):
    """A page without a formula does not load MathJax; a page with formulas loads it after everything else."""
    tag = _TAG.search(html)
    if tag is None:
        return html
    load = ""
    if _MATH.search(html):
        load = (
            "\n    <script>addEventListener('load',()=>document.head.append("
            f"Object.assign(document.createElement('script'),{{src:'{tag[1]}'}})))</script>"
        )
    else:
        html = re.sub(r"\s*<script>window\.MathJax = [^<]*</script>", "", html)
    return _TAG.sub(lambda _: load, html)
