"""The built site: every page whole, light and reachable, in a browser without a network, light, dark and on a phone.

`make test` builds the site first. Alone, these tests are skipped where there is none (`make book` makes it).
"""

import base64
import json
import re
import shutil
import threading
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

import numpy as np
import pytest
import site_text
import yaml

from rnnlib.scratch.linear import one_hot
from rnnlib.scratch.rnn import rnn_forward
from tools import lessons
from tools.notebooks import notebook_of
from tools.rnnbook import found, icons, polish, scripts
from tools.serve import server

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
LESSONS = [path.relative_to(ROOT).with_suffix(".html").as_posix() for path in lessons.lessons(ROOT)]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
BASE = CONFIG["html"]["baseurl"]
PAGES = [path.relative_to(ROOT).with_suffix(".html").as_posix() for path in lessons.in_toc(ROOT)]
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))), None)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Compressed bytes of a first visit. The theme alone sent a megabyte.
MAX_TEXT_PAGE = 120_000
MAX_MATH_PAGE = 220_000
PATIENCE = 300_000  # milliseconds; what a page shows is tested, not how busy the machine is

CUT_FORMULAS = """() => [...document.querySelectorAll("div.math mjx-container")]
    .filter(node => node.checkVisibility() && node.scrollWidth > node.clientWidth + 1).map(node => node.dataset.tex)"""

needs_site = pytest.mark.skipif(not (HTML / "index.html").is_file(), reason="no site is built: run make book")
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome on this machine")


def built(name):
    """The text of a built page; one that was added after the last build is not there."""
    return (HTML / name).read_text(encoding="utf-8")


# --- files --------------------------------------------------------------------------------------------------------------------


@needs_site
@pytest.mark.parametrize("name", PAGES)
def test_page_loads_nothing_from_elsewhere_and_every_link_and_picture_holds(name):
    assert site_text.network_faults(built(name)) == []
    assert site_text.picture_faults(built(name)) == []
    assert site_text.link_faults(HTML / name, HTML) == []


@needs_site
@pytest.mark.parametrize("name", PAGES)
def test_page_is_light(name):
    html = built(name)
    assert not re.search(r"fontawesome\.js|thebe", html)
    limit = MAX_MATH_PAGE if "<mjx-container" in html else MAX_TEXT_PAGE
    assert site_text.weight(HTML / name, HTML) < limit


@needs_site
@pytest.mark.parametrize("name", LESSONS)
def test_lesson_opens_on_binder_as_its_own_notebook(name):
    source = name.removesuffix(".html") + ".md"
    launch = [
        attributes["href"] for tag, attributes in site_text.tags(built(name)) if tag == "a" and "mybinder" in attributes.get("href", "")
    ]
    assert launch and all(link.endswith(f"?urlpath=lab/tree/{notebook_of(source).as_posix()}") for link in launch)
    assert (ROOT / source).is_file()


@needs_site
@pytest.mark.parametrize("name", LESSONS)
def test_lesson_shows_no_failure_and_every_glued_number(name):
    html = built(name)
    assert "Traceback (most recent call last)" not in html.replace("error-expected", "")
    assert "stderr" not in re.findall(r'class="output ([\w ]+)"', html)
    assert not re.search(r"\{(?:glue|cite|ref|eq|numref|term)[\w:]*\}`", re.sub(r"<(pre|code)\b.*?</\1>", "", html, flags=re.DOTALL))


@needs_site
def test_site_has_no_source_maps_and_small_icon_fonts():
    assert list(HTML.rglob("*.map")) == []
    fonts = list((HTML / "_static/vendor/fontawesome/webfonts").iterdir())
    assert fonts and sum(path.stat().st_size for path in fonts) < 20_000


