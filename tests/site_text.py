"""A built page as text: what it loads, links to and leaves unsaid. Each checker returns sentences about what is wrong."""

import gzip
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags = []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))


def tags(html):
    """``(tag, attributes)`` of every element, in order."""
    parser = _Tags()
    parser.feed(html)
    return parser.tags


def loaded(html, late=True):
    """Addresses that a browser fetches to show the page: scripts, styles, icons, fonts of formulas, pictures (``late`` ones too)."""
    found = []
    for tag, attributes in tags(html):
        if attributes.get("loading") == "lazy" and not late:
            continue
        if tag in ("script", "img", "source", "video", "iframe") and attributes.get("src"):
            found.append(attributes["src"])
        elif tag == "link" and {"stylesheet", "preload", "icon", "modulepreload"} & set((attributes.get("rel") or "").split()):
            found.append(attributes["href"])
    found += re.findall(r'\bsrc:url\("([^"]+)"\)', html)  # the fonts of formulas
    return [address for address in found if not address.startswith("data:")]


def network_faults(html):
    """What the page fetches from another machine."""
    return [f"it loads {address}" for address in loaded(html) if urlsplit(address).netloc]


def picture_faults(html):
    """Pictures that say nothing to who cannot see them."""
    faults = []
    for tag, attributes in tags(html):
        if tag == "img" and not (attributes.get("alt") or "").strip() and "logo" not in (attributes.get("class") or ""):
            faults.append(f"a picture without alt text: {(attributes.get('src') or '')[:60]}")
        if tag == "svg" and "rnn-fig" in (attributes.get("class") or "") and not (attributes.get("aria-label") or "").strip():
            faults.append("a figure without aria-label")
    return faults


def link_faults(page, root):
    """Links from a page to files or places of the site that are not there."""
    faults = []
    for tag, attributes in tags(page.read_text(encoding="utf-8")):
        address = attributes.get("href") if tag in ("a", "link") else attributes.get("src") if tag in ("img", "script") else None
        parts = urlsplit(address or "")
        if not address or parts.scheme or parts.netloc:
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        target = target / "index.html" if target.is_dir() else target
        if not target.is_file():
            faults.append(f"{address} is not there")
        elif parts.fragment and target.suffix == ".html":
            text = target.read_text(encoding="utf-8")
            if f'id="{unquote(parts.fragment)}"' not in text and f'name="{unquote(parts.fragment)}"' not in text:
                faults.append(f"{address}: no such place")
    return sorted(set(faults))


def weight(page, root):
    """Bytes, compressed, of a page and of what it loads; not the icons' fonts, six kilobytes, and not lazy pictures."""
    files = {(page.parent / unquote(urlsplit(address).path)).resolve() for address in loaded(page.read_text(encoding="utf-8"), late=False)}
    return sum(len(gzip.compress(Path(file).read_bytes(), 6)) for file in {page, *files})
