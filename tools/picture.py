"""Draw the picture of a lesson that the README shows: parts of a built page side by side, as a reader sees them.

python -m tools.picture        needs a built book (`make book`) and Chromium or Chrome
"""

import io
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = "chapters/06_attention/dates.html"  # its figures need no data file
PICTURE = ROOT / "_static" / "lesson.png"
MAX_BYTES = 80_000
WIDTH = 1180  # CSS pixels
# The headings of the lesson template, so an edited lesson still has them.
LEFT = ("h1", "h1 ~ p", "#the-equations > p", "#the-equations div.math", "#the-function div.highlight:not(details *)")
RIGHT = ("#fig-dates-map", "div.cell:has(#fig-dates-map) ~ p:has(.pasted-text)")
LOOK = f"""
body {{ background: white }}
.parts {{ display: grid; grid-template-columns: 620px 1fr; gap: 0 36px; width: {WIDTH}px; padding: 20px 28px 8px; align-items: start }}
.parts h1 {{ margin: 0 0 12px; font-size: 30px }}
.parts p, .parts figcaption {{ font-size: 15.5px; line-height: 1.45; font-weight: 400; color: #222831 }}
.parts .highlight pre {{ font-size: 12px; overflow: hidden }}
.parts mjx-container {{ overflow: visible !important }}
.parts figure {{ margin: 0 0 12px; width: auto }}
.parts .headerlink, .parts .copybtn {{ display: none }}
"""
# Copies of the parts replace the page; what a selector does not find is the error.
ARRANGE = """([left, right]) => {
    const article = document.querySelector("article"), parts = document.createElement("div")
    parts.className = "parts bd-article"
    for (const selectors of [left, right]) {
        const column = document.createElement("div")
        for (const selector of selectors) {
            const found = article.querySelector(selector)
            if (!found) return selector
            column.append(found.cloneNode(true))
        }
        parts.append(column)
    }
    document.body.replaceChildren(parts)
    return ""
}"""


def browser():
    """The program of Chromium or Chrome, or None."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))), None)


def screenshot(page, program):
    """The parts of a built page as PNG bytes, in the light theme.

    Raises
    ------
    LookupError
        The page lacks a part.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--headless", "--no-sandbox", "--disable-gpu"])
        tab = chromium.new_page(viewport={"width": WIDTH + 60, "height": 900}, color_scheme="light", device_scale_factor=1.5)
        tab.goto(page.as_uri())
        tab.evaluate("document.fonts.ready.then(() => null)")
        missing = tab.evaluate(ARRANGE, [LEFT, RIGHT])
        if missing:
            raise LookupError(f"{page.name} has no part {missing}. Name another one in tools/picture.py")
        tab.add_style_tag(content=LOOK)
        image = tab.locator(".parts").screenshot(animations="disabled")
        chromium.close()
    return image


def small(image):
    """PNG bytes of at most ``MAX_BYTES``, with as many colours as go into them."""
    from PIL import Image

    picture = Image.open(io.BytesIO(image)).convert("RGB")
    for colours in (96, 64, 48, 32):
        file = io.BytesIO()
        picture.quantize(colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
        if file.tell() <= MAX_BYTES:
            return file.getvalue()
    raise ValueError(f"picture: expected at most {MAX_BYTES:,} bytes, got {file.tell():,} with {colours} colours. Show fewer parts")


def main():
    page, program = ROOT / "_build" / "html" / PAGE, browser()
    if not page.is_file():
        return "The book has not been built yet. Run: make book"
    if program is None:
        return "The picture needs Chromium or Chrome, and neither was found. Install one of them."
    PICTURE.write_bytes(small(screenshot(page, program)))
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