def test_checkers_find_planted_faults(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        '<a href="gone.html">a</a><a href="other.html#nowhere">b</a><a href="other.html#here">c</a><a href="#me">d</a><p id="me">'
        '<img src="a.png"><svg class="rnn-fig"></svg><script src="https://cdn.example/x.js"></script>',
        encoding="utf-8",
    )
    (tmp_path / "other.html").write_text('<p id="here">', encoding="utf-8")
    assert site_text.link_faults(page, tmp_path) == ["a.png is not there", "gone.html is not there", "other.html#nowhere: no such place"]
    assert len(site_text.picture_faults(page.read_text(encoding="utf-8"))) == 2
    assert site_text.network_faults(page.read_text(encoding="utf-8")) == ["it loads https://cdn.example/x.js"]


# --- the extension ------------------------------------------------------------------------------------------------------------

HEAD = """<head>
    <script defer src="../_static/scripts/fontawesome.js?digest=5"></script>
    <script src="../_static/documentation_options.js?v=9"></script>
    <script data-x="y" src="../_static/design-tabs.js?v=f"></script>
    <script>const THEBE_JS_URL = "https://unpkg.com/thebe"; const a = ".b"</script>
    <script async="async" src="../_static/sphinx-thebe.js?v=c"></script>
    <link rel="stylesheet" href="../_static/sphinx-thebe.css?v=4" />
    <script>DOCUMENTATION_OPTIONS.pagename = 'a';</script>
    <script src="../searchindex.js"></script>
</head>
"""


def test_scripts_without_use_are_dropped_and_the_others_wait():
    html = scripts.defer(scripts.drop_unused(HEAD))
    assert "fontawesome" not in html and "hebe" not in html and "searchindex" not in html
    assert '<script defer src="../_static/documentation_options.js?v=9">' in html
    assert '<script defer data-x="y" src="../_static/design-tabs.js?v=f">' in html
    assert '<script type="module">DOCUMENTATION_OPTIONS.pagename' in html


def test_search_page_keeps_the_order_of_its_scripts():
    html = polish(HEAD + '<div id="search-results"></div>')
    assert "searchindex.js" in html and '<script src="../_static/documentation_options.js?v=9">' in html and "hebe" not in html


def test_markup_names_parts_and_lets_the_keyboard_into_code():
    html = polish(
        '<div class="sidebar-primary-item">\n<a class="navbar-brand">x</a></div><summary><span class="toctree-toggle"></span></summary>'
        '<div class="citation" role="doc-biblioentry">x</div><pre><span></span>code</pre>'
    )
    assert 'role="region" aria-label="Book title"' in html
    assert '<summary aria-label="Pages of this chapter">' in html
    assert '<div class="citation" role="listitem">' in html
    assert '<pre tabindex="0">' in html


def test_icons_in_use_are_kept():
    css = ['.fa-play{--fa:"\\f04b"}.fa-stop{--fa:"\\f04d"}', '.admonition::after{content:"\\f05a"}:root{--pst-icon-x: "\\f062"}']
    assert icons.used_points(css, ['<i class="fa-solid fa-play"></i>']) == {0xF04B, 0xF05A, 0xF062}


# --- in a browser -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site():
    """The address of the built site, served on this machine."""
    serving = server(HTML, 0)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{serving.server_address[1]}"
    serving.shutdown()
    serving.server_close()


