"""Which scripts a page loads, and when.

The theme brings 1.5 MB of icons as a script beside the same icons as fonts, the search index on every page, and sphinx-thebe,
which throws an error on each page even when it is switched off. None of them serves a reader here.
"""

import re
from pathlib import Path

_UNUSED = (
    r"\s*<script[^>]*scripts/fontawesome\.js[^>]*></script>",
    r"\s*<script[^>]*sphinx-thebe[^>]*></script>",
    r"\s*<link[^>]*sphinx-thebe[^>]*>",
    r"\s*<script>const THEBE_JS_URL[^<]*</script>",
    r'\s*<script type="text/x-thebe-config">.*?</script>',
    r"\s*<script>kernelName = [^<]*</script>",
)
_SEARCH = r'\s*<script[^>]*src="[^"]*(?:searchtools|language_data|searchindex)\.js[^"]*"[^>]*></script>'
_DEFERRED = (
    r"(?:documentation_options|doctools|sphinx_highlight|clipboard\.min|copybutton|togglebutton|design-tabs|scripts/sphinx-book-theme)"
)
_UNUSED_FILES = ("scripts/fontawesome.js", "sphinx-thebe.js", "sphinx-thebe.css")


def is_search_page(html):
    """True for the page that shows search results: there the theme's own order of scripts is kept."""
    return 'id="search-results"' in html


def drop_unused(html):
    """Without the scripts that no reader of a static page uses."""
    for pattern in _UNUSED if is_search_page(html) else (*_UNUSED, _SEARCH):
        html = re.sub(pattern, "", html, flags=re.DOTALL)
    return html


def defer(html):
    """The text appears before the scripts run; their order stays."""
    if is_search_page(html):
        return html
    html = re.sub(rf'<script ((?:[^>]* )?src="[^"]*_static/{_DEFERRED}\.js[^"]*")>', r"<script defer \1>", html)
    # An inline script cannot be deferred, but a module is, and these lines need the file above.
    return re.sub(r"<script>(DOCUMENTATION_OPTIONS\.[^<]*)</script>", r'<script type="module">\1</script>', html)


def drop_unused_files(outdir):
    """Remove what no page refers to any more, source maps included."""
    static = Path(outdir) / "_static"
    for path in (*static.rglob("*.map"), *static.rglob("*.ttf"), *(static / name for name in _UNUSED_FILES)):
        path.unlink(missing_ok=True)
