r"""Formulas, set while the book is built: a page carries HTML and MathML, and no reader loads a typesetter.

MathJax 3.2.2 (from the PyPI package sphinx-mathjax-offline) runs in V8 (the PyPI package mini-racer): ``pip`` is enough.
What it makes of a formula is what it would make in the page: glyphs placed by CSS, and the MathML that a screen reader reads.
"""

import atexit
import functools
import html as markup
import json
import logging
import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from fontTools import subset
from py_mini_racer import MiniRacer
from sphinx.errors import ExtensionError
from sphinx.util import logging as sphinx_logging

log = sphinx_logging.getLogger(__name__)
FOLDER = "_static/formulas"
_HERE = Path(__file__).parent
_SCRIPTS = (
    "startup.js",
    "core.js",
    "adaptors/liteDOM.js",
    "input/tex-full.js",
    "output/chtml.js",
    "output/chtml/fonts/tex.js",
    "a11y/assistive-mml.js",
)
_TAGS = re.compile(r'\s*<script>window\.MathJax = [^<]*</script>|\s*<script[^>]*src="[^"]*mathjax[^"]*"[^>]*></script>')
# As sphinx.ext.mathjax writes them; a number and a link may precede a displayed formula.
_FORMULA = re.compile(
    r"""(<(span|div)\ class="(?:amsmath\ )?math\ notranslate\ nohighlight"[^>]*> (?:(?!\\\[|</div>).)*?)  # the element, a number
        \\([(\[]) (.*?) \\[)\]] (?=</\2>)""",
    re.DOTALL | re.VERBOSE,
)
_ROOT = re.compile(r'data-content_root="([^"]*)"')
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_FACE = re.compile(r'font-family: ([\w-]+);\s*src: url\("FONTS/([\w-]+)\.woff"\)')
_GLYPH = re.compile(r'content: "((?:[^"\\]|\\.)*)"')
_MAY_SCROLL = 25.0  # em: on a phone, a wider formula may have to be scrolled, with the keyboard too
_STRETCHED = ("MJXTEX", "MJXTEX-S1", "MJXTEX-S4", "MJXTEX-A")  # the fonts of tall brackets, in the style sheet's last rule on fonts


def source():
    """The folder that holds MathJax in this environment."""
    try:
        return Path(distribution("sphinx-mathjax-offline").locate_file("sphinx-mathjax-offline/static/mathjax"))
    except PackageNotFoundError:
        raise ExtensionError("MathJax is missing. Install the pinned environment: pip install -r requirements.txt") from None


@functools.cache
def _engine():
    engine = MiniRacer()
    atexit.register(engine.close)  # else its thread outlives the build
    for text in (_HERE / "typeset.js", *(source() / name for name in _SCRIPTS)):
        engine.eval(text.read_text(encoding="utf-8") + ";0")
    engine.eval("begin()")
    return engine


def typeset(formulas):
    """Set formulas, all of one page.

    Parameters
    ----------
    formulas : list of (str, bool)
        TeX, and whether the formula is displayed on lines of its own.

    Returns
    -------
    made : list of dict
        ``html`` and ``width`` in em of each; ``error`` if TeX refuses it.
    css : str
        The rules that these formulas need. The address of a font begins with ``FONTS``.
    """
    done = json.loads(_engine().eval(f"JSON.stringify(typeset({json.dumps(formulas)}))"))
    return done["made"], done["css"]


def parts(tex):
    """A displayed formula in the parts between its wide spaces (``\\qquad``), which a narrow page sets below each other."""
    # Sphinx puts a formula that has a line break anywhere, be it within a matrix, into an environment.
    inside = re.sub(r"^\\begin\{split\}(.*)\\end\{split\}$", r"\1", tex.strip(), flags=re.DOTALL)
    found, begin, depth = [], 0, 0
    for token in re.finditer(r"\\(?:begin|end|left|right|qquad)(?![A-Za-z])|\\.|[{}&]", inside):
        if token[0] in ("{", r"\begin", r"\left"):
            depth += 1
        elif token[0] in ("}", r"\end", r"\right"):
            depth -= 1
        elif depth == 0 and token[0] in (r"\\", "&"):
            return [tex.strip()]
        elif depth == 0 and token[0] == r"\qquad":
            found.append(inside[begin : token.start()].strip())
            begin = token.end()
    return [part for part in (*found, inside[begin:].strip()) if part]


def _element(tex, display, made):
    attributes = f'class="MathJax" jax="CHTML" data-tex="{markup.escape(" ".join(tex.split()))}"'
    if display:
        attributes += f' display="true" style="--width:{made["width"]:.2f}"' + (' tabindex="0"' if made["width"] > _MAY_SCROLL else "")
    return f"<mjx-container {attributes}>{made['html']}</mjx-container>"