@pytest.fixture(scope="module")
def browser():
    """A Chromium without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS, timeout=PATIENCE)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser, site):
    """Open a page with no network but the site itself; returns the page and a list that fills with what went wrong."""
    contexts = []

    def go(name, theme="light", width=1280):
        context = browser.new_context(color_scheme=theme, viewport={"width": width, "height": 900})
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        context.route("**/*", lambda route: route.continue_() if route.request.url.startswith(site) else route.abort())
        page, wrong = context.new_page(), []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("requestfailed", lambda request: wrong.append(f"not loaded: {request.url}"))
        page.goto(f"{site}/{name}", wait_until="load")
        return page, wrong

    yield go
    for context in contexts:
        context.close()


def axe_faults(page, rules=None):
    """What the accessibility checker axe finds on a page: all its rules, or those named."""
    from axe_playwright_python.sync_playwright import Axe

    options = {"resultTypes": ["violations"]} | ({"runOnly": rules} if rules else {})
    found = Axe().run(page, context={"exclude": [["mjx-container"]]}, options=options).response["violations"]
    faults = [(fault["id"], node) for fault in found for node in fault["nodes"]]
    # axe takes a table's header for empty if it is a formula; a screen reader reads the MathML in it.
    formula = "selector => document.querySelector(selector).querySelector('mjx-container') !== null"
    return [
        f"{name}: {node['target']}"
        for name, node in faults
        if not (name == "empty-table-header" and page.evaluate(formula, node["target"][0]))
    ]


@needs_site
@needs_browser
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_page_works_without_a_network_and_fits_a_phone(visit, name, theme):
    page, wrong = visit(name, theme)
    assert wrong == []
    assert page.locator("mjx-merror").count() == 0
    assert page.locator("mjx-container").count() >= page.locator(".math").count()
    assert page.evaluate(CUT_FORMULAS) == [], "cut or scrolled on a laptop"
    shown = page.evaluate("getComputedStyle(document.body).backgroundColor").removeprefix("rgb(").rstrip(")")
    assert (sum(int(value) for value in shown.split(",")) > 384) is (theme == "light")
    assert axe_faults(page, None if theme == "light" else ["color-contrast"]) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, "wider than a phone"


@needs_site
@needs_browser
def test_the_network_in_the_page_is_the_one_of_the_lesson(visit):
    """Its logits in the browser are those of `rnn_forward` with the published weights; it writes, pauses and steps."""
    page, wrong = visit("chapters/index.html")
    page.wait_for_selector("rnn-writer .rnn-state rect")
    page.click("rnn-writer .rnn-play")  # it writes by itself: pause
    assert page.inner_text("rnn-writer .rnn-play") == "Write"
    inside = """text => { const net = document.querySelector('rnn-writer').network; net.reset();
                for (const c of text) net.step(net.symbols.indexOf(c)); return [Array.from(net.logits()), net.symbols.join('')]; }"""
    text = "The Queen said: "
    logits, symbols = page.evaluate(inside, text)
    script = (HTML / "_static/rnn-writer/char-rnn.js").read_text(encoding="utf-8")
    stored = json.loads(script[script.index("] = ") + 4 :].rstrip(";\n"))["weights"]
    sizes = {"V": len(symbols), "H": page.evaluate("document.querySelector('rnn-writer').network.H")}
    arrays = {}
    for key, shape in {"W_xh": "VH", "W_hh": "HH", "b_h": "H", "W_hy": "HV", "b_y": "V"}.items():
        levels = np.frombuffer(base64.b64decode(stored[key]["int8"]), np.int8)
        arrays[key] = levels.reshape([sizes[letter] for letter in shape]) * stored[key]["scale"]
    ids = np.array([[symbols.index(character) for character in text]])
    h_seq = rnn_forward(one_hot(ids, sizes["V"], dtype=np.float64), arrays["W_xh"], arrays["W_hh"], arrays["b_h"])[0]
    assert np.abs(h_seq[0, -1] @ arrays["W_hy"] + arrays["b_y"] - logits).max() < 1e-4  # the browser computes in float32
    before = page.inner_text("rnn-writer .rnn-text")
    page.click("rnn-writer .rnn-one")
    assert page.inner_text("rnn-writer .rnn-text") != before
    page.click("rnn-writer .rnn-again")
    assert page.inner_text("rnn-writer .rnn-text").strip() == "Alice"
    assert wrong == []


@needs_site
@needs_browser
def test_its_beginning_is_the_readers(visit):
    page, wrong = visit("chapters/index.html")
    page.wait_for_selector("rnn-writer .rnn-state rect")
    page.click("rnn-writer .rnn-play")
    page.fill("rnn-writer [type=text]", "Queen É")
    page.press("rnn-writer [type=text]", "Enter")
    assert page.inner_text("rnn-writer .rnn-text").strip() == "Queen", "a letter that it never read is passed over"
    page.fill("rnn-writer [type=text]", "")
    page.click("rnn-writer .rnn-again")
    assert page.inner_text("rnn-writer .rnn-text").strip() == ""
    assert wrong == []


SHIFTS = """() => new Promise(done => {
    let sum = 0;
    new PerformanceObserver(list => { for (const entry of list.getEntries()) if (!entry.hadRecentInput) sum += entry.value; })
        .observe({ type: "layout-shift", buffered: true });
    setTimeout(() => done(sum), 500);
})"""
MAX_SHIFT = 0.02  # the score of layout shift; 0.1 counts as good


@needs_site
@needs_browser
@pytest.mark.parametrize("width", [1280, 390])
def test_the_landing_page_does_not_jump_when_its_network_arrives(visit, width):
    page, wrong = visit("chapters/index.html", width=width)
    page.wait_for_selector("rnn-writer .rnn-state rect", state="attached")
    assert page.evaluate(SHIFTS) < MAX_SHIFT and wrong == []


@needs_site
def test_a_page_does_not_carry_the_weights_of_its_network():
    assert "rnn-weights" not in built("chapters/02_rnn/characters.html")
    assert "writer.js" in built("chapters/02_rnn/characters.html")
    assert "writer.js" not in built("chapters/glossary.html")


@needs_site
def test_the_index_leads_to_lessons():
    """A word of the glossary has the glossary's own entry and those of the pages that link it."""
    entry = re.search(r"<dt>hidden state</dt><dd>(.*?)</dd>", built("chapters/genindex.html"))[1]
    pages = {link.partition("#")[0] for link in re.findall(r'href="([^"]*)"', entry)}
    assert "glossary.html" in pages and len(pages) > 2


