"""The index: a glossary word leads to each lesson that explains it, the place where its page first links it."""

import html as markup

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

PAGE = "chapters/genindex"  # an empty page of the table of contents, which the index fills
GLOSSARY = "chapters/glossary"


class IndexGlossaryWords(SphinxTransform):
    """Put an index entry before the paragraph in which a page first names a word of the glossary."""

    default_priority = 600  # before the index is collected

    def apply(self):
        seen = set()
        for reference in list(self.document.findall(addnodes.pending_xref)):
            if reference.get("reftype") != "term" or (word := reference["reftarget"].lower()) in seen:
                continue
            seen.add(word)
            block = reference
            while not isinstance(block.parent, (nodes.section, nodes.document)):
                block = block.parent
            if not block["ids"]:  # one id a block, on the block itself: the search page shows the text that an id stands on
                block["ids"].append(f"index-{nodes.make_id(word)}")
            entry = addnodes.index(entries=[("single", reference["reftarget"], block["ids"][0], "", None)])
            block.parent.insert(block.parent.index(block), entry)


def words(entries, order):
    """The words of the book with their places.

    Parameters
    ----------
    entries : dict
        From page to the index entries on it, as Sphinx collects them: ``(kind, word, id, …)``.
    order : list of str
        The pages in reading order.

    Returns
    -------
    words : list of (word, [(page, id), …])
        In alphabetical order; a word as the glossary writes it, which is its first place.
    """
    found = {}
    for page in sorted(entries, key=lambda page: (page != GLOSSARY, order.index(page) if page in order else len(order))):
        for _, word, target, *_ in entries[page]:
            found.setdefault(word.lower(), (word, {}))[1].setdefault(page, target)
    return [(word, list(places.items())) for _, (word, places) in sorted(found.items())]


def as_html(found, link, title):
    """The index as HTML; ``link(page)`` gives a page's address and ``title(page)`` what it is called."""
    lines = []
    for word, places in found:
        links = " · ".join(f'<a href="{link(page)}#{target}">{markup.escape(title(page))}</a>' for page, target in places)
        lines.append(f"<dt>{markup.escape(word)}</dt><dd>{links}</dd>")
    return '<dl class="rnn-index">\n' + "\n".join(lines) + "\n</dl>\n"


def _fill_page(app, pagename, templatename, context, doctree):
    if pagename != PAGE:
        return
    env = app.env
    found = words(env.get_domain("index").entries, [env.config.root_doc, *_reading_order(env)])
    listed = as_html(found, lambda page: app.builder.get_relative_uri(PAGE, page), lambda page: env.titles[page].astext())
    context["body"] = context["body"].replace("</section>", f"{listed}</section>", 1)


def _reading_order(env):
    def below(page):
        for child in env.toctree_includes.get(page, ()):
            yield child
            yield from below(child)

    return below(env.config.root_doc)


def setup(app):
    app.add_transform(IndexGlossaryWords)
    app.connect("html-page-context", _fill_page)
