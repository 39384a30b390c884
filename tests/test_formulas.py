"""Formulas are set while the book is built: HTML to see, MathML to hear, TeX to copy, fonts that have every glyph."""

import re
from xml.etree import ElementTree

import pytest
from fontTools.ttLib import TTFont

from tools import picture
from tools.rnnbook import formulas

HEAD = """<html data-content_root="../"><head>
    <script>window.MathJax = {"options": {"processHtmlClass": "math"}}</script>
    <script defer="defer" src="https://cdn.jsdelivr.net/npm/mathjax@3/es5/tex-mml-chtml.js"></script>
</head><body>"""
INLINE = '<p>If <span class="math notranslate nohighlight">\\(x &lt; \\tfrac{1}{2}\\)</span>, stop</p>'
NUMBER = '<span class="eqno">(5.4)<a class="headerlink" href="#equation-a" title="Link">#</a></span>'
SPLIT = "\\[\\begin{split}h_t &amp;= 1 \\\\ y &amp;= 2\\end{split}\\]"
DISPLAYED = f'<div class="math notranslate nohighlight" id="equation-a">\n{NUMBER}{SPLIT}</div>'


def page(*parts):
    return formulas.set_formulas(HEAD + "".join(parts) + "</body></html>")


def mathml(html):
    """The MathML of a page's formulas, parsed."""
    return [ElementTree.fromstring(text) for text in re.findall(r"<math\b.*?</math>", html, re.DOTALL)]


def test_a_page_loads_no_typesetter_and_one_without_formulas_gets_nothing():
    assert "athJax" not in page("<p>text</p>") and "<style" not in page("<p>text</p>")
    assert "<script defer" not in page(INLINE) and "window.MathJax" not in page(INLINE)


def test_a_formula_is_seen_heard_and_copied():
    html = page(INLINE)
    assert r"\(" not in html and 'data-tex="x &lt; \\tfrac{1}{2}"' in html
    (tree,) = mathml(html)
    assert "".join(tree.itertext()) == "x<12" and tree.find(".//{*}mfrac") is not None
    assert "</mjx-container>,</span> stop" in html, "a comma must not begin a line"


def test_a_displayed_formula_keeps_its_number_and_knows_its_width():
    html = page(INLINE, DISPLAYED)
    assert f'id="equation-a">\n{NUMBER}<div class="formula"><mjx-container' in html and html.count('display="true"') >= 1
    (width,) = re.findall(r'style="--width:([\d.]+)"', html)
    assert 2 < float(width) < 6
    assert mathml(html)[1].find(".//{*}mtable") is not None


def test_a_displayed_formula_is_cut_at_its_wide_spaces_alone():
    assert formulas.parts(r"a = 1, \qquad b = \{c\} \qquad") == ["a = 1,", r"b = \{c\}"]
    whole = r"\begin{matrix}a \qquad b\end{matrix} {c \qquad d} \left( e \qquad f \right) \qquadratic"
    assert formulas.parts(whole) == [whole]
    assert formulas.parts(r"\begin{split}a \\ b \qquad c\end{split}") == [r"\begin{split}a \\ b \qquad c\end{split}"]
    assert formulas.parts(r"\begin{split}\begin{matrix}a \\ b\end{matrix} \qquad c\end{split}") == [
        r"\begin{matrix}a \\ b\end{matrix}",
        "c",
    ]
    html = page(r'<div class="math notranslate nohighlight">\[a, \qquad b\]</div>')
    assert html.count('<div class="formula">') == 1 and html.count("<mjx-container") == 2


def test_tex_in_code_is_left_alone():
    code = "<pre>r'\\(x\\)' and \\[y\\]</pre><code>\\(z\\)</code>"
    assert code in page(INLINE, code)


def test_a_formula_that_tex_refuses_stops_the_build(monkeypatch):
    said = []
    monkeypatch.setattr(formulas.log, "warning", lambda text, *values: said.append(text % values))
    html = page(INLINE.replace("tfrac{1}{2}", "tfrac{1}"), INLINE)
    assert said == [r"formula: Missing argument for \tfrac: x < \tfrac{1}"]
    assert len(mathml(html)) == 1


def test_a_page_names_the_fonts_that_it_uses():
    families = lambda html: set(re.findall(r"@font-face\{font-family:([\w-]+)", html))
    assert families(page(INLINE)) == {"MJXZERO", "MJXTEX", "MJXTEX-I"}
    assert "MJXTEX-C" in families(page(INLINE.replace("x", r"\mathcal{L}", 1)))
    assert 'src:url("../_static/formulas/MathJax_Main-Regular.woff2")' in page(INLINE)


def test_fonts_have_the_glyphs_of_all_pages_and_no_more(tmp_path):
    (tmp_path / "a.html").write_text(page(INLINE), encoding="utf-8")
    tall = r"\(\left(\begin{matrix}1\\2\\3\\4\\5\end{matrix}\right)\)"
    (tmp_path / "b.html").write_text(page(f'<span class="math notranslate nohighlight">{tall}</span>'), encoding="utf-8")
    formulas.publish_fonts(tmp_path)
    has = {}
    for path in (tmp_path / formulas.FOLDER).iterdir():
        with TTFont(path) as font:
            has[path.stem] = set(font.getBestCmap() or ())
    assert {ord("<"), *map(ord, "12345")} <= has["MathJax_Main-Regular"] and ord("Q") not in has["MathJax_Main-Regular"]
    assert ord("x") in has["MathJax_Math-Italic"]
    assert {0x239B, 0x239C, 0x239D} <= has["MathJax_Size4-Regular"], "the parts of a tall bracket"


COPY = """() => {
    getSelection().selectAllChildren(document.querySelector("main"));
    const clipboardData = new DataTransfer();
    document.dispatchEvent(new ClipboardEvent("copy", { clipboardData, cancelable: true }));
    return clipboardData.getData("text/plain");
}"""


@pytest.mark.skipif(picture.browser() is None, reason="no Chromium or Chrome on this machine")
def test_copied_text_has_the_tex_of_its_formulas():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=picture.browser(), args=["--headless", "--no-sandbox", "--disable-gpu"])
        tab = chromium.new_page()
        tab.set_content(page("<main>", INLINE, "<p>More</p></main>"))
        copied = tab.evaluate(COPY)
        chromium.close()
    assert copied.split("\n") == [r"If $x < \tfrac{1}{2}$, stop", "More"]
