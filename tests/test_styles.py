"""The theme's style sheets are cut down to what pages can meet, and what is left means the same."""

import pytest

from tools.rnnbook import styles

SHEET = """@charset "utf-8"; /* a { comment } */
.here, .gone > p, p:not(.gone) { color: red; content: "} {"; }
.gone { color: blue }
@media (min-width: 5px) { .gone { a: b } .here a:hover { c: d } }
@media print { .gone { a: b } }
@font-face { font-family: X; src: url("x;y") }
@keyframes spin { from { a: b } to { c: d } }
p:is(.gone, h1) > a[href="#a,b"] { e: f }
.sm\\:here { g: h } .show.here { i: j }"""


def test_rules_that_no_page_meets_go_and_the_others_stay():
    assert styles.slim(SHEET, {"here"}) == (
        '@charset "utf-8";.here,p:not(.gone){color: red; content: "} {";}'
        "@media (min-width: 5px){.here a:hover{c: d}}"
        '@font-face{font-family: X; src: url("x;y")}'
        "@keyframes spin{from { a: b } to { c: d }}"
        'p:is(.gone, h1) > a[href="#a,b"]{e: f}'
        ".show.here{i: j}"
    )


@pytest.mark.parametrize(
    ("selector", "kept"), [(".a .b", False), ("#a", True), (".a:not(.b)", True), (".tooltip-inner", True), (r".sm\\:a", False)]
)
def test_a_selector_is_met_if_every_name_is_known(selector, kept):
    assert styles.met(selector, {"a"}) is kept


def test_sheets_of_a_site_know_the_names_of_pages_and_scripts(tmp_path):
    sheet = tmp_path / "_static/styles/pydata-sphinx-theme.css"
    sheet.parent.mkdir(parents=True)
    sheet.write_text(".one{a:b}.two{a:b}.three{a:b}", encoding="utf-8")
    (tmp_path / "a.html").write_text('<p class="one">', encoding="utf-8")
    (tmp_path / "_static/a.js").write_text('node.classList.add("two")', encoding="utf-8")
    styles.slim_sheets(tmp_path)
    assert sheet.read_text(encoding="utf-8") == ".one{a:b}.two{a:b}"