def _slim(css, html):
    """The rules without space, and without the fonts that the formulas of this page do not use."""
    used = {"MJXZERO", "MJXTEX", *(f"MJX{name}" for name in re.findall(r"\bTEX-[A-Z0-9]+\b", html))}
    used |= set(_STRETCHED) if "<mjx-stretchy" in html else set()
    lines = []
    for selector, body in _RULE.findall(re.sub(r"/\*.*?\*/", "", css)):
        face = _FACE.search(body)
        name = re.fullmatch(r"\s*\.(TEX-\w+)\s*", selector)
        if (face and face[1] not in used) or (name and f"MJX{name[1]}" not in used):
            continue
        lines.append(selector.strip() + "{" + re.sub(r"([:;])\s+", r"\1", body.strip()).rstrip(";") + "}")
    return "".join(lines)


def set_formulas(html):
    """A page with its formulas set; one that TeX refuses is a warning, which stops the build."""
    html = _TAGS.sub("", html)
    each = [(markup.unescape(match[4]).strip(), match[3] == "[") for match in _FORMULA.finditer(html)]
    if not each:
        return html
    found = [(part, display) for tex, display in each for part in (parts(tex) if display else [tex])]
    made, css = typeset(found)
    for (tex, _), one in zip(found, made, strict=True):
        if "error" in one:
            log.warning("formula: %s: %s", one["error"], tex)
            one |= {"html": markup.escape(tex), "width": 1}
    one_by_one = (_element(*formula, one) for formula, one in zip(found, made, strict=True))

    def replace(match):
        if match[3] == "(":
            return match[1] + next(one_by_one)
        return f'{match[1]}<div class="formula">{"".join(next(one_by_one) for _ in parts(markup.unescape(match[4])))}</div>'

    html = _FORMULA.sub(replace, html)
    html = re.sub(r"</mjx-container></span>([.,:;!?)\]’”…]+)", r"</mjx-container>\1</span>", html)  # no line begins with them
    root = _ROOT.search(html)
    css = _slim(css, html).replace("FONTS/", f"{root[1] if root else ''}{FOLDER}/").replace('.woff") format("woff")', '.woff2")')
    copy = re.sub(r"\s*\n\s*", " ", re.sub(r"^//.*\n", "", (_HERE / "copy.js").read_text(encoding="utf-8"), flags=re.MULTILINE))
    html = html.replace("</head>", f'  <style class="formulas">{css}</style>\n  </head>', 1)
    return html.replace("</body>", f'  <script type="module">{copy}</script>\n  </body>', 1)


def glyphs(css):
    """Which characters a page's rules take from which font: a dict from family to a set of characters."""
    found = {}
    for selector, body in _RULE.findall(css):
        if content := _GLYPH.search(body):
            text = re.sub(r"\\([0-9A-Fa-f]+) ?", lambda code: chr(int(code[1], 16)), content[1]).replace('\\"', '"').replace("\\\\", "\\")
            variant = re.search(r"\.(TEX-\w+)", selector)
            families = (f"MJX{variant[1]}",) if variant else ("MJXTEX",)
            for family in _STRETCHED if "stretchy" in selector else families:
                found.setdefault(family, set()).update(text)
    return found


def publish_fonts(outdir):
    """Write the fonts that pages name, with the glyphs that they use: a few kilobytes each."""
    used, names = {}, {}
    for page in Path(outdir).rglob("*.html"):
        for css in re.findall(r'<style class="formulas">(.*?)</style>', page.read_text(encoding="utf-8"), re.DOTALL):
            names |= dict(re.findall(rf'font-family:([\w-]+);src:url\("[./]*{FOLDER}/([\w-]+)\.woff2"\)', css))
            for family, characters in glyphs(css.replace(":", ": ")).items():
                used.setdefault(family, set()).update(characters)
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    for family, name in names.items():
        options = subset.Options(flavor="woff2", notdef_outline=True, drop_tables=[*subset.Options().drop_tables, "FFTM"])
        font = subset.load_font(str(source() / f"output/chtml/fonts/woff-v2/{name}.woff"), options)
        if family != "MJXZERO":  # which has no glyphs, only the height of a line: none
            cutter = subset.Subsetter(options)
            cutter.populate(unicodes=map(ord, used.get(family, ())))
            cutter.subset(font)
        target = Path(outdir) / FOLDER / f"{name}.woff2"
        target.parent.mkdir(parents=True, exist_ok=True)
        subset.save_font(font, str(target), options)
        font.close()