@needs_site
def test_each_page_has_an_address_and_a_description_of_its_own():
    """Search engines and cards show them: an absolute address, the lesson's question."""
    described = {}
    for name in PAGES:
        tags = site_text.tags(built(name))
        links = {attributes.get("rel"): attributes["href"] for tag, attributes in tags if tag == "link"}
        metas = [attributes for tag, attributes in tags if tag == "meta"]
        meta = {attributes.get("name") or attributes.get("property"): attributes.get("content") for attributes in metas}
        assert links["canonical"] == meta["og:url"] == BASE + name
        assert meta["description"] == meta["og:description"] and 20 < len(meta["description"]) <= found.MAX_DESCRIPTION, name
        described.setdefault(meta["description"], []).append(name)
        if question := re.search(r"^\*\*Question\.\*\* (\w+)", (ROOT / name).with_suffix(".md").read_text(encoding="utf-8"), re.MULTILINE):
            assert meta["description"].startswith(question[1])
    assert [names for names in described.values() if len(names) > 1] == []


@needs_site
def test_map_feed_and_old_addresses_lead_to_pages():
    mapped = [node.text for node in ElementTree.parse(HTML / "sitemap.xml").iter() if node.tag.endswith("}loc")]
    assert sorted(mapped) == sorted(BASE + name for name in PAGES)
    assert mapped[0] == BASE + PAGES[0]
    assert f"Sitemap: {BASE}sitemap.xml" in built("robots.txt")
    assert ElementTree.parse(HTML / found.FEED).getroot().findall("{*}entry")
    for old, new in CONFIG["sphinx"]["config"]["moved_pages"].items():
        assert f'content="0; url={BASE}{new}"' in built(old) and (HTML / new).is_file()
    path = urlsplit(BASE).path
    for tag, attributes in site_text.tags(built("404.html")):
        address = attributes.get("href") or attributes.get("action")
        assert tag == "html" or not address or (address.startswith(path) and (HTML / address.removeprefix(path)).is_file())


@needs_site
@needs_browser
def test_search_finds_a_word(visit):
    page, wrong = visit("search.html?q=perplexity")
    page.wait_for_selector("#search-results li")
    assert wrong == []


@needs_browser
def test_browser_checks_find_planted_faults(browser):
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    page.set_content(
        '<html lang="en"><title>x</title><main><h1>x</h1><img src="data:,"><p style="color:#eee;background:#fff">pale</p></main>'
    )
    assert {fault.split(":")[0] for fault in axe_faults(page)} == {"image-alt", "color-contrast"}
    page.close()
