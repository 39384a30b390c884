"""The icon fonts cut down to the icons in use: a few kilobytes where the theme sends three hundred."""

import logging
import re
from pathlib import Path

import pydata_sphinx_theme
from fontTools import subset

_FONTS = Path(pydata_sphinx_theme.__file__).parent / "theme/pydata_sphinx_theme/static/vendor/fontawesome/webfonts"
_CODE = re.compile(r'"\\([0-9a-f]{4,5})"')
_RULE = re.compile(r"([^{}]*)\{([^{}]*)\}")
_NAME = re.compile(r"fa-[a-z0-9-]+")


def used_points(css_texts, html_texts):
    """The code points of the icons that pages name (``fa-…`` classes) and that rules draw themselves (admonitions, menus).

    Parameters
    ----------
    css_texts, html_texts : iterable of str

    Returns
    -------
    points : set of int
    """
    named = {name for html in html_texts for name in _NAME.findall(html)}
    points = set()
    for css in css_texts:
        for selector, body in _RULE.findall(css):
            names = set(_NAME.findall(selector))
            if names and not names & named:
                continue
            points |= {int(code, 16) for code in _CODE.findall(body)}
            points |= {ord(character) for character in body if 0xE000 <= ord(character) <= 0xF8FF}
    return points


def subset_fonts(outdir):
    """Write the theme's icon fonts anew, holding only what the built pages use."""
    out = Path(outdir)
    css = [path.read_text(encoding="utf-8") for path in (out / "_static").rglob("*.css")]
    html = [path.read_text(encoding="utf-8") for path in out.rglob("*.html")]
    points = used_points(css, html)
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    for path in _FONTS.glob("*.woff2"):
        font = subset.load_font(str(path), subset.Options(flavor="woff2"))
        cutter = subset.Subsetter(subset.Options(notdef_outline=True))
        cutter.populate(unicodes=points)
        cutter.subset(font)
        target = out / "_static/vendor/fontawesome/webfonts" / path.name
        subset.save_font(font, str(target), subset.Options(flavor="woff2"))
