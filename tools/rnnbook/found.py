"""What leads readers here and keeps them: the address of each page, its description, a map, a feed, and a page for a lost visitor.

The address of the site is one line of ``_config.yml``: ``html: baseurl``.
"""

import html as markup
import re
from pathlib import Path
from urllib.parse import urlsplit

from docutils import nodes

FEED = "changes.xml"
MAX_DESCRIPTION = 200  # search engines show about 160 characters
_RELEASE = re.compile(r"^## (?P<version>\d\S*) · (?P<date>\d{4}-\d\d-\d\d)\n(?P<body>.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)

NOT_FOUND = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">
<title>Page not found: {title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ max-width: 34rem; margin: 15vh auto; padding: 0 1rem; font: 1.1rem/1.6 system-ui, sans-serif }}
input, button {{ font: inherit; padding: .2rem .6rem }}
</style>
</head>
<body>
<main>
<h1>There is no page here</h1>
<p>It may have moved, or the address may have a typing error.</p>
<form action="{base}search.html" role="search"><label>Look for <input type="search" name="q"></label> <button>Search</button></form>
<ul>
<li><a href="{base}{first}">{title}: begin here</a></li>
<li><a href="{base}chapters/genindex.html">The index: every term and where it is explained</a></li>
</ul>
</main>
</body>
</html>
"""

MOVED = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>This page has moved</title>
<link rel="canonical" href="{url}"><meta http-equiv="refresh" content="0; url={url}"></head>
<body><p>This page has moved to <a href="{url}">{url}</a>.</p></body>
</html>
"""


def description(doctree):
    """What a page is about, for a list of search results: its *Question*, or else its first sentence of text.

    Parameters
    ----------
    doctree : docutils document

    Returns
    -------
    text : str
        At most `MAX_DESCRIPTION` characters; empty if the page has no text.
    """
    first = ""
    for paragraph in doctree.findall(nodes.paragraph):
        if not isinstance(paragraph.parent, (nodes.section, nodes.document)) or "rnn-instead" in paragraph["classes"]:
            continue
        text = " ".join(re.sub(r"[\\{}$]", "", paragraph.astext()).split())
        if text.startswith("Question. "):
            return _cut(text.removeprefix("Question. "))
        first = first or text
    return _cut(first)


def _cut(text):
    if len(text) <= MAX_DESCRIPTION:
        return text
    whole = [text[: end.end()] for end in re.finditer(r"[.?!](?= )", text[:MAX_DESCRIPTION])]
    return whole[-1] if whole else text[: MAX_DESCRIPTION - 1].rsplit(" ", 1)[0] + "…"


def sitemap(addresses):
    """The list of pages that a search engine reads, as XML."""
    lines = "".join(f"<url><loc>{markup.escape(address)}</loc></url>\n" for address in addresses)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{lines}</urlset>\n'


def feed(changelog, base, title, author):
    """An Atom feed of the releases in a changelog: ``## VERSION · DATE``, then a list.

    Parameters
    ----------
    changelog : str
        The text of ``CHANGELOG.md``. A part without a date, such as *Unreleased*, is not in the feed.
    base, title, author : str
        The address and the name of the site, and whose it is.
    """
    entries, newest = [], "1970-01-01"
    for release in _RELEASE.finditer(changelog):
        newest = max(newest, release["date"])
        items = "".join(f"<li>{markup.escape(line)}</li>" for line in re.findall(r"^- (.*)$", release["body"], re.MULTILINE))
        entries.append(
            f"<entry>\n<title>{markup.escape(title)} {release['version']}</title>\n<id>{base}{FEED}#{release['version']}</id>\n"
            f'<link href="{base}"/>\n<updated>{release["date"]}T00:00:00Z</updated>\n'
            f'<content type="html">{markup.escape(f"<ul>{items}</ul>")}</content>\n</entry>\n'
        )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n'
        f'<title>{markup.escape(title)}: what is new</title>\n<id>{base}{FEED}</id>\n<link rel="self" href="{base}{FEED}"/>\n'
        f'<link href="{base}"/>\n<updated>{newest}T00:00:00Z</updated>\n<author><name>{markup.escape(author)}</name></author>\n'
        + "".join(entries)
        + "</feed>\n"
    )


def _take_address(app, config):
    if config.html_baseurl:
        config.ogp_site_url = config.html_baseurl = config.html_baseurl.rstrip("/") + "/"


def _describe(app, pagename, templatename, context, doctree):
    base, tags = app.config.html_baseurl, ""
    if doctree is not None and (text := description(doctree)):
        context["meta"] = {**(context.get("meta") or {}), "og:description": text}
        tags = f'<meta name="description" content="{markup.escape(text)}" />\n'
    if base:
        tags += f'<link rel="alternate" type="application/atom+xml" title="What is new" href="{base}{FEED}" />\n'
    context["metatags"] = context.get("metatags", "") + tags


def publish(app):
    """Write what no page is: the map, the feed, the page for lost visitors, a stub at each address of the past."""
    base, out, title = app.config.html_baseurl, Path(app.outdir), app.config.project
    if not base:
        return

    def write(name, text):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(text, encoding="utf-8")

    pages = sorted(app.env.found_docs, key=lambda name: (name != app.config.root_doc, name))
    write("sitemap.xml", sitemap(base + app.builder.get_target_uri(name) for name in pages))
    write("robots.txt", f"User-agent: *\nAllow: /\nSitemap: {base}sitemap.xml\n")
    changelog = Path(app.srcdir) / "CHANGELOG.md"
    write(FEED, feed(changelog.read_text(encoding="utf-8") if changelog.is_file() else "", base, title, app.config.author))
    first = app.builder.get_target_uri(app.config.root_doc)
    write("404.html", NOT_FOUND.format(base=urlsplit(base).path, title=markup.escape(title), first=first))
    for old, new in app.config.moved_pages.items():
        write(old, MOVED.format(url=base + new))


def setup(app):
    app.add_config_value("moved_pages", {}, "html", types=frozenset({dict}))
    app.connect("config-inited", _take_address)
    app.connect("html-page-context", _describe, priority=400)  # before sphinxext.opengraph, which takes the first words of any page
