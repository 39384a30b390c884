"""The index: a glossary word leads to each lesson that explains it, the place where its page first links it."""

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform


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
            target = f"index-{nodes.make_id(word)}"
            entry = addnodes.index(entries=[("single", reference["reftarget"], target, "", None)])
            block.parent.insert(block.parent.index(block), [entry, nodes.target("", "", ids=[target])])


def setup(app):
    app.add_transform(IndexGlossaryWords)
